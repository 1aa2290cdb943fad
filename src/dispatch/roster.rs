//! The actions of a configuration, ready to perform; replaced as a whole when it changes.

use std::{collections::HashMap, sync::Arc, time::Duration};

use super::limits::Limits;
use crate::{
    action::{Action, TemplateProblem, attio::Access},
    config,
    enrich::Enrich,
    name::ActionName,
    routing::Needs,
};

/// One action, ready to perform.
pub(super) struct Runner {
    pub(super) name: ActionName,
    pub(super) action: Action,
    pub(super) timeout: Duration,
    pub(super) retry: config::Retry,
    pub(super) needs: Needs,
}

/// Every action that is configured, by its gate.
#[derive(Debug, Default)]
pub(super) struct Roster {
    runners: Vec<Option<Arc<Runner>>>,
    gates: HashMap<ActionName, usize>,
}

/// Actions that were built and do not act yet.
#[derive(Debug)]
pub struct Built(Vec<Runner>);

impl Built {
    /// Builds every action.
    ///
    /// # Errors
    /// [`TemplateProblem`] when an action's template or client cannot be made.
    pub(super) fn new(
        actions: &[config::Action],
        enrich: &Enrich,
    ) -> Result<Self, TemplateProblem> {
        let client = enrich.client().cloned();
        let access = client.map(|client| Access { client, catalog: enrich.catalog().clone() });
        let runner = |action: &config::Action| {
            let built = Action::build(action, access.as_ref())?;
            Ok(Runner {
                name: action.name.clone(),
                needs: built.needs(),
                action: built,
                timeout: action.timeout,
                retry: action.retry,
            })
        };
        actions.iter().map(runner).collect::<Result<_, _>>().map(Self)
    }
}

impl Roster {
    /// The built ones, behind the gates of `actions`, which they were built from.
    pub(super) fn new(built: Built, actions: &[config::Action], limits: &Limits) -> Self {
        let mut roster = Self::default();
        for (gate, runner) in limits.change(actions).into_iter().zip(built.0) {
            roster.gates.insert(runner.name.clone(), gate);
            if roster.runners.len() <= gate {
                roster.runners.resize_with(gate + 1, || None);
            }
            roster.runners[gate] = Some(Arc::new(runner));
        }
        roster
    }

    /// The action behind a gate; `None` when it is configured no longer.
    pub(super) fn runner(&self, gate: usize) -> Option<&Arc<Runner>> {
        self.runners.get(gate)?.as_ref()
    }

    pub(super) fn gate(&self, action: &ActionName) -> Option<usize> {
        self.gates.get(action).copied()
    }

    pub(super) fn runners(&self) -> impl Iterator<Item = &Arc<Runner>> {
        self.runners.iter().flatten()
    }
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Runner({})", self.name)
    }
}

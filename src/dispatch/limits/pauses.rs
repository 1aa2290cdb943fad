//! What waits until a person lets it go on: the process's view of the store's pauses.

use std::collections::HashSet;

use super::{Limits, gate::Pace};
use crate::{
    name::{ActionName, RouteName},
    store::{Pause, PauseKind},
};

/// What is paused, as far as this process knows.
#[derive(Debug, Default)]
pub(super) struct Paused {
    actions: HashSet<ActionName>,
    routes: HashSet<RouteName>,
    /// Pauses of this process's own that the store may not know yet.
    untold: Vec<Pause>,
    /// Counts those, so that an older look at the store does not end one of them.
    own: u64,
}

/// When the store was looked at, as far as this process's own pauses go.
#[derive(Debug, Clone, Copy)]
pub struct Glance(u64);

/// What began or ended to wait with a look at the store.
#[derive(Debug, PartialEq, Eq)]
pub struct Turn {
    /// What it is.
    pub kind: PauseKind,
    /// Its name.
    pub name: String,
    /// Whether it waits now.
    pub is_paused: bool,
}

impl Paused {
    /// Whether the store named this action when it was looked at.
    pub(super) fn names(&self, action: &ActionName) -> bool {
        self.actions.contains(action)
    }
}

impl Limits {
    /// Whether an action of that name is configured now.
    #[must_use]
    pub fn has(&self, action: &str) -> bool {
        let is_it = |gate: &super::Gate| gate.action.as_str() == action && gate.concurrency > 0;
        self.state().gates.iter().any(is_it)
    }

    /// Pauses an action at once, in this process. True when it was not paused before: then the
    /// store is to be told.
    pub fn pause(&self, gate: usize, by: &str, reason: String) -> bool {
        let mut state = self.state();
        let gate = &mut state.gates[gate];
        if std::mem::replace(&mut gate.pace, Pace::Paused) == Pace::Paused {
            return false;
        }
        let (kind, name) = (PauseKind::Action, gate.action.to_string());
        state.paused.untold.push(Pause { kind, name, by: by.to_owned(), reason });
        state.paused.own += 1;
        true
    }

    /// Pauses that the store is still to be told of.
    #[must_use]
    pub fn untold(&self) -> Vec<Pause> {
        self.state().paused.untold.clone()
    }

    /// The store knows of this one now.
    pub fn told(&self, told: &Pause) {
        let mut state = self.state();
        state.paused.untold.retain(|untold| untold != told);
        state.paused.own += 1;
    }

    /// To be taken before the store is looked at.
    #[must_use]
    pub fn glance(&self) -> Glance {
        Glance(self.state().paused.own)
    }

    /// Does as the store says: pauses what it names, and lets all else go on, carefully at first.
    /// Returns what changed.
    pub fn obey(&self, glance: Glance, pauses: &[Pause]) -> Vec<Turn> {
        let named = |kind| {
            pauses.iter().filter(move |pause| pause.kind == kind).map(|pause| pause.name.as_str())
        };
        let actions: HashSet<ActionName> = named(PauseKind::Action).map(ActionName::from).collect();
        let mut state = self.state();
        let knows_our_own = glance.0 == state.paused.own && state.paused.untold.is_empty();
        let mut turns = Vec::new();
        for gate in &mut state.gates {
            let is_named = actions.contains(&gate.action);
            if gate.is_paused() == is_named || (gate.is_paused() && !knows_our_own) {
                continue;
            }
            gate.pace = if is_named { Pace::Paused } else { Pace::Careful };
            gate.first_waits = true;
            gate.retry_waits = true;
            let name = gate.action.to_string();
            turns.push(Turn { kind: PauseKind::Action, name, is_paused: is_named });
        }
        let routes: HashSet<RouteName> = named(PauseKind::Route).map(RouteName::from).collect();
        for route in routes.symmetric_difference(&state.paused.routes) {
            let is_paused = routes.contains(route);
            turns.push(Turn { kind: PauseKind::Route, name: route.to_string(), is_paused });
        }
        (state.paused.actions, state.paused.routes) = (actions, routes);
        turns
    }

    /// Whether an action waits.
    #[must_use]
    pub fn is_paused(&self, gate: usize) -> bool {
        self.state().gates[gate].is_paused()
    }

    /// Whether a route waits.
    #[must_use]
    pub fn is_route_paused(&self, route: &RouteName) -> bool {
        self.state().paused.routes.contains(route)
    }

    /// Which actions' breakers are open, and which are paused.
    #[must_use]
    pub fn standing(&self) -> Vec<(ActionName, bool, bool)> {
        let state = self.state();
        let known = state.gates.iter().filter(|gate| gate.concurrency > 0);
        known.map(|gate| (gate.action.clone(), gate.breaker.is_open(), gate.is_paused())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::limits::tests::{action, limits as of_actions};

    fn of(kind: PauseKind, name: &str) -> Pause {
        Pause { kind, name: name.to_owned(), by: String::new(), reason: String::new() }
    }

    #[test]
    fn what_the_store_names_waits_and_all_else_goes_on() {
        let limits = of_actions(8, &[action("one", 4), action("two", 4)]);
        let pauses = [of(PauseKind::Action, "one"), of(PauseKind::Route, "r")];
        assert_eq!(limits.obey(limits.glance(), &pauses).len(), 2);
        assert!(limits.is_paused(0) && !limits.is_paused(1) && limits.is_route_paused(&"r".into()));
        assert_eq!(limits.asks().len(), 1);
        assert_eq!(limits.obey(limits.glance(), &pauses), []);
        assert_eq!(limits.obey(limits.glance(), &[]).len(), 2);
        assert!(!limits.is_paused(0) && !limits.is_route_paused(&"r".into()));
    }

    #[test]
    fn what_goes_on_takes_one_at_a_time_until_one_was_answered_well() {
        let limits = of_actions(8, &[action("one", 4)]);
        limits.obey(limits.glance(), &[of(PauseKind::Action, "one")]);
        limits.obey(limits.glance(), &[]);
        let first = limits.asks();
        assert_eq!(first[0].want.slots, 1);
        assert!(limits.asks().is_empty() && limits.reserve(0).is_none());
        limits.answered(0);
        drop(first);
        assert_eq!(limits.asks()[0].want.slots, 1, "an answer is not yet a good one");
        limits.succeeded(0);
        assert_eq!(limits.asks()[0].want.slots, 4);
    }

    #[test]
    fn an_own_pause_outlasts_a_store_that_was_not_told_or_was_looked_at_before() {
        let limits = of_actions(8, &[action("one", 4)]);
        let early = limits.glance();
        assert!(limits.pause(0, "410", String::new()) && !limits.pause(0, "410", String::new()));
        limits.obey(limits.glance(), &[]);
        assert!(limits.is_paused(0), "the store was not told");
        let untold = limits.untold();
        limits.told(&untold[0]);
        limits.obey(early, &[]);
        assert!(limits.is_paused(0), "the look was older");
        limits.obey(limits.glance(), &[]);
        assert!(!limits.is_paused(0));
    }
}

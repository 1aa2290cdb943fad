//! A route's condition over what is kept of an event: what it says, and what it cannot say yet.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::Condition;
use crate::{
    job::{Job, Values},
    routing::{
        Rule,
        condition::{self, Verdict},
    },
    store::{SnapshotKind, StoredEvent},
};

/// What a condition says of the event.
pub(super) struct Told<'r> {
    condition: &'r condition::Condition,
    verdict: Verdict,
    /// What it needs and nobody has looked up: the verdict counts only where there is none.
    missing: Vec<&'static str>,
}

/// What the route's condition says, where it has one.
pub(super) fn told<'r>(rule: &'r Rule, event: &StoredEvent, values: &Values) -> Option<Told<'r>> {
    let condition = rule.when()?;
    let mut found = values.clone();
    let missing = SnapshotKind::needed(condition.needs())
        .filter(|kind| kind.slot(&mut found).is_none())
        .map(SnapshotKind::as_str)
        .collect();
    let verdict = condition.evaluate(&job(rule, event, found));
    Some(Told { condition, verdict, missing })
}

fn job(rule: &Rule, event: &StoredEvent, values: Values) -> Job {
    Job {
        idempotency_key: Uuid::nil(),
        route: rule.name().clone(),
        event_id: event.id,
        event_type: event.event.event_type.clone(),
        source: event.source.clone(),
        received_at: event.received_at,
        json: event.json.clone(),
        attempt: 1,
        values: Arc::new(values),
    }
}

impl Told<'_> {
    /// The condition beside what it saw.
    pub(super) fn condition(&self) -> Condition {
        let seen = self.verdict.saw().0.iter().filter(|seen| !self.is_missing(&seen.path));
        let (mut saw, mut values) = (Vec::new(), Vec::new());
        for one in seen {
            saw.push(one.to_string());
            values.push(json!(one));
        }
        saw.extend(self.missing.iter().map(|kind| format!("`{kind}` was not looked up")));
        Condition {
            key: "when",
            wants: self.condition.source().to_owned(),
            saw: (!saw.is_empty()).then(|| saw.join(", ")),
            values: Some(values.into()),
            missing: self.missing.clone(),
            holds: self.holds(),
        }
    }

    /// What it comes to for a route whose filters let the event through.
    pub(super) fn concluded(&self, rule: &Rule) -> (&'static str, Option<String>) {
        if !self.missing.is_empty() {
            let them: Vec<_> = self.missing.iter().map(|kind| format!("`{kind}`")).collect();
            let verb = if them.len() == 1 { "was" } else { "were" };
            let reason = format!("not known: {} {verb} not looked up yet", them.join(" and "));
            return ("not known", Some(reason));
        }
        let reason = rule.when().and_then(|when| when.reason(&self.verdict));
        match self.verdict {
            Verdict::True { .. } => ("wanted", None),
            Verdict::False { .. } | Verdict::Empty { .. } => ("unwanted", reason),
            Verdict::Failed { .. } => ("dead", reason),
        }
    }

    fn holds(&self) -> Option<bool> {
        match self.verdict {
            _ if !self.missing.is_empty() => None,
            Verdict::True { .. } => Some(true),
            Verdict::False { .. } | Verdict::Empty { .. } | Verdict::Failed { .. } => Some(false),
        }
    }

    fn is_missing(&self, path: &str) -> bool {
        let root = path.split(['.', '[']).next().unwrap_or_default();
        // Of the actor, the event itself carries type and id.
        root != "actor" && self.missing.contains(&root)
    }
}

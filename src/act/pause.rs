//! Letting the deliveries of an action or a route wait, and go on.

use std::fmt;

use serde_json::json;

use super::discard::one_line;
use crate::store::{Act, Deed, Lane, Pause, PauseKind, StoreError};

/// Deliveries that one transaction holds.
const HOLD: usize = 1000;

/// An action or a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Which of both.
    pub kind: PauseKind,
    /// Its name.
    pub name: String,
}

/// What became of a pause that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paused {
    /// False when it was paused already, and nothing was changed.
    pub is_new: bool,
    /// Deliveries of a route that waited already and are held at once.
    pub held: u64,
}

impl Target {
    /// Reads `action/NAME` or `route/NAME`.
    ///
    /// # Errors
    /// How it is written.
    pub fn parse(text: &str) -> Result<Self, String> {
        let target = text.split_once('/').and_then(|(kind, name)| Self::of(kind, name));
        target.ok_or_else(|| "write action/NAME or route/NAME".to_owned())
    }

    /// The action or route of that name, whether it is configured or not.
    #[must_use]
    pub fn of(kind: &str, name: &str) -> Option<Self> {
        let kind = PauseKind::of(kind)?;
        (!name.is_empty()).then(|| Self { kind, name: name.to_owned() })
    }

    /// Lets its deliveries wait. What waits already is held here, in so many steps at the most; the
    /// rest, and what comes, where it is met.
    ///
    /// # Errors
    /// Any [`StoreError`]; the same may be asked again.
    pub async fn pause(
        &self,
        lane: &mut Lane,
        who: &str,
        reason: &str,
        most_steps: Option<usize>,
    ) -> Result<Paused, StoreError> {
        let reason = one_line(reason);
        let details = json!({"name": self.to_string(), "reason": reason});
        let act = Act::new(who, Deed::Pause, &details);
        let name = self.name.clone();
        let wanted = Pause { kind: self.kind, name, by: who.to_owned(), reason };
        if !patiently!(lane.pause(&wanted, &act))? {
            return Ok(Paused { is_new: false, held: 0 });
        }
        let held = match self.kind {
            PauseKind::Action => 0,
            PauseKind::Route => self.hold(lane, most_steps.unwrap_or(usize::MAX)).await?,
        };
        Ok(Paused { is_new: true, held })
    }

    async fn hold(&self, lane: &mut Lane, most_steps: usize) -> Result<u64, StoreError> {
        let mut held = 0;
        for _ in 0..most_steps {
            let some = patiently!(lane.hold(&self.name, HOLD))?;
            held += some;
            if some < HOLD as u64 {
                break;
            }
        }
        Ok(held)
    }

    /// Lets them go on. False when it was not paused.
    ///
    /// # Errors
    /// Any [`StoreError`]; the same may be asked again.
    pub async fn resume(&self, lane: &mut Lane, who: &str) -> Result<bool, StoreError> {
        let act = Act::new(who, Deed::Resume, &json!({"name": self.to_string()}));
        patiently!(lane.resume(self.kind, &self.name, &act))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.kind.as_str(), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_an_action_or_a_route_by_name() {
        let action = Target { kind: PauseKind::Action, name: "a/b".to_owned() };
        assert_eq!(Target::parse("action/a/b"), Ok(action));
        for wrong in ["billing", "action/", "source/crm", ""] {
            assert!(Target::parse(wrong).is_err(), "{wrong}");
        }
    }
}

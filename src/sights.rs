//! What this process saw that somebody may have to be told of.
//!
//! Whoever sees it only says so here, on any path, without waiting; `alerts` takes it to the store.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use time::OffsetDateTime;

use crate::name::{ActionName, SourceName};

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Attempts of an action failed in a row.
    Failures,
    /// An action has deliveries that ended without success.
    DeadLetters,
    /// An action's destination is left alone because it keeps failing.
    BreakerOpen,
    /// An action paused because its destination said that it is gone for good.
    Gone,
    /// An action paused because its own writes came back to it.
    Loop,
    /// Due deliveries of an action wait for too long.
    OldestDue,
    /// A source receives nothing at a time when it always does.
    Quiet,
    /// Many messages to a source were not signed as they must be.
    Signatures,
    /// Attio says that a source's webhook is degraded.
    WebhookDegraded,
    /// Attio sends nothing to a source any more.
    WebhookInactive,
    /// `reconcile` made up for events that never arrived.
    Reconciled,
    /// The changed configuration cannot be used.
    ReloadFailed,
    /// A route's review is overdue.
    ReviewOverdue,
    /// An alert could not be sent to one of those who are to be told.
    NotSent,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::Failures,
        Self::DeadLetters,
        Self::BreakerOpen,
        Self::Gone,
        Self::Loop,
        Self::OldestDue,
        Self::Quiet,
        Self::Signatures,
        Self::WebhookDegraded,
        Self::WebhookInactive,
        Self::Reconciled,
        Self::ReloadFailed,
        Self::ReviewOverdue,
        Self::NotSent,
    ];

    /// `alerts.what`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::DeadLetters => "dead_letters",
            Self::BreakerOpen => "breaker_open",
            Self::Gone => "gone",
            Self::Loop => "loop",
            Self::OldestDue => "oldest_due",
            Self::Quiet => "quiet",
            Self::Signatures => "signatures",
            Self::WebhookDegraded => "webhook_degraded",
            Self::WebhookInactive => "webhook_inactive",
            Self::Reconciled => "reconciled",
            Self::ReloadFailed => "reload_failed",
            Self::ReviewOverdue => "review_overdue",
            Self::NotSent => "not_sent",
        }
    }

    /// The kind of that word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Attempts of one action since they were last taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Streak {
    /// One of them succeeded: what failed before that does not count.
    pub succeeded: bool,
    /// Those that failed after that.
    pub failures: u32,
    /// What the last failed one met; known secrets masked.
    pub error: String,
}

/// Something that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What it is.
    pub kind: Kind,
    /// What it is about, such as `action/billing`; empty for the program itself.
    pub about: String,
    /// How many, where it is counted.
    pub count: u32,
    /// What is known of it. Holds no secret.
    pub detail: String,
}

/// What this process saw. Each program has its own.
#[derive(Debug, Default)]
pub struct Sights {
    seen: Mutex<Seen>,
    arrived: Mutex<HashMap<SourceName, OffsetDateTime>>,
}

#[derive(Debug, Default)]
struct Seen {
    streaks: HashMap<ActionName, Streak>,
    refused: HashMap<SourceName, VecDeque<(Instant, u32)>>,
    standing: BTreeMap<(Kind, String), String>,
}

impl Streak {
    /// What came before this one counts too.
    fn follow(&mut self, earlier: Self) {
        if !self.succeeded {
            self.succeeded = earlier.succeeded;
            self.failures = self.failures.saturating_add(earlier.failures);
            if self.error.is_empty() {
                self.error = earlier.error;
            }
        }
    }
}

impl Sights {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("no one panics while holding it")
    }

    /// An attempt was made, and failed with this error or succeeded.
    pub fn attempted(&self, action: &ActionName, failed: Option<&str>) {
        let mut seen = self.seen();
        if !seen.streaks.contains_key(action) {
            seen.streaks.insert(action.clone(), Streak::default());
        }
        let Some(streak) = seen.streaks.get_mut(action) else { return };
        match failed {
            None => *streak = Streak { succeeded: true, ..Streak::default() },
            Some(error) => {
                streak.failures = streak.failures.saturating_add(1);
                error.clone_into(&mut streak.error);
            }
        }
    }

    /// A message was stored.
    pub fn heard(&self, source: &SourceName, at: OffsetDateTime) {
        let mut arrived = self.arrived.lock().expect("no one panics while holding it");
        match arrived.get_mut(source) {
            Some(last) => *last = at.max(*last),
            None => {
                arrived.insert(source.clone(), at);
            }
        }
    }

    /// A message was refused for its signature.
    pub fn refused(&self, source: &SourceName) {
        let now = Instant::now();
        let mut seen = self.seen();
        let counts = seen.refused.entry(source.clone()).or_default();
        match counts.back_mut() {
            Some((since, count)) if now.duration_since(*since) < Duration::from_secs(1) => {
                *count = count.saturating_add(1);
            }
            _ => counts.push_back((now, 1)),
        }
    }

    /// This goes on from now on, or with `None` no more.
    pub fn stands(&self, kind: Kind, about: &str, detail: Option<String>) {
        let key = (kind, about.to_owned());
        let mut seen = self.seen();
        match detail {
            Some(detail) => seen.standing.insert(key, detail),
            None => seen.standing.remove(&key),
        };
    }

    /// All that goes on; of refused messages those of the last `window`.
    #[must_use]
    pub fn standing(&self, window: Duration, now: Instant) -> Vec<Standing> {
        let mut seen = self.seen();
        let known = seen.standing.iter();
        let mut all: Vec<Standing> = known
            .map(|((kind, about), detail)| Standing {
                kind: *kind,
                about: about.clone(),
                count: 0,
                detail: detail.clone(),
            })
            .collect();
        for (source, counts) in &mut seen.refused {
            counts.retain(|(at, _)| now.saturating_duration_since(*at) < window);
            let count = counts.iter().fold(0, |sum: u32, (_, count)| sum.saturating_add(*count));
            if count > 0 {
                let about = format!("source/{source}");
                let (kind, detail) = (Kind::Signatures, String::new());
                all.push(Standing { kind, about, count, detail });
            }
        }
        seen.refused.retain(|_, counts| !counts.is_empty());
        all.sort_by(|one, other| (one.kind, &one.about).cmp(&(other.kind, &other.about)));
        all
    }

    /// Takes what happened since the last time.
    #[must_use]
    pub fn take(&self) -> (HashMap<ActionName, Streak>, HashMap<SourceName, OffsetDateTime>) {
        let arrived = std::mem::take(&mut *self.arrived.lock().expect("no one panics with it"));
        (std::mem::take(&mut self.seen().streaks), arrived)
    }

    /// Gives back what could not be written.
    pub fn give_back(
        &self,
        streaks: HashMap<ActionName, Streak>,
        arrived: HashMap<SourceName, OffsetDateTime>,
    ) {
        for (action, earlier) in streaks {
            self.seen().streaks.entry(action).or_default().follow(earlier);
        }
        for (source, at) in arrived {
            self.heard(&source, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_count_from_the_last_success_also_when_the_store_was_away() {
        let (sights, action) = (Sights::default(), ActionName::from("billing"));
        sights.attempted(&action, Some("500"));
        sights.attempted(&action, Some("502"));
        let (streaks, arrived) = sights.take();
        sights.attempted(&action, Some("503"));
        sights.give_back(streaks.clone(), arrived.clone());
        let known = sights.take().0.remove(&action).unwrap();
        assert_eq!(known, Streak { succeeded: false, failures: 3, error: "503".to_owned() });

        sights.attempted(&action, None);
        sights.give_back(streaks, arrived);
        let known = sights.take().0.remove(&action).unwrap();
        assert_eq!(known, Streak { succeeded: true, ..Streak::default() });
    }

    #[test]
    fn refused_messages_are_forgotten_after_the_window() {
        let (sights, source) = (Sights::default(), SourceName::from("crm"));
        let window = Duration::from_mins(5);
        (0..3).for_each(|_| sights.refused(&source));
        let now = Instant::now();
        assert_eq!(sights.standing(window, now)[0].count, 3);
        assert_eq!(sights.standing(window, now + window), []);
    }

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        assert!(Kind::ALL.iter().all(|kind| Kind::of(kind.as_str()) == Some(*kind)));
    }
}

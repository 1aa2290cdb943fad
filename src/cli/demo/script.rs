//! What the demo sends, and what must become of it.

use serde_json::Value;
use uuid::Uuid;

use crate::{attio::sample, http::sink::Arrival};

/// The destination of everything.
pub(super) const WAREHOUSE: &str = "warehouse";

/// The destination of changed records only.
pub(super) const BILLING: &str = "billing";

/// The type whose first delivery the destination answers 503.
pub(super) const REFUSED_ONCE: &str = "list-entry.created";

/// One message of the demo, and what has become of it so far.
#[derive(Debug)]
pub(super) struct Scene {
    /// What it is, in a few words.
    pub(super) title: &'static str,
    /// Its key.
    pub(super) key: String,
    /// Its body.
    pub(super) body: String,
    /// Signed with the source's secret, not with another one.
    pub(super) is_genuine: bool,
    /// The answer that it must get.
    pub(super) expected: Expected,
    /// The answer that it got: status and text.
    pub(super) answer: Option<(u16, String)>,
    /// The deliveries that it causes.
    pub(super) deliveries: Vec<Delivery>,
    event: Option<Value>,
}

/// What the relay must answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    Accepted,
    Duplicate,
    Refused,
    Quarantined,
}

/// One delivery, as the destination saw it.
#[derive(Debug)]
pub(super) struct Delivery {
    /// Where to.
    pub(super) destination: &'static str,
    /// The answer to each attempt.
    pub(super) answers: Vec<u16>,
    key: Option<String>,
}

impl Delivery {
    fn to(destination: &'static str) -> Self {
        Self { destination, answers: Vec::new(), key: None }
    }

    /// The destination has taken it.
    pub(super) fn has_arrived(&self) -> bool {
        self.answers.contains(&200)
    }
}

impl Expected {
    fn status(self) -> u16 {
        match self {
            Self::Accepted | Self::Duplicate | Self::Quarantined => 200,
            Self::Refused => 401,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Refused => "signature",
            Self::Quarantined => "quarantined",
        }
    }
}

impl Scene {
    fn new(title: &'static str, event_type: &str, destinations: &[&'static str]) -> Self {
        let key = Uuid::now_v7().to_string();
        let event = sample::event(event_type, &key).expect("the demo sends known types");
        Self {
            title,
            key,
            body: sample::body(&event),
            is_genuine: true,
            expected: Expected::Accepted,
            answer: None,
            deliveries: destinations.iter().map(|to| Delivery::to(to)).collect(),
            event: Some(event),
        }
    }

    /// The same body as another message's, under a key of its own.
    fn same_bytes(title: &'static str, other: &Self) -> Self {
        let destinations: Vec<_> = other.deliveries.iter().map(|one| one.destination).collect();
        let key = Uuid::now_v7().to_string();
        let (body, event) = (other.body.clone(), other.event.clone());
        Self { key, body, event, ..Self::new(title, "record.updated", &destinations) }
    }

    /// The very same message again.
    fn again(title: &'static str, other: &Self) -> Self {
        let key = other.key.clone();
        let expected = Expected::Duplicate;
        Self { key, expected, deliveries: Vec::new(), ..Self::same_bytes(title, other) }
    }

    fn forged(title: &'static str, event_type: &str) -> Self {
        let expected = Expected::Refused;
        Self { is_genuine: false, expected, ..Self::new(title, event_type, &[]) }
    }

    fn unreadable(title: &'static str) -> Self {
        let whole = Self::new(title, "task.updated", &[]);
        let body = whole.body[..whole.body.len() / 2].to_owned();
        Self { body, expected: Expected::Quarantined, event: None, ..whole }
    }

    /// The answer is the one that it must get.
    pub(super) fn is_answered_right(&self) -> bool {
        self.answer.as_ref().is_some_and(|(status, text)| {
            *status == self.expected.status() && text.contains(self.expected.word())
        })
    }

    /// Takes note of an arrival, if it is one of this message's.
    fn note(&mut self, arrival: &Arrival) -> bool {
        if self.event.as_ref() != Some(&arrival.event) {
            return false;
        }
        let delivery = self.deliveries.iter_mut().find(|delivery| {
            delivery.destination == arrival.destination
                && delivery.key.as_ref().is_none_or(|key| *key == arrival.key)
        });
        let Some(delivery) = delivery else {
            return false;
        };
        delivery.key = Some(arrival.key.clone());
        delivery.answers.push(arrival.status);
        true
    }
}

/// The whole play, in the order in which it is sent.
pub(super) fn play() -> Vec<Scene> {
    let created = Scene::new("record.created", "record.created", &[WAREHOUSE]);
    let updated = Scene::new("record.updated", "record.updated", &[BILLING, WAREHOUSE]);
    let retried = Scene::again("message 2 again: a retry by Attio", &updated);
    let repeated = Scene::same_bytes("bytes of 2, new key: another edit", &updated);
    vec![
        created,
        updated,
        retried,
        repeated,
        Scene::new(REFUSED_ONCE, REFUSED_ONCE, &[WAREHOUSE]),
        Scene::new("comment.created", "comment.created", &[WAREHOUSE]),
        Scene::forged("task.created, forged signature", "task.created"),
        Scene::unreadable("signed, but cut off half-way"),
    ]
}

/// Takes note of an arrival. False when it is none of the play's.
pub(super) fn note(play: &mut [Scene], arrival: &Arrival) -> bool {
    // An attempt of a delivery that is known already must not be taken for another one's.
    let is_known = |scene: &Scene| {
        scene.deliveries.iter().any(|delivery| delivery.key.as_ref() == Some(&arrival.key))
    };
    let known = play.iter().position(is_known);
    match known {
        Some(at) => play[at].note(arrival),
        None => play.iter_mut().any(|scene| scene.note(arrival)),
    }
}

/// Every delivery has arrived.
pub(super) fn is_delivered(play: &[Scene]) -> bool {
    play.iter().flat_map(|scene| &scene.deliveries).all(Delivery::has_arrived)
}

/// Everything was answered right, and every delivery has arrived.
pub(super) fn is_complete(play: &[Scene]) -> bool {
    is_delivered(play) && play.iter().all(Scene::is_answered_right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(scene: &Scene, destination: &str, key: &str, status: u16) -> Arrival {
        Arrival {
            destination: destination.to_owned(),
            key: key.to_owned(),
            event_type: "record.updated".to_owned(),
            event: scene.event.clone().unwrap(),
            attempt: 1,
            status,
        }
    }

    #[test]
    fn equal_bytes_are_told_apart_by_the_key_of_their_delivery() {
        let mut play = play();
        let same = arrival(&play[1], BILLING, "first", 503);
        assert!(note(&mut play, &same));
        assert!(note(&mut play, &Arrival { key: "second".to_owned(), ..same.clone() }));
        assert!(note(&mut play, &Arrival { status: 200, ..same.clone() }));
        assert_eq!(play[1].deliveries[0].answers, [503, 200]);
        assert_eq!(play[3].deliveries[0].answers, [503]);
        assert!(!note(&mut play, &Arrival { key: "third".to_owned(), ..same }));
    }

    #[test]
    fn a_play_that_nobody_has_seen_is_not_complete() {
        assert!(!is_complete(&play()));
    }
}

//! What the demo sends, and what must become of it.

use anyhow::Context;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    attio::sample,
    http::{
        fake_attio::{Actor, BUOY_DEAL, FakeAttio, INES, Refusal, TOMASZ, TUG_DEAL},
        sink::Arrival,
    },
};

/// The destination of everything.
pub(super) const WAREHOUSE: &str = "warehouse";

/// The destination of deals that were won only.
pub(super) const BILLING: &str = "billing";

/// The stage that counts.
pub(super) const WON: &str = "Closed Won";

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
    /// The deliveries that it causes and that arrive.
    pub(super) deliveries: Vec<Delivery>,
    /// It causes another one, which ends because of what the look-up shows.
    pub(super) is_skipped_once: bool,
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
    /// The body of the last attempt.
    pub(super) body: Value,
    key: Option<String>,
}

impl Delivery {
    fn to(destination: &'static str) -> Self {
        Self { destination, answers: Vec::new(), body: Value::Null, key: None }
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
        Self::telling(title, key, event, destinations)
    }

    /// What happened last in the made-up Attio.
    fn last(
        title: &'static str,
        attio: &FakeAttio,
        destinations: &[&'static str],
    ) -> anyhow::Result<Self> {
        let event = attio.events().pop().context("nothing happened in the made-up Attio")?;
        Ok(Self::telling(title, Uuid::now_v7().to_string(), event, destinations))
    }

    fn telling(
        title: &'static str,
        key: String,
        event: Value,
        destinations: &[&'static str],
    ) -> Self {
        Self {
            title,
            key,
            body: sample::body(&event),
            is_genuine: true,
            expected: Expected::Accepted,
            answer: None,
            deliveries: destinations.iter().map(|to| Delivery::to(to)).collect(),
            is_skipped_once: false,
            event: Some(event),
        }
    }

    /// The same body as another message's, under a key of its own.
    fn same_bytes(title: &'static str, other: &Self) -> Self {
        let destinations: Vec<_> = other.deliveries.iter().map(|one| one.destination).collect();
        let (body, event) = (other.body.clone(), other.event.clone());
        let is_skipped_once = other.is_skipped_once;
        Self { body, is_skipped_once, event, ..Self::new(title, "task.created", &destinations) }
    }

    /// The very same message again.
    fn again(title: &'static str, other: &Self) -> Self {
        let key = other.key.clone();
        let expected = Expected::Duplicate;
        let is_skipped_once = false;
        let deliveries = Vec::new();
        Self { key, expected, deliveries, is_skipped_once, ..Self::same_bytes(title, other) }
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
        delivery.body = arrival.body.clone();
        true
    }
}

/// The whole play, in the order in which it is sent. The deals change at once.
pub(super) fn play(attio: &FakeAttio) -> anyhow::Result<Vec<Scene>> {
    move_deal(attio, INES, TUG_DEAL, WON)?;
    let won = Scene::last("Ines moves a deal to Closed Won", attio, &[BILLING, WAREHOUSE])?;
    move_deal(attio, TOMASZ, BUOY_DEAL, "In Progress")?;
    let mut moved = Scene::last("Tomasz moves one to In Progress", attio, &[WAREHOUSE])?;
    moved.is_skipped_once = true;
    let retried = Scene::again("message 2 again: a retry by Attio", &won);
    let repeated = Scene::same_bytes("bytes of 4, new key: another edit", &moved);
    Ok(vec![
        Scene::new("record.created", "record.created", &[WAREHOUSE]),
        won,
        retried,
        moved,
        repeated,
        Scene::new(REFUSED_ONCE, REFUSED_ONCE, &[WAREHOUSE]),
        Scene::new("comment.created", "comment.created", &[WAREHOUSE]),
        Scene::forged("task.created, forged signature", "task.created"),
        Scene::unreadable("signed, but cut off half-way"),
    ])
}

fn move_deal(attio: &FakeAttio, who: &str, deal: &str, stage: &str) -> Result<(), Refusal> {
    let hand = attio.by(Actor::member(who));
    if stage == WON {
        hand.add_choice("deals", "stage", WON)?;
    }
    hand.set_value("deals", deal, "stage", stage)
}

/// How many deliveries must end because their condition does not hold.
pub(super) fn skips(play: &[Scene]) -> u64 {
    play.iter().map(|scene| u64::from(scene.is_skipped_once)).sum()
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
    use reqwest::header::HeaderMap;

    use super::*;
    use crate::http::fake_attio::Options;

    async fn whole() -> Vec<Scene> {
        play(&FakeAttio::start(Options::default()).await.unwrap()).unwrap()
    }

    fn arrival(scene: &Scene, destination: &str, key: &str, status: u16) -> Arrival {
        Arrival {
            destination: destination.to_owned(),
            key: key.to_owned(),
            headers: HeaderMap::default(),
            text: String::new(),
            body: Value::Null,
            event_type: "record.updated".to_owned(),
            event: scene.event.clone().unwrap(),
            attempt: 1,
            status,
        }
    }

    #[tokio::test]
    async fn equal_bytes_are_told_apart_by_the_key_of_their_delivery() {
        let mut play = whole().await;
        let same = arrival(&play[3], WAREHOUSE, "first", 503);
        assert!(note(&mut play, &same));
        assert!(note(&mut play, &Arrival { key: "second".to_owned(), ..same.clone() }));
        assert!(note(&mut play, &Arrival { status: 200, ..same.clone() }));
        assert_eq!(play[3].deliveries[0].answers, [503, 200]);
        assert_eq!(play[4].deliveries[0].answers, [503]);
        assert!(!note(&mut play, &Arrival { key: "third".to_owned(), ..same }));
    }

    #[tokio::test]
    async fn a_play_that_nobody_has_seen_is_not_complete() {
        assert!(!is_complete(&whole().await));
    }
}

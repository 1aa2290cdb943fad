//! The words that the behaviours are written in.

use std::time::Duration;

use attio_relay::{
    attio::event::Event,
    store::{
        Attempt, Claimed, Lane, LaneKind, NewDelivery, NewEvent, NewMessage, Origin, Outcome,
        Store, Verdict, Want,
    },
};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::support::database::{TestDatabase, lane};

pub const NONE: [Uuid; 0] = [];
pub const BILLING: &str = "billing";
pub const NO_TIME: Duration = Duration::ZERO;
pub const LONG: Duration = Duration::from_mins(10);

/// How often something that must come soon is asked for.
const MOST_TRIES: usize = 20_000;

pub fn hash(of: &str) -> [u8; 32] {
    Sha256::digest(of).into()
}

/// A message that was sent with the key, holding one event that causes the deliveries.
pub fn message(key: &str, deliveries: Vec<NewDelivery>) -> NewMessage {
    let body = Bytes::from(format!(r#"{{"event_type":"record.updated","key":"{key}"}}"#));
    let event =
        Event { event_type: "record.updated".to_owned(), span: 0..body.len(), ..Event::default() };
    NewMessage {
        id: Uuid::now_v7(),
        dedup: hash(key),
        source: "crm".into(),
        webhook_id: Some("webhook".to_owned()),
        key: Some(Bytes::from(key.to_owned())),
        received_at: OffsetDateTime::from_unix_timestamp_nanos(1_800_000_000_123_456_000).unwrap(),
        origin: Origin::Attio,
        quarantined: None,
        body,
        events: vec![NewEvent { id: Uuid::now_v7(), event, deliveries }],
    }
}

/// A message that causes nothing.
pub fn quiet(key: &str) -> NewMessage {
    message(key, Vec::new())
}

/// A delivery that is due for anyone.
pub fn delivery(action: &str) -> NewDelivery {
    NewDelivery {
        id: Uuid::now_v7(),
        route: "deals-to-billing".into(),
        action: action.into(),
        order_key: None,
        lease: None,
        delay: None,
        debounce_key: None,
    }
}

/// A delivery that is born leased.
pub fn leased(action: &str, lease: Duration) -> NewDelivery {
    NewDelivery { lease: Some(lease), ..delivery(action) }
}

/// A delivery that goes after the earlier ones of the same subject.
pub fn ordered(action: &str, subject: &str) -> NewDelivery {
    NewDelivery { order_key: Some(hash(subject)), ..delivery(action) }
}

pub fn want(action: &str, slots: usize, lease: Duration) -> Want {
    Want { action: action.into(), slots, retries: slots, lease }
}

pub fn outcome(claimed: &Claimed, verdict: Verdict) -> Outcome {
    Outcome {
        id: claimed.id,
        lease_no: claimed.lease_no,
        verdict,
        order_key: claimed.order_key,
        attempt: None,
    }
}

/// An outcome with the attempt that led to it.
pub fn tried(claimed: &Claimed, verdict: Verdict, result: &'static str) -> Outcome {
    let attempt = Attempt {
        number: claimed.tries + 1,
        started_ago: Duration::from_millis(300),
        duration: Duration::from_millis(250),
        result,
        status: None,
        error: None,
        answer: None,
    };
    Outcome { attempt: Some(attempt), ..outcome(claimed, verdict) }
}

pub fn retry_now(claimed: &Claimed) -> Outcome {
    tried(claimed, Verdict::Retry(NO_TIME), "failed")
}

/// A store's three lanes, as one process has them.
pub struct Lanes {
    pub intake: Lane,
    pub claim: Lane,
    pub outcome: Lane,
}

impl Lanes {
    pub fn of(store: &Store) -> Self {
        Self {
            intake: lane(store, LaneKind::Intake),
            claim: lane(store, LaneKind::Claim),
            outcome: lane(store, LaneKind::Outcome),
        }
    }

    pub async fn record(&mut self, message: NewMessage) -> Vec<Uuid> {
        self.intake.record(&[&message]).await.unwrap()
    }

    /// Records one message with the deliveries; returns the ids of those.
    pub async fn record_deliveries(&mut self, key: &str, of: Vec<NewDelivery>) -> Vec<Uuid> {
        let ids = of.iter().map(|delivery| delivery.id).collect();
        self.record(message(key, of)).await;
        ids
    }

    /// Claims what is due now, for long.
    pub async fn claim(&mut self, action: &str, slots: usize) -> Vec<Claimed> {
        self.claim.claim(&[want(action, slots, LONG)]).await.unwrap()
    }

    /// Claims one delivery that is due now or will be in an instant.
    pub async fn claim_soon(&mut self, action: &str, lease: Duration) -> Claimed {
        for _ in 0..MOST_TRIES {
            let claimed = self.claim.claim(&[want(action, 1, lease)]).await.unwrap();
            if let Some(claimed) = claimed.into_iter().next() {
                return claimed;
            }
        }
        panic!("nothing came due")
    }

    pub async fn finish(&mut self, outcomes: &[Outcome]) -> Vec<Uuid> {
        self.outcome.finish(outcomes).await.unwrap()
    }
}

pub fn ids(claimed: &[Claimed]) -> Vec<Uuid> {
    claimed.iter().map(|claimed| claimed.id).collect()
}

/// The states of all deliveries, in the order of arrival.
pub async fn states(db: &TestDatabase) -> Vec<String> {
    db.all_texts("SELECT state FROM deliveries ORDER BY seq").await
}

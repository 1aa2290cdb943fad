//! Stories: a message, an event or a delivery, with all that came of it, in the order of time.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Look, with_slugs};
use crate::{
    attio::catalog::Catalog,
    routing::Judged,
    store::{AttemptRow, DeliveryRow, EventRow, Lane, MessageRow, StoreError, StoredEvent},
};

/// Replays of replays that are followed.
const MOST_REPLAYS: usize = 50;

/// A message and its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MessageStory {
    /// The message.
    pub message: MessageRow,
    /// What it says happened, in its order.
    pub events: Vec<EventRow>,
    /// The bytes that were signed, as text; only where asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// An event, its message, what the routes make of it and its deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventStory {
    /// The message that told of it.
    pub message: MessageRow,
    /// The event.
    pub event: EventRow,
    /// What each route that is configured now makes of it, before it looks anything up.
    pub routes: Vec<RouteDecision>,
    /// Its deliveries, in the order of arrival, and then their replays.
    pub deliveries: Vec<Tried>,
    /// Its JSON, as Attio sent it; only where asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

/// A delivery and its event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeliveryStory {
    /// The event.
    pub event: Option<EventRow>,
    /// The delivery.
    #[serde(flatten)]
    pub tried: Tried,
    /// The event's JSON, as Attio sent it; only where asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

/// A delivery with its tries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// The delivery.
    pub delivery: DeliveryRow,
    /// What was recorded of its tries, oldest first.
    pub attempts: Vec<AttemptRow>,
}

/// What a route makes of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteDecision {
    /// The route.
    pub route: String,
    /// `wanted`, `unwanted`, `not known` or `foreign`.
    pub verdict: &'static str,
    /// Why, unless it is wanted.
    pub reason: Option<String>,
}

impl Look {
    /// A message and its events.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn message(
        &self,
        id: Uuid,
        with_body: bool,
    ) -> Result<Option<MessageStory>, StoreError> {
        let mut lane = self.readers.reader().await?;
        let names = self.names(&mut lane).await?;
        let Some(message) = lane.message_rows(&[id]).await?.pop() else {
            return Ok(None);
        };
        let order = lane.events_of(id).await?;
        let events = with_slugs(lane.event_rows(&order).await?, &names);
        let events = in_order(&order, events, |event| event.id);
        let body = if with_body { lane.message_body(id).await? } else { None };
        let body = body.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(Some(MessageStory { message, events, body }))
    }

    /// An event and all that came of it.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn event(&self, id: Uuid, with_body: bool) -> Result<Option<EventStory>, StoreError> {
        let mut lane = self.readers.reader().await?;
        let names = self.names(&mut lane).await?;
        let event = with_slugs(lane.event_rows(&[id]).await?, &names).pop();
        let (Some(event), Some(stored)) = (event, lane.event(id).await?) else {
            return Ok(None);
        };
        let Some(message) = lane.message_rows(&[event.message_id]).await?.pop() else {
            return Ok(None);
        };
        let order = lane.deliveries_of(&[id]).await?;
        let mut deliveries = tried(&mut lane, &order, &names).await?;
        with_replays(&mut lane, &mut deliveries, &names).await?;
        let routes = self.decisions(&stored, &names);
        let body = with_body.then(|| json(&stored));
        Ok(Some(EventStory { message, event, routes, deliveries, body }))
    }

    /// A delivery with its tries.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn delivery(
        &self,
        id: Uuid,
        with_body: bool,
    ) -> Result<Option<DeliveryStory>, StoreError> {
        let mut lane = self.readers.reader().await?;
        let names = self.names(&mut lane).await?;
        let Some(tried) = tried(&mut lane, &[id], &names).await?.pop() else {
            return Ok(None);
        };
        let event_id = tried.delivery.event_id;
        let event = with_slugs(lane.event_rows(&[event_id]).await?, &names).pop();
        let stored = if with_body { lane.event(event_id).await? } else { None };
        Ok(Some(DeliveryStory { event, tried, body: stored.as_ref().map(json) }))
    }

    fn decisions(&self, stored: &StoredEvent, names: &Catalog) -> Vec<RouteDecision> {
        let verdicts = self.routes.current().verdicts(&stored.event, names);
        verdicts
            .into_iter()
            .map(|verdict| {
                let (word, reason) = match verdict.judged {
                    Judged::Wanted => ("wanted", None),
                    Judged::Unwanted(why) => ("unwanted", Some(why)),
                    Judged::Unknown(what) => ("not known", Some(what)),
                    Judged::Foreign(why) => ("foreign", Some(why)),
                };
                RouteDecision { route: verdict.route.to_string(), verdict: word, reason }
            })
            .collect()
    }
}

async fn tried(lane: &mut Lane, ids: &[Uuid], names: &Catalog) -> Result<Vec<Tried>, StoreError> {
    let mut attempts: HashMap<Uuid, Vec<AttemptRow>> = HashMap::new();
    for attempt in lane.attempt_rows(ids).await? {
        attempts.entry(attempt.delivery_id).or_default().push(attempt);
    }
    let rows = with_slugs(lane.delivery_rows(ids).await?, names);
    let rows = in_order(ids, rows, |row| row.id);
    let tried = |delivery: DeliveryRow| {
        let attempts = attempts.remove(&delivery.id).unwrap_or_default();
        Tried { delivery, attempts }
    };
    Ok(rows.into_iter().map(tried).collect())
}

/// Adds what was done again, and again, after what was done first.
async fn with_replays(
    lane: &mut Lane,
    deliveries: &mut Vec<Tried>,
    names: &Catalog,
) -> Result<(), StoreError> {
    let mut last = 0;
    for _ in 0..MOST_REPLAYS {
        let replays = deliveries[last..].iter().filter_map(|one| one.delivery.replayed_by);
        let replays: Vec<_> = replays.collect();
        if replays.is_empty() {
            break;
        }
        last = deliveries.len();
        deliveries.extend(tried(lane, &replays, names).await?);
    }
    Ok(())
}

/// Rows in the order of their ids' list.
fn in_order<T>(order: &[Uuid], mut rows: Vec<T>, id: impl Fn(&T) -> Uuid) -> Vec<T> {
    rows.sort_by_key(|row| order.iter().position(|one| *one == id(row)));
    rows
}

fn json(stored: &StoredEvent) -> Value {
    serde_json::from_slice(&stored.json)
        .unwrap_or_else(|_| String::from_utf8_lossy(&stored.json).into())
}

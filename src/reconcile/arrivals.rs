//! When which events arrived, in memory: one pass over the store instead of a question for each
//! change.

use std::{collections::HashMap, time::Duration};

use serde_json::Value;
use time::OffsetDateTime;

use super::{
    Step, Watcher,
    change::{Key, key},
    compare::LATE,
    survey::{NOTE_CREATED, TASK_CREATED},
};
use crate::store::{Heard, Lane, StoreError, first_id_at};

/// Events that are read at once.
const PAGE: usize = 5000;

/// The clocks of the relay's processes differ by less.
const SKEW: Duration = Duration::from_mins(10);

/// Events by what they tell of.
#[derive(Debug, Default)]
pub(super) struct Arrivals(HashMap<Key, Vec<OffsetDateTime>>);

impl Arrivals {
    /// All events of these types since then; and some before, which tell of changes before.
    pub(super) async fn load(
        lane: &mut Lane,
        since: OffsetDateTime,
        types: &[&str],
        watcher: Watcher<'_>,
    ) -> Result<Self, StoreError> {
        let mut all = Self::default();
        let (mut after, mut count) = (first_id_at(since - LATE - SKEW), 0);
        loop {
            let page = lane.heard(after, types, PAGE).await?;
            count += page.len();
            watcher(Step::Arrived(count));
            let Some(last) = page.last() else { return Ok(all) };
            after = last.id;
            for heard in &page {
                all.add(heard);
            }
        }
    }

    fn add(&mut self, heard: &Heard) {
        let named = |field: &str| {
            let json: Value = serde_json::from_slice(heard.json.as_deref()?).ok()?;
            Some(json["id"][field].as_str()?.to_owned())
        };
        let thing = match heard.event_type.as_str() {
            NOTE_CREATED => named("note_id"),
            TASK_CREATED => named("task_id"),
            _ => heard.entry_id.clone().or_else(|| heard.record_id.clone()),
        };
        if let Some(thing) = thing {
            let key = key(&heard.event_type, &thing, heard.attribute_id.as_deref());
            self.0.entry(key).or_default().push(heard.received_at);
        }
    }

    /// When such events arrived.
    pub(super) fn of(&self, key: &Key) -> &[OffsetDateTime] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }
}

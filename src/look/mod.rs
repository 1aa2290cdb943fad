//! What commands, API and pages show of what is kept, in one form for all of them.
//!
//! It only reads. Names come from the store too, so that no question needs Attio.

mod acts;
mod alert;
pub mod ask;
pub mod attio;
pub mod dead;
mod fares;
mod lookout;
pub mod overview;
mod problems;
pub mod standing;
mod story;

pub use alert::{AlertShown, Alerts};
pub use lookout::{Lookout, Parts};
pub use story::{DeliveryStory, EventStory, MessageStory, RouteDecision, Tried};

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde::Serialize;
use uuid::Uuid;

use crate::{
    attio::catalog::Catalog,
    routing,
    store::{
        DeliveryRow, EventRow, Lane, MessageRow, Page, Range, Readers, Search, Store, StoreError,
        Subject, Table, text_of,
    },
};

/// For how long names are taken as they were read.
const NAMES_KEPT: Duration = Duration::from_secs(10);

/// How far deliveries of one event lie apart at the most, in milliseconds, for a list of events not
/// to show one twice; where they lie further apart, it does.
const SIBLINGS_MS: u64 = 1_000;

/// Events lie close together that are less than so many milliseconds apart.
const CLOSE_MS: u64 = 6_000;

/// Answers questions about what is kept.
#[derive(Debug)]
pub struct Look {
    readers: Readers,
    routes: routing::Shared,
    names: Mutex<Option<(Instant, Arc<Catalog>)>>,
    kept: Option<Duration>,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed<T> {
    /// Newest first.
    pub items: Vec<T>,
    /// Asks for the next page; none at the end.
    pub next: Option<Uuid>,
    /// Where the search broke off for this time; going on with `next` searches on.
    pub searched_back_to: Option<String>,
}

/// Something that carries ids of objects and lists, whose slugs people know.
trait Named {
    fn subject(&mut self) -> &mut Subject;
}

impl Named for EventRow {
    fn subject(&mut self) -> &mut Subject {
        &mut self.subject
    }
}

impl Named for DeliveryRow {
    fn subject(&mut self) -> &mut Subject {
        &mut self.subject
    }
}

impl Look {
    /// Looks into a store; what routes make of events is told by these.
    #[must_use]
    pub fn new(store: &Store, routes: routing::Shared) -> Self {
        Self { readers: Readers::new(store), routes, names: Mutex::default(), kept: None }
    }

    /// The same, of a store that keeps events for so long.
    #[must_use]
    pub fn keeping(self, retention: Duration) -> Self {
        Self { kept: Some(retention), ..self }
    }

    /// What to say where there is nothing of an id.
    #[must_use]
    pub fn not_there(&self) -> String {
        match self.kept {
            None => "not there".to_owned(),
            Some(kept) => format!("not there (any more): kept for {}", span(kept)),
        }
    }

    pub(super) fn readers(&self) -> &Readers {
        &self.readers
    }

    /// One page of messages.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn messages(
        &self,
        filter: &Search,
        page: &Page,
    ) -> Result<Listed<MessageRow>, StoreError> {
        let mut lane = self.readers.reader().await?;
        let found = lane.find(Table::Messages, filter, page).await?;
        let items = lane.message_rows(&found.ids).await?;
        let searched_back_to = found.searched_back_to.map(text_of);
        Ok(Listed { items, next: found.next, searched_back_to })
    }

    /// One page of events; with a filter for deliveries, of events that have such a one.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn events(
        &self,
        filter: &Search,
        page: &Page,
    ) -> Result<Listed<EventRow>, StoreError> {
        let mut lane = self.readers.reader().await?;
        let names = self.names(&mut lane).await?;
        let filter = &with_ids(filter, &names);
        let (found, ids) = if filter.is_about_deliveries() {
            let found = lane.find(Table::Deliveries, filter, page).await?;
            let ids = events_of(&mut lane, filter, page, &found.ids).await?;
            (found, ids)
        } else {
            let found = lane.find(Table::Events, filter, page).await?;
            let ids = found.ids.clone();
            (found, ids)
        };
        let items = with_slugs(lane.event_rows(&ids).await?, &names);
        let searched_back_to = found.searched_back_to.map(text_of);
        Ok(Listed { items, next: found.next, searched_back_to })
    }

    /// One page of deliveries.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn deliveries(
        &self,
        filter: &Search,
        page: &Page,
    ) -> Result<Listed<DeliveryRow>, StoreError> {
        let mut lane = self.readers.reader().await?;
        let names = self.names(&mut lane).await?;
        let found = lane.find(Table::Deliveries, &with_ids(filter, &names), page).await?;
        let items = with_slugs(lane.delivery_rows(&found.ids).await?, &names);
        let searched_back_to = found.searched_back_to.map(text_of);
        Ok(Listed { items, next: found.next, searched_back_to })
    }

    /// The deliveries of these ids as they stand now, newest first.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn deliveries_now(&self, ids: &[Uuid]) -> Result<Vec<DeliveryRow>, StoreError> {
        let mut lane = self.readers.reader().await?;
        let names = self.names(&mut lane).await?;
        Ok(with_slugs(lane.delivery_rows(ids).await?, &names))
    }

    /// What became of events: the deliveries that they caused when they arrived.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn caused_by(&self, events: &[EventRow]) -> Result<Vec<DeliveryRow>, StoreError> {
        let mut ids: Vec<_> = events.iter().map(|event| event.id).collect();
        ids.sort();
        let mut lane = self.readers.reader().await?;
        let mut found = Vec::new();
        for close in ids.chunk_by(|one, next| Range::after(*one, CLOSE_MS).before > *next) {
            found.extend(lane.deliveries_of(close).await?);
        }
        lane.delivery_rows(&found).await
    }

    async fn names(&self, lane: &mut Lane) -> Result<Arc<Catalog>, StoreError> {
        let kept = self.names.lock().expect("no one panics while holding it").clone();
        if let Some((read, names)) = kept
            && read.elapsed() < NAMES_KEPT
        {
            return Ok(names);
        }
        let stored = lane.catalog(None).await?;
        let names = Arc::new(stored.map(|stored| stored.catalog).unwrap_or_default());
        let kept = Some((Instant::now(), Arc::clone(&names)));
        *self.names.lock().expect("no one panics while holding it") = kept;
        Ok(names)
    }
}

/// As it may stand in the configuration.
fn span(of: Duration) -> String {
    match of.as_secs() {
        seconds if seconds % 86_400 == 0 => format!("{}d", seconds / 86_400),
        seconds if seconds % 3_600 == 0 => format!("{}h", seconds / 3_600),
        seconds => format!("{seconds}s"),
    }
}

/// The events of deliveries, each once; not those that the page before ended with.
async fn events_of(
    lane: &mut Lane,
    filter: &Search,
    page: &Page,
    deliveries: &[Uuid],
) -> Result<Vec<Uuid>, StoreError> {
    let mut shown = HashSet::new();
    if let Some(before) = page.before {
        let siblings = Range::after(before, SIBLINGS_MS);
        let found = lane.find_within(Table::Deliveries, filter, siblings, Page::MOST).await?;
        shown.extend(lane.delivery_rows(&found.ids).await?.into_iter().map(|row| row.event_id));
    }
    let rows = lane.delivery_rows(deliveries).await?;
    Ok(rows.into_iter().map(|row| row.event_id).filter(|event| shown.insert(*event)).collect())
}

/// Slugs as ids: rows hold ids.
fn with_ids(filter: &Search, names: &Catalog) -> Search {
    let object = |typed: &String| names.object(typed).map_or(typed.clone(), |it| it.id.clone());
    let list = |typed: &String| names.list(typed).map_or(typed.clone(), |it| it.id.clone());
    Search {
        object: filter.object.as_ref().map(object),
        list: filter.list.as_ref().map(list),
        ..filter.clone()
    }
}

fn with_slugs<T: Named>(mut rows: Vec<T>, names: &Catalog) -> Vec<T> {
    for subject in rows.iter_mut().map(Named::subject) {
        let object = subject.object_id.as_deref().and_then(|id| names.object(id));
        let list = subject.list_id.as_deref().and_then(|id| names.list(id));
        subject.object = object.map(|object| object.slug.clone());
        subject.list = list.map(|list| list.slug.clone());
    }
    rows
}

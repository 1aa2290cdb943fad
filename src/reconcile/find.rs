//! Looks through Attio page by page and keeps what nothing was heard of.
//!
//! Values carry since when they hold, so one look at a record tells whether something changed in
//! the window; only then is its history asked for. A record that is deleted while the pages are
//! read moves others across their border: one may be passed over, and is found the next time.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, HashSet},
};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    Change, Reconcile, Search, Step, Trouble, Watcher,
    arrivals::Arrivals,
    compare::unheard,
    patiently,
    shown::{changes, said},
    survey::{Kind, NOTE_CREATED, Plan, Survey, TASK_CREATED},
};
use crate::{
    attio::{
        catalog::Catalog,
        client::{ApiError, Page, Query},
        envelope::Envelope,
    },
    store::Lane,
};

/// Records and entries on one page: as many as Attio gives.
const PAGE: usize = 500;

/// Notes on one page: as many as Attio gives.
const NOTES: usize = 50;

/// Histories that are asked for at once: enrichment needs the limits too.
const AT_ONCE: usize = 4;

/// One look through Attio.
pub(super) struct Finder<'f> {
    work: &'f Reconcile,
    catalog: &'f Catalog,
    arrivals: &'f Arrivals,
    lane: &'f mut Lane,
    search: Search,
    watcher: Watcher<'f>,
    /// The oldest ones, the newest of them on top.
    oldest: BinaryHeap<ByTime>,
    total: usize,
    things: usize,
}

/// Changes in the order in which they happened.
struct ByTime(Change);

impl ByTime {
    fn rank(&self) -> (OffsetDateTime, &str, &str, Option<&str>) {
        let Change { at, event_type, thing, attribute, .. } = &self.0;
        (*at, event_type, thing, attribute.as_deref())
    }
}

impl Ord for ByTime {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for ByTime {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByTime {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ByTime {}

impl<'f> Finder<'f> {
    pub(super) fn new(
        work: &'f Reconcile,
        catalog: &'f Catalog,
        arrivals: &'f Arrivals,
        lane: &'f mut Lane,
        search: Search,
        watcher: Watcher<'f>,
    ) -> Self {
        let oldest = BinaryHeap::new();
        Self { work, catalog, arrivals, lane, search, watcher, oldest, total: 0, things: 0 }
    }

    /// What is missing, how much of it there is, and how many things were looked at.
    pub(super) async fn find(
        mut self,
        plan: &Plan,
    ) -> Result<(Vec<Change>, usize, usize), Trouble> {
        for survey in &plan.surveys {
            self.survey(survey).await?;
        }
        if plan.notes {
            self.notes().await?;
        }
        if plan.tasks {
            self.tasks().await?;
        }
        let missing = self.oldest.into_sorted_vec().into_iter().map(|change| change.0);
        Ok((missing.collect(), self.total, self.things))
    }

    async fn survey(&mut self, survey: &Survey) -> Result<(), Trouble> {
        let (mut offset, mut looked) = (Some(0), 0);
        while let Some(at) = offset {
            let Page { rows, next } = self.page(survey, at).await?;
            let (client, search) = (&self.work.client, self.search);
            let looks: Vec<_> =
                rows.iter().map(|row| changes(client, survey, self.catalog, search, row)).collect();
            let groups: Vec<_> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
            let groups: Vec<Vec<Change>> = groups.concat();
            looked += rows.len();
            self.compare(groups).await?;
            self.tell(&survey.slug, looked, rows.len());
            offset = next;
        }
        Ok(())
    }

    /// One page of records or entries, the oldest first, so that new ones move none.
    async fn page(&self, survey: &Survey, offset: usize) -> Result<Page<usize>, ApiError> {
        let since = self.search.since.format(&Rfc3339).unwrap_or_default();
        // What was made before may have changed since: all are looked at where changes matter.
        let filter = if survey.attributes.is_empty() {
            json!({"created_at": {"$gte": since}})
        } else {
            json!({})
        };
        let sorts = json!([{"attribute": "created_at", "direction": "asc"}]);
        let query = Query { filter, sorts, limit: PAGE, offset };
        let client = &self.work.client;
        match survey.kind {
            Kind::Records => {
                patiently(|until| client.query_records(&survey.id, &query, until)).await
            }
            Kind::Entries => {
                patiently(|until| client.query_entries(&survey.id, &query, until)).await
            }
        }
    }

    async fn notes(&mut self) -> Result<(), Trouble> {
        let (mut offset, mut looked) = (Some(0), 0);
        while let Some(at) = offset {
            let page = patiently(|until| self.work.client.notes(NOTES, at, until)).await?;
            let made = page.rows.iter().filter_map(|note| {
                let object = self.catalog.object(note["parent_object"].as_str()?)?;
                let beside = json!({
                    "parent_object_id": object.id, "parent_record_id": note["parent_record_id"],
                });
                said(NOTE_CREATED, note, "note_id", &beside)
            });
            let made = made.map(|change| vec![change]).collect();
            looked += page.rows.len();
            self.compare(made).await?;
            self.tell("notes", looked, page.rows.len());
            offset = page.next;
        }
        Ok(())
    }

    async fn tasks(&mut self) -> Result<(), Trouble> {
        let (mut offset, mut looked) = (Some(0), 0);
        while let Some(at) = offset {
            let page = patiently(|until| self.work.client.tasks(PAGE, at, until)).await?;
            let made = page.rows.iter().filter_map(|task| {
                said(TASK_CREATED, task, "task_id", &json!({})).map(|change| vec![change])
            });
            let made = made.collect();
            looked += page.rows.len();
            self.compare(made).await?;
            self.tell("tasks", looked, page.rows.len());
            offset = page.next;
        }
        Ok(())
    }

    fn tell(&mut self, at: &str, looked: usize, more: usize) {
        self.things += more;
        (self.watcher)(Step::Looked { at, things: looked, missing: self.total });
    }

    /// Keeps those that nothing was heard of, that were not made up for before, and that a route
    /// may want. Each group is of one key.
    async fn compare(&mut self, groups: Vec<Vec<Change>>) -> Result<(), Trouble> {
        let unheard = groups.into_iter().flat_map(|group| self.unheard(group));
        let missing: Vec<Change> = unheard.filter(|change| self.is_wanted(change)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let dedups: Vec<[u8; 32]> = missing.iter().map(Change::dedup).collect();
        let standing = self.lane.existing(&dedups).await?;
        let known: HashSet<[u8; 32]> = standing.into_iter().map(|row| row.dedup).collect();
        for (change, dedup) in missing.into_iter().zip(dedups) {
            if known.contains(&dedup) {
                continue;
            }
            self.total += 1;
            self.oldest.push(ByTime(change));
            if self.oldest.len() > self.search.limit {
                self.oldest.pop();
            }
        }
        Ok(())
    }

    /// Those of the window; changes around it account for events too.
    fn unheard(&self, group: Vec<Change>) -> Vec<Change> {
        let Search { since, until, .. } = self.search;
        let Some(key) = group.first().map(Change::key) else { return group };
        let arrivals = self.arrivals.of(&key);
        let missing = if group.iter().all(|change| change.attribute.is_none()) {
            // Things are made once: any event of it tells of that.
            vec![arrivals.is_empty(); group.len()]
        } else {
            let moments: Vec<_> = group.iter().map(|change| change.at).collect();
            unheard(&moments, arrivals)
        };
        let of_window = |change: &Change| change.at >= since && change.at < until;
        group
            .into_iter()
            .zip(missing)
            .filter(|(change, is_missing)| *is_missing && of_window(change))
            .map(|(change, _)| change)
            .collect()
    }

    fn is_wanted(&self, change: &Change) -> bool {
        let told = Envelope::read(&change.body()).map(|told| told.events).unwrap_or_default();
        told.iter().any(|event| self.work.table.decide(event, self.catalog).next().is_some())
    }
}

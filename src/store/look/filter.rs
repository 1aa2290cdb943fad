//! What is looked for, and the ids that it can have.

use time::OffsetDateTime;
use uuid::{Builder, Uuid};

use super::Table;
use crate::store::{DeliveryState, Origin, words::words};

/// Events and deliveries get their ids in the same moment as their message, by one clock; this is
/// much more. No index leads from a message to what it caused: the ids do, which hold the time.
const MOMENT_MS: u64 = 3_000;

/// Rows that one search may look at: what takes some 30 ms on a slow machine, by how much there is
/// to look up for each.
const REACH_OWN_COLUMNS: i64 = 20_000;
const REACH_ITS_EVENT: i64 = 8_000;
const REACH_ITS_TEXTS: i64 = 5_000;

words! {
    /// How a delivery stands, as people ask for it: what its row says ([`DeliveryState`]), and for
    /// open ones more.
    State "state" {
        /// Not ended.
        Open "open",
        /// Not ended, and at least one try failed.
        Failing "failing",
        /// Not ended, and its route is configured no longer, or asks for what Attio does not have.
        Orphaned "orphaned",
        /// Ended well.
        Succeeded "succeeded",
        /// Its route did not want it after all.
        Skipped "skipped",
        /// Ended without success.
        Dead "dead",
        /// Ended by a person.
        Discarded "discarded",
    }
}

words! {
    /// Whether a message was let in.
    MessageStatus "messages.status" {
        /// It was.
        Accepted "accepted",
        /// It is kept aside.
        Quarantined "quarantined",
    }
}

impl State {
    /// Whether such a delivery has not ended.
    #[must_use]
    pub fn is_open(self) -> bool {
        self.column() == DeliveryState::Open
    }

    /// Whether a row's columns say that.
    #[must_use]
    pub fn is_of(self, column: &str, held: Option<&str>, tries: u64) -> bool {
        column == self.column().as_str()
            && (self != Self::Orphaned || held == Some("orphaned"))
            && (self != Self::Failing || tries > 0)
    }

    /// What stands in the rows of such deliveries.
    #[must_use]
    pub fn column(self) -> DeliveryState {
        match self {
            Self::Open | Self::Failing | Self::Orphaned => DeliveryState::Open,
            Self::Succeeded => DeliveryState::Succeeded,
            Self::Skipped => DeliveryState::Skipped,
            Self::Dead => DeliveryState::Dead,
            Self::Discarded => DeliveryState::Discarded,
        }
    }
}

/// What is looked for. Each field that is set must fit. A list passes over the fields that its rows
/// have nothing for: messages know `since`, `until`, `source`, `origin`,
/// `status` and `error`; events all but
/// `route`, `action`, `state`, `status` and `error`; deliveries all but `status`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// Arrived then or later; deliveries: were made then or later.
    pub since: Option<OffsetDateTime>,
    /// Arrived before that.
    pub until: Option<OffsetDateTime>,
    /// The name of the source.
    pub source: Option<String>,
    /// Whose word the message is.
    pub origin: Option<Origin>,
    /// The event's type; `list-entry.*` stands for all that begin so.
    pub event_type: Option<String>,
    /// The id of the object.
    pub object: Option<String>,
    /// The id of the record.
    pub record: Option<String>,
    /// The id of the list.
    pub list: Option<String>,
    /// The id of the list entry.
    pub entry: Option<String>,
    /// The name of the route.
    pub route: Option<String>,
    /// The name of the action.
    pub action: Option<String>,
    /// How the delivery stands.
    pub state: Option<State>,
    /// Whether the message was let in.
    pub status: Option<MessageStatus>,
    /// Part of why it failed, in letters of any case: of a message, why it is kept aside; of a
    /// delivery, why it ended or what any of its tries came to.
    pub error: Option<String>,
}

/// Which part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Only what is older than that: [`super::Found::next`] of the page before.
    pub before: Option<Uuid>,
    /// As many at the most.
    pub limit: usize,
}

impl Page {
    /// No page is longer.
    pub const MOST: usize = 500;

    /// The first page.
    #[must_use]
    pub fn first(limit: usize) -> Self {
        Self { before: None, limit }
    }
}

/// From the least id on to before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first that may be found.
    pub least: Uuid,
    /// The first that may not.
    pub before: Uuid,
}

impl Range {
    /// What comes after an id, that one included, within so many milliseconds.
    #[must_use]
    pub fn after(id: Uuid, millis: u64) -> Self {
        Self { least: id, before: first_of(millis_of(id).unwrap_or(0).saturating_add(millis)) }
    }
}

impl Search {
    /// The ids that a page can hold.
    #[must_use]
    pub fn range(&self, page: &Page) -> Range {
        let ends = [self.until.map(first_id_at), page.before];
        Range {
            least: self.since.map_or(Uuid::nil(), first_id_at),
            before: ends.into_iter().flatten().min().unwrap_or(Uuid::max()),
        }
    }

    /// Whether it asks for what deliveries tell, and messages and events do not.
    #[must_use]
    pub fn is_about_deliveries(&self) -> bool {
        self.route.is_some()
            || self.action.is_some()
            || self.state.is_some()
            || self.error.is_some()
    }

    pub(in crate::store) fn is_about_events(&self) -> bool {
        let texts = [&self.event_type, &self.object, &self.record, &self.list, &self.entry];
        texts.into_iter().any(Option::is_some)
    }

    /// How many rows a search may look at; `None` where every row fits.
    pub(super) fn reach(&self, table: Table) -> Option<i64> {
        let asks_its_message = self.source.is_some() || self.origin.is_some();
        match table {
            Table::Messages
                if asks_its_message || self.status.is_some() || self.error.is_some() =>
            {
                Some(REACH_OWN_COLUMNS)
            }
            Table::Events if asks_its_message => Some(REACH_ITS_EVENT),
            Table::Events if self.is_about_events() => Some(REACH_OWN_COLUMNS),
            Table::Deliveries if asks_its_message || self.error.is_some() => Some(REACH_ITS_TEXTS),
            Table::Deliveries if self.is_about_events() => Some(REACH_ITS_EVENT),
            Table::Deliveries if self.is_about_deliveries() => Some(REACH_OWN_COLUMNS),
            Table::Messages | Table::Events | Table::Deliveries => None,
        }
    }
}

/// The exact type, or what a type must begin with.
pub(in crate::store) fn starts_with(event_type: Option<&str>) -> (Option<&str>, Option<&str>) {
    match event_type.map(|typed| (typed, typed.strip_suffix('*'))) {
        None => (None, None),
        Some((_, Some(start))) => (None, Some(start)),
        Some((exact, None)) => (Some(exact), None),
    }
}

/// The ids that can have been made in the same moment, on either side of one.
pub(in crate::store) fn born_with(id: Uuid) -> Range {
    let Some(millis) = millis_of(id) else {
        return Range { least: Uuid::nil(), before: Uuid::max() };
    };
    Range {
        least: first_of(millis.saturating_sub(MOMENT_MS)),
        before: first_of(millis.saturating_add(MOMENT_MS)),
    }
}

/// The same for several, and all that lies between them.
pub(in crate::store) fn born_with_all(ids: &[Uuid]) -> Range {
    let ranges = || ids.iter().map(|id| born_with(*id));
    Range {
        least: ranges().map(|range| range.least).min().unwrap_or_default(),
        before: ranges().map(|range| range.before).max().unwrap_or_default(),
    }
}

/// When an id was made; `None` of one that holds no time.
#[must_use]
pub fn moment_of(id: Uuid) -> Option<OffsetDateTime> {
    let nanos = i128::from(millis_of(id)?) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()
}

fn millis_of(id: Uuid) -> Option<u64> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    Some(seconds.saturating_mul(1000).saturating_add(u64::from(nanos / 1_000_000)))
}

/// The least id that can be made at a time or later.
#[must_use]
pub fn first_id_at(moment: OffsetDateTime) -> Uuid {
    first_of(u64::try_from(moment.unix_timestamp_nanos() / 1_000_000).unwrap_or(0))
}

/// The least id of a millisecond.
fn first_of(millis: u64) -> Uuid {
    Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid()
}

#[cfg(test)]
mod tests {
    use uuid::{NoContext, Timestamp};

    use super::*;

    #[test]
    fn ids_made_in_one_moment_lie_together_and_older_ones_do_not() {
        let (first, event, last) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
        let Range { least, before } = born_with(event);
        assert!(least < first && last < before);
        assert!(!(least..before).contains(&first_of(1_800_000_000_000)));
        let all = Range { least: Uuid::nil(), before: Uuid::max() };
        assert_eq!(born_with(Uuid::nil()), all, "it holds no time");
    }

    #[test]
    fn a_time_is_the_first_id_of_its_millisecond() {
        let id = Uuid::now_v7();
        let made = moment_of(id).unwrap();
        let filter = Search { since: Some(made), ..Search::default() };
        assert!(filter.range(&Page::first(1)).least <= id);
        let filter = Search { until: Some(made), ..Search::default() };
        assert!(filter.range(&Page::first(1)).before <= id);
    }

    #[test]
    fn a_moment_parts_the_ids_made_before_from_those_made_since() {
        let at = |nanos| Uuid::new_v7(Timestamp::from_unix(NoContext, 1_800_000_000, nanos));
        let moment = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        let first = first_id_at(moment + time::Duration::milliseconds(7));
        let (before, since) = (at(6_000_000), at(7_000_000));
        assert!(before < first && first < since);
        assert!(before.to_string() < first.to_string() && first.to_string() < since.to_string());
    }

    #[test]
    fn a_page_ends_where_the_time_or_the_cursor_says_whichever_is_older() {
        let (older, newer) = (first_of(1_000), first_of(2_000));
        let until = moment_of(newer);
        let filter = Search { until, ..Search::default() };
        let at = |before| filter.range(&Page { before: Some(before), limit: 1 }).before;
        assert_eq!((at(older), at(Uuid::max())), (older, newer));
    }

    #[test]
    fn a_star_stands_for_the_rest_of_a_type() {
        assert_eq!(starts_with(Some("list-entry.*")), (None, Some("list-entry.")));
        assert_eq!(starts_with(Some("*")), (None, Some("")));
        assert_eq!(starts_with(Some("record.updated")), (Some("record.updated"), None));
    }
}

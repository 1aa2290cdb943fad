//! Dead letters in groups: what failed alike is seen, understood and replayed together.
//!
//! Only the newest of them are grouped, so that the answer stays quick however many there are;
//! how many there are in all is counted.

use std::{cmp::Reverse, collections::BTreeMap};

use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Lookout;
use crate::store::{DeadTally, OWN, StoreError, time, without_own};

/// So many are grouped at the most.
pub const MOST_GROUPED: usize = 10_000;

/// Deliveries that ended without success and that nobody has replayed or discarded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetters {
    /// All of them.
    pub total: u64,
    /// So many of the newest are in the groups.
    pub grouped: u64,
    /// The groups, the one with the newest first.
    pub groups: Vec<DeadGroup>,
}

/// Dead letters of one action with one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadGroup {
    /// The action.
    pub action: String,
    /// Why they died; what differs from one to another, such as an id, stands as `…`. Finds them, as
    /// the filter `alike`.
    pub reason: String,
    /// A part of the reason that all of them have, and others may have too: finds them all, as the
    /// filter for errors.
    pub part: String,
    /// So many.
    pub count: u64,
    /// The routes that wanted them.
    pub routes: Vec<String>,
    /// When the last one died.
    #[serde(serialize_with = "time")]
    pub newest: OffsetDateTime,
    /// When the first one of those that are grouped died.
    #[serde(serialize_with = "time")]
    pub oldest: OffsetDateTime,
    /// One of them: the one that was made last.
    pub example: Uuid,
    /// The one that was made first of those that are grouped.
    pub first: Uuid,
}

impl Lookout {
    /// The dead letters, grouped by action and reason.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn dead_letters(&self) -> Result<DeadLetters, StoreError> {
        let mut lane = self.parts.look.readers().reader().await?;
        let alike = lane.dead_tallies(MOST_GROUPED).await?;
        let grouped = alike.iter().map(|one| one.count).sum();
        let total = if grouped < MOST_GROUPED as u64 { grouped } else { lane.dead_count().await? };
        Ok(DeadLetters { total, grouped, groups: groups(alike) })
    }
}

/// Those of one action whose reasons differ only in what is each one's own.
fn groups(alike: Vec<DeadTally>) -> Vec<DeadGroup> {
    let mut groups = BTreeMap::<(String, String), DeadGroup>::new();
    for one in alike {
        let reason = without_own(&one.reason);
        let new = DeadGroup {
            action: one.action.clone(),
            part: longest_part(&reason),
            reason: reason.clone(),
            count: 0,
            routes: Vec::new(),
            newest: one.newest,
            oldest: one.oldest,
            example: one.example,
            first: one.first,
        };
        let group = groups.entry((one.action, reason)).or_insert(new);
        group.count += one.count;
        (group.newest, group.oldest) = (group.newest.max(one.newest), group.oldest.min(one.oldest));
        group.example = group.example.max(one.example);
        group.first = group.first.min(one.first);
        if !group.routes.contains(&one.route) {
            group.routes.push(one.route);
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    for group in &mut groups {
        group.routes.sort();
    }
    groups.sort_by_key(|group| Reverse(group.newest));
    groups
}

/// What all reasons of a group have in common, as far as one text tells it.
pub(crate) fn longest_part(reason: &str) -> String {
    let parts = reason.split(OWN).map(str::trim);
    parts.max_by_key(|part| part.len()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn what_all_have_in_common_is_the_longest_part() {
        assert_eq!(longest_part("no deal … in the workspace …"), "in the workspace");
    }

    #[test]
    fn what_differs_in_an_id_alone_is_one_group_and_another_action_is_another() {
        let one = |action: &str, route: &str, reason: &str, second: i64| DeadTally {
            action: action.to_owned(),
            route: route.to_owned(),
            reason: reason.to_owned(),
            count: 2,
            newest: at(second + 1),
            oldest: at(second),
            example: Uuid::from_u128(u128::try_from(second).unwrap()),
            first: Uuid::from_u128(u128::try_from(second).unwrap() / 2),
        };
        let groups = groups(vec![
            one("billing", "b", "no deal 1234567", 1),
            one("billing", "a", "no deal 7654321", 5),
            one("slack", "a", "no deal 7654321", 3),
        ]);
        assert_eq!(groups.len(), 2);
        let first = &groups[0];
        assert_eq!((first.action.as_str(), first.count), ("billing", 4));
        assert_eq!((first.newest, first.oldest), (at(6), at(1)));
        assert_eq!((first.example, first.first), (Uuid::from_u128(5), Uuid::from_u128(0)));
        assert_eq!(first.routes, ["a", "b"]);
        assert_eq!((first.reason.as_str(), first.part.as_str()), ("no deal …", "no deal"));
    }
}

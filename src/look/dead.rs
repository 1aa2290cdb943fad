//! Dead letters in groups: what failed alike is seen, understood and replayed together.
//!
//! Only the newest of them are grouped, so that the answer stays quick however many there are;
//! how many there are in all is counted.

use std::{cmp::Reverse, collections::BTreeMap};

use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Lookout;
use crate::store::{DeadTally, StoreError, time};

/// So many are grouped at the most.
pub const MOST_GROUPED: usize = 10_000;

/// What stands where reasons differ.
const OWN: &str = "…";

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
    /// Why they died; what differs from one to another, such as an id, stands as `…`.
    pub reason: String,
    /// A part of the reason that all of them have: finds them, as the filter for errors does.
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
    /// One of them: the newest.
    pub example: Uuid,
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
        };
        let group = groups.entry((one.action, reason)).or_insert(new);
        group.count += one.count;
        (group.newest, group.oldest) = (group.newest.max(one.newest), group.oldest.min(one.oldest));
        group.example = group.example.max(one.example);
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

/// A reason without ids and long numbers. Short numbers stay: 404 is another reason than 422.
fn without_own(reason: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut text = String::with_capacity(reason.len());
    let mut rest = reason;
    while let Some(first) = rest.chars().next() {
        let is_first_in = is_word(first);
        let end = rest.find(|c| is_word(c) != is_first_in).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        text.push_str(if is_first_in && is_own(word) { OWN } else { word });
        rest = after;
    }
    text
}

/// Ids, hashes and numbers of six digits and more.
fn is_own(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let is_hex = word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let is_number = digits == word.len();
    (is_number && digits >= 6) || (is_hex && digits > 0 && word.len() >= 16)
}

/// What all reasons of a group have in common, as far as one text tells it.
fn longest_part(reason: &str) -> String {
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
    fn ids_and_long_numbers_are_each_ones_own_and_statuses_are_not() {
        for (reason, alike) in [
            ("refused: status 404", "refused: status 404"),
            ("no deal 0192f1e0-1c3a-7cc1-8d1f-000000000001!", "no deal …!"),
            ("row 123456 of 12345", "row … of 12345"),
            ("hash deadbeefdeadbeef1", "hash …"),
            ("the façade of a-long-hyphenated-word", "the façade of a-long-hyphenated-word"),
        ] {
            assert_eq!(without_own(reason), alike);
        }
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
        assert_eq!(
            (first.example, &first.routes[..]),
            (Uuid::from_u128(5), &["a".into(), "b".into()][..])
        );
        assert_eq!((first.reason.as_str(), first.part.as_str()), ("no deal …", "no deal"));
    }
}

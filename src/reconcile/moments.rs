//! When the values of an attribute changed, and by whom, read off the values themselves. Pure.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

/// A value that ends so close to another's beginning was replaced by it.
const SAME: Duration = Duration::milliseconds(10);

/// A record is made together with its first values.
const BIRTH: Duration = Duration::seconds(1);

/// The actor of a change that nobody is named for.
pub(super) fn nobody() -> Value {
    json!({"type": null, "id": null})
}

/// A time stamp in a field.
pub(super) fn moment(of: &Value, field: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(of.get(field)?.as_str()?, &Rfc3339).ok()
}

/// When the newest of these values came.
pub(super) fn newest(values: &[Value]) -> Option<OffsetDateTime> {
    values.iter().filter_map(|value| moment(value, "active_from")).max()
}

/// Every change of an attribute after the creation of what has it, with the actor: values that
/// came, and values that went without another in their place, whose actor Attio does not tell.
pub(super) fn changes(
    values: &[Value],
    created_at: OffsetDateTime,
) -> Vec<(OffsetDateTime, Value)> {
    let mut all: BTreeMap<OffsetDateTime, Value> = BTreeMap::new();
    for value in values {
        if let Some(at) = moment(value, "active_from") {
            all.entry(at).or_insert_with(|| actor(&value["created_by_actor"]));
        }
    }
    let came: Vec<OffsetDateTime> = all.keys().copied().collect();
    for gone in values.iter().filter_map(|value| moment(value, "active_until")) {
        if !came.iter().any(|at| (*at - gone).abs() <= SAME) {
            all.entry(gone).or_insert_with(nobody);
        }
    }
    all.into_iter().filter(|(at, _)| *at > created_at + BIRTH).collect()
}

/// Who made a record or entry.
pub(super) fn maker(values: &Value) -> Value {
    let by = &values["created_by"][0];
    if let Some(kind) = by["referenced_actor_type"].as_str() {
        return json!({"type": kind, "id": by["referenced_actor_id"]});
    }
    let of = |slug: &str| {
        let by = &values[slug][0]["created_by_actor"];
        by.is_object().then(|| actor(by))
    };
    of("record_id").or_else(|| of("entry_id")).or_else(|| of("created_at")).unwrap_or_else(nobody)
}

/// An actor in the form of events.
pub(super) fn actor(by: &Value) -> Value {
    json!({"type": by["type"], "id": by["id"]})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(from: &str, until: Option<&str>) -> Value {
        let stamp = |time: &str| format!("2026-11-22T{time}:00.000000000Z");
        json!({"active_from": stamp(from), "active_until": until.map(stamp),
               "created_by_actor": {"type": "system", "id": null}})
    }

    /// The hours and minutes of all changes of something that was made at eight.
    fn times(values: &[Value]) -> Vec<String> {
        let born = moment(&json!({"at": "2026-11-22T08:00:00Z"}), "at").unwrap();
        let text =
            |(at, _): (OffsetDateTime, Value)| format!("{:02}:{:02}", at.hour(), at.minute());
        changes(values, born).into_iter().map(text).collect()
    }

    #[test]
    fn a_value_that_is_replaced_makes_one_change_and_the_first_one_none() {
        let history = [value("08:00", Some("09:30")), value("09:30", None)];
        assert_eq!(times(&history), ["09:30"]);
    }

    #[test]
    fn a_value_that_is_taken_away_makes_a_change_of_which_the_actor_is_not_known() {
        let history = [value("08:00", Some("09:30")), value("11:00", None)];
        assert_eq!(times(&history), ["09:30", "11:00"]);
        let born = moment(&history[0], "active_from").unwrap();
        assert_eq!(changes(&history, born)[0].1, nobody());
    }

    #[test]
    fn several_values_that_come_at_once_make_one_change() {
        let history = [value("09:00", None), value("09:00", None), value("10:00", Some("12:00"))];
        assert_eq!(times(&history), ["09:00", "10:00", "12:00"]);
    }
}

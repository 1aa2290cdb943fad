//! The filter language of subscriptions: equality of texts, in one level of "and" or "or".
//!
//! <https://docs.attio.com/rest-api/endpoint-reference/webhooks/create-a-webhook>

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::attio::catalog::Catalog;

/// One type of event that a webhook brings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// The type, such as `record.updated`.
    pub event_type: String,
    /// Which events of the type; `None` for all. Attio requires the key, null included.
    #[serde(default)]
    pub filter: Option<Filter>,
}

/// Which events of a type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Filter {
    /// Those that meet every condition.
    #[serde(rename = "$and")]
    All(Vec<Condition>),
    /// Those that meet a condition.
    #[serde(rename = "$or")]
    Any(Vec<Condition>),
    /// A form that this version does not know; never made here.
    #[serde(untagged)]
    Unknown(Value),
}

/// A test of one field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Condition {
    /// A dotted path in the event, such as `id.object_id`.
    pub field: String,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    pub value: String,
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// The field is the text.
    Equals,
    /// The field is anything else. That null and missing are "anything else" too is what the
    /// words say, and not documented.
    NotEquals,
}

impl Subscription {
    /// The same in the one form that is compared: order and repetition mean nothing in a filter,
    /// and neither does the junction of a single condition.
    #[must_use]
    pub fn normalised(&self) -> Self {
        let filter = self.filter.clone().and_then(Filter::normalised);
        Self { event_type: self.event_type.clone(), filter }
    }

    /// Whether an event of its type is brought; `None` when the filter is of an unknown form.
    #[must_use]
    pub fn brings(&self, event: &Value) -> Option<bool> {
        if event["event_type"].as_str() != Some(self.event_type.as_str()) {
            return Some(false);
        }
        match &self.filter {
            None => Some(true),
            Some(Filter::All(conditions)) => Some(conditions.iter().all(|one| one.holds(event))),
            Some(Filter::Any(conditions)) => Some(conditions.iter().any(|one| one.holds(event))),
            Some(Filter::Unknown(_)) => None,
        }
    }

    /// For people, with slugs beside ids where they are known.
    #[must_use]
    pub fn describe(&self, catalog: &Catalog) -> String {
        let joined = |conditions: &[Condition], word: &str| {
            let each: Vec<_> = conditions.iter().map(|one| one.describe(catalog)).collect();
            each.join(word)
        };
        match &self.filter {
            None => self.event_type.clone(),
            Some(Filter::All(all)) => format!("{} where {}", self.event_type, joined(all, " and ")),
            Some(Filter::Any(any)) => format!("{} where {}", self.event_type, joined(any, " or ")),
            Some(Filter::Unknown(_)) => format!("{} with a filter of its own", self.event_type),
        }
    }
}

impl Filter {
    fn normalised(self) -> Option<Self> {
        let sorted = |mut conditions: Vec<Condition>| {
            conditions.sort();
            conditions.dedup();
            conditions
        };
        match self {
            Self::All(all) if all.is_empty() => None,
            Self::All(all) => Some(Self::All(sorted(all))),
            Self::Any(any) => {
                let any = sorted(any);
                Some(if any.len() == 1 { Self::All(any) } else { Self::Any(any) })
            }
            Self::Unknown(Value::Null) => None,
            Self::Unknown(form) => Some(Self::Unknown(form)),
        }
    }
}

impl Condition {
    /// `field` is `value`.
    #[must_use]
    pub fn equals(field: &str, value: &str) -> Self {
        Self { field: field.to_owned(), operator: Operator::Equals, value: value.to_owned() }
    }

    /// `field` is anything but `value`.
    #[must_use]
    pub fn not_equals(field: &str, value: &str) -> Self {
        Self { field: field.to_owned(), operator: Operator::NotEquals, value: value.to_owned() }
    }

    fn holds(&self, event: &Value) -> bool {
        let found = self.field.split('.').try_fold(event, |at, step| at.get(step));
        let is_equal = found.and_then(Value::as_str) == Some(self.value.as_str());
        is_equal == (self.operator == Operator::Equals)
    }

    fn describe(&self, catalog: &Catalog) -> String {
        let verb = match self.operator {
            Operator::Equals => "is",
            Operator::NotEquals => "is not",
        };
        let slug = slug_of(catalog, &self.value).map(|slug| format!(" ({slug})"));
        format!("{} {verb} {}{}", self.field, self.value, slug.unwrap_or_default())
    }
}

/// The slug of the object, list or attribute with this id.
fn slug_of<'c>(catalog: &'c Catalog, id: &str) -> Option<&'c str> {
    let holders = catalog.objects.iter().map(|one| (&one.id, &one.slug, &one.attributes));
    let lists = catalog.lists.iter().map(|one| (&one.id, &one.slug, &one.attributes));
    holders.chain(lists).find_map(|(holder, slug, attributes)| {
        if holder == id {
            return Some(slug.as_str());
        }
        let found = attributes.iter().flatten().find(|attribute| attribute.id == id);
        found.map(|attribute| attribute.slug.as_str())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(filter: &Value) -> Subscription {
        serde_json::from_value(json!({"event_type": "record.updated", "filter": filter})).unwrap()
    }

    #[test]
    fn order_repetition_and_the_junction_of_one_condition_mean_nothing() {
        let (a, b) = (
            json!({"field": "id.object_id", "operator": "equals", "value": "o"}),
            json!({"field": "actor.type", "operator": "not_equals", "value": "system"}),
        );
        let same = |one: Value, other: Value| read(&one).normalised() == read(&other).normalised();
        assert!(same(json!({"$and": [a, b]}), json!({"$and": [b, a, b]})));
        assert!(same(json!({"$or": [a]}), json!({"$and": [a]})));
        assert!(same(json!({"$and": []}), Value::Null));
        assert!(!same(json!({"$or": [a, b]}), json!({"$and": [a, b]})));
        assert!(!same(json!({"$or": []}), Value::Null));
    }

    #[test]
    fn a_form_that_is_not_known_is_kept_as_it_is_and_never_judged() {
        let nested = json!({"$not": {"$and": [1]}});
        let subscription = read(&nested);
        assert_eq!(serde_json::to_value(&subscription).unwrap()["filter"], nested);
        assert_eq!(subscription.brings(&json!({"event_type": "record.updated"})), None);
    }

    #[test]
    fn null_and_missing_are_not_equal_to_any_text() {
        let event = json!({"event_type": "record.updated", "actor": {"type": null}});
        let brings = |operator: &str, field: &str| {
            read(&json!({"$and": [{"field": field, "operator": operator, "value": "x"}]}))
                .brings(&event)
        };
        for field in ["actor.type", "actor.id", "id.object_id"] {
            assert_eq!(brings("equals", field), Some(false), "{field}");
            assert_eq!(brings("not_equals", field), Some(true), "{field}");
        }
    }

    #[test]
    fn a_filter_for_all_is_written_as_null() {
        let all = Subscription { event_type: "task.created".to_owned(), filter: None };
        let written = serde_json::to_value(&all).unwrap();
        assert_eq!(written, json!({"event_type": "task.created", "filter": null}));
    }
}

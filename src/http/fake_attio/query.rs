//! `POST …/query`: filters, sorting, pages
//! (<https://docs.attio.com/rest-api/guides/filtering-and-sorting>).
//!
//! Filters by attribute, `$and`, `$or` and `$not`, with the operators below. What is not understood
//! is refused, paths through other records among it.

use std::cmp::Ordering;

use serde_json::Value;

use super::{
    call::Page,
    clock,
    refusal::Refusal,
    value,
    world::{Holder, Thing, World},
};

impl World {
    /// The records or entries that a query asks for.
    pub(super) fn query(&self, holder: &Holder, body: &Value) -> Result<Vec<&Thing>, Refusal> {
        let mut found = Vec::new();
        for thing in self.things.iter().filter(|thing| thing.holder == holder.id) {
            if passes(&body["filter"], thing, holder)? {
                found.push(thing);
            }
        }
        let sorts = body["sorts"].as_array().map_or(&[][..], Vec::as_slice);
        for sort in sorts.iter().rev() {
            let name = sort["attribute"].as_str().unwrap_or_default();
            let is_descending = sort["direction"] == "desc";
            found.sort_by(|a, b| {
                let ordering = compare_all(&values(a, name), &values(b, name));
                if is_descending { ordering.reverse() } else { ordering }
            });
        }
        let number = |name: &str, usual: usize| match &body[name] {
            Value::Null => Ok(usual),
            given => given
                .as_u64()
                .and_then(|number| usize::try_from(number).ok())
                .ok_or_else(|| Refusal::invalid(&[name], "Expected number", "number", given)),
        };
        let page = Page::new(number("limit", 500)?, number("offset", 0)?, 500)?;
        Ok(page.of(found.into_iter()))
    }
}

fn passes(filter: &Value, thing: &Thing, holder: &Holder) -> Result<bool, Refusal> {
    let fields = match filter {
        Value::Null => return Ok(true),
        Value::Object(fields) => fields,
        _ => return Err(unreadable()),
    };
    for (name, condition) in fields {
        let holds = match name.as_str() {
            "$not" => !passes(condition, thing, holder)?,
            "$and" | "$or" => {
                let all = condition.as_array().ok_or_else(unreadable)?;
                let each = all.iter().map(|filter| passes(filter, thing, holder));
                let each: Vec<bool> = each.collect::<Result<_, _>>()?;
                if name == "$and" { !each.contains(&false) } else { each.contains(&true) }
            }
            _ => {
                let is_known = is_own(name) || holder.attribute(name).is_ok();
                if !is_known {
                    return Err(Refusal::filter(format!("There is no attribute \"{name}\".")));
                }
                let slug = holder.attribute(name).map_or(name.as_str(), |known| known.slug());
                meets(&values(thing, slug), condition)?
            }
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What every record and entry has, attribute or not.
fn is_own(name: &str) -> bool {
    matches!(name, "record_id" | "entry_id" | "created_at" | "parent_record_id")
}

fn values(thing: &Thing, slug: &str) -> Vec<Value> {
    match (slug, &thing.parent) {
        ("record_id", None) | ("entry_id", Some(_)) => vec![thing.id.as_str().into()],
        ("created_at", _) => vec![thing.created_at.as_str().into()],
        ("parent_record_id", Some(parent)) => vec![parent.record.as_str().into()],
        _ => thing.current(slug).cloned().collect(),
    }
}

/// Whether some of these values meet a condition.
fn meets(values: &[Value], condition: &Value) -> Result<bool, Refusal> {
    let Some(fields) = condition.as_object() else {
        return Ok(values.iter().any(|value| is(value, condition)));
    };
    for (name, wanted) in fields {
        let holds = if name == "$not_empty" {
            values.is_empty() != (*wanted == true)
        } else if name.starts_with('$') {
            // Once without a value: an unknown operator is an error even where there is none.
            let none = std::iter::once(&Value::Null).filter(|_| values.is_empty());
            let each = values.iter().chain(none);
            let each = each.map(|value| operate(name, bare(value), wanted));
            each.collect::<Result<Vec<bool>, _>>()?.contains(&true)
        } else {
            let part =
                |value: &Value| value.get(name).cloned().unwrap_or_else(|| bare(value).clone());
            meets(&values.iter().map(part).collect::<Vec<_>>(), wanted)?
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

fn operate(operator: &str, value: &Value, wanted: &Value) -> Result<bool, Refusal> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
    let ordering = compare(value, wanted);
    Ok(match operator {
        "$eq" => ordering == Some(Ordering::Equal),
        "$in" => wanted.as_array().is_some_and(|all| all.iter().any(|one| is(value, one))),
        "$contains" => text(value).contains(&text(wanted)),
        "$starts_with" => text(value).starts_with(&text(wanted)),
        "$ends_with" => text(value).ends_with(&text(wanted)),
        "$lt" => ordering == Some(Ordering::Less),
        "$lte" => ordering.is_some_and(Ordering::is_le),
        "$gt" => ordering == Some(Ordering::Greater),
        "$gte" => ordering.is_some_and(Ordering::is_ge),
        _ => return Err(unreadable()),
    })
}

/// A value without what is around it.
fn bare(value: &Value) -> &Value {
    match value {
        Value::Object(fields) if fields.contains_key("attribute_type") => value::plain(value),
        // A status or an option by itself.
        Value::Object(fields) => fields.get("title").unwrap_or(value),
        _ => value,
    }
}

fn is(value: &Value, wanted: &Value) -> bool {
    compare(bare(value), wanted) == Some(Ordering::Equal)
}

/// Numbers by size, times by time, other texts by their letters.
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => match (clock::normal(a), clock::normal(b)) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => Some(a.cmp(b)),
        },
        (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        (a, b) => (a == b).then_some(Ordering::Equal),
    }
}

/// Nothing comes first.
fn compare_all(a: &[Value], b: &[Value]) -> Ordering {
    match (a.first(), b.first()) {
        (Some(a), Some(b)) => compare(bare(a), bare(b)).unwrap_or(Ordering::Equal),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

fn unreadable() -> Refusal {
    Refusal::filter("The filter could not be read.")
}

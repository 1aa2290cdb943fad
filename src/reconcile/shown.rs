//! What a record, entry, note or task shows of its changes, each as the event that Attio would send.

use serde_json::{Value, json};

use super::{
    Change, Search,
    compare::LATE,
    moments::{self, moment},
    patiently,
    survey::{Kind, Survey},
};
use crate::attio::{
    catalog::{Attribute, Catalog},
    client::{ApiError, Client},
};

/// What a record or entry shows of changes: one group for its creation, one for each attribute.
pub(super) async fn changes(
    client: &Client,
    survey: &Survey,
    catalog: &Catalog,
    search: Search,
    row: &Value,
) -> Result<Vec<Vec<Change>>, ApiError> {
    let (id_field, values) = match survey.kind {
        Kind::Records => ("record_id", &row["values"]),
        Kind::Entries => ("entry_id", &row["entry_values"]),
    };
    let (Some(thing), Some(created_at)) = (row["id"][id_field].as_str(), moment(row, "created_at"))
    else {
        return Ok(Vec::new());
    };
    let beside = beside(survey.kind, row, catalog);
    let mut groups = Vec::new();
    if survey.creations {
        let event_type = survey.kind.created();
        let event = event(event_type, &row["id"], &beside, moments::maker(values));
        let thing = thing.to_owned();
        groups.push(vec![Change { event_type, thing, attribute: None, at: created_at, event }]);
    }
    for attribute in &survey.attributes {
        let current = values[attribute.slug.as_str()].as_array().map_or(&[][..], Vec::as_slice);
        if !search.is_thorough && moments::newest(current).is_none_or(|at| at < search.since) {
            continue;
        }
        let history = history(client, survey, thing, attribute, current).await?;
        let changed = moments::changes(&history, created_at).into_iter();
        let event_type = survey.kind.updated();
        let changed = changed.filter(|(at, _)| *at >= search.since - LATE).map(|(at, actor)| {
            let mut id = row["id"].clone();
            id["attribute_id"] = attribute.id.as_str().into();
            let event = event(event_type, &id, &beside, actor);
            let attribute = Some(attribute.id.clone());
            Change { event_type, thing: thing.to_owned(), attribute, at, event }
        });
        groups.push(changed.collect());
    }
    Ok(groups)
}

/// All values that an attribute ever had; those that it has now where Attio keeps no history.
async fn history(
    client: &Client,
    survey: &Survey,
    thing: &str,
    attribute: &Attribute,
    current: &[Value],
) -> Result<Vec<Value>, ApiError> {
    let ask = |until| client.history(survey.holder(), thing, &attribute.id, until);
    match patiently(ask).await {
        Err(ApiError::Refused { .. }) => Ok(current.to_vec()),
        // Deleted in the meantime.
        history => history,
    }
}

/// What events of entries have beside their id.
fn beside(kind: Kind, row: &Value, catalog: &Catalog) -> Value {
    match kind {
        Kind::Records => json!({}),
        Kind::Entries => {
            let parent = row["parent_object"].as_str();
            let object = parent.and_then(|name| catalog.object(name)).map(|object| &object.id);
            json!({"parent_object_id": object, "parent_record_id": row["parent_record_id"]})
        }
    }
}

/// A note or task that was made.
pub(super) fn said(
    event_type: &'static str,
    of: &Value,
    id: &str,
    beside: &Value,
) -> Option<Change> {
    Some(Change {
        event_type,
        thing: of["id"][id].as_str()?.to_owned(),
        attribute: None,
        at: moment(of, "created_at")?,
        event: event(event_type, &of["id"], beside, moments::actor(&of["created_by_actor"])),
    })
}

/// An event in Attio's own form.
fn event(event_type: &str, id: &Value, beside: &Value, actor: Value) -> Value {
    let mut event = json!({"event_type": event_type, "id": id});
    for (field, value) in beside.as_object().into_iter().flatten() {
        event[field.as_str()] = value.clone();
    }
    event["actor"] = actor;
    event
}

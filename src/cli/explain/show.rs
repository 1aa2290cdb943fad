//! What was found out, for people and for programs.

use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use serde_json::{Value, json};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

use super::{Condition, Explained, Known};
use crate::store::{DeliveryRow, Snapshot, StoredEvent};

/// Tables are no wider: a narrow terminal would break their lines.
const WIDTH: u16 = 80;

pub(super) fn for_people(known: &Known, routes: &[Explained]) -> String {
    let StoredEvent { id, source, received_at, event, .. } = &known.event;
    let names = match &known.names {
        Some(names) => format!("names: learnt at {}", text(names.learnt_at)),
        None => "names: none were learnt, so slugs and `self` stand for nothing yet".to_owned(),
    };
    let mut lines = vec![
        format!("event {id}: {}, received at {} by {source}", event.event_type, text(*received_at)),
        names,
    ];
    lines.extend(known.looked_up.iter().map(|one| {
        format!("kept: the {}, looked up at {}", one.kind.as_str(), text(one.looked_up_at))
    }));
    for route in routes {
        lines.push(String::new());
        lines.push(format!("{}: {}", route.route, said(route)));
        lines.push(table(&route.conditions).to_string());
        lines.extend(of_route(known, &route.route).map(|one| line(one, "")));
    }
    let others: Vec<_> =
        of_others(known, routes).map(|one| line(one, &of_route_name(one))).collect();
    if !others.is_empty() {
        lines.push("\nof routes that this configuration does not have:".to_owned());
        lines.extend(others);
    }
    lines.extend(hint(known, routes).map(|hint| format!("\nhint: {hint}")));
    lines.join("\n")
}

fn said(route: &Explained) -> String {
    match &route.reason {
        // It says so itself.
        Some(reason) if reason.starts_with(route.verdict) => reason.clone(),
        Some(reason) => format!("{}: {reason}", route.verdict),
        None => route.verdict.to_owned(),
    }
}

fn table(conditions: &[Condition]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table.set_header(["condition", "asks for", "saw", "holds"]);
    for condition in conditions {
        let holds = match condition.holds {
            Some(true) => "yes",
            Some(false) => "no",
            None => "not known",
        };
        let saw = condition.saw.as_deref().unwrap_or_default();
        table.add_row([condition.key, &condition.wants, saw, holds]);
    }
    table
}

fn line(delivery: &DeliveryRow, of: &str) -> String {
    let DeliveryRow { id, action, tries, .. } = delivery;
    let tried = match tries {
        0 => String::new(),
        1 => " after 1 try".to_owned(),
        tries => format!(" after {tries} tries"),
    };
    format!("  delivery {id}{of} to {action}: {}{tried}{}", delivery.state, how(delivery))
}

fn of_route_name(delivery: &DeliveryRow) -> String {
    format!(" of {}", delivery.route)
}

/// What there is to say of a delivery's state.
fn how(delivery: &DeliveryRow) -> String {
    let due = delivery.due_at.map(text).unwrap_or_default();
    match (&delivery.reason, delivery.held.as_deref(), delivery.ended_at) {
        (Some(reason), ..) => format!(": {reason}"),
        (_, Some("order"), _) => ": an earlier one of its order goes first".to_owned(),
        (_, Some("orphaned"), _) => ": waits, its route is not configured".to_owned(),
        (_, Some(held), _) => format!(": held for {held}"),
        (.., Some(ended)) => format!(" at {}", text(ended)),
        _ if delivery.is_leased => format!(": a process has it until {due}"),
        _ => format!(": due at {due}"),
    }
}

/// Why something is not known, and when it will be.
fn hint(known: &Known, routes: &[Explained]) -> Option<String> {
    let lacks = |route: &Explained| {
        route.verdict == "not known" && route.conditions.iter().any(|one| !one.missing.is_empty())
    };
    if !routes.iter().any(lacks) {
        return None;
    }
    let source = &known.event.source;
    Some(if known.keeps_values {
        "explain asks nobody: values are looked up when a delivery that needs them is tried, and \
         kept with the event"
            .to_owned()
    } else {
        format!(
            "of the source `{source}` no values are kept (`keep_values = false`): what a \
                 condition saw cannot be told afterwards, but by the reason of its delivery"
        )
    })
}

fn of_route<'k>(known: &'k Known, route: &str) -> impl Iterator<Item = &'k DeliveryRow> {
    known.deliveries.iter().filter(move |one| one.route == route)
}

fn of_others<'k>(known: &'k Known, routes: &[Explained]) -> impl Iterator<Item = &'k DeliveryRow> {
    let is_known = |one: &&DeliveryRow| routes.iter().any(|it| it.route == one.route);
    known.deliveries.iter().filter(move |one| !is_known(one))
}

pub(super) fn for_programs(known: &Known, routes: &[Explained]) -> Value {
    let StoredEvent { id, source, received_at, event, .. } = &known.event;
    let each = |route: &Explained| {
        json!({
            "route": route.route,
            "verdict": route.verdict,
            "reason": route.reason,
            "conditions": route.conditions.iter().map(condition).collect::<Vec<_>>(),
            "deliveries": of_route(known, &route.route).map(delivery).collect::<Vec<_>>(),
        })
    };
    let kept =
        |one: &Snapshot| json!({"kind": one.kind.as_str(), "looked_up_at": text(one.looked_up_at)});
    json!({
        "event": {
            "id": id,
            "type": event.event_type,
            "source": source.as_str(),
            "received_at": text(*received_at),
        },
        "names_learnt_at": known.names.as_ref().map(|names| text(names.learnt_at)),
        "kept": known.looked_up.iter().map(kept).collect::<Vec<_>>(),
        "routes": routes.iter().map(each).collect::<Vec<_>>(),
        "other_deliveries": of_others(known, routes).map(delivery).collect::<Vec<_>>(),
        "hint": hint(known, routes),
    })
}

fn condition(one: &Condition) -> Value {
    let mut shown = json!({
        "condition": one.key,
        "wants": one.wants,
        "saw": one.saw,
        "holds": one.holds,
    });
    if let Some(values) = &one.values {
        shown["values"] = values.clone();
        shown["not_looked_up"] = json!(one.missing);
    }
    shown
}

fn delivery(one: &DeliveryRow) -> Value {
    json!({
        "id": one.id,
        "route": one.route,
        "action": one.action,
        "state": one.state,
        "held": one.held,
        "leased": one.is_leased,
        "reason": one.reason,
        "tries": one.tries,
        "due_at": one.due_at.map(text),
        "ended_at": one.ended_at.map(text),
    })
}

fn text(moment: OffsetDateTime) -> String {
    let text = moment.to_offset(UtcOffset::UTC).format(&Rfc3339);
    text.unwrap_or_else(|_| moment.to_string())
}

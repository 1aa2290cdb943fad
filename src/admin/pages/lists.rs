//! Lists with their search: events, deliveries, messages; and finding one thing by what is at hand.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use minijinja::{Value, context, value::Serde};
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Page, Pages, Problem, Visit};
use crate::{
    attio::event::KNOWN_TYPES,
    look::{Listed, ask},
    store::{self, DeliveryRow, EventRow, Search, State, Table},
};

/// Steps back in time that are one click away.
const SPANS: [(&str, &str); 4] =
    [("1h", "Last hour"), ("24h", "24 hours"), ("7d", "7 days"), ("", "Any time")];

/// An event and what became of it.
#[derive(Serialize)]
struct Outcome {
    event: EventRow,
    deliveries: Vec<DeliveryRow>,
}

impl Pages {
    pub(super) async fn events(&self, visit: &Visit) -> Result<Page, Problem> {
        let (filter, page) = match asked(Table::Events, visit) {
            Ok(asked) => asked,
            Err(wrong) => return Ok(refused("events.html", Table::Events, visit, &wrong)),
        };
        let listed = self.look().events(&filter, &page).await?;
        let mut caused: BTreeMap<Uuid, Vec<DeliveryRow>> = BTreeMap::new();
        for delivery in self.look().caused_by(&listed.items).await? {
            caused.entry(delivery.event_id).or_default().push(delivery);
        }
        let with_outcome = |event: EventRow| {
            let deliveries = caused.remove(&event.id).unwrap_or_default();
            Outcome { event, deliveries }
        };
        let items = listed.items.into_iter().map(with_outcome).collect();
        let listed = Listed { items, next: listed.next, searched_back_to: listed.searched_back_to };
        Ok(Page::new("events.html", listing(Table::Events, visit, &listed)))
    }

    pub(super) async fn deliveries(&self, visit: &Visit) -> Result<Page, Problem> {
        let (filter, page) = match asked(Table::Deliveries, visit) {
            Ok(asked) => asked,
            Err(wrong) => return Ok(refused("deliveries.html", Table::Deliveries, visit, &wrong)),
        };
        let listed = self.look().deliveries(&filter, &page).await?;
        Ok(Page::new("deliveries.html", listing(Table::Deliveries, visit, &listed)))
    }

    pub(super) async fn messages(&self, visit: &Visit) -> Result<Page, Problem> {
        let (filter, page) = match asked(Table::Messages, visit) {
            Ok(asked) => asked,
            Err(wrong) => return Ok(refused("messages.html", Table::Messages, visit, &wrong)),
        };
        let listed = self.look().messages(&filter, &page).await?;
        Ok(Page::new("messages.html", listing(Table::Messages, visit, &listed)))
    }

    /// Leads to what an id, a type or a text of an error belongs to.
    pub(super) async fn find(&self, asked: &str) -> Result<Page, Problem> {
        let at = |name: &str| {
            let asked: String = url::form_urlencoded::byte_serialize(asked.as_bytes()).collect();
            Problem::At(format!("/events?{name}={asked}"))
        };
        if asked.is_empty() {
            return Err(Problem::At("/events".to_owned()));
        }
        let Ok(id) = asked.parse::<Uuid>() else {
            let is_type = KNOWN_TYPES.contains(&asked) || asked.ends_with(".*");
            return Err(at(if is_type { "type" } else { "error" }));
        };
        if self.look().event(id, false).await?.is_some() {
            return Err(Problem::At(format!("/events/{id}")));
        }
        if self.look().delivery(id, false).await?.is_some() {
            return Err(Problem::At(format!("/deliveries/{id}")));
        }
        if self.look().message(id, false).await?.is_some() {
            return Err(Problem::At(format!("/messages/{id}")));
        }
        Err(at("record"))
    }
}

/// What a list is asked for.
fn asked(table: Table, visit: &Visit) -> Result<(Search, store::Page), String> {
    let pairs = visit.pairs.iter().map(|(name, value)| (&**name, value.trim()));
    ask::read(table, pairs, OffsetDateTime::now_utc())
}

fn listing<T: Serialize>(table: Table, visit: &Visit, listed: &Listed<T>) -> Value {
    let next = listed.next.map(|next| next.to_string());
    context! {
        items => Serde(&listed.items),
        older => next.map(|next| visit.with(&[("before", &next)])),
        searched_back_to => listed.searched_back_to.clone(),
        wrong => (),
        ..form(table, visit),
    }
}

/// The form with what was typed into it, and what is wrong with that.
fn refused(template: &'static str, table: Table, visit: &Visit, wrong: &str) -> Page {
    let values = context! {
        items => Vec::<Value>::new(),
        older => (),
        searched_back_to => (),
        wrong,
        ..form(table, visit),
    };
    Page { template, status: StatusCode::BAD_REQUEST, values }
}

fn form(table: Table, visit: &Visit) -> Value {
    let names = ask::parameters(table);
    let typed = visit.all(names);
    let is_asked = |name: &&str| !["before", "limit"].contains(name) && !typed[*name].is_empty();
    let states: Vec<_> = State::ALL.iter().map(|state| state.as_str()).collect();
    let span = |(since, label): (&str, &str)| {
        let href = visit.with(&[("since", since), ("before", "")]);
        context! { label, href, is_on => typed["since"] == since }
    };
    context! {
        is_searched => names.iter().any(is_asked),
        is_first => typed["before"].is_empty(),
        newest => visit.with(&[("before", "")]),
        spans => SPANS.into_iter().map(span).collect::<Vec<_>>(),
        types => KNOWN_TYPES,
        states,
        asked => Serde(&typed),
    }
}

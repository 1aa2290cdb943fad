//! Which deliveries a command is about: ids, or filters, or both.

use anyhow::{Context, bail};
use clap::{Args, builder::PossibleValuesParser, builder::TypedValueParser};
use serde_json::{Map, Value};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use super::moment;
use crate::store::{DeliveryState, Filter, Lane};

/// Which deliveries are meant; those that fit all that is given.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Deliveries, by id.
    #[arg(value_name = "ID")]
    pub(super) ids: Vec<Uuid>,
    /// Made then or later: a time such as 2026-11-22T09:00:00Z, or how long ago, such as 2h.
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    since: Option<OffsetDateTime>,
    /// Made before that.
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    until: Option<OffsetDateTime>,
    /// Of this route.
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
    /// For this action.
    #[arg(long, value_name = "NAME")]
    action: Option<String>,
    /// In this state; may be given more than once.
    #[arg(long = "state", value_name = "STATE", value_parser = states())]
    pub(super) states: Vec<DeliveryState>,
    /// Of messages to this source.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Of events of this type.
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// About this object: its id, or its slug.
    #[arg(long, value_name = "OBJECT")]
    object: Option<String>,
    /// About this record.
    #[arg(long, value_name = "ID")]
    record: Option<Uuid>,
    /// Whose reason, or whose attempt's error, holds this text.
    #[arg(long, value_name = "TEXT")]
    error: Option<String>,
}

fn states() -> impl TypedValueParser<Value = DeliveryState> {
    PossibleValuesParser::new(DeliveryState::ALL.iter().map(|state| state.as_str()))
        .map(|word| DeliveryState::of(&word).expect("only words of states are taken"))
}

impl Which {
    /// Whether nothing at all was said.
    pub(super) fn is_nothing(&self) -> bool {
        self.ids.is_empty() && self.details().is_empty()
    }

    /// As the store takes it. What the store has learnt tells which object a slug stands for.
    pub(super) async fn filter(&self, lane: &mut Lane) -> anyhow::Result<Filter> {
        let object = match &self.object {
            Some(slug) if Uuid::parse_str(slug).is_err() => Some(object_id(lane, slug).await?),
            other => other.clone(),
        };
        Ok(Filter {
            ids: self.ids.clone(),
            since: self.since,
            until: self.until,
            states: self.states.clone(),
            unreplayed: false,
            route: self.route.clone(),
            action: self.action.clone(),
            source: self.source.clone(),
            event_type: self.event_type.clone(),
            object,
            record: self.record.map(|record| record.to_string()),
            error: self.error.clone(),
        })
    }

    /// The times, by the names of their options.
    pub(super) fn times(&self) -> [(&'static str, Option<OffsetDateTime>); 2] {
        [("--since", self.since), ("--until", self.until)]
    }

    /// What was said, for the record of who did what.
    pub(super) fn details(&self) -> Map<String, Value> {
        let time = |moment: Option<OffsetDateTime>| moment.and_then(|it| it.format(&Rfc3339).ok());
        let states: Vec<_> = self.states.iter().map(|state| state.as_str()).collect();
        let ids = (!self.ids.is_empty()).then_some(self.ids.len());
        let said: [(&str, Option<Value>); 11] = [
            ("ids", ids.map(Value::from)),
            ("since", time(self.since).map(Value::from)),
            ("until", time(self.until).map(Value::from)),
            ("route", self.route.clone().map(Value::from)),
            ("action", self.action.clone().map(Value::from)),
            ("states", (!states.is_empty()).then(|| states.into())),
            ("source", self.source.clone().map(Value::from)),
            ("type", self.event_type.clone().map(Value::from)),
            ("object", self.object.clone().map(Value::from)),
            ("record", self.record.map(|record| record.to_string().into())),
            ("error", self.error.clone().map(Value::from)),
        ];
        let said = said.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        said.collect()
    }
}

async fn object_id(lane: &mut Lane, slug: &str) -> anyhow::Result<String> {
    let names = lane.catalog(None).await?;
    let names = names.context("no names were learnt yet: give the object's id")?;
    match names.catalog.objects.into_iter().find(|object| object.slug == slug) {
        Some(object) => Ok(object.id),
        None => bail!("no object `{slug}` is known"),
    }
}

//! Which deliveries are meant: ids, or filters, or both.

use serde_json::{Map, Value};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use super::Refusal;
use crate::store::{DeliveryState, Filter, Lane};

/// Which deliveries are meant: those that fit all that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Which {
    /// One of these, where any is given.
    pub ids: Vec<Uuid>,
    /// Made then or later.
    pub since: Option<OffsetDateTime>,
    /// Made before that.
    pub until: Option<OffsetDateTime>,
    /// Of this route.
    pub route: Option<String>,
    /// For this action.
    pub action: Option<String>,
    /// In one of these states, where any is given.
    pub states: Vec<DeliveryState>,
    /// Of messages to this source.
    pub source: Option<String>,
    /// Of events of this type; `list-entry.*` stands for all that begin so.
    pub event_type: Option<String>,
    /// About this object: its id, or its slug.
    pub object: Option<String>,
    /// About this record.
    pub record: Option<Uuid>,
    /// Whose reason, or whose attempt's error, holds this text.
    pub error: Option<String>,
    /// Whose reason is this one, but for ids and long numbers.
    pub alike: Option<String>,
    /// Ended before that.
    pub ended_until: Option<OffsetDateTime>,
}

impl Which {
    /// Whether nothing at all was said.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.details().is_empty()
    }

    /// As the store takes it. What the store has learnt tells which object a slug stands for.
    ///
    /// # Errors
    /// [`Refusal::Wrong`] when no object of that slug is known, or the store's.
    pub async fn filter(&self, lane: &mut Lane) -> Result<Filter, Refusal> {
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
            alike: self.alike.clone(),
            ended_until: self.ended_until,
            most: None,
        })
    }

    /// What was said, for the record of who did what.
    #[must_use]
    pub fn details(&self) -> Map<String, Value> {
        let time = |moment: Option<OffsetDateTime>| moment.and_then(|it| it.format(&Rfc3339).ok());
        let states: Vec<_> = self.states.iter().map(|state| state.as_str()).collect();
        let ids = (!self.ids.is_empty()).then_some(self.ids.len());
        let said: [(&str, Option<Value>); 13] = [
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
            ("alike", self.alike.clone().map(Value::from)),
            ("ended_until", time(self.ended_until).map(Value::from)),
        ];
        let said = said.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        said.collect()
    }
}

async fn object_id(lane: &mut Lane, slug: &str) -> Result<String, Refusal> {
    let Some(names) = lane.catalog(None).await? else {
        return Err(Refusal::Wrong("no names were learnt yet: give the object's id".to_owned()));
    };
    match names.catalog.object(slug) {
        Some(object) => Ok(object.id.clone()),
        None => Err(Refusal::Wrong(format!("no object `{slug}` is known"))),
    }
}

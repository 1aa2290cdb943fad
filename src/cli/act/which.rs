//! Which deliveries a command is about, as arguments.

use clap::{Args, builder::PossibleValuesParser, builder::TypedValueParser};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{act, look::ask, store::DeliveryState};

/// Which deliveries are meant; those that fit all that is given.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Deliveries, by id.
    #[arg(value_name = "ID")]
    pub(super) ids: Vec<Uuid>,
    /// Made then or later: a time such as 2026-11-22T09:00:00Z, or how long ago, such as 2h.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<OffsetDateTime>,
    /// Made before that.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<OffsetDateTime>,
    /// Of this route.
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
    /// For this action.
    #[arg(long, value_name = "NAME")]
    action: Option<String>,
    /// In this state; may be given more than once.
    #[arg(long = "state", value_name = "STATE", value_parser = states())]
    states: Vec<DeliveryState>,
    /// Of messages to this source.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Of events of this type; `list-entry.*` stands for all that begin so.
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

fn moment(text: &str) -> Result<OffsetDateTime, String> {
    ask::moment(text, OffsetDateTime::now_utc())
}

fn states() -> impl TypedValueParser<Value = DeliveryState> {
    PossibleValuesParser::new(DeliveryState::ALL.iter().map(|state| state.as_str()))
        .map(|word| DeliveryState::of(&word).expect("only words of states are taken"))
}

impl Which {
    /// What was said.
    pub(super) fn meant(&self) -> act::Which {
        act::Which {
            ids: self.ids.clone(),
            since: self.since,
            until: self.until,
            route: self.route.clone(),
            action: self.action.clone(),
            states: self.states.clone(),
            source: self.source.clone(),
            event_type: self.event_type.clone(),
            object: self.object.clone(),
            record: self.record,
            error: self.error.clone(),
            alike: None,
            ended_until: None,
        }
    }

    /// The times, by the names of their options.
    pub(super) fn times(&self) -> [(&'static str, Option<OffsetDateTime>); 2] {
        [("--since", self.since), ("--until", self.until)]
    }
}

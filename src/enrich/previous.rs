//! What was before a change, from the history that Attio keeps of each attribute.

use serde_json::Value;
use time::OffsetDateTime;

use super::{About, Enrich, Owner, Setback, Thing};
use crate::{
    attio::{
        catalog::{Catalog, Holder},
        value,
    },
    job::Values,
};

impl Enrich {
    /// The record or entry as it was before what changed; null for events that name no attribute.
    pub(super) async fn previous(
        &self,
        about: About<'_>,
        catalog: &Catalog,
        values: &Values,
    ) -> Result<(OffsetDateTime, Value), Setback> {
        let (mut at, event) = (OffsetDateTime::now_utc(), about.event);
        let (base, id) = match event.holder() {
            Some(Holder::List(_)) => (&values.entry, &event.subject.entry_id),
            _ => (&values.record, &event.subject.record_id),
        };
        let (Some(holder), Some(id), false) = (event.holder(), id, about.changed.is_empty()) else {
            return Ok((at, Value::Null));
        };
        let mut previous = base.clone().unwrap_or_default();
        if previous.is_null() {
            return Ok((at, previous));
        }
        for (attribute, since) in about.changed {
            let Some(known) = catalog.attribute(holder, attribute) else {
                self.0.catalog.ask(Some(holder), Some(attribute));
                return Err(Setback::names(format!("what the attribute {attribute} is called")));
            };
            let history = Thing::History {
                of: Owner::new(holder),
                id: id.clone(),
                attribute: attribute.clone(),
            };
            // Attio keeps no history of attributes that it fills itself: what it was is not known.
            let former = match self.board(history, about.received_at).await {
                Ok((started_at, history)) => {
                    at = at.min(started_at);
                    match history.as_ref() {
                        Some(Value::Array(items)) => value::former(items, *since),
                        _ => Value::Null,
                    }
                }
                Err(Setback::Never(_)) => Value::Null,
                Err(later) => return Err(later),
            };
            previous[known.slug.as_str()] = former;
        }
        Ok((at, previous))
    }
}

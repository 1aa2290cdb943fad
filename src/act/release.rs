//! Letting a quarantined message in.

use serde_json::json;
use uuid::Uuid;

use super::Refusal;
use crate::{
    attio::catalog::Catalog,
    intake,
    routing::RouteTable,
    store::{Act, Deed, Lane},
};

/// What a released message caused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Released {
    /// Events that were read in it.
    pub events: usize,
    /// Deliveries that these routes made of them.
    pub deliveries: usize,
}

/// Lets a message in: its events are delivered as if it had come now.
///
/// # Errors
/// [`Refusal::Missing`]: there is no such message. [`Refusal::Unfit`]: it is not quarantined, or
/// nothing can be read in it. Or the store's.
pub async fn release(
    lane: &mut Lane,
    id: Uuid,
    routes: &RouteTable,
    who: String,
) -> Result<Released, Refusal> {
    let Some(message) = lane.message(id).await? else {
        return Err(Refusal::Missing(format!("there is no message {id} in the store")));
    };
    let Some(reason) = &message.quarantined else {
        return Err(Refusal::Unfit(format!("message {id} is not quarantined: it was accepted")));
    };
    let names = lane.catalog(None).await?;
    let none = Catalog::default();
    let catalog = names.as_ref().map_or(&none, |names| &names.catalog);
    let planned = intake::readmit(&message, routes, catalog).map_err(|unreadable| {
        Refusal::Unfit(format!(
            "message {id} cannot be let in, because nothing can be read in it: {unreadable}"
        ))
    })?;
    let act = Act::new(who, Deed::Release, &json!({"message": id, "was": reason}));
    if !patiently!(lane.release(&planned, &act))? {
        return Err(Refusal::Unfit(format!("message {id} is not quarantined any more")));
    }
    let deliveries = planned.events.iter().map(|event| event.deliveries.len()).sum();
    Ok(Released { events: planned.events.len(), deliveries })
}

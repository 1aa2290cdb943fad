//! What people do to a running relay, and what it does by itself that people undo.

mod discarding;
mod pausing;
mod releasing;
mod replaying;
mod resuming;

use attio_relay::store::{Act, Deed, Lane, LaneKind};

use crate::support::database::{TestDatabase, lane};

/// The store as a command has it, beside the relay.
fn people(db: &TestDatabase) -> Lane {
    lane(&db.bare_store(), LaneKind::Act)
}

fn act(what: Deed) -> Act {
    Act::new("ann@desk", what, &serde_json::json!({}))
}

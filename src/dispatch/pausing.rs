//! What the relay pauses by itself: an action whose destination is gone, or that runs in circles.
//!
//! The process obeys at once; the store is told, so that every process and every later start does.

use super::Shared;
use crate::store::{Act, Deed, Pause};

/// The act of the relay itself.
pub(super) fn own_act(pause: &Pause) -> Act {
    let name = format!("{}/{}", pause.kind.as_str(), pause.name);
    let details = serde_json::json!({"name": name, "by": pause.by, "reason": pause.reason});
    Act::new("attio-relay", Deed::Pause, &details)
}

/// Has the store know what was paused just now.
/// Where it cannot be told, the claim loop tells it as soon as it can.
pub(super) async fn tell_of_pauses(shared: &Shared) {
    for pause in shared.limits.untold() {
        if shared.desk.pause(pause.clone(), own_act(&pause)).await.is_ok() {
            shared.limits.told(&pause);
        }
    }
}

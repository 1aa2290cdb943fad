//! What the relay pauses by itself: an action whose destination is gone, or that runs in circles.
//!
//! The process obeys at once; the store is told, so that every process and every later start does.

use tracing::error;

use super::{Shared, roster::Runner, telling::clean};
use crate::{
    action::Failure,
    store::{Act, Deed, Pause},
};

/// Its destination answered that it is gone for good.
pub(super) fn pause_gone(shared: &Shared, runner: &Runner, gate: usize, failure: &Failure) {
    let told = "the destination says that it is gone for good; mend it";
    pause(shared, runner, gate, ("410", &failure.what), told);
}

/// Its own writes come back to it.
pub(super) fn pause_looping(shared: &Shared, runner: &Runner, gate: usize, what: &str) {
    let told = format!("{what}; mend its routes (`ignore_actors = [\"self\"]`)");
    pause(shared, runner, gate, ("loop", what), &told);
}

fn pause(shared: &Shared, runner: &Runner, gate: usize, (by, reason): (&str, &str), told: &str) {
    let name = &runner.name;
    if shared.limits.pause(gate, by, clean(reason)) {
        error!(action = %name, "paused: {told}, then run `attio-relay resume action/{name}`");
    }
}

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

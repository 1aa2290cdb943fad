//! A deal becomes Closed Won: billing is told over HTTP.

use super::{Act, Outcome, Scene, Script, print};
use crate::http::{
    fake_attio::{Actor, BUOY_DEAL, FakeAttio, INES, Refusal, TOMASZ, TUG_DEAL},
    sink::Arrival,
};

pub(super) const SCRIPT: Script = Script {
    title: "A deal becomes Closed Won: billing is told over HTTP.",
    effect: "billing is told",
    scenes: &[
        Scene {
            title: "Ines moves the deal \"Tug fleet inspection\" to Closed Won",
            act: Act::Change(|attio| stage(attio, INES, TUG_DEAL, "Closed Won")),
            outcome: Outcome::Delivered,
        },
        Scene {
            title: "Tomasz moves \"Buoy telemetry pilot\" from Lead to In Progress",
            act: Act::Change(|attio| stage(attio, TOMASZ, BUOY_DEAL, "In Progress")),
            outcome: Outcome::Skipped,
        },
        Scene {
            title: "Ines gives the deal that was won another priority",
            act: Act::Change(|attio| {
                let ines = attio.by(Actor::member(INES));
                ines.set_value("deals", TUG_DEAL, "priority", "Low")
            }),
            outcome: Outcome::Unwanted,
        },
        Scene {
            title: "Attio sends message 1 again",
            act: Act::Repeat,
            outcome: Outcome::Duplicate,
        },
    ],
};

/// What an admin has set up in Attio: the stage of the example.
pub(super) fn prepare(attio: &FakeAttio) -> Result<(), Refusal> {
    attio.by(Actor::member(INES)).add_choice("deals", "stage", "Closed Won").map(drop)
}

fn stage(attio: &FakeAttio, who: &str, deal: &str, stage: &str) -> Result<(), Refusal> {
    attio.by(Actor::member(who)).set_value("deals", deal, "stage", stage)
}

/// What billing got.
pub(super) fn told(arrivals: &[Arrival]) -> String {
    let request = |arrival: &Arrival| {
        let header = |name| {
            let value = arrival.headers.get(name).and_then(|value| value.to_str().ok());
            (name, value.unwrap_or("none").to_owned())
        };
        let headers = print::fields(["idempotency-key", "webhook-signature"].map(header));
        let body = print::folded(&arrival.text);
        format!("  POST /{}\n{headers}\n\n{body}", arrival.destination)
    };
    let requests: Vec<_> = arrivals.iter().map(request).collect();
    format!("All that billing got:\n\n{}\n", requests.join("\n\n"))
}

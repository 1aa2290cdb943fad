//! A record is put on a list: a person is told in Slack.

use serde_json::json;

use super::{Act, Outcome, Scene, Script, print};
use crate::http::{
    fake_attio::{Actor, COMPANY, ENTRY, INES, SALES_PIPELINE, TOMASZ, TUG_DEAL},
    sink::Arrival,
};

pub(super) const SCRIPT: Script = Script {
    title: "A record is put on a list: a person is told in Slack.",
    effect: "a Slack message",
    scenes: &[
        Scene {
            title: "Tomasz puts the deal \"Tug fleet inspection\" on the sales pipeline",
            act: Act::Change(|attio| {
                let values = json!({"stage": "Prospecting", "amount": 12_900.5});
                let tomasz = attio.by(Actor::member(TOMASZ));
                tomasz.add_to_list(SALES_PIPELINE, "deals", TUG_DEAL, &values).map(drop)
            }),
            outcome: Outcome::Delivered,
        },
        Scene {
            title: "Ines moves another entry of that list to Signed",
            act: Act::Change(|attio| {
                let ines = attio.by(Actor::member(INES));
                ines.set_entry_value(SALES_PIPELINE, ENTRY, "stage", "Signed")
            }),
            outcome: Outcome::Unwanted,
        },
        Scene {
            title: "Ines puts a company on the list of renewals",
            act: Act::Change(|attio| {
                let values = json!({"stage": "Upcoming"});
                let ines = attio.by(Actor::member(INES));
                ines.add_to_list("renewals", "companies", COMPANY, &values).map(drop)
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

/// What Slack got.
pub(super) fn told(arrivals: &[Arrival]) -> String {
    let call = |arrival: &Arrival| {
        let field = |name| (name, arrival.body[name].as_str().unwrap_or("none").to_owned());
        let fields = print::fields(["channel", "text"].map(field));
        format!("  POST /{}\n{fields}", arrival.destination)
    };
    let calls: Vec<_> = arrivals.iter().map(call).collect();
    format!("All that Slack got:\n\n{}\n", calls.join("\n\n"))
}

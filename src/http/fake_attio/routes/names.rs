//! `/v2/objects`, `/v2/lists` and their attributes.

use serde_json::Value;

use super::data;
use crate::http::fake_attio::{
    actor::By,
    call::Call,
    refusal::Refusal,
    world::{Attribute, Holder, Kind, World},
};

impl World {
    pub(super) fn answer_holders(
        &mut self,
        kind: Kind,
        rest: &[&str],
        call: &Call,
        by: &By,
    ) -> Result<Value, Refusal> {
        match (call.method.as_str(), rest) {
            ("GET", []) => Ok(data(self.of_kind(kind).map(Holder::show).collect::<Vec<_>>())),
            ("GET", [name]) => self.holder(kind, name).map(|holder| data(holder.show())),
            ("GET", [name, "attributes"]) => {
                let holder = self.holder(kind, name)?;
                let with_archived = call.has("show_archived");
                let shown = holder
                    .attributes
                    .iter()
                    .filter(|attribute| with_archived || !attribute.is("is_archived"))
                    .map(|attribute| &attribute.json);
                Ok(data(call.page(500, 500)?.of(shown)))
            }
            ("GET", [name, "attributes", attribute]) => {
                Ok(data(&self.holder(kind, name)?.attribute(attribute)?.json))
            }
            ("GET", [name, "attributes", attribute, what @ ("statuses" | "options")]) => {
                choices(self.holder(kind, name)?.attribute(attribute)?, what, call)
            }
            _ => self.answer_things(kind, rest, call, by),
        }
    }
}

fn choices(attribute: &Attribute, what: &str, call: &Call) -> Result<Value, Refusal> {
    let wanted = if what == "statuses" { "status" } else { "select" };
    if attribute.text("type") != wanted {
        let message = format!("The attribute \"{}\" has no {what}.", attribute.slug());
        return Err(Refusal::new(400, "validation_type", message));
    }
    let with_archived = call.has("show_archived");
    let is_shown = |choice: &&Value| with_archived || choice["is_archived"] != true;
    Ok(data(attribute.choices.iter().filter(is_shown).collect::<Vec<_>>()))
}

//! Records and list entries: `/v2/objects/{object}/records`, `/v2/lists/{list}/entries`.

use serde_json::{Value, json};

use super::{data, no_such_path};
use crate::http::fake_attio::{
    actor::By,
    call::Call,
    refusal::Refusal,
    world::{Kind, World},
};

impl World {
    pub(super) fn answer_things(
        &mut self,
        kind: Kind,
        rest: &[&str],
        call: &Call,
        _by: &By,
    ) -> Result<Value, Refusal> {
        match (kind, rest) {
            (Kind::Object, [holder, "records", rest @ ..])
            | (Kind::List, [holder, "entries", rest @ ..]) => match (call.method.as_str(), rest) {
                ("GET", [id]) => {
                    let thing = self.thing(kind, holder, id)?;
                    Ok(data(self.show(thing)))
                }
                ("GET", [id, "attributes", attribute, "values"]) => {
                    self.values(kind, holder, id, attribute, call)
                }
                ("GET", [id, "entries"]) if kind == Kind::Object => {
                    self.memberships(holder, id, call)
                }
                _ => Err(no_such_path(call)),
            },
            _ => Err(no_such_path(call)),
        }
    }

    /// The values of one attribute, with `show_historic=true` those of the past too.
    fn values(
        &self,
        kind: Kind,
        holder: &str,
        id: &str,
        attribute: &str,
        call: &Call,
    ) -> Result<Value, Refusal> {
        let slug = self.holder(kind, holder)?.attribute(attribute)?.slug();
        let history = self.thing(kind, holder, id)?.values.get(slug);
        let with_past = call.has("show_historic");
        let values = history.into_iter().flatten();
        let shown = values.filter(|value| with_past || value["active_until"].is_null());
        Ok(data(call.page(500, 500)?.of(shown)))
    }

    /// The lists that a record is on.
    fn memberships(&self, object: &str, id: &str, call: &Call) -> Result<Value, Refusal> {
        let record = self.thing(Kind::Object, object, id)?;
        let entries = self
            .things
            .iter()
            .filter(|thing| thing.parent.as_ref().is_some_and(|parent| parent.record == record.id));
        let shown = entries.map(|entry| {
            json!({
                "list_id": entry.holder,
                "list_api_slug": self.slug_of(&entry.holder),
                "entry_id": entry.id,
                "created_at": entry.created_at,
            })
        });
        Ok(data(call.page(100, 1000)?.of(shown)))
    }
}

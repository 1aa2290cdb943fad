//! Merging: two records become a new one
//! (<https://docs.attio.com/rest-api/webhook-reference/record-events/recordmerged>).

use serde_json::json;
use uuid::Uuid;

use super::{
    actor::By,
    refusal::Refusal,
    world::{Kind, World},
};

impl World {
    /// The new record has what the first had, and the second's values where the first had none.
    pub(super) fn merge(
        &mut self,
        object: &str,
        first: &str,
        second: &str,
        by: &By,
    ) -> Result<String, Refusal> {
        let first = self.thing(Kind::Object, object, first)?.clone();
        let second = self.thing(Kind::Object, object, second)?.clone();
        let id = Uuid::now_v7().to_string();
        let mut merged = first.clone();
        merged.id.clone_from(&id);
        for (slug, values) in &second.values {
            if merged.current(slug).next().is_none() {
                merged.values.insert(slug.clone(), values.clone());
            }
        }
        for value in merged.values.entry("record_id".to_owned()).or_default() {
            value["value"] = id.as_str().into();
        }
        for old in [&first.id, &second.id] {
            self.things.retain(|thing| thing.id != *old);
            for entry in &mut self.things {
                if let Some(parent) = entry.parent.as_mut().filter(|parent| parent.record == *old) {
                    parent.record.clone_from(&id);
                }
            }
            let beside = json!({"duplicate_object_id": first.holder, "duplicate_record_id": old});
            let ids = json!({"object_id": first.holder, "record_id": id});
            self.tell("record.merged", ids, beside, by);
        }
        self.things.push(merged);
        Ok(id)
    }
}

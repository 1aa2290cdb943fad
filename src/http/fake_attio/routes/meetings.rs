//! Meetings with their recordings, and activities: read only, the former paged by cursor
//! (<https://docs.attio.com/rest-api/guides/pagination>).

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{data, found, no_such_path};
use crate::http::fake_attio::{call::Call, refusal::Refusal, world::World};

impl World {
    pub(super) fn answer_meetings(&self, rest: &[&str], call: &Call) -> Result<Value, Refusal> {
        match (call.method.as_str(), rest) {
            ("GET", []) => by_cursor(self.meetings.iter(), "meeting_id", call),
            ("GET", [id]) => found(&self.meetings, "meeting_id", id, "meeting").map(data),
            ("GET", [meeting, "call_recordings"]) => {
                found(&self.meetings, "meeting_id", meeting, "meeting")?;
                let of = self.call_recordings.iter();
                let of = of.filter(|recording| recording["id"]["meeting_id"] == *meeting);
                by_cursor(of, "call_recording_id", call)
            }
            ("GET", [meeting, "call_recordings", id]) => {
                let all = &self.call_recordings;
                let recording = found(all, "call_recording_id", id, "call recording")?;
                if recording["id"]["meeting_id"] != *meeting {
                    return Err(Refusal::not_found("call recording", id));
                }
                Ok(data(recording))
            }
            _ => Err(no_such_path(call)),
        }
    }

    pub(super) fn answer_activities(&self, rest: &[&str], call: &Call) -> Result<Value, Refusal> {
        let by_name = |name: &str| {
            let is_it = |activity: &&Value| {
                activity["id"]["activity_id"] == name || activity["api_slug"] == name
            };
            let activity = self.activities.iter().find(is_it);
            activity.ok_or_else(|| Refusal::not_found("activity", name))
        };
        match (call.method.as_str(), rest) {
            ("GET", []) => by_cursor(self.activities.iter(), "activity_id", call),
            ("GET", [name]) => by_name(name).map(data),
            ("GET", [name, "records", id]) => {
                by_name(name)?;
                found(&self.activity_records, "record_id", id, "activity record").map(data)
            }
            _ => Err(no_such_path(call)),
        }
    }
}

/// One page, and the cursor of the next.
fn by_cursor<'w>(
    all: impl Iterator<Item = &'w Value>,
    id_field: &str,
    call: &Call,
) -> Result<Value, Refusal> {
    let mut left: Vec<&Value> = all.collect();
    if let Some(cursor) = call.parameter("cursor") {
        let last = read_cursor(cursor)
            .and_then(|after| left.iter().position(|each| each["id"][id_field] == after.as_str()));
        let last = last
            .ok_or_else(|| Refusal::new(400, "validation_type", "The cursor could not be read."))?;
        left.drain(..=last);
    }
    let page = call.page(50, 200)?.of(left.iter());
    let has_more = page.len() < left.len();
    let last = page.last().and_then(|last| last["id"][id_field].as_str());
    let next = last.filter(|_| has_more).map(|id| BASE64_STANDARD.encode(format!("after:{id}")));
    Ok(json!({"data": page, "pagination": {"next_cursor": next}}))
}

fn read_cursor(cursor: &str) -> Option<String> {
    let text = String::from_utf8(BASE64_STANDARD.decode(cursor).ok()?).ok()?;
    text.strip_prefix("after:").map(str::to_owned)
}

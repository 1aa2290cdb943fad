//! Which scopes a call needs: the table of scopes on each endpoint's page under
//! <https://docs.attio.com/rest-api/endpoint-reference>.

use super::call::{Access, Call};

/// Everything that a token can be granted, as far as the fake serves it.
pub(super) const ALL: &str = "activity_configuration:read activity_record:read call_recording:read \
    comment:read-write list_configuration:read list_entry:read-write meeting:read \
    note:read-write object_configuration:read record_permission:read-write task:read-write \
    user_management:read webhook:read-write";

/// Whether a token with these scopes, parted by spaces, may make the call.
pub(super) fn allow(granted: &str, call: &Call) -> bool {
    let access = if call.access() == Access::Read { "read" } else { "read-write" };
    let is_granted = |area: &str, access: &str| {
        granted.split_whitespace().any(|scope| match scope.split_once(':') {
            Some((known, "read-write")) => known == area,
            Some((known, given)) => known == area && given == access,
            None => false,
        })
    };
    let allows = |(area, is_only_read): &(&str, bool)| {
        is_granted(area, if *is_only_read { "read" } else { access })
    };
    needs(&call.parts()).iter().all(allows)
}

/// The areas of a path, and whether they are only ever read.
fn needs(parts: &[&str]) -> &'static [(&'static str, bool)] {
    match parts {
        ["objects", _, "records", _, "entries"] => {
            &[("record_permission", false), ("object_configuration", true), ("list_entry", true)]
        }
        ["objects", _, "records", ..] => {
            &[("record_permission", false), ("object_configuration", true)]
        }
        ["objects", ..] => &[("object_configuration", false)],
        ["lists", _, "entries", ..] => &[("list_entry", false), ("list_configuration", true)],
        ["lists", ..] => &[("list_configuration", false)],
        ["workspace_members", ..] => &[("user_management", false)],
        ["notes", ..] => &[("note", false)],
        ["tasks", ..] => &[("task", false)],
        ["comments", ..] => &[("comment", false)],
        ["webhooks", ..] => &[("webhook", false)],
        ["meetings", _, "call_recordings", ..] => &[("meeting", true), ("call_recording", false)],
        ["meetings", ..] => &[("meeting", false)],
        ["activities", _, "records", ..] => {
            &[("activity_record", false), ("activity_configuration", true)]
        }
        ["activities", ..] => &[("activity_configuration", false)],
        _ => &[],
    }
}

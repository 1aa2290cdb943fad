//! What objects, lists and attributes are called: a UUID is an id, anything else a slug.

use uuid::Uuid;

use super::Check;
use crate::config::{document::Place, meant::Name};

/// An id, or a slug where Attio can be asked what it stands for.
pub(super) fn attio_name(check: &mut Check<'_, '_>, place: &Place, typed: &str) -> Name {
    if let Ok(id) = Uuid::try_parse(typed) {
        // As Attio writes it in events.
        return Name::Id(id.hyphenated().to_string());
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    if typed.is_empty() || !typed.chars().all(is_plain) {
        check.error(place, format!("`{typed}` is neither a slug nor an id")).help(
            "a slug has letters, digits, `_` and `-`, such as \"deals\"; it is not the title",
        );
    } else {
        check.needs_attio(place, &format!("`{typed}` is a slug: its id must be looked up"));
    }
    Name::Slug(typed.to_owned())
}

//! `when`: the one place where a route's condition is judged before it is used.

use super::Check;
use crate::config::{document::Place, file};

/// The condition as it was typed. What it is made of, and whether its values must be looked up,
/// its compiler knows.
pub(super) fn condition(
    check: &mut Check<'_, '_>,
    place: &Place,
    typed: &file::Route,
) -> Option<String> {
    let text = typed.when.as_ref()?;
    if text.trim().is_empty() {
        check.error(&place.key("when"), "the condition is empty").help("leave `when` out");
    }
    Some(text.clone())
}

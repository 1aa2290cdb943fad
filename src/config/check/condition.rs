//! `when`: the one place where a route's condition is judged before it is used.

use std::sync::Arc;

use super::Check;
use crate::{
    config::{document::Place, file},
    routing::Condition,
};

/// The condition, compiled.
pub(super) fn condition(
    check: &mut Check<'_, '_>,
    place: &Place,
    typed: &file::Route,
) -> Option<Arc<Condition>> {
    let text = typed.when.as_ref()?;
    let place = place.key("when");
    if text.trim().is_empty() {
        check.error(&place, "the condition is empty").help("leave `when` out");
        return None;
    }
    match Condition::compile(text) {
        Ok(condition) => {
            if !condition.needs().is_empty() {
                check.needs_attio(&place, "the condition asks for values that are looked up");
            }
            Some(Arc::new(condition))
        }
        Err(error) => {
            check.error(&place, error.to_string());
            None
        }
    }
}

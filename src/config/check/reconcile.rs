//! `[reconcile]`: runs that leave no gap between them, for routes that want what they find.

use std::time::Duration;

use super::Check;
use crate::config::{document::Place, file, meant};

const DEFAULT: Duration = Duration::from_hours(24);
const SHORTEST: Duration = Duration::from_hours(1);

pub(super) fn reconcile(
    check: &mut Check<'_, '_>,
    typed: Option<&file::Reconcile>,
    routes: &[file::Route],
) -> Option<meant::Reconcile> {
    let typed = typed?;
    let place = Place::root().key("reconcile");
    let every = check.interval(&place.key("every"), typed.every.as_ref(), DEFAULT, None);
    if every < SHORTEST {
        check.error(&place.key("every"), "at least 1h: each run reads much of the workspace");
    }
    let window = check.interval(&place.key("window"), typed.window.as_ref(), every * 2, None);
    if window < every {
        check
            .error(&place.key("window"), "at least as long as `every`")
            .help("what happened between two windows would never be looked for");
    }
    check.needs_attio(&place, "`reconcile` asks Attio what changed");
    if !routes.iter().any(|route| route.reconcile == Some(true)) {
        check
            .warning(&place, "no route wants what is found")
            .help("set `reconcile = true` on the routes that do");
    }
    Some(meant::Reconcile { every, window })
}

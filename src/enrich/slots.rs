//! Which place among the values each kind of snapshot has.

use serde_json::{Value, json};

use crate::{
    attio::catalog::Catalog,
    job::Values,
    routing::Needs,
    store::{Snapshot, SnapshotKind},
};

pub(super) fn kinds(needs: Needs) -> impl Iterator<Item = SnapshotKind> {
    [
        (needs.record, SnapshotKind::Record),
        (needs.entry, SnapshotKind::Entry),
        (needs.previous, SnapshotKind::Previous),
        (needs.actor, SnapshotKind::Actor),
        (needs.workspace, SnapshotKind::Workspace),
        (needs.note, SnapshotKind::Note),
        (needs.task, SnapshotKind::Task),
        (needs.comment, SnapshotKind::Comment),
        (needs.meeting, SnapshotKind::Meeting),
    ]
    .into_iter()
    .filter_map(|(is_needed, kind)| is_needed.then_some(kind))
}

pub(super) fn slot(values: &mut Values, kind: SnapshotKind) -> &mut Option<Value> {
    match kind {
        SnapshotKind::Record => &mut values.record,
        SnapshotKind::Entry => &mut values.entry,
        SnapshotKind::Previous => &mut values.previous,
        SnapshotKind::Actor => &mut values.actor,
        SnapshotKind::Workspace => &mut values.workspace,
        SnapshotKind::Note => &mut values.note,
        SnapshotKind::Task => &mut values.task,
        SnapshotKind::Comment => &mut values.comment,
        SnapshotKind::Meeting => &mut values.meeting,
    }
}

/// What was kept; what cannot be read any more is looked up again.
pub(super) fn place(values: &mut Values, snapshot: &Snapshot) {
    if let Ok(value) = serde_json::from_slice(&snapshot.value) {
        *slot(values, snapshot.kind) = Some(value);
    }
}

/// What the token's owner is.
pub(super) fn workspace(catalog: &Catalog) -> Value {
    catalog.identity.as_ref().map_or(Value::Null, |identity| {
        json!({
            "id": identity.workspace_id,
            "name": identity.workspace_name,
            "slug": identity.workspace_slug,
        })
    })
}

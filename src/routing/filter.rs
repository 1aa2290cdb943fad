//! Whether a route wants an event, as far as the event and a catalog can tell.
//!
//! A rule that names ids only never looks into the catalog. What cannot be told yet is neither yes
//! nor no: whoever asks decides what to do about it.

use super::Rule;
use crate::{
    attio::{
        catalog::{Attribute, Catalog},
        event::Event,
    },
    config::{ActorPattern, Name},
};

/// What a route asks of an event, but for values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Its type.
    On,
    /// The object of its subject.
    Object,
    /// The list of its subject.
    List,
    /// The attribute that changed.
    Changed,
    /// Who did it.
    IgnoreActors,
}

impl Filter {
    /// All of them, in the order in which they are looked at.
    pub const ALL: [Self; 5] =
        [Self::On, Self::Object, Self::List, Self::Changed, Self::IgnoreActors];

    /// Its key in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Object => "object",
            Self::List => "list",
            Self::Changed => "changed",
            Self::IgnoreActors => "ignore_actors",
        }
    }
}

impl Rule {
    /// Whether nothing rules the event out, as far as is known.
    pub(super) fn may_want(&self, event: &Event, catalog: &Catalog) -> bool {
        self.type_fits(event)
            && self.object_fits(event, catalog) != Some(false)
            && self.list_fits(event, catalog) != Some(false)
            && self.change_fits(event, catalog) != Some(false)
            && self.actor_fits(event, catalog) != Some(false)
    }

    /// Whether an event satisfies a filter; `None` when that cannot be told yet.
    pub(super) fn fits(&self, filter: Filter, event: &Event, catalog: &Catalog) -> Option<bool> {
        match filter {
            Filter::On => Some(self.type_fits(event)),
            Filter::Object => self.object_fits(event, catalog),
            Filter::List => self.list_fits(event, catalog),
            Filter::Changed => self.change_fits(event, catalog),
            Filter::IgnoreActors => self.actor_fits(event, catalog),
        }
    }

    fn type_fits(&self, event: &Event) -> bool {
        self.on.iter().any(|pattern| pattern.matches(&event.event_type))
    }

    fn object_fits(&self, event: &Event, catalog: &Catalog) -> Option<bool> {
        let id = event.subject.object_id.as_deref();
        subject_fits(self.object.as_ref(), id, |slug, id| {
            let known = catalog.objects.iter().map(|one| (one.id.as_str(), one.slug.as_str()));
            stands_for(slug, id, known).filter(|_| !is_foreign(event, catalog))
        })
    }

    fn list_fits(&self, event: &Event, catalog: &Catalog) -> Option<bool> {
        let id = event.subject.list_id.as_deref();
        subject_fits(self.list.as_ref(), id, |slug, id| {
            let known = catalog.lists.iter().map(|one| (one.id.as_str(), one.slug.as_str()));
            stands_for(slug, id, known).filter(|_| !is_foreign(event, catalog))
        })
    }

    fn change_fits(&self, event: &Event, catalog: &Catalog) -> Option<bool> {
        if self.changed.is_empty() {
            return Some(true);
        }
        let Some(id) = event.attribute_id.as_deref() else {
            return Some(false);
        };
        if self.changed.iter().any(|name| matches!(name, Name::Id(wanted) if wanted == id)) {
            return Some(true);
        }
        let mut slugs = self.changed.iter().filter(|name| name.is_slug()).peekable();
        let Some(holder) = slugs.peek().and_then(|_| event.holder()) else {
            return Some(false);
        };
        let known = catalog.attributes(holder).filter(|_| !is_foreign(event, catalog))?;
        any(slugs.map(|slug| is_attribute(slug.as_str(), id, known)))
    }

    fn actor_fits(&self, event: &Event, catalog: &Catalog) -> Option<bool> {
        any(self.ignore_actors.iter().map(|ignored| ignored.fits(event, catalog)))
            .map(|is_ignored| !is_ignored)
    }
}

impl ActorPattern {
    /// Whether the event's actor is meant; `None` when that cannot be told yet.
    fn fits(&self, event: &Event, catalog: &Catalog) -> Option<bool> {
        match self {
            Self::Own => catalog.is_self(event.actor_type.as_deref(), event.actor_id.as_deref()),
            Self::Like { kind, id } => Some(
                event.actor_type.as_ref() == Some(kind) && (id.is_none() || *id == event.actor_id),
            ),
        }
    }
}

/// Whether the token that the catalog was learnt with is another workspace's than the event: what
/// it says about names says nothing about this event.
pub(super) fn is_foreign(event: &Event, catalog: &Catalog) -> bool {
    match (&event.workspace_id, &catalog.identity) {
        (Some(of_event), Some(identity)) => *of_event != identity.workspace_id,
        (None, _) | (_, None) => false,
    }
}

fn subject_fits(
    wanted: Option<&Name>,
    id: Option<&str>,
    by_slug: impl FnOnce(&str, &str) -> Option<bool>,
) -> Option<bool> {
    match (wanted, id) {
        (None, _) => Some(true),
        (Some(_), None) => Some(false),
        (Some(Name::Id(wanted)), Some(id)) => Some(wanted == id),
        (Some(Name::Slug(wanted)), Some(id)) => by_slug(wanted, id),
    }
}

/// Whether a slug stands for an id, going by all pairs (id, slug) that are known.
fn stands_for<'k>(
    slug: &str,
    id: &str,
    mut known: impl Iterator<Item = (&'k str, &'k str)>,
) -> Option<bool> {
    known.find_map(|(known_id, known_slug)| match (known_id == id, known_slug == slug) {
        (true, is_it) => Some(is_it),
        // Slugs are unique: it stands for something else.
        (false, true) => Some(false),
        (false, false) => None,
    })
}

fn is_attribute(slug: &str, id: &str, known: &[Attribute]) -> Option<bool> {
    stands_for(slug, id, known.iter().map(|one| (one.id.as_str(), one.slug.as_str())))
}

/// Whether any is so: for certain when one is, and not when one may be.
fn any(all: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut found = Some(false);
    for one in all {
        match one {
            Some(true) => return Some(true),
            Some(false) => {}
            None => found = None,
        }
    }
    found
}

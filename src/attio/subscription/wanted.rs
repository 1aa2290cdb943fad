//! What each route wants of each type, in the words of filters.
//!
//! Slugs become ids here. One that nothing in the workspace has makes the whole plan useless: who
//! knows what would not be brought.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{
    Condition, actors,
    fit::{ATTRIBUTE, Clause, Holders, LIST, OBJECT},
};
use crate::{
    attio::{
        catalog::{Attribute, Catalog},
        event::KNOWN_TYPES,
    },
    config::{Name, Route, nearest},
    name::RouteName,
};

/// A slug in a route that nothing in the workspace has.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct UnknownName {
    /// The route that uses it.
    pub route: String,
    /// `object`, `list` or `attribute`.
    pub what: &'static str,
    /// The slug.
    pub name: String,
    /// What was probably meant.
    pub meant: Option<String>,
}

/// What the routes want.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// For each type the clauses, each with the route that has it.
    pub(super) types: BTreeMap<String, Vec<(RouteName, Clause)>>,
    /// Slugs that do not exist.
    pub(super) unknown: Vec<UnknownName>,
    /// Whether objects' attributes are named by slug.
    pub(super) names_objects: bool,
    /// Whether lists or their attributes are named by slug.
    pub(super) names_lists: bool,
}

/// Reads the routes.
pub(super) fn wanted(routes: &[Route], catalog: &Catalog) -> Wanted {
    let mut wanted = Wanted::default();
    for route in routes {
        let mut reader = Reader { route, catalog, wanted: &mut wanted };
        reader.read();
    }
    wanted
}

/// Which attribute belongs to what.
pub(super) fn holders(catalog: &Catalog) -> Holders {
    let objects = catalog.objects.iter().map(|one| (&one.id, &one.attributes));
    let lists = catalog.lists.iter().map(|one| (&one.id, &one.attributes));
    let mut holders = Holders::new();
    for (holder, attributes) in objects.chain(lists) {
        for attribute in attributes.iter().flatten() {
            holders
                .entry(attribute.id.clone())
                .and_modify(|sole| *sole = None)
                .or_insert_with(|| Some(holder.clone()));
        }
    }
    holders
}

/// The known types that an entry of `on` stands for; one that is not known stands for itself.
fn expand(pattern: &str) -> Vec<&str> {
    match pattern.strip_suffix('*') {
        Some(prefix) => KNOWN_TYPES.into_iter().filter(|known| known.starts_with(prefix)).collect(),
        None => vec![pattern],
    }
}

/// Where events of a type carry the object and the list of their subject.
fn subject_fields(event_type: &str) -> (Option<&'static str>, Option<&'static str>) {
    match event_type.split('.').next().unwrap_or_default() {
        "record" | "object-attribute" => (Some(OBJECT), None),
        "list-entry" => (Some("parent_object_id"), Some(LIST)),
        "note" | "note-content" => (Some("parent_object_id"), None),
        "comment" => (Some("object_id"), Some("list_id")),
        "list-attribute" => (None, Some(LIST)),
        _ => (None, None),
    }
}

/// Whether events of a type may say which attribute changed. Of unknown types nothing is known.
fn names_an_attribute(event_type: &str) -> bool {
    matches!(event_type, "record.updated" | "list-entry.updated")
        || event_type.split('.').next().is_some_and(|stem| stem.ends_with("-attribute"))
        || !KNOWN_TYPES.contains(&event_type)
}

/// What the attribute that an event of this type names belongs to: an object or a list, told by the
/// field that names it.
fn attribute_of(event_type: &str) -> Option<&'static str> {
    match event_type.split('.').next() {
        Some("record" | "object-attribute") => Some(OBJECT),
        Some("list-entry" | "list-attribute") => Some(LIST),
        _ => None,
    }
}

/// The attributes of the objects or lists that a route may be about.
fn of<'c>(
    wanted: Option<&'c str>,
    holders: impl Iterator<Item = (&'c str, &'c Option<Vec<Attribute>>)>,
) -> impl Iterator<Item = &'c Attribute> {
    holders
        .filter(move |(id, _)| wanted.is_none_or(|wanted| wanted == *id))
        .flat_map(|(_, attributes)| attributes.iter().flatten())
}

/// The conditions on the subject; `None` when no event of the type can meet them.
fn subject(event_type: &str, object: Option<&str>, list: Option<&str>) -> Option<Clause> {
    let (object_field, list_field) = subject_fields(event_type);
    let mut clause = Clause::new();
    for (wanted, field) in [(object, object_field), (list, list_field)] {
        if let Some(id) = wanted {
            clause.insert(Condition::equals(field?, id));
        }
    }
    Some(clause)
}

/// What `changed` stands for: a slug for attributes of whatever the event is about, an id for itself.
#[derive(Default)]
struct Attributes {
    by_id: Vec<String>,
    of_objects: Vec<String>,
    of_lists: Vec<String>,
}

impl Attributes {
    fn for_type(&self, event_type: &str) -> impl Iterator<Item = &String> {
        let by_slug = match attribute_of(event_type) {
            Some(LIST) => self.of_lists.as_slice(),
            Some(_) => &self.of_objects,
            None => &[],
        };
        self.by_id.iter().chain(by_slug)
    }
}

struct Reader<'r> {
    route: &'r Route,
    catalog: &'r Catalog,
    wanted: &'r mut Wanted,
}

impl Reader<'_> {
    fn read(&mut self) {
        let object = self.object();
        let list = self.list();
        let attributes = self.attributes(object.as_deref(), list.as_deref());
        let actors = actors::all_but(&self.route.ignore_actors, self.catalog.identity.as_ref());
        for event_type in self.route.on.iter().flat_map(|pattern| expand(pattern)) {
            let Some(subject) = subject(event_type, object.as_deref(), list.as_deref()) else {
                continue;
            };
            let changed: Vec<Option<&String>> = if self.route.changed.is_empty() {
                vec![None]
            } else if names_an_attribute(event_type) {
                attributes.for_type(event_type).map(Some).collect()
            } else {
                continue;
            };
            let mut clauses = Vec::new();
            for attribute in changed {
                for actors in &actors {
                    let mut clause = subject.clone();
                    clause.extend(attribute.map(|id| Condition::equals(ATTRIBUTE, id)));
                    clause.extend(actors.iter().cloned());
                    clauses.push((self.route.name.clone(), clause));
                }
            }
            if !clauses.is_empty() {
                self.wanted.types.entry(event_type.to_owned()).or_default().extend(clauses);
            }
        }
    }

    fn object(&mut self) -> Option<String> {
        let name = self.route.object.as_ref()?;
        if let Some(object) = self.catalog.object(name.as_str()) {
            self.wanted.names_objects |= name.is_slug();
            return Some(object.id.clone());
        }
        let known = self.catalog.objects.iter().map(|object| object.slug.as_str());
        Some(self.id_or_unknown("object", name, known))
    }

    fn list(&mut self) -> Option<String> {
        let name = self.route.list.as_ref()?;
        if let Some(list) = self.catalog.list(name.as_str()) {
            self.wanted.names_lists |= name.is_slug();
            return Some(list.id.clone());
        }
        let known = self.catalog.lists.iter().map(|list| list.slug.as_str());
        Some(self.id_or_unknown("list", name, known))
    }

    /// The attributes that `changed` names.
    fn attributes(&mut self, object: Option<&str>, list: Option<&str>) -> Attributes {
        let catalog = self.catalog;
        let objects = catalog.objects.iter().map(|one| (one.id.as_str(), &one.attributes));
        let lists = catalog.lists.iter().map(|one| (one.id.as_str(), &one.attributes));
        // Of an object that does not exist nothing can be said but that.
        let object =
            object.filter(|id| catalog.object(id).is_some() || Uuid::try_parse(id).is_ok());
        let list = list.filter(|id| catalog.list(id).is_some() || Uuid::try_parse(id).is_ok());
        let is_about = |holder| {
            let on = self.route.on.iter().flat_map(|pattern| expand(pattern));
            on.into_iter().any(|event_type| attribute_of(event_type) == Some(holder))
        };
        let of_objects: Vec<_> = of(object, objects).filter(|_| is_about(OBJECT)).collect();
        let of_lists: Vec<_> = of(list, lists).filter(|_| is_about(LIST)).collect();
        let mut found = Attributes::default();
        for name in &self.route.changed {
            let Name::Slug(slug) = name else {
                found.by_id.push(name.to_string());
                continue;
            };
            let ids = |known: &[&Attribute]| -> Vec<String> {
                let called_so = known.iter().filter(|known| known.slug == *slug);
                called_so.map(|known| known.id.clone()).collect()
            };
            let (objects, lists) = (ids(&of_objects), ids(&of_lists));
            self.wanted.names_objects |= !objects.is_empty();
            self.wanted.names_lists |= !lists.is_empty();
            if objects.is_empty() && lists.is_empty() {
                let known = of_objects.iter().chain(&of_lists).map(|known| known.slug.as_str());
                self.id_or_unknown("attribute", name, known);
            }
            found.of_objects.extend(objects);
            found.of_lists.extend(lists);
        }
        found
    }

    /// An id that Attio did not tell of (it may be of a private list) stands for itself.
    fn id_or_unknown<'k>(
        &mut self,
        what: &'static str,
        name: &Name,
        known: impl Iterator<Item = &'k str>,
    ) -> String {
        if name.is_slug() {
            self.wanted.unknown.push(UnknownName {
                route: self.route.name.to_string(),
                what,
                name: name.to_string(),
                meant: nearest(name.as_str(), known).map(str::to_owned),
            });
        }
        name.to_string()
    }
}

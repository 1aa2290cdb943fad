//! Attributes that routes, conditions and templates name, and whether the objects and lists have
//! them.

use std::fmt;

use super::Online;
use crate::{
    attio::{
        catalog::{Catalog, Holder},
        value,
    },
    config::{Config, Name, Route, document::Place, suggest},
    routing::template::{self, UsedAttribute},
};

/// Every attribute that a configuration names, and where. Holds no secret.
#[derive(Debug, Clone, Default)]
pub struct AttributeUses(Vec<AttributeUse>);

/// One attribute that is named somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
struct AttributeUse {
    place: Place,
    /// Where in the template.
    at: Option<template::Place>,
    /// As it stands there, such as `record.stage`.
    words: String,
    /// Its slug or id.
    name: String,
    /// Who names it, such as "the condition of the route `won`".
    by: String,
    /// Whose it is: any of them may have it. Never empty.
    whose: Vec<Whose>,
    /// What may be named so without being an attribute.
    beside: Vec<&'static str>,
}

/// Whose attribute is meant, by the slug or id that the route says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// The object's.
    Object(String),
    /// The list's.
    List(String),
    /// That of the objects whose records the list holds.
    ParentsOf(String),
}

/// An attribute that is named and that nobody has who could have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingAttribute<'a> {
    attribute: &'a AttributeUse,
    holders: Vec<Holder<'a>>,
    meant: Option<&'a str>,
}

impl AttributeUses {
    /// All that routes and the actions that they lead to name, where it is known whose it is.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let mut uses = Vec::new();
        for (index, route) in config.routes.iter().enumerate() {
            let place = Place::root().key("routes").index(index);
            of_changed(route, &place, &mut uses);
            if let Some(when) = &route.when {
                let by = format!("the condition of the route `{}`", route.name);
                of_values(route, when.attributes(), &place.key("when"), &by, &mut uses);
            }
            for action in config.actions.iter().filter(|it| route.to.contains(&it.name)) {
                let by = format!("a template of `{}`, for the route `{}`", action.name, route.name);
                let table = Place::root().key("actions").key(action.name.as_str());
                for written in action.templates() {
                    let place = written.keys.iter().fold(table.clone(), |it, key| it.key(key));
                    of_values(route, written.attributes(), &place, &by, &mut uses);
                }
            }
        }
        Self(uses)
    }

    /// Those that nobody has, as far as the catalog knows.
    #[must_use]
    pub fn missing<'a>(&'a self, catalog: &'a Catalog) -> Vec<MissingAttribute<'a>> {
        self.0.iter().filter_map(|one| one.missing(catalog)).collect()
    }
}

fn of_changed(route: &Route, place: &Place, uses: &mut Vec<AttributeUse>) {
    let Some(whose) = whose_changes(route) else { return };
    for (index, name) in route.changed.iter().enumerate() {
        uses.push(AttributeUse {
            place: place.key("changed").index(index),
            at: None,
            words: name.to_string(),
            name: name.to_string(),
            by: format!("`changed` of the route `{}`", route.name),
            whose: whose.clone(),
            beside: Vec::new(),
        });
    }
}

fn of_values(
    route: &Route,
    named: Vec<UsedAttribute>,
    place: &Place,
    by: &str,
    uses: &mut Vec<AttributeUse>,
) {
    for UsedAttribute { of, name, place: at } in named {
        let Some(whose) = whose(route, &of) else { continue };
        let one = AttributeUse {
            place: place.clone(),
            at,
            words: format!("{of}.{name}"),
            name,
            by: by.to_owned(),
            beside: whose.iter().flat_map(Whose::beside).copied().collect(),
            whose,
        };
        if !uses.contains(&one) {
            uses.push(one);
        }
    }
}

/// Whose attributes `record`, `entry` and `previous` have in this route; `None` when that depends
/// on the event.
pub(super) fn whose(route: &Route, of: &str) -> Option<Vec<Whose>> {
    let text = Name::to_string;
    match of {
        "entry" => route.list.as_ref().map(|list| vec![Whose::List(text(list))]),
        "record" => {
            let object = route.object.as_ref().map(|object| Whose::Object(text(object)));
            let list = || route.list.as_ref().map(|list| Whose::ParentsOf(text(list)));
            object.or_else(list).map(|whose| vec![whose])
        }
        "previous" => whose_changes(route),
        _ => None,
    }
}

/// Whose attributes can have changed in this route's events.
fn whose_changes(route: &Route) -> Option<Vec<Whose>> {
    let is_of_entries = |pattern: &String| pattern.starts_with("list-entry.");
    let has_list = route.list.is_some();
    let mut all = Vec::new();
    // An event about a record is about no list, so a route with a list does not get it.
    if !has_list && !route.on.iter().all(is_of_entries) {
        all.extend(whose(route, "record")?);
    }
    if has_list || route.on.iter().any(|pattern| pattern == "*" || is_of_entries(pattern)) {
        all.extend(whose(route, "entry")?);
    }
    (!all.is_empty()).then_some(all)
}

impl Whose {
    /// What else has a name there.
    fn beside(&self) -> &'static [&'static str] {
        match self {
            Self::Object(_) | Self::ParentsOf(_) => &value::OF_RECORDS,
            Self::List(_) => &value::OF_ENTRIES,
        }
    }

    /// The objects and lists that this stands for; none when that is not known.
    pub(super) fn holders<'a>(&'a self, catalog: &'a Catalog) -> Vec<Holder<'a>> {
        match self {
            Self::Object(name) => vec![Holder::Object(name)],
            Self::List(name) => vec![Holder::List(name)],
            Self::ParentsOf(list) => {
                let parents = catalog.list(list).map(|list| &list.parent_objects[..]);
                parents.unwrap_or_default().iter().map(|slug| Holder::Object(slug)).collect()
            }
        }
    }
}

impl AttributeUse {
    fn missing<'a>(&'a self, catalog: &'a Catalog) -> Option<MissingAttribute<'a>> {
        if self.beside.contains(&self.name.as_str()) {
            return None;
        }
        let holders: Vec<_> = self.whose.iter().flat_map(|it| it.holders(catalog)).collect();
        let mut known = Vec::new();
        for holder in &holders {
            known.extend(catalog.attributes(*holder)?);
        }
        let has_it = known.iter().any(|it| it.slug == self.name || it.id == self.name);
        if holders.is_empty() || has_it {
            return None;
        }
        let slugs = known.into_iter().map(|it| it.slug.as_str());
        let meant = suggest::nearest(&self.name, slugs.chain(self.beside.iter().copied()));
        Some(MissingAttribute { attribute: self, holders, meant })
    }
}

impl<'a> MissingAttribute<'a> {
    /// Who does not have it.
    #[must_use]
    pub fn holders(&self) -> &[Holder<'a>] {
        &self.holders
    }

    /// What it is called, by its slug or id.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.attribute.name
    }
}

/// What is wrong, in a sentence without a full stop.
impl fmt::Display for MissingAttribute<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, holder) in self.holders.iter().enumerate() {
            let (what, name) = match holder {
                Holder::Object(name) => ("object", name),
                Holder::List(name) => ("list", name),
            };
            write!(out, "{}the {what} `{name}`", if index == 0 { "" } else { " and " })?;
        }
        let verb = if self.holders.len() == 1 { "has" } else { "have" };
        write!(out, " {verb} no attribute `{}`, which {} names", self.name(), self.attribute.by)
    }
}

pub(super) fn check(online: &mut Online<'_, '_>) {
    let uses = AttributeUses::new(online.config);
    for missing in uses.missing(&online.told.catalog) {
        let AttributeUse { place, at, words, .. } = missing.attribute;
        let span = online.spot(place, *at, words);
        online.report.error(span, missing.to_string()).suggest(missing.meant);
    }
}

//! What has to be looked at: what the routes that want made events ask for, as far as Attio tells.

use std::collections::BTreeSet;

use crate::{
    attio::{
        catalog::{Attribute, Catalog, Holder},
        event::KNOWN_TYPES,
    },
    config::{Name, Route},
    routing::TypePattern,
};

/// The changes that leave a trace.
pub(super) const RECORD_CREATED: &str = "record.created";
pub(super) const RECORD_UPDATED: &str = "record.updated";
pub(super) const ENTRY_CREATED: &str = "list-entry.created";
pub(super) const ENTRY_UPDATED: &str = "list-entry.updated";
pub(super) const NOTE_CREATED: &str = "note.created";
pub(super) const TASK_CREATED: &str = "task.created";

const TRACEABLE: [&str; 6] =
    [RECORD_CREATED, RECORD_UPDATED, ENTRY_CREATED, ENTRY_UPDATED, NOTE_CREATED, TASK_CREATED];

/// Records or list entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Records,
    Entries,
}

/// The records of one object, or the entries of one list.
#[derive(Debug, Clone)]
pub(super) struct Survey {
    pub(super) kind: Kind,
    /// The object's or list's id.
    pub(super) id: String,
    pub(super) slug: String,
    /// New ones are looked for.
    pub(super) creations: bool,
    /// Changes of these attributes are looked for.
    pub(super) attributes: Vec<Attribute>,
}

/// All that has to be looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    pub(super) surveys: Vec<Survey>,
    pub(super) notes: bool,
    pub(super) tasks: bool,
    /// What routes ask for and cannot be found.
    pub(super) out_of_reach: Vec<String>,
}

impl Kind {
    pub(super) fn created(self) -> &'static str {
        match self {
            Self::Records => RECORD_CREATED,
            Self::Entries => ENTRY_CREATED,
        }
    }

    pub(super) fn updated(self) -> &'static str {
        match self {
            Self::Records => RECORD_UPDATED,
            Self::Entries => ENTRY_UPDATED,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Records => "object",
            Self::Entries => "list",
        }
    }

    fn holder(self, name: &str) -> Holder<'_> {
        match self {
            Self::Records => Holder::Object(name),
            Self::Entries => Holder::List(name),
        }
    }

    fn find(self, catalog: &Catalog, name: &str) -> Option<(String, String)> {
        match self {
            Self::Records => catalog.object(name).map(|it| (it.id.clone(), it.slug.clone())),
            Self::Entries => catalog.list(name).map(|it| (it.id.clone(), it.slug.clone())),
        }
    }
}

impl Survey {
    pub(super) fn holder(&self) -> Holder<'_> {
        self.kind.holder(&self.id)
    }
}

/// The objects and the lists that the routes name.
pub(super) fn names(routes: &[Route]) -> (Vec<&str>, Vec<&str>) {
    let objects = routes.iter().filter_map(|route| route.object.as_ref());
    let lists = routes.iter().filter_map(|route| route.list.as_ref());
    (objects.map(Name::as_str).collect(), lists.map(Name::as_str).collect())
}

impl Plan {
    pub(super) fn new(routes: &[Route], catalog: &Catalog) -> Self {
        let mut plan = Self::default();
        for route in routes {
            let patterns: Vec<_> = route.on.iter().map(|on| TypePattern::parse(on)).collect();
            let wants = |what: &str| patterns.iter().any(|pattern| pattern.matches(what));
            plan.notes |= wants(NOTE_CREATED);
            plan.tasks |= wants(TASK_CREATED);
            for kind in [Kind::Records, Kind::Entries] {
                plan.add(kind, route, catalog, wants(kind.created()), wants(kind.updated()));
            }
            let lost: Vec<&str> = KNOWN_TYPES
                .into_iter()
                .filter(|what| wants(what) && !TRACEABLE.contains(what))
                .collect();
            if !lost.is_empty() {
                plan.refuse(route, &format!("{} leave no trace in Attio", lost.join(", ")));
            }
        }
        plan
    }

    fn refuse(&mut self, route: &Route, why: &str) {
        self.out_of_reach.push(format!("route `{}`: {why}", route.name));
    }

    fn add(&mut self, kind: Kind, route: &Route, catalog: &Catalog, new: bool, changed: bool) {
        // A filter on what changed lets no creation pass.
        let new = new && route.changed.is_empty();
        if !new && !changed {
            return;
        }
        let name = match kind {
            Kind::Records => &route.object,
            Kind::Entries => &route.list,
        };
        let (of, word) = (kind.created().split('.').next().unwrap_or_default(), kind.word());
        let Some(name) = name else {
            return self.refuse(route, &format!("names no `{word}`, so no {of}.* is looked for"));
        };
        let Some((id, slug)) = kind.find(catalog, name.as_str()) else {
            return self.refuse(route, &format!("Attio has no {word} `{name}`"));
        };
        if changed && route.changed.is_empty() {
            let why = format!("names no attribute in `changed`, so no {of}.updated is looked for");
            self.refuse(route, &why);
        }
        let mut attributes = Vec::new();
        for name in route.changed.iter().filter(|_| changed) {
            match catalog.attribute(kind.holder(&id), name.as_str()) {
                Some(known) => attributes.push(known.clone()),
                None => {
                    self.refuse(route, &format!("the {word} `{slug}` has no attribute `{name}`"));
                }
            }
        }
        if new || !attributes.is_empty() {
            self.merge(Survey { kind, id, slug, creations: new, attributes });
        }
    }

    /// What several routes ask of one object is looked at once.
    fn merge(&mut self, survey: Survey) {
        let is_same = |known: &&mut Survey| known.kind == survey.kind && known.id == survey.id;
        let Some(known) = self.surveys.iter_mut().find(is_same) else {
            return self.surveys.push(survey);
        };
        known.creations |= survey.creations;
        for attribute in survey.attributes {
            if !known.attributes.contains(&attribute) {
                known.attributes.push(attribute);
            }
        }
    }

    /// The types of events that may have told of what is looked for.
    pub(super) fn types(&self) -> Vec<&'static str> {
        let mut types = BTreeSet::new();
        for survey in &self.surveys {
            types.extend(survey.creations.then(|| survey.kind.created()));
            types.extend((!survey.attributes.is_empty()).then(|| survey.kind.updated()));
        }
        types.extend(self.notes.then_some(NOTE_CREATED));
        types.extend(self.tasks.then_some(TASK_CREATED));
        types.into_iter().collect()
    }
}

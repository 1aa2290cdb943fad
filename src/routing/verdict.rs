//! What a route makes of an event, in words: for the worker's second half, and for `explain`.

use super::{Filter, Rule, filter::is_foreign};
use crate::{
    attio::{
        catalog::{Catalog, Holder},
        event::Event,
    },
    config::{ActorPattern, Name},
    name::RouteName,
};

/// Whether a route wants an event, but for conditions on values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// It does.
    Wanted,
    /// It does not: why, in a sentence without a full stop.
    Unwanted(String),
    /// That cannot be told yet: what is not known.
    Unknown(String),
    /// That can never be told: the names are another workspace's than the event.
    Foreign(String),
}

/// What one route makes of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The route.
    pub route: RouteName,
    /// Each filter that it sets.
    pub filters: Vec<Seen>,
    /// What they come to.
    pub judged: Judged,
}

/// A filter of a route, beside what it met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The filter.
    pub filter: Filter,
    /// What the route asks for.
    pub wants: String,
    /// What the event has.
    pub saw: String,
    /// Whether that will do; `None` when it cannot be told yet.
    pub held: Option<bool>,
}

impl Rule {
    /// Whether it wants the event after all, but for its condition on values.
    #[must_use]
    pub fn judge(&self, event: &Event, catalog: &Catalog) -> Judged {
        let fits = |filter| (filter, self.fits(filter, event, catalog));
        let found = Filter::ALL.map(fits);
        if let Some((filter, _)) = found.iter().find(|(_, held)| *held == Some(false)) {
            return Judged::Unwanted(self.why_not(*filter, event, catalog));
        }
        match found.iter().find(|(_, held)| held.is_none()) {
            Some(_) if is_foreign(event, catalog) => Judged::Foreign(format!(
                "the event is of the workspace {}, the token of another",
                or_none(event.workspace_id.as_deref())
            )),
            Some((filter, _)) => Judged::Unknown(self.not_known(*filter, event, catalog)),
            None => Judged::Wanted,
        }
    }

    /// The object or list that the route names by a slug and that this workspace does not have, or
    /// does not show to the token; in a sentence without a full stop. `None` when it has it, and
    /// also when no objects or lists were learnt at all.
    #[must_use]
    pub fn absent(&self, catalog: &Catalog) -> Option<String> {
        let slug = |name: Option<&Name>| match name {
            Some(Name::Slug(slug)) => Some(slug.clone()),
            Some(Name::Id(_)) | None => None,
        };
        let object = slug(self.object())
            .filter(|slug| !catalog.objects.is_empty() && catalog.object(slug).is_none())
            .map(|slug| format!("object `{slug}`"));
        let list = || {
            slug(self.list())
                .filter(|slug| !catalog.lists.is_empty() && catalog.list(slug).is_none())
                .map(|slug| format!("list `{slug}`"))
        };
        object.or_else(list).map(|what| {
            format!(
                "Attio shows no {what}, which the route asks for: mend the route, or give the \
                 token access; it goes on by itself then"
            )
        })
    }

    pub(super) fn verdict(&self, event: &Event, catalog: &Catalog) -> Verdict {
        let seen = |filter| Seen {
            filter,
            wants: self.wants(filter),
            saw: saw(filter, event, catalog),
            held: self.fits(filter, event, catalog),
        };
        Verdict {
            route: self.name.clone(),
            filters: Filter::ALL
                .into_iter()
                .filter(|filter| self.sets(*filter))
                .map(seen)
                .collect(),
            judged: self.judge(event, catalog),
        }
    }

    fn sets(&self, filter: Filter) -> bool {
        match filter {
            Filter::On => true,
            Filter::Object => self.object.is_some(),
            Filter::List => self.list.is_some(),
            Filter::Changed => !self.changed.is_empty(),
            Filter::IgnoreActors => !self.ignore_actors.is_empty(),
        }
    }

    fn wants(&self, filter: Filter) -> String {
        let name = |name: &Option<Name>| name.as_ref().map(Name::to_string).unwrap_or_default();
        match filter {
            Filter::On => one_of(self.on.iter()),
            Filter::Object => name(&self.object),
            Filter::List => name(&self.list),
            Filter::Changed => one_of(self.changed.iter()),
            Filter::IgnoreActors => format!("not {}", one_of(self.ignore_actors.iter().map(actor))),
        }
    }

    fn why_not(&self, filter: Filter, event: &Event, catalog: &Catalog) -> String {
        let saw = saw(filter, event, catalog);
        let what = match filter {
            Filter::On => "the event",
            Filter::Object => "object",
            Filter::List => "list",
            Filter::Changed => "what changed",
            Filter::IgnoreActors => return format!("the actor is {saw}, whom the route ignores"),
        };
        format!("{what} is {saw}, the route wants {}", self.wants(filter))
    }

    fn not_known(&self, filter: Filter, event: &Event, catalog: &Catalog) -> String {
        match filter {
            Filter::On => "its type".to_owned(),
            Filter::Object => format!("which object `{}` is", self.wants(filter)),
            Filter::List => format!("which list `{}` is", self.wants(filter)),
            Filter::Changed => format!(
                "whether {} of {} is {}",
                or_none(event.attribute_id.as_deref()),
                match event.holder() {
                    Some(Holder::Object(_)) | None => saw(Filter::Object, event, catalog),
                    Some(Holder::List(_)) => saw(Filter::List, event, catalog),
                },
                self.wants(filter),
            ),
            Filter::IgnoreActors => "whom our own token belongs to".to_owned(),
        }
    }
}

/// What the event has, by its slug where that is known.
fn saw(filter: Filter, event: &Event, catalog: &Catalog) -> String {
    let object = event.subject.object_id.as_deref();
    let list = event.subject.list_id.as_deref();
    match filter {
        Filter::On => event.event_type.clone(),
        Filter::Object => {
            let slug = object.and_then(|id| catalog.object(id)).map(|one| one.slug.as_str());
            or_none(slug.or(object)).to_owned()
        }
        Filter::List => {
            let slug = list.and_then(|id| catalog.list(id)).map(|one| one.slug.as_str());
            or_none(slug.or(list)).to_owned()
        }
        Filter::Changed => {
            let id = event.attribute_id.as_deref();
            let known = id.and_then(|id| catalog.attribute(event.holder()?, id));
            or_none(known.map(|one| one.slug.as_str()).or(id)).to_owned()
        }
        Filter::IgnoreActors => who(event, catalog),
    }
}

fn who(event: &Event, catalog: &Catalog) -> String {
    let (kind, id) = (event.actor_type.as_deref(), event.actor_id.as_deref());
    let named = match (kind, id) {
        (Some(kind), Some(id)) => format!("{kind}:{id}"),
        (kind, _) => or_none(kind).to_owned(),
    };
    if catalog.is_self(kind, id) == Some(true) { format!("{named} (self)") } else { named }
}

fn actor(pattern: &ActorPattern) -> String {
    match pattern {
        ActorPattern::Own => "self".to_owned(),
        ActorPattern::Like { kind, id: None } => kind.clone(),
        ActorPattern::Like { kind, id: Some(id) } => format!("{kind}:{id}"),
    }
}

fn or_none(text: Option<&str>) -> &str {
    text.unwrap_or("none")
}

fn one_of(names: impl Iterator<Item = impl ToString>) -> String {
    names.map(|name| name.to_string()).collect::<Vec<_>>().join(" or ")
}

//! Which scopes a token needs for what the routes ask of Attio: the tables of scopes on each
//! endpoint's page under <https://docs.attio.com/rest-api/endpoint-reference>.
//!
//! Pure: what is configured goes in, scopes come out, each with what it is for.

use std::fmt;

use crate::config::{Action, ActionKind, AttioWrite, Config, Name, Route};

/// Something that a token may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    area: &'static str,
    writes: bool,
}

/// A scope, and what it is needed for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Needed {
    /// The scope.
    pub scope: Scope,
    /// What for, such as "the condition of the route `won`".
    pub by: String,
}

const RECORDS: Scope = Scope::read("record_permission");
const OBJECTS: Scope = Scope::read("object_configuration");
const ENTRIES: Scope = Scope::read("list_entry");
const LISTS: Scope = Scope::read("list_configuration");
const MEMBERS: Scope = Scope::read("user_management");

impl Scope {
    const fn read(area: &'static str) -> Self {
        Self { area, writes: false }
    }

    const fn write(area: &'static str) -> Self {
        Self { area, writes: true }
    }

    /// Whether one of a token's scopes covers it: who may write may read.
    #[must_use]
    pub fn is_granted(self, granted: &[String]) -> bool {
        granted.iter().any(|granted| match granted.split_once(':') {
            Some((area, "read-write")) => area == self.area,
            Some((area, "read")) => area == self.area && !self.writes,
            Some(_) | None => false,
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.area, if self.writes { "read-write" } else { "read" })
    }
}

/// What a whole configuration needs, each scope and purpose once. Nothing without `[attio]`.
#[must_use]
pub fn of_config(config: &Config) -> Vec<Needed> {
    if config.attio.is_none() {
        return Vec::new();
    }
    let mut needed: Vec<_> =
        config.routes.iter().flat_map(|route| of_route(config, route)).collect();
    if config.server.public_url.is_some() {
        let by = "looking whether the webhooks are active".to_owned();
        needed.push(Needed { scope: Scope::read("webhook"), by });
    }
    needed.sort();
    needed.dedup();
    needed
}

/// What one route needs, with the actions that it leads to. In order; each scope and purpose once.
#[must_use]
pub fn of_route(config: &Config, route: &Route) -> Vec<Needed> {
    let mut needed = Vec::new();
    let mut add = |scopes: Vec<Scope>, by: String| {
        needed.extend(scopes.into_iter().map(|scope| Needed { scope, by: by.clone() }));
    };
    add(of_names(route), format!("the names in the route `{}`", route.name));
    let when = of_values(&route.needs().names(), &route.on);
    add(when, format!("the condition of the route `{}`", route.name));
    if route.reconcile {
        add(of_reconciling(&route.on), format!("`reconcile` of the route `{}`", route.name));
    }
    for action in config.actions.iter().filter(|action| route.to.contains(&action.name)) {
        let values = of_values(&action.needs().names(), &route.on);
        add(values, format!("the templates of `{}`", action.name));
        add(of_action(action), format!("what `{}` writes", action.name));
    }
    needed.sort();
    needed.dedup();
    needed
}

/// What an action needs for what it writes to Attio, whichever route leads to it.
#[must_use]
pub fn of_action(action: &Action) -> Vec<Scope> {
    match &action.kind {
        ActionKind::Http(_)
        | ActionKind::Slack(_)
        | ActionKind::Postgres(_)
        | ActionKind::Log(_) => Vec::new(),
        ActionKind::Attio(attio) => of_writing(&attio.write),
    }
}

fn of_writing(write: &AttioWrite) -> Vec<Scope> {
    match write {
        AttioWrite::Record { .. } | AttioWrite::Update { .. } => {
            vec![Scope::write("record_permission"), OBJECTS]
        }
        AttioWrite::Entry { .. } => vec![Scope::write("list_entry"), LISTS],
        AttioWrite::Note { .. } => vec![Scope::write("note"), RECORDS, OBJECTS],
        AttioWrite::Task { .. } => vec![Scope::write("task"), RECORDS, OBJECTS, MEMBERS],
        AttioWrite::Comment { .. } => vec![Scope::write("comment"), RECORDS, OBJECTS],
    }
}

/// What the look-ups need that stand behind these names, for events of these types.
#[must_use]
pub fn of_values(names: &[&str], on: &[String]) -> Vec<Scope> {
    names.iter().flat_map(|name| of_value(name, on)).collect()
}

/// What the look-up needs that stands behind a name in conditions and templates, such as `record`,
/// for events of these types.
fn of_value(name: &str, on: &[String]) -> Vec<Scope> {
    match name {
        "record" => vec![RECORDS, OBJECTS],
        "entry" => vec![ENTRIES, LISTS],
        "previous" => {
            let mut scopes = Vec::new();
            if on.iter().any(|pattern| !is_of_entries(pattern)) {
                scopes.extend([RECORDS, OBJECTS]);
            }
            if on.iter().any(|pattern| may_be_of_entries(pattern)) {
                scopes.extend([ENTRIES, LISTS]);
            }
            scopes
        }
        "actor" => vec![MEMBERS],
        "note" => vec![Scope::read("note")],
        "task" => vec![Scope::read("task")],
        "comment" => vec![Scope::read("comment")],
        "meeting" => vec![Scope::read("meeting"), Scope::read("call_recording")],
        // The workspace's name comes with the token, and that takes no scope.
        _ => Vec::new(),
    }
}

/// What it takes to know which ids slugs stand for. `/v2/self` takes no scope.
fn of_names(route: &Route) -> Vec<Scope> {
    let mut scopes = Vec::new();
    let names_changes = route.changed.iter().any(Name::is_slug);
    let of_changes = |fits: fn(&str) -> bool| names_changes && route.on.iter().any(|it| fits(it));
    if route.object.as_ref().is_some_and(Name::is_slug) || of_changes(|it| !is_of_entries(it)) {
        scopes.push(OBJECTS);
    }
    if route.list.as_ref().is_some_and(Name::is_slug) || of_changes(may_be_of_entries) {
        scopes.push(LISTS);
    }
    scopes
}

/// What it takes to find what never arrived.
fn of_reconciling(on: &[String]) -> Vec<Scope> {
    let mut scopes = Vec::new();
    for pattern in on {
        let is_of = |stem: &str| pattern == "*" || pattern.split('.').next() == Some(stem);
        if is_of("record") {
            scopes.extend([RECORDS, OBJECTS]);
        }
        if is_of("list-entry") {
            scopes.extend([ENTRIES, LISTS]);
        }
        for stem in ["note", "task"].into_iter().filter(|stem| is_of(stem)) {
            scopes.push(Scope::read(stem));
        }
    }
    scopes
}

fn is_of_entries(pattern: &str) -> bool {
    pattern.starts_with("list-entry.")
}

fn may_be_of_entries(pattern: &str) -> bool {
    pattern == "*" || is_of_entries(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Outside, parse};

    fn needed(routes: &str) -> Vec<String> {
        let text = format!(
            "[attio]\ntoken = \"env:T\"\n[[sources]]\nname = \"crm\"\npath = \"/a\"\n\
             secrets = [\"env:T\"]\n[actions.log]\nkind = \"log\"\ntext = \"{{{{ actor.name }}}}\"\n\
             [actions.plain]\nkind = \"log\"\n[[routes]]\nname = \"r\"\n{routes}\n"
        );
        let env = |_: &str| Some("0123456789abcdef".to_owned());
        let outside = Outside { env: &env, templates: &|_| Vec::new() };
        let (config, _) = parse(&text, "relay.toml", &outside).unwrap();
        let needed = of_route(&config, &config.routes[0]);
        needed.into_iter().map(|one| format!("{} for {}", one.scope, one.by)).collect()
    }

    #[test]
    fn a_route_without_names_and_values_needs_no_scope() {
        assert_eq!(needed("on = [\"*\"]\nto = [\"plain\"]"), [""; 0]);
    }

    #[test]
    fn slugs_values_and_templates_need_the_scopes_of_their_calls() {
        let route = "on = [\"list-entry.updated\"]\nlist = \"pipeline\"\nto = [\"log\"]\n\
                     when = 'previous.stage == \"New\"'";
        let expected = [
            "list_configuration:read for the condition of the route `r`",
            "list_configuration:read for the names in the route `r`",
            "list_entry:read for the condition of the route `r`",
            "user_management:read for the templates of `log`",
        ];
        assert_eq!(needed(route), expected);
    }

    #[test]
    fn what_is_looked_for_again_needs_to_be_read() {
        let route = "on = [\"record.*\", \"note.created\"]\nto = [\"plain\"]\nreconcile = true";
        let scopes: Vec<_> =
            needed(route).into_iter().map(|it| it.split(' ').next().unwrap().to_owned()).collect();
        assert_eq!(scopes, ["note:read", "object_configuration:read", "record_permission:read"]);
    }

    #[test]
    fn who_may_write_may_read_and_not_the_reverse() {
        let granted = |scope: &str| [scope.to_owned()];
        let writes = Scope { area: "note", writes: true };
        assert!(Scope::read("note").is_granted(&granted("note:read-write")));
        assert!(Scope::read("note").is_granted(&granted("note:read")));
        assert!(!writes.is_granted(&granted("note:read")));
        assert!(!Scope::read("note").is_granted(&granted("task:read")));
    }
}

//! `[[sources]]`: each with a name and a path of its own, and secrets worth the name.

use secrecy::{ExposeSecret, SecretString};

use super::Check;
use crate::config::{document::Place, file, meant};

/// The shortest signing secret that is taken, in characters.
const SHORTEST_SECRET: usize = 16;

pub(super) fn sources(check: &mut Check<'_, '_>, typed: &[file::Source]) -> Vec<meant::Source> {
    let list = Place::root().key("sources");
    if check.is_empty(&list) {
        check
            .error(&list, "no source is configured, so nothing could ever be received")
            .help("add a `[[sources]]` with name, path and secrets");
    }
    unique(check, &list, "name", typed.iter().map(|source| source.name.as_deref()));
    unique(check, &list, "path", typed.iter().map(|source| source.path.as_deref()));
    typed
        .iter()
        .enumerate()
        .filter_map(|(index, typed)| source(check, &list.index(index), typed))
        .collect()
}

/// Reports each value of `key` that an earlier table of the list has already.
pub(super) fn unique<'v>(
    check: &mut Check<'_, '_>,
    list: &Place,
    key: &str,
    values: impl Iterator<Item = Option<&'v str>>,
) {
    let mut seen: Vec<(&str, Place)> = Vec::new();
    for (index, value) in values.enumerate() {
        let (Some(value), place) = (value, list.index(index).key(key)) else {
            continue;
        };
        match seen.iter().find(|(earlier, _)| *earlier == value) {
            Some((_, earlier)) => {
                let earlier = check.document.span_of(earlier);
                check
                    .error(&place, format!("two {list} with the {key} `{value}`"))
                    .related(earlier, "the first one");
            }
            None => seen.push((value, place)),
        }
    }
}

fn source(check: &mut Check<'_, '_>, place: &Place, typed: &file::Source) -> Option<meant::Source> {
    let name = check.required(place, "name", typed.name.as_ref());
    let path = check.required(place, "path", typed.path.as_ref());
    let secrets = check.required(place, "secrets", typed.secrets.as_ref());
    if let Some(name) = name {
        check.name(&place.key("name"), name);
    }
    if let Some(path) = path {
        check_path(check, &place.key("path"), path);
    }
    let secrets = secrets.map(|typed| signing_secrets(check, &place.key("secrets"), typed));
    let places = typed.secrets.iter().flatten().filter_map(|typed| typed.0.place());
    Some(meant::Source {
        name: name?.as_str().into(),
        path: path?.clone(),
        secrets: secrets?,
        places: places.collect(),
        keep_values: typed.keep_values.unwrap_or(true),
    })
}

fn check_path(check: &mut Check<'_, '_>, place: &Place, path: &str) {
    if !path.starts_with('/') {
        check.error(place, "a path starts with `/`").help(format!("write \"/{path}\""));
    }
    if matches!(path, "/healthz" | "/readyz") {
        check
            .error(place, format!("`{path}` answers health checks on the same listener"))
            .help("take another path, such as \"/webhooks/attio\"");
    }
    let is_plain = |c: char| c.is_ascii_graphic() && !"?#{}*\\\"<>^`|".contains(c);
    if !path.chars().all(is_plain) {
        check.error(place, "a path is plain: no spaces, no query, no placeholders");
    }
}

fn signing_secrets(
    check: &mut Check<'_, '_>,
    place: &Place,
    typed: &[crate::config::secret::Reference],
) -> Vec<SecretString> {
    if typed.is_empty() {
        check.error(place, "at least one signing secret is needed");
    }
    let mut secrets = Vec::new();
    for (index, typed) in typed.iter().enumerate() {
        let vacant = || typed.0.place().is_some_and(|place| place.is_vacant(check.outside.env));
        if check.is_before_secrets && vacant() {
            continue;
        }
        let Some(secret) = check.secret(&place.index(index), typed) else {
            continue;
        };
        if secret.expose_secret().chars().count() < SHORTEST_SECRET {
            let message = format!("{} holds fewer than {SHORTEST_SECRET} characters", typed.0);
            check.error(&place.index(index), message);
        }
        secrets.push(secret);
    }
    secrets
}

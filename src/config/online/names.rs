//! Objects and lists that routes and actions name and the workspace does not have.

use super::Online;
use crate::config::{ActionKind, AttioWrite, Config, Name, document::Place, suggest};

/// A name, and where it stands.
type Named<'c> = (Place, &'c Name);

/// Every object that is named.
pub fn objects(config: &Config) -> impl Iterator<Item = Named<'_>> {
    let places = config.routes.iter().enumerate();
    let of_routes = places.filter_map(|(index, route)| {
        let place = Place::root().key("routes").index(index).key("object");
        Some((place, route.object.as_ref()?))
    });
    of_routes.chain(
        writes(config).filter_map(|(place, write)| Some((place.key("object"), write.object()?))),
    )
}

/// Every list that is named.
pub fn lists(config: &Config) -> impl Iterator<Item = Named<'_>> {
    let places = config.routes.iter().enumerate();
    let of_routes = places.filter_map(|(index, route)| {
        let place = Place::root().key("routes").index(index).key("list");
        Some((place, route.list.as_ref()?))
    });
    let of_writes =
        writes(config).filter_map(|(place, write)| Some((place.key("list"), write.list()?)));
    of_routes.chain(of_writes)
}

/// What actions write to Attio, with the places of their tables.
fn writes(config: &Config) -> impl Iterator<Item = (Place, &AttioWrite)> {
    config.actions.iter().filter_map(|action| match &action.kind {
        ActionKind::Attio(attio) => {
            Some((Place::root().key("actions").key(action.name.as_str()), &attio.write))
        }
        _ => None,
    })
}

pub(super) fn check(online: &mut Online<'_, '_>) {
    let (config, told) = (online.config, online.told);
    let slugs_of_objects: Vec<_> = told.catalog.objects.iter().map(|it| it.slug.as_str()).collect();
    let slugs_of_lists: Vec<_> = told.catalog.lists.iter().map(|it| it.slug.as_str()).collect();
    for (place, name) in objects(config).filter(|_| told.has_objects) {
        if told.catalog.object(name.as_str()).is_none() {
            unknown(online, &place, "object", name, &slugs_of_objects);
        }
    }
    for (place, name) in lists(config).filter(|_| told.has_lists) {
        if told.catalog.list(name.as_str()).is_none() {
            unknown(online, &place, "list", name, &slugs_of_lists);
        }
    }
}

fn unknown(online: &mut Online<'_, '_>, place: &Place, what: &str, name: &Name, known: &[&str]) {
    let message = match name {
        Name::Slug(slug) => format!("the workspace has no {what} with the slug `{slug}`"),
        Name::Id(id) => format!("the workspace has no {what} with the id {id}"),
    };
    let meant = suggest::nearest(name.as_str(), known.iter().copied());
    let problem = online.error(place, message);
    if !known.is_empty() {
        problem.help(format!("the token sees: {}", known.join(", "))).suggest(meant);
    }
}

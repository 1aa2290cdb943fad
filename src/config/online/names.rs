//! Objects and lists that routes name and the workspace does not have.

use super::Online;
use crate::config::{Name, document::Place, suggest};

pub(super) fn check(online: &mut Online<'_, '_>) {
    let (config, told) = (online.config, online.told);
    let slugs_of_objects: Vec<_> = told.catalog.objects.iter().map(|it| it.slug.as_str()).collect();
    let slugs_of_lists: Vec<_> = told.catalog.lists.iter().map(|it| it.slug.as_str()).collect();
    for (index, route) in config.routes.iter().enumerate() {
        let place = Place::root().key("routes").index(index);
        if let Some(name) = route.object.as_ref().filter(|_| told.has_objects)
            && told.catalog.object(name.as_str()).is_none()
        {
            unknown(online, &place.key("object"), "object", name, &slugs_of_objects);
        }
        if let Some(name) = route.list.as_ref().filter(|_| told.has_lists)
            && told.catalog.list(name.as_str()).is_none()
        {
            unknown(online, &place.key("list"), "list", name, &slugs_of_lists);
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

//! Learns from Attio what a workspace calls things: the whole catalog, or one name that came up.

use super::{
    catalog::{Attribute, Catalog, Holder},
    client::{ApiError, Client, Instant},
};

/// Asks for the catalog: the token's owner, all objects and lists, and the attributes of those
/// objects and lists that are named by slug or id. A name that Attio does not have is not in it.
///
/// A token that may not see lists is enough while no list is named, and so with objects.
///
/// # Errors
/// A look-up failed; half of a catalog would say that things do not exist.
pub async fn learn(
    client: &Client,
    objects: &[&str],
    lists: &[&str],
    deadline: Instant,
) -> Result<Catalog, ApiError> {
    let mut catalog = Catalog {
        identity: Some(client.identity(deadline).await?),
        objects: unless_unneeded(client.objects(deadline).await, objects)?,
        lists: unless_unneeded(client.lists(deadline).await, lists)?,
    };
    for object in catalog.objects.iter_mut().filter(|it| is_named(objects, &it.id, &it.slug)) {
        let holder = Holder::Object(&object.id);
        object.attributes = Some(client.attributes(holder, deadline).await?);
    }
    for list in catalog.lists.iter_mut().filter(|it| is_named(lists, &it.id, &it.slug)) {
        let holder = Holder::List(&list.id);
        list.attributes = Some(client.attributes(holder, deadline).await?);
    }
    Ok(catalog)
}

/// Asks for one attribute that the catalog does not know, and adds it: an archived one is in no
/// list of attributes. One that there is not is added with its id for its slug: so it is known that
/// it has no other. Whether there is such an attribute.
///
/// # Errors
/// A look-up failed; the catalog is as it was.
pub async fn learn_attribute(
    client: &Client,
    catalog: &mut Catalog,
    holder: Holder<'_>,
    attribute: &str,
    deadline: Instant,
) -> Result<bool, ApiError> {
    if catalog.attribute(holder, attribute).is_some() {
        return Ok(true);
    }
    let found = client.attribute(holder, attribute, deadline).await?;
    let is_there = found.is_some();
    let found = found.unwrap_or_else(|| Attribute {
        id: attribute.to_owned(),
        slug: attribute.to_owned(),
        kind: String::new(),
        is_multiselect: false,
    });
    let known = match holder {
        Holder::Object(name) => {
            let is_it = |id: &str, slug: &str| id == name || slug == name;
            let it = catalog.objects.iter_mut().find(|it| is_it(&it.id, &it.slug));
            it.map(|it| &mut it.attributes)
        }
        Holder::List(name) => {
            let is_it = |id: &str, slug: &str| id == name || slug == name;
            let it = catalog.lists.iter_mut().find(|it| is_it(&it.id, &it.slug));
            it.map(|it| &mut it.attributes)
        }
    };
    // Where none were learnt, one alone would look like all of them.
    if let Some(Some(attributes)) = known {
        attributes.push(found);
    }
    Ok(is_there)
}

fn is_named(names: &[&str], id: &str, slug: &str) -> bool {
    names.iter().any(|name| *name == id || *name == slug)
}

fn unless_unneeded<T>(
    learnt: Result<Vec<T>, ApiError>,
    needed: &[&str],
) -> Result<Vec<T>, ApiError> {
    match learnt {
        Err(ApiError::Denied { status: 403, .. }) if needed.is_empty() => Ok(Vec::new()),
        learnt => learnt,
    }
}

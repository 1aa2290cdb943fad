//! A small workspace and routes over it, for the tests beside this file.

use crate::{
    attio::catalog::{Attribute, Catalog, Identity, List, Object},
    config::{self, Outside, Problems, Route},
};

pub(super) const DEALS: &str = "00000000-0000-4000-8000-0000000000d1";
pub(super) const PEOPLE: &str = "00000000-0000-4000-8000-0000000000d2";
pub(super) const PIPELINE: &str = "00000000-0000-4000-8000-0000000000d3";
pub(super) const STAGE: &str = "00000000-0000-4000-8000-0000000000a1";
pub(super) const VALUE: &str = "00000000-0000-4000-8000-0000000000a2";
pub(super) const MAIL: &str = "00000000-0000-4000-8000-0000000000a3";
pub(super) const PHASE: &str = "00000000-0000-4000-8000-0000000000a4";

fn attribute(id: &str, slug: &str) -> Attribute {
    Attribute {
        id: id.to_owned(),
        slug: slug.to_owned(),
        kind: "text".to_owned(),
        is_multiselect: false,
    }
}

fn object(id: &str, slug: &str, attributes: Vec<Attribute>) -> Object {
    Object { id: id.to_owned(), slug: slug.to_owned(), attributes: Some(attributes) }
}

/// Two objects and a list, each with attributes of its own; our token is `me`.
pub(super) fn catalog() -> Catalog {
    Catalog {
        identity: Some(Identity {
            client_id: "me".to_owned(),
            workspace_id: "5a3b1e5a-0000-4000-8000-000000000002".to_owned(),
            ..Identity::default()
        }),
        objects: vec![
            object(DEALS, "deals", vec![attribute(STAGE, "stage"), attribute(VALUE, "value")]),
            object(PEOPLE, "people", vec![attribute(MAIL, "mail")]),
        ],
        lists: vec![List {
            id: PIPELINE.to_owned(),
            slug: "pipeline".to_owned(),
            parent_objects: vec!["deals".to_owned()],
            attributes: Some(vec![attribute(PHASE, "phase")]),
        }],
    }
}

/// Routes, each with its keys but for name and `to`.
pub(super) fn parsed(routes: &[&str]) -> Result<Vec<Route>, Problems> {
    let mut text = "[attio]\ntoken = 'env:A'\n[actions.log]\nkind = 'log'\n\
                    [[sources]]\nname = 'crm'\npath = '/a'\nsecrets = ['env:A']\n"
        .to_owned();
    for (number, route) in routes.iter().enumerate() {
        let name = number.to_string();
        text.extend(["[[routes]]\nname = '", &name, "'\nto = ['log']\n", route, "\n"]);
    }
    let env = |_: &str| Some("0123456789abcdef".to_owned());
    let outside = Outside { env: &env, templates: &|_| Vec::new() };
    Ok(config::parse(&text, "relay.toml", &outside)?.0.routes)
}

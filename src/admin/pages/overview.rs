//! Is it healthy, and how do routes, actions and Attio stand.

use minijinja::{context, value::Serde};

use super::{Page, Pages, Problem};
use crate::look::overview::{self, Place};

impl Pages {
    pub(super) async fn overview(&self) -> Result<Page, Problem> {
        let overview = self.lookout.overview().await?;
        let links: Vec<_> = overview.problems.iter().map(link).collect();
        Ok(Page::new("overview.html", context! { overview => Serde(&overview), links }))
    }

    pub(super) async fn routes(&self) -> Result<Page, Problem> {
        let (routes, actions) = (self.lookout.routes().await?, self.lookout.actions().await?);
        let values = context! { routes => Serde(&routes), actions => Serde(&actions) };
        Ok(Page::new("routes.html", values))
    }

    pub(super) async fn attio(&self) -> Result<Page, Problem> {
        let attio = self.lookout.attio().await?;
        Ok(Page::new("attio.html", context! { attio => Serde(&attio) }))
    }
}

/// Where a problem is seen to, and what that is called.
fn link(problem: &overview::Problem) -> minijinja::Value {
    let name = problem.name.as_deref().unwrap_or_default();
    let asked: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    let (href, label) = match problem.place {
        Place::Overview => ("/#configuration".to_owned(), "See the configuration"),
        Place::Events => ("/events".to_owned(), "Search events"),
        Place::DeadLetters if name.is_empty() => ("/dead-letters".to_owned(), "See dead letters"),
        Place::DeadLetters => (format!("/dead-letters?action={asked}"), "See dead letters"),
        Place::Routes => (format!("/routes#route-{name}"), "See the route"),
        Place::Actions => (format!("/routes#action-{name}"), "See the action"),
        Place::Integrations => (format!("/integrations#{name}"), "See the inventory"),
        Place::Attio => ("/attio".to_owned(), "See Attio"),
    };
    context! { href, label }
}

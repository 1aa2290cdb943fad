//! What was found, in sentences: for commands, pages and the API alike.

use super::{Finding, Subscription, UnknownName};
use crate::attio::catalog::Catalog;

impl Finding {
    /// For people, with slugs beside ids where they are known.
    #[must_use]
    pub fn describe(&self, catalog: &Catalog) -> String {
        match self {
            Self::Missing { target_url } => format!("missing: no webhook delivers to {target_url}"),
            Self::Differing { webhook_id, lacking, superfluous } => {
                let line = |sign: &str, one: &Subscription| {
                    format!("\n  {sign} {}", one.describe(catalog))
                };
                let changes = lacking.iter().map(|one| line("+", one));
                let changes = changes.chain(superfluous.iter().map(|one| line("-", one)));
                format!("differing: webhook {webhook_id}{}", changes.collect::<String>())
            }
            Self::Duplicate { webhook_id, target_url } => format!(
                "duplicate: webhook {webhook_id} delivers to {target_url} too, so events come twice; \
                 `webhooks rotate --finish` ends a rotation, `webhooks apply --prune` deletes it"
            ),
            Self::Degraded { webhook_id } => format!(
                "degraded: webhook {webhook_id}; Attio could not deliver for days, and sends nothing \
                 any more within 7 days of when that began (Attio does not tell when). See why; if it \
                 cannot be mended in time, `webhooks rotate` makes a new one"
            ),
            Self::Inactive { webhook_id } => format!(
                "inactive: webhook {webhook_id} gets nothing any more, 0 days are left; only a new one \
                 helps. `webhooks apply --prune` deletes it"
            ),
            Self::Superfluous { webhook_id, target_url } => format!(
                "superfluous: webhook {webhook_id} posts to {target_url}, where no source is; \
                 `webhooks apply --prune` deletes it"
            ),
            Self::Overlapping { webhook_id, source } => format!(
                "overlapping: webhook {webhook_id} brings to source {source} what is planned here, so \
                 such events come twice; delete it, or plan for that source with --source {source}"
            ),
        }
    }
}

impl UnknownName {
    /// For people.
    #[must_use]
    pub fn describe(&self) -> String {
        let Self { route, what, name, meant } = self;
        let hint = match meant {
            Some(meant) => format!("; did you mean `{meant}`?"),
            None if *what == "list" => {
                "; a private list is shown only to whom it is shared with".to_owned()
            }
            None => String::new(),
        };
        format!("route {route}: there is no {what} `{name}` in the workspace{hint}")
    }
}

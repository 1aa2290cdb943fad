//! Says which attributes the configuration names and Attio does not have, as soon as names are
//! known: each delivery that needs one will be a dead letter, and nobody should learn it from those.

use std::collections::BTreeSet;

use tracing::error;

use crate::{
    attio::catalog::Catalog,
    config::{Config, online::AttributeUses},
};

/// The attributes that the configuration names, and which of them were said to be missing.
#[derive(Debug)]
pub(super) struct Missing {
    uses: AttributeUses,
    told: BTreeSet<String>,
}

impl Missing {
    pub(super) fn new(config: &Config) -> Self {
        Self { uses: AttributeUses::new(config), told: BTreeSet::new() }
    }

    /// Says of each what is missing now, once until it is there again.
    pub(super) fn look(&mut self, catalog: &Catalog) {
        let now: BTreeSet<String> =
            self.uses.missing(catalog).iter().map(ToString::to_string).collect();
        for what in now.difference(&self.told) {
            error!(%what, "an attribute is not there: what needs it will be a dead letter");
        }
        self.told = now;
    }
}

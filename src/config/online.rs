//! The configuration against what Attio told: names that stand for nothing, and a token that may
//! not do what the routes need.
//!
//! Pure: who asks Attio comes with the answers, and every problem finds back to its line.

mod attributes;
mod names;
mod spot;
mod titles;

use std::{collections::BTreeMap, fs, path::Path};

pub use self::{
    attributes::{AttributeUses, MissingAttribute, Whose},
    titles::{Titles, Words},
};
use super::{
    Config,
    document::{Document, Place},
    problem::{Problem, Problems, Report},
    reader,
};
use crate::attio::{catalog::Catalog, scopes};

/// Where tokens are made: <https://docs.attio.com/rest-api/guides/authentication>.
const NEW_TOKEN: &str = "make a new one in Attio: workspace settings, Developers";

/// What Attio told.
#[derive(Debug, Default)]
pub struct Told {
    /// Why the token is not taken.
    pub refusal: Option<String>,
    /// The names, and whose token it is.
    pub catalog: Catalog,
    /// The objects were learnt, none is left out.
    pub has_objects: bool,
    /// The lists were learnt, none is left out that the token may see.
    pub has_lists: bool,
    /// What status and select attributes may hold.
    pub titles: Vec<Titles>,
}

/// One run over one file.
struct Online<'c, 't> {
    text: &'t str,
    document: &'c Document<'t>,
    config: &'c Config,
    told: &'c Told,
    report: Report,
}

/// All that is wrong with the file at `path`, which `config` was read from, as far as Attio knows.
#[must_use]
pub fn against(path: &Path, config: &Config, told: &Told) -> Problems {
    let name = path.display().to_string();
    let unreadable = |why: String| {
        let message = format!("cannot read the configuration {name} again: {why}");
        Problems::unreadable(&name, message, "it was changed meanwhile: check it again".to_owned())
    };
    match fs::read_to_string(path) {
        Ok(text) => match Document::parse(&text) {
            Ok(document) => Problems::new(&name, &text, found(&text, &document, config, told)),
            Err(_) => unreadable("it is not TOML any more".to_owned()),
        },
        Err(error) => unreadable(error.to_string()),
    }
}

fn found(text: &str, document: &Document<'_>, config: &Config, told: &Told) -> Report {
    let mut masks = Report::default();
    let _typed = reader::read(document, &mut masks);
    let report = masks.masks_only();
    let mut online = Online { text, document, config, told, report };
    if let Some(why) = &told.refusal {
        let message = format!("Attio does not take the token: {why}");
        online.error(&Place::root().key("attio").key("token"), message).help(NEW_TOKEN);
        return online.report;
    }
    online.scopes();
    names::check(&mut online);
    attributes::check(&mut online);
    titles::check(&mut online);
    online.report
}

impl Online<'_, '_> {
    fn error(&mut self, place: &Place, message: impl Into<String>) -> &mut Problem {
        self.report.error(self.document.span_of(place), message)
    }

    /// Each scope that the token lacks, once.
    fn scopes(&mut self) {
        let Some(identity) = &self.told.catalog.identity else { return };
        let mut lacking: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for needed in scopes::of_config(self.config) {
            if !needed.scope.is_granted(&identity.scopes) {
                lacking.entry(needed.scope).or_default().push(needed.by);
            }
        }
        for (scope, by) in lacking {
            let message = format!("the token lacks the scope `{scope}`");
            let help = format!("needed for {}: give it to the token in Attio", by.join("; "));
            self.error(&Place::root().key("attio").key("token"), message).help(help);
        }
    }
}

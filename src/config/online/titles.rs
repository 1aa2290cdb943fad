//! Titles that conditions compare with, and that no status and no option has. Only warnings: any
//! admin may rename one at any time.

use super::{Online, attributes::whose};
use crate::{
    attio::catalog::{Catalog, Holder},
    config::{Config, Route, document::Place, suggest},
    routing::template::Compared,
};

/// What a status or select attribute may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Titles {
    /// The attribute.
    pub of: Words,
    /// The titles of its statuses or options.
    pub titles: Vec<String>,
}

/// A status or select attribute that conditions compare with words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// The slug or id of the object or list.
    pub holder: String,
    /// Whether that is a list.
    pub is_list: bool,
    /// The attribute's slug.
    pub attribute: String,
    /// Whether it is a status attribute; otherwise a select attribute.
    pub is_status: bool,
}

impl Words {
    /// Whose attribute it is.
    #[must_use]
    pub fn holder(&self) -> Holder<'_> {
        if self.is_list { Holder::List(&self.holder) } else { Holder::Object(&self.holder) }
    }

    /// Every such attribute of a configuration, each once.
    #[must_use]
    pub fn all(config: &Config, catalog: &Catalog) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for Comparison { route, compared, .. } in comparisons(config) {
            for words in words(route, &compared, catalog) {
                if !all.contains(&words) {
                    all.push(words);
                }
            }
        }
        all
    }
}

/// A comparison in a route's condition.
struct Comparison<'c> {
    place: Place,
    route: &'c Route,
    compared: Compared,
}

fn comparisons(config: &Config) -> Vec<Comparison<'_>> {
    let each = config.routes.iter().enumerate().flat_map(|(index, route)| {
        let place = Place::root().key("routes").index(index).key("when");
        let all = route.when.iter().flat_map(|when| when.compared());
        all.map(move |compared| Comparison { place: place.clone(), route, compared })
    });
    each.collect()
}

/// The attributes that a comparison may be about; none when one of them has no titles, or when it
/// is not known whose they are.
fn words(route: &Route, compared: &Compared, catalog: &Catalog) -> Vec<Words> {
    let whose = whose(route, &compared.attribute.of).unwrap_or_default();
    let each = whose.iter().flat_map(|whose| whose.holders(catalog)).map(|holder| {
        let attribute = catalog.attribute(holder, &compared.attribute.name)?;
        let (holder, is_list) = match holder {
            Holder::Object(name) => (name.to_owned(), false),
            Holder::List(name) => (name.to_owned(), true),
        };
        let is_status = attribute.kind == "status";
        let words = Words { holder, is_list, attribute: attribute.slug.clone(), is_status };
        (is_status || attribute.kind == "select").then_some(words)
    });
    each.collect::<Option<_>>().unwrap_or_default()
}

/// A title that only differs in case, or that goes on, such as by an emoji; or the nearest.
fn meant<'t>(word: &str, titles: &[&'t str]) -> Option<&'t str> {
    let small = word.to_lowercase();
    let goes_on = titles.iter().find(|title| title.to_lowercase().starts_with(&small)).copied();
    goes_on.or_else(|| suggest::nearest(word, titles.iter().copied()))
}

pub(super) fn check(online: &mut Online<'_, '_>) {
    for Comparison { place, route, compared } in comparisons(online.config) {
        let words = words(route, &compared, &online.told.catalog);
        let all: Option<Vec<_>> = words
            .iter()
            .map(|words| online.told.titles.iter().find(|titles| titles.of == *words))
            .collect();
        let titles: Vec<&str> =
            all.iter().flatten().flat_map(|it| &it.titles).map(String::as_str).collect();
        if titles.is_empty() || titles.contains(&compared.word.as_str()) {
            continue;
        }
        let attribute = &compared.attribute.name;
        let what = if words.iter().all(|words| words.is_status) { "status" } else { "option" };
        let message = format!("`{attribute}` has no {what} \"{}\"", compared.word);
        let quoted = ['"', '\''].map(|quote| format!("{quote}{}{quote}", compared.word));
        let spans = quoted.map(|quoted| online.spot(&place, compared.place, &quoted));
        let span = spans.into_iter().max_by_key(ExactSizeIterator::len).unwrap_or(0..0);
        let meant = meant(&compared.word, &titles);
        let help = format!("it has: {}", titles.join(", "));
        online.report.warning(span, message).help(help).suggest(meant);
    }
}

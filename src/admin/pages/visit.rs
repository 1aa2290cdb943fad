//! A request for a page: where it is, what was asked for, and what was done just before.

use std::{collections::BTreeMap, convert::Infallible};

use axum::{extract::FromRequestParts, http::request::Parts};

/// A request for a page.
pub(super) struct Visit {
    /// Where it is, without a query.
    pub(super) path: String,
    /// What was asked for, in its order; without what is empty, and without `did`.
    pub(super) pairs: Vec<(String, String)>,
    /// What a form did, as a sentence.
    pub(super) note: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::new(parts.uri.path(), parts.uri.query().unwrap_or_default()))
    }
}

impl Visit {
    pub(super) fn new(path: &str, query: &str) -> Self {
        let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned();
        let pairs: Vec<_> = pairs.filter(|(_, value)| !value.is_empty()).collect();
        let (did, pairs): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(name, _)| name == "did");
        let note = did.first().and_then(|(_, did)| note(did));
        Self { path: path.to_owned(), pairs, note }
    }

    /// What was asked for under a name.
    pub(super) fn asked(&self, name: &str) -> Option<&str> {
        let mut pairs = self.pairs.iter();
        pairs.find(|(one, _)| one == name).map(|(_, value)| &**value)
    }

    /// What was asked for under each of the names; empty where nothing was.
    pub(super) fn all<'n>(&self, names: &[&'n str]) -> BTreeMap<&'n str, String> {
        names.iter().map(|name| (*name, self.asked(name).unwrap_or_default().to_owned())).collect()
    }

    /// The address of this page: where forms come back to.
    pub(super) fn here(&self) -> String {
        self.with(&[])
    }

    /// The address of this page with other values; an empty one takes it away.
    pub(super) fn with(&self, changes: &[(&str, &str)]) -> String {
        let is_changed = |name: &str| changes.iter().any(|(changed, _)| *changed == name);
        let kept = self.pairs.iter().filter(|(name, _)| !is_changed(name));
        let kept = kept.map(|(name, value)| (&**name, &**value));
        let set = changes.iter().copied().filter(|(_, value)| !value.is_empty());
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let query = query.extend_pairs(kept.chain(set)).finish();
        if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) }
    }
}

/// What a form did, in a sentence; nothing for words that no form of ours sends back.
fn note(did: &str) -> Option<String> {
    let (deed, count) = did.split_once('-').unwrap_or((did, "1"));
    let (count, more) = match count.strip_suffix("-more") {
        Some(count) => (count, " More are left: do the same again for the rest."),
        None => (count, ""),
    };
    let count: u64 = count.parse().ok()?;
    let deliveries = if count == 1 { "1 delivery" } else { &format!("{count} deliveries") };
    Some(match (deed, count) {
        ("replayed", 0) => "Nothing was left to replay: each is replayed once.".to_owned(),
        ("replayed", _) => format!("{deliveries} will be sent again now.{more}"),
        ("discarded", 0) => "Nothing was left to discard.".to_owned(),
        ("discarded", _) => format!("{deliveries} discarded.{more}"),
        ("paused", 0) => "It was paused already.".to_owned(),
        ("paused", _) => "Paused. Deliveries wait; nothing is lost.".to_owned(),
        ("resumed", 0) => "It was not paused.".to_owned(),
        ("resumed", _) => {
            "Resumed. What waited goes on; an action starts with one at a time.".to_owned()
        }
        ("released", 0) => "There was nothing to release.".to_owned(),
        ("released", _) => "Released: the message was let in.".to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_what_was_asked_for() {
        let visit = Visit::new("/events", "type=record.*&error=a%26b&to=&before=x&did=paused");
        assert_eq!(visit.here(), "/events?type=record.*&error=a%26b&before=x");
        assert_eq!(visit.with(&[("before", "")]), "/events?type=record.*&error=a%26b");
        assert_eq!(visit.with(&[("before", "y"), ("type", "")]), "/events?error=a%26b&before=y");
    }

    #[test]
    fn only_known_deeds_are_told() {
        let told = |did: &str| Visit::new("/", &format!("did={did}")).note;
        assert_eq!(told("replayed-3").unwrap(), "3 deliveries will be sent again now.");
        assert!(told("replayed-0").unwrap().starts_with("Nothing"));
        let more = "5000 deliveries discarded. More are left: do the same again for the rest.";
        assert_eq!(told("discarded-5000-more").unwrap(), more);
        assert_eq!(told("<b>hacked</b>-3"), None);
        assert_eq!(told("replayed-<b>"), None);
    }
}

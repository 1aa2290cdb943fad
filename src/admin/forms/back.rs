//! Where a form leads back to: a page of ours, and nowhere else.

use url::Url;

/// A base that no page can name: whoever leaves it leads elsewhere.
const HERE: &str = "http://here.invalid/";

/// A page of ours, with what was asked for on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Back(Url);

impl Back {
    /// What a form or an address names; the first page where it names none of ours.
    pub(super) fn of(text: &str) -> Self {
        let here = Url::parse(HERE).expect("it is an address");
        // Browsers drop tabs and line ends from addresses, and take `\` for `/`.
        let is_plain =
            text.starts_with('/') && !text.chars().any(|char| char.is_control() || char == '\\');
        let there = Some(text).filter(|_| is_plain).and_then(|text| here.join(text).ok());
        let is_ours = |url: &Url| url.origin() == here.origin() && is_page(url.path());
        Self(there.filter(is_ours).unwrap_or(here))
    }

    /// As an address on this host.
    pub(super) fn address(&self) -> String {
        self.0[url::Position::BeforePath..].to_owned()
    }

    /// The same, telling there what was done.
    pub(super) fn telling(&self, did: &str) -> String {
        let mut url = self.0.clone();
        let kept: Vec<_> = self.0.query_pairs().filter(|(name, _)| name != "did").collect();
        url.query_pairs_mut().clear().extend_pairs(kept).append_pair("did", did);
        Self(url).address()
    }
}

/// Not what changes something, nor what is for programs.
fn is_page(path: &str) -> bool {
    let first = path.split('/').nth(1).unwrap_or_default();
    // A path that begins with `//` would name another host.
    !path.starts_with("//") && !["api", "pages", "login", "logout"].contains(&first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(text: &str) -> String {
        Back::of(text).address()
    }

    #[test]
    fn a_form_leads_back_to_pages_of_ours_only() {
        assert_eq!(back("/events?type=a&did=b"), "/events?type=a&did=b");
        for elsewhere in [
            "",
            "events",
            "https://evil.example/",
            "//evil.example/",
            "///evil.example/",
            "/\\evil.example/",
            "/\t/evil.example/",
            "/%2e%2e//evil.example",
            "/..//evil.example",
            "/a/..//evil.example",
            "/.//evil.example",
            "javascript:alert(1)",
            "/login?back=/login",
            "/logout",
            "/pages/replay",
            "/api/replay",
            "/x\r\nSet-Cookie: a=b",
        ] {
            assert_eq!(back(elsewhere), "/", "{elsewhere:?}");
        }
    }

    #[test]
    fn what_was_done_is_told_once() {
        let told = Back::of("/dead-letters?action=a%26b&did=paused").telling("replayed-3");
        assert_eq!(told, "/dead-letters?action=a%26b&did=replayed-3");
        assert_eq!(Back::of("/#action-a").telling("paused-1"), "/?did=paused-1#action-a");
    }
}

//! Hides secrets in what is kept of an answer or an error.
//!
//! A destination may echo a request's headers or address; what it says is stored and shown.

/// Shorter values are no secrets, and hiding them would make a text unreadable.
const SHORTEST: usize = 4;

/// Stands where a secret stood; no longer than the shortest secret.
const MASK: &[u8] = b"***";

/// The secrets of one destination.
#[derive(Default)]
pub(crate) struct Mask {
    /// Longest first, so that a part is never hidden where the whole could be.
    secrets: Vec<Vec<u8>>,
}

impl Mask {
    /// Adds a secret, also in the form that it has within a JSON string.
    pub(crate) fn add(&mut self, secret: impl AsRef<[u8]>) {
        let secret = secret.as_ref();
        if let Ok(text) = std::str::from_utf8(secret)
            && let Ok(quoted) = serde_json::to_string(text)
        {
            self.add_form(&quoted.as_bytes()[1..quoted.len() - 1]);
        }
        self.add_form(secret);
        self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// Adds a header's value; of `Bearer TOKEN` also the token alone.
    pub(crate) fn add_header(&mut self, value: &str) {
        self.add(value);
        if let Some((_, token)) = value.split_once(' ') {
            self.add(token.trim());
        }
    }

    /// Adds what may be secret in a URL: user, password and query, as written and decoded.
    pub(crate) fn add_url(&mut self, url: &url::Url) {
        for part in [Some(url.username()), url.password()].into_iter().flatten() {
            self.add(part);
            let form = format!("={}", part.replace('+', "%2B"));
            for (_, decoded) in url::form_urlencoded::parse(form.as_bytes()) {
                self.add(decoded.as_bytes());
            }
        }
        let query = url.query().unwrap_or_default();
        self.add(query);
        for pair in query.split('&') {
            self.add(pair.split_once('=').map_or(pair, |(_, value)| value));
        }
        for (_, value) in url.query_pairs() {
            self.add(value.as_bytes());
        }
    }

    /// The first `keep` bytes of `text` with every secret that begins in them hidden.
    pub(crate) fn bytes(&self, text: &[u8], keep: usize) -> Vec<u8> {
        let end = text.len().min(keep);
        let mut clean = Vec::with_capacity(end);
        let mut at = 0;
        while at < end {
            let rest = &text[at..];
            if let Some(secret) = self.secrets.iter().find(|secret| rest.starts_with(secret)) {
                clean.extend_from_slice(MASK);
                at += secret.len();
            } else {
                clean.push(text[at]);
                at += 1;
            }
        }
        clean
    }

    /// `text` with every secret hidden.
    pub(crate) fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes(), text.len())).into_owned()
    }

    fn add_form(&mut self, secret: &[u8]) {
        if secret.len() >= SHORTEST && !self.secrets.iter().any(|known| known == secret) {
            self.secrets.push(secret.to_vec());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(secrets: &[&str]) -> Mask {
        let mut mask = Mask::default();
        for secret in secrets {
            mask.add(secret);
        }
        mask
    }

    #[test]
    fn every_occurrence_is_hidden_the_longest_first() {
        let mask = mask(&["secret", "secret-and-more"]);
        assert_eq!(mask.text("a secret, a secret-and-more"), "a ***, a ***");
    }

    #[test]
    fn a_token_is_hidden_without_its_scheme_too() {
        let mut mask = Mask::default();
        mask.add_header("Bearer canary-1");
        assert_eq!(mask.text("Bearer canary-1 / canary-1"), "*** / ***");
    }

    #[test]
    fn a_secret_across_the_cut_does_not_show_its_first_half() {
        let kept = mask(&["canary-canary"]).bytes(b"0123456789canary-canary", 16);
        assert_eq!(kept, b"0123456789***");
    }

    #[test]
    fn what_is_secret_in_a_url_is_hidden_as_written_and_decoded() {
        let mut mask = Mask::default();
        let url = "https://some%2Buser:pass%20word@example.com/?token=ab%2Fcdef";
        mask.add_url(&url::Url::parse(url).unwrap());
        let echoed = "some+user some%2Buser pass word pass%20word ab/cdef ab%2Fcdef";
        assert_eq!(mask.text(echoed), "*** *** *** *** *** ***");
    }

    #[test]
    fn a_secret_within_json_is_hidden() {
        assert_eq!(mask(&["a\"b\\c"]).text(r#"{"echo":"a\"b\\c"}"#), r#"{"echo":"***"}"#);
    }
}

//! When two reasons are one: they differ only in what is each delivery's own, such as an id.
//!
//! What is shown as a group and what is done to a group is judged by the same function, here.

/// What stands where reasons differ.
pub const OWN: &str = "…";

/// A reason without ids and long numbers. Short numbers stay: 404 is another reason than 422.
/// What comes out stays as it is when it goes in again.
#[must_use]
pub fn without_own(reason: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let reason = reason.trim();
    let mut text = String::with_capacity(reason.len());
    let mut rest = reason;
    while let Some(first) = rest.chars().next() {
        let is_first_in = is_word(first);
        let end = rest.find(|c| is_word(c) != is_first_in).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        text.push_str(if is_first_in && is_own(word) { OWN } else { word });
        rest = after;
    }
    // Never empty: as a filter, that would mean every reason.
    if text.is_empty() { OWN.to_owned() } else { text }
}

/// Ids, hashes and numbers of six digits and more.
fn is_own(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let is_hex = word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let is_number = digits == word.len();
    (is_number && digits >= 6) || (is_hex && digits > 0 && word.len() >= 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_long_numbers_are_each_ones_own_and_statuses_are_not() {
        for (reason, alike) in [
            ("refused: status 404", "refused: status 404"),
            ("no deal 0192f1e0-1c3a-7cc1-8d1f-000000000001!", "no deal …!"),
            ("row 123456 of 12345", "row … of 12345"),
            ("hash deadbeefdeadbeef1", "hash …"),
            (" the façade of a-long-hyphenated-word\n", "the façade of a-long-hyphenated-word"),
            ("1234567", "…"),
            ("", "…"),
        ] {
            assert_eq!(without_own(reason), alike);
            assert_eq!(without_own(alike), alike);
        }
    }
}

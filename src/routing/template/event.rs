//! The event as a value for templates, read as leniently as it was taken.

use std::borrow::Cow;

use minijinja::Value;

use super::TemplateError;

/// The value of the event's JSON.
///
/// Halves of surrogate pairs and bytes that are no text become U+FFFD; of duplicate keys the last
/// counts.
///
/// # Errors
///
/// It is not JSON, or is nested deeper than 128 levels.
pub(super) fn read(json: &[u8]) -> Result<Value, TemplateError> {
    let json = mend_surrogates(json);
    let text = String::from_utf8_lossy(&json);
    serde_json::from_str(&text)
        .map_err(|error| TemplateError::wrong(format!("the event cannot be read: {error}")))
}

/// `json` with every escaped half of a surrogate pair replaced: valid JSON, but no text.
fn mend_surrogates(json: &[u8]) -> Cow<'_, [u8]> {
    let mut mended = Cow::Borrowed(json);
    let mut at = 0;
    while at + 1 < json.len() {
        if json[at] != b'\\' {
            at += 1;
            continue;
        }
        at += match (surrogate(json, at), surrogate(json, at + 6)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(_), _) => {
                mended.to_mut()[at..at + 6].copy_from_slice(br"\ufffd");
                6
            }
            (None, _) => 2,
        };
    }
    mended
}

/// The surrogate that an escape at `at` stands for, if it does.
fn surrogate(json: &[u8], at: usize) -> Option<u16> {
    let digits = json.get(at..at + 6)?.strip_prefix(br"\u")?;
    let digits = std::str::from_utf8(digits).ok()?;
    let code = u16::from_str_radix(digits, 16).ok()?;
    (0xD800..=0xDFFF).contains(&code).then_some(code)
}

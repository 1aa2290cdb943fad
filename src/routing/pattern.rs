//! Which event types a route asks for.

/// An entry of `on`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypePattern {
    /// One type.
    Exact(String),
    /// `prefix*`: every type that starts so.
    Prefix(String),
    /// `*suffix`, `a*b` and the like: the parts between the stars, in order.
    Parts(Vec<String>),
}

impl TypePattern {
    /// Reads `record.updated`, `list-entry.*`, `*` or `*.deleted`.
    #[must_use]
    pub fn parse(pattern: &str) -> Self {
        match pattern.split('*').collect::<Vec<_>>().as_slice() {
            [_] => Self::Exact(pattern.to_owned()),
            [prefix, ""] => Self::Prefix((*prefix).to_owned()),
            parts => Self::Parts(parts.iter().map(|&part| part.to_owned()).collect()),
        }
    }

    /// Whether an event type fits.
    #[must_use]
    pub fn matches(&self, event_type: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == event_type,
            Self::Prefix(prefix) => event_type.starts_with(prefix.as_str()),
            Self::Parts(parts) => matches_parts(parts, event_type),
        }
    }
}

/// The first part is at the start, the last at the end, the others in order between them.
fn matches_parts(parts: &[String], text: &str) -> bool {
    let [first, middle @ .., last] = parts else { return false };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
    for part in middle {
        match rest.find(part.as_str()) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last.as_str())
}

impl std::fmt::Display for TypePattern {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(exact) => out.write_str(exact),
            Self::Prefix(prefix) => write!(out, "{prefix}*"),
            Self::Parts(parts) => out.write_str(&parts.join("*")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_matched_exactly_or_by_glob() {
        let fits = |pattern, is| TypePattern::parse(pattern).matches(is);
        assert!(
            fits("record.updated", "record.updated") && !fits("record.updated", "record.updatedx")
        );
        assert!(fits("record.*", "record.updated") && !fits("record.*", "records.updated"));
        assert!(fits("*", "anything") && fits("*", ""));
        assert!(fits("*.deleted", "task.deleted") && !fits("*.deleted", "task.created"));
        assert!(fits("a*b*c", "a-b-c") && !fits("a*b*c", "a-c") && !fits("ab*bc", "abc"));
    }

    #[test]
    fn a_pattern_reads_as_it_was_typed() {
        for typed in ["record.updated", "record.*", "*", "*.deleted", "a*b*c"] {
            assert_eq!(TypePattern::parse(typed).to_string(), typed);
        }
    }
}

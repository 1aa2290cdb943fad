//! Where in the file a part of a template stands.

use std::ops::Range;

use super::Online;
use crate::{config::document::Place, routing::template};

impl Online<'_, '_> {
    /// The bytes of `words`, which stand at `at` of the text that is typed at `place`; all of that
    /// text where it is not typed as it reads, such as with escapes.
    pub(super) fn spot(
        &self,
        place: &Place,
        at: Option<template::Place>,
        words: &str,
    ) -> Range<usize> {
        let all = self.document.span_of(place);
        let part = || {
            let source = self.document.value(place)?.get_ref().as_str()?;
            let start = all.start + self.text.get(all.clone())?.find(source)?;
            let offset = offset(source, at?)?;
            let is_there = source.get(offset..)?.starts_with(words);
            let length = if is_there { words.len() } else { 1 };
            Some(start + offset..start + offset + length)
        };
        part().filter(|part| self.text.get(part.clone()).is_some()).unwrap_or(all)
    }
}

/// A place in bytes.
fn offset(source: &str, at: template::Place) -> Option<usize> {
    let line_start: usize =
        source.split_inclusive('\n').take(at.line.checked_sub(1)?).map(str::len).sum();
    let rest = source.get(line_start..)?;
    let (column, _) = rest.char_indices().nth(at.column.checked_sub(1)?)?;
    Some(line_start + column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_are_counted_from_one_and_columns_in_characters() {
        let at = |line, column| offset("ab\nüx", template::Place { line, column });
        assert_eq!((at(1, 1), at(1, 2), at(2, 1), at(2, 2)), (Some(0), Some(1), Some(3), Some(5)));
        assert_eq!((at(0, 1), at(3, 1), at(2, 9)), (None, None, None));
    }
}

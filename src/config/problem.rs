//! What is wrong with the file, and how it is shown.
//!
//! A secret that was typed by mistake stands in the very line that a problem points at, so the
//! text is masked before anything is shown.

use std::{fmt, ops::Range};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, renderer::DecorStyle};

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The configuration is not used.
    Error,
    /// The configuration is used, but probably does not do what was meant.
    Warning,
}

/// One thing that is wrong. Holds no secret.
#[derive(Debug, Clone)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// What to do instead, where that can be said.
    pub help: Option<String>,
    /// The line, counted from 1; 1 when it is about the file as a whole.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    span: Range<usize>,
    related: Option<(Range<usize>, &'static str)>,
}

/// Problems while they are being gathered, and what of the text may not be shown.
#[derive(Debug, Default)]
pub struct Report {
    problems: Vec<Problem>,
    masks: Vec<Range<usize>>,
}

impl Report {
    /// Adds an error; the returned problem takes further remarks.
    pub fn error(&mut self, span: Range<usize>, message: impl Into<String>) -> &mut Problem {
        self.add(Severity::Error, span, message.into())
    }

    /// Adds a warning; the returned problem takes further remarks.
    pub fn warning(&mut self, span: Range<usize>, message: impl Into<String>) -> &mut Problem {
        self.add(Severity::Warning, span, message.into())
    }

    /// Never show these bytes of the text.
    pub fn mask(&mut self, span: Range<usize>) {
        self.masks.push(span);
    }

    /// A report without a problem that shows as little of the text as this one.
    #[must_use]
    pub fn masks_only(self) -> Self {
        Self { problems: Vec::new(), masks: self.masks }
    }

    fn add(&mut self, severity: Severity, span: Range<usize>, message: String) -> &mut Problem {
        self.problems.push(Problem {
            severity,
            message,
            help: None,
            line: 1,
            column: 1,
            span,
            related: None,
        });
        let last = self.problems.len() - 1;
        &mut self.problems[last]
    }
}

impl Problem {
    /// Says what to do instead.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Says what was probably meant, if anything is near enough.
    pub fn suggest(&mut self, meant: Option<&str>) -> &mut Self {
        if let Some(meant) = meant {
            self.help = Some(format!("did you mean `{meant}`?"));
        }
        self
    }

    /// Points at a second place.
    pub fn related(&mut self, span: Range<usize>, label: &'static str) -> &mut Self {
        self.related = Some((span, label));
        self
    }
}

/// The problems of one file, in the file's order. Holds no secret.
#[derive(Debug, Clone)]
pub struct Problems {
    name: String,
    text: Option<String>,
    found: Vec<Problem>,
}

impl Problems {
    /// What was gathered about `text`, which is shown under `name`.
    #[must_use]
    pub fn new(name: &str, text: &str, report: Report) -> Self {
        let Report { mut problems, masks } = report;
        problems.sort_by_key(|problem| problem.span.start);
        for problem in &mut problems {
            (problem.line, problem.column) = position(text, problem.span.start);
        }
        Self { name: name.to_owned(), text: Some(masked(text, &masks)), found: problems }
    }

    /// A file that could not be read at all.
    #[must_use]
    pub fn unreadable(name: &str, message: String, help: String) -> Self {
        let mut report = Report::default();
        report.error(0..0, message).help(help);
        Self { name: name.to_owned(), text: None, found: report.problems }
    }

    /// Each problem, in the file's order.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.found.iter()
    }

    /// Nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// At least one is an error: the configuration may not be used.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// All of them for a person: file, line, column, the line itself, a caret, a suggestion.
    #[must_use]
    pub fn render(&self, in_colour: bool) -> String {
        let renderer = if in_colour { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let mut out = String::new();
        for problem in self {
            out.push_str(&renderer.render(&self.groups(problem)));
            out.push_str("\n\n");
        }
        out
    }

    fn groups<'a>(&'a self, problem: &'a Problem) -> Vec<Group<'a>> {
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(problem.message.as_str());
        let mut group = match &self.text {
            Some(text) => {
                let related = problem
                    .related
                    .iter()
                    .map(|(span, label)| AnnotationKind::Context.span(span.clone()).label(*label));
                title.element(
                    Snippet::source(text.as_str())
                        .path(self.name.as_str())
                        .annotation(AnnotationKind::Primary.span(problem.span.clone()))
                        .annotations(related),
                )
            }
            None => Group::with_title(title),
        };
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        vec![group]
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

// One `*` for each byte, so that every span stays right; what shapes the TOML stays visible.
fn masked(text: &str, masks: &[Range<usize>]) -> String {
    let hide = |at: usize| masks.iter().any(|mask| mask.contains(&at));
    text.char_indices()
        .flat_map(|(at, c)| {
            let is_shape = c.is_whitespace() || "\"'[]{},=".contains(c);
            let (shown, times) = if hide(at) && !is_shape { ('*', c.len_utf8()) } else { (c, 1) };
            std::iter::repeat_n(shown, times)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[server]\nlissten = \"127.0.0.1:1\"\ntöken = \"geheim-ü\"\n";

    fn problems() -> Problems {
        let mut report = Report::default();
        let token = TEXT.find("\"geheim").unwrap();
        report.mask(token..TEXT.len() - 1);
        report.error(token..TEXT.len() - 1, "a secret may not stand in the file");
        report.warning(9..16, "unknown key `lissten`").suggest(Some("listen"));
        Problems::new("relay.toml", TEXT, report)
    }

    #[test]
    fn a_problem_is_shown_with_its_place_its_line_and_a_suggestion() {
        let shown = problems().render(false);
        let first = shown.split("\n\n").next().unwrap();
        assert_eq!(
            first,
            "warning: unknown key `lissten`\n \
             --> relay.toml:2:1\n  \
             |\n\
             2 | lissten = \"127.0.0.1:1\"\n  \
             | ^^^^^^^\n  \
             |\n  \
             = help: did you mean `listen`?"
        );
    }

    #[test]
    fn problems_come_in_the_order_of_the_file() {
        let places: Vec<_> = problems().iter().map(|one| (one.line, one.column)).collect();
        assert_eq!(places, [(2, 1), (3, 9)]);
    }

    #[test]
    fn masked_text_keeps_its_shape_and_loses_its_letters() {
        let shown = problems().render(false);
        assert!(shown.contains("töken = \"*********\""), "{shown}");
        assert!(!shown.contains("geheim"));
    }

    #[test]
    fn a_file_that_cannot_be_read_has_no_line_to_show() {
        let problems = Problems::unreadable("x", "cannot read x".into(), "make one".into());
        assert_eq!(problems.to_string(), "error: cannot read x\n |\n = help: make one\n\n");
    }
}

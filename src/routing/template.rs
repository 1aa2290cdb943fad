//! The language of templates: strict, bounded, and checked name by name when it is loaded.
//!
//! A template is the operator's, the values are anybody's: nothing undefined is ever printed as
//! nothing, values cannot become markup, and no value makes a template run or write without end.
//! No I/O happens here and no clock is read.

use std::{borrow::Cow, io};

use minijinja::{
    AutoEscape, Environment, ErrorKind, Output, State, UndefinedBehavior, Value,
    machinery::{Instruction, Instructions, get_compiled_template},
};

use crate::action::Job;

/// The names that every template may use.
pub const NAMES: [&str; 8] = [
    "event",
    "actor",
    "id",
    "type",
    "received_at",
    "source",
    "route",
    "attempt",
];

/// Names of the language that need values from Attio, which are not looked up yet.
const NEEDS_ATTIO: [&str; 4] = ["record", "entry", "previous", "workspace"];

/// Steps that one rendering may take.
const FUEL: u64 = 50_000;

/// The longest text that is made, in bytes.
const LONGEST: usize = 256 * 1024;

/// The name of the only template in an environment.
const NAME: &str = "template";

/// How values are escaped on their way into the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// Not at all; JSON is made with `tojson`.
    Nothing,
    /// `&`, `<` and `>`, after <https://docs.slack.dev/messaging/formatting-message-text>.
    Slack,
}

/// A template that has passed every check that can be made without an event.
pub struct Template {
    environment: Environment<'static>,
    reads_event: bool,
}

/// Why a template cannot be used, or could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TemplateError {
    /// Where in the template, counted from 1.
    pub place: Option<Place>,
    /// What is wrong.
    pub message: String,
}

/// A place in a template's source, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// Takes the text until it gets too long.
struct Bounded(Vec<u8>);

impl Template {
    /// Compiles `source`, in which only `names` may stand for values.
    ///
    /// # Errors
    ///
    /// The source is not a template, or names something that does not exist.
    pub fn compile(source: &str, names: &[&str], escape: Escape) -> Result<Self, TemplateError> {
        let mut environment = environment(escape);
        // The place of a syntax error is known in debug mode only, which costs at run time.
        environment.set_debug(true);
        let added = environment.add_template_owned(NAME, source.to_owned());
        added.map_err(|error| TemplateError::from_engine(&error, source))?;
        environment.set_debug(false);
        let used = check_names(&environment, names, source)?;
        let reads_event = used.iter().any(|name| name == "event" || name == "actor");
        Ok(Self {
            environment,
            reads_event,
        })
    }

    /// The text for `job`.
    ///
    /// # Errors
    ///
    /// A value is undefined, an operation is impossible, or a limit was reached. It would be so
    /// again.
    pub fn render(&self, job: &Job) -> Result<String, TemplateError> {
        let event = if self.reads_event {
            read_event(&job.json)?
        } else {
            Value::UNDEFINED
        };
        let actor = event
            .get_attr("actor")
            .ok()
            .filter(|actor| !actor.is_undefined());
        let values = minijinja::context! {
            event,
            actor => actor.unwrap_or(Value::from(())),
            id => job.event_id.to_string(),
            type => job.event_type.as_str(),
            received_at => job.received_at_text(),
            source => job.source.as_str(),
            route => job.route.as_str(),
            attempt => job.attempt,
        };
        let template = self
            .environment
            .get_template(NAME)
            .expect("it was added when compiled");
        let mut text = Bounded(Vec::with_capacity(256));
        match template.render_captured_to(values, &mut text) {
            Ok(_) => Ok(String::from_utf8(text.0).expect("the engine writes UTF-8")),
            Err(error) => Err(TemplateError::from_engine(&error, template.source())),
        }
    }
}

impl std::fmt::Display for TemplateError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(Place { line, column }) = self.place {
            write!(out, "line {line}, column {column}: ")?;
        }
        out.write_str(&self.message)
    }
}

impl TemplateError {
    fn at(source: &str, offset: Option<usize>, message: String) -> Self {
        Self {
            place: offset.and_then(|offset| Place::of(source, offset)),
            message,
        }
    }

    fn from_engine(error: &minijinja::Error, source: &str) -> Self {
        let message = match (error.kind(), error.detail()) {
            (ErrorKind::OutOfFuel, _) => format!("takes more than {FUEL} steps"),
            (ErrorKind::WriteFailure, _) => format!("makes more than {LONGEST} bytes"),
            (kind, Some(detail)) => format!("{kind}: {detail}"),
            (kind, None) => kind.to_string(),
        };
        let offset = error.range().map(|range| range.start);
        Self::at(source, offset, message)
    }
}

impl Place {
    fn of(source: &str, offset: usize) -> Option<Self> {
        let before = source.get(..offset)?;
        let line = before.rsplit('\n').next().unwrap_or_default();
        Some(Self {
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
        })
    }
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn environment(escape: Escape) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.remove_global("debug");
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    match escape {
        Escape::Nothing => environment.set_auto_escape_callback(|_| AutoEscape::None),
        Escape::Slack => {
            environment.set_auto_escape_callback(|_| AutoEscape::Custom("slack".into()));
            environment.set_formatter(format_for_slack);
        }
    }
    environment
}

fn format_for_slack(
    out: &mut Output,
    state: &mut State,
    value: &Value,
) -> Result<(), minijinja::Error> {
    if value.is_safe() || !matches!(state.auto_escape(), AutoEscape::Custom(_)) {
        return Ok(write!(out, "{value}")?);
    }
    let text = value
        .as_str()
        .map_or_else(|| Cow::Owned(value.to_string()), Cow::Borrowed);
    let mut rest = &*text;
    while let Some(at) = rest.find(['&', '<', '>']) {
        out.write_str(&rest[..at])?;
        out.write_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            _ => "&gt;",
        })?;
        rest = &rest[at + 1..];
    }
    Ok(out.write_str(rest)?)
}

/// The values that the template reads, when it names nothing that does not exist.
fn check_names(
    environment: &Environment<'static>,
    names: &[&str],
    source: &str,
) -> Result<Vec<String>, TemplateError> {
    let template = environment
        .get_template(NAME)
        .expect("it was added when compiled");
    let compiled = get_compiled_template(&template);
    let used = template.undeclared_variables(false);
    // The language's own tests `filter` and `test` know which of them there are.
    let exists = |kind: &str, name: &str| {
        environment
            .empty_state()
            .perform_test(kind, &[Value::from(name)])
            .unwrap_or(false)
    };
    let is_global = |name: &str| environment.globals().any(|(global, _)| global == name);
    for code in std::iter::once(&compiled.instructions).chain(compiled.blocks.values()) {
        for (index, instruction) in (0..).map_while(|index| Some((index, code.get(index)?))) {
            let problem = match instruction {
                Instruction::Lookup(name) | Instruction::CallFunction(name, _)
                    if used.contains(*name) && !names.contains(name) && !is_global(name) =>
                {
                    unknown_name(name, names)
                }
                Instruction::ApplyFilter(name, ..) if !exists("filter", name) => {
                    format!("there is no filter `{name}`")
                }
                Instruction::PerformTest(name, ..) if !exists("test", name) => {
                    format!("there is no test `{name}`")
                }
                Instruction::Include(_) | Instruction::LoadBlocks => {
                    "there are no other templates to use".to_owned()
                }
                _ => continue,
            };
            return Err(TemplateError::at(source, offset(code, index), problem));
        }
    }
    Ok(used.into_iter().collect())
}

fn offset(code: &Instructions<'_>, index: u32) -> Option<usize> {
    code.get_span(index).map(|span| span.start_offset as usize)
}

fn unknown_name(name: &str, names: &[&str]) -> String {
    if NEEDS_ATTIO.contains(&name) {
        return format!(
            "`{name}` needs values looked up in Attio, which this version cannot do yet"
        );
    }
    let known = names.join("`, `");
    let closest = names
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
    match closest.filter(|known| strsim::jaro_winkler(name, known) > 0.8) {
        Some(closest) => format!("there is no `{name}`; did you mean `{closest}`?"),
        None => format!("there is no `{name}`; known are `{known}`"),
    }
}

/// The event's JSON as a value, read as leniently as it was taken.
fn read_event(json: &[u8]) -> Result<Value, TemplateError> {
    let json = mend_surrogates(json);
    let text = String::from_utf8_lossy(&json);
    serde_json::from_str(&text).map_err(|error| TemplateError {
        place: None,
        message: format!("the event cannot be read: {error}"),
    })
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

//! `kind = "log"`: a line in the program's own log, to try a route or to keep a trace of it.
//!
//! The event's body never gets there, and what Attio sends cannot break a line in two.

use std::fmt::Write;

use super::{ActionError, Done, Job, TemplateProblem};
use crate::{
    config::{self, LogAction},
    name::ActionName,
    routing::{
        Needs,
        template::{Escape, NAMES, Template},
    },
};

/// The destination that is the log.
pub struct Log {
    name: ActionName,
    text: Option<Template>,
}

impl Log {
    /// Prepares the action.
    ///
    /// # Errors
    ///
    /// The template is wrong.
    pub fn build(config: &config::Action, log: &LogAction) -> Result<Self, TemplateProblem> {
        Ok(Self { name: config.name.clone(), text: text(log)? })
    }

    /// Every problem of the configuration.
    pub(super) fn check(log: &LogAction) -> Vec<TemplateProblem> {
        text(log).err().into_iter().collect()
    }

    /// What the template needs to have looked up.
    pub(super) fn needs(&self) -> Needs {
        self.text.as_ref().map_or(Needs::default(), Template::needs)
    }

    /// Writes the line.
    ///
    /// # Errors
    ///
    /// The template failed.
    pub fn perform(&self, job: &Job) -> Result<Done, ActionError> {
        let text = match (job.alert_text(), &self.text) {
            (Some(alert), _) => on_one_line(&alert),
            (None, None) => "event".to_owned(),
            (None, Some(template)) => {
                let text = template.render(job);
                on_one_line(&text.map_err(|error| ActionError::of_template("text", &error))?)
            }
        };
        tracing::info!(
            target: "attio_relay::action::log",
            action = %self.name,
            route = %job.route,
            event = %job.event_id,
            "type" = %on_one_line(&job.event_type),
            "{text}"
        );
        Ok(Done::default())
    }
}

fn text(log: &LogAction) -> Result<Option<Template>, TemplateProblem> {
    let compile = |source: &String| Template::compile(source, &NAMES, Escape::Nothing);
    log.text
        .as_ref()
        .map(compile)
        .transpose()
        .map_err(|error| TemplateProblem { field: "text", message: error.to_string() })
}

/// `text` with everything escaped that could end a line or steer a terminal.
fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() || matches!(char, '\u{2028}' | '\u{2029}') {
            write!(line, "{}", char.escape_default()).expect("writing to memory");
        } else {
            line.push(char);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_a_line_or_steers_a_terminal() {
        let line = on_one_line("a\nb\r\u{1b}[31mc\u{7f}\u{2028}d é");
        assert_eq!(line, r"a\nb\r\u{1b}[31mc\u{7f}\u{2028}d é");
    }
}

//! How far it is: a bar where somebody watches, a line now and then where not.

use std::{
    io::{IsTerminal, stderr},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::reconcile::Step;

/// The pause between two lines of a log.
const PAUSE: Duration = Duration::from_secs(10);

/// Shows steps on standard error.
pub(super) enum Progress {
    Bar(ProgressBar),
    Lines { told_at: Option<Instant> },
}

impl Progress {
    pub(super) fn new() -> Self {
        if !stderr().is_terminal() {
            return Self::Lines { told_at: None };
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(style("{spinner} {elapsed} {msg}"));
        Self::Bar(bar)
    }

    pub(super) fn show(&mut self, step: Step<'_>) {
        match self {
            Self::Bar(bar) => draw(bar, step),
            Self::Lines { told_at } => {
                if told_at.is_none_or(|at| at.elapsed() >= PAUSE) {
                    *told_at = Some(Instant::now());
                    eprintln!("{}", words(step));
                }
            }
        }
    }

    /// Clears the bar, so that what follows stands alone.
    pub(super) fn end(&mut self) {
        match self {
            Self::Bar(bar) => bar.finish_and_clear(),
            Self::Lines { told_at } => *told_at = None,
        }
    }
}

fn draw(bar: &ProgressBar, step: Step<'_>) {
    if bar.is_finished() {
        bar.reset();
    }
    if let Step::Made { done, of } = step {
        if bar.length().is_none() {
            bar.set_style(style("{bar:40} {pos}/{len} {eta}"));
            bar.set_length(of as u64);
        }
        return bar.set_position(done as u64);
    }
    bar.set_message(words(step));
    bar.tick();
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("it is written right")
}

fn words(step: Step<'_>) -> String {
    match step {
        Step::Arrived(events) => format!("{events} events have arrived"),
        Step::Looked { at, things, missing } => format!("{at}: {things} seen, {missing} missing"),
        Step::Made { done, of } => format!("{done} of {of} made"),
    }
}

//! How far long work is: a bar on a terminal, a line now and then elsewhere.
//!
//! All of it goes to standard error: standard output is for what the work comes to.

use std::{
    io::{IsTerminal, stderr},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Where nobody watches, so often a line.
const LINE_EVERY: Duration = Duration::from_secs(3);

/// How often a bar is drawn while nothing happens: the time still goes on.
const TICK: Duration = Duration::from_millis(500);

/// How far, how fast, how long still.
const COUNTED: &str = "{msg} [{bar:30}] {pos}/{len}, {per_sec}, {eta} left";

/// What cannot be counted: since when, and what it is at.
const UNCOUNTED: &str = "{spinner} {elapsed} {msg}";

/// The progress of one piece of work.
pub(super) struct Progress {
    words: String,
    total: Option<u64>,
    done: u64,
    told_at: Option<Instant>,
    told: String,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Work on `total` things that begins now; `did` is what is done to each, in the past tense.
    pub(super) fn of(total: u64, did: &str) -> Self {
        let progress = Self {
            words: did.to_owned(),
            total: Some(total),
            done: 0,
            // The beginning is no news: a first line comes after a while.
            told_at: Some(Instant::now()),
            told: String::new(),
            bar: drawn(Some(total), COUNTED),
        };
        if let Some(bar) = &progress.bar {
            bar.set_message(did.to_owned());
        }
        progress
    }

    /// Work whose end nobody knows.
    pub(super) fn uncounted() -> Self {
        Self {
            words: String::new(),
            total: None,
            done: 0,
            told_at: None,
            told: String::new(),
            bar: drawn(None, UNCOUNTED),
        }
    }

    /// So many more are done.
    pub(super) fn advance(&mut self, by: u64) {
        self.reach(self.done + by);
    }

    /// So many are done.
    pub(super) fn reach(&mut self, done: u64) {
        self.done = done;
        match &self.bar {
            Some(bar) => bar.set_position(done),
            None => self.tell_seldom(),
        }
    }

    /// What it is at.
    pub(super) fn show(&mut self, words: impl Into<String>) {
        self.words = words.into();
        match &self.bar {
            Some(bar) => bar.set_message(self.words.clone()),
            None => self.tell_seldom(),
        }
    }

    /// It still goes on, and nothing is new.
    pub(super) fn still(&mut self) {
        if self.bar.is_none() && !self.words.is_empty() {
            self.tell_seldom();
        }
    }

    /// How many are done.
    pub(super) fn done(&self) -> u64 {
        self.done
    }

    /// A line beside the bar.
    pub(super) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    /// Clears the bar, so that what follows stands alone. Elsewhere the last line says how it ended,
    /// unless that was told already.
    pub(super) fn end(self) {
        if self.bar.is_none() && self.total != Some(1) && !self.words.is_empty() {
            let line = self.line();
            if line != self.told {
                eprintln!("{line}");
            }
        }
    }

    fn line(&self) -> String {
        match self.total {
            Some(total) => format!("{} {} of {total}", self.words, self.done),
            None => self.words.clone(),
        }
    }

    fn tell_seldom(&mut self) {
        if self.told_at.is_none_or(|at| at.elapsed() >= LINE_EVERY) {
            self.told_at = Some(Instant::now());
            self.told = self.line();
            eprintln!("{}", self.told);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A bar, where somebody watches.
fn drawn(total: Option<u64>, template: &str) -> Option<ProgressBar> {
    stderr().is_terminal().then(|| {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        bar.set_style(ProgressStyle::with_template(template).expect("the template is right"));
        bar.enable_steady_tick(TICK);
        bar
    })
}

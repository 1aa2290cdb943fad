//! How far long work is: a bar on a terminal, a line now and then elsewhere.

use std::{
    io::{IsTerminal, stderr},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Where nobody watches, so often a line.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// What a bar shows: how far, how fast, how long still.
const BAR: &str = "{msg} [{bar:30}] {pos}/{len}, {per_sec}, {eta} left";

/// The progress of one piece of work, told on standard error.
pub(super) struct Progress {
    did: &'static str,
    total: u64,
    done: u64,
    told: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Work on `total` things that begins now; `did` is what is done to each, in the past tense.
    pub(super) fn of(total: u64, did: &'static str) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            bar.set_style(ProgressStyle::with_template(BAR).expect("the template is right"));
            bar.with_message(did)
        });
        Self { did, total, done: 0, told: Instant::now(), bar }
    }

    /// So many more are done.
    pub(super) fn advance(&mut self, by: u64) {
        self.done += by;
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
        } else if self.told.elapsed() >= LINE_EVERY {
            self.told = Instant::now();
            eprintln!("{} {} of {}", self.did, self.done, self.total);
        }
    }

    /// A line beside the bar.
    pub(super) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
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

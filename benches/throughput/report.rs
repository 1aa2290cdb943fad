//! The figures, their bars, and the table of them.

use std::collections::BTreeMap;

/// What was measured, under its name, once for each round.
#[derive(Debug, Default)]
pub struct Samples(BTreeMap<&'static str, Vec<f64>>);

impl Samples {
    /// Notes one value.
    pub fn note(&mut self, name: &'static str, value: f64) {
        self.0.entry(name).or_default().push(value);
    }

    /// The value in the middle.
    fn median(&self, name: &str) -> Option<f64> {
        median(self.0.get(name)?.clone())
    }

    /// The middle of the rounds' ratios: what disturbed one round disturbed both of its halves.
    fn ratio(&self, of: &str, over: &str) -> Option<f64> {
        let (of, over) = (self.0.get(of)?, self.0.get(over)?);
        median(of.iter().zip(over).map(|(of, over)| of / over).collect())
    }
}

/// How good a figure has to be.
#[derive(Debug, Clone, Copy)]
pub enum Bar {
    /// More is better: what must hold, and the aim.
    AtLeast(f64, f64),
    /// Less is better: what must hold, and the aim.
    AtMost(f64, f64),
    /// Printed only.
    None,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// The scenario that measures it.
    pub scenario: &'static str,
    /// What it says.
    pub title: &'static str,
    /// The sample it is about.
    pub of: &'static str,
    /// The unit of the sample.
    pub unit: &'static str,
    /// The sample it is divided by before it is held against the bar.
    pub over: Option<&'static str>,
    /// How good it has to be.
    pub bar: Bar,
}

/// How a figure did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Aim,
    Held,
    Missed,
    Unjudged,
}

impl Figure {
    fn value(&self, samples: &Samples) -> Option<f64> {
        match self.over {
            None => samples.median(self.of),
            Some(over) => samples.ratio(self.of, over),
        }
    }

    fn verdict(&self, value: f64) -> Verdict {
        let (holds, aims) = match self.bar {
            Bar::None => return Verdict::Unjudged,
            Bar::AtLeast(must, aim) => (value >= must, value >= aim),
            Bar::AtMost(must, aim) => (value <= must, value <= aim),
        };
        match (holds, aims) {
            (_, true) => Verdict::Aim,
            (true, false) => Verdict::Held,
            (false, false) => Verdict::Missed,
        }
    }
}

/// Prints the figures that were measured, as Markdown. False when one misses what must hold.
pub fn print(figures: &[Figure], samples: &Samples) -> bool {
    println!("| figure | measured | beside | ratio | must hold | aim | |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | --- |");
    let mut all_hold = true;
    for figure in figures {
        let (Some(value), Some(measured)) = (figure.value(samples), samples.median(figure.of))
        else {
            continue;
        };
        let verdict = figure.verdict(value);
        all_hold &= verdict != Verdict::Missed;
        let beside = figure.over.and_then(|over| samples.median(over));
        let (must, aim) = match figure.bar {
            Bar::None => (String::new(), String::new()),
            Bar::AtLeast(must, aim) => (format!("≥ {must}"), format!("≥ {aim}")),
            Bar::AtMost(must, aim) => (format!("≤ {must}"), format!("≤ {aim}")),
        };
        println!(
            "| {} | {} {} | {} | {} | {must} | {aim} | {} |",
            figure.title,
            rounded(measured),
            figure.unit,
            beside.map(rounded).unwrap_or_default(),
            beside.map(|_| rounded(value)).unwrap_or_default(),
            match verdict {
                Verdict::Aim => "aim reached",
                Verdict::Held => "holds",
                Verdict::Missed => "**missed**",
                Verdict::Unjudged => "",
            }
        );
    }
    all_hold
}

/// Three digits that matter.
pub fn rounded(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

//! A day in a small drawing: what was delivered stands above the line, what failed hangs below it,
//! so that it can be told apart without colours.

use std::fmt::Write;

use minijinja::{Error, Value};

/// Width of a quarter of an hour, and heights above and below the line.
const STEP: usize = 4;
const ABOVE: f64 = 24.0;
const BELOW: f64 = 12.0;

/// What is not nothing can be seen.
const LEAST: f64 = 2.0;

/// Draws a day as SVG, with a text for those who do not see it.
pub(super) fn spark(day: &Value) -> Result<Value, Error> {
    let (delivered, failed) = (numbers(day, "delivered")?, numbers(day, "failed")?);
    let most = delivered.iter().chain(&failed).fold(1.0, |most: f64, one| most.max(*one));
    let up =
        bars(&delivered, |value| (ABOVE - height(value, most, ABOVE), height(value, most, ABOVE)));
    let down = bars(&failed, |value| (ABOVE + 1.0, height(value, most, BELOW)));
    let (width, whole) = (delivered.len() * STEP, ABOVE + BELOW + 1.0);
    let (good, bad) = (delivered.iter().sum::<f64>(), failed.iter().sum::<f64>());
    let label = format!("Last 24 hours: {good:.0} delivered, {bad:.0} failed attempts");
    Ok(Value::from_safe_string(format!(
        r#"<svg class="spark" viewBox="0 0 {width} {whole}" preserveAspectRatio="none" role="img" aria-label="{label}"><title>{label}</title><path class="axis" d="M0 {ABOVE}h{width}v1H0z"/><path class="up" d="{up}"/><path class="down" d="{down}"/></svg>"#
    )))
}

fn numbers(day: &Value, name: &str) -> Result<Vec<f64>, Error> {
    let values = day.get_attr(name)?.try_iter()?;
    values.map(f64::try_from).collect()
}

fn height(value: f64, most: f64, all: f64) -> f64 {
    (value / most * all).max(LEAST)
}

/// One bar for each that is not nothing: where it begins and how high it is.
fn bars(values: &[f64], place: impl Fn(f64) -> (f64, f64)) -> String {
    let mut path = String::new();
    for (at, value) in values.iter().enumerate().filter(|(_, value)| **value > 0.0) {
        let (left, width, (top, height)) = (at * STEP, STEP - 1, place(*value));
        write!(path, "M{left} {top:.1}h{width}v{height:.1}h-{width}z")
            .expect("text is always written");
    }
    path
}

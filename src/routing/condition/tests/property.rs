//! A condition is never true because of an error: tried on many conditions and values.

use serde_json::json;

use super::*;

/// Numbers as a fixed seed gives them.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn one<'o>(&mut self, of: &[&'o str]) -> &'o str {
        of[self.below(of.len())]
    }
}

/// Operands that are there, and what they are worth.
const FULL: [&str; 6] = [
    "record.value.amount",
    "5",
    "2.5",
    "previous.value.amount",
    "(1 + 2)",
    "record.regions|length",
];

/// Operands that are empty.
const EMPTY: [&str; 6] = [
    "record.price",
    "record.price.amount",
    "record.company.name.first",
    "none",
    "record['price']",
    "(record.price or record.company)",
];

/// Operands that cannot be evaluated.
const WRONG: [&str; 4] = ["record.nope", "event.nope.x", "entry.stage", "(1 // 0)"];

const ORDER: [&str; 4] = ["<", "<=", ">", ">="];
const ARITHMETIC: [&str; 7] = ["+", "-", "*", "/", "//", "%", "**"];

/// An expression whose value is true only if `operand` can be put in order, or calculated with.
fn strict_use(numbers: &mut Numbers, operand: &str) -> String {
    let other = numbers.one(&FULL);
    let order = numbers.one(&ORDER);
    let arithmetic = numbers.one(&ARITHMETIC);
    match numbers.below(7) {
        0 => format!("{operand} {order} {other}"),
        1 => format!("{other} {order} {operand}"),
        2 => format!("({operand} {arithmetic} {other}) == ({operand} {arithmetic} {other})"),
        3 => format!("({other} {arithmetic} {operand}) != 'x'"),
        4 => format!("(-({operand})) != 'x'"),
        5 => format!("-1000 < {operand} {order} 99999"),
        _ => format!("not ({operand} {order} {other})"),
    }
}

/// Around an expression that must be evaluated for the whole to be.
fn around(numbers: &mut Numbers, inner: String) -> String {
    match numbers.below(6) {
        0 => format!("not ({inner})"),
        1 => format!("({inner}) or true"),
        2 => format!("true and ({inner})"),
        3 => format!("'x' if ({inner}) else 'y'"),
        4 => format!("[{inner}]|length == 1"),
        _ => inner,
    }
}

fn conditions(operands: &[&str]) -> impl Iterator<Item = String> {
    let mut numbers = Numbers(operands.len() as u64);
    let operands: Vec<String> = operands.iter().map(|&operand| operand.to_owned()).collect();
    (0..3_000).map(move |index| {
        let mut condition = strict_use(&mut numbers, &operands[index % operands.len()]);
        for _ in 0..numbers.below(4) {
            condition = around(&mut numbers, condition);
        }
        condition
    })
}

fn verdict(source: &str) -> Verdict {
    let values = Values {
        record: Some(deal()),
        previous: Some(json!({"value": {"amount": 7}})),
        ..Values::default()
    };
    Condition::compile(source).expect(source).evaluate(&job_with(&json!({}), values))
}

#[test]
fn whatever_is_done_with_an_empty_value_is_told_as_empty() {
    for source in conditions(&EMPTY) {
        let verdict = verdict(&source);
        assert!(matches!(verdict, Verdict::Empty { .. }), "{source}: {verdict:?}");
    }
}

#[test]
fn whatever_is_done_with_a_wrong_value_failed() {
    for source in conditions(&WRONG) {
        let verdict = verdict(&source);
        assert!(matches!(verdict, Verdict::Failed { .. }), "{source}: {verdict:?}");
    }
}

#[test]
fn what_is_there_is_never_told_as_empty() {
    for source in conditions(&FULL) {
        let verdict = verdict(&source);
        assert!(!matches!(verdict, Verdict::Empty { .. }), "{source}: {verdict:?}");
    }
}

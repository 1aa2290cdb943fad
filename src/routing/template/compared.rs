//! Which words an expression compares attributes with: `record.stage == "Closed Won"`.
//!
//! For warnings only: what cannot be told from the text alone is left out.

use minijinja::{
    Value,
    machinery::{
        self,
        ast::{BinOp, BinOpKind, Const, Expr, Spanned},
    },
    value::ValueKind,
};

use super::{
    Place, UsedAttribute,
    path::{Key, Path},
};

/// An attribute beside a word that it is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// The attribute.
    pub attribute: UsedAttribute,
    /// The word.
    pub word: String,
    /// Where the word is, counted from 1.
    pub place: Option<Place>,
}

/// Every comparison by `==`, `!=`, `in` and `not in` of an attribute itself with words.
pub(in crate::routing) fn compared(source: &str) -> Vec<Compared> {
    let mut found = Vec::new();
    if let Ok(expr) = machinery::parse_expr(source) {
        walk(source, &expr, &mut found);
    }
    found
}

fn walk(source: &str, expr: &Expr<'_>, found: &mut Vec<Compared>) {
    match expr {
        Expr::UnaryOp(operation) => walk(source, &operation.expr, found),
        Expr::IfExpr(choice) => {
            walk(source, &choice.test_expr, found);
            walk(source, &choice.true_expr, found);
            choice.false_expr.iter().for_each(|expr| walk(source, expr, found));
        }
        Expr::BinOp(operation) => {
            walk(source, &operation.left, found);
            walk(source, &operation.right, found);
            binary(source, operation, found);
        }
        _ => {}
    }
}

fn binary(source: &str, operation: &BinOp<'_>, found: &mut Vec<Compared>) {
    let BinOp { op, left, right } = operation;
    let pairs: &[(&Expr<'_>, &Expr<'_>)] = match op {
        BinOpKind::Eq | BinOpKind::Ne | BinOpKind::In => &[(left, right), (right, left)],
        _ => &[],
    };
    for (attribute, words) in pairs {
        if let Some(attribute) = used(source, attribute) {
            for (word, offset) in written(words) {
                let place = Place::of(source, offset);
                found.push(Compared { attribute: attribute.clone(), word, place });
            }
        }
    }
}

/// `record.stage` itself, or made a list; not what is within it.
fn used(source: &str, expr: &Expr<'_>) -> Option<UsedAttribute> {
    let expr = match expr {
        Expr::Filter(filter) if filter.name == "aslist" => filter.expr.as_ref()?,
        expr => expr,
    };
    let path = Path::of(expr)?;
    match (&*path.root, &path.keys[..]) {
        ("record" | "entry" | "previous", [Key::Name(name)]) => Some(UsedAttribute {
            of: path.root.clone(),
            name: name.clone(),
            place: path.place(source),
        }),
        _ => None,
    }
}

/// The words that are written out, with where they start, in bytes.
fn written(expr: &Expr<'_>) -> Vec<(String, usize)> {
    match expr {
        Expr::Const(constant) => constants(constant),
        Expr::List(list) => list.items.iter().flat_map(written).collect(),
        Expr::Tuple(tuple) => tuple.items.iter().flat_map(written).collect(),
        _ => Vec::new(),
    }
}

fn constants(constant: &Spanned<Const>) -> Vec<(String, usize)> {
    let offset = constant.span().start_offset as usize;
    let text = |value: &Value| value.as_str().map(|text| (text.to_owned(), offset));
    match constant.value.kind() {
        ValueKind::Seq => constant
            .value
            .try_iter()
            .map(|items| items.filter_map(|item| text(&item)).collect())
            .unwrap_or_default(),
        _ => text(&constant.value).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str) -> Vec<(String, String, usize)> {
        let one = |one: Compared| {
            let attribute = format!("{}.{}", one.attribute.of, one.attribute.name);
            (attribute, one.word, one.place.unwrap().column)
        };
        compared(source).into_iter().map(one).collect()
    }

    #[test]
    fn words_are_found_on_either_side_and_in_lists() {
        let owned = |of: &str, word: &str, at| (of.to_owned(), word.to_owned(), at);
        let source = "not record.stage == \"Won\" and (\"Lost\" != previous[\"stage\"])";
        let expected = [owned("record.stage", "Won", 21), owned("previous.stage", "Lost", 32)];
        assert_eq!(found(source), expected);
        let source = "entry.stage not in [\"A\", \"B\"] or \"C\" in record.tags|aslist";
        let words: Vec<_> = found(source).into_iter().map(|(_, word, _)| word).collect();
        assert_eq!(words, ["A", "B", "C"]);
    }

    #[test]
    fn what_is_within_an_attribute_or_is_no_word_is_left_out() {
        let source = "record.value.currency == \"EUR\" and record.n == 5 and event.x == \"y\" \
                      and record.stage > \"A\"";
        assert_eq!(found(source), []);
    }
}

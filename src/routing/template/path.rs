//! A value that a template names by a path, such as `record.value.amount`.

use std::fmt;

use minijinja::{
    Value,
    machinery::ast::{Expr, GetItem},
};

use super::Place;

/// A name and the keys after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::routing) struct Path {
    /// The name of the value that it starts from.
    pub root: String,
    /// The keys, from the outside in.
    pub keys: Vec<Key>,
    /// Where it starts, in bytes.
    pub offset: usize,
    /// Only whether there is such a value is asked.
    pub is_existence: bool,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::routing) enum Key {
    /// A key of an object.
    Name(String),
    /// A position in a list; negative ones count from the end.
    Index(i64),
}

/// A use of an attribute, as `record.stage`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedAttribute {
    /// `record`, `entry` or `previous`.
    pub of: String,
    /// The key after it: an attribute's slug, or what else a record has, such as `url`.
    pub name: String,
    /// Where, counted from 1.
    pub place: Option<Place>,
}

impl Path {
    /// The path that the expression is, if all of its keys are written out.
    pub(super) fn of(expr: &Expr<'_>) -> Option<Self> {
        match expr {
            Expr::Var(variable) => Some(Self {
                root: variable.id.to_owned(),
                keys: Vec::new(),
                offset: variable.span().start_offset as usize,
                is_existence: false,
            }),
            Expr::GetAttr(get) => Some(Self::of(&get.expr)?.then(Key::Name(get.name.to_owned()))),
            Expr::GetItem(get) => Some(Self::of(&get.expr)?.then(Key::of(get)?)),
            _ => None,
        }
    }

    fn then(mut self, key: Key) -> Self {
        self.keys.push(key);
        self
    }

    /// What the path leads to in `values`; `none` where the way there ends at `none`.
    pub(in crate::routing) fn follow(&self, values: &Value) -> Value {
        let get = |value: Value, key: &Value| match value {
            value if value.is_none() => value,
            value => value.get_item(key).unwrap_or(Value::UNDEFINED),
        };
        let start = get(values.clone(), &Value::from(self.root.as_str()));
        self.keys.iter().fold(start, |value, key| get(value, &key.value()))
    }

    /// Where it is in `source`.
    pub(super) fn place(&self, source: &str) -> Option<Place> {
        Place::of(source, self.offset)
    }
}

impl Key {
    fn of(get: &GetItem<'_>) -> Option<Self> {
        let Expr::Const(key) = &get.subscript_expr else {
            return None;
        };
        match key.value.as_str() {
            Some(name) => Some(Self::Name(name.to_owned())),
            None => key.value.as_i64().map(Self::Index),
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Name(name) => Value::from(name.as_str()),
            Self::Index(index) => Value::from(*index),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.root)?;
        self.keys.iter().try_for_each(|key| match key {
            Key::Name(name) if is_identifier(name) => write!(out, ".{name}"),
            Key::Name(name) => write!(out, "[{name:?}]"),
            Key::Index(index) => write!(out, "[{index}]"),
        })
    }
}

fn is_identifier(name: &str) -> bool {
    !name.starts_with(|char: char| char.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|char| char == '_' || char.is_alphanumeric())
}

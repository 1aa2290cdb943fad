//! What a template may name: values, filters and tests, and what to say of anything else.
//!
//! The engine itself looks names up as it meets them, so that a misspelt one in a seldom taken
//! branch would become a dead letter months later. Here everything is looked up when the template
//! is loaded, in all branches.

use std::{
    collections::{BTreeSet, HashSet},
    sync::{Mutex, PoisonError},
};

use minijinja::{
    Environment, Value,
    machinery::ast::{Expr, Macro, Stmt},
};

/// Names that the language itself gives a meaning, each in its place.
const OF_THE_LANGUAGE: [&str; 4] = ["loop", "self", "super", "caller"];

/// Which names are a template's own.
pub(super) struct Scope {
    assigned: BTreeSet<String>,
    undeclared: HashSet<String>,
}

impl Scope {
    /// The names of an expression alone: none is its own.
    pub(super) fn of_expression() -> Self {
        Self { assigned: BTreeSet::new(), undeclared: HashSet::new() }
    }

    /// The names that a template sets, and those that it uses without having set them.
    pub(super) fn of_template(template: &Stmt<'_>, undeclared: HashSet<String>) -> Self {
        let mut assigned = OF_THE_LANGUAGE.map(str::to_owned).into();
        collect(std::slice::from_ref(template), &mut assigned);
        Self { assigned, undeclared }
    }

    /// Whether the name stands, somewhere, for a value from outside.
    ///
    /// The engine's own list of undeclared names leaves out some places, so what nobody sets
    /// counts too.
    pub(super) fn is_from_outside(&self, name: &str) -> bool {
        self.undeclared.contains(name) || !self.assigned.contains(name)
    }
}

/// Adds every name that is set anywhere in `statements`.
fn collect(statements: &[Stmt<'_>], names: &mut BTreeSet<String>) {
    for statement in statements {
        match statement {
            Stmt::Template(template) => collect(&template.children, names),
            Stmt::ForLoop(repeat) => {
                targets(&repeat.target, names);
                collect(&repeat.body, names);
                collect(&repeat.else_body, names);
            }
            Stmt::IfCond(condition) => {
                collect(&condition.true_body, names);
                collect(&condition.false_body, names);
            }
            Stmt::WithBlock(with) => {
                with.assignments.iter().for_each(|(target, _)| targets(target, names));
                collect(&with.body, names);
            }
            Stmt::Set(set) => targets(&set.target, names),
            Stmt::SetBlock(set) => {
                targets(&set.target, names);
                collect(&set.body, names);
            }
            Stmt::AutoEscape(block) => collect(&block.body, names),
            Stmt::FilterBlock(block) => collect(&block.body, names),
            Stmt::Block(block) => collect(&block.body, names),
            Stmt::Macro(definition) => of_macro(definition, names),
            Stmt::CallBlock(call) => of_macro(&call.macro_decl, names),
            Stmt::EmitExpr(_)
            | Stmt::EmitRaw(_)
            | Stmt::Do(_)
            | Stmt::Import(_)
            | Stmt::FromImport(_)
            | Stmt::Extends(_)
            | Stmt::Include(_) => {}
        }
    }
}

fn of_macro(definition: &Macro<'_>, names: &mut BTreeSet<String>) {
    names.insert(definition.name.to_owned());
    definition.args.iter().for_each(|argument| targets(argument, names));
    collect(&definition.body, names);
}

fn targets(target: &Expr<'_>, names: &mut BTreeSet<String>) {
    match target {
        Expr::Var(variable) => {
            names.insert(variable.id.to_owned());
        }
        Expr::List(list) => list.items.iter().for_each(|item| targets(item, names)),
        Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| targets(item, names)),
        _ => {}
    }
}

/// Whether the engine has this `filter` or `test`: its own tests of these names know.
pub(super) fn exists(environment: &Environment<'_>, kind: &str, name: &str) -> bool {
    environment.empty_state().perform_test(kind, &[Value::from(name)]).unwrap_or(false)
}

/// What to say of a name that stands for nothing.
pub(super) fn unknown(name: &str, known: &[&str]) -> String {
    match closest(name, known.iter().copied()) {
        Some(closest) => format!("there is no `{name}`; did you mean `{closest}`?"),
        None => format!("there is no `{name}`; known are `{}`", known.join("`, `")),
    }
}

/// The known name that was probably meant.
pub(super) fn closest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    known
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

/// The same name, for as long as the process lives.
///
/// The engine's instructions borrow the names in them and must not borrow from what holds them.
/// Each distinct name of all templates ever loaded is kept once: a few bytes for what a person
/// typed, however often the file is loaded again.
pub(super) fn lasting(name: &str) -> &'static str {
    static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = kept.get(name) {
        return known;
    }
    let name: &'static str = Box::leak(name.into());
    kept.insert(name);
    name
}

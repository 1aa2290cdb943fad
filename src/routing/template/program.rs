//! A template or an expression, compiled with our rules, ready to run any number of times.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{
    AutoEscape, Environment, UndefinedBehavior, Value,
    machinery::{self, CodeGenerator, Instructions, ast::Stmt},
};

use super::{
    Escape, TemplateError, UsedAttribute,
    names::Scope,
    operators,
    path::{Key, Path},
    rewrite::Rewriter,
    strict, values,
};
use crate::{job::Job, routing::Needs};

/// Steps that one run may take.
pub(super) const FUEL: u64 = 50_000;

/// What the instructions are called; nobody sees it.
const NAME: &str = "template";

/// Instructions with the environment that they run in.
pub(in crate::routing) struct Program {
    environment: Environment<'static>,
    instructions: Instructions<'static>,
    blocks: BTreeMap<&'static str, Instructions<'static>>,
    escape: Escape,
    source: String,
    paths: Vec<Path>,
    roots: BTreeSet<String>,
}

impl Program {
    /// Compiles a template, in which only `names` may stand for values.
    pub(in crate::routing) fn of_template(
        source: &str,
        names: &[&str],
        escape: Escape,
    ) -> Result<Self, TemplateError> {
        let environment = environment(escape);
        let wrong = |error| strict::told(&error, source);
        let tree = machinery::parse(source, NAME, environment.syntax().clone()).map_err(wrong)?;
        let template = environment.template_from_str(source).map_err(wrong)?;
        let scope = Scope::of_template(&tree, template.undeclared_variables(false));
        let mut rewriter = rewriter(source, names, &environment, scope, false);
        let tree: Stmt<'static> = rewriter.statement(&tree)?;
        let paths = rewriter.paths;
        let mut generator = CodeGenerator::new(NAME, "");
        generator.compile_stmt(&tree);
        Ok(Self::new(environment, generator, escape, source, paths))
    }

    /// Compiles an expression, in which only `names` may stand for values.
    pub(in crate::routing) fn of_expression(
        source: &str,
        names: &[&str],
    ) -> Result<Self, TemplateError> {
        let environment = environment(Escape::Nothing);
        let wrong = |error| strict::told(&error, source);
        let tree = machinery::parse_expr(source).map_err(wrong)?;
        let scope = Scope::of_expression();
        let mut rewriter = rewriter(source, names, &environment, scope, true);
        let tree = rewriter.expr(&tree)?;
        let paths = rewriter.paths;
        let mut generator = CodeGenerator::new(NAME, "");
        generator.compile_expr(&tree);
        Ok(Self::new(environment, generator, Escape::Nothing, source, paths))
    }

    fn new(
        environment: Environment<'static>,
        generator: CodeGenerator<'static>,
        escape: Escape,
        source: &str,
        paths: Vec<Path>,
    ) -> Self {
        let (instructions, blocks) = generator.finish();
        let roots = paths.iter().map(|path| path.root.clone()).collect();
        Self { environment, instructions, blocks, escape, source: source.to_owned(), paths, roots }
    }

    /// The values that a run for `job` sees.
    pub(in crate::routing) fn values(&self, job: &Job) -> Result<Value, TemplateError> {
        values::of(job, &self.roots)
    }

    /// The value of the expression.
    pub(in crate::routing) fn evaluate(&self, values: Value) -> Result<Value, TemplateError> {
        let (value, _text) = self.run(values)?;
        Ok(value.unwrap_or(Value::UNDEFINED))
    }

    /// The text of the template.
    pub(super) fn write(&self, values: Value) -> Result<String, TemplateError> {
        let (_value, text) = self.run(values)?;
        if text.len() > strict::LONGEST {
            return Err(TemplateError::wrong(strict::too_long()));
        }
        Ok(text)
    }

    fn run(&self, values: Value) -> Result<(Option<Value>, String), TemplateError> {
        let mut text = String::with_capacity(256);
        let mut out = machinery::make_string_output(&mut text);
        let escape = self.escape.mode();
        let ended = machinery::eval(
            &self.environment,
            &self.instructions,
            values,
            &self.blocks,
            &mut out,
            escape,
        );
        match ended.map(|(value, _state)| value) {
            Ok(value) => Ok((value, text)),
            Err(error) => Err(strict::told(&error, &self.source)),
        }
    }

    /// What it was compiled from.
    pub(in crate::routing) fn source(&self) -> &str {
        &self.source
    }

    /// Every value from outside that it names, in the order of the source.
    pub(in crate::routing) fn paths(&self) -> &[Path] {
        &self.paths
    }

    /// What must be looked up before a run.
    pub(in crate::routing) fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        for path in &self.paths {
            match path.root.as_str() {
                "record" => needs.record = true,
                "entry" => needs.entry = true,
                "previous" => needs.previous = true,
                "actor" => needs.actor |= asks_for_more_than_the_event_has(path),
                "workspace" => needs.workspace = true,
                "note" => needs.note = true,
                "task" => needs.task = true,
                "comment" => needs.comment = true,
                "meeting" => needs.meeting = true,
                _ => {}
            }
        }
        needs
    }

    /// The attributes that are written out, in the order of the source.
    pub(in crate::routing) fn attributes(&self) -> Vec<UsedAttribute> {
        let is_of_record = |path: &&Path| matches!(&*path.root, "record" | "entry" | "previous");
        let used = |path: &Path| {
            let Some(Key::Name(name)) = path.keys.first() else {
                return None;
            };
            let place = path.place(&self.source);
            Some(UsedAttribute { of: path.root.clone(), name: name.clone(), place })
        };
        self.paths.iter().filter(is_of_record).filter_map(used).collect()
    }
}

/// An event carries its actor's type and id, and whether there is one.
fn asks_for_more_than_the_event_has(actor: &Path) -> bool {
    match actor.keys.first() {
        None => !actor.is_existence,
        Some(Key::Name(name)) => name != "type" && name != "id",
        Some(Key::Index(_)) => true,
    }
}

fn rewriter<'s>(
    source: &'s str,
    names: &'s [&'s str],
    environment: &'s Environment<'static>,
    scope: Scope,
    is_condition: bool,
) -> Rewriter<'s> {
    Rewriter { source, environment, names, scope, is_condition, paths: Vec::new(), depth: 0 }
}

fn environment(escape: Escape) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.remove_global("debug");
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(move |_| escape.mode());
    strict::install(&mut environment);
    operators::install(&mut environment);
    if escape == Escape::Json {
        environment.set_formatter(strict::format_as_json);
    }
    environment
}

impl Escape {
    fn mode(self) -> AutoEscape {
        match self {
            Self::Nothing | Self::Json => AutoEscape::None,
            Self::Slack => strict::slack(),
        }
    }
}

//! What a template reads: names, and what is read of them.

use minijinja::{
    Value,
    machinery::ast::{self, Expr, Spanned},
};

use super::{
    super::{
        TemplateError,
        names::{self, lasting},
        operators,
        path::Path,
    },
    DEEPEST, Rewriter, Rewritten, filter, value, whole,
};

/// Values that are as Attio sent them: in templates, what they lack is undefined.
const SENT: [&str; 2] = ["event", "actor"];

/// Values of which the attributes are known: what they lack is a mistake.
const WITH_ATTRIBUTES: [&str; 3] = ["record", "entry", "previous"];

impl Rewriter<'_> {
    /// A name with all that is read of it.
    pub(super) fn look_up(&mut self, expr: &Expr<'_>) -> Rewritten {
        let Some(path) = Path::of(expr) else {
            return self.step(expr, false);
        };
        if path.keys.len() > DEEPEST {
            return Err(self.problem(expr, "this is nested too deep".to_owned()));
        }
        self.note(path)?;
        self.step(expr, true)
    }

    /// One step of a path; whether what is before it was noted already.
    fn step(&mut self, expr: &Expr<'_>, is_noted: bool) -> Rewritten {
        let (object, key) = match expr {
            Expr::GetAttr(get) => (&get.expr, value(Value::from(get.name), whole(expr))),
            Expr::GetItem(get) => (&get.expr, self.expr(&get.subscript_expr)?),
            Expr::Var(variable) => {
                let id = lasting(variable.id);
                return Ok(Expr::Var(Spanned::new(ast::Var { id }, whole(expr))));
            }
            _ => return self.expr(expr),
        };
        let written = if is_noted { self.step(object, true)? } else { self.expr(object)? };
        let span = whole(expr);
        if !self.is_condition && root(expr).is_some_and(|root| SENT.contains(&root)) {
            return Ok(if let Expr::GetAttr(get) = expr {
                let name = lasting(get.name);
                Expr::GetAttr(Spanned::new(ast::GetAttr { expr: written, name }, span))
            } else {
                let item = ast::GetItem { expr: written, subscript_expr: key };
                Expr::GetItem(Spanned::new(item, span))
            });
        }
        let of = match object {
            Expr::Var(variable) if self.is_record(variable.id) => Value::from(variable.id),
            _ => Value::from(()),
        };
        Ok(filter(operators::ATTRIBUTE, written, vec![key, value(of, span)], span))
    }

    fn is_record(&self, name: &str) -> bool {
        WITH_ATTRIBUTES.contains(&name) && self.scope.is_from_outside(name)
    }

    /// Notes the use of a value, when it is one from outside.
    fn note(&mut self, path: Path) -> Result<(), TemplateError> {
        if !self.scope.is_from_outside(&path.root) {
            return Ok(());
        }
        if self.names.contains(&path.root.as_str()) {
            self.paths.push(path);
            return Ok(());
        }
        if self.environment.globals().any(|(global, _)| global == path.root) {
            return Ok(());
        }
        let message = names::unknown(&path.root, self.names);
        Err(TemplateError::at(self.source, Some(path.offset), message))
    }

    /// An operand of which only is asked whether there is such a value.
    pub(super) fn existence(&mut self, expr: &Expr<'_>) -> Rewritten {
        let noted = self.paths.len();
        let written = self.expr(expr)?;
        if let (Expr::Var(_), Some(path)) = (expr, self.paths.get_mut(noted)) {
            path.is_existence = true;
        }
        Ok(written)
    }
}

/// The name that a path starts from, whatever its keys are.
fn root<'a>(expr: &Expr<'a>) -> Option<&'a str> {
    match expr {
        Expr::Var(variable) => Some(variable.id),
        Expr::GetAttr(get) => root(&get.expr),
        Expr::GetItem(get) => root(&get.expr),
        _ => None,
    }
}

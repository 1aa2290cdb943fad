//! Filters, tests and calls: that there are such, and what they take for an empty value.

use minijinja::machinery::{
    Span,
    ast::{self, CallArg, Expr, Spanned},
};

use super::{
    super::{
        TemplateError,
        names::{self, lasting},
        operators,
    },
    Rewriter, Rewritten, filter, whole,
};

/// Filters of a text.
const OF_TEXTS: [&str; 13] = [
    "upper",
    "lower",
    "title",
    "capitalize",
    "trim",
    "replace",
    "string",
    "indent",
    "split",
    "lines",
    "escape",
    "e",
    "urlencode",
];

/// Tests of a text.
const TESTS_OF_TEXTS: [&str; 4] = ["startingwith", "endingwith", "lower", "upper"];

impl Rewriter<'_> {
    pub(super) fn filter(&mut self, typed: &ast::Filter<'_>, span: Span) -> Rewritten {
        let name = typed.name;
        if !names::exists(self.environment, "filter", name) {
            let message = format!("there is no filter `{name}`");
            return Err(TemplateError::at(self.source, Some(span.start_offset as usize), message));
        }
        let expr = match &typed.expr {
            None => None,
            Some(expr) => Some(match name {
                "abs" | "round" => self.present(expr)?,
                "int" | "float" if typed.args.is_empty() => self.present(expr)?,
                "length" | "count" => self.through(operators::MEMBERS, expr)?,
                "join" => self.through(operators::TEXTS, expr)?,
                name if OF_TEXTS.contains(&name) => self.text(expr)?,
                _ => self.expr(expr)?,
            }),
        };
        let mut args = self.arguments(&typed.args)?;
        if name == "format" {
            args = args.into_iter().map(argument_as_text).collect();
        }
        Ok(Expr::Filter(Spanned::new(ast::Filter { name: lasting(name), expr, args }, span)))
    }

    pub(super) fn test(&mut self, typed: &ast::Test<'_>, span: Span) -> Rewritten {
        let name = typed.name;
        if !names::exists(self.environment, "test", name) {
            let message = format!("there is no test `{name}`");
            return Err(TemplateError::at(self.source, Some(span.start_offset as usize), message));
        }
        let expr = match name {
            "none" | "defined" | "undefined" => self.existence(&typed.expr)?,
            name if TESTS_OF_TEXTS.contains(&name) => self.text(&typed.expr)?,
            _ => self.expr(&typed.expr)?,
        };
        let args = self.arguments(&typed.args)?;
        Ok(Expr::Test(Spanned::new(ast::Test { name: lasting(name), expr, args }, span)))
    }

    pub(super) fn call(
        &mut self,
        typed: &ast::Call<'_>,
    ) -> Result<ast::Call<'static>, TemplateError> {
        // The engine tells a method from an attribute by this shape.
        let expr = match &typed.expr {
            Expr::GetAttr(get) => {
                let method = ast::GetAttr { expr: self.expr(&get.expr)?, name: lasting(get.name) };
                Expr::GetAttr(Spanned::new(method, whole(&typed.expr)))
            }
            expr => self.expr(expr)?,
        };
        Ok(ast::Call { expr, args: self.arguments(&typed.args)? })
    }

    pub(super) fn arguments(
        &mut self,
        typed: &[CallArg<'_>],
    ) -> Result<Vec<CallArg<'static>>, TemplateError> {
        let write = |argument: &CallArg<'_>| {
            Ok(match argument {
                CallArg::Pos(expr) => CallArg::Pos(self.expr(expr)?),
                CallArg::Kwarg(name, expr) => CallArg::Kwarg(lasting(name), self.expr(expr)?),
                CallArg::PosSplat(expr) => CallArg::PosSplat(self.expr(expr)?),
                CallArg::KwargSplat(expr) => CallArg::KwargSplat(self.expr(expr)?),
            })
        };
        typed.iter().map(write).collect()
    }
}

fn argument_as_text(argument: CallArg<'static>) -> CallArg<'static> {
    match argument {
        CallArg::Pos(expr) => {
            let span = expr.span();
            CallArg::Pos(filter(operators::TEXT, expr, Vec::new(), span))
        }
        other => other,
    }
}

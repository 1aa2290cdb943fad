//! Writes a template's tree anew, with our operators in the place of the engine's.
//!
//! On the way every name is looked up, and every value from outside that is used is noted. What
//! is written borrows nothing from the source, and keeps its places.

mod call;
mod lookup;
mod operation;
mod statement;

use minijinja::{
    Environment, Value,
    machinery::{
        Span,
        ast::{self, CallArg, Expr, Spanned},
    },
};

use super::{TemplateError, names::Scope, path::Path};

/// More levels than anybody writes.
const DEEPEST: usize = 200;

type Rewritten = Result<Expr<'static>, TemplateError>;

/// Writes one template or expression anew.
pub(super) struct Rewriter<'s> {
    pub(super) source: &'s str,
    pub(super) environment: &'s Environment<'static>,
    /// The names that stand for values.
    pub(super) names: &'s [&'s str],
    pub(super) scope: Scope,
    /// In a condition, a way through `none` ends at `none`; in a template only where the values
    /// were looked up.
    pub(super) is_condition: bool,
    /// What was used, in the order of the source.
    pub(super) paths: Vec<Path>,
    pub(super) depth: usize,
}

impl Rewriter<'_> {
    /// Writes an expression anew.
    ///
    /// # Errors
    ///
    /// It names something that does not exist.
    pub(super) fn expr(&mut self, expr: &Expr<'_>) -> Rewritten {
        if self.depth == DEEPEST {
            return Err(self.problem(expr, "this is nested too deep".to_owned()));
        }
        self.depth += 1;
        let written = self.one(expr);
        self.depth -= 1;
        written
    }

    fn one(&mut self, expr: &Expr<'_>) -> Rewritten {
        let span = whole(expr);
        Ok(match expr {
            Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) => self.look_up(expr)?,
            Expr::Const(constant) => value(constant.value.clone(), span),
            Expr::Slice(slice) => {
                let written = ast::Slice {
                    expr: self.expr(&slice.expr)?,
                    start: self.optional(slice.start.as_ref())?,
                    stop: self.optional(slice.stop.as_ref())?,
                    step: self.optional(slice.step.as_ref())?,
                };
                Expr::Slice(Spanned::new(written, span))
            }
            Expr::UnaryOp(operation) => self.unary(operation, span)?,
            Expr::BinOp(operation) => self.binary(operation, span)?,
            Expr::Compare(chain) => {
                let rest: Vec<_> = chain.ops.iter().map(|next| (next.op, &next.expr)).collect();
                self.compare(&chain.expr, &rest, span)?
            }
            Expr::IfExpr(choice) => {
                let test_expr = self.expr(&choice.test_expr)?;
                let true_expr = self.expr(&choice.true_expr)?;
                let false_expr = self.optional(choice.false_expr.as_ref())?;
                Expr::IfExpr(Spanned::new(ast::IfExpr { test_expr, true_expr, false_expr }, span))
            }
            Expr::Filter(filter) => self.filter(filter, on_one_line(filter.span()))?,
            Expr::Test(test) => self.test(test, on_one_line(test.span()))?,
            Expr::Call(call) => Expr::Call(Spanned::new(self.call(call)?, span)),
            Expr::List(list) => {
                Expr::List(Spanned::new(ast::List { items: self.all(&list.items)? }, span))
            }
            Expr::Tuple(tuple) => {
                Expr::Tuple(Spanned::new(ast::Tuple { items: self.all(&tuple.items)? }, span))
            }
            Expr::Map(map) => {
                let (keys, values) = (self.all(&map.keys)?, self.all(&map.values)?);
                Expr::Map(Spanned::new(ast::Map { keys, values }, span))
            }
        })
    }

    fn all(&mut self, exprs: &[Expr<'_>]) -> Result<Vec<Expr<'static>>, TemplateError> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }

    fn optional(
        &mut self,
        expr: Option<&Expr<'_>>,
    ) -> Result<Option<Expr<'static>>, TemplateError> {
        expr.map(|expr| self.expr(expr)).transpose()
    }

    fn problem(&self, expr: &Expr<'_>, message: String) -> TemplateError {
        TemplateError::at(self.source, Some(expr.span().start_offset as usize), message)
    }
}

fn value(value: Value, span: Span) -> Expr<'static> {
    Expr::Const(Spanned::new(ast::Const { value }, span))
}

fn filter(
    name: &'static str,
    expr: Expr<'static>,
    arguments: Vec<Expr<'static>>,
    span: Span,
) -> Expr<'static> {
    let args = arguments.into_iter().map(CallArg::Pos).collect();
    Expr::Filter(Spanned::new(ast::Filter { name, expr: Some(expr), args }, span))
}

/// Where all of the expression is; the engine leaves out what is before a dot, or takes in what
/// is before the whole.
fn whole(expr: &Expr<'_>) -> Span {
    let Span { start_col, start_offset, .. } = start(expr);
    on_one_line(Span { start_col, start_offset, ..expr.span() })
}

/// The engine forgets the place of an operation whose operands stand on several lines. Places are
/// told by the offset, so for the engine all is on one line.
fn on_one_line(span: Span) -> Span {
    Span { start_line: 1, ..span }
}

/// Where the first name or sign of the expression is.
fn start(expr: &Expr<'_>) -> Span {
    match expr {
        Expr::GetAttr(get) => start(&get.expr),
        Expr::GetItem(get) => start(&get.expr),
        Expr::Slice(slice) => start(&slice.expr),
        Expr::BinOp(operation) => start(&operation.left),
        Expr::Compare(chain) => start(&chain.expr),
        Expr::IfExpr(choice) => start(&choice.true_expr),
        Expr::Call(call) => start(&call.expr),
        Expr::Test(test) => start(&test.expr),
        Expr::Filter(filter) => filter.expr.as_ref().map_or(filter.span(), start),
        _ => expr.span(),
    }
}

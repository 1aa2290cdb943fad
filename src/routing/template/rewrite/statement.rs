//! The statements of a template: the same again, with their expressions written anew.

use minijinja::{
    Value,
    machinery::{
        Span,
        ast::{self, Expr, Spanned, Stmt},
    },
};

use super::{
    super::{TemplateError, names::lasting},
    Rewriter, Rewritten, on_one_line, value,
};

type Statement = Result<Stmt<'static>, TemplateError>;
type Body = Result<Vec<Stmt<'static>>, TemplateError>;

impl Rewriter<'_> {
    /// Writes a statement anew, with all that is in it.
    ///
    /// # Errors
    ///
    /// It names something that does not exist, or another template.
    pub(in super::super) fn statement(&mut self, statement: &Stmt<'_>) -> Statement {
        Ok(match statement {
            Stmt::Template(template) => {
                let children = self.body(&template.children)?;
                Stmt::Template(placed(ast::Template { children }, template.span()))
            }
            Stmt::EmitExpr(emit) => {
                let expr = self.expr(&emit.expr)?;
                Stmt::EmitExpr(placed(ast::EmitExpr { expr }, emit.span()))
            }
            Stmt::EmitRaw(text) => own_text(text.raw, text.span()),
            Stmt::ForLoop(repeat) => Stmt::ForLoop(self.repeat(repeat)?),
            Stmt::IfCond(choice) => {
                let expr = self.expr(&choice.expr)?;
                let true_body = self.body(&choice.true_body)?;
                let false_body = self.body(&choice.false_body)?;
                Stmt::IfCond(placed(ast::IfCond { expr, true_body, false_body }, choice.span()))
            }
            Stmt::WithBlock(with) => Stmt::WithBlock(self.with(with)?),
            Stmt::Set(set) => {
                let (target, expr) = (self.target(&set.target)?, self.expr(&set.expr)?);
                Stmt::Set(placed(ast::Set { target, expr }, set.span()))
            }
            Stmt::SetBlock(set) => {
                let target = self.target(&set.target)?;
                let (filter, body) = (self.optional(set.filter.as_ref())?, self.body(&set.body)?);
                Stmt::SetBlock(placed(ast::SetBlock { target, filter, body }, set.span()))
            }
            Stmt::Macro(definition) => Stmt::Macro(self.definition(definition)?),
            Stmt::Do(block) => {
                let call = placed(self.call(&block.call)?, block.call.span());
                Stmt::Do(placed(ast::Do { call }, block.span()))
            }
            block => self.block(block)?,
        })
    }

    /// A statement that does something with the text of its body.
    fn block(&mut self, statement: &Stmt<'_>) -> Statement {
        Ok(match statement {
            Stmt::AutoEscape(block) => {
                let (enabled, body) = (self.expr(&block.enabled)?, self.body(&block.body)?);
                Stmt::AutoEscape(placed(ast::AutoEscape { enabled, body }, block.span()))
            }
            Stmt::FilterBlock(block) => {
                let (filter, body) = (self.expr(&block.filter)?, self.body(&block.body)?);
                Stmt::FilterBlock(placed(ast::FilterBlock { filter, body }, block.span()))
            }
            Stmt::Block(block) => {
                let (name, required) = (lasting(block.name), block.required);
                let body = self.body(&block.body)?;
                Stmt::Block(placed(ast::Block { name, required, body }, block.span()))
            }
            Stmt::CallBlock(block) => {
                let call = placed(self.call(&block.call)?, block.call.span());
                let macro_decl = self.definition(&block.macro_decl)?;
                Stmt::CallBlock(placed(ast::CallBlock { call, macro_decl }, block.span()))
            }
            Stmt::Import(other) => return Err(self.no_other(other.span())),
            Stmt::FromImport(other) => return Err(self.no_other(other.span())),
            Stmt::Extends(other) => return Err(self.no_other(other.span())),
            Stmt::Include(other) => return Err(self.no_other(other.span())),
            plain @ (Stmt::Template(_)
            | Stmt::EmitExpr(_)
            | Stmt::EmitRaw(_)
            | Stmt::ForLoop(_)
            | Stmt::IfCond(_)
            | Stmt::WithBlock(_)
            | Stmt::Set(_)
            | Stmt::SetBlock(_)
            | Stmt::Macro(_)
            | Stmt::Do(_)) => self.statement(plain)?,
        })
    }

    fn body(&mut self, statements: &[Stmt<'_>]) -> Body {
        statements.iter().map(|statement| self.statement(statement)).collect()
    }

    fn repeat(
        &mut self,
        repeat: &Spanned<ast::ForLoop<'_>>,
    ) -> Result<Spanned<ast::ForLoop<'static>>, TemplateError> {
        let written = ast::ForLoop {
            target: self.target(&repeat.target)?,
            iter: self.expr(&repeat.iter)?,
            filter_expr: self.optional(repeat.filter_expr.as_ref())?,
            recursive: repeat.recursive,
            body: self.body(&repeat.body)?,
            else_body: self.body(&repeat.else_body)?,
        };
        Ok(placed(written, repeat.span()))
    }

    fn with(
        &mut self,
        with: &Spanned<ast::WithBlock<'_>>,
    ) -> Result<Spanned<ast::WithBlock<'static>>, TemplateError> {
        let mut assignments = Vec::with_capacity(with.assignments.len());
        for (target, expr) in &with.assignments {
            assignments.push((self.target(target)?, self.expr(expr)?));
        }
        let body = self.body(&with.body)?;
        Ok(placed(ast::WithBlock { assignments, body }, with.span()))
    }

    fn definition(
        &mut self,
        definition: &Spanned<ast::Macro<'_>>,
    ) -> Result<Spanned<ast::Macro<'static>>, TemplateError> {
        let mut args = Vec::with_capacity(definition.args.len());
        for argument in &definition.args {
            args.push(self.target(argument)?);
        }
        let defaults = self.all(&definition.defaults)?;
        let (name, body) = (lasting(definition.name), self.body(&definition.body)?);
        Ok(placed(ast::Macro { name, args, defaults, body }, definition.span()))
    }

    /// What is given a value: names of the template's own, never looked up.
    fn target(&mut self, target: &Expr<'_>) -> Rewritten {
        let span = on_one_line(target.span());
        Ok(match target {
            Expr::Var(variable) => {
                Expr::Var(Spanned::new(ast::Var { id: lasting(variable.id) }, span))
            }
            Expr::List(list) => {
                let items = list.items.iter().map(|item| self.target(item));
                let items = items.collect::<Result<_, _>>()?;
                Expr::List(Spanned::new(ast::List { items }, span))
            }
            Expr::GetAttr(get) => {
                let (expr, name) = (self.expr(&get.expr)?, lasting(get.name));
                Expr::GetAttr(Spanned::new(ast::GetAttr { expr, name }, span))
            }
            other => self.expr(other)?,
        })
    }

    fn no_other(&self, span: Span) -> TemplateError {
        let message = "there are no other templates to use".to_owned();
        TemplateError::at(self.source, Some(span.start_offset as usize), message)
    }
}

fn placed<T>(node: T, span: Span) -> Spanned<T> {
    Spanned::new(node, on_one_line(span))
}

/// The template's own text: a value that needs no escaping, so that it is counted as all others.
fn own_text(text: &str, span: Span) -> Stmt<'static> {
    let expr = value(Value::from_safe_string(text.to_owned()), span);
    Stmt::EmitExpr(Spanned::new(ast::EmitExpr { expr }, span))
}

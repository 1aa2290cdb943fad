//! Operators, and what they need of their operands.

use minijinja::{
    Value,
    machinery::{
        Span,
        ast::{self, BinOpKind, CompareOpKind, Expr, Spanned, UnaryOpKind},
    },
};

use super::{
    super::{operators, path::Path},
    Rewriter, Rewritten, filter, value, whole,
};

/// The longest text of an expression that is shown.
const LONGEST_TEXT: usize = 60;

impl Rewriter<'_> {
    pub(super) fn unary(&mut self, operation: &ast::UnaryOp<'_>, span: Span) -> Rewritten {
        let (op, expr) = match operation.op {
            UnaryOpKind::Not => (UnaryOpKind::Not, self.expr(&operation.expr)?),
            UnaryOpKind::Neg => (UnaryOpKind::Neg, self.present(&operation.expr)?),
        };
        Ok(Expr::UnaryOp(Spanned::new(ast::UnaryOp { op, expr }, span)))
    }

    pub(super) fn binary(&mut self, operation: &ast::BinOp<'_>, span: Span) -> Rewritten {
        use BinOpKind as Op;
        let ast::BinOp { op, left, right } = operation;
        let compare = |op| Some([(op, right)]);
        let comparison = match op {
            Op::Eq => compare(CompareOpKind::Eq),
            Op::Ne => compare(CompareOpKind::Ne),
            Op::Lt => compare(CompareOpKind::Lt),
            Op::Lte => compare(CompareOpKind::Lte),
            Op::Gt => compare(CompareOpKind::Gt),
            Op::Gte => compare(CompareOpKind::Gte),
            Op::In => compare(CompareOpKind::In),
            _ => None,
        };
        if let Some(comparison) = comparison {
            return self.compare(left, &comparison, span);
        }
        let op = *op;
        let (left, right) = match op {
            Op::Concat => (self.text(left)?, self.text(right)?),
            Op::Add | Op::Sub | Op::Mul | Op::Div | Op::FloorDiv | Op::Rem | Op::Pow => {
                (self.present(left)?, self.present(right)?)
            }
            _ => (self.expr(left)?, self.expr(right)?),
        };
        Ok(Expr::BinOp(Spanned::new(ast::BinOp { op, left, right }, span)))
    }

    pub(super) fn compare(
        &mut self,
        first: &Expr<'_>,
        rest: &[(CompareOpKind, &Expr<'_>)],
        span: Span,
    ) -> Rewritten {
        // Compared with `none`, only whether there is such a value is asked.
        let is_existence = rest.iter().all(|(operator, expr)| {
            matches!(operator, CompareOpKind::Eq | CompareOpKind::Ne) && is_none(expr)
        });
        let written = if is_existence { self.existence(first)? } else { self.expr(first)? };
        let mut arguments = vec![self.told(first)];
        for (operator, expr) in rest {
            arguments.push(value(Value::from(sign(*operator)), span));
            arguments.push(self.expr(expr)?);
            arguments.push(self.told(expr));
        }
        Ok(filter(operators::COMPARE, written, arguments, span))
    }

    /// An operand that must not be empty.
    pub(super) fn present(&mut self, expr: &Expr<'_>) -> Rewritten {
        let written = self.expr(expr)?;
        if matches!(expr, Expr::Const(_)) && !is_none(expr) {
            return Ok(written);
        }
        Ok(filter(operators::PRESENT, written, vec![self.told(expr)], whole(expr)))
    }

    pub(super) fn text(&mut self, expr: &Expr<'_>) -> Rewritten {
        self.through(operators::TEXT, expr)
    }

    pub(super) fn through(&mut self, name: &'static str, expr: &Expr<'_>) -> Rewritten {
        Ok(filter(name, self.expr(expr)?, Vec::new(), whole(expr)))
    }

    /// How an operand is called where it is told of.
    fn told(&self, expr: &Expr<'_>) -> Expr<'static> {
        let span = whole(expr);
        let typed = self.source.get(span.start_offset as usize..span.end_offset as usize);
        let text = Path::of(expr).map(|path| path.to_string());
        let text = text.unwrap_or_else(|| typed.unwrap_or("a value").to_owned());
        let mut short: String = text.chars().take(LONGEST_TEXT).collect();
        if short.len() < text.len() {
            short.push('…');
        }
        value(Value::from(format!("`{short}`")), span)
    }
}

fn is_none(expr: &Expr<'_>) -> bool {
    matches!(expr, Expr::Const(constant) if constant.value.is_none())
}

fn sign(operator: CompareOpKind) -> &'static str {
    match operator {
        CompareOpKind::Eq => "==",
        CompareOpKind::Ne => "!=",
        CompareOpKind::Lt => "<",
        CompareOpKind::Lte => "<=",
        CompareOpKind::Gt => ">",
        CompareOpKind::Gte => ">=",
        CompareOpKind::In => "in",
        CompareOpKind::NotIn => "not in",
    }
}

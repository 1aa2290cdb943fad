//! A template that stands for one value, where the kind of the value counts: a column, an
//! attribute.

use minijinja::{
    machinery::{ast::Stmt, parse},
    syntax::SyntaxConfig,
};
use serde_json::Value;

use super::{Escape, Template, TemplateError};
use crate::job::Job;

/// A template for one value.
pub struct ValueTemplate {
    template: Template,
    is_expression: bool,
}

/// What such a template makes.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A template of exactly one expression, `{{ … }}`, gives the expression's own value.
    Value(Value),
    /// Any other template gives a text.
    Text(String),
}

impl ValueTemplate {
    /// Compiles `source`, in which only `names` may stand for values.
    ///
    /// # Errors
    ///
    /// As [`Template::compile`].
    pub fn compile(source: &str, names: &[&str]) -> Result<Self, TemplateError> {
        let is_expression = is_one_expression(source);
        let escape = if is_expression { Escape::Json } else { Escape::Nothing };
        Ok(Self { template: Template::compile(source, names, escape)?, is_expression })
    }

    /// The value for `job`.
    ///
    /// # Errors
    ///
    /// As [`Template::render`].
    pub fn value(&self, job: &Job) -> Result<Content, TemplateError> {
        let made = self.template.render(job)?;
        if !self.is_expression {
            return Ok(Content::Text(made));
        }
        let value = serde_json::from_str(&made).map_err(|error| {
            TemplateError::at("", None, format!("the value cannot be read: {error}"))
        })?;
        Ok(Content::Value(value))
    }

    /// The template itself.
    #[must_use]
    pub fn template(&self) -> &Template {
        &self.template
    }
}

fn is_one_expression(source: &str) -> bool {
    let Ok(Stmt::Template(template)) = parse(source, "template", SyntaxConfig::default()) else {
        return false;
    };
    matches!(template.children.as_slice(), [Stmt::EmitExpr(_)])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::NAMES, *};

    const EVENT: &str = r#"{"text":"12","number":12,"price":1200.10,"big":9007199254740993,
        "yes":true,"empty":null,"list":["a",null,2],"object":{"a":{"b":[]}},"<b>":"<&>\"\n"}"#;

    fn job(json: &str) -> Job {
        Job {
            idempotency_key: uuid::Uuid::nil(),
            route: "to-warehouse".into(),
            event_id: uuid::Uuid::nil(),
            event_type: "record.updated".to_owned(),
            source: "crm".into(),
            received_at: time::OffsetDateTime::UNIX_EPOCH,
            json: bytes::Bytes::copy_from_slice(json.as_bytes()),
            attempt: 1,
            values: std::sync::Arc::default(),
        }
    }

    fn value(source: &str) -> Content {
        let job = job(EVENT);
        let template = ValueTemplate::compile(source, &NAMES).expect("must compile");
        template.value(&job).unwrap_or_else(|error| panic!("{source}: {error}"))
    }

    #[test]
    fn one_expression_gives_its_own_value() {
        for (source, expected) in [
            ("{{ event.text }}", json!("12")),
            ("{{ event.number }}", json!(12)),
            ("{{- event.price -}}\n", json!(1200.10)),
            ("{{ event.big }}", json!(9_007_199_254_740_993_i64)),
            ("{{ event.yes }}", json!(true)),
            ("{{ event.empty }}", json!(null)),
            ("{{ event.list }}", json!(["a", null, 2])),
            ("{{ event.object }}", json!({"a": {"b": []}})),
            ("{{ event['<b>'] }}", json!("<&>\"\n")),
            ("{{ event.number * 2 }}", json!(24)),
            ("{{ event.text if event.yes }}", json!("12")),
            ("{{ event.text if event.empty }}", json!(null)),
            ("{{ 'fixed' }}", json!("fixed")),
            ("{{ [event.text, '-']|join }}", json!("12-")),
            ("{{ event.text ~ '%' }}", json!("12%")),
            ("{{ event.text|safe }}", json!(12)),
            ("{{ 'no json'|safe }}", json!("no json")),
            ("{{ event.object|tojson }}", json!({"a": {"b": []}})),
        ] {
            assert_eq!(value(source), Content::Value(expected), "{source}");
        }
    }

    #[test]
    fn anything_else_gives_a_text() {
        for (source, expected) in [
            ("fixed", "fixed"),
            ("", ""),
            (" {{ event.number }}", " 12"),
            ("{{ event.number }}{{ event.text }}", "1212"),
            ("{% if event.yes %}{{ event.number }}{% endif %}", "12"),
            ("{% set a = 1 %}{{ a }}", "1"),
        ] {
            assert_eq!(value(source), Content::Text(expected.to_owned()), "{source}");
        }
    }

    #[test]
    fn an_undefined_value_is_an_error_and_never_null() {
        for source in ["{{ event.nope }}", "{{ [event.nope] }}", "{{ {'a': event.nope} }}"] {
            let template = ValueTemplate::compile(source, &NAMES).expect("must compile");
            let error = template.value(&job("{}")).expect_err(source);
            assert!(error.message.contains("undefined"), "{source}: {error}");
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_its_place() {
        let error = ValueTemplate::compile("{{ evnt.id }}", &NAMES).err().unwrap().to_string();
        assert_eq!(error, "line 1, column 4: there is no `evnt`; did you mean `event`?");
    }
}

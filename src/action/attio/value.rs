//! What attributes get, in the form in which Attio takes it: a list for each, also of one value
//! (<https://docs.attio.com/docs/attribute-types>).

use serde_json::{Value, json};

use crate::{
    action::{ActionError, Job, TemplateProblem},
    config::{AttioValue, Name},
    routing::{
        Needs,
        template::{Content, NAMES, TemplateError, ValueTemplate},
    },
};

/// Attributes, each with what it gets.
pub(super) struct Values(Vec<(String, Source)>);

/// Where an attribute's values come from.
enum Source {
    Template(Box<ValueTemplate>),
    Fixed(Value),
    Several(Vec<Self>),
}

impl Values {
    pub(super) fn compile(
        typed: &[(Name, AttioValue)],
        problems: &mut Vec<TemplateProblem>,
    ) -> Self {
        let mut compiled = Vec::new();
        for (name, value) in typed {
            match Source::compile(value) {
                Ok(source) => compiled.push((name.to_string(), source)),
                Err(error) => problems.push(TemplateProblem {
                    field: "values",
                    message: format!("`{name}`: {error}"),
                }),
            }
        }
        Self(compiled)
    }

    /// Each attribute's list of values; an empty one empties the attribute.
    pub(super) fn write(&self, job: &Job) -> Result<Value, ActionError> {
        let one = |(name, source): &(String, Source)| {
            let mut list = Vec::new();
            source
                .write(job, &mut list)
                .map_err(|error| ActionError::of_template(&format!("`{name}`"), &error))?;
            Ok((name.clone(), Value::Array(list)))
        };
        Ok(Value::Object(self.0.iter().map(one).collect::<Result<_, _>>()?))
    }

    pub(super) fn needs(&self) -> Needs {
        self.0.iter().fold(Needs::default(), |needs, (_, source)| needs | source.needs())
    }
}

impl Source {
    fn compile(typed: &AttioValue) -> Result<Self, TemplateError> {
        Ok(match typed {
            AttioValue::Template(source) => {
                Self::Template(Box::new(ValueTemplate::compile(source, &NAMES)?))
            }
            AttioValue::Fixed(value) => Self::Fixed(value.clone()),
            AttioValue::Several(several) => {
                Self::Several(several.iter().map(Self::compile).collect::<Result<_, _>>()?)
            }
        })
    }

    fn write(&self, job: &Job, into: &mut Vec<Value>) -> Result<(), TemplateError> {
        match self {
            Self::Template(template) => match template.value(job)? {
                Content::Text(text) => add(text.into(), into),
                Content::Value(value) => add(value, into),
            },
            Self::Fixed(value) => into.push(value.clone()),
            Self::Several(several) => {
                several.iter().try_for_each(|source| source.write(job, into))?;
            }
        }
        Ok(())
    }

    fn needs(&self) -> Needs {
        match self {
            Self::Template(template) => template.template().needs(),
            Self::Fixed(_) => Needs::default(),
            Self::Several(several) => {
                several.iter().fold(Needs::default(), |needs, source| needs | source.needs())
            }
        }
    }
}

/// Adds one value, several, or none. An empty text is no value: Attio has none.
fn add(value: Value, into: &mut Vec<Value>) {
    match value {
        Value::Null => {}
        Value::String(text) if text.is_empty() => {}
        Value::Array(items) => items.into_iter().for_each(|item| add(item, into)),
        value => into.push(as_written(value)),
    }
}

/// A value that was made plain for templates (`attio::value`), as Attio takes it; any other as it
/// is.
fn as_written(value: Value) -> Value {
    let Value::Object(fields) = &value else {
        return value;
    };
    let has_only = |names: [&str; 2]| {
        fields.len() == names.len() && names.iter().all(|name| fields.contains_key(*name))
    };
    if has_only(["amount", "currency"]) {
        json!({"currency_value": fields["amount"], "currency_code": fields["currency"]})
    } else if has_only(["object", "record_id"]) {
        json!({"target_object": fields["object"], "target_record_id": fields["record_id"]})
    } else if has_only(["type", "id"]) {
        json!({"referenced_actor_type": fields["type"], "referenced_actor_id": fields["id"]})
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: Value) -> Vec<Value> {
        let mut list = Vec::new();
        add(value, &mut list);
        list
    }

    #[test]
    fn every_value_is_a_list_and_none_is_an_empty_one() {
        assert_eq!(written(json!("a")), [json!("a")]);
        assert_eq!(written(json!(12.5)), [json!(12.5)]);
        assert_eq!(written(json!(false)), [json!(false)]);
        assert_eq!(written(json!(["a", null, "b"])), [json!("a"), json!("b")]);
        for none in [json!(null), json!(""), json!([]), json!([null, ""])] {
            assert_eq!(written(none.clone()), [json!(null); 0], "{none}");
        }
    }

    #[test]
    fn plain_values_are_written_in_attios_own_form() {
        for (plain, expected) in [
            (
                json!({"amount": 12, "currency": "EUR"}),
                json!({"currency_value": 12, "currency_code": "EUR"}),
            ),
            (
                json!({"object": "people", "record_id": "r"}),
                json!({"target_object": "people", "target_record_id": "r"}),
            ),
            (
                json!({"type": "workspace-member", "id": "m"}),
                json!({"referenced_actor_type": "workspace-member", "referenced_actor_id": "m"}),
            ),
            (
                json!({"first_name": "A", "last_name": "B"}),
                json!({"first_name": "A", "last_name": "B"}),
            ),
        ] {
            assert_eq!(written(json!([plain])), [expected]);
        }
    }
}

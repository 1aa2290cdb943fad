//! Templates over values that were looked up.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::*;
use crate::job::Values;

fn deal() -> Value {
    json!({
        "name": "Acme <renewal>",
        "stage": "In legal review",
        "value": {"amount": 12000, "currency": "EUR"},
        "company": null,
        "close_date": null,
        "tags": "Enterprise",
        "owners": ["ann", null],
    })
}

fn job(values: Values) -> Job {
    Job {
        idempotency_key: uuid::Uuid::nil(),
        route: "to-slack".into(),
        event_id: uuid::Uuid::nil(),
        event_type: "record.updated".to_owned(),
        source: "crm".into(),
        received_at: time::OffsetDateTime::UNIX_EPOCH,
        json: bytes::Bytes::from_static(br#"{"actor":{"type":"workspace-member","id":"m1"}}"#),
        attempt: 1,
        values: Arc::new(values),
    }
}

fn compile(source: &str) -> Template {
    Template::compile(source, &NAMES, Escape::Nothing).expect(source)
}

fn render_with(source: &str, values: Values) -> Result<String, TemplateError> {
    compile(source).render(&job(values))
}

fn try_render(source: &str) -> Result<String, TemplateError> {
    render_with(source, Values { record: Some(deal()), ..Values::default() })
}

fn render(source: &str) -> String {
    try_render(source).expect(source)
}

#[test]
fn every_name_stands_for_what_was_looked_up() {
    let one = |name: &str| Some(json!({"name": name}));
    let values = Values {
        record: one("r"),
        entry: one("e"),
        previous: one("p"),
        actor: one("a"),
        workspace: one("w"),
        note: one("n"),
        task: one("t"),
        comment: one("c"),
        meeting: one("m"),
    };
    let source = "{{ record.name }}{{ entry.name }}{{ previous.name }}{{ actor.name }}\
                  {{ workspace.name }}{{ note.name }}{{ task.name }}{{ comment.name }}\
                  {{ meeting.name }}";
    assert_eq!(render_with(source, values).unwrap(), "repawntcm");
}

#[test]
fn an_empty_value_prints_as_nothing() {
    for (source, text) in [
        ("closes {{ record.close_date }}!", "closes !"),
        ("at {{ record.company.name }}!", "at !"),
        ("{{ 'x' ~ record.close_date ~ 'y' }}", "xy"),
        ("{{ record.close_date|upper }}{{ record.close_date|trim }}", ""),
        ("{{ '%s!'|format(record.close_date) }}", "!"),
        ("{{ record.owners|join('+') }}", "ann+"),
        ("{{ record.close_date|default('no date') }}", "no date"),
        ("{{ record.close_date|d('no date') }}", "no date"),
        ("{{ record.close_date|tojson }}", "null"),
        ("{% if record.close_date %}x{% else %}open{% endif %}", "open"),
        ("{% for tag in record.close_date %}x{% endfor %}", ""),
        ("{% set c = record.company %}{{ c.name }}", ""),
        ("{{ record.close_date|length }}", "0"),
    ] {
        assert_eq!(render(source), text, "{source}");
    }
}

#[test]
fn an_attribute_that_the_record_does_not_have_is_an_error_even_within_default() {
    for source in [
        "{{ record.stge }}",
        "{{ record['stge'] }}",
        "{{ record.stge|default('x') }}",
        "{% if record.stge is defined %}x{% endif %}",
        "{% if record.stge == 'x' %}x{% endif %}",
    ] {
        let error = try_render(source).expect_err(source);
        assert_eq!(error.kind, Kind::Wrong, "{source}");
        assert!(
            error.to_string().ends_with("`record` has no attribute `stge`; did you mean `stage`?"),
            "{error}"
        );
    }
}

#[test]
fn putting_an_empty_value_in_order_or_calculating_with_it_is_told_apart() {
    for (source, what) in [
        ("{% if record.close_date > '2026' %}x{% endif %}", "`record.close_date` is empty"),
        ("{% if 5 <= record.company.size %}x{% endif %}", "`record.company.size` is empty"),
        ("{{ record.close_date * 2 }}", "`record.close_date` is empty"),
        ("{{ 1 + record.value.amount - record.close_date }}", "`record.close_date` is empty"),
        ("{{ -record.close_date }}", "`record.close_date` is empty"),
        ("{{ record.close_date|round }}", "`record.close_date` is empty"),
        ("{{ record.close_date|int }}", "`record.close_date` is empty"),
        ("{{ record.owners|sum }}", "one of the values is empty"),
        ("{{ [record.close_date, 5]|max }}", "one of the values is empty"),
        ("{{ [record.close_date]|map('int')|list }}", "the value is empty"),
        ("{% if 1 < 2 < record.close_date %}x{% endif %}", "`record.close_date` is empty"),
        ("{% if record.close_date is gt(5) %}x{% endif %}", "the value is empty"),
        ("{% macro m(x) %}{{ x * 2 }}{% endmacro %}{{ m(record.close_date) }}", "`x` is empty"),
        ("{{ [record.close_date]|select('lessthan', 5)|list }}", "the value is empty"),
        ("{% if none < 5 %}x{% endif %}", "`none` is empty"),
    ] {
        let error = try_render(source).expect_err(source);
        assert_eq!((error.kind, error.message.as_str()), (Kind::Empty, what), "{source}");
    }
}

#[test]
fn calculating_with_what_is_there_works() {
    for (source, text) in [
        ("{{ record.value.amount * 2 + 1 }}", "24001"),
        ("{{ -record.value.amount // 7 % 5 ** 2 }}", "10"),
        ("{% if 0 < record.value.amount <= 12000.0 %}x{% endif %}", "x"),
        ("{% if record.value.amount is ge(12000) %}x{% endif %}", "x"),
        ("{{ record.close_date|int(0) + 1 }}", "1"),
        ("{{ [3, 1.5]|max }} {{ [3, 1.5]|min }} {{ [3, 1]|sum }} {{ '7'|int }}", "3 1.5 4 7"),
        ("{{ [{'a': 1}, {'a': 2}]|sum(attribute='a') }}", "3"),
        ("{{ record.close_date|int(default=7) }} {{ 'x'|float(default=0.5) }}", "7 0.5"),
        ("{{ [record.owners]|tojson(indent=1)|length > 10 }}", "True"),
        ("{% if 'legal' in record.stage %}x{% endif %}", "x"),
        ("{% if 'Ent' in record.tags|aslist %}x{% else %}y{% endif %}", "y"),
        ("{% if 'Enterprise' in record.tags|aslist %}x{% endif %}", "x"),
        ("{% if 'x' not in record.close_date %}x{% endif %}", "x"),
        ("{{ record.tags|aslist|length }}{{ record.close_date|aslist|length }}", "10"),
        ("{% for key in ['stage'] %}{{ record[key] }}{% endfor %}", "In legal review"),
        ("{{ record.owners[0] }}{{ record['owners'][-2] }}{{ record.name[:4] }}", "annannAcme"),
    ] {
        assert_eq!(render(source), text, "{source}");
    }
}

#[test]
fn values_of_different_kinds_have_no_order() {
    let error = try_render("{% if record.stage > 5 %}x{% endif %}").unwrap_err();
    assert_eq!(error.to_string(), "line 1, column 7: string and number cannot be put in order");
    assert_eq!(error.kind, Kind::Wrong);
}

#[test]
fn a_record_that_is_gone_is_none() {
    let gone = || Values { record: Some(Value::Null), ..Values::default() };
    let source = "{% if record is none %}gone{% endif %}{{ record.stage }}";
    assert_eq!(render_with(source, gone()).unwrap(), "gone");
}

#[test]
fn a_value_that_was_not_looked_up_is_never_an_empty_one() {
    for source in ["{{ record.stage }}", "{{ record is none }}", "{{ record|default('x') }}"] {
        let error = render_with(source, Values::default()).expect_err(source);
        assert!(error.message.contains("`record` was not looked up"), "{error}");
    }
}

#[test]
fn looked_up_values_are_escaped_for_slack() {
    let template = Template::compile("<{{ record.name }}>", &NAMES, Escape::Slack).unwrap();
    let values = Values { record: Some(deal()), ..Values::default() };
    assert_eq!(template.render(&job(values)).unwrap(), "<Acme &lt;renewal&gt;>");
}

#[test]
fn the_actor_keeps_what_the_event_says_and_gains_a_name() {
    let source = "{{ actor.type }} {{ actor.id }} {{ actor.name }} {{ actor.email }}";
    let ann = json!({"name": "Ann", "email": "ann@example.com", "id": "other"});
    let values = Values { actor: Some(ann), ..Values::default() };
    assert_eq!(render_with(source, values).unwrap(), "workspace-member m1 Ann ann@example.com");
    let values = Values { actor: Some(Value::Null), ..Values::default() };
    assert_eq!(render_with(source, values).unwrap(), "workspace-member m1  ");
}

#[test]
fn what_did_not_change_was_as_it_is() {
    let values = Values {
        record: Some(deal()),
        previous: Some(json!({"stage": "Lead"})),
        ..Values::default()
    };
    let source = "{{ previous.stage }}, {{ record.stage }}, {{ previous.value.amount }}";
    assert_eq!(render_with(source, values).unwrap(), "Lead, In legal review, 12000");
}

#[test]
fn a_template_needs_what_it_names_and_no_more() {
    let none = Needs::default();
    let record = Needs { record: true, ..none };
    let actor = Needs { actor: true, ..none };
    for (source, needs) in [
        ("{{ event.id.record_id }} {{ type }} {{ attempt }}", none),
        ("{{ actor.type }} {{ actor['id'] }}", none),
        ("{% if actor is none %}x{% endif %}{% if actor != none %}x{% endif %}", none),
        ("{{ actor.name }}", actor),
        ("{{ actor }}", actor),
        ("{% for key in ['id'] %}{{ actor[key] }}{% endfor %}", actor),
        ("{{ record }}", record),
        ("{{ event.x ~ record['a'].b }}", record),
        ("{{ record[1:] }}", record),
        ("{% if false %}{% for x in [1] %}{{ record.a }}{% endfor %}{% endif %}", record),
        ("{% macro m() %}{{ record.a }}{% endmacro %}x", record),
        ("{% filter replace('a', record.a) %}x{% endfilter %}", record),
        ("{% for record in [{'a': 1}] %}{{ record.a }}{% endfor %}", none),
        ("{{ previous.a }}", Needs { previous: true, ..none }),
        ("{{ entry.a }}{{ workspace.name }}", Needs { entry: true, workspace: true, ..none }),
        ("{{ note }}{{ task }}", Needs { note: true, task: true, ..none }),
        ("{{ comment }}{{ meeting }}", Needs { comment: true, meeting: true, ..none }),
    ] {
        assert_eq!(compile(source).needs(), needs, "{source}");
    }
}

#[test]
fn the_attributes_that_are_written_out_are_known_with_their_places() {
    let template = compile("{{ record.stage }}\n{{ previous['value'].amount }}{{ record }}");
    let attributes = template.attributes();
    let told: Vec<_> = attributes.iter().map(|used| (&*used.of, &*used.name)).collect();
    assert_eq!(told, [("record", "stage"), ("previous", "value")]);
    assert_eq!(attributes[1].place, Some(Place { line: 2, column: 4 }));
}

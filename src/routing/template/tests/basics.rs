//! What every template can do with an event alone.

use super::super::*;

fn job(json: &str) -> Job {
    Job {
        idempotency_key: uuid::Uuid::nil(),
        route: "to-slack".into(),
        event_id: uuid::Uuid::from_u128(7),
        event_type: "record.updated".to_owned(),
        source: "crm".into(),
        received_at: time::OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(1_234),
        json: bytes::Bytes::copy_from_slice(json.as_bytes()),
        attempt: 2,
        values: std::sync::Arc::default(),
    }
}

fn compile(source: &str) -> Result<Template, TemplateError> {
    Template::compile(source, &NAMES, Escape::Nothing)
}

fn problem(source: &str) -> String {
    compile(source).err().expect("must be refused").to_string()
}

fn render(source: &str, json: &str) -> Result<String, TemplateError> {
    compile(source).expect("must compile").render(&job(json))
}

fn render_for_slack(source: &str, json: &str) -> String {
    let template = Template::compile(source, &NAMES, Escape::Slack).expect("must compile");
    template.render(&job(json)).expect("must render")
}

#[test]
fn every_name_stands_for_its_value() {
    let source = "{{ type }} {{ id }} {{ received_at }} {{ source }} {{ route }} {{ attempt }} \
                  {{ event.id.record_id }} {{ actor.type }}";
    let json = r#"{"id":{"record_id":"r1"},"actor":{"type":"system"}}"#;
    assert_eq!(
        render(source, json).unwrap(),
        "record.updated 00000000-0000-0000-0000-000000000007 1970-01-01T00:00:01.234Z crm \
         to-slack 2 r1 system"
    );
}

#[test]
fn a_missing_actor_is_none() {
    let source = "{% if actor is none %}nobody{% else %}{{ actor.type }}{% endif %}";
    for json in ["{}", r#"{"actor":null}"#] {
        assert_eq!(render(source, json).unwrap(), "nobody");
    }
}

#[test]
fn an_undefined_value_is_an_error_at_its_place() {
    for source in [
        "ab\n  {{ event.nope }}",
        "ab\n  {{ event.nope.deeper }}",
        "ab\n  {{ event.nope ~ 'x' }}",
        "ab\n  {% if event.nope %}x{% endif %}",
        "ab\n  {% for x in event.nope %}x{% endfor %}",
        "ab\n  {{ actor.type }}",
        "ab\n  {{ event.nope|tojson }}",
        "ab\n  {{ event.nope|upper }}",
        "ab\n  {{ {'x': event.nope}|tojson }}",
        "ab\n  {{ [event.nope]|join }}",
        "ab\n  {{ [event.nope] }}",
        "ab\n  {{ event.nope|e }}",
        "ab\n  {{ event.nope == 1 }}",
        "ab\n  {{ [1]|join(event.nope) }}",
        "ab\n  {{ [1]|join(d=event.nope) }}",
        "ab\n  {{ event.nope|groupby('x') }}",
        "ab\n  {{ event.nope|chain([1])|list }}",
    ] {
        let error = render(source, "{}").expect_err(source);
        assert_eq!(error.place.expect(source).line, 2, "{source}");
    }
}

#[test]
fn a_syntax_error_is_refused_with_line_and_column() {
    assert_eq!(
        compile("one\ntwo {{ event. }}").err().unwrap().place,
        Some(Place { line: 2, column: 15 })
    );
}

#[test]
fn a_name_that_cannot_be_known_is_refused_with_its_place() {
    assert_eq!(
        problem("a\n é{{ evnt.id }}"),
        "line 2, column 6: there is no `evnt`; did you mean `event`?"
    );
    assert!(problem("{{ frobnicate(1) }}").contains("there is no `frobnicate`; known are"));
    assert!(problem("{% if false %}{{ nope }}{% endif %}").contains("there is no `nope`"));
    assert!(problem("{{ debug() }}").contains("there is no `debug`"));
}

#[test]
fn unknown_filters_and_tests_are_refused_in_branches_too() {
    assert_eq!(
        problem("{% if attempt > 1 %}{{ type|uper }}{% endif %}"),
        "line 1, column 29: there is no filter `uper`"
    );
    assert!(problem("{{ type is nice }}").contains("there is no test `nice`"));
    assert!(problem("{% macro m() %}{{ 1|uper }}{% endmacro %}x").contains("`uper`"));
    assert!(problem("{% block b %}{{ 1|uper }}{% endblock %}").contains("`uper`"));
}

#[test]
fn other_templates_cannot_be_used() {
    for source in ["{% include 'template' %}", "{% extends type %}", "{% import 'x' as y %}"] {
        assert!(problem(source).contains("no other templates"), "{source}");
    }
}

#[test]
fn the_languages_own_means_work() {
    let source = "{% set n = namespace(sum=0) %}{% for x in range(4) %}\
                  {% set n.sum = n.sum + x %}{% if loop.last %}{{ n.sum }}{% endif %}{% endfor %}\
                  {% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(type|upper) }}{{ event.no|default('-') }}";
    assert_eq!(render(source, "{}").unwrap(), "6<RECORD.UPDATED>-");
}

#[test]
fn tojson_makes_json_of_anything() {
    let json = r#"{"name":"A \"quoted\" <name>\n","n":[1,2.5,null,true],"o":{}}"#;
    let text = render("{{ event|tojson }}", json).unwrap();
    let (made, expected): (serde_json::Value, serde_json::Value) =
        (serde_json::from_str(&text).unwrap(), serde_json::from_str(json).unwrap());
    assert_eq!(made, expected);
}

#[test]
fn too_many_steps_are_an_error() {
    let source = "{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}";
    assert!(render(source, "{}").unwrap_err().message.contains("steps"));
}

#[test]
fn too_long_a_text_is_an_error() {
    let error = render("{% for a in range(1000) %}{{ 'x' * 1000 }}{% endfor %}", "{}");
    assert!(error.unwrap_err().message.contains("bytes"));
}

#[test]
fn values_are_escaped_for_slack_and_the_templates_own_text_is_not() {
    let json = r#"{"name":"<!channel> & <@U1>","tags":["<a>"]}"#;
    assert_eq!(
        render_for_slack("<https://x.y|{{ event.name }}> & co {{ event.tags }}", json),
        "<https://x.y|&lt;!channel&gt; &amp; &lt;@U1&gt;> & co ['&lt;a&gt;']"
    );
}

#[test]
fn values_are_escaped_for_slack_once_on_every_way() {
    let json = r#"{"name":"<&>"}"#;
    for source in [
        "{{ event.name|upper }}",
        "{{ event.name|e }}",
        "{{ event.name ~ '' }}",
        "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(event.name) }}",
        "{% set x %}{{ event.name }}{% endset %}{{ x }}",
        "{{ [event.name, '']|join }}",
        "{% autoescape true %}{{ event.name }}{% endautoescape %}",
    ] {
        assert_eq!(render_for_slack(source, json), "&lt;&amp;&gt;", "{source}");
    }
}

#[test]
fn half_surrogate_pairs_become_replacement_characters() {
    let json = r#"{"a":"x\ud800y","b":"\uDC00","c":"\ud83d\ude00","d":"\\ud800","e":"\ud800\ud83d\ude00"}"#;
    let text =
        render("{{ event.a }} {{ event.b }} {{ event.c }} {{ event.d }} {{ event.e }}", json);
    assert_eq!(text.unwrap(), "x\u{fffd}y \u{fffd} 😀 \\ud800 \u{fffd}😀");
}

#[test]
fn bytes_that_are_no_text_become_replacement_characters() {
    let mut odd = job("");
    odd.json = bytes::Bytes::from_static(b"{\"a\":\"x\xffy\"}");
    assert_eq!(compile("{{ event.a }}").unwrap().render(&odd).unwrap(), "x\u{fffd}y");
}

#[test]
fn of_duplicate_keys_the_last_counts() {
    assert_eq!(render("{{ event.a }}", r#"{"a":1,"a":2}"#).unwrap(), "2");
}

#[test]
fn an_event_nested_too_deep_is_an_error_only_where_it_is_read() {
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    assert!(render("{{ event }}", &deep).unwrap_err().message.contains("cannot be read"));
    assert_eq!(render("{{ type }}", &deep).unwrap(), "record.updated");
}

//! Conditions as their users meet them.

mod property;

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::job::Values;

fn deal() -> Value {
    json!({
        "stage": "In legal review",
        "value": {"amount": 12000, "currency": "EUR"},
        "price": null,
        "company": null,
        "close_date": "2026-11-30",
        "tags": "Enterprise",
        "regions": ["EMEA", "APAC"],
        "is_renewal": false,
    })
}

fn job_with(event: &Value, values: Values) -> Job {
    Job {
        idempotency_key: uuid::Uuid::nil(),
        route: "won".into(),
        event_id: uuid::Uuid::nil(),
        event_type: "record.updated".to_owned(),
        source: "crm".into(),
        received_at: time::OffsetDateTime::UNIX_EPOCH,
        json: event.to_string().into(),
        attempt: 1,
        values: Arc::new(values),
    }
}

fn job() -> Job {
    let event = json!({"id": {"list_id": null}, "actor": {"type": "system", "id": null}});
    let previous = Some(json!({"stage": "Lead"}));
    job_with(&event, Values { record: Some(deal()), previous, ..Values::default() })
}

fn judge(source: &str) -> Verdict {
    Condition::compile(source).expect(source).evaluate(&job())
}

fn problem(source: &str) -> String {
    Condition::compile(source).expect_err(source).to_string()
}

#[test]
fn a_condition_is_true_or_false_as_its_values_are() {
    for source in [
        "record.stage == 'In legal review'",
        "previous.stage != 'In legal review' and record.stage == 'In legal review'",
        "record.value.amount >= 12000.0",
        "0 < record.value.amount < 20000",
        "record.value.amount / 2 + 1 == 6001",
        "record.close_date > '2026-11-01'",
        "record.stage in ['In legal review', 'Closed Won']",
        "'EMEA' in record.regions",
        "'Ent' not in record.tags|aslist",
        "not record.is_renewal",
        "actor.type == 'system'",
        "type == 'record.updated' and source is startingwith 'c'",
        "record['value']['currency'] == 'EUR'",
        "record.regions|length == 2",
        "record.regions",
    ] {
        assert!(judge(source).is_true(), "{source}: {:?}", judge(source));
        let other = format!("not ({source})");
        assert!(matches!(judge(&other), Verdict::False { .. }), "{other}");
    }
}

#[test]
fn an_empty_value_can_be_asked_for() {
    for source in [
        "record.price == none",
        "record.price is none",
        "not record.price",
        "record.price != 5",
        "record.price.amount == none",
        "record.company.name.first == none",
        "record.company.name != 'x'",
        "record['company']['name'] is none",
        "event.id.list_id.x == none",
        "actor.id == none",
        "record.price|default(5) > 1",
        "'x' not in record.price",
        "record.price is none or record.price > 5",
        "not (record.price and record.price > 5)",
        "record.price|lower == ''",
        "record.company is not startingwith 'N'",
    ] {
        assert!(judge(source).is_true(), "{source}: {:?}", judge(source));
    }
}

#[test]
fn an_empty_value_has_no_order_and_cannot_be_calculated_with() {
    for (source, empty) in [
        ("record.price < 1000", "`record.price` is empty"),
        ("record.price > 1000", "`record.price` is empty"),
        ("1000 >= record.price.amount", "`record.price.amount` is empty"),
        ("record.price <= none", "`record.price` is empty"),
        ("none < 1000", "`none` is empty"),
        ("record.price + 1 == 1", "`record.price` is empty"),
        ("record.price - 1 == 1", "`record.price` is empty"),
        ("2 * record.price == 0", "`record.price` is empty"),
        ("record.price / 1 == 1", "`record.price` is empty"),
        ("record.price // 1 == 1", "`record.price` is empty"),
        ("record.price % 2 == 0", "`record.price` is empty"),
        ("record.price ** 2 != 1", "`record.price` is empty"),
        ("-record.price != 1", "`record.price` is empty"),
        ("record.value.discount < 5", "`record.value.discount` is empty"),
        ("event.nope < 5", "`event.nope` is empty"),
        ("(record.price or record.company) < 5", "`record.price or record.company` is empty"),
        ("[record.price, 5]|max > 1", "one of the values is empty"),
        ("[record.price]|map('int')|first < 5", "the value is empty"),
        ("record.stage == 'x' or record.price < 1", "`record.price` is empty"),
        ("not (record.price < 1000)", "`record.price` is empty"),
        ("record.price is lt 1000", "the value is empty"),
        ("record.price|int < 1000", "`record.price` is empty"),
    ] {
        let Verdict::Empty { what, .. } = judge(source) else {
            panic!("{source}: {:?}", judge(source));
        };
        assert_eq!(what, empty, "{source}");
    }
}

#[test]
fn what_cannot_be_evaluated_failed() {
    for (source, reason) in [
        ("record.stge == 'x'", "line 1, column 1: `record` has no attribute `stge`; did you mean"),
        ("record.stge != 'x'", "did you mean `stage`?"),
        ("true\n and 1 ==\n record\n.stge", "line 3, column 2: `record` has no attribute `stge`"),
        ("record\n.regions <\n 5", "line 1, column 1: sequence and number"),
        ("true and record.stge is none", "column 10: `record` has no attribute `stge`"),
        ("record['stge']|default('x') == 'x'", "has no attribute `stge`"),
        ("previous.zzz == none", "`previous` has no attribute `zzz`"),
        ("event.nope == 1", "line 1, column 1: `event.nope` is undefined"),
        ("1 != event.nope", "`event.nope` is undefined"),
        ("event.nope", "undefined"),
        ("event.nope.deeper == none", "undefined"),
        ("entry.stage == 'x'", "`entry` was not looked up"),
        ("record.stage < 5", "string and number cannot be put in order"),
        ("record.value.amount > '1000'", "number and string cannot be put in order"),
        ("record.regions > 5", "cannot be put in order"),
        ("record.is_renewal < true", "cannot be put in order"),
        ("'x' in 5", "nothing can be in a number"),
        ("record.stage + 5 == 1", "unsupported types"),
        ("1 // 0 == 0", "line 1, column 1"),
        ("record.stage|int == 0", "line 1"),
    ] {
        let Verdict::Failed { why, .. } = judge(source) else {
            panic!("{source}: {:?}", judge(source));
        };
        assert!(why.contains(reason), "{source}: {why}");
    }
}

#[test]
fn a_record_that_is_gone_is_a_fact() {
    let values = || Values { record: Some(Value::Null), ..Values::default() };
    for source in ["record is none", "record.stage is none", "record.value.amount == none"] {
        let verdict = Condition::compile(source).unwrap().evaluate(&job_with(&json!({}), values()));
        assert!(verdict.is_true(), "{source}: {verdict:?}");
    }
    let condition = Condition::compile("record.value.amount > 5").unwrap();
    let verdict = condition.evaluate(&job_with(&json!({}), values()));
    assert!(matches!(verdict, Verdict::Empty { .. }));
}

#[test]
fn an_event_without_actor_has_none() {
    let condition = Condition::compile("actor.type == none and actor is none").unwrap();
    assert!(condition.evaluate(&job_with(&json!({}), Values::default())).is_true());
}

#[test]
fn an_event_that_cannot_be_read_failed() {
    let mut job = job();
    job.json = "[".repeat(1_000).into();
    let condition = Condition::compile("event.x == 1").unwrap();
    assert!(matches!(condition.evaluate(&job), Verdict::Failed { .. }));
}

#[test]
fn what_does_not_exist_is_refused_when_it_is_loaded() {
    assert_eq!(
        problem("record.stage == 'x' and\n  recrd.stage == 'y'"),
        "line 2, column 3: there is no `recrd`; did you mean `record`?"
    );
    assert_eq!(problem("type|uper == 'X'"), "line 1, column 6: there is no filter `uper`");
    assert!(problem("type is nice").contains("there is no test `nice`"));
    assert!(problem("frobnicate(1)").contains("there is no `frobnicate`; known are `event`"));
    assert!(problem("record.stage = 'x'").starts_with("line 1, column 14: "));
    assert!(problem("record.stage ==").starts_with("line 1, column "));
    assert!(problem("").contains("unexpected end of input"));
}

#[test]
fn too_long_and_too_deep_conditions_are_refused() {
    assert!(problem(&"1+".repeat(2_100)).contains("4096 bytes"));
    assert!(problem(&format!("1{}", "+1".repeat(1_000))).contains("nested too deep"));
    assert!(problem(&format!("{}1", "not ".repeat(1_000))).contains("nested too deep"));
    assert!(problem(&format!("record{}", ".a".repeat(1_000))).contains("nested too deep"));
    problem(&"(".repeat(4_000));
}

#[test]
fn a_verdict_tells_the_values_that_it_saw_once_and_in_order() {
    let source = "record.stage == 'Closed Won' and record.price.amount > 5 \
                  or record['tags'] == record.stage or event.nope == record.regions[0]";
    let saw = judge(source).saw().clone();
    assert_eq!(
        saw.to_string(),
        r#"record.stage = "In legal review", record.price.amount = none, record.tags = "Enterprise", event.nope is undefined, record.regions[0] = "EMEA""#
    );
    assert_eq!(
        serde_json::to_value(&saw).unwrap()[3],
        json!({"path": "event.nope", "value": null, "is_undefined": true})
    );
    assert_eq!(
        serde_json::to_value(&saw).unwrap()[0],
        json!({"path": "record.stage", "value": "In legal review"})
    );
}

#[test]
fn long_values_are_cut() {
    let record = json!({"text": "é\n".repeat(500), "list": vec!["x"; 100], "short": [1, 2]});
    let job = job_with(&json!({}), Values { record: Some(record), ..Values::default() });
    let condition = Condition::compile("record.text == record.list == record.short").unwrap();
    let saw = condition.evaluate(&job).saw().to_string();
    assert!(saw.chars().count() < 300 && !saw.contains('\n'), "{saw}");
    assert!(saw.contains('…') && saw.ends_with("record.short = [1,2]"), "{saw}");
}

#[test]
fn a_reason_holds_the_condition_and_what_it_saw() {
    let reason = |source: &str| {
        let condition = Condition::compile(source).unwrap();
        condition.reason(&condition.evaluate(&job()))
    };
    assert_eq!(reason("true"), None);
    assert_eq!(
        reason("record.stage == 'Closed Won'").unwrap(),
        "the condition is not true: record.stage == 'Closed Won' \
         [record.stage = \"In legal review\"]"
    );
    assert_eq!(
        reason("record.price\n > 5").unwrap(),
        "the condition cannot be decided, `record.price` is empty: record.price  > 5 \
         [record.price = none]"
    );
    let failed = reason("event.x == 1").unwrap();
    assert!(failed.starts_with("the condition failed, line 1, column 1: `event.x` is undefined"));
}

#[test]
fn a_condition_needs_what_it_names() {
    let needs = |source: &str| Condition::compile(source).unwrap().needs();
    assert!(needs("event.id.object_id == 'x' and actor.type == 'system'").is_empty());
    assert_eq!(needs("record.stage == 'x'"), Needs { record: true, ..Needs::default() });
    assert_eq!(
        needs("actor.email is endingwith '@x.y'"),
        Needs { actor: true, ..Needs::default() }
    );
    assert!(needs("actor is none or actor.id == 'x'").is_empty());
    let attributes = Condition::compile("1 < record.value.amount").unwrap().attributes();
    assert_eq!((&*attributes[0].of, &*attributes[0].name), ("record", "value"));
    assert_eq!(attributes[0].place.unwrap().column, 5);
}

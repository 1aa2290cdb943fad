//! What becomes of a delivery that Attio, or the relay itself, does not take.

use std::time::Duration;

use attio_relay::{
    action::ActionError,
    attio::catalog::Catalog,
    http::fake_attio::{Failure, RetryAfter, TOKEN},
};
use serde_json::json;

use super::{DEAL_PATH, Scene, UPDATE, about, ines, job, refused, retry, stage_changed};

#[tokio::test]
async fn what_attio_refuses_is_dead_with_its_code_and_its_own_words() {
    let scene = Scene::start().await;
    let keys = "write = \"update\"\nvalues = { stage = \"{{ record.stage }}\" }";
    let failure = refused(scene.perform(keys, &about(json!({"stage": "Wno"}))).await);
    let what = format!("Attio answered 400 value_not_found to PUT {DEAL_PATH}");
    assert_eq!((failure.status, failure.what.replace(super::DEALS, "deals")), (Some(400), what));
    let answer = String::from_utf8(failure.answer.unwrap().to_vec()).unwrap();
    assert!(answer.contains("Cannot find status"), "{answer}");
}

#[tokio::test]
async fn a_429_waits_as_long_as_attio_asks() {
    let scene = Scene::start().await;
    let limited = Failure::Limited(RetryAfter::Seconds, Duration::from_secs(40));
    scene.attio.fail("PUT", DEAL_PATH, 1, limited);
    let failure = retry(scene.perform(UPDATE, &job(&stage_changed(&ines()))).await);
    let wait = failure.retry_after.unwrap();
    assert_eq!(failure.status, Some(429));
    assert!(wait > Duration::from_secs(30), "{wait:?}");
    // Whoever comes while all writes pause sends nothing, and is put off at no cost of a try.
    let next = scene.perform(UPDATE, &job(&stage_changed(&ines()))).await;
    let Err(ActionError::Later { reason: "limits", wait, .. }) = next else { panic!("{next:?}") };
    assert!(wait > Duration::from_secs(30), "{wait:?}");
    assert_eq!(scene.attio.requests_to("PUT", DEAL_PATH).len(), 1);
}

#[tokio::test]
async fn a_token_that_may_not_write_is_for_somebody_to_mend() {
    for (status, code) in [(401, "unauthorized"), (403, "unauthorized")] {
        let scene = Scene::start().await;
        scene.attio.fail_all("PUT", DEAL_PATH, Failure::Error(status, code));
        let failure = retry(scene.perform(UPDATE, &job(&stage_changed(&ines()))).await);
        assert_eq!(failure.status, Some(status));
        assert!(failure.what.contains("the token must be"), "{}", failure.what);
    }
}

#[tokio::test]
async fn an_event_of_another_workspace_is_never_written_for() {
    let scene = Scene::start().await;
    let mut event = stage_changed(&ines());
    for workspace in [json!("another-workspace"), json!(null)] {
        event["id"]["workspace_id"] = workspace;
        let failure = refused(scene.perform(UPDATE, &job(&event)).await);
        assert!(failure.what.contains("nothing was written"), "{}", failure.what);
    }
    assert!(scene.attio.requests_to("PUT", "/v2").is_empty());
}

#[tokio::test]
async fn nothing_is_written_before_it_is_known_whose_token_it_is() {
    let scene = Scene::unidentified().await;
    let result = scene.perform(UPDATE, &job(&stage_changed(&ines()))).await;
    assert!(matches!(result, Err(ActionError::Later { reason: "names", .. })), "{result:?}");
    assert!(scene.attio.requests().is_empty());
}

#[tokio::test]
async fn nothing_is_written_by_a_token_of_which_only_an_earlier_start_knew_whose_it_was() {
    let scene = Scene::start().await;
    let mut names = Catalog::clone(&scene.access.catalog.current());
    names.identity.as_mut().unwrap().is_remembered = true;
    assert!(scene.access.catalog.replace(names, time::OffsetDateTime::now_utc()));
    let result = scene.perform(UPDATE, &job(&stage_changed(&ines()))).await;
    assert!(matches!(result, Err(ActionError::Later { reason: "names", .. })), "{result:?}");
    assert!(scene.attio.requests_to("PUT", "/v2").is_empty());
}

#[tokio::test]
async fn an_event_without_a_record_needs_one_that_is_named() {
    let scene = Scene::start().await;
    let mut event = stage_changed(&ines());
    event["event_type"] = "task.created".into();
    let failure = refused(scene.perform(UPDATE, &job(&event)).await);
    assert_eq!(
        failure.what,
        "`task.created` names no record: the action needs `object` and `record`"
    );
}

#[tokio::test]
async fn a_wrong_template_is_refused_when_it_is_loaded() {
    let scene = Scene::start().await;
    for (keys, field) in [
        ("write = \"update\"\nvalues = { name = \"{{ evnt }}\" }", "values"),
        ("write = \"note\"\ntitle = \"x\"\ncontent = \"{{ \"", "content"),
        ("write = \"update\"\nrecord = \"{{ x }}\"\nvalues = { name = 1 }", "record"),
        ("write = \"task\"\ncontent = \"x\"\nassignees = [\"{{ x }}\"]", "assignees"),
    ] {
        let toml = super::section(&scene.attio) + &super::action(keys);
        let toml = crate::support::app::configuration("sqlite:unused.db", &toml);
        let outside = attio_relay::config::Outside {
            env: &crate::support::app::environment,
            templates: &attio_relay::action::Action::check,
        };
        let problems = attio_relay::config::parse(&toml, "relay.toml", &outside).unwrap_err();
        let shown = problems.render(false);
        assert!(problems.has_errors() && shown.contains(field), "{shown}");
    }
}

#[tokio::test]
async fn the_token_is_in_nothing_that_is_kept_of_a_failure() {
    let scene = Scene::start().await;
    let echo = format!(r#"{{"code":"any","message":"you sent Bearer {TOKEN}"}}"#);
    for status in [400, 401, 403, 410] {
        let answer = Failure::Answer(status, Vec::new(), echo.clone());
        scene.attio.fail("PUT", DEAL_PATH, 2, answer);
        let result = scene.perform(UPDATE, &job(&stage_changed(&ines()))).await;
        let shown = format!("{result:?} {}", result.as_ref().unwrap_err());
        assert!(shown.contains("you sent") && !shown.contains(TOKEN), "{status}: {shown}");
        scene.attio.heal();
    }
}

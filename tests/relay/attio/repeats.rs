//! What is tried again within a call, and what never.

use attio_relay::{
    attio::client::{ApiError, Client, Update},
    http::fake_attio::Failure,
};
use serde_json::json;

use super::{DEAL, SECOND, Scene, attio, within};

const LONG: std::time::Duration = std::time::Duration::from_secs(30);

fn is_in_doubt(error: &ApiError) -> bool {
    matches!(error, ApiError::Later { in_doubt: true, .. })
}

#[tokio::test]
async fn a_post_is_not_repeated_after_a_lost_answer_or_a_fault() {
    for failure in [Failure::CutAfter, Failure::Cut, Failure::Error(500, "internal_error")] {
        let scene = Scene::start().await;
        scene.fake.fail("POST", "/v2/notes", 1, failure.clone());
        let lost = scene.write_note(LONG).await.unwrap_err();
        assert!(is_in_doubt(&lost), "{failure:?}: {lost:?}");
        assert_eq!(scene.fake.requests_to("POST", "/v2/notes").len(), 1, "{failure:?}");
    }
}

#[tokio::test]
async fn reads_and_writes_with_a_natural_key_are_repeated_after_faults() {
    for failure in [Failure::CutAfter, Failure::Cut, Failure::Error(503, "unavailable")] {
        let scene = Scene::start().await;
        scene.fake.fail("GET", DEAL, 2, failure.clone());
        assert!(scene.read_deal(LONG).await.unwrap().is_some());
        assert_eq!(scene.fake.requests_to("GET", DEAL).len(), 3);
        scene.fake.fail("PATCH", DEAL, 2, failure);
        let values = json!({ "name": "Crane" });
        let id = DEAL.rsplit('/').next().unwrap();
        let update = scene.client.update_record("deals", id, &values, Update::Add, within(LONG));
        update.await.unwrap();
        assert_eq!(scene.fake.requests_to("PATCH", DEAL).len(), 3);
    }
}

#[tokio::test]
async fn an_attio_that_stays_away_is_left_alone_after_a_few_tries() {
    let scene = Scene::start().await;
    scene.fake.fail_all("GET", DEAL, Failure::Error(502, "bad_gateway"));
    let error = scene.read_deal(LONG).await.unwrap_err();
    assert!(matches!(error, ApiError::Later { status: Some(502), in_doubt: false, .. }));
    assert_eq!(scene.fake.requests().len(), 4);
    assert_eq!(scene.metric("attio_relay_attio_requests_total{result=\"unavailable\"}"), 4.0);
}

#[tokio::test]
async fn a_fault_that_says_how_long_it_lasts_is_waited_out() {
    let scene = Scene::start().await;
    let wait = vec![("retry-after", "1".to_owned())];
    scene.fake.fail("GET", DEAL, 1, Failure::Answer(503, wait, String::new()));
    scene.read_deal(LONG).await.unwrap();
    let requests = scene.fake.requests();
    assert!(requests[1].started - requests[0].ended.unwrap() >= SECOND);
}

#[tokio::test]
async fn a_post_that_never_left_is_not_in_doubt() {
    let metrics = std::sync::Arc::default();
    let nobody = Client::new(&attio("http://127.0.0.1:1", "token"), metrics).unwrap();
    let error = nobody.create_note(&json!({}), within(LONG)).await.unwrap_err();
    assert!(matches!(error, ApiError::Later { in_doubt: false, .. }), "{error:?}");
}

#[tokio::test]
async fn a_merge_in_progress_is_waited_out() {
    let scene = Scene::start().await;
    scene.fake.fail("GET", DEAL, 3, Failure::Error(404, "merge_in_progress"));
    assert!(scene.read_deal(LONG).await.unwrap().is_some());
    assert_eq!(scene.fake.requests().len(), 4);
}

#[tokio::test]
async fn a_concurrent_write_is_waited_out() {
    let scene = Scene::start().await;
    scene.fake.fail("POST", "/v2/notes", 2, Failure::Error(409, "concurrent_write_conflict"));
    scene.write_note(LONG).await.unwrap();
    assert_eq!(scene.fake.requests_to("POST", "/v2/notes").len(), 3);
}

#[tokio::test]
async fn what_attio_will_never_take_is_not_sent_again() {
    for (status, code) in
        [(400, "value_not_found"), (404, "strange"), (409, "uniqueness_conflict"), (422, "any")]
    {
        let scene = Scene::start().await;
        scene.fake.fail("GET", DEAL, 1, Failure::Error(status, code));
        let error = scene.read_deal(LONG).await.unwrap_err();
        let ApiError::Refused { status: Some(found), code: Some(said), .. } = error else {
            panic!("{error:?}")
        };
        assert_eq!((found, said.as_str()), (status, code));
        assert_eq!(scene.fake.requests().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_stray_401_is_repeated_once_and_a_403_not_at_all() {
    for (status, times, requests) in [(401, 1, 2), (401, 2, 2), (403, 1, 1)] {
        let scene = Scene::start().await;
        scene.fake.fail("GET", DEAL, times, Failure::Error(status, "unauthorized"));
        let answer = scene.read_deal(LONG).await;
        match answer {
            Ok(_) => assert_eq!((status, times), (401, 1)),
            Err(ApiError::Denied { status: found, .. }) => assert_eq!(found, status),
            Err(other) => panic!("{other:?}"),
        }
        assert_eq!(scene.fake.requests().len(), requests, "{status} {times}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_ends_the_call_at_its_deadline() {
    let scene = Scene::start().await;
    scene.fake.fail("GET", DEAL, 1, Failure::Hang);
    let began = std::time::Instant::now();
    let error = scene.read_deal(SECOND).await.unwrap_err();
    assert!(matches!(error, ApiError::Later { status: None, .. }), "{error:?}");
    assert!(began.elapsed() < 2 * SECOND, "{:?}", began.elapsed());
    assert_eq!(scene.metric("attio_relay_attio_requests_total{result=\"timeout\"}"), 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_hangs_is_cut_after_ten_seconds_and_made_again_while_its_call_has_time() {
    // It takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let metrics = std::sync::Arc::new(attio_relay::telemetry::metrics::Metrics::new());
    let client = Client::new(&attio(&url, "token"), std::sync::Arc::clone(&metrics)).unwrap();
    let began = tokio::time::Instant::now();
    let error = client.record("deals", "any", within(60 * SECOND)).await.unwrap_err();
    assert!(matches!(error, ApiError::Later { status: None, in_doubt: false, .. }), "{error:?}");
    assert!(began.elapsed() >= 40 * SECOND && began.elapsed() < 47 * SECOND);
    let text = metrics.render();
    assert!(text.contains("attio_requests_total{result=\"timeout\"} 4"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_must_not_come_twice_has_all_of_its_calls_time() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let client = Client::new(&attio(&url, "token"), std::sync::Arc::default()).unwrap();
    let began = tokio::time::Instant::now();
    let error = client.create_note(&json!({}), within(30 * SECOND)).await.unwrap_err();
    assert!(is_in_doubt(&error), "{error:?}");
    assert!(began.elapsed() >= 30 * SECOND && began.elapsed() < 31 * SECOND);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let scene = Scene::start().await;
    let elsewhere = vec![("location", scene.fake.base_url())];
    scene.fake.fail("GET", DEAL, 1, Failure::Answer(302, elsewhere, String::new()));
    let error = scene.read_deal(LONG).await.unwrap_err();
    assert!(matches!(error, ApiError::Refused { status: Some(302), .. }), "{error:?}");
    assert_eq!(scene.fake.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_too_long_or_no_json_is_an_error() {
    let scene = Scene::start().await;
    let long = format!(r#"{{"data": "{}"}}"#, "x".repeat(1024 * 1024));
    scene.fake.fail("GET", DEAL, 1, Failure::Answer(200, Vec::new(), long.clone()));
    let error = scene.read_deal(LONG).await.unwrap_err();
    assert!(matches!(error, ApiError::Refused { .. }), "{error}");
    // Lists are allowed more.
    scene.fake.fail("GET", "/v2/objects", 1, Failure::Answer(200, Vec::new(), long));
    let error = scene.client.objects(within(LONG)).await.unwrap_err();
    assert!(error.to_string().contains("no list"), "{error}");
    scene.fake.fail_all("GET", DEAL, Failure::Answer(200, Vec::new(), "<html>".to_owned()));
    let error = scene.read_deal(LONG).await.unwrap_err();
    assert!(matches!(error, ApiError::Later { .. }), "{error}");
}

#[tokio::test]
async fn names_that_would_make_another_call_are_refused_unsent() {
    let scene = Scene::start().await;
    for name in ["", ".", ".."] {
        let error = scene.client.record("deals", name, within(LONG)).await.unwrap_err();
        assert!(matches!(error, ApiError::Refused { status: None, .. }), "{error:?}");
    }
    assert!(scene.fake.requests().is_empty());
    let odd = scene.client.record("deals", "../../self?x=1#y", within(LONG)).await;
    assert_eq!(odd, Ok(None), "it is one name, and there is none such");
}

//! No more calls than are allowed, and a pause of all when Attio asks for one.

use std::time::Duration;

use attio_relay::{
    attio::client::ApiError,
    http::fake_attio::{Failure, RetryAfter, Seen, most_at_once, most_in_a_second},
};
use futures_util::future::join_all;

use super::{DEAL, SECOND, Scene, within};

const PATIENCE: Duration = Duration::from_secs(30);

/// From the end of the first request to the beginning of this one.
fn pause_before(requests: &[Seen], seen: &Seen) -> Duration {
    seen.started.saturating_duration_since(requests[0].ended.unwrap())
}

/// One 429 of this form for a read that does not wait; then five reads and a write.
async fn one_read_was_too_much(form: RetryAfter, wait: Duration) -> (Scene, Vec<Seen>) {
    let scene = Scene::start().await;
    scene.fake.fail("GET", DEAL, 1, Failure::Limited(form, wait));
    let refused = scene.read_deal(SECOND / 2).await;
    assert!(matches!(refused, Err(ApiError::Later { after: Some(_), .. })), "{refused:?}");
    let others = join_all((0..5).map(|_| scene.client.objects(within(PATIENCE))));
    let (others, _note) = tokio::join!(others, scene.write_note(PATIENCE));
    assert!(others.iter().all(Result::is_ok));
    let requests = scene.fake.requests();
    (scene, requests)
}

#[tokio::test]
async fn a_429_with_a_date_pauses_every_read_and_no_write() {
    let (scene, requests) = one_read_was_too_much(RetryAfter::Date, 2 * SECOND).await;
    let reads = scene.fake.requests_to("GET", "/v2/objects");
    assert_eq!(reads.len(), 6);
    for read in &reads[1..] {
        let pause = pause_before(&requests, read);
        assert!(pause >= 2 * SECOND && pause < 4 * SECOND, "{pause:?}");
    }
    let writes = scene.fake.requests_to("POST", "/v2/notes");
    assert!(pause_before(&requests, &writes[0]) < SECOND, "the write did not wait");
}

#[tokio::test]
async fn a_429_with_a_date_pauses_every_write_and_no_read() {
    let scene = Scene::start().await;
    scene.fake.fail("POST", "/v2/notes", 1, Failure::Limited(RetryAfter::Date, SECOND));
    let (_note, _deal) = tokio::join!(scene.write_note(PATIENCE), async {
        scene.fake.wait_for_requests("POST", "/v2/notes", 1).await;
        scene.read_deal(PATIENCE).await.unwrap()
    });
    let writes = scene.fake.requests_to("POST", "/v2/notes");
    assert_eq!(writes.len(), 2, "it was not carried out, so it is repeated");
    assert!(pause_before(&writes, &writes[1]) >= SECOND);
    let reads = scene.fake.requests_to("GET", "/v2/objects/deals");
    assert!(pause_before(&writes, &reads[0]) < SECOND / 2);
}

#[tokio::test]
async fn seconds_iso_8601_and_no_date_at_all_pause_everyone_too() {
    let (least, most) = (SECOND, 3 * SECOND);
    for (form, least) in [
        (RetryAfter::Seconds, least),
        (RetryAfter::Iso8601, least),
        (RetryAfter::Missing, SECOND / 2),
    ] {
        let (scene, requests) = one_read_was_too_much(form, SECOND).await;
        for read in &scene.fake.requests_to("GET", "/v2/objects")[1..] {
            let pause = pause_before(&requests, read);
            assert!(pause >= least && pause < most, "{form:?}: {pause:?}");
        }
    }
}

#[tokio::test]
async fn a_call_that_cannot_be_made_in_time_says_at_once_how_long_to_wait() {
    let scene = Scene::start().await;
    scene.fake.fail("GET", DEAL, 1, Failure::Limited(RetryAfter::Date, 60 * SECOND));
    scene.read_deal(SECOND).await.unwrap_err();
    let began = std::time::Instant::now();
    let refused = scene.read_deal(10 * SECOND).await.unwrap_err();
    assert!(began.elapsed() < SECOND, "it did not wait for its deadline");
    let ApiError::Later { after: Some(after), .. } = refused else { panic!("{refused:?}") };
    assert!(after > 55 * SECOND && after <= 61 * SECOND, "{after:?}");
    assert_eq!(scene.fake.requests().len(), 1);
}

#[tokio::test]
async fn a_429_that_asks_for_half_a_day_is_bounded() {
    let scene = Scene::start().await;
    let half_a_day = Duration::from_hours(12);
    scene.fake.fail("GET", DEAL, 1, Failure::Limited(RetryAfter::Seconds, half_a_day));
    let refused = scene.read_deal(SECOND).await.unwrap_err();
    let ApiError::Later { after: Some(after), status: Some(429), .. } = refused else {
        panic!("{refused:?}")
    };
    assert!(after <= Duration::from_secs(301), "{after:?}");
}

#[tokio::test]
async fn nothing_remaining_pauses_until_the_reset() {
    let scene = Scene::start().await;
    scene.fake.set_limits(3, 25);
    scene.fake.send_limit_hints();
    for _ in 0..7 {
        scene.read_deal(PATIENCE).await.unwrap();
    }
    let requests = scene.fake.requests();
    assert_eq!(requests.len(), 7, "no call was too much");
    assert!(requests.iter().all(|seen| seen.status == Some(200)));
}

#[tokio::test]
async fn a_thousand_calls_at_once_never_exceed_the_limit() {
    let scene = Scene::with_rates(200.0, 10.0).await;
    scene.fake.set_limits(200, 10);
    let read = || scene.read_deal(PATIENCE);
    let answers = join_all(std::iter::repeat_with(read).take(1000)).await;
    assert!(answers.iter().all(Result::is_ok));
    let requests = scene.fake.requests();
    assert_eq!(requests.len(), 1000);
    assert!(requests.iter().all(|seen| seen.status == Some(200)));
    assert!(most_in_a_second(&requests) <= 200, "{}", most_in_a_second(&requests));
    assert!(most_at_once(&requests) <= 16, "{}", most_at_once(&requests));
    assert_eq!(scene.metric("attio_relay_attio_requests_total{result=\"ok\"}"), 1000.0);
    assert_eq!(scene.metric("attio_relay_attio_wait_seconds_count"), 1000.0);
    assert!(scene.metric("attio_relay_attio_wait_seconds_sum") > 1.0);
}

#[tokio::test]
async fn writes_that_use_up_their_limit_leave_reads_theirs() {
    let scene = Scene::with_rates(5.0, 5.0).await;
    let write = || scene.write_note(PATIENCE);
    let writes = join_all(std::iter::repeat_with(write).take(20));
    let (_writes, deal) = tokio::join!(writes, scene.read_deal(PATIENCE));
    assert!(deal.unwrap().is_some());
    let requests = scene.fake.requests();
    let place = requests.iter().position(|seen| seen.method == "GET").unwrap();
    assert!(place <= 5, "the read was number {place}");
}

#[tokio::test]
async fn reads_that_use_up_their_limit_leave_writes_theirs() {
    let scene = Scene::with_rates(5.0, 5.0).await;
    let read = || scene.read_deal(PATIENCE);
    let reads = join_all(std::iter::repeat_with(read).take(20));
    let (_reads, _note) = tokio::join!(reads, scene.write_note(PATIENCE));
    let requests = scene.fake.requests();
    let place = requests.iter().position(|seen| seen.method == "POST").unwrap();
    assert!(place <= 5, "the write was number {place}");
}

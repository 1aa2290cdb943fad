//! Who may call, how often, and what fails on request.

use std::time::{Duration, SystemTime};

use attio_relay::http::fake_attio::{Access, DEAL, Failure, RetryAfter, most_at_once};
use serde_json::json;
use tokio::time::timeout;

use crate::support::{client::PATIENCE, fake_attio::TestAttio};

fn deal() -> String {
    format!("/v2/objects/deals/records/{DEAL}")
}

fn task() -> serde_json::Value {
    json!({"data": {
        "content": "Call back", "format": "plaintext", "deadline_at": null, "is_completed": false,
        "linked_records": [], "assignees": [],
    }})
}

#[tokio::test]
async fn a_call_without_the_right_token_is_refused() {
    let attio = TestAttio::start().await;
    for token in [None, Some("another token")] {
        let answer = attio.try_call("GET", &deal(), None, token).await.unwrap();
        assert_eq!(answer.error(), (401, "unauthorized"), "{token:?}");
    }
    attio.revoke_token();
    assert_eq!(attio.get(&deal()).await.status, 401);
}

#[tokio::test]
async fn a_scope_to_read_does_not_let_write() {
    let attio = TestAttio::start().await;
    attio.set_scopes("task:read record_permission:read object_configuration:read");
    attio.get("/v2/tasks").await.ok();
    attio.get(&deal()).await.ok();
    assert_eq!(attio.post("/v2/tasks", &task()).await.status, 403);
    assert_eq!(attio.get(&format!("{}/entries", deal())).await.status, 403);
    attio.set_scopes("task:read-write");
    attio.post("/v2/tasks", &task()).await.ok();
    attio.get("/v2/tasks").await.ok();
    assert_eq!(attio.get(&deal()).await.status, 403);
}

#[tokio::test]
async fn beyond_the_limit_429_names_the_next_second_as_a_date_and_then_lets_in_again() {
    let attio = TestAttio::start().await;
    attio.set_limits(1, 0);
    let refused = loop {
        let answer = attio.get(&deal()).await;
        if answer.status != 200 {
            break answer;
        }
    };
    assert_eq!(refused.error(), (429, "rate_limit_exceeded"));
    let date = |name| httpdate::parse_http_date(refused.header(name).unwrap()).unwrap();
    let wait = date("retry-after").duration_since(date("date")).unwrap();
    assert!(wait <= Duration::from_secs(1), "{wait:?}");
    attio.advance(Duration::from_secs(1));
    attio.get(&deal()).await.ok();
    assert_eq!(
        attio.post("/v2/tasks", &task()).await.status,
        429,
        "writes have a limit of their own"
    );
    assert_eq!(attio.tasks().len(), 1, "what was refused was not carried out");
}

#[tokio::test]
async fn a_429_speaks_in_every_form_that_was_met() {
    let attio = TestAttio::start().await;
    attio.set_limits(0, 0);
    let header = async |form| {
        attio.set_retry_after(form);
        attio.get("/v2/tasks").await.header("retry-after").map(str::to_owned)
    };
    assert!(httpdate::parse_http_date(&header(RetryAfter::Date).await.unwrap()).is_ok());
    assert_eq!(header(RetryAfter::Seconds).await.as_deref(), Some("1"));
    assert!(header(RetryAfter::Iso8601).await.unwrap().ends_with(".000000000Z"));
    assert_eq!(header(RetryAfter::Missing).await, None);
}

#[tokio::test]
async fn a_single_call_can_be_told_to_wait_for_longer() {
    let attio = TestAttio::start().await;
    let wait = Duration::from_secs(30);
    attio.fail("GET", "/v2/tasks", 1, Failure::Limited(RetryAfter::Date, wait));
    let answer = attio.get("/v2/tasks").await;
    let date = httpdate::parse_http_date(answer.header("retry-after").unwrap()).unwrap();
    let wait = date.duration_since(SystemTime::now()).unwrap();
    assert!(wait > Duration::from_secs(25), "{wait:?}");
    attio.get("/v2/tasks").await.ok();
}

#[tokio::test]
async fn hints_of_what_is_left_are_sent_only_when_asked_for() {
    let attio = TestAttio::start().await;
    assert_eq!(attio.get("/v2/tasks").await.header("x-ratelimit-remaining"), None);
    attio.send_limit_hints();
    attio.advance(Duration::from_secs(1));
    let answer = attio.get("/v2/tasks").await;
    assert_eq!(answer.header("x-ratelimit-limit"), Some("100"));
    let left: u32 = answer.header("x-ratelimit-remaining").unwrap().parse().unwrap();
    assert!((98..100).contains(&left), "{left}");
    assert!(answer.header("x-ratelimit-reset").is_some());
}

#[tokio::test]
async fn it_remembers_every_request_by_one_spelling() {
    let attio = TestAttio::start().await;
    let by_id = "/v2/objects/57503590-1092-4cbb-9fc4-f253925f1244/attributes?limit=2";
    attio.get(by_id).await.ok();
    attio.get("/v2/objects/deals/attributes").await.ok();
    attio.post("/v2/tasks", &task()).await.ok();
    let seen = attio.requests_to("GET", "/v2/objects/deals/attributes");
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].query, [("limit".to_owned(), "2".to_owned())]);
    assert_eq!((seen[0].status, seen[0].access), (Some(200), Access::Read));
    let written = &attio.requests_to("*", "/v2/tasks")[0];
    assert_eq!((&written.body, written.access), (&task(), Access::Write));
    assert_eq!(most_at_once(&attio.requests()), 1);
}

#[tokio::test]
async fn what_hangs_is_seen_at_once_and_goes_on_when_healed() {
    let attio = TestAttio::start().await;
    attio.fail("GET", "/v2/tasks", 2, Failure::Hang);
    let both = futures_util::future::join(attio.get("/v2/tasks"), attio.get("/v2/tasks"));
    let look = async {
        attio.until_requested("GET", "/v2/tasks", 2).await;
        assert_eq!(most_at_once(&attio.requests()), 2);
        attio.heal();
    };
    let ((first, second), ()) = futures_util::future::join(both, look).await;
    assert_eq!((first.status, second.status), (200, 200));
    attio.get("/v2/tasks").await.ok();
    assert_eq!(most_at_once(&attio.requests()[2..]), 1);
}

#[tokio::test]
async fn a_cut_connection_carries_out_nothing_or_everything() {
    let attio = TestAttio::start().await;
    let token = attio.token().to_owned();
    for (failure, tasks) in [(Failure::Cut, 1), (Failure::CutAfter, 2)] {
        attio.fail("POST", "/v2/tasks", 1, failure);
        let cut = attio.try_call("POST", "/v2/tasks", Some(&task()), Some(&token)).await;
        assert!(cut.is_err(), "{cut:?}");
        assert_eq!(attio.tasks().len(), tasks);
    }
    assert_eq!(attio.requests()[0].status, None);
}

#[tokio::test]
async fn attio_is_away_until_it_is_healed() {
    let attio = TestAttio::start().await;
    attio.fail_all("*", "/v2/", Failure::Error(503, "unavailable"));
    for path in ["/v2/self", "/v2/tasks", &deal()] {
        assert_eq!(attio.get(path).await.error(), (503, "unavailable"));
    }
    attio.heal();
    attio.get(&deal()).await.ok();
}

#[tokio::test]
async fn any_answer_can_be_ordered() {
    let attio = TestAttio::start().await;
    let headers = vec![("retry-after", "soon".to_owned())];
    attio.fail("GET", "/v2/tasks", 1, Failure::Answer(429, headers, "not json".to_owned()));
    let answer = attio.get("/v2/tasks").await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("soon")));
}

#[tokio::test]
async fn it_is_gone_when_it_is_dropped() {
    let attio = TestAttio::start().await;
    let address = attio.base_url().replace("http://", "");
    drop(attio);
    let gone = async {
        while tokio::net::TcpStream::connect(&address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    assert!(timeout(PATIENCE, gone).await.is_ok());
}

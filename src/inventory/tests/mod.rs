//! Taking stock of a whole configuration.

use time::format_description::well_known::{Iso8601, Rfc3339};

use super::*;
use crate::config::{Outside, parse};

const FILE: &str = r#"
[server]
public_url = "https://relay.example.com"
[store]
url = "env:DATABASE"
[attio]
token = "file:/run/token"
[[sources]]
name = "crm"
path = "/webhooks/attio"
secrets = ["env:NEW", "env:OLD"]
[actions.billing]
kind = "http"
url = "https://billing.example.com:8443/canary?canary=1"
signing_secret = "env:SIGNING"
headers = { Authorization = "env:AUTH", X-Plain = "canary", X-Other = "env:AUTH" }
body = '{"stage": {{ record.stage | tojson }}, "by": {{ actor.name | tojson }}}'
[actions.chat]
kind = "slack"
webhook = "env:HOOK"
text = "{{ event.event_type }}"
[actions.people]
kind = "slack"
token = "env:BOT"
channel = "C1"
text = "x"
[actions.warehouse]
kind = "postgres"
url = "env:DATABASE"
table = "crm.people"
key = ["id"]
columns = { id = "{{ event.id.record_id }}" }
[actions.log]
kind = "log"
[[routes]]
name = "won"
on = ["record.updated"]
object = "deals"
changed = ["stage", "owner"]
when = 'previous.stage != "Won" and record.stage == "Won" and record.value'
to = ["billing", "warehouse"]
owner = "revops@example.com"
purpose = "Start billing"
reviewed = 2026-11-01
[[routes]]
name = "all"
on = ["task.*", "note.created"]
to = ["log", "billing"]
owner = " "
[[routes]]
name = "self"
on = ["list-entry.*"]
list = "33ebdbe9-e529-47c9-b894-0ba25e9c15c0"
ignore_actors = ["self"]
to = ["chat", "people", "log"]
owner = "ops@example.com"
reviewed = 2026-08-23
[alerts]
to = ["people"]
"#;

fn env(name: &str) -> String {
    match name {
        "DATABASE" => "postgres://relay:canary@db.example.com/canary",
        "SIGNING" => "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz",
        "HOOK" => "https://hooks.slack.com/services/canary",
        _ => "canary-0123456789",
    }
    .to_owned()
}

fn stock(activity: Option<&Activity>, today: &str) -> Inventory {
    stock_of(FILE, activity, today)
}

fn stock_of(file: &str, activity: Option<&Activity>, today: &str) -> Inventory {
    let text = file.replace("/run/token", token().path().to_str().unwrap());
    let outside = Outside { env: &|name| Some(env(name)), templates: &|_| Vec::new() };
    let (config, _) = parse(&text, "relay.toml", &outside).unwrap();
    Inventory::new(&config, activity, Date::parse(today, &Iso8601::DATE).unwrap())
}

/// A file that holds a token.
fn token() -> &'static tempfile::NamedTempFile {
    static TOKEN: std::sync::LazyLock<tempfile::NamedTempFile> = std::sync::LazyLock::new(|| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "canary-of-a-token").unwrap();
        file
    });
    &TOKEN
}

fn entry(kind: Kind, name: &str) -> Entry {
    let stock = stock(None, "2026-11-22");
    stock.entries.into_iter().find(|one| one.kind == kind && one.name == name).unwrap()
}

#[test]
fn sources_routes_and_actions_come_in_the_order_of_the_file() {
    let stock = stock(None, "2026-11-22");
    let names: Vec<_> = stock.entries.iter().map(|one| one.name.as_str()).collect();
    let actions = ["billing", "chat", "people", "warehouse", "log"];
    assert_eq!(names[..4], ["crm", "won", "all", "self"]);
    assert_eq!(names[4..], actions);
}

#[test]
fn what_is_read_is_told_down_to_the_attribute() {
    let reads = |kind, name| entry(kind, name).reads.to_string();
    assert_eq!(reads(Kind::Source, "crm"), "messages at /webhooks/attio");
    assert_eq!(
        reads(Kind::Route, "won"),
        "record.updated of object deals when stage or owner changed; \
         looks up record.stage, record.value, previous.stage"
    );
    assert_eq!(reads(Kind::Route, "all"), "task.*, note.created");
    assert_eq!(
        reads(Kind::Action, "billing"),
        "deliveries of won, all; looks up record.stage, actor"
    );
    assert_eq!(reads(Kind::Action, "people"), "deliveries of self; alerts");
}

#[test]
fn where_things_go_is_told_without_paths_queries_and_passwords() {
    let writes = |kind, name| entry(kind, name).writes.join(" + ");
    assert_eq!(writes(Kind::Source, "crm"), "the store, Postgres at db.example.com");
    assert_eq!(writes(Kind::Route, "won"), "action billing + action warehouse");
    assert_eq!(writes(Kind::Action, "billing"), "POST to https://billing.example.com:8443");
    assert_eq!(
        writes(Kind::Action, "chat"),
        "Slack, the webhook's channel at https://hooks.slack.com"
    );
    assert_eq!(writes(Kind::Action, "people"), "Slack, C1 at https://slack.com");
    assert_eq!(
        writes(Kind::Action, "warehouse"),
        "rows of crm.people at db.example.com, one for each id + \
         what was delivered in crm.attio_relay_deliveries at db.example.com"
    );
    assert_eq!(writes(Kind::Action, "log"), "the log of attio-relay");
}

#[test]
fn secrets_are_told_by_their_references_and_never_by_their_values() {
    let file = format!("file:{}", token().path().display());
    let secrets = |kind, name| entry(kind, name).secrets;
    assert_eq!(secrets(Kind::Source, "crm"), ["env:NEW", "env:OLD"]);
    assert_eq!(secrets(Kind::Route, "won"), [file.as_str()]);
    assert_eq!(secrets(Kind::Route, "self"), [file.as_str()], "`self` takes the token");
    assert_eq!(secrets(Kind::Action, "billing"), ["env:SIGNING", "env:AUTH", &file]);
    assert_eq!(secrets(Kind::Action, "chat"), ["env:HOOK"]);
    assert_eq!(secrets(Kind::Action, "warehouse"), ["env:DATABASE"]);
    assert_eq!(secrets(Kind::Action, "log"), [""; 0]);
    assert!(!format!("{:?}", stock(None, "2026-11-22")).contains("canary"));
}

#[test]
fn scopes_are_those_of_the_calls_that_are_made() {
    let scopes = |kind, name| entry(kind, name).scopes;
    assert_eq!(scopes(Kind::Source, "crm"), ["webhook:read"]);
    let of_records = ["object_configuration:read", "record_permission:read"];
    let with_actors = [of_records[0], of_records[1], "user_management:read"];
    assert_eq!(scopes(Kind::Route, "won"), with_actors);
    assert_eq!(scopes(Kind::Action, "billing"), with_actors);
    assert_eq!(scopes(Kind::Route, "self"), [""; 0]);
    assert_eq!(scopes(Kind::Action, "log"), [""; 0]);
}

#[test]
fn what_is_written_to_attio_takes_the_token_and_the_right_to_write() {
    let action = "[actions.back]\nkind = \"attio\"\nwrite = \"update\"\nobject = \"deals\"\n\
                  record = \"{{ record.id }}\"\nvalues = { stage = \"Won\" }\n";
    let file = format!("{FILE}{action}").replace("\"log\", \"billing\"", "\"back\"");
    let stock = stock_of(&file, None, "2026-11-22");
    let back = stock.entries.last().unwrap();
    assert_eq!(back.writes, ["Attio, update of deals: stage"]);
    assert_eq!(back.scopes, ["object_configuration:read", "record_permission:read-write"]);
    assert_eq!(back.secrets, [format!("file:{}", token().path().display())]);
    let all = stock.entries.iter().find(|one| one.name == "all").unwrap();
    assert_eq!(all.scopes, back.scopes, "a route needs what its actions need");
}

#[test]
fn a_route_without_owner_or_with_an_old_review_or_none_is_found() {
    let found = |today| {
        let stock = stock(None, today);
        let told = stock.findings().map(|(entry, what)| format!("{} {what}", entry.name));
        told.collect::<Vec<_>>()
    };
    let always = ["all has no owner", "all was never reviewed"];
    assert_eq!(found("2026-11-21"), always);
    let overdue = "self was reviewed on 2026-08-23, and again due on 2026-11-21: 1 day overdue";
    assert_eq!(found("2026-11-22"), [always[0], always[1], overdue]);
}

#[test]
fn an_action_belongs_to_whoever_answers_for_its_routes() {
    let owner = |name| entry(Kind::Action, name).owner;
    assert_eq!(owner("billing").as_deref(), Some("revops@example.com"));
    assert_eq!(owner("chat").as_deref(), Some("ops@example.com"));
}

fn moment(second: i64) -> OffsetDateTime {
    let start = OffsetDateTime::parse("2026-11-20T08:00:00Z", &Rfc3339).unwrap();
    start + time::Duration::seconds(second)
}

fn deliveries(route: &str, action: &str, succeeded: u64, second: i64) -> RouteActivity {
    RouteActivity {
        route: route.to_owned(),
        action: action.to_owned(),
        succeeded,
        open: 1,
        last_success: Some(moment(second)),
        last_failure: None,
        ..RouteActivity::default()
    }
}

#[test]
fn figures_are_summed_for_routes_over_actions_and_for_actions_over_routes() {
    let of_crm = SourceActivity { source: "crm".to_owned(), accepted: 9, ..Default::default() };
    let activity = Activity {
        sources: vec![of_crm.clone()],
        deliveries: vec![
            deliveries("won", "billing", 3, 1),
            deliveries("won", "warehouse", 4, 0),
            deliveries("all", "billing", 5, 2),
            deliveries("removed", "billing", 6, 0),
        ],
    };
    let stock = stock(Some(&activity), "2026-11-22");
    let figures = |kind, name: &str| {
        let one = stock.entries.iter().find(|one| one.kind == kind && one.name == name).unwrap();
        one.figures.clone().unwrap()
    };
    assert_eq!(figures(Kind::Source, "crm"), Figures::Messages(of_crm));
    let summed = |kind, name| match figures(kind, name) {
        Figures::Deliveries(of) => (of.succeeded, of.open, of.last_success),
        Figures::Messages(_) => panic!("messages of a {name}"),
    };
    assert_eq!(summed(Kind::Route, "won"), (7, 2, Some(moment(1))));
    assert_eq!(summed(Kind::Action, "billing"), (14, 3, Some(moment(2))));
    assert_eq!(summed(Kind::Action, "log"), (0, 0, None));
    assert!(entry(Kind::Action, "log").figures.is_none(), "not zero when nobody was asked");
}

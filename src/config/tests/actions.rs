//! `[actions.NAME]`.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::*;

#[track_caller]
fn http(keys: &str, message: &str) {
    one_problem(&action(&format!("kind = \"http\"\nurl = \"https://a.b/\"\n{keys}")), message);
}

#[track_caller]
fn slack(keys: &str, message: &str) {
    one_problem(&action(&format!("kind = \"slack\"\ntext = \"x\"\n{keys}")), message);
}

#[track_caller]
fn postgres(keys: &str, message: &str) {
    one_problem(&action(&format!("kind = \"postgres\"\n{keys}")), message);
}

#[test]
fn an_action_has_all_defaults() {
    let config = right(&action("kind = \"http\"\nurl = \"https://example.com/\""));
    let action = &config.actions[0];
    assert_eq!(action.timeout, Duration::from_secs(10));
    assert_eq!(action.concurrency, 8);
    assert!(action.rate.is_none());
    let (first, max) = (Duration::from_secs(2), Duration::from_hours(1));
    assert_eq!(action.retry, Retry { attempts: 15, first, factor: 2.0, max });
    let ActionKind::Http(http) = &action.kind else { panic!("{action:?}") };
    assert_eq!(http.method, "POST");
    assert!(!http.allow_private && http.headers.is_empty() && http.signing_secret.is_none());
}

#[test]
fn an_action_comes_out_as_it_is_meant() {
    let config = right(&action(
        "kind = \"log\"\ntext = \"x\"\ntimeout = \"5m\"\nconcurrency = 32\nrate = \"30/m\"\n\
         retry = { attempts = 1, first = \"1ms\", factor = 3, max = \"1s\" }",
    ));
    let action = &config.actions[0];
    assert_eq!((action.timeout, action.concurrency), (Duration::from_mins(5), 32));
    assert_eq!(action.rate, Some(Rate { per_second: 0.5 }));
    let (first, max) = (Duration::from_millis(1), Duration::from_secs(1));
    assert_eq!(action.retry, Retry { attempts: 1, first, factor: 3.0, max });
}

#[test]
fn limits_of_an_action_are_kept() {
    http("timeout = \"301s\"", "at most 5m");
    http("timeout = \"0s\"", "must be above zero");
    http("concurrency = 33", "at most 32: half of worker.concurrency (64)");
    http("rate = \"0/s\"", "must be above zero");
    http("retry = { attempts = 0 }", "a whole number above zero");
    http("retry = { factor = 0.5 }", "must be 1 or more");
    http("retry = { first = \"2h\" }", "`first` may not be longer than `max`");
    http("method = \"GET\"", "expected one of `POST`");
}

#[test]
fn the_default_concurrency_never_exceeds_half_of_the_worker() {
    for (worker, expected) in [(64, 8), (6, 3), (1, 1)] {
        let text = route("on = [\"*\"]") + &format!("[worker]\nconcurrency = {worker}");
        assert_eq!(right(&text).actions[0].concurrency, expected);
    }
    let one = "kind = \"log\"\nconcurrency = 1\n[worker]\nconcurrency = 1";
    assert_eq!(right(&action(one)).actions[0].concurrency, 1);
}

#[test]
fn headers_hold_no_secret_in_clear_and_none_of_ours() {
    for name in ["Authorization", "Cookie", "X-Api-Key", "X-Auth-Token", "my-secret"] {
        http(&format!("headers = {{ {name} = \"x\" }}"), "carries a secret");
    }
    for name in ["Host", "Content-Length", "Idempotency-Key", "webhook-signature"] {
        http(&format!("headers = {{ {name} = \"x\" }}"), "the relay itself sets");
    }
    http("headers = { \"a b\" = \"x\" }", "is no name of a header");
    http("headers = { A = \"x\\ny\" }", "no header can carry");
    http("headers = { A = \"x\", a = \"y\" }", "stands here twice");
    http("headers = { A = 1 }", "must be a string");
}

#[test]
fn headers_come_out_as_they_are_meant() {
    let keys = "kind = \"http\"\nurl = \"https://a.b/\"\nsigning_secret = \"env:SIGNING_KEY\"\n\
                headers = { Authorization = \"env:AUTH\", X-Team = \"revops\" }";
    let config = right(&action(keys));
    let ActionKind::Http(http) = &config.actions[0].kind else { panic!("{config:?}") };
    let shown = |(name, value): &(String, secrecy::SecretString)| {
        format!("{name}: {}", value.expose_secret())
    };
    let headers: Vec<_> = http.headers.iter().map(shown).collect();
    assert_eq!(headers, ["Authorization: 0123456789abcdef", "X-Team: revops"]);
    assert_eq!(http.signing_secret.as_ref().unwrap().0.expose_secret().len(), 24);
}

#[test]
fn an_address_and_a_signing_secret_must_be_right() {
    http("signing_secret = \"env:A\"", "starts with `whsec_`");
    one_problem(&action("kind = \"http\""), "`url` is missing");
    one_problem(&action("kind = \"http\"\nurl = \"ftp://a\""), "https://");
}

#[test]
fn slack_is_reached_in_exactly_one_way() {
    slack("", "a way to reach Slack is missing");
    slack("webhook = \"env:SLACK_WEBHOOK\"\ntoken = \"env:A\"", "not both");
    slack("token = \"env:A\"", "needs a `channel` or a `user`");
    slack("token = \"env:A\"\nchannel = \"C\"\nuser = \"U\"", "not both");
    slack("webhook = \"env:SLACK_WEBHOOK\"\nchannel = \"C\"", "goes with `token`");
    slack("webhook = \"env:A\"", "does not lead to an address");
}

#[test]
fn a_slack_api_keeps_its_path() {
    let keys = "kind = \"slack\"\ntext = \"x\"\ntoken = \"env:A\"\nuser = \"U1\"\n\
                base_url = \"http://127.0.0.1:1/api\"";
    let config = right(&action(keys));
    let ActionKind::Slack(slack) = &config.actions[0].kind else { panic!("{config:?}") };
    let SlackTarget::Post { channel, base_url, .. } = &slack.target else { panic!("{slack:?}") };
    assert_eq!((channel.as_str(), base_url.as_str()), ("U1", "http://127.0.0.1:1/api/"));
}

const WAREHOUSE: &str = "kind = \"postgres\"\nurl = \"env:WAREHOUSE_URL\"\n\
                         columns = { id = \"{{ id }}\", mail = \"x\" }\n";

#[test]
fn a_warehouse_comes_out_as_it_is_meant() {
    let of = |keys: &str| {
        let config = right(&action(&format!("{WAREHOUSE}{keys}")));
        let ActionKind::Postgres(postgres) = &config.actions[0].kind else { panic!("{config:?}") };
        postgres.clone()
    };
    let short = of("table = \"people\"");
    assert_eq!(short.url.expose_secret(), "postgres://relay:password@db/relay");
    assert_eq!(short.table.to_string(), "public.people");
    assert_eq!(short.deliveries.to_string(), "public.attio_relay_deliveries");
    assert!(short.key.is_empty());
    let columns = [("id", "{{ id }}"), ("mail", "x")];
    assert_eq!(short.columns, columns.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let long = of("table = \"crm.Our people\"\nkey = [\"id\"]\ndeliveries = \"relay.notes\"");
    assert_eq!((long.table.schema.as_str(), long.table.name.as_str()), ("crm", "Our people"));
    assert_eq!((long.key, long.deliveries.to_string()), (vec!["id".into()], "relay.notes".into()));
    assert_eq!(of("table = \"crm.people\"").deliveries.to_string(), "crm.attio_relay_deliveries");
}

#[test]
fn a_warehouse_needs_an_address_behind_a_reference_a_table_and_columns() {
    let (url, table) = ("url = \"env:WAREHOUSE_URL\"\n", "table = \"people\"\n");
    let columns = "columns = { id = \"x\" }\n";
    postgres(&format!("{table}{columns}"), "`url` is missing");
    postgres(&format!("{url}{columns}"), "`table` is missing");
    postgres(&format!("{url}{table}"), "`columns` is missing");
    postgres(&format!("{url}{table}columns = {{}}"), "at least one column is needed");
    postgres(&format!("{url}{table}columns = {{ id = 1 }}"), "expected a string");
    postgres(&format!("url = \"env:A\"\n{table}{columns}"), "starts with postgres://");
    let misspelt =
        action(&format!("kind = \"postgres\"\nurl = \"env:MISSPELT_URL\"\n{table}{columns}"));
    one_problem(&misspelt, "a parameter `passwort` that is not known; did you mean `password`?");
    assert!(!wrong(&misspelt)[0].contains("canary"));
    let clear = "url = \"postgres://relay:canary@db/relay\"\n";
    postgres(&format!("{clear}{table}{columns}"), "may not stand in the file");
}

#[test]
fn names_in_a_warehouse_are_names_and_its_key_is_made_of_columns() {
    let with =
        |keys: &str, message: &str| one_problem(&action(&format!("{WAREHOUSE}{keys}")), message);
    with("table = \"{{ event.event_type }}\"", "never a template");
    for table in ["", "a.b.c", ".a", "a.", " a", "\\\"a\\\"", &"a".repeat(64)] {
        with(&format!("table = \"{table}\""), "expected `schema.table` or `table`");
    }
    with("table = \"people\"\nkey = [\"mial\"]", "(did you mean `mail`?)");
    with("table = \"people\"\nkey = [\"id\", \"id\"]", "stands here twice");
    with("table = \"people\"\ndeliveries = \"public.people\"", "need a table each");
    let columns = action(
        "kind = \"postgres\"\nurl = \"env:WAREHOUSE_URL\"\ntable = \"people\"\n\
                          columns = { \"\" = \"x\" }",
    );
    one_problem(&columns, "a column's name has");
}

#[test]
fn a_kind_of_action_must_be_one_we_have() {
    one_problem(&action("kind = \"htpp\""), "did you mean `http`?");
    one_problem(&action("kind = \"kafka\""), "not in this version yet");
    one_problem(&action("kind = \"postgress\""), "did you mean `postgres`?");
    one_problem(&action("url = \"x\""), "needs a `kind`");
}

#[test]
fn an_action_that_nothing_leads_to_is_a_warning() {
    let message = "Warning 1:1 no route leads to the action `idle`";
    one("[actions.idle]\nkind = \"log\"", message);
}

#[test]
fn a_wrong_template_is_reported_at_its_key() {
    let templates = |_: &Action| vec![("text", "no such name".to_owned())];
    let text = action("kind = \"log\"\ntext = \"{{ x }}\"");
    let outside = Outside { env: &env, templates: &templates };
    let problems = parse(&text, "relay.toml", &outside).unwrap_err();
    assert!(problems.to_string().contains("relay.toml:3:8\n"), "{problems}");
}

#[test]
fn actions_keep_the_order_of_the_file() {
    let config = right(&(route("on = [\"*\"]") + "[actions.a]\nkind = \"log\"\n"));
    let names: Vec<_> = config.actions.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["log", "a"]);
}

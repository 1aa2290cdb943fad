//! The sections that are no actions and no routes.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::*;

#[test]
fn a_file_with_one_source_has_all_defaults() {
    let config = right(&with(""));
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.admin_listen.to_string(), "127.0.0.1:9090");
    assert_eq!(config.server.body_limit, 1 << 20);
    assert_eq!(config.server.body_memory, 64 << 20);
    assert_eq!(config.server.ack_timeout, Duration::from_secs(3));
    assert_eq!(config.server.drain_delay, Duration::from_secs(10));
    assert_eq!(config.server.max_connections, 8_192);
    assert_eq!(config.store.url.expose_secret(), "sqlite:attio-relay.db");
    assert_eq!(config.store.dedup_window, Duration::from_hours(30 * 24));
    assert_eq!(config.store.retention, Duration::from_hours(30 * 24));
    assert!(config.store.migrate && !config.store.allow_fsync_off);
    assert_eq!(config.worker.concurrency, 64);
    assert_eq!(config.alerts.after_failures, 5);
    assert!(config.attio.is_none() && config.server.tls.is_none());
    assert!(config.sources[0].keep_values && config.reconcile.is_none());
}

#[test]
fn attio_has_all_defaults() {
    let attio = right(&with("[attio]\ntoken = \"env:ATTIO_API_TOKEN\"")).attio.unwrap();
    assert_eq!(attio.base_url.as_str(), "https://api.attio.com/");
    assert_eq!(attio.reads, Rate { per_second: 40.0 });
    assert_eq!(attio.writes, Rate { per_second: 10.0 });
}

#[test]
fn without_a_source_nothing_could_be_received() {
    one_problem("", "Error 1:1 no source is configured");
    one_problem("sources = []", "Error 1:11 no source is configured");
}

#[test]
fn without_a_route_there_is_a_warning() {
    let (_, warnings) = read(&with("")).unwrap();
    assert_eq!(warnings.len(), 1);
    assert!(warnings.to_string().contains("no route is configured"));
}

#[test]
fn the_listeners_may_not_be_one_address() {
    for listen in ["127.0.0.1:9090", "0.0.0.0:9090"] {
        one(&format!("[server]\nlisten = \"{listen}\""), "are one address");
    }
    right(&with("[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\""));
}

#[test]
fn limits_of_the_server_are_kept() {
    one("[server]\nack_timeout = \"3501ms\"", "2:15 at most 3500ms");
    one("[server]\nack_timeout = \"0s\"", "must be above zero");
    one("[server]\ndrain_delay = \"21s\"", "at most 20s");
    one("[server]\nmax_connections = 0", "a whole number above zero");
    one("[server]\nbody_limit = \"65MiB\"", "`body_memory` must hold one body");
    one("[server]\nlisten = \"localhost:80\"", "127.0.0.1:80");
    assert!(right(&with("[server]\ndrain_delay = \"0s\"")).server.drain_delay.is_zero());
}

#[test]
fn a_token_that_is_short_is_a_warning_which_does_not_show_it() {
    let found = wrong(&with("[server]\nadmin_token = \"env:SHORT\""));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("Warning 2:15 the token has fewer than 16 characters"),
        "{found:?}"
    );
    assert!(found[0].contains("openssl rand") && !found[0].contains("short"), "{found:?}");
    let long = right(&with("[server]\nadmin_token = \"env:ADMIN\"")).server.admin_token.unwrap();
    assert_eq!(
        (long.expose_secret().len(), wrong(&with("[server]\nadmin_token = \"env:A\""))),
        (16, vec![])
    );
}

#[test]
fn files_of_tls_must_be_there() {
    one("[server]\ntls = { cert = \"/nowhere\", key = \"/dev/null\" }", "cannot be read");
    one("[server]\ntls = { cert = \"/dev/null\" }", "`key` is missing");
    let config = right(&with("[server]\ntls = { cert = \"/dev/null\", key = \"/dev/null\" }"));
    assert_eq!(config.server.tls.unwrap().cert, Path::new("/dev/null"));
}

#[test]
fn limits_of_the_store_are_kept() {
    one("[store]\ndedup_window = \"95h\"", "at least 4d");
    one("[store]\nretention = \"0s\"", "must be above zero");
    one("[store]\nurl = \"mysql://db\"", "expected sqlite:PATH or postgres://");
    one("[store]\nurl = \"env:ATTIO_WEBHOOK_SECRET\"", "expected sqlite:PATH or postgres://");
    let config = right(&with("[store]\nurl = \"env:DATABASE_URL\""));
    assert_eq!(config.store.url.expose_secret(), "postgres://relay:password@db/relay");
}

#[test]
fn two_sources_cannot_share_a_path_or_a_name() {
    let both = |name, path| {
        let second = format!("[[sources]]\nname = \"{name}\"\npath = \"{path}\"\n");
        with("") + &second + "secrets = [\"env:B\"]\n"
    };
    one_problem(&both("b", "/webhooks/attio"), "8:8 two sources with the path");
    one_problem(&both("crm", "/b"), "7:8 two sources with the name `crm`");
    right(&both("b", "/b"));
}

#[test]
fn a_path_starts_with_a_slash_and_is_free() {
    let path = |path| with("").replace("/webhooks/attio", path);
    one_problem(&path("hooks"), "starts with `/`");
    one_problem(&path("/healthz"), "health checks");
    one_problem(&path("/readyz"), "health checks");
    one_problem(&path("/a?b=c"), "a path is plain");
}

#[test]
fn a_name_is_plain() {
    for name in ["", "a b", "a/b", "é"] {
        one_problem(&with("").replace("\"crm\"", &format!("\"{name}\"")), "a name has 1 to 64");
    }
}

#[test]
fn a_source_can_forget_what_is_looked_up_for_it() {
    let source = right(&(with("") + "keep_values = false\n")).sources.remove(0);
    assert!(!source.keep_values);
}

/// With access to Attio, a route that asks for it, and these keys in `[reconcile]`.
fn reconcile(keys: &str) -> String {
    route("on = [\"record.*\"]\nreconcile = true")
        + "[attio]\ntoken = \"env:ATTIO_API_TOKEN\"\n[reconcile]\n"
        + keys
}

#[test]
fn reconcile_runs_daily_over_two_days_unless_told_otherwise() {
    let hours = |keys: &str| {
        let found = right(&reconcile(keys)).reconcile.unwrap();
        (found.every.as_secs() / 3600, found.window.as_secs() / 3600)
    };
    assert_eq!(hours(""), (24, 48));
    assert_eq!(hours("every = \"1h\""), (1, 2));
    assert_eq!(hours("every = \"6h\"\nwindow = \"6h\""), (6, 6));
}

#[test]
fn reconcile_leaves_no_gap_and_asks_attio_for_somebody() {
    one_problem(&reconcile("every = \"59m\""), "at least 1h");
    one_problem(&reconcile("every = \"2h\"\nwindow = \"1h\""), "at least as long as `every`");
    let nobody = reconcile("").replace("reconcile = true", "");
    one_problem(&nobody, "Warning 15:1 no route wants what is found");
    let blind = wrong(&reconcile("").replace("[attio]\ntoken = \"env:ATTIO_API_TOKEN\"\n", ""));
    assert!(blind.len() == 2 && blind.iter().all(|one| one.contains("takes an `[attio]` section")));
}

#[test]
fn rates_beyond_what_attio_allows_are_a_warning() {
    one("[attio]\ntoken = \"env:A\"\nwrites = \"26/s\"", "Warning 3:10 Attio allows 25");
    one("[attio]\nreads = \"1/s\"", "`token` is missing");
}

#[test]
fn alerts_go_to_actions_that_are_there() {
    one("[alerts]\nto = [\"ops\"]", "there is no action `ops`");
    let used = with("[alerts]\nto = [\"ops\"]\n[actions.ops]\nkind = \"log\"");
    assert_eq!(wrong(&used), Vec::<String>::new());
}

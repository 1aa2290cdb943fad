//! From text to problems, each at its place.

use super::*;

#[test]
fn all_problems_come_at_once_and_in_order() {
    let found = wrong(
        "[server]\nlissten = \"x\"\nack_timeout = 5\n[[sources]]\nname = 5\npath = \"x\"\n\
         secrets = [\"env:UNSET\"]\n[actions.a]\nkind = \"log\"\nretry = { atempts = 1 }\n\
         [[routes]]\nname = \"r\"\non = [\"*\"]\nto = [\"b\"]\n",
    );
    let places: Vec<_> = found.iter().map(|one| one.split(' ').nth(1).unwrap()).collect();
    assert_eq!(places, ["2:1", "3:15", "5:8", "6:8", "7:12", "8:1", "10:11", "14:7"]);
}

#[test]
fn an_unknown_key_is_an_error_with_a_suggestion_at_every_level() {
    one("severs = 1", "unknown key `severs` (did you mean `server`?)");
    one("[store]\nurll = 1", "did you mean `url`?");
    one("[server]\ntls = { cert = \"/dev/null\", key = \"/dev/null\", kay = 1 }", "mean `key`?");
    one_problem(&action("kind = \"log\"\nkid = 1"), "did you mean `kind`?");
    one_problem(&action("kind = \"log\"\nretry = { frist = \"1s\" }"), "did you mean `first`?");
    one_problem(&route("on = [\"*\"]\nownr = \"x\""), "did you mean `owner`?");
}

#[test]
fn a_wrong_kind_of_value_is_said_in_words_of_toml() {
    one("[store]\nmigrate = \"yes\"", "expected a boolean");
    one("[server]\nbody_limit = 5", "expected a size such as \"1MiB\"");
    one("server = 5", "must be a table");
    one("routes = 5", "must be a list of tables (write `[[routes]]`)");
    one("[alerts]\nto = \"ops\"", "expected a list");
    one_problem(&route("on = [\"*\"]\nreviewed = \"soon\""), "a date such as 2026-11-01");
}

#[test]
fn a_value_in_a_list_is_pointed_at() {
    one_problem(&route("on = [\"*\", 5]"), "6:12 on: invalid type: integer `5`");
}

#[test]
fn a_file_that_is_not_there_is_reported() {
    let outside = Outside { env: &env, templates: &|_| Vec::new() };
    let problems = load(Path::new("/nowhere/relay.toml"), &outside).unwrap_err();
    assert!(problems.to_string().contains("cannot read the configuration /nowhere/relay.toml"));
    assert!(problems.to_string().contains("--config"));
}

#[test]
fn broken_syntax_still_shows_what_is_known() {
    let shown = read("[actions.billing\ntimeout = 10 s\n").unwrap_err().to_string();
    assert!(shown.contains("1 | [actions.billing\n"), "{shown}");
    let shown = read("[store]\nurl = = 1\n").unwrap_err().to_string();
    assert!(shown.contains("2 | url = = *\n"), "{shown}");
}

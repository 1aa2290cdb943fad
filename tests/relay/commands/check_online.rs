//! `check --online`: what the configuration asks of Attio, the store and the destinations, and
//! whether it is there.

use attio_relay::http::fake_attio::{Failure, TOKEN};

use super::{
    program::{Folder, Run, Server},
    small,
};
use crate::support::{
    app::eventually, cluster::Cluster, database::TestDatabase, fake_attio::TestAttio,
};

/// A route whose every name is there.
const RIGHT: &str = r#"
[[routes]]
name = "won"
on = ["record.updated"]
object = "deals"
changed = ["stage", "legacy_tier"]
when = 'previous.stage != "Lost" and record.stage in ["Won 🎉"] and record.url and actor.name'
to = ["log"]
"#;

/// A configuration beside a fake Attio.
fn folder(attio: &TestAttio, more: &str) -> Folder {
    let url = attio.base_url();
    let attio = format!("[attio]\ntoken = \"env:TOKEN\"\nbase_url = \"{url}\"\n");
    small(&format!("{attio}{more}")).env("TOKEN", TOKEN)
}

fn check(folder: &Folder) -> Run {
    let run = folder.run(&["check", "--online"]);
    assert!(!run.out.contains(TOKEN) && !run.err.contains(TOKEN), "{run}");
    run
}

/// What is wrong, a line each, without its place.
fn problems(run: &Run) -> Vec<&str> {
    let is_problem = |line: &&str| line.starts_with("error: ") || line.starts_with("warning: ");
    run.err.lines().filter(is_problem).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_fits_is_right_and_whose_token_it_is_is_told() {
    let attio = TestAttio::start().await;
    let run = check(&folder(&attio, RIGHT));
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{run}");
    assert!(run.out.contains("Attio: the token is of the workspace \""), "{run}");
    let scopes = "object_configuration:read, record_permission:read, user_management:read\n";
    assert!(run.out.contains(&format!("scopes that are needed: {scopes}")), "{run}");
    assert!(run.out.contains("store ok: 1 migration to apply"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_name_that_is_not_there_is_told_at_once_with_its_place_and_what_was_meant() {
    let attio = TestAttio::start().await;
    let wrong = r#"
[actions.words]
kind = "log"
text = """
Deal {{ record.nmae }}
of {{ entry.anything }}"""
[[routes]]
name = "one"
on = ["record.updated"]
object = "deal"
to = ["log"]
[[routes]]
name = "two"
on = ["list-entry.*"]
list = "sales-pipeline"
to = ["log"]
[[routes]]
name = "three"
on = ["record.updated"]
object = "deals"
changed = ["stage", "stagge"]
when = 'record.stag == "Won" and record.stage == "Won"'
to = ["words"]
[[routes]]
name = "four"
on = ["list-entry.updated"]
list = "sales_pipeline"
changed = ["amont"]
when = 'entry.sage == 1 and record.nam and previous.duo_on and entry.parent'
to = ["log"]
"#;
    let run = check(&folder(&attio, wrong));
    assert_eq!(run.code, 64, "{run}");
    let expected = [
        "error: the object `deals` has no attribute `nmae`, which a template of `words`, for the \
         route `three` names",
        "error: the workspace has no object with the slug `deal`",
        "error: the workspace has no list with the slug `sales-pipeline`",
        "error: the object `deals` has no attribute `stagge`, which `changed` of the route `three` \
         names",
        "error: the object `deals` has no attribute `stag`, which the condition of the route \
         `three` names",
        "warning: `stage` has no status \"Won\"",
        "error: the list `sales_pipeline` has no attribute `amont`, which `changed` of the route \
         `four` names",
        "error: the list `sales_pipeline` has no attribute `sage`, which the condition of the \
         route `four` names",
        "error: the object `deals` has no attribute `nam`, which the condition of the route `four` \
         names",
        "error: the list `sales_pipeline` has no attribute `duo_on`, which the condition of the \
         route `four` names",
    ];
    assert_eq!(problems(&run), expected, "{run}");
    for meant in ["name", "deals", "sales_pipeline", "stage", "amount", "due_on", "Won 🎉"] {
        assert!(run.err.contains(&format!("did you mean `{meant}`?")), "{meant} {run}");
    }
    let caret = "40 | when = 'record.stag == \"Won\" and record.stage == \"Won\"'\n   \
                 |         ^^^^^^^^^^^\n";
    assert!(run.err.contains(caret), "{run}");
    assert!(run.err.contains("| Deal {{ record.nmae }}\n   |         ^^^^^^^^^^^\n"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_that_the_token_lacks_are_told_with_what_they_are_for() {
    let attio = TestAttio::start().await;
    attio.set_scopes("object_configuration:read-write user_management:read");
    let run = check(&folder(&attio, RIGHT));
    assert_eq!(run.code, 64, "{run}");
    assert_eq!(problems(&run), ["error: the token lacks the scope `record_permission:read`"]);
    assert!(run.err.contains("relay.toml:17:9") && run.err.contains("route `won`"), "{run}");
    attio.set_scopes("record_permission:read");
    let run = check(&folder(&attio, &RIGHT.replace("stage", "stagge")));
    let lacks = ["object_configuration:read", "user_management:read"];
    let lacks = lacks.map(|scope| format!("error: the token lacks the scope `{scope}`"));
    assert_eq!(problems(&run), lacks, "names that cannot be asked for are not judged: {run}");
    assert!(
        run.out.contains("not checked: names of objects, which the token may not see"),
        "{run}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_attio_does_not_take_is_a_problem_of_the_configuration() {
    let attio = TestAttio::start().await;
    let refused = "error: Attio does not take the token: ";
    let unknown = folder(&attio, RIGHT).env("TOKEN", "canary-of-another-token");
    attio.revoke_token();
    for folder in [folder(&attio, RIGHT), unknown] {
        let run = check(&folder);
        assert_eq!(run.code, 64, "{run}");
        assert!(problems(&run)[0].starts_with(refused) && !run.err.contains("canary"), "{run}");
        assert!(run.out.contains("store ok: "), "all the same: {run}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_is_said_and_no_fault_of_the_configuration() {
    let attio = TestAttio::start().await;
    attio.fail_all("GET", "/v2/objects", Failure::Error(503, "unavailable"));
    let more = "[store]\nurl = \"env:STORE\"\n\
                [actions.warehouse]\nkind = \"postgres\"\nurl = \"env:WAREHOUSE\"\n\
                table = \"people\"\ncolumns = { type = \"{{ event.event_type }}\" }\n\
                [[routes]]\nname = \"rows\"\non = [\"*\"]\nto = [\"warehouse\"]\n";
    let folder = folder(&attio, &format!("{more}{RIGHT}"))
        .env("STORE", "postgres://relay:canary-1@127.0.0.1:1/relay")
        .env("WAREHOUSE", "postgres://relay:canary-2@127.0.0.1:1/crm");
    let run = check(&folder);
    assert_eq!(run.code, 1, "{run}");
    let [attio, store, warehouse] = &problems(&run)[..] else { panic!("{run}") };
    assert!(attio.starts_with("error: Attio cannot be asked: Attio answered 503"), "{run}");
    assert!(store.starts_with("error: the store is away"), "{run}");
    assert!(warehouse.starts_with("error: the destination `warehouse`: "), "{run}");
    assert!(!run.err.contains("canary"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_attio_it_is_not_asked_and_the_rest_is() {
    let run = small("").run(&["check", "--online"]);
    assert_eq!(run.code, 0, "{run}");
    assert!(run.out.contains("Attio: not asked") && run.out.contains("store ok"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_keep_its_word_is_told_and_nothing_is_made_there() {
    let cluster = Cluster::start_with("fsync = off\nfull_page_writes = off");
    let store = |more| small(&format!("[store]\nurl = \"{}\"\n{more}", cluster.url()));
    let run = store("").run(&["check", "--online"]);
    assert!(run.code == 1 && problems(&run)[0].contains("fsync = off"), "{run}");
    let run = store("allow_fsync_off = true\n").run(&["check", "--online"]);
    assert!(
        run.code == 0 && run.out.contains("note: Postgres runs with full_page_writes"),
        "{run}"
    );
    let table = "SELECT 1 / (to_regclass('messages') IS NULL)::integer";
    cluster.run(table).await;
}

#[test]
fn a_template_that_asks_for_values_needs_attio() {
    let action = "[actions.words]\nkind = \"log\"\ntext = \"{{ record.name }}\"\n";
    let unreached = small(action).run(&["check"]);
    assert_eq!(unreached.code, 0, "{unreached}");
    let route = "[[routes]]\nname = \"r\"\non = [\"*\"]\nto = [\"words\"]\n";
    let run = small(&format!("{action}{route}")).run(&["check"]);
    assert_eq!(run.code, 64, "{run}");
    assert!(run.err.contains("the template asks for values that are looked up"), "{run}");
    assert!(run.err.contains("relay.toml:18:8") && run.err.contains("add `[attio]`"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_says_which_attributes_are_not_there_once_names_are_learnt() {
    let attio = TestAttio::start().await;
    let database = TestDatabase::sqlite();
    let store = format!("[store]\nurl = \"{}\"\n", database.url());
    let wrong = RIGHT.replace("record.stage", "record.stagge");
    let server = Server::start(folder(&attio, &format!("{store}{wrong}")));
    let kept = async || database.number("SELECT count(*) FROM catalogs").await == 1;
    eventually("names are kept", kept).await;
    let (_folder, ended) = server.stop();
    assert_eq!(ended.code, 0, "{ended}");
    let said = "the object `deals` has no attribute `stagge`, which the condition of the route \
                `won` names";
    let lines: Vec<_> = ended.err.lines().filter(|line| line.contains(said)).collect();
    assert!(lines.len() == 1 && lines[0].contains("\"level\":\"ERROR\""), "{ended}");
}

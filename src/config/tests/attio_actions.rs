//! `kind = "attio"`, and routes that it would send round in circles.

use serde_json::json;

use super::*;

const SECTION: &str = "[attio]\ntoken = \"env:ATTIO_API_TOKEN\"\n";

/// A file with one action that writes to Attio, and a route for it that has these keys.
fn writing(keys: &str, on: &str) -> String {
    let action = format!("kind = \"attio\"\n{keys}");
    route(on).replace("kind = \"log\"", &action) + SECTION
}

fn written(keys: &str) -> AttioAction {
    let config = right(&writing(keys, "on = [\"task.*\"]\nallow_loop = true"));
    let ActionKind::Attio(action) = &config.actions[0].kind else { panic!("{config:?}") };
    action.clone()
}

#[track_caller]
fn refused(keys: &str, message: &str) {
    one_problem(&writing(keys, "on = [\"*\"]\nignore_actors = [\"self\"]"), message);
}

#[track_caller]
fn comes_back(keys: &str, on: &str, event: Option<&str>) {
    let found = wrong(&writing(keys, on));
    match event {
        None => assert!(found.is_empty(), "{found:#?}"),
        Some(event) => {
            let said = format!("comes back to it as `{event}`");
            assert!(found.len() == 1 && found[0].contains(&said), "{found:#?}");
            assert!(found[0].starts_with("Warning") && found[0].contains("allow_loop"));
        }
    }
}

#[test]
fn a_record_is_found_by_its_natural_key_unless_told_otherwise() {
    for (keys, expected) in [
        ("object = \"people\"\nvalues = { email_addresses = \"x\" }", "email_addresses"),
        ("object = \"companies\"\nvalues = { domains = \"x\" }", "domains"),
        ("object = \"companies\"\nmatch = \"vat\"\nvalues = { vat = \"x\" }", "vat"),
        ("object = \"deals\"\nmatch = \"number\"\nvalues = { number = 1 }", "number"),
    ] {
        let AttioWrite::Record { matching, .. } =
            written(&format!("write = \"record\"\n{keys}")).write
        else {
            panic!("{keys}")
        };
        assert_eq!(matching.as_str(), expected);
    }
}

#[test]
fn values_are_templates_numbers_flags_and_lists() {
    let action = written(
        "write = \"update\"\nmultiselect = \"add\"\nloop_limit = 3\n\
         values = { a = \"{{ type }}\", b = 5, c = 1.5, d = true, e = [\"x\", 7] }",
    );
    let AttioWrite::Update { values, adds, .. } = &action.write else { panic!("{action:?}") };
    let template = |text: &str| AttioValue::Template(text.to_owned());
    let expected = [
        ("a", template("{{ type }}")),
        ("b", AttioValue::Fixed(json!(5))),
        ("c", AttioValue::Fixed(json!(1.5))),
        ("d", AttioValue::Fixed(json!(true))),
        ("e", AttioValue::Several(vec![template("x"), AttioValue::Fixed(json!(7))])),
    ];
    assert_eq!(*values, expected.map(|(name, value)| (Name::Slug(name.to_owned()), value)));
    assert!(*adds && action.loop_limit == 3);
}

#[test]
fn ten_own_writes_to_a_record_in_a_minute_are_no_loop_by_default() {
    assert_eq!(written("write = \"update\"\nvalues = { a = 1 }").loop_limit, 10);
    refused("write = \"update\"\nvalues = { a = 1 }\nloop_limit = 0", "a whole number above zero");
}

#[test]
fn every_form_needs_its_keys() {
    for (keys, message) in [
        ("values = { a = 1 }", "`write` is missing"),
        ("write = \"delete\"", "write: unknown variant `delete`"),
        ("write = \"record\"\nmatch = \"a\"\nvalues = { a = 1 }", "`object` is missing"),
        ("write = \"record\"\nobject = \"deals\"\nvalues = { a = 1 }", "`match` is missing"),
        (
            "write = \"record\"\nobject = \"people\"\nvalues = { a = 1 }",
            "`email_addresses` is missing here",
        ),
        ("write = \"record\"\nobject = \"people\"", "`values` is missing"),
        ("write = \"update\"", "`values` is missing"),
        ("write = \"update\"\nvalues = {}", "at least one attribute"),
        ("write = \"update\"\nvalues = { a = {} }", "expected a template, a number"),
        ("write = \"update\"\nvalues = { \"Deal name\" = 1 }", "neither a slug nor an id"),
        ("write = \"update\"\nvalues = { a = 1 }\nrecord = \" \"", "the record is empty"),
        ("write = \"entry\"", "`list` is missing"),
        ("write = \"note\"\ncontent = \"x\"", "`title` is missing"),
        ("write = \"note\"\ntitle = \"x\"\ncontent = \"\"", "the content is empty"),
        ("write = \"task\"", "`content` is missing"),
        ("write = \"comment\"\ncontent = \"x\"", "`author` is missing"),
    ] {
        refused(keys, message);
    }
}

#[test]
fn a_key_of_another_form_is_an_error() {
    for (form, key) in [
        ("write = \"update\"\nvalues = { a = 1 }", "match = \"a\""),
        ("write = \"task\"\ncontent = \"x\"", "title = \"x\""),
        ("write = \"entry\"\nlist = \"x\"", "author = \"x\""),
        ("write = \"note\"\ntitle = \"x\"\ncontent = \"x\"", "values = { a = 1 }"),
        ("write = \"entry\"\nlist = \"x\"", "multiselect = \"add\""),
    ] {
        refused(&format!("{form}\n{key}"), "does not go with `write = ");
    }
}

#[test]
fn writing_takes_access_to_attio() {
    let text = writing("write = \"note\"\ntitle = \"x\"\ncontent = \"x\"", "on = [\"task.*\"]");
    one_problem(&text.replace(SECTION, ""), "takes an `[attio]` section (add `[attio]`");
}

#[test]
fn a_route_that_its_own_write_comes_back_to_is_a_warning() {
    let update = "write = \"update\"\nvalues = { note = \"x\" }";
    let record = "write = \"record\"\nobject = \"companies\"\nvalues = { domains = \"x\" }";
    let entry = "write = \"entry\"\nlist = \"pipeline\"\nvalues = { stage = \"x\" }";
    let about = "content = \"x\"";
    let note = format!("write = \"note\"\ntitle = \"x\"\n{about}");
    let task = format!("write = \"task\"\n{about}");
    let comment =
        format!("write = \"comment\"\nauthor = \"x\"\nretry = {{ attempts = 1 }}\n{about}");
    let on = |types: &str, rest: &str| format!("on = [{types}]\n{rest}");
    comes_back(update, &on("\"record.updated\"", ""), Some("record.updated"));
    comes_back(update, &on("\"record.created\"", ""), None);
    comes_back(record, &on("\"record.*\"", ""), Some("record.created"));
    comes_back(entry, &on("\"list-entry.updated\"", ""), Some("list-entry.updated"));
    comes_back(&note, &on("\"note.*\"", ""), Some("note.created"));
    comes_back(&task, &on("\"*\"", ""), Some("task.created"));
    comes_back(&comment, &on("\"comment.created\", \"task.created\"", ""), Some("comment.created"));
    comes_back(&note, &on("\"record.*\", \"list-entry.*\"", ""), None);
    for silenced in ["ignore_actors = [\"self\"]", "allow_loop = true"] {
        comes_back(update, &on("\"record.updated\"", silenced), None);
    }
}

#[test]
fn a_comment_that_may_be_written_twice_is_a_warning() {
    let comment = "write = \"comment\"\nauthor = \"x\"\ncontent = \"x\"\nobject = \"deals\"";
    let on = "on = [\"record.updated\"]";
    let found = wrong(&writing(comment, on));
    assert!(found.len() == 1 && found[0].contains("may stand there twice"), "{found:#?}");
    assert!(found[0].starts_with("Warning") && found[0].contains("attempts = 1"));
    let once = format!("{comment}\nretry = {{ attempts = 1 }}");
    assert!(wrong(&writing(&once, on)).is_empty());
    let note = "write = \"note\"\ntitle = \"x\"\ncontent = \"x\"\nobject = \"deals\"";
    assert!(wrong(&writing(note, on)).is_empty());
}

#[test]
fn what_is_written_elsewhere_does_not_come_back() {
    let update = |rest: &str| format!("write = \"update\"\nvalues = {{ note = \"x\" }}\n{rest}");
    let entry = "write = \"entry\"\nlist = \"pipeline\"";
    let comes = Some("record.updated");
    let on = |rest: &str| format!("on = [\"record.updated\"]\n{rest}");
    let by_id = format!("object = \"{UUID}\"");
    comes_back(&update("object = \"deals\""), &on("object = \"people\""), None);
    comes_back(&update("object = \"deals\""), &on("object = \"deals\""), comes);
    comes_back(&update("object = \"deals\""), &on(&by_id), comes);
    comes_back(&update(""), &on("object = \"deals\""), comes);
    comes_back(&update(""), &on("changed = [\"stage\"]"), None);
    comes_back(&update(""), &on("changed = [\"stage\", \"note\"]"), comes);
    comes_back(&update(""), &on(&format!("changed = [\"{UUID}\"]")), comes);
    comes_back(entry, "on = [\"list-entry.created\"]\nlist = \"hiring\"", None);
    comes_back(
        entry,
        "on = [\"list-entry.created\"]\nlist = \"pipeline\"",
        Some("list-entry.created"),
    );
}

//! `kind = "attio"`: the keys that go with what is written, and nothing written that nobody named.

use super::{Check, name::attio_name};
use crate::config::{
    document::Place,
    file::{self, Form, Given, Multiselect, NoteFormat},
    meant::{AttioAction, AttioValue, AttioWrite, Name, Target},
};

/// Own writes to one record in a minute that are no loop yet.
const LOOP_LIMIT: usize = 10;

/// What tells the records of a standard object apart:
/// <https://docs.attio.com/docs/objects-and-lists>.
const NATURAL_KEYS: [(&str, &str); 2] = [("people", "email_addresses"), ("companies", "domains")];

/// The forms that a record is named for.
const ABOUT: [Form; 5] = [Form::Update, Form::Entry, Form::Note, Form::Task, Form::Comment];

/// Which keys go with which forms.
const KEYS: [(&str, &[Form]); 12] = [
    ("object", &[Form::Record, Form::Update, Form::Entry, Form::Note, Form::Task, Form::Comment]),
    ("match", &[Form::Record]),
    ("list", &[Form::Entry]),
    ("record", &ABOUT),
    ("values", &[Form::Record, Form::Update, Form::Entry]),
    ("multiselect", &[Form::Update]),
    ("title", &[Form::Note]),
    ("content", &[Form::Note, Form::Task, Form::Comment]),
    ("format", &[Form::Note]),
    ("deadline", &[Form::Task]),
    ("assignees", &[Form::Task]),
    ("author", &[Form::Comment]),
];

pub(super) fn attio_action(
    check: &mut Check<'_, '_>,
    place: &Place,
    typed: &file::AttioAction,
) -> Option<AttioAction> {
    if !check.is_typed(&Place::root().key("attio")) {
        check.needs_attio(&place.key("kind"), "this action writes to Attio");
        return None;
    }
    let form = *check.required(place, "write", typed.write.as_ref())?;
    for (key, _) in KEYS.iter().filter(|(_, forms)| !forms.contains(&form)) {
        if check.is_typed(&place.key(key)) {
            let why = format!("`{key}` does not go with `write = \"{}\"`", word(form));
            check.error(&place.key(key), why);
        }
    }
    let write = match form {
        Form::Record => record(check, place, typed),
        Form::Update => Some(update(check, place, typed)),
        Form::Entry => entry(check, place, typed),
        Form::Note => note(check, place, typed),
        Form::Task => task(check, place, typed),
        Form::Comment => comment(check, place, typed),
    }?;
    let loop_limit = typed.loop_limit.map_or(LOOP_LIMIT, |count| count.0 as usize);
    Some(AttioAction { write, loop_limit })
}

fn record(
    check: &mut Check<'_, '_>,
    place: &Place,
    typed: &file::AttioAction,
) -> Option<AttioWrite> {
    let object = check.required(place, "object", typed.object.as_ref());
    let object = object.map(|typed| attio_name(check, &place.key("object"), typed));
    let values = values(check, place, typed);
    let usual = object.as_ref().and_then(natural_key);
    if usual.is_none() && object.is_some() && !check.is_typed(&place.key("match")) {
        check
            .error(place, "`match` is missing: by which unique attribute is a record found?")
            .help("it has a default for \"people\" and \"companies\" only");
    }
    let matching = match &typed.matching {
        Some(typed) => Some(attio_name(check, &place.key("match"), typed)),
        None => usual.map(|slug| Name::Slug(slug.to_owned())),
    }?;
    if !values.is_empty() && !values.iter().any(|(name, _)| *name == matching) {
        check
            .error(&place.key("values"), format!("`{matching}` is missing here"))
            .help("a record is found by it, so it must be given");
    }
    Some(AttioWrite::Record { object: object?, matching, values })
}

fn natural_key(object: &Name) -> Option<&'static str> {
    let known = NATURAL_KEYS.iter().find(|(slug, _)| object.as_str() == *slug);
    known.map(|(_, key)| *key)
}

fn update(check: &mut Check<'_, '_>, place: &Place, typed: &file::AttioAction) -> AttioWrite {
    let values = values(check, place, typed);
    let adds = matches!(typed.multiselect, Some(Multiselect::Add));
    AttioWrite::Update { target: target(check, place, typed), values, adds }
}

fn entry(
    check: &mut Check<'_, '_>,
    place: &Place,
    typed: &file::AttioAction,
) -> Option<AttioWrite> {
    let list = check.required(place, "list", typed.list.as_ref());
    let list = list.map(|typed| attio_name(check, &place.key("list"), typed));
    // To be on a list is enough: an entry needs no values.
    let values = given(check, place, typed);
    Some(AttioWrite::Entry { list: list?, target: target(check, place, typed), values })
}

fn note(check: &mut Check<'_, '_>, place: &Place, typed: &file::AttioAction) -> Option<AttioWrite> {
    let title = text(check, place, "title", typed.title.as_ref());
    let content = text(check, place, "content", typed.content.as_ref());
    let is_markdown = matches!(typed.format, Some(NoteFormat::Markdown));
    let target = target(check, place, typed);
    Some(AttioWrite::Note { target, title: title?, content: content?, is_markdown })
}

fn task(check: &mut Check<'_, '_>, place: &Place, typed: &file::AttioAction) -> Option<AttioWrite> {
    let content = text(check, place, "content", typed.content.as_ref())?;
    let (deadline, assignees) = (typed.deadline.clone(), typed.assignees.clone());
    Some(AttioWrite::Task { target: target(check, place, typed), content, deadline, assignees })
}

fn comment(
    check: &mut Check<'_, '_>,
    place: &Place,
    typed: &file::AttioAction,
) -> Option<AttioWrite> {
    let content = text(check, place, "content", typed.content.as_ref());
    let author = text(check, place, "author", typed.author.as_ref());
    let target = target(check, place, typed);
    Some(AttioWrite::Comment { target, content: content?, author: author? })
}

fn target(check: &mut Check<'_, '_>, place: &Place, typed: &file::AttioAction) -> Target {
    let object = typed.object.as_ref();
    if typed.record.as_ref().is_some_and(|template| template.trim().is_empty()) {
        check.error(&place.key("record"), "the record is empty").help("leave `record` out");
    }
    Target {
        object: object.map(|typed| attio_name(check, &place.key("object"), typed)),
        record: typed.record.clone(),
    }
}

fn text(
    check: &mut Check<'_, '_>,
    place: &Place,
    key: &str,
    typed: Option<&String>,
) -> Option<String> {
    let typed = check.required(place, key, typed)?;
    if typed.trim().is_empty() {
        check.error(&place.key(key), format!("the {key} is empty"));
    }
    Some(typed.clone())
}

/// Values without which there is nothing to write.
fn values(
    check: &mut Check<'_, '_>,
    place: &Place,
    typed: &file::AttioAction,
) -> Vec<(Name, AttioValue)> {
    if !check.is_typed(&place.key("values")) {
        check.error(place, "`values` is missing");
    } else if check.is_empty_table(&place.key("values")) {
        check.error(&place.key("values"), "at least one attribute is needed");
    }
    given(check, place, typed)
}

fn given(
    check: &mut Check<'_, '_>,
    place: &Place,
    typed: &file::AttioAction,
) -> Vec<(Name, AttioValue)> {
    let at = place.key("values");
    let one =
        |(name, given): (&String, &Given)| (attio_name(check, &at.key(name), name), content(given));
    typed.values.iter().map(one).collect()
}

fn content(given: &Given) -> AttioValue {
    match given {
        Given::Template(source) => AttioValue::Template(source.clone()),
        Given::Flag(flag) => AttioValue::Fixed((*flag).into()),
        Given::Whole(number) => AttioValue::Fixed((*number).into()),
        Given::Number(number) => AttioValue::Fixed((*number).into()),
        Given::Several(several) => AttioValue::Several(several.iter().map(content).collect()),
    }
}

fn word(form: Form) -> &'static str {
    match form {
        Form::Record => "record",
        Form::Update => "update",
        Form::Entry => "entry",
        Form::Note => "note",
        Form::Task => "task",
        Form::Comment => "comment",
    }
}

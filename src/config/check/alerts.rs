//! `[alerts]`: people who can be told, of sources that are there.

use std::time::Duration;

use super::Check;
use crate::config::{document::Place, file, meant, suggest};

/// A longer wait would tell of trouble too late.
const LONGEST_GATHER: Duration = Duration::from_mins(10);

pub(super) fn alerts(
    check: &mut Check<'_, '_>,
    typed: &file::Alerts,
    sources: &[file::Source],
) -> meant::Alerts {
    let place = Place::root().key("alerts");
    check.action_list(&place.key("to"), &typed.to);
    let usual = meant::Alerts::default();
    let window = typed.signature_window.as_ref();
    let most = Some((LONGEST_GATHER, "10m"));
    meant::Alerts {
        to: typed.to.iter().map(|name| name.as_str().into()).collect(),
        after_failures: typed.after_failures.map_or(usual.after_failures, |count| count.0),
        oldest_due: check.interval(
            &place.key("oldest_due"),
            typed.oldest_due.as_ref(),
            usual.oldest_due,
            None,
        ),
        signature_failures: typed
            .signature_failures
            .map_or(usual.signature_failures, |count| count.0),
        signature_window: check.interval(
            &place.key("signature_window"),
            window,
            usual.signature_window,
            None,
        ),
        quiet: quiet(check, &place.key("quiet"), typed, sources),
        gather: check.interval(&place.key("gather"), typed.gather.as_ref(), usual.gather, most),
        calm: check.interval(&place.key("calm"), typed.calm.as_ref(), usual.calm, None),
        link: typed.link.as_ref().map(|url| as_folder(&url.0)),
    }
}

fn quiet(
    check: &mut Check<'_, '_>,
    place: &Place,
    typed: &file::Alerts,
    sources: &[file::Source],
) -> Vec<(crate::name::SourceName, Duration)> {
    let known: Vec<&str> = sources.iter().filter_map(|source| source.name.as_deref()).collect();
    let mut quiet = Vec::new();
    for (name, longest) in &typed.quiet {
        let at = place.key(name);
        if !known.contains(&name.as_str()) {
            let meant = suggest::nearest(name, known.iter().copied());
            check.error(&at, format!("there is no source `{name}`")).suggest(meant);
        }
        let longest = check.interval(&at, Some(longest), Duration::ZERO, None);
        quiet.push((name.as_str().into(), longest));
    }
    quiet
}

/// So that pages are found beneath it.
fn as_folder(url: &url::Url) -> url::Url {
    let mut folder = url.clone();
    if !folder.path().ends_with('/') {
        folder.set_path(&format!("{}/", url.path()));
    }
    folder
}

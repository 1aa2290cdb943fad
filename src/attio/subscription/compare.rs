//! What is, beside what should be.
//!
//! A webhook is ours by its address alone: `public_url` and a source's path, with `?v=2` and so on
//! for those that were made while an older one was still there.

use serde::Serialize;
use url::Url;

use super::{Plan, Status, Subscription, Webhook};
use crate::{config::Source, name::SourceName};

/// Where Attio must post to, to reach a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The source.
    pub source: SourceName,
    url: Url,
    base: String,
}

/// Whose a webhook is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whereabouts<'t> {
    /// It posts to this source; the second is its `v`, 1 without any.
    Source(&'t Target, u32),
    /// It posts to `public_url`, to a path that no source has.
    NoSource,
    /// It posts to somebody else.
    Elsewhere,
}

/// Something to be mended or known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum Finding {
    /// No webhook delivers to the source; one has to be made there.
    Missing {
        /// Its address.
        target_url: String,
    },
    /// The webhook brings something else than the routes need.
    Differing {
        /// The webhook.
        webhook_id: String,
        /// What it has to bring besides.
        lacking: Vec<Subscription>,
        /// What it brings for nobody.
        superfluous: Vec<Subscription>,
    },
    /// A second webhook delivers to the source: events come twice.
    Duplicate {
        /// The webhook.
        webhook_id: String,
        /// Its address.
        target_url: String,
    },
    /// Its deliveries failed; it turns inactive within 7 days of that.
    Degraded {
        /// The webhook.
        webhook_id: String,
    },
    /// It gets nothing any more; only a new one helps.
    Inactive {
        /// The webhook.
        webhook_id: String,
    },
    /// It posts to a path of ours that no source has.
    Superfluous {
        /// The webhook.
        webhook_id: String,
        /// Its address.
        target_url: String,
    },
    /// It delivers to another source what the planned one brings: such events come twice.
    Overlapping {
        /// The webhook.
        webhook_id: String,
        /// The other source.
        source: String,
    },
}

/// The webhooks of a workspace beside a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison<'w> {
    /// The source that the plan is for.
    pub target: Target,
    /// The webhook that delivers to it, where there is one; of several the one to keep.
    pub kept: Option<&'w Webhook>,
    /// What it should bring.
    pub wanted: Vec<Subscription>,
    /// All that is not as it should be.
    pub findings: Vec<Finding>,
}

impl Target {
    /// The address of a source.
    #[must_use]
    pub fn new(public_url: &Url, source: &Source) -> Self {
        let base = public_url.path().trim_end_matches('/').to_owned();
        let mut url = public_url.clone();
        url.set_path(&format!("{base}{}", source.path));
        url.set_query(None);
        url.set_fragment(None);
        Self { source: source.name.clone(), url, base }
    }

    /// The address of its first webhook, or of a further one.
    #[must_use]
    pub fn at(&self, version: u32) -> String {
        let mut url = self.url.clone();
        url.set_query((version > 1).then(|| format!("v={version}")).as_deref());
        url.to_string()
    }

    /// The webhooks that post here, each with its `v`.
    #[must_use]
    pub fn webhooks<'w>(&self, webhooks: &'w [Webhook]) -> Vec<(u32, &'w Webhook)> {
        let of = |webhook: &'w Webhook| {
            Some((self.version(&Url::parse(&webhook.target_url).ok()?)?, webhook))
        };
        webhooks.iter().filter_map(of).collect()
    }

    /// The address for one more webhook. One that is inactive keeps its own.
    #[must_use]
    pub fn next_address(&self, webhooks: &[Webhook]) -> String {
        let versions = self.webhooks(webhooks).into_iter().map(|(version, _)| version);
        self.at(versions.max().map_or(1, |latest| latest.saturating_add(1)))
    }

    /// Where one of our webhooks has to move before it can be changed: at one address no two may
    /// bring the same, so another one in its place would be in the way. `None` where it may stay.
    #[must_use]
    pub fn way_out(&self, webhook: &Webhook, webhooks: &[Webhook]) -> Option<String> {
        let is_in_the_way =
            |other: &Webhook| other.id != webhook.id && other.target_url == webhook.target_url;
        webhooks.iter().any(is_in_the_way).then(|| self.next_address(webhooks))
    }

    /// The `v` of an address, when it leads here. Other queries make no other address.
    fn version(&self, at: &Url) -> Option<u32> {
        if !self.is_beside(at) || at.path() != self.url.path() {
            return None;
        }
        let version = at.query_pairs().find(|(key, _)| key == "v");
        Some(version.and_then(|(_, value)| value.parse().ok()).unwrap_or(1))
    }

    fn is_beside(&self, at: &Url) -> bool {
        at.origin() == self.url.origin()
            && at.path().strip_prefix(&self.base).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// Whose the webhook at this address is.
#[must_use]
pub fn whereabouts<'t>(target_url: &str, targets: &'t [Target]) -> Whereabouts<'t> {
    let Ok(at) = Url::parse(target_url) else { return Whereabouts::Elsewhere };
    let of = |target: &'t Target| Some(Whereabouts::Source(target, target.version(&at)?));
    if let Some(found) = targets.iter().find_map(of) {
        return found;
    }
    let is_ours = targets.iter().any(|target| target.is_beside(&at));
    if is_ours { Whereabouts::NoSource } else { Whereabouts::Elsewhere }
}

impl<'w> Comparison<'w> {
    /// Compares. `targets` are all sources' and the plan is for the one that is called `source`;
    /// `None` when there is no such source.
    #[must_use]
    pub fn new(
        plan: &Plan,
        targets: &[Target],
        source: &SourceName,
        webhooks: &'w [Webhook],
    ) -> Option<Self> {
        let target = targets.iter().find(|target| target.source == *source)?.clone();
        let here = target.webhooks(webhooks);
        let best = |(version, webhook): &&(u32, &'w Webhook)| {
            (webhook.status, *version, webhook.created_at.clone())
        };
        let kept = here.iter().filter(|(_, webhook)| webhook.delivers()).max_by_key(best);
        let kept = kept.map(|(_, webhook)| *webhook);
        let wanted = wanted(plan, kept);
        let mut findings = Vec::new();
        match kept {
            Some(kept) => findings.extend(differing(kept, &wanted)),
            None if wanted.is_empty() => {}
            None => findings.push(Finding::Missing { target_url: target.next_address(webhooks) }),
        }
        findings.extend(here.iter().filter_map(|(_, webhook)| standing(webhook, kept)));
        findings.extend(webhooks.iter().filter_map(|webhook| {
            match whereabouts(&webhook.target_url, targets) {
                Whereabouts::NoSource => Some(Finding::Superfluous {
                    webhook_id: webhook.id.clone(),
                    target_url: webhook.target_url.clone(),
                }),
                Whereabouts::Source(other, _) if other.source != *source => {
                    overlapping(webhook, other, &wanted)
                }
                Whereabouts::Source(..) | Whereabouts::Elsewhere => None,
            }
        }));
        Some(Self { target, kept, wanted, findings })
    }

    /// Nothing is to be mended or known.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.findings.is_empty()
    }
}

/// What is planned, and what the webhook brings of types that only newer versions know.
fn wanted(plan: &Plan, kept: Option<&Webhook>) -> Vec<Subscription> {
    let had = kept.map(|kept| kept.subscriptions.as_slice()).unwrap_or_default();
    let kept =
        had.iter().filter(|had| plan.may_want(&had.event_type)).map(Subscription::normalised);
    plan.bare().into_iter().chain(kept).collect()
}

fn differing(kept: &Webhook, wanted: &[Subscription]) -> Option<Finding> {
    let has: Vec<_> = kept.subscriptions.iter().map(Subscription::normalised).collect();
    let lacking: Vec<_> = wanted.iter().filter(|one| !has.contains(one)).cloned().collect();
    let superfluous: Vec<_> = has.into_iter().filter(|one| !wanted.contains(one)).collect();
    let is_same = lacking.is_empty() && superfluous.is_empty();
    let webhook_id = kept.id.clone();
    (!is_same).then_some(Finding::Differing { webhook_id, lacking, superfluous })
}

fn standing(webhook: &Webhook, kept: Option<&Webhook>) -> Option<Finding> {
    let webhook_id = webhook.id.clone();
    match webhook.status {
        Status::Inactive => Some(Finding::Inactive { webhook_id }),
        _ if kept != Some(webhook) => {
            Some(Finding::Duplicate { webhook_id, target_url: webhook.target_url.clone() })
        }
        Status::Degraded => Some(Finding::Degraded { webhook_id }),
        Status::Active | Status::Unknown => None,
    }
}

fn overlapping(webhook: &Webhook, other: &Target, wanted: &[Subscription]) -> Option<Finding> {
    let both = |one: &Subscription| wanted.iter().any(|it| it.event_type == one.event_type);
    let overlaps = webhook.delivers() && webhook.subscriptions.iter().any(both);
    overlaps.then(|| Finding::Overlapping {
        webhook_id: webhook.id.clone(),
        source: other.source.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = "https://hooks.example.com/in/attio";

    fn source(name: &str, path: &str) -> Target {
        let mut url = Url::parse("https://hooks.example.com/in/").unwrap();
        let base = "/in".to_owned();
        url.set_path(&format!("{base}{path}"));
        Target { source: name.into(), url, base }
    }

    fn targets() -> Vec<Target> {
        vec![source("crm", "/attio"), source("other", "/other")]
    }

    fn webhook(id: &str, target_url: &str, types: &[&str]) -> Webhook {
        Webhook {
            id: id.to_owned(),
            target_url: target_url.to_owned(),
            subscriptions: types.iter().map(|one| all_of(one)).collect(),
            status: Status::Active,
            created_at: String::new(),
        }
    }

    fn all_of(event_type: &str) -> Subscription {
        Subscription { event_type: event_type.to_owned(), filter: None }
    }

    fn plan(types: &[&str]) -> Plan {
        let planned = |one: &&str| super::super::Planned {
            subscription: all_of(one),
            reasons: Vec::new(),
            is_broader: false,
        };
        Plan { subscriptions: types.iter().map(planned).collect(), ..Plan::default() }
    }

    fn findings(types: &[&str], webhooks: &[Webhook]) -> Vec<Finding> {
        let (plan, targets) = (plan(types), targets());
        Comparison::new(&plan, &targets, &"crm".into(), webhooks).unwrap().findings
    }

    fn kept(webhooks: &[Webhook]) -> Option<&str> {
        let (plan, targets) = (plan(&["task.created"]), targets());
        let comparison = Comparison::new(&plan, &targets, &"crm".into(), webhooks).unwrap();
        comparison.kept.map(|webhook| webhook.id.as_str())
    }

    #[test]
    fn an_address_is_ours_whatever_its_query_and_elsewhere_without_the_path() {
        let targets = targets();
        let version = |url: &str| match whereabouts(url, &targets) {
            Whereabouts::Source(target, version) => (target.source.to_string(), version),
            other => (format!("{other:?}"), 0),
        };
        assert_eq!(version(HOME), ("crm".to_owned(), 1));
        assert_eq!(version("https://HOOKS.example.com:443/in/attio?v=3"), ("crm".to_owned(), 3));
        assert_eq!(version(&format!("{HOME}?x=y")), ("crm".to_owned(), 1));
        assert_eq!(version("https://hooks.example.com/in/other"), ("other".to_owned(), 1));
        assert_eq!(version("https://hooks.example.com/in/old").0, "NoSource");
        for elsewhere in [
            "https://hooks.example.com/attio",
            "http://hooks.example.com/in/attio",
            "https://zapier.example/in/attio",
            "nonsense",
        ] {
            assert_eq!(version(elsewhere).0, "Elsewhere", "{elsewhere}");
        }
    }

    #[test]
    fn the_address_of_a_source_is_the_public_one_and_its_path() {
        let [crm, _] = &targets()[..] else { unreachable!() };
        assert_eq!((crm.at(1).as_str(), crm.at(2)), (HOME, format!("{HOME}?v=2")));
    }

    #[test]
    fn nothing_is_found_where_all_is_as_it_should_be() {
        let webhooks = [
            webhook("ours", HOME, &["task.created", "note.created"]),
            webhook("theirs", "https://zapier.example/x", &["task.created"]),
        ];
        assert_eq!(findings(&["note.created", "task.created"], &webhooks), []);
    }

    #[test]
    fn what_lacks_and_what_is_superfluous_is_told() {
        let had = [webhook("ours", HOME, &["task.created", "note.created"])];
        assert_eq!(
            findings(&["task.created", "task.updated"], &had),
            [Finding::Differing {
                webhook_id: "ours".to_owned(),
                lacking: vec![all_of("task.updated")],
                superfluous: vec![all_of("note.created")],
            }]
        );
    }

    #[test]
    fn a_type_that_only_newer_versions_know_is_left_where_a_glob_takes_it() {
        let had = [webhook("ours", HOME, &["task.created", "task.dreamt"])];
        let mut plan = plan(&["task.created"]);
        plan.prefixes = vec!["task.".to_owned()];
        let targets = targets();
        let comparison = Comparison::new(&plan, &targets, &"crm".into(), &had).unwrap();
        assert!(comparison.is_settled(), "{comparison:?}");
        assert_eq!(findings(&["task.created"], &had).len(), 1);
    }

    #[test]
    fn no_webhook_is_missing_at_the_plain_address_and_beside_an_inactive_one_at_the_next() {
        let missing = |target_url: &str| Finding::Missing { target_url: target_url.to_owned() };
        assert_eq!(findings(&["task.created"], &[]), [missing(HOME)]);
        let mut dead = webhook("dead", HOME, &["task.created"]);
        dead.status = Status::Inactive;
        assert_eq!(
            findings(&["task.created"], &[dead]),
            [missing(&format!("{HOME}?v=2")), Finding::Inactive { webhook_id: "dead".to_owned() }]
        );
    }

    #[test]
    fn of_several_the_healthiest_and_then_the_newest_is_kept() {
        let mut old = webhook("old", HOME, &["task.created"]);
        let mut new = webhook("new", &format!("{HOME}?v=2"), &["task.created"]);
        assert_eq!(kept(&[old.clone(), new.clone()]), Some("new"));
        new.status = Status::Degraded;
        assert_eq!(kept(&[old.clone(), new.clone()]), Some("old"));
        old.status = Status::Inactive;
        assert_eq!(kept(&[old.clone(), new.clone()]), Some("new"));
        let found = findings(&["task.created"], &[old, new]);
        let (dead, weak) = ("old".to_owned(), "new".to_owned());
        assert_eq!(
            found,
            [Finding::Inactive { webhook_id: dead }, Finding::Degraded { webhook_id: weak }]
        );
    }

    #[test]
    fn a_second_webhook_that_delivers_is_a_duplicate() {
        let second = format!("{HOME}?v=2");
        let both =
            [webhook("a", HOME, &["task.created"]), webhook("b", &second, &["task.created"])];
        let target_url = HOME.to_owned();
        assert_eq!(
            findings(&["task.created"], &both),
            [Finding::Duplicate { webhook_id: "a".to_owned(), target_url }]
        );
    }

    #[test]
    fn our_own_address_without_a_source_is_superfluous_and_other_peoples_is_not() {
        let old = "https://hooks.example.com/in/old";
        let found = findings(
            &["task.created"],
            &[webhook("ours", HOME, &["task.created"]), webhook("old", old, &["note.created"])],
        );
        assert_eq!(
            found,
            [Finding::Superfluous { webhook_id: "old".to_owned(), target_url: old.to_owned() }]
        );
    }

    #[test]
    fn another_sources_webhook_overlaps_where_it_brings_the_same_type() {
        let other = "https://hooks.example.com/in/other";
        let with = |types: &[&str]| {
            let webhooks = [webhook("ours", HOME, &["task.created"]), webhook("x", other, types)];
            findings(&["task.created"], &webhooks)
        };
        assert_eq!(with(&["note.created"]), []);
        let source = "other".to_owned();
        assert_eq!(
            with(&["note.created", "task.created"]),
            [Finding::Overlapping { webhook_id: "x".to_owned(), source }]
        );
    }
}

//! Dead letters: in groups, each with the answer that one of them got; and one group's letters.

use minijinja::{context, value::Serde};
use serde::Serialize;
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use super::{Page, Pages, Problem, Visit};
use crate::{
    look::{
        ask,
        dead::{DeadGroup, longest_part},
    },
    store::{self, AttemptRow, DeliveryRow, Search, State, moment_of, without_own},
};

/// Groups whose example is looked up.
const MOST_EXAMPLES: usize = 30;

/// A group as it is shown, with how one of its letters failed.
#[derive(Serialize)]
struct Shown {
    example: Option<Example>,
    /// When its letters were made and died, for the forms: what died since, or is too old to be
    /// among those that are grouped, was not shown, and nothing is done to it.
    since: String,
    ended_until: String,
    group: DeadGroup,
}

/// A letter and its last try.
#[derive(Serialize)]
struct Example {
    delivery: DeliveryRow,
    last: Option<AttemptRow>,
}

impl Shown {
    fn of(group: &DeadGroup, example: Option<Example>) -> Self {
        let text = |moment: OffsetDateTime| moment.format(&Rfc3339).unwrap_or_default();
        Self {
            example,
            since: moment_of(group.first).map(text).unwrap_or_default(),
            ended_until: text(group.newest + Duration::MICROSECOND),
            group: group.clone(),
        }
    }
}

impl Pages {
    /// The groups; with a reason, the letters that have it.
    pub(super) async fn dead_letters(&self, visit: &Visit) -> Result<Page, Problem> {
        if visit.asked("reason").is_some() {
            return self.letters(visit).await;
        }
        let (dead, action) = (self.lookout.dead_letters().await?, visit.asked("action"));
        let is_shown = |group: &DeadGroup| action.is_none_or(|action| group.action == action);
        let mut groups = Vec::new();
        for (at, group) in dead.groups.iter().filter(|group| is_shown(group)).enumerate() {
            let is_looked_up = at < MOST_EXAMPLES;
            let example = if is_looked_up { self.example(group.example).await? } else { None };
            groups.push(Shown::of(group, example));
        }
        let mut actions: Vec<_> = dead.groups.iter().map(|group| group.action.clone()).collect();
        actions.sort_unstable();
        actions.dedup();
        let (total, grouped) = (dead.total, dead.grouped);
        let values = context! { total, grouped, action, actions, groups => Serde(&groups) };
        Ok(Page::new("dead.html", values))
    }

    async fn letters(&self, visit: &Visit) -> Result<Page, Problem> {
        let [action, reason, before] = ["action", "reason", "before"].map(|name| visit.asked(name));
        let text = |text: Option<&str>| text.map(ToOwned::to_owned);
        let alike = reason.map(without_own);
        let part = alike.as_deref().map(longest_part).filter(|part| !part.is_empty());
        let (state, error) = (Some(State::Dead), part);
        let filter = Search { state, action: text(action), error, ..Search::default() };
        let page = store::Page {
            before: before.and_then(|before| before.parse().ok()),
            ..store::Page::first(ask::USUAL)
        };
        let listed = self.look().deliveries(&filter, &page).await?;
        let is_shown = |letter: &&DeliveryRow| {
            letter.replayed_by.is_none() && letter.reason.as_deref().map(without_own) == alike
        };
        let letters: Vec<_> = listed.items.iter().filter(is_shown).collect();
        let next = listed.next.map(|next| next.to_string());
        Ok(Page::new(
            "letters.html",
            context! {
                action, reason,
                letters => Serde(&letters),
                searched_back_to => listed.searched_back_to,
                older => next.map(|next| visit.with(&[("before", &next)])),
                newest => before.map(|_| visit.with(&[("before", "")])),
            },
        ))
    }

    async fn example(&self, id: Uuid) -> Result<Option<Example>, Problem> {
        let story = self.look().delivery(id, false).await?;
        Ok(story.map(|story| {
            let last = story.tried.attempts.into_iter().next_back();
            Example { delivery: story.tried.delivery, last }
        }))
    }
}

//! `attio-relay tail`: what comes in, and what becomes of it, as it happens.
//!
//! What is committed late may be older than what was shown: it looks back a little each time, and
//! knows what it showed. Deliveries that are open are looked at again until they ended; those of
//! what came before the first look are not followed.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    process::ExitCode,
    time::Duration,
};

use clap::Args;
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    asked::{Given, OfOthers, read},
    list, look_into, try_print, usage,
};
use crate::{
    cli::Output,
    config::Config,
    look::{Listed, Look},
    store::{DeliveryRow, EventRow, Page, Search, StoreError, Table},
};

/// How often the store is looked into.
const EVERY: Duration = Duration::from_millis(500);

/// A commit takes no longer than that after the id was made.
const LOOK_BACK: Duration = Duration::from_secs(10);

/// Pages of what is new at one look; the rest is passed over.
const MOST_PAGES: usize = 40;

/// Open deliveries that are watched; of more, the newest.
const MOST_WATCHED: usize = 500;

/// Shown ones that are remembered: more than come in the time of [`LOOK_BACK`].
const MOST_REMEMBERED: usize = 100_000;

/// Follows live.
#[derive(Debug, Args)]
pub(in crate::cli) struct Tail {
    #[command(flatten)]
    filters: OfOthers,
    /// The form of the lines; as JSON, one value in each line.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// What was shown already.
#[derive(Default)]
struct Shown {
    events: BTreeSet<Uuid>,
    /// Deliveries, and how they stood.
    deliveries: BTreeMap<Uuid, Standing>,
}

#[derive(PartialEq, Eq)]
struct Standing {
    state: String,
    tries: u64,
}

impl Tail {
    pub(in crate::cli) fn run(&self, config: &Config) -> ExitCode {
        super::super::block_on(async {
            let look = look_into(config).await?;
            let Some((mut filter, _)) = read(Table::Deliveries, self.filters.given()) else {
                return Ok(usage());
            };
            let started = OffsetDateTime::now_utc();
            let mut shown = Shown::default();
            filter.since = filter.since.or(Some(started));
            // Listened for all the time: a signal that nobody waits for just then would be lost.
            let mut interrupt = pin!(tokio::signal::ctrl_c());
            loop {
                let turn = async {
                    let goes_on = self.turn(&look, &mut filter, &mut shown).await;
                    tokio::time::sleep(EVERY).await;
                    goes_on
                };
                let goes_on = tokio::select! {
                    biased;
                    _ = &mut interrupt => false,
                    goes_on = turn => goes_on,
                };
                if !goes_on {
                    return Ok(ExitCode::SUCCESS);
                }
            }
        })
    }

    /// Looks once and prints what is new. Returns whether anybody still reads.
    async fn turn(&self, look: &Look, filter: &mut Search, shown: &mut Shown) -> bool {
        match self.look(look, filter, shown).await {
            Ok(lines) => {
                let back = OffsetDateTime::now_utc() - LOOK_BACK;
                filter.since = filter.since.max(Some(back));
                lines.iter().all(|lines| try_print(lines).is_ok())
            }
            Err(error) => {
                eprintln!("the store is away; will look again: {error}");
                true
            }
        }
    }

    /// What is new, oldest first.
    async fn look(
        &self,
        look: &Look,
        filter: &Search,
        shown: &mut Shown,
    ) -> Result<Vec<String>, StoreError> {
        let mut lines = Vec::new();
        if !filter.is_about_deliveries() {
            let events = news(async |page| look.events(filter, &page).await).await?;
            let events = events.iter().filter(|event| shown.events.insert(event.id));
            lines.extend(events.map(|event| self.event(event)));
        }
        let every = Search { state: None, error: None, ..filter.clone() };
        let mut deliveries = news(async |page| look.deliveries(&every, &page).await).await?;
        let known: BTreeSet<Uuid> = deliveries.iter().map(|row| row.id).collect();
        let open: Vec<Uuid> = shown.open().filter(|id| !known.contains(id)).collect();
        deliveries.extend(look.deliveries_now(&open).await?);
        for delivery in &deliveries {
            let standing = Standing { state: delivery.state.clone(), tries: delivery.tries };
            if shown.deliveries.get(&delivery.id) != Some(&standing) {
                if fits(filter, delivery) {
                    lines.push(self.delivery(delivery));
                }
                shown.deliveries.insert(delivery.id, standing);
            }
        }
        shown.forget();
        Ok(lines)
    }

    fn event(&self, event: &EventRow) -> String {
        match self.output {
            Output::Table => list::event(event).join("\n"),
            Output::Json => json!({"event": event}).to_string(),
        }
    }

    fn delivery(&self, delivery: &DeliveryRow) -> String {
        match self.output {
            Output::Table => list::delivery(delivery, OffsetDateTime::now_utc()).join("\n"),
            Output::Json => json!({"delivery": delivery}).to_string(),
        }
    }
}

/// All pages, oldest first.
async fn news<T>(
    ask: impl AsyncFn(Page) -> Result<Listed<T>, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let (mut page, mut items) = (Page::first(Page::MOST), Vec::new());
    for _ in 0..MOST_PAGES {
        let listed = ask(page).await?;
        items.extend(listed.items);
        page.before = listed.next;
        if page.before.is_none() {
            break;
        }
    }
    items.reverse();
    Ok(items)
}

impl Shown {
    /// Those that had not ended, the newest first.
    fn open(&self) -> impl Iterator<Item = Uuid> {
        let open = self.deliveries.iter().rev().filter(|(_, standing)| standing.state == "open");
        open.map(|(id, _)| *id).take(MOST_WATCHED)
    }

    fn forget(&mut self) {
        while self.events.len() > MOST_REMEMBERED {
            self.events.pop_first();
        }
        while self.deliveries.len() > MOST_REMEMBERED {
            self.deliveries.pop_first();
        }
    }
}

/// A state is what a delivery comes to: all are watched, and shown once they are in it.
fn fits(filter: &Search, delivery: &DeliveryRow) -> bool {
    let is_so = filter
        .state
        .is_none_or(|state| state.is_of(&delivery.state, delivery.held.as_deref(), delivery.tries));
    let texts = [&delivery.reason, &delivery.last_error];
    let says = |part: &String| {
        let part = part.to_lowercase();
        texts.into_iter().flatten().any(|text| text.to_lowercase().contains(&part))
    };
    is_so && filter.error.as_ref().is_none_or(says)
}

//! `messages`, `events`, `deliveries` and `tail`: looking at what is kept. Nothing is changed.

mod acts;
mod alerts;
mod asked;
mod list;
mod show;
mod tail;

pub(super) use self::{acts::Acts, alerts::Alerts, tail::Tail};

use std::{
    io::{ErrorKind, Write, stdout},
    process::ExitCode,
};

use anyhow::bail;
use clap::Subcommand;

use self::{
    asked::{Lists, OfMessages, OfOthers},
    show::Show,
};
use super::{
    act::release::{self, Release},
    migrate,
};
use crate::{
    config::Config,
    look::Look,
    routing::{self, RouteTable},
    store::{State, Table},
};

/// What to do with messages.
#[derive(Debug, Subcommand)]
pub(super) enum Messages {
    /// List them, newest first.
    List(#[command(flatten)] Lists<OfMessages>),
    /// Show one and its events.
    Show(Show),
    Release(Release),
}

/// What to do with events.
#[derive(Debug, Subcommand)]
pub(super) enum Events {
    /// List them, newest first; by route, action, state or error: those with such a delivery.
    List(#[command(flatten)] Box<Lists<OfOthers>>),
    /// Tell the story of one: its message, what the routes make of it, its deliveries and attempts.
    Show(Show),
}

/// What to do with deliveries.
#[derive(Debug, Subcommand)]
pub(super) enum Deliveries {
    /// List them, newest first.
    List {
        #[command(flatten)]
        lists: Box<Lists<OfOthers>>,
        /// Exit with 3 when a dead letter is found; lists only these, unless --state is given.
        #[arg(long)]
        fail: bool,
    },
    /// Tell the story of one: its event and its attempts.
    Show(Show),
}

impl Messages {
    pub(super) fn run(&self, config: &Config) -> ExitCode {
        match self {
            Self::List(lists) => super::block_on(list_messages(lists, config)),
            Self::Show(it) => super::block_on(show_message(it, config)),
            Self::Release(release) => release::run(release, config),
        }
    }
}

async fn list_messages(lists: &Lists<OfMessages>, config: &Config) -> anyhow::Result<ExitCode> {
    let Some(asked) = lists.read(Table::Messages) else { return Ok(usage()) };
    let look = look_into(config).await?;
    let listed = list::all(asked, async |filter, page| look.messages(&filter, &page).await).await?;
    print(&list::messages(&listed, lists.output))?;
    Ok(ExitCode::SUCCESS)
}

async fn show_message(it: &Show, config: &Config) -> anyhow::Result<ExitCode> {
    let look = look_into(config).await?;
    let Some(story) = look.message(it.id, it.body).await? else {
        bail!("there is no message {}: {}", it.id, look.not_there());
    };
    print(&it.text(&story, || show::message(&story)))?;
    Ok(ExitCode::SUCCESS)
}

impl Events {
    pub(super) fn run(&self, config: &Config) -> ExitCode {
        super::block_on(async {
            let look = look_into(config).await?;
            match self {
                Self::List(lists) => {
                    let Some(asked) = lists.read(Table::Events) else { return Ok(usage()) };
                    let listed =
                        list::all(asked, async |filter, page| look.events(&filter, &page).await);
                    print(&list::events(&listed.await?, lists.output))?;
                }
                Self::Show(it) => {
                    let Some(story) = look.event(it.id, it.body).await? else {
                        bail!("there is no event {}: {}", it.id, look.not_there());
                    };
                    print(&it.text(&story, || show::event(&story)))?;
                }
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}

impl Deliveries {
    pub(super) fn run(&self, config: &Config) -> ExitCode {
        super::block_on(async {
            let look = look_into(config).await?;
            match self {
                Self::List { lists, fail } => {
                    let Some(asked) = lists.read(Table::Deliveries) else { return Ok(usage()) };
                    let (mut filter, page) = asked;
                    if *fail {
                        filter.state = filter.state.or(Some(State::Dead));
                    }
                    let listed = list::all((filter, page), async |filter, page| {
                        look.deliveries(&filter, &page).await
                    });
                    let listed = listed.await?;
                    print(&list::deliveries(&listed, lists.output))?;
                    let is_dead = listed.items.iter().any(|row| row.state == "dead");
                    Ok(if *fail && is_dead { ExitCode::from(FOUND) } else { ExitCode::SUCCESS })
                }
                Self::Show(it) => {
                    let Some(story) = look.delivery(it.id, it.body).await? else {
                        bail!("there is no delivery {}: {}", it.id, look.not_there());
                    };
                    print(&it.text(&story, || show::delivery(&story)))?;
                    Ok(ExitCode::SUCCESS)
                }
            }
        })
    }
}

/// A check found something.
const FOUND: u8 = 3;

/// What was wrong has been told.
fn usage() -> ExitCode {
    ExitCode::from(super::WRONG_USAGE)
}

async fn look_into(config: &Config) -> anyhow::Result<Look> {
    let store = migrate::ready(config).await?;
    let routes = routing::Shared::new(RouteTable::new(&config.routes));
    Ok(Look::new(&store, routes).keeping(config.store.retention))
}

/// Prints; that nobody reads any more is no failure: `… | head`.
fn print(text: &str) -> std::io::Result<()> {
    match try_print(text) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Prints. Nothing that somebody wrote elsewhere may reach a terminal as a command to it.
fn try_print(text: &str) -> std::io::Result<()> {
    let is_plain = |char: &char| *char == '\n' || !char.is_control();
    let plain: String = text.chars().filter(is_plain).collect();
    writeln!(stdout(), "{}", plain.trim_end_matches('\n'))
}

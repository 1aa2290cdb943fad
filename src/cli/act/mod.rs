//! The commands that change what stands in the store. They need no running server: what they
//! write, every server sees at its next look.

pub(super) mod discard;
pub(super) mod pause;
pub(super) mod release;
pub(super) mod replay;
mod which;

use std::time::Duration;

use super::{OUTSIDE, migrate};
use crate::{
    config::Config,
    store::{Lane, LaneKind},
};

/// One question or change takes so long at the most.
const DEADLINE: Duration = Duration::from_mins(1);

/// The store, whose schema must fit already.
async fn open(config: &Config) -> anyhow::Result<Lane> {
    Ok(migrate::ready(config).await?.lane(LaneKind::Act, DEADLINE))
}

/// Who runs the command: `user@host`.
fn who() -> String {
    let env = |name| (OUTSIDE.env)(name).filter(|value: &String| !value.is_empty());
    let user = env("USER").or_else(|| env("LOGNAME")).unwrap_or_else(|| "somebody".to_owned());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = host.or_else(|| env("HOSTNAME")).unwrap_or_else(|| "localhost".to_owned());
    format!("{user}@{}", host.trim())
}

/// So many of a thing, in words.
fn deliveries(count: u64) -> String {
    if count == 1 { "1 delivery".to_owned() } else { format!("{count} deliveries") }
}

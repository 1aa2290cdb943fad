//! What people do to what is kept, the same from a command, over the API and from a page: which
//! deliveries are meant, what can be done to them, and the doing, in steps that are whole or not at
//! all.
//!
//! It asks nobody and shows nothing: whether somebody is sure, how fast it goes and what is told is
//! for the doors to say.

/// Asks the store again while others are in the way. No function: who awaits it may be a task that
/// moves between threads, which the compiler does not see of closures that borrow.
macro_rules! patiently {
    ($ask:expr) => {{
        let mut tries = 1;
        loop {
            match $ask.await {
                Err($crate::store::StoreError::Contended(_)) if tries < $crate::act::MOST_TRIES => {
                    tries += 1;
                }
                told => break told,
            }
        }
    }};
}

pub mod discard;
mod elsewhere;
pub mod pause;
pub mod release;
pub mod replay;
mod which;

pub use self::{
    discard::Discard,
    elsewhere::{Elsewhere, Reach},
    pause::Target,
    replay::Replay,
    which::Which,
};

use uuid::Uuid;

use crate::store::{Selected, StoreError};

/// The most things in one step: one transaction, during which others wait a little.
pub const STEP: usize = 500;

/// A step that others were in the way of is tried again so often.
const MOST_TRIES: u32 = 20;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It makes no sense as it was asked for.
    #[error("{0}")]
    Wrong(String),
    /// What it is about is not there.
    #[error("{0}")]
    Missing(String),
    /// What it is about stands in a way in which it cannot be done.
    #[error("{0}")]
    Unfit(String),
    /// The store could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What something can be done to, of what is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen {
    /// In the order in which they arrived.
    pub meant: Vec<Selected>,
    /// Deliveries that were named and to which it cannot be done, with why not.
    pub others: Vec<(Uuid, String)>,
    /// Whether there are more than were asked for.
    pub is_more: bool,
}

fn ids_of(some: &[Selected]) -> Vec<Uuid> {
    some.iter().map(|one| one.id).collect()
}

/// Leaves as many as were asked for; whether there were more.
fn cut(selected: &mut Vec<Selected>, most: Option<usize>) -> bool {
    let most = most.unwrap_or(usize::MAX);
    let is_more = selected.len() > most;
    selected.truncate(most);
    is_more
}

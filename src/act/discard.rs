//! Ending deliveries that nobody wants.

use serde_json::Value;

use super::{Chosen, Refusal, Which, cut, ids_of};
use crate::store::{Act, Deed, DeliveryState, Lane, Selected, StoreError, Whose};

/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

/// What is to be ended, and why.
#[derive(Debug, Clone)]
pub struct Discard {
    /// Which deliveries. Without states, filters mean open and dead ones.
    pub which: Which,
    /// Why; kept with each. From [`reason`].
    pub reason: String,
}

/// A reason as it is kept: one line, not empty.
///
/// # Errors
/// What is wrong with it.
pub fn reason(text: &str) -> Result<String, String> {
    let text = one_line(text);
    if text.is_empty() { Err("say why".to_owned()) } else { Ok(text) }
}

/// A text of a person as one line that is not too long.
pub(super) fn one_line(text: &str) -> String {
    let plain = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(LONGEST_REASON).collect()
}

fn can_be_discarded(one: &Selected) -> bool {
    match one.state {
        DeliveryState::Open => true,
        DeliveryState::Dead => one.replayed_by.is_none(),
        DeliveryState::Succeeded | DeliveryState::Skipped | DeliveryState::Discarded => false,
    }
}

impl Discard {
    /// What can be discarded of what is meant, up to `most`.
    ///
    /// # Errors
    /// Any [`Refusal`].
    pub async fn choose(&self, lane: &mut Lane, most: Option<usize>) -> Result<Chosen, Refusal> {
        let mut filter = self.which.filter(lane).await?;
        if self.which.ids.is_empty() {
            let can_be = [DeliveryState::Open, DeliveryState::Dead];
            let all = filter.states.is_empty();
            let wanted = |state: &DeliveryState| all || filter.states.contains(state);
            filter.states = can_be.into_iter().filter(wanted).collect();
            if filter.states.is_empty() {
                return Ok(Chosen::default());
            }
            filter.unreplayed = true;
            filter.most = most.map(|most| most.saturating_add(1));
        }
        let selected = lane.select(&filter).await?;
        let (mut meant, others): (Vec<_>, Vec<_>) =
            selected.into_iter().partition(can_be_discarded);
        let others = self.others(&meant, &others);
        let is_more = cut(&mut meant, most);
        Ok(Chosen { meant, others, is_more })
    }

    fn others(&self, meant: &[Selected], others: &[Selected]) -> Vec<(uuid::Uuid, String)> {
        let known: std::collections::HashSet<_> = meant.iter().map(|one| one.id).collect();
        let why = |id: uuid::Uuid| match others.iter().find(|one| one.id == id) {
            Some(one) if one.replayed_by.is_some() => "was replayed".to_owned(),
            Some(one) => format!("is {} already", one.state.as_str()),
            None => "is not among what is meant".to_owned(),
        };
        let ids = self.which.ids.iter().copied().filter(|id| !known.contains(id));
        ids.map(|id| (id, why(id))).collect()
    }

    /// The record of it.
    #[must_use]
    pub fn act(&self, who: String) -> Act {
        let mut details = self.which.details();
        details.insert("reason".to_owned(), self.reason.clone().into());
        Act::new(who, Deed::Discard, &Value::from(details))
    }

    /// One step: all of these, or none. Returns whose each one was that was ended.
    ///
    /// # Errors
    /// Any [`StoreError`]; the same may be asked again.
    pub async fn step(
        &self,
        lane: &mut Lane,
        some: &[Selected],
        act: &Act,
    ) -> Result<Vec<Whose>, StoreError> {
        let ids = ids_of(some);
        patiently!(lane.discard(&ids, &self.reason, act))
    }
}

//! Delivering again what has ended, linked to the old, or sending it elsewhere.

use serde_json::Value;
use url::Url;

use super::{Chosen, Refusal, Which, cut, ids_of};
use crate::store::{
    Act, Deed, DeliveryState, Filter, Lane, ReplayMode, Replayed, Selected, StoreError,
};

/// What is to be delivered again, and how.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    /// Which deliveries. Without states, filters mean dead deliveries that were not replayed.
    pub which: Which,
    /// Under which key, from which values.
    pub mode: ReplayMode,
    /// To an address of nobody's configuration; the deliveries stay as they are.
    pub to: Option<Url>,
}

impl Replay {
    /// What can be replayed of what is meant, up to `most`.
    ///
    /// # Errors
    /// Any [`Refusal`].
    pub async fn choose(&self, lane: &mut Lane, most: Option<usize>) -> Result<Chosen, Refusal> {
        let mut filter = self.which.filter(lane).await?;
        let is_by_id = !self.which.ids.is_empty();
        filter.unreplayed = self.to.is_none();
        filter.most = most.map(|most| most.saturating_add(1)).filter(|_| !is_by_id);
        if !is_by_id && filter.states.is_empty() {
            filter.states = vec![DeliveryState::Dead];
            filter.unreplayed = true;
        }
        if self.to.is_none() && filter.states.contains(&DeliveryState::Open) {
            filter.states.retain(|state| *state != DeliveryState::Open);
            if filter.states.is_empty() {
                return Ok(Chosen { others: self.others(&[], lane).await?, ..Chosen::default() });
            }
        }
        let mut meant = lane.select(&filter).await?;
        meant.retain(|one| self.to.is_some() || one.state != DeliveryState::Open);
        let others = self.others(&meant, lane).await?;
        let is_more = cut(&mut meant, most);
        Ok(Chosen { meant, others, is_more })
    }

    /// Why each id that was given and is not meant cannot be replayed.
    async fn others(
        &self,
        meant: &[Selected],
        lane: &mut Lane,
    ) -> Result<Vec<(uuid::Uuid, String)>, StoreError> {
        let known: std::collections::HashSet<_> = meant.iter().map(|one| one.id).collect();
        let is_other = |id: &uuid::Uuid| !known.contains(id);
        let ids: Vec<_> = self.which.ids.iter().copied().filter(is_other).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let found = lane.select(&Filter { ids: ids.clone(), ..Filter::default() }).await?;
        let why = |id| match found.iter().find(|one| one.id == id) {
            None => "is not in the store".to_owned(),
            Some(Selected { replayed_by: Some(by), .. }) => {
                format!("was replayed already, by {by}: replay that one")
            }
            Some(one) if one.state == DeliveryState::Open => "is still open".to_owned(),
            Some(_) => "does not fit the filters".to_owned(),
        };
        Ok(ids.into_iter().map(|id| (id, why(id))).collect())
    }

    /// Whether what ended so goes under its old key again.
    #[must_use]
    pub fn keeps_key(&self, state: DeliveryState) -> bool {
        state.keeps_its_key() && !self.mode.as_new
    }

    /// The record of it.
    #[must_use]
    pub fn act(&self, who: String) -> Act {
        let mut details = self.which.details();
        let deed = if let Some(url) = &self.to {
            // Not what may be secret in it.
            let host = url.host_str().unwrap_or_default();
            let to = format!("{}://{host}{}", url.scheme(), url.path());
            details.insert("to".to_owned(), to.into());
            Deed::Send
        } else {
            details.insert("as_new".to_owned(), self.mode.as_new.into());
            details.insert("fresh".to_owned(), self.mode.fresh.into());
            Deed::Replay
        };
        Act::new(who, deed, &Value::from(details))
    }

    /// One step: all of these, or none. What somebody else replayed meanwhile is left out.
    ///
    /// # Errors
    /// Any [`StoreError`]; the same may be asked again.
    pub async fn step(
        &self,
        lane: &mut Lane,
        some: &[Selected],
        act: &Act,
    ) -> Result<Vec<Replayed>, StoreError> {
        let ids = ids_of(some);
        patiently!(lane.replay(&ids, self.mode, act))
    }
}

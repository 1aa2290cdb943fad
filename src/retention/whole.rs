//! Which old events may go: those that are done with, together with all that hangs together with them.
//!
//! An event goes whole or not at all, and stays while anything is open, or ended but lately, that
//! leads on from it: its own deliveries, their replays, and what its deliveries were merged into.

use std::collections::{HashMap, HashSet};

use time::OffsetDateTime;
use uuid::Uuid;

use crate::store::{Lane, OldDelivery, Removable, StoreError, moment_between};

/// So many times it is looked where links lead. What leads on from there stays: as the oldest go
/// one by one at the far end, long chains become short ones.
const ROUNDS: usize = 64;

/// What is known of the deliveries around some events.
#[derive(Default)]
struct Known {
    deliveries: HashMap<Uuid, OldDelivery>,
    of_events: HashMap<Uuid, Vec<Uuid>>,
    asked: HashSet<Uuid>,
}

/// Those of `events`, which are in the order of their ids, of which everything ended before that.
///
/// # Errors
/// Any [`StoreError`].
pub(super) async fn removable(
    lane: &mut Lane,
    events: &[Uuid],
    ended_before: OffsetDateTime,
) -> Result<Vec<Removable>, StoreError> {
    let (Some(&first), Some(&last)) = (events.first(), events.last()) else {
        return Ok(Vec::new());
    };
    let mut known = Known::default();
    known.of_events.extend(events.iter().map(|event| (*event, Vec::new())));
    let mut new = known.add(lane.old_deliveries(moment_between(first, last), events).await?);
    for _ in 0..ROUNDS {
        let missing = known.ask_for(&new);
        if missing.is_empty() {
            break;
        }
        new = known.add(lane.linked_deliveries(&missing).await?);
    }
    let staying = known.staying(ended_before);
    let goes = |event: &&Uuid| known.of_events[*event].iter().all(|id| !staying.contains(id));
    let gone = events.iter().filter(goes);
    Ok(gone
        .map(|event| Removable { event: *event, deliveries: known.of_events[event].clone() })
        .collect())
}

/// Where a delivery leads on.
fn links(delivery: &OldDelivery) -> impl Iterator<Item = Uuid> {
    let merged = delivery.merged_into.filter(|into| *into != delivery.id);
    [delivery.replayed_by, merged].into_iter().flatten()
}

impl Known {
    /// Takes them in; the ids of those that are new.
    fn add(&mut self, deliveries: Vec<OldDelivery>) -> Vec<Uuid> {
        let mut new = Vec::new();
        for delivery in deliveries {
            let id = delivery.id;
            if let Some(of_event) = self.of_events.get_mut(&delivery.event_id) {
                of_event.push(id);
            }
            self.deliveries.insert(id, delivery);
            new.push(id);
        }
        new
    }

    /// Where these lead that was not looked at yet.
    fn ask_for(&mut self, new: &[Uuid]) -> Vec<Uuid> {
        let links: Vec<Uuid> = new.iter().flat_map(|id| links(&self.deliveries[id])).collect();
        let is_missing = |id: &Uuid| !self.deliveries.contains_key(id) && self.asked.insert(*id);
        links.into_iter().filter(is_missing).collect()
    }

    /// Those that stay, with all that lead to them.
    fn staying(&self, ended_before: OffsetDateTime) -> HashSet<Uuid> {
        let mut leading_to: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
        let mut staying = Vec::new();
        for delivery in self.deliveries.values() {
            if delivery.ended_at.is_none_or(|ended| ended >= ended_before) {
                staying.push(delivery.id);
            }
            for link in links(delivery) {
                leading_to.entry(link).or_default().push(delivery.id);
                // Asked for and not there: gone. Never asked for: who knows.
                if !self.deliveries.contains_key(&link) && !self.asked.contains(&link) {
                    staying.push(link);
                }
            }
        }
        let mut all = HashSet::new();
        while let Some(id) = staying.pop() {
            if all.insert(id) {
                staying.extend(leading_to.get(&id).into_iter().flatten());
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEN: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn delivery(number: u128, ended_at: Option<OffsetDateTime>) -> OldDelivery {
        OldDelivery {
            id: Uuid::from_u128(number),
            event_id: Uuid::from_u128(100 + number),
            ended_at,
            replayed_by: None,
            merged_into: None,
        }
    }

    /// Each merged into the next.
    fn chain(last: Option<OffsetDateTime>) -> Known {
        let mut known = Known::default();
        let mut deliveries: Vec<_> = (1..=3).map(|number| delivery(number, Some(THEN))).collect();
        deliveries[0].merged_into = Some(deliveries[1].id);
        deliveries[1].merged_into = Some(deliveries[2].id);
        deliveries[2].merged_into = Some(deliveries[2].id);
        deliveries[2].ended_at = last;
        known.add(deliveries);
        known
    }

    #[test]
    fn what_leads_to_an_open_one_stays_with_it() {
        let later = THEN + time::Duration::SECOND;
        assert_eq!(chain(None).staying(later).len(), 3);
        assert_eq!(chain(Some(later)).staying(later).len(), 3);
        assert!(chain(Some(THEN)).staying(later).is_empty());
    }

    #[test]
    fn what_leads_to_who_knows_where_stays_and_what_leads_to_nothing_goes() {
        let later = THEN + time::Duration::SECOND;
        let mut known = Known::default();
        let mut replayed = delivery(1, Some(THEN));
        replayed.replayed_by = Some(Uuid::from_u128(9));
        let new = known.add(vec![replayed]);
        assert_eq!(known.staying(later).len(), 2);
        assert_eq!(known.ask_for(&new), [Uuid::from_u128(9)]);
        assert!(known.staying(later).is_empty());
    }
}

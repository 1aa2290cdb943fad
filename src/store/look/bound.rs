//! What a search puts into its statement: the same parameters in the same order on both engines.

use super::{MessageStatus, Search, State, Table, starts_with};
use crate::store::Origin;

/// The value of one parameter; a text that is not there asks for nothing.
pub(in crate::store) enum Bound<'a> {
    Text(Option<&'a str>),
    Number(i32),
    Flag(bool),
}

impl Search {
    /// What follows the range and the limit.
    pub(in crate::store) fn bound(&self, table: Table) -> Vec<Bound<'_>> {
        let mut bound = vec![Bound::Text(self.source.as_deref())];
        match table {
            Table::Messages => {
                let status = self.status.map(MessageStatus::as_str);
                bound.extend([status, self.error.as_deref()].map(Bound::Text));
            }
            Table::Events => bound.extend(self.of_events()),
            Table::Deliveries => {
                bound.extend(self.of_events());
                bound.extend(self.of_deliveries());
            }
        }
        bound.push(Bound::Text(self.origin.map(Origin::as_str)));
        bound
    }

    fn of_events(&self) -> [Bound<'_>; 6] {
        let (exact, start) = starts_with(self.event_type.as_deref());
        let ids = [&self.object, &self.record, &self.list, &self.entry];
        let [object, record, list, entry] = ids.map(Option::as_deref);
        [exact, start, object, record, list, entry].map(Bound::Text)
    }

    fn of_deliveries(&self) -> [Bound<'_>; 7] {
        let held = (self.state == Some(State::Orphaned)).then_some("orphaned");
        [
            Bound::Text(self.route.as_deref()),
            Bound::Text(self.action.as_deref()),
            Bound::Text(self.state.map(|state| state.column().as_str())),
            Bound::Text(held),
            Bound::Number(i32::from(self.state == Some(State::Failing))),
            Bound::Text(self.error.as_deref()),
            Bound::Flag(self.is_about_events()),
        ]
    }
}

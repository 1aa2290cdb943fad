//! Which events go where, and what they are told there. Pure: no I/O, no clock.
//!
//! An event is routed in two halves. At intake [`RouteTable::decide`] leaves out what it can rule
//! out from the event and what is known; in the worker [`Rule::judge`] decides the rest.

pub mod condition;
mod filter;
mod needs;
mod pattern;
mod rule;
pub mod table;
pub mod template;
mod verdict;

pub use condition::Condition;
pub use filter::Filter;
pub use needs::Needs;
pub use pattern::TypePattern;
pub use rule::Rule;
pub use table::{RouteTable, Routed, Shared};
pub use verdict::{Judged, Seen, Verdict};

#[cfg(test)]
mod tests;

//! Which events go where, and what they are told there. Pure: no I/O, no clock.

pub mod condition;
mod needs;
pub mod table;
pub mod template;

pub use condition::Condition;
pub use needs::Needs;
pub use table::{RouteTable, Routed};

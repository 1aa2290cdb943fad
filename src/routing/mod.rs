//! Which events go where, and what they are told there. Pure: no I/O, no clock.

mod needs;
pub mod table;
pub mod template;

pub use needs::Needs;
pub use table::{RouteTable, Routed};

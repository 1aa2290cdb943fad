//! Which events go where, and what they are told there. Pure: no I/O, no clock.

pub mod table;
pub mod template;

pub use table::{RouteTable, Routed};

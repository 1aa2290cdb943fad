//! Which events go where. Pure: no I/O, no clock.

pub mod table;

pub use table::{RouteTable, Routed};

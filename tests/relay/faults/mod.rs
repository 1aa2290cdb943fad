//! The real binary against a database, processes and connections that stop, freeze and die.

mod away;
mod balancer;
mod books;
mod cut;
mod kill;
mod late;
mod start;
mod stop;
mod traffic;
mod warehouse;
pub mod wire;

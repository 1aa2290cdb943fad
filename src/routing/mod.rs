//! TBD

pub mod template;

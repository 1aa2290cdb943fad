//! The private door: who may use what.

mod access;

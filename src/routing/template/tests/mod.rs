//! The language as its users meet it.

mod basics;
mod looked_up;

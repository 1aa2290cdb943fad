//! What is stored of what was sent, and how often.

mod hang_ups;
mod keys;
mod shapes;

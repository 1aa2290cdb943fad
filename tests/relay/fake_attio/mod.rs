//! The fake Attio itself: it may only stand for Attio if it answers and behaves as Attio does.

mod calls;
mod changes;
mod events;
mod fixtures;
mod queries;
mod webhooks;

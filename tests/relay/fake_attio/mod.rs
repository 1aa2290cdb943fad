//! The fake Attio itself: it may only stand for Attio if it answers and behaves as Attio does.

mod fixtures;

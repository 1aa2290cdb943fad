//! Failing on request: what a test wants the next calls to come to.

use std::{sync::Mutex, time::Duration};

use tokio::sync::watch;

use super::{call::Call, limits::RetryAfter, lock, seen};

/// What becomes of a call instead of its answer.
#[derive(Debug, Clone)]
pub enum Failure {
    /// An error in Attio's shape: status and code, such as 404 `merge_in_progress`.
    Error(u16, &'static str),
    /// Any answer at all: status, headers, body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// 429 that asks to wait so long, in this form.
    Limited(RetryAfter, Duration),
    /// No answer until the fake is healed; then it is carried out, if the client still waits.
    Hang,
    /// The connection is cut, and nothing was done.
    Cut,
    /// It is carried out; then the connection is cut.
    CutAfter,
}

/// One order to fail.
#[derive(Debug)]
struct Order {
    method: String,
    path: String,
    /// How many calls are left; `None`: all until healed.
    left: Option<usize>,
    failure: Failure,
}

/// All orders; the first that fits a call is obeyed.
#[derive(Debug)]
pub(super) struct Faults {
    orders: Mutex<Vec<Order>>,
    healed: watch::Sender<()>,
}

/// Becomes true when everything is healed the next time.
pub(super) struct Healed(watch::Receiver<()>);

impl Healed {
    pub(super) async fn wait(mut self) {
        // An error means that the fake is gone, and with it whoever waits.
        let _gone = self.0.changed().await;
    }
}

impl Faults {
    pub(super) fn new() -> Self {
        Self { orders: Mutex::default(), healed: watch::Sender::new(()) }
    }

    pub(super) fn order(&self, method: &str, path: &str, left: Option<usize>, failure: Failure) {
        let (method, path) = (method.to_owned(), path.to_owned());
        lock(&self.orders).push(Order { method, path, left, failure });
    }

    /// Forgets all orders, and lets go of the calls that hang.
    pub(super) fn heal(&self) {
        let mut orders = lock(&self.orders);
        orders.clear();
        self.healed.send_replace(());
    }

    /// What is to become of this call, and what changes when everything is healed.
    pub(super) fn next(&self, call: &Call) -> Option<(Failure, Healed)> {
        let mut orders = lock(&self.orders);
        let method = call.method.as_str();
        let place = orders.iter().position(|order| {
            order.left != Some(0) && seen::fits(&order.method, &order.path, method, &call.path)
        })?;
        let order = &mut orders[place];
        order.left = order.left.map(|left| left - 1);
        // Under the lock: whoever heals afterwards reaches this call too.
        Some((order.failure.clone(), Healed(self.healed.subscribe())))
    }
}

//! Sends webhooks: signed, with a key for each message, again and again until one answer is 2xx
//! (<https://docs.attio.com/rest-api/guides/webhooks>). Unlike Attio it waits moments, not hours.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    runtime::Handle,
    sync::{Semaphore, watch},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;

use super::{
    desk::Desk,
    lock,
    message::{Delivery, Message, is_here, write},
    webhook::Webhook,
};

/// An answer that comes later counts as a failure.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Messages that are on their way at the same time.
const AT_ONCE: usize = 32;

/// All messages ever made, and how they are sent.
#[derive(Debug)]
pub(super) struct Courier {
    http: reqwest::Client,
    runtime: Handle,
    tasks: TaskTracker,
    stop: CancellationToken,
    slots: Semaphore,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    messages: Vec<Message>,
    events: Vec<Value>,
    is_holding: bool,
    /// Whose place other addresses take: what it starts with, what stands there instead.
    detours: Vec<(String, String)>,
    retries: u32,
    first_wait: Duration,
}

impl Courier {
    pub(super) fn new(tasks: TaskTracker, stop: CancellationToken) -> reqwest::Result<Self> {
        // Whoever comes first installs it; an error means that somebody did.
        let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = reqwest::Client::builder()
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([])
            .user_agent("Attio 2.0 (https://attio.com/developers/using-webhooks)")
            .timeout(PATIENCE)
            .build()?;
        let state = State {
            messages: Vec::new(),
            events: Vec::new(),
            is_holding: false,
            detours: Vec::new(),
            retries: 10,
            first_wait: Duration::from_millis(50),
        };
        Ok(Self {
            http,
            runtime: Handle::current(),
            tasks,
            stop,
            slots: Semaphore::new(AT_ONCE),
            state: Mutex::new(state),
            changed: watch::Sender::new(()),
        })
    }

    /// Tells the webhooks that want it of what happened.
    pub(super) fn tell(&self, desk: &Arc<Desk>, webhooks: &[Webhook], events: Vec<Value>) {
        for event in events {
            for webhook in webhooks.iter().filter(|webhook| webhook.wants(&event)) {
                let mut state = lock(&self.state);
                let mut message = write(webhook, &event);
                if state.is_holding {
                    message.delivery = Delivery::Held;
                }
                state.messages.push(message);
                let (place, is_held) = (state.messages.len() - 1, state.is_holding);
                drop(state);
                if !is_held {
                    self.send(desk, place);
                }
            }
            lock(&self.state).events.push(event);
        }
        self.changed.send_replace(());
    }

    /// Holds back what is made from now on.
    pub(super) fn hold(&self) {
        lock(&self.state).is_holding = true;
    }

    /// Sends what was held back; how many messages.
    pub(super) fn release(&self, desk: &Arc<Desk>) -> usize {
        let released = self.end_holding(Delivery::Open);
        for place in &released {
            self.send(desk, *place);
        }
        released.len()
    }

    /// Throws away what was held back; how many messages.
    pub(super) fn lose(&self) -> usize {
        self.end_holding(Delivery::Lost).len()
    }

    /// Sends a message once more; whether there is one with this key.
    pub(super) fn repeat(&self, desk: &Arc<Desk>, key: &str) -> bool {
        let mut state = lock(&self.state);
        let Some(place) = state.messages.iter().position(|message| message.key == key) else {
            return false;
        };
        state.messages[place].delivery = Delivery::Open;
        drop(state);
        self.send(desk, place);
        true
    }

    fn end_holding(&self, become_of_them: Delivery) -> Vec<usize> {
        let mut state = lock(&self.state);
        state.is_holding = false;
        let mut places = Vec::new();
        for (place, message) in state.messages.iter_mut().enumerate() {
            if message.delivery == Delivery::Held {
                message.delivery = become_of_them;
                places.push(place);
            }
        }
        drop(state);
        self.changed.send_replace(());
        places
    }

    pub(super) fn messages(&self) -> Vec<Message> {
        lock(&self.state).messages.clone()
    }

    pub(super) fn events(&self) -> Vec<Value> {
        lock(&self.state).events.clone()
    }

    /// Sends what goes to addresses that start so to another place.
    pub(super) fn detour(&self, from: &str, to: &str) {
        lock(&self.state).detours.push((from.to_owned(), to.to_owned()));
    }

    pub(super) fn set_retries(&self, retries: u32, first_wait: Duration) {
        let mut state = lock(&self.state);
        (state.retries, state.first_wait) = (retries, first_wait);
    }

    /// Returns once `is_so` of all messages.
    pub(super) async fn wait_until(&self, is_so: impl Fn(&[Message]) -> bool) {
        let mut changes = self.changed.subscribe();
        while !is_so(&lock(&self.state).messages) && changes.changed().await.is_ok() {}
    }

    fn send(&self, desk: &Arc<Desk>, place: usize) {
        let desk = Arc::clone(desk);
        let sending = async move { desk.courier.deliver(&desk, place).await };
        let sending = self.stop.clone().run_until_cancelled_owned(sending);
        self.tasks.spawn_on(sending, &self.runtime);
    }

    async fn deliver(&self, desk: &Desk, place: usize) {
        let (retries, mut wait, webhook_id) = {
            let state = lock(&self.state);
            (state.retries, state.first_wait, state.messages[place].webhook_id.clone())
        };
        for left in (0..=retries).rev() {
            let status = self.try_once(place).await;
            let is_taken = status.is_some_and(|status| (200..300).contains(&status));
            let delivery = if is_taken {
                Delivery::Taken
            } else if left == 0 {
                desk.degrade(&webhook_id);
                Delivery::GivenUp
            } else if desk.has_webhook(&webhook_id) {
                Delivery::Open
            } else {
                Delivery::GivenUp
            };
            self.note(place, status, delivery);
            if delivery != Delivery::Open {
                return;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn try_once(&self, place: usize) -> Option<u16> {
        let _slot = self.slots.acquire().await.ok()?;
        let (request, url) = {
            let state = lock(&self.state);
            let message = &state.messages[place];
            let url = state.target(&message.url)?;
            let request = self.http.post(url.clone()).body(message.body.clone());
            let request = request
                .header("content-type", "application/json")
                .header("attio-signature", &message.signature)
                .header("x-attio-signature", &message.signature)
                .header("idempotency-key", &message.key);
            (request, url)
        };
        if !is_here(&url) {
            return None;
        }
        Some(request.send().await.ok()?.status().as_u16())
    }

    /// Notes a try.
    fn note(&self, place: usize, status: Option<u16>, delivery: Delivery) {
        let mut state = lock(&self.state);
        let message = &mut state.messages[place];
        message.tries.push(status);
        message.delivery = delivery;
        drop(state);
        self.changed.send_replace(());
    }
}

impl State {
    fn target(&self, url: &str) -> Option<Url> {
        let detour = self.detours.iter().rev().find(|(from, _)| url.starts_with(from));
        let there = detour.map(|(from, to)| format!("{to}{}", &url[from.len()..]));
        Url::parse(there.as_deref().unwrap_or(url)).ok()
    }
}

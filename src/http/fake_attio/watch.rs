//! What tests and the demo see of the fake and tell it, besides what Attio's users could do.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Actor, Delivery, Failure, FakeAttio, Message, Refusal, RetryAfter, Seen, lock,
    webhook::{self, Webhook},
    world::Kind,
};

impl FakeAttio {
    /// Moves its clock ahead of the wall's.
    pub fn advance(&self, by: Duration) {
        self.desk.clock.advance(by);
    }

    /// Every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        self.desk.log.all()
    }

    /// The requests whose method is this (`*`: any) and whose path starts so. Objects and lists
    /// are named by their slugs, whatever the client called them.
    #[must_use]
    pub fn requests_to(&self, method: &str, path: &str) -> Vec<Seen> {
        self.desk.log.to(method, path)
    }

    /// Returns once so many such requests were seen, answered or not.
    pub async fn wait_for_requests(&self, method: &str, path: &str, count: usize) {
        self.desk.log.wait_for(method, path, count).await;
    }

    /// The next `times` calls whose method is this (`*`: any) and whose path starts so, fail.
    pub fn fail(&self, method: &str, path: &str, times: usize, failure: Failure) {
        self.desk.faults.order(method, path, Some(times), failure);
    }

    /// All such calls fail until [`Self::heal`].
    pub fn fail_all(&self, method: &str, path: &str, failure: Failure) {
        self.desk.faults.order(method, path, None, failure);
    }

    /// Nothing fails any more, and what hung goes on.
    pub fn heal(&self) {
        self.desk.faults.heal();
    }

    /// Allows so many calls a second.
    pub fn set_limits(&self, reads: u32, writes: u32) {
        let mut limits = lock(&self.desk.limits);
        (limits.reads, limits.writes) = (reads, writes);
    }

    /// Says so when to come again, in answers 429.
    pub fn set_retry_after(&self, form: RetryAfter) {
        lock(&self.desk.limits).retry_after = form;
    }

    /// Sends `X-RateLimit-Limit`, `-Remaining` and `-Reset` (a Unix time) with every answer.
    pub fn send_limit_hints(&self) {
        lock(&self.desk.limits).has_hints = true;
    }

    /// Grants the token these scopes, parted by spaces, and no others.
    pub fn set_scopes(&self, scopes: &str) {
        scopes.clone_into(&mut lock(&self.desk.token).scopes);
    }

    /// The token is dead: 401, and `{"active": false}` from `/v2/self`.
    pub fn revoke_token(&self) {
        lock(&self.desk.token).is_active = false;
    }

    /// The actor of what is written with the token.
    #[must_use]
    pub fn token_actor(&self) -> Actor {
        lock(&self.desk.token).actor()
    }

    /// Makes a webhook whose secret is known before; its id. It gets every event where
    /// `subscriptions` is none.
    pub fn add_webhook(
        &self,
        target_url: &str,
        secret: &str,
        subscriptions: Option<Vec<Value>>,
    ) -> String {
        let id = Uuid::now_v7().to_string();
        lock(&self.desk.world).webhooks.push(Webhook {
            id: id.clone(),
            target_url: target_url.to_owned(),
            secret: secret.to_owned(),
            subscriptions: subscriptions.unwrap_or_else(webhook::everything),
            status: "active",
            created_at: self.desk.clock.text(),
        });
        id
    }

    /// Sets a webhook's status: `active`, `degraded` or `inactive`, which gets no events.
    ///
    /// # Errors
    /// There is no such webhook.
    pub fn set_webhook_status(&self, id: &str, status: &'static str) -> Result<(), Refusal> {
        let mut world = lock(&self.desk.world);
        let place = world.webhook(id)?;
        world.webhooks[place].status = status;
        Ok(())
    }

    /// All webhooks as Attio lists them, each with its `secret`.
    #[must_use]
    pub fn webhooks(&self) -> Vec<Value> {
        let world = lock(&self.desk.world);
        let show = |webhook: &Webhook| {
            let mut shown = webhook.show(&world.workspace_id);
            shown["secret"] = json!(webhook.secret);
            shown
        };
        world.webhooks.iter().map(show).collect()
    }

    /// Messages to addresses that start with `from` go to `to` instead: so a webhook can have the
    /// `https` address that Attio asks for. The last one told counts, also for messages that are
    /// on their way. Messages leave this machine in no case.
    pub fn detour(&self, from: &str, to: &str) {
        self.desk.courier.detour(from, to);
    }

    /// Tries a message so often again, the first time after this wait, then after twice as long
    /// each time up to a second. Usual are 10 and 50 ms.
    pub fn set_retries(&self, retries: u32, first_wait: Duration) {
        self.desk.courier.set_retries(retries, first_wait);
    }

    /// Holds back the messages that are made from now on.
    pub fn hold_messages(&self) {
        self.desk.courier.hold();
    }

    /// Sends the messages that were held back, and holds no more; how many there were.
    #[must_use]
    pub fn release_messages(&self) -> usize {
        self.desk.courier.release(&self.desk)
    }

    /// Loses the messages that were held back, and holds no more; how many there were.
    #[must_use]
    pub fn lose_messages(&self) -> usize {
        self.desk.courier.lose()
    }

    /// Sends a message once more, as Attio does when an answer was lost on its way; whether there
    /// is one with this key.
    #[must_use]
    pub fn send_again(&self, key: &str) -> bool {
        self.desk.courier.repeat(&self.desk, key)
    }

    /// Every event that ever happened, whether or not a webhook wanted it.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        self.desk.courier.events()
    }

    /// Every message that was ever made, in order.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.desk.courier.messages()
    }

    /// Returns once so many messages were answered 2xx.
    pub async fn wait_for_messages(&self, count: usize) {
        let taken = |all: &[Message]| {
            all.iter().filter(|message| message.delivery == Delivery::Taken).count()
        };
        self.desk.courier.wait_until(|all| taken(all) >= count).await;
    }

    /// Returns once no message is on its way any more.
    pub async fn wait_until_quiet(&self) {
        let is_open = |message: &Message| message.delivery == Delivery::Open;
        self.desk.courier.wait_until(|all| !all.iter().any(is_open)).await;
    }

    /// A record as Attio answers it now.
    ///
    /// # Errors
    /// There is no such object or record.
    pub fn record(&self, object: &str, record: &str) -> Result<Value, Refusal> {
        let world = lock(&self.desk.world);
        Ok(world.show(world.thing(Kind::Object, object, record)?))
    }

    /// Every record of an object as Attio answers it now.
    ///
    /// # Errors
    /// There is no such object.
    pub fn records(&self, object: &str) -> Result<Vec<Value>, Refusal> {
        let world = lock(&self.desk.world);
        let holder = world.holder(Kind::Object, object)?;
        Ok(world.held_by(holder).map(|record| world.show(record)).collect())
    }

    /// Every entry of a list as Attio answers it now.
    ///
    /// # Errors
    /// There is no such list.
    pub fn entries(&self, list: &str) -> Result<Vec<Value>, Refusal> {
        let world = lock(&self.desk.world);
        let holder = world.holder(Kind::List, list)?;
        Ok(world.held_by(holder).map(|entry| world.show(entry)).collect())
    }

    /// Every note as Attio answers it, the oldest first.
    #[must_use]
    pub fn notes(&self) -> Vec<Value> {
        lock(&self.desk.world).notes.clone()
    }

    /// Every task as Attio answers it, the oldest first.
    #[must_use]
    pub fn tasks(&self) -> Vec<Value> {
        lock(&self.desk.world).tasks.clone()
    }

    /// Every comment as Attio answers it, the oldest first.
    #[must_use]
    pub fn comments(&self) -> Vec<Value> {
        lock(&self.desk.world).comments.clone()
    }
}

//! What a call meets, in this order: an order to fail, the token, its scopes, the limits, the
//! workspace.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{
    Failure, Options, TOKEN,
    actor::{Actor, By},
    call::Call,
    clock::Clock,
    courier::Courier,
    faults::Faults,
    limits::{self, Limits},
    lock,
    refusal::Refusal,
    reply::Reply,
    scope, seed,
    seen::Log,
    world::World,
};

/// The connection is to be cut without an answer.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("cut on request")]
pub(super) struct Cut;

/// All parts of the fake.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) world: Mutex<World>,
    pub(super) token: Mutex<Token>,
    pub(super) limits: Mutex<Limits>,
    pub(super) faults: Faults,
    pub(super) log: Log,
    pub(super) clock: Clock,
    pub(super) courier: Courier,
}

/// What the token is, and what it may do.
#[derive(Debug)]
pub(super) struct Token {
    /// What `/v2/self` says, but for the scopes.
    identity: Value,
    pub(super) scopes: String,
    pub(super) is_active: bool,
    is_app: bool,
}

impl Token {
    pub(super) fn actor(&self) -> Actor {
        let kind = if self.is_app { "app" } else { "api-token" };
        Actor { kind, id: self.identity["client_id"].as_str().map(str::to_owned) }
    }

    fn show(&self) -> Value {
        let mut shown = self.identity.clone();
        shown["scope"] = self.scopes.as_str().into();
        shown
    }
}

impl Desk {
    pub(super) fn new(options: Options, courier: Courier) -> Self {
        let (mut world, tokens) = seed::plant();
        world.repeats_are_changes = options.repeats_are_changes;
        let identity = if options.is_app { tokens.app } else { tokens.workspace };
        let token =
            Token { identity, scopes: options.scopes, is_active: true, is_app: options.is_app };
        Self {
            world: Mutex::new(world),
            token: Mutex::new(token),
            limits: Mutex::new(Limits::new(options.reads, options.writes)),
            faults: Faults::new(),
            log: Log::new(),
            clock: Clock::default(),
            courier,
        }
    }

    /// Answers a call, or does to it what was ordered.
    pub(super) async fn answer(self: &Arc<Self>, call: &Call) -> Result<Reply, Cut> {
        let Some((failure, healed)) = self.faults.next(call) else {
            return Ok(self.carry_out(call));
        };
        match failure {
            Failure::Error(status, code) => {
                Ok(Reply::error(status, code, "This call fails on request."))
            }
            Failure::Answer(status, headers, body) => {
                let owned = |(name, value): (&'static str, String)| (name.to_owned(), value);
                Ok(Reply { status, headers: headers.into_iter().map(owned).collect(), body })
            }
            Failure::Limited(form, wait) => Ok(limits::refuse(form, self.clock.now(), wait)),
            Failure::Hang => {
                healed.wait().await;
                Ok(self.carry_out(call))
            }
            Failure::Cut => Err(Cut),
            Failure::CutAfter => {
                self.carry_out(call);
                Err(Cut)
            }
        }
    }

    fn carry_out(self: &Arc<Self>, call: &Call) -> Reply {
        let actor = match self.admit(call) {
            Ok(actor) => actor,
            Err(reply) => return reply,
        };
        let outcome = self.change(actor, |world, by| world.answer(call, by));
        let mut reply = outcome.map_or_else(Reply::from, Reply::from);
        reply.headers.extend(lock(&self.limits).hints(call.access()));
        reply
    }

    /// In whose name the call is carried out; or what is answered at once.
    fn admit(&self, call: &Call) -> Result<Actor, Reply> {
        let token = lock(&self.token);
        let is_known = token.is_active && call.token.as_deref() == Some(TOKEN);
        // A dead token is told so with status 200.
        let asks_who = call.path == "/v2/self" && call.token.is_some();
        if !is_known && !asks_who {
            let message = "The access token is missing, unknown or revoked.";
            return Err(Reply::error(401, "unauthorized", message));
        }
        lock(&self.limits).admit(call.access(), self.clock.now())?;
        if asks_who {
            return Err(if is_known { token.show() } else { json!({"active": false}) }.into());
        }
        if !scope::allow(&token.scopes, call) {
            let message = "The access token lacks the scope that this endpoint needs.";
            return Err(Reply::error(403, "unauthorized", message));
        }
        Ok(token.actor())
    }

    /// Changes the workspace in somebody's name, and tells the webhooks.
    pub(super) fn change<T>(
        self: &Arc<Self>,
        actor: Actor,
        change: impl FnOnce(&mut World, &By) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let by = By { actor, at: self.clock.text() };
        let mut world = lock(&self.world);
        let outcome = change(&mut world, &by);
        let happened = std::mem::take(&mut world.happened);
        self.courier.tell(self, &world.webhooks, happened);
        outcome
    }

    /// A webhook did not take a message, however often it was tried.
    pub(super) fn degrade(&self, webhook_id: &str) {
        let mut world = lock(&self.world);
        if let Ok(place) = world.webhook(webhook_id) {
            world.webhooks[place].status = "degraded";
        }
    }

    pub(super) fn has_webhook(&self, webhook_id: &str) -> bool {
        lock(&self.world).webhook(webhook_id).is_ok()
    }
}

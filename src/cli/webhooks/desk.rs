//! What the subcommands work with: a client, our addresses, and what is in Attio now.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, anyhow, bail};
use secrecy::SecretString;

use super::slot::Slot;
use crate::{
    attio::{
        catalog::{Catalog, Holder},
        client::{self, ApiError, Client, Instant},
        learn::learn,
        subscription::{Comparison, Plan, Subscription, Target, UnknownName, Webhook},
    },
    config::{self, Config, Name, Route, Source},
    telemetry::Metrics,
};

/// One call, or all that the names take, lasts so long at the most, with its waits and repeats.
const CALL: Duration = Duration::from_mins(1);

/// Access to Attio, and which of its webhooks are ours.
pub(super) struct Desk<'c> {
    config: &'c Config,
    client: Client,
    /// One for each source; empty without a `public_url`.
    pub(super) targets: Vec<Target>,
}

/// The source that carries the plan.
#[derive(Clone, Copy)]
pub(super) struct Carrier<'d> {
    pub(super) source: &'d Source,
    pub(super) target: &'d Target,
}

/// What is there and what should be.
pub(super) struct Survey {
    pub(super) catalog: Catalog,
    pub(super) plan: Plan,
    pub(super) webhooks: Vec<Webhook>,
}

impl<'c> Desk<'c> {
    pub(super) fn new(config: &'c Config) -> anyhow::Result<Self> {
        let Some(attio) = &config.attio else {
            bail!("there is no [attio] section: `token` says how to ask Attio");
        };
        let client = Client::new(attio, Arc::new(Metrics::new()))?;
        let public_url = config.server.public_url.iter();
        let targets = public_url
            .flat_map(|url| config.sources.iter().map(move |source| Target::new(url, source)));
        Ok(Self { config, client, targets: targets.collect() })
    }

    /// The source of that name, or the first.
    pub(super) fn carrier(&self, name: Option<&str>) -> anyhow::Result<Carrier<'_>> {
        let sources = &self.config.sources;
        let found = match name {
            None => sources.first(),
            Some(name) => sources.iter().find(|source| source.name.as_str() == name),
        };
        let source =
            found.with_context(|| format!("there is no source `{}`", name.unwrap_or("")))?;
        let target = self.targets.iter().find(|target| target.source == source.name);
        let target = target.context(
            "`server.public_url` is missing: without it nobody can say where Attio has to post to",
        )?;
        Ok(Carrier { source, target })
    }

    /// Every webhook of the workspace.
    pub(super) async fn webhooks(&self) -> anyhow::Result<Vec<Webhook>> {
        let webhooks = self.client.webhooks(soon()).await;
        Ok(webhooks
            .map_err(|error| told("list webhooks", &error))?
            .into_iter()
            .map(Into::into)
            .collect())
    }

    /// Asks Attio for everything that a plan is made of.
    pub(super) async fn survey(&self) -> anyhow::Result<Survey> {
        let catalog =
            self.catalog().await.map_err(|error| told("read the workspace's names", &error))?;
        let plan = Plan::new(&self.config.routes, &catalog);
        Ok(Survey { catalog, plan, webhooks: self.webhooks().await? })
    }

    /// The names that the routes use. One in `changed` may be of any object, or any list, where the
    /// route does not say which.
    async fn catalog(&self) -> Result<Catalog, ApiError> {
        let (client, routes) = (&self.client, &self.config.routes);
        let objects: Vec<&str> =
            routes.iter().filter_map(|route| route.object.as_ref()).map(Name::as_str).collect();
        let lists: Vec<&str> =
            routes.iter().filter_map(|route| route.list.as_ref()).map(Name::as_str).collect();
        let deadline = soon();
        let mut catalog = learn(client, &objects, &lists, deadline).await?;
        let is_open = |route: &&Route| !route.changed.is_empty();
        if routes.iter().filter(is_open).any(|route| route.object.is_none()) {
            for object in catalog.objects.iter_mut().filter(|it| it.attributes.is_none()) {
                let holder = Holder::Object(&object.id);
                object.attributes = Some(client.attributes(holder, deadline).await?);
            }
        }
        if routes.iter().filter(is_open).any(|route| route.list.is_none()) {
            for list in catalog.lists.iter_mut().filter(|it| it.attributes.is_none()) {
                let holder = Holder::List(&list.id);
                list.attributes = Some(client.attributes(holder, deadline).await?);
            }
        }
        Ok(catalog)
    }

    /// Makes a webhook and puts its secret into the slot. Where that is not certain, there is no
    /// webhook afterwards: one whose secret nobody knows would only fail until Attio gives it up.
    pub(super) async fn create(
        &self,
        target_url: &str,
        subscriptions: &[Subscription],
        slot: Slot,
    ) -> anyhow::Result<()> {
        let subscriptions: Vec<client::Subscription> =
            subscriptions.iter().map(Into::into).collect();
        match self.client.create_webhook(target_url, &subscriptions, soon()).await {
            Ok(made) => self.keep(&made.webhook.id, &made.secret, slot).await,
            Err(error @ ApiError::Later { .. }) => {
                self.remove_secretless(target_url).await?;
                Err(told("make the webhook", &error))
            }
            Err(error) => Err(told("make the webhook", &error)),
        }
    }

    async fn keep(&self, id: &str, secret: &SecretString, slot: Slot) -> anyhow::Result<()> {
        if let Err(error) = slot.keep(secret) {
            self.delete(id)
                .await
                .with_context(|| format!("its secret is lost: delete webhook {id}"))?;
            return Err(error.context("the new webhook was deleted again"));
        }
        println!("made webhook {id}");
        Ok(())
    }

    /// Attio's answer was lost, and with it the secret of what it may have made.
    async fn remove_secretless(&self, target_url: &str) -> anyhow::Result<()> {
        let made = self.webhooks().await.with_context(|| {
            format!(
                "a webhook at {target_url} may have been made, and its secret is lost; delete it"
            )
        })?;
        for webhook in made.iter().filter(|webhook| webhook.target_url == target_url) {
            self.delete(&webhook.id).await?;
        }
        Ok(())
    }

    /// Gives a webhook other subscriptions, and another address where there is one.
    pub(super) async fn update(
        &self,
        id: &str,
        target_url: Option<&str>,
        subscriptions: &[Subscription],
    ) -> anyhow::Result<()> {
        let subscriptions: Vec<_> = subscriptions.iter().map(Into::into).collect();
        let updated = self.client.update_webhook(id, target_url, &subscriptions, soon()).await;
        match updated.map_err(|error| told("change the webhook", &error))? {
            Some(_) => {
                println!("changed webhook {id}");
                Ok(())
            }
            None => Err(anyhow!("there is no webhook {id} any more")),
        }
    }

    /// Deletes a webhook, at once.
    pub(super) async fn delete(&self, id: &str) -> anyhow::Result<()> {
        let deleted = self.client.delete_webhook(id, soon()).await;
        deleted.map_err(|error| told("delete the webhook", &error))?;
        println!("deleted webhook {id}");
        Ok(())
    }
}

impl Carrier<'_> {
    /// What to do about the secret of a webhook that is there already: nobody but who made it can
    /// know it.
    pub(super) fn about_secret(&self) -> String {
        let places = &self.source.places;
        let Some(place) = places.first() else { return String::new() };
        let hint = "Attio's developer page shows the secret of a webhook that was made there";
        if self.lacks_secret() {
            return format!(
                "now put its secret into {place}: until then all that it sends is refused. {hint}, \
                 `webhooks rotate` makes a new one"
            );
        }
        format!(
            "make sure that its secret is one of the source's `secrets`, such as {place}. {hint}"
        )
    }

    /// No secret of the source is there yet.
    pub(super) fn lacks_secret(&self) -> bool {
        self.source.places.iter().all(|place| place.is_vacant(&config::environment))
    }
}

impl Survey {
    /// What differs at the carrier.
    pub(super) fn compare(&self, targets: &[Target], carrier: Carrier<'_>) -> Comparison<'_> {
        Comparison::new(&self.plan, targets, &carrier.source.name, &self.webhooks)
            .expect("the carrier is one of the targets")
    }

    /// A plan with unknown names cannot be carried out.
    pub(super) fn refuse_unknown(&self) -> anyhow::Result<()> {
        if self.plan.unknown.is_empty() {
            return Ok(());
        }
        let told: Vec<_> = self.plan.unknown.iter().map(UnknownName::describe).collect();
        bail!("{}", told.join("\n"))
    }
}

fn soon() -> Instant {
    Instant::now() + CALL
}

/// What could not be done, and what Attio itself says about it.
fn told(what: &str, error: &ApiError) -> anyhow::Error {
    match error.message() {
        Some(message) => anyhow!("could not {what}: {error} ({message})"),
        None => anyhow!("could not {what}: {error}"),
    }
}

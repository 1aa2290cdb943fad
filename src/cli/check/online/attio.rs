//! What the configuration needs to know of Attio, asked within one deadline.

use std::{sync::Arc, time::Duration};

use super::Answer;
use crate::{
    attio::{
        catalog::Holder,
        client::{ApiError, Client, Instant},
        learn::learn_attribute,
        scopes,
    },
    config::{
        Config, Name,
        online::{AttributeUses, Titles, Told, Words},
    },
    telemetry::Metrics,
};

/// All questions together, with their waits and repeats, take so long at the most.
const PATIENCE: Duration = Duration::from_secs(20);

/// The questions, and what came of them.
struct Survey<'c> {
    config: &'c Config,
    client: Client,
    deadline: Instant,
    told: Told,
}

/// Asks. What is known when a question fails is told; what is not known is not judged.
pub(super) async fn ask(config: &Config) -> (Answer, Told) {
    let mut answer = Answer::default();
    let Some(attio) = &config.attio else {
        answer.said.push("Attio: not asked, there is no [attio] section".to_owned());
        return (answer, Told::default());
    };
    let client = match Client::new(attio, Arc::new(Metrics::new())) {
        Ok(client) => client,
        Err(problem) => {
            answer.failed.push(format!("Attio cannot be asked: {problem}"));
            return (answer, Told::default());
        }
    };
    let deadline = Instant::now() + PATIENCE;
    let mut survey = Survey { config, client, deadline, told: Told::default() };
    match survey.ask().await {
        Ok(()) => answer.said = survey.greeting(),
        Err(error) => answer.failed.push(format!("Attio cannot be asked: {error}")),
    }
    (answer, survey.told)
}

impl Survey<'_> {
    async fn ask(&mut self) -> Result<(), ApiError> {
        match self.client.identity(self.deadline).await {
            Ok(identity) => self.told.catalog.identity = Some(identity),
            Err(ApiError::Denied { what, .. }) => {
                self.told.refusal = Some(what);
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        if let Some(objects) = seen(self.client.objects(self.deadline).await)? {
            (self.told.catalog.objects, self.told.has_objects) = (objects, true);
        }
        if let Some(lists) = seen(self.client.lists(self.deadline).await)? {
            (self.told.catalog.lists, self.told.has_lists) = (lists, true);
        }
        self.attributes().await?;
        self.archived().await?;
        self.titles().await
    }

    /// The attributes of the objects and lists that routes name, and of what those lists hold.
    async fn attributes(&mut self) -> Result<(), ApiError> {
        let Self { config, client, deadline, told: Told { catalog, .. } } = self;
        let lists: Vec<_> = config.routes.iter().filter_map(|it| it.list.as_ref()).collect();
        let objects: Vec<_> = config.routes.iter().filter_map(|it| it.object.as_ref()).collect();
        let mut held = Vec::new();
        for list in catalog.lists.iter_mut().filter(|it| is_named(&lists, &it.id, &it.slug)) {
            list.attributes = seen(client.attributes(Holder::List(&list.id), *deadline).await)?;
            held.extend(&list.parent_objects);
        }
        for object in &mut catalog.objects {
            if is_named(&objects, &object.id, &object.slug) || held.contains(&&object.slug) {
                let holder = Holder::Object(&object.id);
                object.attributes = seen(client.attributes(holder, *deadline).await)?;
            }
        }
        Ok(())
    }

    /// An archived attribute is in no list of attributes, and is there all the same.
    async fn archived(&mut self) -> Result<(), ApiError> {
        let uses = AttributeUses::new(self.config);
        let known = self.told.catalog.clone();
        for missing in uses.missing(&known) {
            for holder in missing.holders() {
                let catalog = &mut self.told.catalog;
                let name = missing.name();
                let learnt =
                    learn_attribute(&self.client, catalog, *holder, name, self.deadline).await;
                seen(learnt)?;
            }
        }
        Ok(())
    }

    /// What the attributes may hold that conditions compare with words.
    async fn titles(&mut self) -> Result<(), ApiError> {
        for of in Words::all(self.config, &self.told.catalog) {
            let (holder, attribute) = (of.holder(), &of.attribute);
            let choices = if of.is_status {
                self.client.statuses(holder, attribute, self.deadline).await
            } else {
                self.client.options(holder, attribute, self.deadline).await
            };
            if let Some(choices) = seen(choices)? {
                let titles = choices.into_iter().map(|choice| choice.title).collect();
                self.told.titles.push(Titles { of, titles });
            }
        }
        Ok(())
    }

    /// Whose token it is, and what could not be judged.
    fn greeting(&self) -> Vec<String> {
        let Told { catalog, has_objects, has_lists, .. } = &self.told;
        let Some(identity) = &catalog.identity else { return Vec::new() };
        let (name, slug) = (&identity.workspace_name, &identity.workspace_slug);
        let mut said = vec![format!("Attio: the token is of the workspace \"{name}\" ({slug})")];
        let mut needed: Vec<_> =
            scopes::of_config(self.config).into_iter().map(|needed| needed.scope).collect();
        needed.dedup();
        if !needed.is_empty() {
            let needed: Vec<_> = needed.iter().map(ToString::to_string).collect();
            said.push(format!("scopes that are needed: {}", needed.join(", ")));
        }
        for (is_known, what) in [(has_objects, "objects"), (has_lists, "lists")] {
            if !is_known {
                said.push(format!("not checked: names of {what}, which the token may not see"));
            }
        }
        said
    }
}

fn is_named(names: &[&Name], id: &str, slug: &str) -> bool {
    names.iter().any(|name| name.as_str() == id || name.as_str() == slug)
}

/// What a token may not see is not known; that it lacks a scope is told elsewhere.
fn seen<T>(answer: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(ApiError::Denied { status: 403, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

//! Stories: all that is known of an event, a message or a delivery.

use minijinja::{context, value::Serde};

use super::{Page, Pages, Problem, engine::readable, id};

impl Pages {
    pub(super) async fn event(&self, event: &str) -> Result<Page, Problem> {
        let found = self.look().event(id(event, "event")?, true).await?;
        let story = found.ok_or(Problem::NoSuch("event"))?;
        let body = story.body.as_ref().map(|body| format!("{body:#}"));
        Ok(Page::new("event.html", context! { story => Serde(&story), body }))
    }

    /// Leads to its place in its event's story.
    pub(super) async fn delivery(&self, delivery: &str) -> Result<Page, Problem> {
        let found = self.look().delivery(id(delivery, "delivery")?, false).await?;
        let story = found.ok_or(Problem::NoSuch("delivery"))?;
        let delivery = story.tried.delivery;
        Err(Problem::At(format!("/events/{}#delivery-{}", delivery.event_id, delivery.id)))
    }

    pub(super) async fn message(&self, message: &str) -> Result<Page, Problem> {
        let found = self.look().message(id(message, "message")?, true).await?;
        let story = found.ok_or(Problem::NoSuch("message"))?;
        let body = story.body.as_deref().map(readable);
        Ok(Page::new("message.html", context! { story => Serde(&story), body }))
    }
}

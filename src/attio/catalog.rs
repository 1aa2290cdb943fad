//! What a workspace calls things: slugs and ids of objects, lists and attributes, and who we are.
//!
//! Events carry ids and people write slugs; here the two meet. A value, as it was learnt at one
//! moment: it never asks Attio itself, and what it does not know may yet exist.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::{ArcSwap, Guard};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::sync::Notify;

use super::event::Event;

/// All that is known of a workspace's names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// Whose token is used; `None` until Attio was asked.
    pub identity: Option<Identity>,
    /// Every object; empty until they were learnt.
    pub objects: Vec<Object>,
    /// Every list that the token may see; empty until they were learnt.
    pub lists: Vec<List>,
}

/// Whose token it is: <https://docs.attio.com/rest-api/endpoint-reference/meta/identify>.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The workspace's id.
    pub workspace_id: String,
    /// Its name.
    pub workspace_name: String,
    /// Its part of the addresses in Attio's app.
    pub workspace_slug: String,
    /// The actor of events that this token causes: type `api-token`, or `app` for an OAuth app.
    pub client_id: String,
    /// What the token may do, such as `record_permission:read-write`.
    pub scopes: Vec<String>,
}

/// An object, such as deals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Its id.
    pub id: String,
    /// Its slug.
    pub slug: String,
    /// Its attributes; `None` until they were learnt.
    pub attributes: Option<Vec<Attribute>>,
}

/// A list, such as a sales pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// Its id.
    pub id: String,
    /// Its slug.
    pub slug: String,
    /// The slugs of the objects whose records it holds.
    pub parent_objects: Vec<String>,
    /// Its attributes; `None` until they were learnt.
    pub attributes: Option<Vec<Attribute>>,
}

/// An attribute of an object or a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// Its id.
    pub id: String,
    /// Its slug.
    pub slug: String,
    /// Its type, such as `status`.
    pub kind: String,
    /// Whether it may hold several values.
    pub is_multiselect: bool,
}

/// Whose attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder<'a> {
    /// The object with this slug or id.
    Object(&'a str),
    /// The list with this slug or id.
    List(&'a str),
}

impl Catalog {
    /// The object with this slug or id.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<&Object> {
        self.objects.iter().find(|object| object.id == name || object.slug == name)
    }

    /// The list with this slug or id.
    #[must_use]
    pub fn list(&self, name: &str) -> Option<&List> {
        self.lists.iter().find(|list| list.id == name || list.slug == name)
    }

    /// The attributes of an object or a list; `None` when they are not known.
    #[must_use]
    pub fn attributes(&self, holder: Holder<'_>) -> Option<&[Attribute]> {
        match holder {
            Holder::Object(name) => self.object(name)?.attributes.as_deref(),
            Holder::List(name) => self.list(name)?.attributes.as_deref(),
        }
    }

    /// The attribute with this slug or id.
    #[must_use]
    pub fn attribute(&self, holder: Holder<'_>, name: &str) -> Option<&Attribute> {
        self.attributes(holder)?.iter().find(|known| known.id == name || known.slug == name)
    }

    /// Whether the workspace, its objects and its lists are the same, and called the same.
    fn has_the_names_of(&self, other: &Self) -> bool {
        let workspace = |it: &Self| it.identity.as_ref().map(|one| one.workspace_id.clone());
        let objects = self.objects.iter().map(|one| (&one.id, &one.slug));
        let lists = self.lists.iter().map(|one| (&one.id, &one.slug));
        workspace(self) == workspace(other)
            && objects.eq(other.objects.iter().map(|one| (&one.id, &one.slug)))
            && lists.eq(other.lists.iter().map(|one| (&one.id, &one.slug)))
    }

    /// Whether our own token did it: <https://docs.attio.com/docs/actors>. `None` until the
    /// token's owner is known, unless the actor is no program at all.
    #[must_use]
    pub fn is_self(&self, actor_type: Option<&str>, actor_id: Option<&str>) -> Option<bool> {
        if !matches!(actor_type, Some("api-token" | "app")) {
            return Some(false);
        }
        let identity = self.identity.as_ref()?;
        Some(actor_id == Some(identity.client_id.as_str()))
    }
}

/// The catalog of a process: read at every event, replaced as a whole when more was learnt. Cheap
/// to clone; all clones show the same.
#[derive(Debug, Clone, Default)]
pub struct Shared(Arc<Board>);

/// A name that came up and is not known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// Whether the holder is a list, and no object.
    pub is_list: bool,
    /// The id of the object or list, whose attributes are asked for.
    pub holder: String,
    /// The attribute that it is asked for.
    pub attribute: Option<String>,
}

#[derive(Debug, Default)]
struct Board {
    current: ArcSwap<Catalog>,
    questions: Mutex<Questions>,
    is_asked: Notify,
    /// Rises whenever other objects or lists are shown than before, or by other names.
    revision: AtomicU64,
}

#[derive(Debug, Default)]
struct Questions {
    asked: BTreeSet<Asked>,
    /// When names were said to be other ones than before, the last time.
    doubted_at: Option<OffsetDateTime>,
    /// When Attio was asked for what is shown.
    learnt_at: Option<OffsetDateTime>,
}

impl Shared {
    /// Shows a catalog from the start.
    #[must_use]
    pub fn new(catalog: Catalog) -> Self {
        Self(Arc::new(Board { current: ArcSwap::from_pointee(catalog), ..Board::default() }))
    }

    /// The catalog as it is now, without waiting for anybody. Not to be kept for long; make an
    /// `Arc` of it with `Guard::into_inner` for that.
    #[must_use]
    pub fn current(&self) -> Guard<Arc<Catalog>> {
        self.0.current.load()
    }

    /// Shows another one from now on, for which Attio was asked at `learnt_at`. Not one that is
    /// older than a doubt: then the one that is shown stays. Says whether it did.
    #[must_use]
    pub fn replace(&self, catalog: Catalog, learnt_at: OffsetDateTime) -> bool {
        let mut questions = self.questions();
        let is_newer = questions.doubted_at.is_none_or(|doubted_at| doubted_at < learnt_at);
        if is_newer {
            questions.learnt_at = Some(learnt_at);
            let is_renamed = !self.current().has_the_names_of(&catalog);
            self.0.current.store(Arc::new(catalog));
            self.0.revision.fetch_add(u64::from(is_renamed), Ordering::Release);
        }
        is_newer
    }

    /// Whether what is shown was asked for after that moment, and nothing came into doubt since.
    #[must_use]
    pub fn is_learnt_after(&self, moment: OffsetDateTime) -> bool {
        let questions = self.questions();
        let is_in_doubt = questions.doubted_at >= questions.learnt_at;
        questions.learnt_at.is_some_and(|learnt_at| learnt_at > moment) && !is_in_doubt
    }

    /// Rises whenever objects or lists are others than before, or have other names: what waits for
    /// one of them may go on.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.0.revision.load(Ordering::Acquire)
    }

    /// Forgets the names that an event says are other ones than before, and asks for them: what
    /// they decide waits until they are learnt again. Other processes go by the old ones until they
    /// have looked into the store, a second more.
    pub fn doubt(&self, event: &Event) {
        let mut questions = self.questions();
        questions.doubted_at = Some(OffsetDateTime::now_utc());
        let mut catalog = Catalog::clone(&self.current());
        match event.holder() {
            Some(Holder::Object(id)) => {
                if let Some(it) = catalog.objects.iter_mut().find(|one| one.id == id) {
                    it.attributes = None;
                }
            }
            Some(Holder::List(id)) => {
                if let Some(it) = catalog.lists.iter_mut().find(|one| one.id == id) {
                    it.attributes = None;
                }
            }
            None => catalog.lists.clear(),
        }
        self.0.current.store(Arc::new(catalog));
        drop(questions);
        self.ask(event.holder(), None);
    }

    /// Whether names came into doubt since Attio was asked at `learnt_at`.
    #[must_use]
    pub fn is_in_doubt(&self, learnt_at: OffsetDateTime) -> bool {
        self.questions().doubted_at.is_some_and(|doubted_at| doubted_at >= learnt_at)
    }

    /// Asks that the names be learnt again, and with them the attributes of this object or list.
    /// Returns at once.
    pub fn ask(&self, about: Option<Holder<'_>>, attribute: Option<&str>) {
        if let Some(holder) = about {
            let (is_list, id) = match holder {
                Holder::Object(id) => (false, id),
                Holder::List(id) => (true, id),
            };
            let (holder, attribute) = (id.to_owned(), attribute.map(str::to_owned));
            self.questions().asked.insert(Asked { is_list, holder, attribute });
        }
        self.0.is_asked.notify_one();
    }

    /// Waits until somebody asks.
    pub async fn asked(&self) {
        self.0.is_asked.notified().await;
    }

    /// What was asked for.
    #[must_use]
    pub fn asked_about(&self) -> Vec<Asked> {
        self.questions().asked.iter().cloned().collect()
    }

    /// These are answered.
    pub fn answered(&self, asked: &[Asked]) {
        self.questions().asked.retain(|one| !asked.contains(one));
    }

    fn questions(&self) -> MutexGuard<'_, Questions> {
        self.0.questions.lock().expect("no one panics while holding it")
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    fn with(slug: &str) -> Catalog {
        let object = Object { id: "1".to_owned(), slug: slug.to_owned(), attributes: None };
        Catalog { objects: vec![object], ..Catalog::default() }
    }

    #[test]
    fn other_names_raise_the_revision_and_the_same_ones_do_not() {
        let shared = Shared::default();
        let now = OffsetDateTime::now_utc();
        let shown = |slug| {
            assert!(shared.replace(with(slug), now));
            shared.revision()
        };
        assert_eq!((shown("deals"), shown("deals"), shown("sales")), (1, 1, 2));
    }

    #[test]
    fn names_are_learnt_after_what_came_before_they_were_asked_for() {
        let shared = Shared::default();
        let now = OffsetDateTime::now_utc();
        assert!(!shared.is_learnt_after(now));
        assert!(shared.replace(with("deals"), now));
        assert!(shared.is_learnt_after(now - Duration::SECOND) && !shared.is_learnt_after(now));
        shared.doubt(&Event::default());
        assert!(!shared.is_learnt_after(now - Duration::SECOND), "they came into doubt");
    }
}

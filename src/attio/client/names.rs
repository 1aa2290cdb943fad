//! Whose token it is, and what the workspace calls its objects, lists and attributes.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::Instant;

use super::{ApiError, Client, call::Call};
use crate::attio::catalog::{Attribute, Holder, Identity, List, Object};

/// Attio gives so many attributes at the most.
const PAGE: usize = 100;

/// One of the values that a status or select attribute may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its id.
    pub id: String,
    /// What people call it; any admin may change that.
    pub title: String,
    /// It is not offered any more.
    pub is_archived: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SelfAnswer {
    active: bool,
    scope: String,
    client_id: String,
    workspace_id: String,
    workspace_name: String,
    workspace_slug: String,
}

#[derive(Deserialize)]
struct ObjectAnswer {
    id: ObjectId,
    api_slug: String,
}

#[derive(Deserialize)]
struct ObjectId {
    object_id: String,
}

#[derive(Deserialize)]
struct ListAnswer {
    id: ListId,
    api_slug: String,
    #[serde(default)]
    parent_object: Vec<String>,
}

#[derive(Deserialize)]
struct ListId {
    list_id: String,
}

#[derive(Deserialize)]
struct AttributeAnswer {
    id: AttributeId,
    api_slug: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    is_multiselect: bool,
}

#[derive(Deserialize)]
struct AttributeId {
    attribute_id: String,
}

#[derive(Deserialize)]
struct ChoiceAnswer {
    id: ChoiceId,
    title: String,
    #[serde(default)]
    is_archived: bool,
}

#[derive(Deserialize)]
struct ChoiceId {
    #[serde(alias = "status_id")]
    option_id: String,
}

impl Client {
    /// Whose token it is. A dead token is answered with 200, and is [`ApiError::Denied`].
    /// <https://docs.attio.com/rest-api/endpoint-reference/meta/identify>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn identity(&self, deadline: Instant) -> Result<Identity, ApiError> {
        // The one answer without an envelope.
        let answer: SelfAnswer = match self.whole(&Call::get(&["self"]), deadline).await {
            // What is no token at all has been seen to get 400.
            Err(ApiError::Refused { what, status: Some(400), answer, .. }) => {
                return Err(ApiError::Denied { what, status: 400, answer });
            }
            answer => read(answer?)?,
        };
        if !answer.active {
            let what = "Attio says that the token is not active any more".to_owned();
            return Err(ApiError::Denied { what, status: 200, answer: None });
        }
        Ok(Identity {
            workspace_id: answer.workspace_id,
            workspace_name: answer.workspace_name,
            workspace_slug: answer.workspace_slug,
            client_id: answer.client_id,
            scopes: answer.scope.split_whitespace().map(str::to_owned).collect(),
            is_remembered: false,
        })
    }

    /// Every object, without its attributes; Attio does not page them.
    /// <https://docs.attio.com/rest-api/endpoint-reference/objects/list-objects>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn objects(&self, deadline: Instant) -> Result<Vec<Object>, ApiError> {
        let rows = self.rows(Call::list(&["objects"]), deadline).await?;
        rows.into_iter().map(|row| Ok(read::<ObjectAnswer>(row)?.into())).collect()
    }

    /// Every list that the token may see, without its attributes; Attio does not page them.
    /// <https://docs.attio.com/rest-api/endpoint-reference/lists/list-all-lists>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn lists(&self, deadline: Instant) -> Result<Vec<List>, ApiError> {
        let rows = self.rows(Call::list(&["lists"]), deadline).await?;
        rows.into_iter().map(|row| Ok(read::<ListAnswer>(row)?.into())).collect()
    }

    /// Every attribute of an object or a list that is not archived. None for a holder that is not
    /// there. <https://docs.attio.com/rest-api/endpoint-reference/attributes/list-attributes>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn attributes(
        &self,
        holder: Holder<'_>,
        deadline: Instant,
    ) -> Result<Vec<Attribute>, ApiError> {
        let [group, name] = path(holder);
        let call = Call::list(&[group, name, "attributes"]);
        let rows = self.all_pages(call, PAGE, deadline).await?;
        rows.into_iter().map(|row| Ok(read::<AttributeAnswer>(row)?.into())).collect()
    }

    /// One attribute by slug or id, also an archived one; `None` when there is none.
    /// <https://docs.attio.com/rest-api/endpoint-reference/attributes/get-an-attribute>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn attribute(
        &self,
        holder: Holder<'_>,
        attribute: &str,
        deadline: Instant,
    ) -> Result<Option<Attribute>, ApiError> {
        let [group, name] = path(holder);
        let found =
            self.found(Call::get(&[group, name, "attributes", attribute]), deadline).await?;
        found.map(|row| Ok(read::<AttributeAnswer>(row)?.into())).transpose()
    }

    /// The statuses of a status attribute. None for one that is not there.
    /// <https://docs.attio.com/rest-api/endpoint-reference/attributes/list-statuses>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn statuses(
        &self,
        holder: Holder<'_>,
        attribute: &str,
        deadline: Instant,
    ) -> Result<Vec<Choice>, ApiError> {
        self.choices(holder, attribute, "statuses", deadline).await
    }

    /// The options of a select attribute. None for one that is not there.
    /// <https://docs.attio.com/rest-api/endpoint-reference/attributes/list-select-options>
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn options(
        &self,
        holder: Holder<'_>,
        attribute: &str,
        deadline: Instant,
    ) -> Result<Vec<Choice>, ApiError> {
        self.choices(holder, attribute, "options", deadline).await
    }

    async fn choices(
        &self,
        holder: Holder<'_>,
        attribute: &str,
        which: &str,
        deadline: Instant,
    ) -> Result<Vec<Choice>, ApiError> {
        let [group, name] = path(holder);
        let call = Call::list(&[group, name, "attributes", attribute, which]);
        // No page is documented for either.
        let rows = match self.found(call, deadline).await? {
            Some(Value::Array(rows)) => rows,
            _ => Vec::new(),
        };
        rows.into_iter().map(|row| Ok(read::<ChoiceAnswer>(row)?.into())).collect()
    }
}

fn path(holder: Holder<'_>) -> [&str; 2] {
    match holder {
        Holder::Object(name) => ["objects", name],
        Holder::List(name) => ["lists", name],
    }
}

fn read<T: DeserializeOwned>(row: Value) -> Result<T, ApiError> {
    // The reader's own error would show values.
    serde_json::from_value(row)
        .map_err(|_| ApiError::refused("Attio's answer lacks what every such answer has"))
}

impl From<ObjectAnswer> for Object {
    fn from(answer: ObjectAnswer) -> Self {
        Self { id: answer.id.object_id, slug: answer.api_slug, attributes: None }
    }
}

impl From<ListAnswer> for List {
    fn from(answer: ListAnswer) -> Self {
        Self {
            id: answer.id.list_id,
            slug: answer.api_slug,
            parent_objects: answer.parent_object,
            attributes: None,
        }
    }
}

impl From<AttributeAnswer> for Attribute {
    fn from(answer: AttributeAnswer) -> Self {
        Self {
            id: answer.id.attribute_id,
            slug: answer.api_slug,
            kind: answer.kind,
            is_multiselect: answer.is_multiselect,
        }
    }
}

impl From<ChoiceAnswer> for Choice {
    fn from(answer: ChoiceAnswer) -> Self {
        Self { id: answer.id.option_id, title: answer.title, is_archived: answer.is_archived }
    }
}

//! The requests that are made, by kind of record.

use drawbridge_sdk::{
    CallError, FailureClass, Finality,
    http::{Method, Request},
};
use serde_json::{Value, json};

use crate::{client::Conversation, edit::Edit, page::Page};

/// The most records a list is read to. Far more than a practice has; a longer list is somebody
/// else's, or without end.
const MOST_RECORDS: usize = 10_000;

const SCIM_JSON: &str = "application/scim+json";

/// What kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// `/Users`
    Users,
    /// `/Groups`
    Groups,
}

impl Resource {
    const fn list(self) -> &'static str {
        match self {
            Self::Users => "/Users",
            Self::Groups => "/Groups",
        }
    }

    const fn one(self) -> &'static str {
        match self {
            Self::Users => "/Users/{id}",
            Self::Groups => "/Groups/{id}",
        }
    }
}

impl Conversation<'_> {
    /// One page of a list. `None` when the provider refuses this filter, or has no such list.
    ///
    /// # Errors
    /// When it cannot be reached, refuses otherwise, or answers with something else than a list.
    pub async fn page(
        &mut self,
        step: &str,
        resource: Resource,
        filter: Option<&str>,
        start: usize,
    ) -> Result<Option<Page>, CallError> {
        let size = self.features().await?.page_size();
        let mut request = self
            .client
            .endpoint
            .read(step, Method::GET, resource.list());
        if let Some(filter) = filter {
            request = request.query("filter", filter);
        }
        if start > 1 {
            request = request.query("startIndex", &start.to_string());
        }
        if let Some(size) = size {
            request = request.query("count", &size.to_string());
        }
        let answer = self.ask(request).await?;
        let is_refused = match (filter, resource) {
            // RFC 7644 names 400; some answer 501.
            (Some(_), _) => matches!(answer.status, 400 | 501),
            (None, Resource::Groups) => matches!(answer.status, 404 | 405 | 501),
            (None, Resource::Users) => false,
        };
        if is_refused {
            self.receipts.extend(answer.receipts);
            return Ok(None);
        }
        let answer = answer.ok()?;
        let page = Page::of(answer.json()?, start).map_err(|why| answer.contract(why))?;
        let shown = json!({ "records": page.records.len(), "total": page.total });
        self.keep(answer, &shown);
        Ok(Some(page))
    }

    /// Every record of a list. `None` when the provider has no such list.
    ///
    /// # Errors
    /// As [`Self::page`], and when the list does not come to an end.
    pub async fn everything(
        &mut self,
        step: &str,
        resource: Resource,
    ) -> Result<Option<Vec<Value>>, CallError> {
        let mut records: Vec<Value> = Vec::new();
        let mut start = Some(1);
        while let Some(at) = start {
            let Some(page) = self.page(step, resource, None, at).await? else {
                return Ok(None);
            };
            if page
                .records
                .first()
                .is_some_and(|first| records.contains(first))
            {
                return Err(CallError::contract(
                    "the system's list shows the same records on every page: tell the vendor that \
                     `startIndex` is ignored",
                ));
            }
            start = page.next(at);
            records.extend(page.records);
            if records.len() > MOST_RECORDS {
                return Err(CallError::contract(format!(
                    "the system's list goes on beyond {MOST_RECORDS} records: ask the vendor for \
                     searches by filter, or for a token that sees the practice alone"
                )));
            }
        }
        Ok(Some(records))
    }

    /// One record by its id; `None` when there is none.
    ///
    /// # Errors
    /// When the provider cannot be reached, refuses, or answers with another record.
    pub async fn get(
        &mut self,
        step: &str,
        resource: Resource,
        id: &str,
    ) -> Result<Option<Value>, CallError> {
        let request = self
            .client
            .endpoint
            .read(step, Method::GET, resource.one())
            .fill("id", id);
        let answer = self.ask(request).await?;
        if matches!(answer.status, 404 | 410) {
            self.receipts.extend(answer.receipts);
            return Ok(None);
        }
        self.record_of(answer, id).map(Some)
    }

    /// Makes a record.
    ///
    /// # Errors
    /// When the provider refuses, or does not answer with a record.
    pub async fn create(&mut self, resource: Resource, body: &Value) -> Result<Value, CallError> {
        let request = self
            .client
            .endpoint
            .change("create", Method::POST, resource.list());
        let answer = self.ask(request.json_as(SCIM_JSON, body)).await?;
        self.record(answer)
    }

    /// Changes a record and gives it as it is then: by PATCH, or as a whole where that is not
    /// supported. `if_match` is the version it must still have; a close never names one.
    ///
    /// # Errors
    /// When the provider refuses, or says yes and still shows something else.
    pub async fn edit(
        &mut self,
        step: &str,
        resource: Resource,
        id: &str,
        edit: &Edit,
        if_match: Option<&str>,
    ) -> Result<Value, CallError> {
        let mut features = self.features().await?;
        let fenced = |request: Request| match if_match.filter(|_| features.etag == Some(true)) {
            Some(version) => request.header("If-Match", version),
            None => request,
        };
        let mut changed = None;
        let can_filter = features.filter != Some(false);
        if features.patch != Some(false) && (can_filter || !edit.needs_filter()) {
            let request = self
                .client
                .endpoint
                .change(step, Method::PATCH, resource.one());
            let request = fenced(request)
                .fill("id", id)
                .json_as(SCIM_JSON, &edit.patch());
            let answer = self.ask(request).await?;
            if matches!(answer.status, 405 | 501) {
                self.receipts.extend(answer.receipts);
                features.patch = Some(false);
                *self.client.features.lock().await = Some(features);
            } else {
                changed = Some(answer);
            }
        }
        let answer = match changed {
            Some(answer) => answer,
            None => {
                let record = self.get("read before a change", resource, id).await?;
                let record = record.ok_or_else(gone_meanwhile)?;
                let request = self
                    .client
                    .endpoint
                    .change(step, Method::PUT, resource.one());
                let body = edit.put(record);
                self.ask(fenced(request).fill("id", id).json_as(SCIM_JSON, &body))
                    .await?
            }
        };
        let answer = answer.ok()?;
        let said = if answer.body.trim_ascii().is_empty() {
            self.receipts.extend(answer.receipts);
            None
        } else {
            Some(self.record_of(answer, id)?)
        };
        let record = match said {
            Some(record) if edit.is_shown_by(&record) => return Ok(record),
            // The change itself was answered for good, whatever becomes of this reading.
            _ => self
                .get("read back", resource, id)
                .await
                .map_err(answered)?,
        };
        let record = record.ok_or_else(|| answered(gone_meanwhile()))?;
        if edit.is_shown_by(&record) {
            return Ok(record);
        }
        Err(CallError::contract(
            "the system said yes and still shows the record as before: it is tried again; ask the \
             vendor if it goes on",
        ))
    }
}

fn gone_meanwhile() -> CallError {
    CallError::new(
        FailureClass::Gone,
        Finality::NotSent,
        "the record is not there any more: it is searched for again",
    )
}

fn answered(mut error: CallError) -> CallError {
    error.finality = Finality::Answered;
    error
}

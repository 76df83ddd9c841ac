//! Finding a person's accounts, also where filters are ignored.

use drawbridge_sdk::{CallError, Subject};
use serde_json::Value;

use crate::{
    client::Conversation,
    requests::Resource,
    term::{Attribute, Term},
    user::User,
};

/// What one search found.
#[derive(Debug, Default)]
pub struct Found {
    /// Accounts with an id that this door owns.
    pub owned: Vec<User>,
    /// Accounts that bear an identifier of the person under an id that is nobody's yet.
    pub namesakes: Vec<User>,
    /// The same, known to be somebody else's.
    pub of_others: Vec<User>,
    /// Whether the same search saw the canary.
    pub saw_canary: bool,
}

impl Found {
    /// The accounts this door may act on: once an id is known, only by it.
    pub fn to_act_on(&self, subject: &Subject) -> &[User] {
        if subject.account_ids.is_empty() {
            &self.namesakes
        } else {
            &self.owned
        }
    }
}

/// Searches by every id and every identifier, and for the canary in the same way.
///
/// # Errors
/// When the provider cannot be asked, or answers nonsense.
pub async fn all(
    talk: &mut Conversation<'_>,
    subject: &Subject,
    canary: Option<&str>,
) -> Result<Found, CallError> {
    let mut found = Found {
        owned: owned(talk, subject).await?,
        ..Found::default()
    };
    let mut seen = Seen::default();
    let terms = Term::all_of(subject);
    for term in &terms {
        seen.look_for(talk, term).await?;
    }
    if let Some(canary) = canary {
        let canary = Term::all_of_canary(canary);
        for term in &canary {
            seen.look_for(talk, term).await?;
        }
        found.saw_canary = seen.sees_as_well(talk, &terms, &canary).await?;
    }
    for user in seen.users {
        if found.owned.iter().any(|own| own.id == user.id) {
            continue;
        }
        if subject.owns(&user.id) {
            found.owned.push(user);
        } else if terms.iter().any(|term| term.matches(&user)) {
            if subject.accounts_of_others.contains(&user.account_id()) {
                found.of_others.push(user);
            } else {
                found.namesakes.push(user);
            }
        }
    }
    Ok(found)
}

/// What may be acted on. Where ids are known and all of them still lead to an account, names are
/// not searched for.
///
/// # Errors
/// As [`all`].
pub async fn own(talk: &mut Conversation<'_>, subject: &Subject) -> Result<Found, CallError> {
    let owned = owned(talk, subject).await?;
    if !subject.account_ids.is_empty() && owned.len() == subject.account_ids.len() {
        return Ok(Found {
            owned,
            ..Found::default()
        });
    }
    // An id that leads nowhere is proved by a search: a wrong address would say the same of all.
    all(talk, subject, None).await
}

async fn owned(talk: &mut Conversation<'_>, subject: &Subject) -> Result<Vec<User>, CallError> {
    let mut users = Vec::new();
    for id in &subject.account_ids {
        if let Some(record) = talk.get("find by id", Resource::Users, id.as_str()).await? {
            users.push(user(&record)?);
        }
    }
    Ok(users)
}

/// Every user that a search has shown, whoever it is.
#[derive(Default)]
struct Seen {
    users: Vec<User>,
    is_everybody: bool,
}

impl Seen {
    /// Asks for one term. A filter that is refused or ignored is replaced by reading everybody.
    async fn look_for(
        &mut self,
        talk: &mut Conversation<'_>,
        term: &Term,
    ) -> Result<(), CallError> {
        if self.is_everybody {
            return Ok(());
        }
        if talk.features().await?.filter == Some(false) {
            return self.read_everybody(talk).await;
        }
        let filter = term.filter();
        let page = talk.page("find", Resource::Users, Some(&filter), 1).await?;
        let Some(page) = page else {
            return self.read_everybody(talk).await;
        };
        let users = users(&page.records)?;
        let is_whole = page.next(1).is_none();
        if is_whole && users.iter().all(|user| term.matches(user)) {
            self.add(users);
            return Ok(());
        }
        self.read_everybody(talk).await
    }

    /// Whether the canary is seen, by each attribute the person was searched by: a filter by an
    /// attribute that the provider does not know may find nobody, ever.
    async fn sees_as_well(
        &mut self,
        talk: &mut Conversation<'_>,
        terms: &[Term],
        canary: &[Term],
    ) -> Result<bool, CallError> {
        let sees = |seen: &Self| {
            let is_canary = |user: &&User| canary.iter().any(|term| term.matches(user));
            seen.users.iter().find(is_canary).cloned()
        };
        let Some(user) = sees(self) else {
            return Ok(false);
        };
        for attribute in [
            Attribute::ExternalId,
            Attribute::Email,
            Attribute::EmployeeNumber,
        ] {
            let term = terms.iter().find(|term| term.attribute == attribute);
            let Some(term) = term.and_then(|term| term.with_value_of(&user)) else {
                continue;
            };
            if !self.is_everybody && !self.finds(talk, &term, &user).await? {
                talk.distrust_filters().await?;
                self.read_everybody(talk).await?;
            }
        }
        Ok(sees(self).is_some())
    }

    async fn finds(
        &mut self,
        talk: &mut Conversation<'_>,
        term: &Term,
        user: &User,
    ) -> Result<bool, CallError> {
        let filter = term.filter();
        let page = talk
            .page("find the canary", Resource::Users, Some(&filter), 1)
            .await?;
        let Some(page) = page else { return Ok(false) };
        Ok(users(&page.records)?
            .iter()
            .any(|found| found.id == user.id))
    }

    async fn read_everybody(&mut self, talk: &mut Conversation<'_>) -> Result<(), CallError> {
        let records = talk.everything("find among all", Resource::Users).await?;
        let users = users(&records.unwrap_or_default())?;
        self.add(users);
        self.is_everybody = true;
        Ok(())
    }

    fn add(&mut self, users: Vec<User>) {
        for user in users {
            if self.users.iter().all(|known| known.id != user.id) {
                self.users.push(user);
            }
        }
    }
}

/// Reads records as users.
///
/// # Errors
/// When one of them is none.
pub fn users(records: &[Value]) -> Result<Vec<User>, CallError> {
    records.iter().map(user).collect()
}

fn user(record: &Value) -> Result<User, CallError> {
    User::of(record).ok_or_else(|| {
        CallError::contract(
            "the system shows a user without `id` or `userName`: tell the vendor, both are \
             required by SCIM 2.0",
        )
    })
}

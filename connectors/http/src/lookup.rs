//! Finding a person's accounts: by id, by every identifier, and in the list.

use std::collections::BTreeMap;

use drawbridge_sdk::{Account, CallError, Receipt, Subject};
use serde_json::Value;

use crate::{
    client::{Answer, Client, Reply},
    values::Filling,
    vendor::{
        paging::{Paging, Place},
        pointer::Pointer,
        step::{Find, IdentifierKind, List},
    },
};

/// Most pages one search reads. A list that is longer cannot be read within one call's time.
const MOST_PAGES: usize = 100;

/// A search, with the receipts of what it asked.
pub struct Lookup<'a> {
    client: &'a Client<'a>,
    /// One receipt per request made.
    pub receipts: Vec<Receipt>,
}

/// The accounts a change may touch.
pub struct Own {
    /// What was found.
    pub accounts: Vec<Account>,
    /// Whether nothing but accounts of other people bears the person's names.
    pub are_anothers: bool,
}

/// One page of records.
pub struct Page {
    /// The records on it.
    pub accounts: Vec<Account>,
    /// Where the next one starts.
    pub next: Option<Place>,
}

/// Whether an answer can be one record instead of a list.
#[derive(Clone, Copy)]
enum IsOne {
    Possible,
    Impossible,
}

impl<'a> Lookup<'a> {
    /// A search that has asked nothing yet.
    pub fn new(client: &'a Client<'a>) -> Self {
        Self {
            client,
            receipts: Vec::new(),
        }
    }

    /// The accounts a change may touch.
    ///
    /// Once ids are known these alone count: an account that only bears the person's name may by now
    /// be somebody else's. One that is known to be never counts.
    ///
    /// # Errors
    /// When a search could not be made or its answer makes no sense.
    pub async fn own(&mut self, subject: &Subject) -> Result<Own, CallError> {
        if !subject.account_ids.is_empty() && self.client.file.read.is_some() {
            return Ok(Own {
                accounts: self.by_ids(subject).await?.into_values().collect(),
                are_anothers: false,
            });
        }
        let (found, _) = self.all(subject, None).await?;
        let (accounts, others): (Vec<_>, Vec<_>) = found
            .into_iter()
            .partition(|account| subject.may_act_on(account.id.as_str()));
        let are_anothers =
            accounts.is_empty() && !others.is_empty() && subject.account_ids.is_empty();
        Ok(Own {
            accounts,
            are_anothers,
        })
    }

    /// Every account that is or could be this person's, and whether the same searches see the canary.
    ///
    /// # Errors
    /// When a search could not be made or its answer makes no sense.
    pub async fn all(
        &mut self,
        subject: &Subject,
        canary: Option<&str>,
    ) -> Result<(Vec<Account>, bool), CallError> {
        let file = self.client.file;
        let mut found = self.by_ids(subject).await?;
        for find in &file.find {
            for identifier in identifiers(subject, &find.by) {
                for account in self.by_identifier(find, identifier).await? {
                    if account.belongs_to(subject) {
                        found.insert(account.id.0.clone(), account);
                    }
                }
            }
        }
        let mut saw_canary = false;
        if let (true, Some(list)) = (file.find_by_listing, &file.list) {
            for account in self.whole_list(list).await? {
                saw_canary |= canary.is_some_and(|canary| bears(&account, canary));
                if account.belongs_to(subject) {
                    found.entry(account.id.0.clone()).or_insert(account);
                }
            }
        }
        if let Some(canary) = canary {
            for find in &file.find {
                saw_canary = saw_canary
                    || self
                        .by_identifier(find, canary)
                        .await?
                        .iter()
                        .any(|account| bears(account, canary));
            }
        }
        Ok((found.into_values().collect(), saw_canary))
    }

    async fn by_ids(&mut self, subject: &Subject) -> Result<BTreeMap<String, Account>, CallError> {
        let mut found = BTreeMap::new();
        for id in &subject.account_ids {
            if let Some(account) = self.by_id(id.as_str()).await? {
                found.insert(account.id.0.clone(), account);
            }
        }
        Ok(found)
    }

    async fn by_id(&mut self, id: &str) -> Result<Option<Account>, CallError> {
        let Some(read) = &self.client.file.read else {
            return Ok(None);
        };
        let filling = Filling {
            account_id: Some(id),
            ..Filling::default()
        };
        let answer = match self
            .client
            .read("read", &read.step, &filling, &read.absent)
            .await?
        {
            Reply::Yes(answer) => answer,
            Reply::Already(answer) | Reply::Absent(answer) => {
                self.receipts.extend(answer.into_receipts());
                return Ok(None);
            }
        };
        let account = match read.at.first(&answer.body) {
            Some(record) => self.client.record(record, &answer)?,
            None => return Err(self.client.contract("answered without a record", &answer)),
        };
        if account.id.as_str() != id {
            return Err(self
                .client
                .contract("answered with the record of another account", &answer));
        }
        self.receipts
            .extend(answer.into_receipts_of(std::slice::from_ref(&account)));
        Ok(Some(account))
    }

    async fn by_identifier(
        &mut self,
        find: &Find,
        identifier: &str,
    ) -> Result<Vec<Account>, CallError> {
        let mut found = Vec::new();
        let mut place = find.paging.first();
        for _ in 0..MOST_PAGES {
            let page = self.find_page(find, &place, identifier).await?;
            found.extend(page.accounts);
            match page.next {
                Some(next) => place = next,
                None => return Ok(found),
            }
        }
        Err(self.too_long())
    }

    async fn find_page(
        &mut self,
        find: &Find,
        place: &Place,
        identifier: &str,
    ) -> Result<Page, CallError> {
        let filling = Filling {
            identifier: Some(identifier),
            place: Some(place),
            ..Filling::default()
        };
        let reply = match (&find.paging, place) {
            (Paging::Link { .. }, Place::Text(link)) => {
                self.client.follow("find", &find.step, link).await?
            }
            _ => {
                self.client
                    .read("find", &find.step, &filling, &find.absent)
                    .await?
            }
        };
        let answer = match reply {
            Reply::Yes(answer) => answer,
            Reply::Already(answer) | Reply::Absent(answer) => {
                self.receipts.extend(answer.into_receipts());
                return Ok(Page {
                    accounts: Vec::new(),
                    next: None,
                });
            }
        };
        let page = self.page(&answer, &find.at, &find.paging, place, IsOne::Possible)?;
        if find.exact
            && page
                .accounts
                .iter()
                .any(|account| !bears(account, identifier))
        {
            return Err(self.client.contract(
                "answered a search with somebody else's account, so the search was not heeded: check the vendor file's `[[find]]`",
                &answer,
            ));
        }
        self.receipts
            .extend(answer.into_receipts_of(&page.accounts));
        Ok(page)
    }

    async fn whole_list(&mut self, list: &List) -> Result<Vec<Account>, CallError> {
        let mut accounts = Vec::new();
        let mut place = list.paging.first();
        for _ in 0..MOST_PAGES {
            let page = self.list_page(list, &place).await?;
            accounts.extend(page.accounts);
            match page.next {
                Some(next) => place = next,
                None => return Ok(accounts),
            }
        }
        Err(self.too_long())
    }

    /// One page of the list of all accounts.
    ///
    /// # Errors
    /// When it could not be read or makes no sense.
    pub async fn list_page(&mut self, list: &List, place: &Place) -> Result<Page, CallError> {
        let filling = Filling {
            place: Some(place),
            ..Filling::default()
        };
        let reply = match (&list.paging, place) {
            (Paging::Link { .. }, Place::Text(link)) => {
                self.client.follow("list", &list.step, link).await?
            }
            _ => self.client.read("list", &list.step, &filling, &[]).await?,
        };
        let (Reply::Yes(answer) | Reply::Already(answer) | Reply::Absent(answer)) = reply;
        let page = self.page(&answer, &list.at, &list.paging, place, IsOne::Impossible)?;
        self.receipts
            .extend(answer.into_receipts_of(&page.accounts));
        Ok(page)
    }

    fn page(
        &self,
        answer: &Answer,
        at: &Pointer,
        paging: &Paging,
        place: &Place,
        one: IsOne,
    ) -> Result<Page, CallError> {
        let records = match (at.first(&answer.body), one) {
            (Some(Value::Array(records)), _) => records.iter().collect(),
            (Some(record @ Value::Object(_)), IsOne::Possible) => vec![record],
            _ => {
                return Err(self.client.contract(
                    "answered without a list of accounts: check `at` in the vendor file",
                    answer,
                ));
            }
        };
        let accounts: Vec<Account> = records
            .iter()
            .map(|record| self.client.record(record, answer))
            .collect::<Result<_, _>>()?;
        let next = paging
            .after(place, accounts.len(), &answer.body)
            .map_err(|problem| self.client.contract(&problem, answer))?;
        Ok(Page { accounts, next })
    }

    fn too_long(&self) -> CallError {
        CallError::contract(format!(
            "{} has more than {MOST_PAGES} pages of accounts: ask for larger pages in the vendor file",
            self.client.file.title,
        ))
    }
}

/// The values to search for, each once.
fn identifiers<'a>(subject: &'a Subject, kinds: &[IdentifierKind]) -> Vec<&'a str> {
    let mut values: Vec<&str> = Vec::new();
    for kind in kinds {
        let own = match kind {
            IdentifierKind::UserName => &subject.user_names,
            IdentifierKind::Email => &subject.emails,
            IdentifierKind::ExternalId => &subject.external_ids,
            IdentifierKind::EmployeeNumber => &subject.employee_numbers,
        };
        for value in own {
            if !value.is_empty() && !values.contains(&value.as_str()) {
                values.push(value);
            }
        }
    }
    values
}

/// Whether this is the account that was searched for, whatever the case.
fn bears(account: &Account, identifier: &str) -> bool {
    let wanted = identifier.to_lowercase();
    account.id.as_str() == identifier
        || account.login.to_lowercase() == wanted
        || account
            .identifiers
            .iter()
            .any(|own| own.to_lowercase() == wanted)
}

//! One bound connection: searches, changes, their receipts, and what may still land.

use std::{collections::HashSet, future::Future};

use drawbridge_sdk::{CallError, FailureClass, Finality, Receipt};
use ldap3::{
    Ldap, LdapConnAsync, LdapError, LdapResult, Mod, Scope, SearchEntry, SearchResult,
    controls::{Control, ControlType, PagedResults},
    exop::PasswordModify,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    client::{NoAnswer, answer},
    entry::Entry,
    result_code::{self, NO_SUCH_OBJECT, SUCCESS},
};

/// One bound connection, with the receipts of what was asked over it.
pub(crate) struct Session {
    ldap: Ldap,
    deadline: Instant,
    finality: Finality,
    receipts: Vec<Receipt>,
    /// Reads and writes the connection, ends with the session, and tells whether it ended because
    /// what came in was no LDAP.
    driver: JoinSet<bool>,
}

/// What to search for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query<'a> {
    /// What the search is for, in the receipt.
    pub(crate) step: &'a str,
    /// The request as the receipt shows it, without names.
    pub(crate) line: &'a str,
    pub(crate) base: &'a str,
    pub(crate) scope: Scope,
    pub(crate) filter: &'a str,
    pub(crate) attributes: &'a [&'a str],
}

/// Matches every entry.
pub(crate) const EVERYTHING: &str = "(objectClass=*)";

/// The attributes of an entry to add, each with its values.
pub(crate) type NewEntry = Vec<(Vec<u8>, HashSet<Vec<u8>>)>;

/// One page of a longer search.
pub(crate) struct Page {
    pub(crate) entries: Vec<Entry>,
    /// Where the search goes on, on the same connection; empty at its end.
    pub(crate) cookie: Vec<u8>,
}

impl Session {
    /// A session over this connection, not bound yet.
    pub(crate) fn new(connection: LdapConnAsync, ldap: Ldap, deadline: Instant) -> Self {
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            connection
                .drive()
                .await
                .is_err_and(|error| is_no_ldap(&error))
        });
        let (finality, receipts) = (Finality::NotSent, Vec::new());
        Self {
            ldap,
            deadline,
            finality,
            receipts,
            driver,
        }
    }

    /// Gives a session that was kept the time of a new call.
    pub(crate) fn renew(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// The certificate the server showed, as it was sent.
    pub(crate) async fn certificate(&mut self) -> Option<Vec<u8>> {
        let mut ldap = self.ldap.clone();
        answer(self.deadline, ldap.get_peer_certificate())
            .await
            .ok()
            .flatten()
    }

    /// Signs in.
    pub(crate) async fn bind(
        &mut self,
        dn: &str,
        password: &SecretString,
    ) -> Result<(), CallError> {
        let mut ldap = self.ldap.clone();
        let binding = ldap.simple_bind(dn, password.expose_secret());
        let result = self.answer(binding).await?;
        self.note("sign in", "bind {service account}", &result);
        if result.rc == SUCCESS {
            Ok(())
        } else {
            Err(self.refusal(result.rc))
        }
    }

    /// Searches; finds nothing rather than fail where nothing matches.
    ///
    /// # Errors
    /// Also `refused` where the base itself is not there: that is no proof of anybody's absence.
    pub(crate) async fn search(&mut self, query: Query<'_>) -> Result<Vec<Entry>, CallError> {
        let ldap = self.ldap.clone();
        self.run(query, ldap).await.map(|page| page.entries)
    }

    /// Searches for one page of at most `size` entries, from where `cookie` says.
    pub(crate) async fn search_page(
        &mut self,
        query: Query<'_>,
        size: i32,
        cookie: Vec<u8>,
    ) -> Result<Page, CallError> {
        let mut ldap = self.ldap.clone();
        ldap.with_controls(PagedResults { size, cookie });
        self.run(query, ldap).await
    }

    async fn run(&mut self, query: Query<'_>, mut ldap: Ldap) -> Result<Page, CallError> {
        let Query {
            step,
            line,
            base,
            scope,
            filter,
            attributes,
        } = query;
        // The crate panics on records that are none, so they are taken apart inside the guard.
        let searching = async {
            let SearchResult(found, result) = ldap.search(base, scope, filter, attributes).await?;
            let entries = found
                .into_iter()
                .map(|entry| SearchEntry::construct(entry).into());
            Ok((
                Page {
                    entries: entries.collect(),
                    cookie: cookie(&result),
                },
                result,
            ))
        };
        let (page, result) = self.answer(searching).await?;
        self.note(step, line, &result);
        match result.rc {
            SUCCESS => Ok(page),
            NO_SUCH_OBJECT => Err(CallError::new(
                FailureClass::Refused,
                self.finality,
                "a folder of the directory named in the settings is not there, or the service \
                 account may not see it: correct `base_dn` and the other DNs, or its rights",
            )),
            code => Err(self.refusal(code)),
        }
    }

    /// Adds an entry.
    pub(crate) async fn add(
        &mut self,
        line: &str,
        dn: &str,
        attributes: NewEntry,
    ) -> Result<(), CallError> {
        let mut ldap = self.ldap.clone();
        self.change("create", line, &[], ldap.add(dn, attributes))
            .await
            .map(drop)
    }

    /// Modifies an entry. A code in `also_fine` is an answer and no failure.
    pub(crate) async fn modify(
        &mut self,
        step: &str,
        line: &str,
        dn: &str,
        changes: Vec<Mod<Vec<u8>>>,
        also_fine: &[u32],
    ) -> Result<u32, CallError> {
        let mut ldap = self.ldap.clone();
        self.change(step, line, also_fine, ldap.modify(dn, changes))
            .await
    }

    /// Moves an entry under another parent. Its own name and its id stay.
    pub(crate) async fn move_under(
        &mut self,
        dn: &str,
        leaf: &str,
        parent: &str,
    ) -> Result<(), CallError> {
        let mut ldap = self.ldap.clone();
        let line = "modify DN {account}: new superior";
        self.change(
            "move",
            line,
            &[],
            ldap.modifydn(dn, leaf, true, Some(parent)),
        )
        .await
        .map(drop)
    }

    /// Sets a password in the way the server hashes it.
    ///
    /// # Source
    /// RFC 3062.
    pub(crate) async fn set_password(
        &mut self,
        dn: &str,
        password: &SecretString,
    ) -> Result<(), CallError> {
        let mut ldap = self.ldap.clone();
        let request = PasswordModify {
            user_id: Some(dn),
            old_pass: None,
            new_pass: Some(password.expose_secret()),
        };
        let setting = async { ldap.extended(request).await.map(|answer| answer.1) };
        let line = "password modify {account}: random";
        self.change("scramble password", line, &[], setting)
            .await
            .map(drop)
    }

    async fn change(
        &mut self,
        step: &str,
        line: &str,
        also_fine: &[u32],
        request: impl Future<Output = Result<LdapResult, LdapError>>,
    ) -> Result<u32, CallError> {
        let before = self.finality;
        self.finality = Finality::Unknown;
        let result = self.answer(request).await?;
        self.note(step, line, &result);
        // A server that failed inside may have begun; what was unknown before stays so.
        let failed_inside = result_code::meaning(result.rc).0 == FailureClass::Retryable;
        if before != Finality::Unknown && (result.rc == SUCCESS || !failed_inside) {
            self.finality = Finality::Answered;
        }
        if result.rc == SUCCESS || also_fine.contains(&result.rc) {
            Ok(result.rc)
        } else {
            Err(self.refusal(result.rc))
        }
    }

    fn note(&mut self, step: &str, line: &str, result: &LdapResult) {
        let detail = result_code::safe_detail(&result.text);
        self.receipts.push(Receipt::new(
            step,
            line,
            Some(format!("ldap {}", result.rc)),
            &detail,
        ));
    }

    fn refusal(&self, code: u32) -> CallError {
        let (class, message) = result_code::meaning(code);
        CallError::new(class, self.finality, message)
    }

    async fn answer<T>(
        &mut self,
        request: impl Future<Output = Result<T, LdapError>>,
    ) -> Result<T, CallError> {
        match answer(self.deadline, request).await {
            Ok(answer) => Ok(answer),
            Err(cause) => Err(self.no_answer(&cause).await),
        }
    }

    async fn no_answer(&mut self, cause: &NoAnswer) -> CallError {
        let (class, message) = match cause {
            NoAnswer::TimedOut => (
                FailureClass::Retryable,
                "the directory did not answer in time: it is tried again; check its load",
            ),
            NoAnswer::Broken(error) if !self.broke_over_nonsense(error).await => (
                FailureClass::Retryable,
                "the connection to the directory broke: it is tried again; check that it runs",
            ),
            NoAnswer::Broken(_) | NoAnswer::Nonsense => (
                FailureClass::Contract,
                "the directory's answer makes no sense: check that `url` is an LDAP server",
            ),
        };
        let unanswered = Receipt::new(
            "no answer",
            "the request after the last one listed",
            None,
            "",
        );
        self.receipts.push(unanswered);
        CallError::new(class, self.finality, message)
    }

    /// The error of a request only says that the connection is gone; its driver knows why.
    async fn broke_over_nonsense(&mut self, error: &LdapError) -> bool {
        use LdapError::{EndOfStream, OpSend, ResultRecv};
        let is_gone = matches!(error, ResultRecv { .. } | OpSend { .. } | EndOfStream);
        // A panic is its way of meeting well-formed data that is no LDAP.
        is_gone
            && self
                .driver
                .join_next()
                .await
                .is_some_and(|ended| ended.unwrap_or(true))
    }

    /// Whether anything changed over this connection can still take effect.
    pub(crate) fn finality(&self) -> Finality {
        self.finality
    }

    /// Ends the session with this error.
    pub(crate) fn fail(mut self, error: CallError) -> CallError {
        CallError {
            finality: self.finality,
            ..error
        }
        .after(self.take_receipts())
    }

    /// The receipts since they were last taken.
    pub(crate) fn take_receipts(&mut self) -> Vec<Receipt> {
        std::mem::take(&mut self.receipts)
    }
}

/// Whether the connection ended because what came in was no LDAP message. The crate says so only in
/// these words; an answer that was cut short has others.
fn is_no_ldap(error: &LdapError) -> bool {
    matches!(error, LdapError::Io { source } if source.to_string() == "decoding error")
}

fn cookie(result: &LdapResult) -> Vec<u8> {
    let paged = result.ctrls.iter().find_map(|control| match control {
        Control(Some(ControlType::PagedResults), raw) => Some(raw.parse::<PagedResults>()),
        _ => None,
    });
    paged.map(|paged| paged.cookie).unwrap_or_default()
}

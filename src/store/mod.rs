//! THE ARCHIVE: all SQL.

use std::collections::HashMap;

use crate::{
    ids::{GroupId, PracticeName, SourceName, TokenId, UserId},
    people::{Group, GroupRef, User},
    query::{Filter, Sort},
};

/// Which resources to look for, and which part of the answer to give.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// `None` asks for all.
    pub filter: Option<Filter>,
    /// `None` is the order of creation, which is stable.
    pub sort: Option<Sort>,
    /// How many to leave out at the front.
    pub offset: u64,
    /// How many to give at most.
    pub limit: u64,
}

/// Part of the answer to a [`Search`].
#[derive(Debug, Clone)]
pub struct Found<T> {
    /// How many fit in all.
    pub total: u64,
    /// Those from `offset` on, at most `limit`.
    pub items: Vec<T>,
}

/// A token as it is stored: never the token itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// The id, which is part of the token.
    pub id: TokenId,
    /// SHA-256 of the whole token, in lower-case hex.
    pub hash: String,
    /// Whom the token speaks for.
    pub practice: PracticeName,
    /// As which source.
    pub source: SourceName,
    /// When it stops working.
    pub expires: jiff::Timestamp,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// The archive could not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is locked, full or out of reach; nothing was written.
    #[error("the database did not answer: {0}")]
    Unavailable(String),
    /// A stored row makes no sense.
    #[error("a stored row cannot be read: {0}")]
    Corrupt(String),
}

/// The archive.
#[derive(Debug, Clone)]
pub struct Store {}

#[expect(clippy::unused_async, unused_variables, reason = "signatures first")]
impl Store {
    /// Finds a User that was not deleted.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_user(
        &self,
        practice: &PracticeName,
        id: &UserId,
    ) -> Result<Option<User>, StoreError> {
        unimplemented!()
    }

    /// Finds the Users that fit.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn search_users(
        &self,
        practice: &PracticeName,
        search: &Search,
    ) -> Result<Found<User>, StoreError> {
        unimplemented!()
    }

    /// The groups each of these Users is in.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn groups_of(
        &self,
        practice: &PracticeName,
        users: &[UserId],
    ) -> Result<HashMap<UserId, Vec<GroupRef>>, StoreError> {
        unimplemented!()
    }

    /// Finds a Group that was not deleted.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_group(
        &self,
        practice: &PracticeName,
        id: &GroupId,
    ) -> Result<Option<Group>, StoreError> {
        unimplemented!()
    }

    /// Finds the Groups that fit.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn search_groups(
        &self,
        practice: &PracticeName,
        search: &Search,
    ) -> Result<Found<Group>, StoreError> {
        unimplemented!()
    }

    /// Finds a token by the id that is part of it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_token(&self, id: &TokenId) -> Result<Option<StoredToken>, StoreError> {
        unimplemented!()
    }
}

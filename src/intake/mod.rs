//! RECEPTION: the one way in for every change, whoever brings it.

use std::time::Duration;

use crate::{
    ids::{GroupId, PracticeName, UserId},
    people::{Attributes, Group, Member, User},
};

/// Who asks for a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// In which practice.
    pub practice: PracticeName,
    /// Who, as evidence names them: `source:entra`, `cli:root`, `bridge`.
    pub actor: String,
    /// Id of the request, for finding it in the logs.
    pub request_id: String,
}

/// What a Group shall be.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupContent {
    /// Everything but the members.
    pub attributes: Attributes,
    /// Who is in it.
    pub members: Vec<Member>,
}

/// A change that was not made. Nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError<E> {
    /// No such resource, or it was deleted.
    #[error("no such resource")]
    NotFound,
    /// Another resource of this practice has this value already.
    #[error("`{attribute}` is taken")]
    Taken {
        /// The attribute that must be unique: `userName`, `externalId` or `displayName`.
        attribute: &'static str,
    },
    /// The function that computes the change refused.
    #[error("refused")]
    Refused(E),
    /// The archive cannot be written now.
    #[error("the archive cannot be written now")]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
    },
}

/// The reception.
#[derive(Debug, Clone)]
pub struct Intake {}

#[expect(clippy::unused_async, unused_variables, reason = "signatures first")]
impl Intake {
    /// Creates (`id` is `None`), changes or deletes (the function answers `None`) a User, and carries
    /// what that means to the doors, in one durable transaction.
    ///
    /// The function may be called again when somebody else was faster; it must not have effects.
    /// Answers `None` when the User was deleted.
    ///
    /// # Errors
    /// See [`ChangeError`]; nothing is written then.
    pub async fn change_user<E>(
        &self,
        caller: &Caller,
        id: Option<&UserId>,
        change: impl FnMut(Option<&User>) -> Result<Option<Attributes>, E> + Send,
    ) -> Result<Option<User>, ChangeError<E>> {
        unimplemented!()
    }

    /// Creates, changes or deletes a Group, as [`Intake::change_user`] does for Users. Whoever entered
    /// or left the group may gain or lose a role by it.
    ///
    /// # Errors
    /// See [`ChangeError`]; nothing is written then.
    pub async fn change_group<E>(
        &self,
        caller: &Caller,
        id: Option<&GroupId>,
        change: impl FnMut(Option<&Group>) -> Result<Option<GroupContent>, E> + Send,
    ) -> Result<Option<Group>, ChangeError<E>> {
        unimplemented!()
    }

    /// Records that a request which would have disabled somebody had to be refused, outside any failed
    /// transaction, so that it is never just gone.
    pub async fn record_refused_disable(&self, caller: &Caller, id: &UserId, reason: &str) {
        unimplemented!()
    }
}

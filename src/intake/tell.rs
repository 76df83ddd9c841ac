//! Who is told that somebody left or came back.

use super::{Caller, desk::Desk};
use crate::{
    events,
    ids::PersonId,
    people::{Change, User},
    store::WriteTx,
};

/// Writes down who is to be told of a change, in the transaction that makes it. Answers whether anybody
/// is.
pub(super) fn tell(
    tx: &mut WriteTx,
    desk: &Desk,
    caller: &Caller,
    change: Change,
    (person, user): (&PersonId, Option<&User>),
) -> bool {
    let Some(user) = user else {
        return false;
    };
    let now = tx.now();
    let mut is_told = false;
    for addressee in &desk.addressees {
        let when = (caller.request_id.as_str(), now);
        if let Some(event) = events::event(addressee, change, user, when) {
            tx.record_event(person, &event, addressee.is_pushed_to.then_some(now));
            is_told = true;
        }
    }
    is_told
}

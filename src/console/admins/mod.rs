//! Who works in the console: inviting somebody, letting them in by their link, their identity provider or
//! their passkey, sending them away.
//!
//! A link is good for one sign-in within 15 minutes. Whoever can run `drawbridge` on the server can make
//! one, so nobody is locked out when the identity provider is down.
//!
//! - `guests`: who may come in, and as what
//! - `coming`: coming in, proving it anew, and going
//! - `passkeys`: the keys they come in by

mod coming;
mod guests;
mod passkeys;

use serde_json::{Value, json};

pub use self::guests::{Guest, invite, remove, remove_but_the_last_owner};
pub(super) use self::{
    coming::{Shown, connect, find_link, prove, sign_in, sign_out},
    guests::{Link, NotInvited, Wish, invite_by_name, renew_link},
    passkeys::{
        MOST, NO_ADDRESS, Used, add_passkey, note_copied, prove_by_passkey, remove_passkeys,
    },
};
pub use crate::policy::office::LINK_WORKS_FOR;
use crate::{
    evidence::Entry,
    ids::PracticeName,
    intake::Caller,
    store::{WriteTx, admins::Admin},
};

/// An admin as evidence names them.
pub(super) fn actor(admin: &Admin) -> String {
    format!("admin:{}", admin.name)
}

/// Whoever signed in, as the one who asks for a change.
pub(super) fn caller(practice: &PracticeName, admin: &Admin) -> Caller {
    Caller {
        practice: practice.clone(),
        actor: actor(admin),
        request_id: uuid::Uuid::now_v7().to_string(),
    }
}

fn record(tx: &mut WriteTx, who: &str, what: &'static str, admin: &Admin) {
    record_with(tx, who, what, admin, json!({}));
}

fn record_with(tx: &mut WriteTx, who: &str, what: &'static str, admin: &Admin, more: Value) {
    let mut detail = json!({"admin": admin.id, "name": admin.name, "role": admin.role.as_str()});
    if let (Some(detail), Value::Object(more)) = (detail.as_object_mut(), more) {
        detail.extend(more);
    }
    let entry = Entry {
        at: tx.now(),
        who: who.to_owned(),
        what,
        person: None,
        system: None,
        detail: detail.as_object().cloned().unwrap_or_default(),
    };
    tx.record(entry);
}

//! Ids and names as types, so that two of them never change places.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Makes a text type whose values are UUIDv7, so that they sort by the time they were made.
macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        text!($(#[$doc])* $name);

        impl $name {
            /// A new id; later ids sort after earlier ones.
            pub fn generate() -> Self {
                Self(Uuid::now_v7().to_string())
            }
        }
    )+};
}

macro_rules! text {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The value as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

text! {
    /// A practice's permanent name: the tenant key everything stored begins with.
    PracticeName,
    /// A system's permanent name within its practice.
    SystemName,
    /// A source's name within its practice, for example `entra`.
    SourceName,
    /// The name, within its practice, of who is told of departures.
    SubscriberName,
    /// The name, within its practice, of a way alerts go out.
    ChannelName,
    /// A role's name in the practice's role matrix.
    RoleName,
}

id! {
    /// One workforce member; outlives every SCIM resource that points at it.
    PersonId,
    /// A SCIM User resource.
    UserId,
    /// A SCIM Group resource.
    GroupId,
    /// A door: person, system and way.
    DoorId,
    /// One call to a connector.
    AttemptId,
    /// A joiner's, mover's or leaver's case.
    CaseId,
    /// A return that waits for somebody's word.
    ReturnId,
    /// A security event token.
    EventId,
    /// Something somebody is told once.
    AlertId,
    /// A departure that waits for its time.
    ScheduleId,
    /// A SCIM bearer token.
    TokenId,
    /// Somebody who works in the console.
    AdminId,
}

//! The Group.

use super::{Attribute, REFERENCE, ResourceType, Schema};
use crate::people::CORE_GROUP;

/// The Group resource.
pub static GROUP: ResourceType = ResourceType {
    name: "Group",
    endpoint: "/Groups",
    description: "Group",
    core: &CORE,
    extensions: &[],
};

/// # Source
/// RFC 7643 section 4.2.
static CORE: Schema = Schema {
    urn: CORE_GROUP,
    mistyped: &["urn:ietf:params:scim:schemas:core:2.0Group"],
    name: "Group",
    description: "Group",
    attributes: &[
        Attribute::text("displayName", "The group's name.")
            .required()
            .unique()
            .identifier(),
        Attribute::complex(
            "members",
            "Who is in the group.",
            &[
                Attribute::text("value", "The User's id, kept as it was sent.")
                    .case_exact()
                    .immutable()
                    .identifier(),
                REFERENCE,
                Attribute::text("type", "What the member is.")
                    .canonical(&["User"])
                    .read_only(),
                Attribute::text("display", "How the source calls the member.").immutable(),
            ],
        )
        .multi(),
    ],
};

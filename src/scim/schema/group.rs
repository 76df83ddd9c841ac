//! The Group.

use super::{Attribute, ResourceType, Schema};
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
                Attribute::reference("$ref", "Where the User is.", &["User"])
                    .immutable()
                    .computed(),
                Attribute::text("type", "What the member is: the bridge knows Users.")
                    .canonical(&["User"])
                    .immutable()
                    .computed(),
                Attribute::text("display", "How the source calls the member.").immutable(),
            ],
        )
        .multi(),
    ],
};

//! What every resource has.

use super::Attribute;

/// The common attributes. They belong to no schema, so `/Schemas` does not list them.
///
/// # Source
/// RFC 7643 section 3.1.
pub(super) static COMMON: &[Attribute] = &[
    Attribute::reference("schemas", "The schemas the resource follows.", &["uri"])
        .multi()
        // Taken, and not kept: the bridge sees from the attributes which schemas a resource follows.
        .write_only()
        .always_shown(),
    Attribute::text("id", "The resource's id, given by the bridge.")
        .case_exact()
        .read_only()
        .always_shown()
        .unique(),
    Attribute::text("externalId", "The resource's id at the source.")
        .case_exact()
        .identifier(),
    Attribute::complex(
        "meta",
        "What the bridge knows about the resource.",
        &[
            Attribute::text("resourceType", "The kind of resource.")
                .case_exact()
                .read_only(),
            Attribute::time("created", "When it was created.").read_only(),
            Attribute::time("lastModified", "When it was last changed.").read_only(),
            Attribute::reference("location", "Where it is.", &["uri"]).read_only(),
            Attribute::text("version", "The ETag.")
                .case_exact()
                .read_only(),
        ],
    )
    .read_only(),
];

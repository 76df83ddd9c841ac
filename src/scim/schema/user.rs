//! The User and its enterprise extension.

use super::{Attribute, ResourceType, Schema};
use crate::people::{CORE_USER, ENTERPRISE_USER};

/// The User resource.
pub static USER: ResourceType = ResourceType {
    name: "User",
    endpoint: "/Users",
    description: "User account",
    core: &CORE,
    extensions: &[&ENTERPRISE],
};

const DISPLAY: Attribute = Attribute::text("display", "A name for the value, for people.");
const PRIMARY: Attribute = Attribute::boolean("primary", "Whether it is the preferred one.");
const TYPE: Attribute = Attribute::text("type", "What the value is for.");

/// # Source
/// RFC 7643 section 4.1.
static CORE: Schema = Schema {
    urn: CORE_USER,
    mistyped: &["urn:ietf:params:scim:schemas:core:2.0User"],
    name: "User",
    description: "User account",
    attributes: &[
        Attribute::text("userName", "The name the person signs in with.")
            .required()
            .unique()
            .identifier(),
        Attribute::complex(
            "name",
            "The parts of the person's name.",
            &[
                Attribute::text("formatted", "The full name, as shown."),
                Attribute::text("familyName", "The family name."),
                Attribute::text("givenName", "The given name."),
                Attribute::text("middleName", "The middle names."),
                Attribute::text("honorificPrefix", "What comes before the name."),
                Attribute::text("honorificSuffix", "What comes after the name."),
            ],
        ),
        Attribute::text("displayName", "The name shown to other people.").identifier(),
        Attribute::text("nickName", "The casual name."),
        Attribute::reference("profileUrl", "The person's page.", &["external"]),
        Attribute::text("title", "The person's title, such as \"Nurse\"."),
        Attribute::text(
            "userType",
            "How the person belongs to the practice, such as \"Contractor\".",
        ),
        Attribute::text(
            "preferredLanguage",
            "The languages the person prefers, as in Accept-Language.",
        ),
        Attribute::text("locale", "The person's locale, such as \"en-US\"."),
        Attribute::text(
            "timezone",
            "The person's time zone, such as \"America/Denver\".",
        ),
        Attribute::boolean("active", "Whether the person may get in.").always_set(),
        Attribute::text(
            "password",
            "Taken so that no client fails, and dropped at once: the bridge keeps no passwords.",
        )
        .case_exact()
        .write_only()
        .never_shown(),
        Attribute::complex(
            "emails",
            "E-mail addresses.",
            &[
                Attribute::text("value", "The address.").identifier(),
                DISPLAY,
                TYPE.canonical(&["work", "home", "other"]),
                PRIMARY,
            ],
        )
        .multi(),
        Attribute::complex(
            "phoneNumbers",
            "Phone numbers, kept as they were sent.",
            &[
                Attribute::text("value", "The number."),
                DISPLAY,
                TYPE.canonical(&["work", "home", "mobile", "fax", "pager", "other"]),
                PRIMARY,
            ],
        )
        .multi(),
        Attribute::complex(
            "ims",
            "Instant messaging addresses.",
            &[
                Attribute::text("value", "The address."),
                DISPLAY,
                TYPE,
                PRIMARY,
            ],
        )
        .multi(),
        Attribute::complex(
            "photos",
            "Where pictures of the person are.",
            &[
                Attribute::reference("value", "Where the picture is.", &["external"]),
                DISPLAY,
                TYPE.canonical(&["photo", "thumbnail"]),
                PRIMARY,
            ],
        )
        .multi(),
        Attribute::complex(
            "addresses",
            "Postal addresses.",
            &[
                Attribute::text("formatted", "The full address, as shown."),
                Attribute::text("streetAddress", "Street and house."),
                Attribute::text("locality", "City."),
                Attribute::text("region", "State or region."),
                Attribute::text("postalCode", "Postal code."),
                Attribute::text("country", "Country, in ISO 3166-1 alpha 2."),
                TYPE.canonical(&["work", "home", "other"]),
                PRIMARY,
            ],
        )
        .multi(),
        Attribute::complex(
            "groups",
            "The groups the person is in. Changed by changing the group.",
            &[
                Attribute::text("value", "The group's id.")
                    .case_exact()
                    .read_only(),
                Attribute::reference("$ref", "Where the group is.", &["Group"]).read_only(),
                Attribute::text("display", "The group's name.").read_only(),
                Attribute::text("type", "How the person is in it.")
                    .canonical(&["direct"])
                    .read_only(),
            ],
        )
        .multi()
        .read_only(),
        Attribute::complex(
            "entitlements",
            "What the person is entitled to.",
            &[
                Attribute::text("value", "The entitlement."),
                DISPLAY,
                TYPE,
                PRIMARY,
            ],
        )
        .multi(),
        Attribute::complex(
            "roles",
            "The person's roles, such as \"Receptionist\".",
            &[
                Attribute::text("value", "The role."),
                DISPLAY,
                TYPE,
                PRIMARY,
            ],
        )
        .multi(),
        Attribute::complex(
            "x509Certificates",
            "Certificates issued to the person.",
            &[
                Attribute::binary("value", "The certificate, DER in base64."),
                DISPLAY,
                TYPE,
                PRIMARY,
            ],
        )
        .multi(),
    ],
};

/// # Source
/// RFC 7643 section 4.3.
static ENTERPRISE: Schema = Schema {
    urn: ENTERPRISE_USER,
    // Entra ID's own example of a new user lacks the colon.
    mistyped: &["urn:ietf:params:scim:schemas:extension:enterprise:2.0User"],
    name: "EnterpriseUser",
    description: "Enterprise user",
    attributes: &[
        Attribute::text("employeeNumber", "The practice's number for the person."),
        Attribute::text("costCenter", "The cost center."),
        Attribute::text("organization", "The organization."),
        Attribute::text("division", "The division."),
        Attribute::text("department", "The department."),
        Attribute::complex(
            "manager",
            "The person's manager, who gets their mail when they leave.",
            &[
                Attribute::text("value", "The manager's id.")
                    .case_exact()
                    .identifier(),
                Attribute::reference("$ref", "Where the manager is.", &["User"]).computed(),
                Attribute::text("displayName", "The manager's name.").read_only(),
            ],
        ),
    ],
};

//! The vendor files that come with Drawbridge.

/// Name and text of each, as in `config/vendors`.
const FILES: [(&str, &str); 2] = [
    (
        "brivo",
        include_str!("../../../../config/vendors/brivo.toml"),
    ),
    (
        "openmrs",
        include_str!("../../../../config/vendors/openmrs.toml"),
    ),
];

/// The text of the shipped file of this name.
pub fn text_of(name: &str) -> Option<&'static str> {
    FILES
        .iter()
        .find(|(own, _)| *own == name)
        .map(|(_, text)| *text)
}

/// The names that can be written in `vendor = "..."`.
pub fn names() -> Vec<&'static str> {
    FILES.iter().map(|(name, _)| *name).collect()
}

//! Tables for people, JSON for scripts.

use std::io::Write as _;

use comfy_table::{ContentArrangement, Table, presets::NOTHING};
use serde::Serialize;

/// Prints a table, or in its place the sentence that teaches when there is nothing in it.
pub fn table(headings: &[&str], rows: Vec<Vec<String>>, when_empty: &str) {
    if rows.is_empty() {
        line(when_empty);
        return;
    }
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headings.iter().map(|heading| heading.to_uppercase()));
    table.add_rows(rows);
    for text in table.lines() {
        line(text.trim_end());
    }
}

/// Prints JSON for scripts.
pub fn json(value: &impl Serialize) {
    // Plain data types always serialise.
    line(&serde_json::to_string_pretty(value).unwrap_or_default());
}

/// Prints a line. Whoever stopped reading, as `head` does, has seen enough.
pub fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// The value, or a dash.
pub fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

//! Tables as CSV, for a spreadsheet: a cell is never taken for a formula there.
//!
//! # Source
//! RFC 4180; <https://owasp.org/www-community/attacks/CSV_Injection>.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// What may end a cell where a comma does not.
const ENDS: [char; 3] = [';', '\t', '\n'];

/// Has spreadsheets read the file as UTF-8.
const MARK: &str = "\u{feff}";

/// A row, with its end.
pub(super) fn row<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let mut row = String::new();
    for (place, text) in cells.into_iter().enumerate() {
        if place > 0 {
            row.push(',');
        }
        push_cell(&mut row, text);
    }
    row.push_str("\r\n");
    row
}

fn push_cell(row: &mut String, text: &str) {
    let text = harmless(text);
    let is_quoted = text.contains(['"', ',', '\r', '\n']);
    if is_quoted {
        row.push('"');
        row.push_str(&text.replace('"', "\"\""));
        row.push('"');
    } else {
        row.push_str(&text);
    }
}

/// The text with a mark before whatever would be a formula, also where another sign than ours ends a cell.
fn harmless(text: &str) -> String {
    let mut marked = String::with_capacity(text.len());
    for part in text.split_inclusive(ENDS) {
        let begins_one = marked.is_empty() && part.starts_with(FORMULA);
        if begins_one || part.trim_start().starts_with(FORMULA) {
            marked.push('\'');
        }
        marked.push_str(part);
    }
    marked
}

/// The first row of a file.
pub(super) fn head<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    format!("{MARK}{}", row(names))
}

/// The headers of a file with this name.
pub(super) fn headers(name: &str) -> [(header::HeaderName, String); 2] {
    [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}.csv\""),
        ),
    ]
}

/// A whole file.
pub(super) fn file(name: &str, text: String) -> Response {
    (headers(name), text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula() {
        for text in [
            "=HYPERLINK(\"http://evil\")",
            "\n=1+1",
            "＝1+1",
            "+1",
            "-2+3",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "  =1",
        ] {
            let row = row([text]);
            let inside = row.trim_end().trim_matches('"');
            assert!(inside.starts_with('\''), "{row}");
        }
        assert_eq!(row(["Okafor; =1+1"]), "Okafor;' =1+1\r\n");
    }

    #[test]
    fn what_has_commas_quotes_or_lines_stays_one_cell() {
        assert_eq!(
            row(["Okafor, Nina", "said \"no\"", "two\nlines", "plain", ""]),
            "\"Okafor, Nina\",\"said \"\"no\"\"\",\"two\nlines\",plain,\r\n"
        );
    }
}

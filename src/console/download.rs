//! Files that are taken away. None of them is ever shown in a page.

use axum::{
    body::Body,
    http::header::{self, HeaderName},
    response::{IntoResponse, Response},
};
use futures_util::stream;

use super::trouble::Happened;
use crate::store::{StoreError, export::Export};

/// Says to the script how many lines there will be about.
const LINES: HeaderName = HeaderName::from_static("drawbridge-lines");

/// Has a browser save it under this name.
pub(super) fn disposition(name: &str) -> String {
    // Whoever knows no UTF-8 in there finds letters and digits alone.
    let ascii: String = name
        .chars()
        .map(|letter| match letter {
            letter if letter.is_ascii_alphanumeric() => letter,
            '.' | '-' | '_' => letter,
            _ => '-',
        })
        .collect();
    let whole = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{whole}")
}

/// A file of evidence, sent while it is read.
///
/// # Errors
/// When it cannot even be begun. If it stops later, the file is cut off, and no seal says that it is whole.
pub(super) async fn evidence(mut export: Export, name: &str) -> Result<Response, Happened> {
    let first = export.next_part().await?.unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, "application/jsonl".to_owned()),
        (header::CONTENT_DISPOSITION, disposition(name)),
        (LINES, (export.length() + 2).to_string()),
    ];
    let rest = stream::unfold((Some(first), Some(export)), |(first, export)| async move {
        if let Some(first) = first {
            return Some((Ok(first), (None, export)));
        }
        let mut export = export?;
        match export.next_part().await {
            Ok(part) => part.map(|part| (Ok(part), (None, Some(export)))),
            Err(error) => {
                tracing::error!(%error, "a file of evidence was cut off: the database did not answer");
                Some((Err::<String, StoreError>(error), (None, None)))
            }
        }
    });
    Ok((headers, Body::from_stream(rest)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_is_nothing_but_a_name() {
        let disposition = disposition("Ärztin\"; x=\r\n.jsonl");

        assert_eq!(
            disposition,
            "attachment; filename=\"-rztin---x---.jsonl\"; filename*=UTF-8''%C3%84rztin%22%3B%20x%3D%0D%0A%2Ejsonl"
        );
    }
}

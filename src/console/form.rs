//! Reading what a form sends: fields, and where a page asks for one, a file.

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    extract::{DefaultBodyLimit, FromRequest as _, Multipart, Request, multipart::MultipartError},
    http::{StatusCode, header, request::Parts},
};

use super::{Office, admit::Fields};
use crate::evidence::{
    file::{self, MOST_BYTES, Unfit},
    pack::SignedFile,
};

/// Longest form without its file, in bytes: a note of some pages.
const FORM_BYTES: usize = 64 * 1024;

/// How many times as long a form with a file may take: a photo comes slowly from a phone.
const TIMES_AS_LONG: u32 = 4;

/// The field of the file.
const FILE: &str = "file";

/// A form, and what came with it.
type Form = (Fields, Option<Result<SignedFile, Unfit>>);

/// Reads a form. A file is passed over unless it may come.
pub(super) async fn read(
    office: &Office,
    parts: &Parts,
    body: Body,
    takes_file: bool,
) -> Result<Form, StatusCode> {
    let kind = parts.headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let patience = office.waits.body;
    let (fields, file) = if kind.starts_with("application/x-www-form-urlencoded") {
        (in_time(patience, fields_of(body)).await?, None)
    } else if kind.starts_with("multipart/form-data") {
        let mut request = Request::new(body);
        request.headers_mut().clone_from(&parts.headers);
        in_time(patience * TIMES_AS_LONG, parts_of(request, takes_file)).await?
    } else {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    };
    if fields.has_nul() {
        return Err(StatusCode::BAD_REQUEST);
    }
    Ok((fields, file))
}

async fn in_time<T>(
    patience: Duration,
    reading: impl Future<Output = Result<T, StatusCode>>,
) -> Result<T, StatusCode> {
    let read = tokio::time::timeout(patience, reading).await;
    read.unwrap_or(Err(StatusCode::REQUEST_TIMEOUT))
}

async fn fields_of(body: Body) -> Result<Fields, StatusCode> {
    let bytes = to_bytes(body, FORM_BYTES).await;
    let bytes = bytes.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    Ok(Fields::read(&bytes))
}

async fn parts_of(mut request: Request, takes_file: bool) -> Result<Form, StatusCode> {
    // One byte more than may be kept shows that there is too much.
    DefaultBodyLimit::max(MOST_BYTES + 2 * FORM_BYTES).apply(&mut request);
    let parts = Multipart::from_request(request, &()).await;
    let mut parts = parts.map_err(|refused| refused.status())?;
    let (mut fields, mut taken, mut length) = (Vec::new(), None, 0);
    loop {
        let part = match parts.next_field().await {
            Ok(Some(part)) => part,
            Ok(None) => break,
            Err(error) if is_too_large(&error) => {
                taken = Some(Err(Unfit::TooLarge));
                break;
            }
            Err(error) => return Err(error.status()),
        };
        let name = part.name().unwrap_or_default().to_owned();
        if name == FILE {
            let called = part.file_name().unwrap_or_default().to_owned();
            taken = read_file(part, &called, takes_file).await?;
            continue;
        }
        length += name.len();
        let mut part = part;
        let mut bytes = Vec::new();
        while let Some(chunk) = part.chunk().await.map_err(|error| error.status())? {
            length += chunk.len();
            if length > FORM_BYTES {
                return Err(StatusCode::PAYLOAD_TOO_LARGE);
            }
            bytes.extend(chunk);
        }
        let text = String::from_utf8(bytes).map_err(|_| StatusCode::BAD_REQUEST)?;
        fields.push((name, text));
    }
    Ok((Fields::from_pairs(fields), taken))
}

/// A file; `None` if nobody chose one.
async fn read_file(
    mut part: axum::extract::multipart::Field<'_>,
    name: &str,
    takes_file: bool,
) -> Result<Option<Result<SignedFile, Unfit>>, StatusCode> {
    let mut bytes = Vec::new();
    loop {
        match part.chunk().await {
            Ok(Some(chunk)) if takes_file && bytes.len() <= MOST_BYTES => bytes.extend(chunk),
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(error) if is_too_large(&error) => return Ok(Some(Err(Unfit::TooLarge))),
            Err(error) => return Err(error.status()),
        }
    }
    // A browser sends an empty part where nobody chose a file. One that is passed over is told as empty:
    // whoever sends the form again picks it again.
    let is_chosen = !(name.is_empty() && bytes.is_empty());
    Ok(is_chosen.then(|| file::take(name, &bytes)))
}

fn is_too_large(error: &MultipartError) -> bool {
    error.status() == StatusCode::PAYLOAD_TOO_LARGE
}

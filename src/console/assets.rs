//! The style sheet and the scripts, each under a name that says what is in it, so that it may be kept
//! for good.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::evidence::chain;

/// A file that pages ask for.
#[derive(Debug)]
struct Asset {
    name: String,
    kind: &'static str,
    text: &'static str,
}

impl Asset {
    fn new(stem: &str, ending: &str, kind: &'static str, text: &'static str) -> Self {
        let hash = chain::to_hex(&chain::sha256(text.as_bytes()));
        Self {
            name: format!("{stem}.{}.{ending}", &hash[..12]),
            kind,
            text,
        }
    }
}

static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "console",
        "css",
        "text/css; charset=utf-8",
        include_str!("assets/console.css"),
    )
});
static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "console",
        "js",
        "text/javascript; charset=utf-8",
        include_str!("assets/console.js"),
    )
});
static HTMX: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "htmx",
        "js",
        "text/javascript; charset=utf-8",
        include_str!("assets/htmx.min.js"),
    )
});
static PASSKEY: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "passkey",
        "js",
        "text/javascript; charset=utf-8",
        include_str!("assets/passkey.js"),
    )
});

static ICON: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "icon",
        "svg",
        "image/svg+xml",
        include_str!("assets/icon.svg"),
    )
});

/// Name of what a tab shows.
pub(super) fn icon() -> &'static str {
    &ICON.name
}

/// Name of the style sheet.
pub(super) fn style() -> &'static str {
    &STYLE.name
}

/// Name of the console's own script.
pub(super) fn script() -> &'static str {
    &SCRIPT.name
}

/// Name of htmx.
pub(super) fn htmx() -> &'static str {
    &HTMX.name
}

/// Name of the script that asks for passkeys.
pub(super) fn passkey() -> &'static str {
    &PASSKEY.name
}

/// One of them.
pub(super) async fn send(Path(name): Path<String>) -> Response {
    let all: [&Asset; 5] = [&STYLE, &SCRIPT, &HTMX, &PASSKEY, &ICON];
    match all.into_iter().find(|asset| asset.name == name) {
        Some(asset) => (
            [
                (header::CONTENT_TYPE, asset.kind),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ],
            asset.text,
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

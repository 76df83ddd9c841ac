//! How a list goes on: by offset, by page number, by cursor, or by a link to the next page.

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{
    error::{Key, VendorFileError},
    pointer::{Pointer, text_of},
    request::RequestTemplate,
    template::Placeholder,
};

/// `paging` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawPaging {
    by: By,
    first: Option<u64>,
    total: Option<String>,
    next: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum By {
    Offset,
    Page,
    Cursor,
    Link,
}

/// How a list goes on.
#[derive(Debug, Clone, PartialEq)]
pub enum Paging {
    /// One answer holds everything.
    None,
    /// `{offset}` counts records. It ends with an empty page, or when `total` records were read.
    Offset {
        /// The offset of the first record.
        first: u64,
        /// Where the number of all records is.
        total: Option<Pointer>,
    },
    /// `{page}` counts pages. It ends with an empty page, or with page number `total`.
    Page {
        /// The number of the first page.
        first: u64,
        /// Where the number of all pages is.
        total: Option<Pointer>,
    },
    /// `{cursor}` is what the answer before gave. It ends when an answer gives none.
    Cursor {
        /// Where the next cursor is.
        next: Pointer,
    },
    /// The answer names the next page's address, which must be on the same host.
    Link {
        /// Where the next address is.
        next: Pointer,
    },
}

/// Where one page starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// At the beginning, for lists that count nothing.
    Start,
    /// At this offset or page number.
    Number(u64),
    /// At this cursor or link.
    Text(String),
}

impl Paging {
    /// Reads `paging` and holds it against the placeholders of the request.
    ///
    /// # Errors
    /// When a key is missing or has no meaning for this kind, or the request lacks the placeholder.
    pub fn parse(
        raw: Option<&RawPaging>,
        request: &RequestTemplate,
        key: &Key<'_>,
    ) -> Result<Self, VendorFileError> {
        let wrong = |problem: String| key.wrong("paging", problem);
        let pointer = |text: &Option<String>| {
            text.as_deref()
                .map(Pointer::parse_to_one)
                .transpose()
                .map_err(wrong)
        };
        let paging = match raw {
            None => Self::None,
            Some(RawPaging {
                by: By::Offset,
                first,
                total,
                next: None,
            }) => Self::Offset {
                first: first.unwrap_or(0),
                total: pointer(total)?,
            },
            Some(RawPaging {
                by: By::Page,
                first,
                total,
                next: None,
            }) => Self::Page {
                first: first.unwrap_or(1),
                total: pointer(total)?,
            },
            Some(RawPaging {
                by,
                first: None,
                total: None,
                next,
            }) if matches!(by, By::Cursor | By::Link) => {
                let next = pointer(next)?.ok_or_else(|| {
                    wrong("`next` is missing: say where the answer names the next page".to_owned())
                })?;
                if *by == By::Cursor {
                    Self::Cursor { next }
                } else {
                    Self::Link { next }
                }
            }
            Some(_) => {
                return Err(wrong("`first` and `total` belong to `offset` and `page`, `next` to `cursor` and `link`: take out the other".to_owned()));
            }
        };
        for (placeholder, wanted) in [
            (Placeholder::Offset, matches!(paging, Self::Offset { .. })),
            (Placeholder::Page, matches!(paging, Self::Page { .. })),
            (Placeholder::Cursor, matches!(paging, Self::Cursor { .. })),
        ] {
            match (request.has(placeholder), wanted) {
                (false, true) => {
                    return Err(key.wrong(
                        "request",
                        format!("`{placeholder}` is missing: this paging needs it"),
                    ));
                }
                (true, false) => {
                    return Err(wrong(format!(
                        "the request has `{placeholder}`: say so with `by = \"{}\"`",
                        placeholder.name()
                    )));
                }
                _ => {}
            }
        }
        Ok(paging)
    }

    /// Where the first page starts.
    pub fn first(&self) -> Place {
        match self {
            Self::Offset { first, .. } | Self::Page { first, .. } => Place::Number(*first),
            Self::None | Self::Cursor { .. } | Self::Link { .. } => Place::Start,
        }
    }

    /// Where the page after this one starts; `None` when this was the last.
    ///
    /// # Errors
    /// A sentence for people when the answer leads back to the page it came from, or gives a place
    /// that is none.
    pub fn after(
        &self,
        here: &Place,
        records: usize,
        answer: &Value,
    ) -> Result<Option<Place>, String> {
        let number = match here {
            Place::Number(number) => *number,
            _ => 0,
        };
        let number_at = |total: &Option<Pointer>| {
            total
                .as_ref()
                .and_then(|total| total.first(answer))
                .and_then(Value::as_u64)
        };
        let next = match self {
            Self::None => None,
            Self::Offset { first, total } => {
                let reached = number.saturating_add(records as u64);
                let complete =
                    number_at(total).is_some_and(|total| reached.saturating_sub(*first) >= total);
                (records > 0 && !complete).then_some(Place::Number(reached))
            }
            Self::Page { total, .. } => {
                let complete = number_at(total).is_some_and(|total| number >= total);
                (records > 0 && !complete).then_some(Place::Number(number.saturating_add(1)))
            }
            Self::Cursor { next } | Self::Link { next } => match next.first(answer) {
                None => None,
                Some(Value::String(text)) if text.is_empty() => None,
                Some(value) => Some(Place::Text(
                    text_of(value).ok_or("names a next page that is neither text nor a number")?,
                )),
            },
        };
        if next.as_ref() == Some(here) {
            return Err("names itself as the next page".to_owned());
        }
        Ok(next)
    }

    /// The place a cursor handed out earlier stands for; `None` when it is not one of ours.
    pub fn resume(&self, cursor: &str) -> Option<Place> {
        match self {
            Self::None => None,
            Self::Offset { .. } | Self::Page { .. } => cursor.parse().ok().map(Place::Number),
            Self::Cursor { .. } | Self::Link { .. } => Some(Place::Text(cursor.to_owned())),
        }
    }
}

impl Place {
    /// As text, for handing out.
    pub fn to_text(&self) -> String {
        match self {
            Self::Start => String::new(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// Path and query of the next page, below the same base address only: the request carries the
/// credential.
///
/// # Errors
/// A sentence for people when the link leads to another scheme, host, port or path.
pub fn below(base: &str, link: &str) -> Result<String, String> {
    const ELSEWHERE: &str = "names a next page that is not below its own address, so it was not asked: check `base_url`";
    let base = base.trim_end_matches('/');
    let next = Url::parse(base)
        .and_then(|base| base.join(link))
        .map_err(|_| ELSEWHERE.to_owned())?;
    match next.as_str().strip_prefix(base) {
        Some(rest) if rest.starts_with('/') => {
            Ok(rest.split('#').next().unwrap_or_default().to_owned())
        }
        _ => Err(ELSEWHERE.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::vendor::request::Written;

    fn paging(request: &str, paging: &str) -> Result<Paging, VendorFileError> {
        let allowed = [Placeholder::Offset, Placeholder::Page, Placeholder::Cursor];
        let request = RequestTemplate::parse(
            Written {
                request,
                json: None,
                form: None,
            },
            &allowed,
        )
        .unwrap();
        let raw: RawPaging = toml::from_str(paging).unwrap();
        Paging::parse(Some(&raw), &request, &Key::new("t.toml", "list"))
    }

    fn number(number: u64) -> Option<Place> {
        Some(Place::Number(number))
    }

    #[test]
    fn an_offset_goes_on_by_what_was_received_until_a_page_is_empty() {
        let paging = paging("GET /u?o={offset}", "by = \"offset\"").unwrap();

        assert_eq!(paging.first(), Place::Number(0));
        assert_eq!(
            paging.after(&Place::Number(0), 30, &json!({})),
            Ok(number(30))
        );
        assert_eq!(paging.after(&Place::Number(30), 0, &json!({})), Ok(None));
    }

    #[test]
    fn an_offset_ends_when_all_were_read() {
        let paging = paging(
            "GET /u?o={offset}",
            "by = \"offset\"\nfirst = 1\ntotal = \"/count\"",
        )
        .unwrap();

        assert_eq!(
            paging.after(&Place::Number(1), 2, &json!({"count": 3})),
            Ok(number(3))
        );
        assert_eq!(
            paging.after(&Place::Number(3), 1, &json!({"count": 3})),
            Ok(None)
        );
    }

    #[test]
    fn pages_are_counted_until_the_last() {
        let paging = paging("GET /u?p={page}", "by = \"page\"\ntotal = \"/pages\"").unwrap();

        assert_eq!(paging.first(), Place::Number(1));
        assert_eq!(
            paging.after(&Place::Number(1), 5, &json!({"pages": 2})),
            Ok(number(2))
        );
        assert_eq!(
            paging.after(&Place::Number(2), 5, &json!({"pages": 2})),
            Ok(None)
        );
        assert_eq!(paging.after(&Place::Number(2), 0, &json!({})), Ok(None));
    }

    #[test]
    fn a_cursor_ends_when_it_is_absent_null_or_empty() {
        let paging = paging("GET /u?c={cursor}", "by = \"cursor\"\nnext = \"/next\"").unwrap();

        assert_eq!(
            paging.after(&Place::Start, 0, &json!({"next": "abc"})),
            Ok(Some(Place::Text("abc".to_owned())))
        );
        for end in [json!({}), json!({"next": null}), json!({"next": ""})] {
            assert_eq!(paging.after(&Place::Start, 5, &end), Ok(None));
        }
    }

    #[test]
    fn a_page_that_leads_to_itself_is_an_error_and_no_endless_loop() {
        let paging = paging("GET /u?c={cursor}", "by = \"cursor\"\nnext = \"/next\"").unwrap();

        let here = Place::Text("abc".to_owned());

        assert!(
            paging
                .after(&here, 5, &json!({"next": "abc"}))
                .unwrap_err()
                .contains("names itself")
        );
    }

    #[test]
    fn a_link_is_followed_below_the_same_address_only() {
        let base = "https://ehr.example:8443/api";

        for link in [
            "https://ehr.example:8443/api/users?page=2",
            "/api/users?page=2",
            "/api/x/../users?page=2#top",
        ] {
            assert_eq!(below(base, link).as_deref(), Ok("/users?page=2"), "{link}");
        }
        for elsewhere in [
            "https://evil.example/api/users",
            "//evil.example:8443/api/users",
            "http://ehr.example:8443/api/users",
            "https://ehr.example/api/users",
            "https://x:y@ehr.example:8443/api/users",
            "https://ehr.example:8443@evil.example/api/users",
            "https://ehr.example.evil.example:8443/api/users",
            "/apiother/users",
            "/api/../admin",
            "?page=2",
            "file:///etc/passwd",
            "\\\\evil.example\\api",
            "https://[",
        ] {
            assert!(
                below(base, elsewhere)
                    .unwrap_err()
                    .contains("not below its own address"),
                "{elsewhere}"
            );
        }
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        for (request, raw, says) in [
            ("GET /u", "by = \"offset\"", "`{offset}` is missing"),
            (
                "GET /u?p={page}",
                "by = \"offset\"",
                "`{offset}` is missing",
            ),
            (
                "GET /u?p={page}&o={offset}",
                "by = \"offset\"",
                "by = \"page\"",
            ),
            ("GET /u?c={cursor}", "by = \"cursor\"", "`next` is missing"),
            (
                "GET /u?c={cursor}",
                "by = \"cursor\"\nnext = \"/n\"\ntotal = \"/t\"",
                "belong to `offset`",
            ),
            (
                "GET /u?o={offset}",
                "by = \"offset\"\nnext = \"/n\"",
                "belong to `offset`",
            ),
            (
                "GET /u?o={offset}",
                "by = \"offset\"\ntotal = \"t\"",
                "start with `/`",
            ),
        ] {
            let error = paging(request, raw).unwrap_err().to_string();
            assert!(
                error.starts_with("t.toml: `list.") && error.contains(says),
                "{error}"
            );
        }
    }
}

//! One page of a list.
//!
//! # Source
//! RFC 7644 section 3.4.2.

use serde_json::Value;

/// Records of one page.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The records, as they came.
    pub records: Vec<Value>,
    /// How many there are on all pages.
    pub total: usize,
}

impl Page {
    /// Reads the page that was asked to start at `start`, counted from 1.
    ///
    /// # Errors
    /// Why it is no such page, for people.
    pub fn of(mut body: Value, start: usize) -> Result<Self, &'static str> {
        let number = |key: &str| body.get(key).and_then(Value::as_u64);
        let total = number("totalResults").and_then(|total| usize::try_from(total).ok());
        let shown_start = number("startIndex");
        let total = total.ok_or(
            "the system's list does not say how many records there are: check `base_url`, it must \
             lead to SCIM 2.0",
        )?;
        let records = match body.get_mut("Resources").map(Value::take) {
            Some(Value::Array(records)) => records,
            None | Some(Value::Null) => Vec::new(),
            Some(_) => return Err("the system's list holds no records: check `base_url`"),
        };
        if records.is_empty() && start <= total {
            return Err(
                "the system's list says that there are records and shows none: it is \
                        blind, ask the vendor which right the token lacks",
            );
        }
        let is_elsewhere = shown_start.is_some_and(|shown| shown != start as u64);
        if start > 1 && !records.is_empty() && is_elsewhere {
            return Err(
                "the system's list shows another page than was asked for: tell the vendor \
                        that `startIndex` is ignored",
            );
        }
        Ok(Self { records, total })
    }

    /// Where the next page starts; `None` after the last one.
    pub fn next(&self, start: usize) -> Option<usize> {
        let next = start + self.records.len();
        (next <= self.total).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_is_read_to_its_end() {
        let first = json!({ "totalResults": 3, "startIndex": 1, "Resources": [{}, {}] });
        let last = json!({ "totalResults": 3, "startIndex": 3, "Resources": [{}] });

        assert_eq!(Page::of(first, 1).expect("a page").next(1), Some(3));
        assert_eq!(Page::of(last, 3).expect("a page").next(3), None);
        assert_eq!(
            Page::of(json!({ "totalResults": 0 }), 1),
            Ok(Page::default())
        );
    }

    #[test]
    fn a_list_that_contradicts_itself_is_no_list() {
        for body in [
            json!({ "Resources": [] }),
            json!({ "totalResults": 2, "Resources": [] }),
            json!({ "totalResults": 1, "Resources": {} }),
            json!({ "totalResults": 9, "startIndex": 1, "Resources": [{}] }),
            json!([]),
        ] {
            assert!(Page::of(body.clone(), 2).is_err(), "{body}");
        }
    }
}

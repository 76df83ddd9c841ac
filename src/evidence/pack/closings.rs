//! What a pack says of every door that was to be shut: since when, by when, and how it was proved.
//!
//! It is read from the records that are shown and from nothing else: whoever holds the file comes to the same.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;

use super::lines::Link;

/// A door that was to be shut: from the first wish to its proof, and on to the next wish. Once it was proved, a
/// new wish needs a proof of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Closing {
    /// Internal id of the person.
    pub person: String,
    /// Which system.
    pub system: String,
    /// Which way in.
    pub way: String,
    /// When the bridge learned of it.
    pub asked: String,
    /// By when it was to be shut; `None` if nobody said.
    pub deadline: Option<String>,
    /// When the first call was sent; `None` where there was none.
    pub first_call: Option<String>,
    /// When it was proved shut: when the reading began, or when somebody signed.
    pub proved: Option<String>,
    /// Who signed, where no reading proved it.
    pub signed_by: Option<String>,
    /// When it was last found otherwise after that.
    pub found_changed: Option<String>,
}

impl Closing {
    /// Whether it was proved shut by when it was to be. Times of fixed width sort as text.
    pub fn is_in_time(&self) -> bool {
        match (&self.proved, &self.deadline) {
            (Some(proved), Some(deadline)) => proved <= deadline,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }
}

/// Every door of a pack that was to be shut, as it was asked for. The pack must have proved itself.
pub fn closings(pack: &str) -> Vec<Closing> {
    let mut closings: Vec<Closing> = Vec::new();
    // Where the closing of a door stands that is still wished for.
    let mut under_way: HashMap<String, usize> = HashMap::new();
    for line in pack.lines() {
        let link: Option<Link> = serde_json::from_str(line).ok();
        let text = link.and_then(|link| link.text).unwrap_or_default();
        let record: Value = serde_json::from_str(&text).unwrap_or_default();
        let detail = &record["detail"];
        let Some(door) = detail["door"].as_str() else {
            continue;
        };
        let text_of = |value: &Value| value.as_str().map(str::to_owned);
        let when = text_of(&record["when"]);
        let what = record["what"].as_str().unwrap_or_default();
        let is_over = |at: &usize| {
            closings
                .get(*at)
                .is_some_and(|known| known.proved.is_some())
        };
        let begins_anew = detail["wanted"] != "closed" || under_way.get(door).is_some_and(is_over);
        if what == "door.wanted" && begins_anew {
            under_way.remove(door);
        }
        if what == "door.wanted" && detail["wanted"] != "closed" {
            continue;
        }
        let known = under_way.get(door).and_then(|at| closings.get_mut(*at));
        match (what, known) {
            ("door.wanted", None) => {
                under_way.insert(door.to_owned(), closings.len());
                closings.push(Closing {
                    person: text_of(&record["person"]).unwrap_or_default(),
                    system: text_of(&record["system"]).unwrap_or_default(),
                    way: text_of(&detail["way"]).unwrap_or_default(),
                    asked: when.unwrap_or_default(),
                    deadline: text_of(&detail["deadline"]),
                    ..Closing::default()
                });
            }
            ("attempt.sent", Some(closing)) if detail["action"] == "close" => {
                closing.first_call = closing.first_call.take().or(when);
            }
            ("door.verified", Some(closing)) if closing.proved.is_none() => {
                closing.proved = text_of(&detail["read_began"]).or(when);
            }
            ("door.attested", Some(closing)) if closing.proved.is_none() => {
                closing.proved = when;
                closing.signed_by = text_of(&detail["signed_by"]);
            }
            ("door.found_changed" | "door.not_as_wanted", Some(closing))
                if closing.proved.is_some() =>
            {
                closing.found_changed = when;
            }
            _ => {}
        }
    }
    closings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A line of a pack about Nina's badge.
    fn line(minute: u8, what: &str, more: &Value) -> String {
        let mut detail = json!({"door": "d1", "way": "badge", "wanted": "closed"});
        let facts = detail.as_object_mut().unwrap();
        facts.extend(more.as_object().unwrap().clone());
        let when = format!("2026-11-20T17:{minute:02}:00.000Z");
        let text = json!({
            "when": when, "what": what, "person": "nina", "system": "doors", "detail": detail,
        });
        json!({"sequence": 1, "text": text.to_string(), "hash": ""}).to_string()
    }

    #[test]
    fn a_door_is_told_from_the_first_wish_to_the_first_proof_and_what_was_found_later() {
        let none = json!({});
        let deadline = json!({"deadline": "2026-11-20T18:00:00.000Z"});
        let pack = [
            line(0, "door.wanted", &deadline),
            line(1, "attempt.sent", &json!({"action": "close"})),
            line(2, "attempt.sent", &json!({"action": "close"})),
            // Said again: the clock goes on from the first time.
            line(
                3,
                "door.wanted",
                &json!({"deadline": "2026-11-20T19:00:00.000Z"}),
            ),
            line(4, "door.attested", &json!({"signed_by": "Dana Ruiz"})),
            line(
                5,
                "door.verified",
                &json!({"read_began": "2026-11-20T17:05:00.000Z"}),
            ),
            line(6, "door.found_changed", &none),
            line(7, "door.wanted", &json!({"wanted": "open"})),
            line(8, "door.verified", &json!({"wanted": "open"})),
            line(9, "door.wanted", &deadline),
        ];

        let closings = closings(&pack.join("\n"));

        let [first, again] = closings.as_slice() else {
            panic!("{closings:?}");
        };
        let at = |minute: u8| format!("2026-11-20T17:0{minute}:00.000Z");
        assert_eq!(
            (&first.person, &first.way),
            (&"nina".into(), &"badge".into())
        );
        assert_eq!(first.asked, at(0));
        assert_eq!(first.first_call, Some(at(1)));
        assert_eq!(first.proved, Some(at(4)));
        assert_eq!(first.signed_by.as_deref(), Some("Dana Ruiz"));
        assert_eq!(first.found_changed, Some(at(6)));
        assert!(first.is_in_time());
        assert_eq!((&again.asked, &again.proved), (&at(9), &None));
        assert!(!again.is_in_time());
    }

    #[test]
    fn no_departure_is_proved_by_what_proved_an_earlier_one() {
        let pack = [
            line(0, "door.wanted", &json!({})),
            line(1, "door.verified", &json!({})),
            line(2, "door.wanted", &json!({})),
            line(3, "door.not_as_wanted", &json!({})),
            line(4, "door.verified", &json!({})),
            line(5, "door.not_as_wanted", &json!({})),
        ];

        let closings = closings(&pack.join("\n"));

        let [first, again] = closings.as_slice() else {
            panic!("{closings:?}");
        };
        let at = |minute: u8| Some(format!("2026-11-20T17:0{minute}:00.000Z"));
        assert_eq!((&first.proved, &first.found_changed), (&at(1), &None));
        assert_eq!((&again.proved, &again.found_changed), (&at(4), &at(5)));
    }
}

//! Sieve scripts: the forward this connector installs, and whether a script sends mail on.

use drawbridge_sdk::CallError;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The name our script has among the mailbox's own.
pub(crate) const FORWARD_SCRIPT: &str = "drawbridge-forward";

/// Longest address that mail can be sent to.
///
/// # Source
/// RFC 5321 section 4.5.3.1.3, without the angle brackets.
const ADDRESS_BYTES: usize = 254;

const FIRST_LINE: &str = "# Written by Drawbridge. It ends by itself; put nothing else in here.";
const FACTS: &str = "# drawbridge: ";

/// A forward that ends by itself. Written into its script as a comment too, so that the script alone
/// says what it is and what it replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Forward {
    /// Where a copy of each message goes.
    pub(crate) to: Address,
    /// When it ends.
    pub(crate) until: Timestamp,
    /// The script that was active before. It stays on the server under its own name.
    pub(crate) replaces: Option<String>,
}

impl Forward {
    /// The script, in full.
    pub(crate) fn script(&self) -> String {
        let facts = serde_json::json!(self);
        let until = format!("{:.0}", self.until);
        let to = quoted(self.to.as_str());
        // Without the zone the server compares its local time, as text, with ours.
        format!(
            "{FIRST_LINE}\n{FACTS}{facts}\n\
             require [\"date\", \"relational\", \"copy\"];\n\
             if currentdate :zone \"+0000\" :value \"lt\" \"iso8601\" \"{until}\" {{\n  \
             redirect :copy {to};\n}}\n"
        )
    }

    /// The forward a script installs, if it is one of ours and nobody changed it since.
    pub(crate) fn read(script: &str) -> Option<Self> {
        let script = script.replace("\r\n", "\n");
        let facts = script.lines().nth(1)?.strip_prefix(FACTS)?;
        let forward: Self = serde_json::from_str(facts).ok()?;
        (forward.script() == script).then_some(forward)
    }
}

/// An address mail may be sent to: plain enough that it means the same in a script as here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Address(String);

impl Address {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Address {
    type Error = &'static str;

    /// # Source
    /// RFC 5321 section 4.1.2, without quoted local parts and address literals.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        const PROBLEM: &str = "not a plain e-mail address";
        let (local, domain) = text.split_once('@').ok_or(PROBLEM)?;
        let is_atom = |atom: &str| {
            !atom.is_empty()
                && atom
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c))
        };
        let is_label = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        let is_plain = text.len() <= ADDRESS_BYTES
            && local.split('.').all(is_atom)
            && domain.split('.').all(is_label);
        if is_plain {
            Ok(Self(text))
        } else {
            Err(PROBLEM)
        }
    }
}

/// A Sieve string with this content.
///
/// # Source
/// RFC 5228 section 2.4.2: only `"` and `\` mean something in a quoted string. What `${}` means
/// takes an extension that our script does not require.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Commands that send mail, or news of it, to somewhere else.
const SENDING: [&str; 3] = ["redirect", "notify", "pipe"];

/// What the commands of a script say of forwarding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It sends nothing on.
    Stays,
    /// It sends mail on, at least sometimes.
    SendsOn,
    /// It runs other scripts, which must be looked at too.
    Includes,
}

/// Whether a script sends mail on. A command in a branch that never runs counts all the same: a
/// forward that is seen in vain does less harm than one that is missed.
pub(crate) fn reach(script: &str) -> Reach {
    let words = words(script);
    let has = |wanted: &str| words.iter().any(|word| word.eq_ignore_ascii_case(wanted));
    if SENDING.into_iter().any(has) {
        Reach::SendsOn
    } else if has("include") {
        Reach::Includes
    } else {
        Reach::Stays
    }
}

/// The bare words of a script: neither comments nor what stands in strings.
///
/// # Source
/// RFC 5228 section 8.1.
fn words(script: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = script;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        rest = if first == '#' {
            after(rest, "\n")
        } else if let Some(comment) = rest.strip_prefix("/*") {
            after(comment, "*/")
        } else if first == '"' {
            after_quoted(&rest[1..])
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let (word, following) = rest.split_at(end);
            if word.eq_ignore_ascii_case("text") && following.starts_with(':') {
                after_text_block(following)
            } else {
                words.push(word);
                following
            }
        } else {
            &rest[first.len_utf8()..]
        };
    }
    words
}

fn after<'a>(text: &'a str, end: &str) -> &'a str {
    text.find(end).map_or("", |at| &text[at + end.len()..])
}

fn after_quoted(text: &str) -> &str {
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return &text[at + 1..],
            _ => {}
        }
    }
    ""
}

/// A `text:` block ends with a line that is a single dot.
fn after_text_block(text: &str) -> &str {
    let mut rest = after(text, "\n");
    while !rest.is_empty() {
        let line = rest.split('\n').next().unwrap_or_default();
        rest = after(rest, "\n");
        if line.trim_end_matches('\r') == "." {
            break;
        }
    }
    rest
}

/// Checks what a forward needs before anything is sent.
pub(crate) fn address(text: &str) -> Result<Address, CallError> {
    Address::try_from(text.to_owned()).map_err(|_| {
        CallError::new(
            drawbridge_sdk::FailureClass::Refused,
            drawbridge_sdk::Finality::NotSent,
            "the address to forward to is not a plain e-mail address: correct it",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forward(to: &str) -> Forward {
        Forward {
            to: Address::try_from(to.to_owned()).expect("an address"),
            until: "2026-12-22T00:00:00Z".parse().expect("a time"),
            replaces: Some("my \"rules\"\n".to_owned()),
        }
    }

    #[test]
    fn a_forward_is_read_back_from_its_own_script() {
        let forward = forward("super@practice.test");

        let script = forward.script();

        assert_eq!(Forward::read(&script), Some(forward.clone()));
        assert_eq!(Forward::read(&script.replace('\n', "\r\n")), Some(forward));
        assert_eq!(reach(&script), Reach::SendsOn);
    }

    #[test]
    fn a_forward_that_somebody_changed_is_not_ours() {
        let script = forward("super@practice.test").script();

        let changed = script.replace("redirect :copy \"super@", "redirect :copy \"omar@");

        assert_ne!(changed, script);
        assert_eq!(Forward::read(&changed), None);
        assert_eq!(Forward::read("keep;"), None);
    }

    #[test]
    fn an_address_cannot_leave_its_string() {
        for hostile in [
            "a\"; discard; #@practice.test",
            "a@practice.test\"; discard;",
            "a\\@practice.test",
            "a@practice.test\nredirect",
            "a b@practice.test",
            "<a@practice.test>",
            "a@b@practice.test",
            "a@practice..test",
            "a@",
            "@practice.test",
            "nobody",
            "ä@practice.test",
        ] {
            assert!(Address::try_from(hostile.to_owned()).is_err(), "{hostile}");
        }
        assert!(Address::try_from("o'hara+mail@sub.practice.test".to_owned()).is_ok());
        assert_eq!(quoted("a\"\\"), "\"a\\\"\\\\\"");
    }

    #[test]
    fn a_forward_is_seen_wherever_it_stands() {
        for script in [
            "redirect \"me@home.test\";",
            "require [\"copy\"];\nif true { REDIRECT :copy \"me@home.test\"; }",
            "if header :contains \"subject\" \"\\\"\" {redirect \"me@home.test\";}",
            "require \"enotify\"; notify \"mailto:me@home.test\";",
            "vacation text:\nredirect\n.\n; redirect \"me@home.test\";",
        ] {
            assert_eq!(reach(script), Reach::SendsOn, "{script}");
        }
    }

    #[test]
    fn words_in_comments_and_strings_forward_nothing() {
        for script in [
            "# redirect \"me@home.test\";\nkeep;",
            "/* redirect */ keep;",
            "if header :contains \"subject\" \"redirect\" { fileinto \"a \\\" redirect\"; }",
            "vacation text:\nredirect \"me@home.test\";\n.\n;",
            "\"unfinished redirect",
            "/* unfinished redirect",
            "",
        ] {
            assert_eq!(reach(script), Reach::Stays, "{script}");
        }
        assert_eq!(reach("include :personal \"more\";"), Reach::Includes);
    }
}

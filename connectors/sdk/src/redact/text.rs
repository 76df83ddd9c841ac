//! Text of any kind: headers, forms, XML, log lines, JSON that is cut off.

use super::{GONE, keys, values};

/// Takes out values under telling names, and what gives itself away by its look.
///
/// One pass from front to back: what comes after a telling name is skipped to where its value ends,
/// or to the end of the text where that cannot be seen.
pub fn redact(text: &str) -> String {
    let mut scan = Scan {
        text,
        at: 0,
        kept: String::with_capacity(text.len()),
    };
    let mut follows_scheme = false;
    while let Some(letter) = scan.rest().chars().next() {
        if !is_word_letter(letter) {
            scan.keep(letter.len_utf8());
            continue;
        }
        if let Some(length) = values::number_at_start(scan.rest()) {
            scan.replace(length);
            continue;
        }
        let word = scan.word();
        let is_credential = std::mem::replace(&mut follows_scheme, values::is_scheme(word));
        if keys::is_secret(word) && scan.skips_value_of(word) {
            follows_scheme = false;
        } else if is_credential {
            scan.replace(word.len());
        } else {
            scan.kept.push_str(&values::word(word));
            scan.at += word.len();
        }
    }
    scan.kept
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    kept: String,
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn word(&self) -> &'a str {
        let rest = self.rest();
        &rest[..rest
            .find(|letter| !is_word_letter(letter))
            .unwrap_or(rest.len())]
    }

    fn keep(&mut self, bytes: usize) {
        self.kept.push_str(&self.rest()[..bytes]);
        self.at += bytes;
    }

    fn replace(&mut self, bytes: usize) {
        self.kept.push_str(GONE);
        self.at += bytes;
    }

    /// Goes past this name and its value, if it has one here.
    fn skips_value_of(&mut self, name: &str) -> bool {
        if self.is_element(name) {
            self.keep(name.len());
            // The text of an XML element ends at its closing tag.
            self.replace(closing_tag(self.rest(), name));
            return true;
        }
        let after = &self.rest()[name.len()..];
        let Some(to_value) = separator(after) else {
            return false;
        };
        self.keep(name.len() + to_value);
        let value = self.rest();
        if !is_harmless(name, value) {
            self.replace(end_of_value(value));
        }
        true
    }

    /// Whether the word here is the name of an XML element that opens: `<name` or `<prefix:name`.
    fn is_element(&self, name: &str) -> bool {
        let is_part = |letter: char| letter == ':' || is_word_letter(letter);
        let before = self.text[..self.at].trim_end_matches(is_part);
        let prefix = &self.text[before.len()..self.at];
        let closes = prefix.starts_with('/') || name.starts_with('/');
        before.ends_with('<') && !closes && (prefix.is_empty() || prefix.ends_with(':'))
    }
}

fn is_word_letter(letter: char) -> bool {
    letter.is_alphanumeric() || "_-.@+/%~$#".contains(letter)
}

/// How far it is past `:` or `=` and blanks to a value, over the quote that ends the name.
fn separator(after: &str) -> Option<usize> {
    let blanks = |text: &'_ str| text.len() - text.trim_start_matches([' ', '\t']).len();
    let quotes = after.len() - after.trim_start_matches(['\\', '"', '\'', ']', ')']).len();
    let to_sign = quotes + blanks(&after[quotes..]);
    let signs = after[to_sign..]
        .bytes()
        .take_while(|byte| b":=>".contains(byte))
        .count();
    if signs == 0 || after[to_sign..].starts_with('>') {
        return None;
    }
    let to_value = to_sign + signs;
    // A value may begin on the next line.
    let line = after[to_value..].len() - after[to_value..].trim_start().len();
    Some(to_value + line)
}

/// A yes, a no, and a number of sessions stay, as in JSON.
fn is_harmless(name: &str, value: &str) -> bool {
    let plain = value
        .split(|letter: char| !letter.is_alphanumeric())
        .next()
        .unwrap_or_default();
    let goes_on = value[plain.len()..].starts_with(is_word_letter);
    let is_count = keys::counts_sessions(name)
        && plain.len() < 5
        && !plain.is_empty()
        && plain.bytes().all(|byte| byte.is_ascii_digit());
    !goes_on && (matches!(plain, "true" | "false" | "null") || is_count)
}

fn end_of_value(value: &str) -> usize {
    let mut letters = value.char_indices();
    match letters.next() {
        Some((_, quote @ ('"' | '\''))) => end_of_quoted(value, quote),
        Some((_, '\\')) if value[1..].starts_with('"') => {
            // JSON inside a JSON string.
            value[2..].find("\\\"").map_or(value.len(), |end| end + 4)
        }
        Some((_, '{' | '[')) => end_of_nested(value),
        _ => value
            .find(['\n', '\r', '&', '<', '}', ']'])
            .unwrap_or(value.len()),
    }
}

fn end_of_quoted(value: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, letter) in value.char_indices().skip(1) {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if letter == quote => return at + 1,
            _ => {}
        }
    }
    value.len()
}

fn end_of_nested(value: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(letter) = value[at..].chars().next() {
        match letter {
            '"' => {
                at += end_of_quoted(&value[at..], '"');
                continue;
            }
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ => {}
        }
        at += letter.len_utf8();
        if depth == 0 {
            return at;
        }
    }
    value.len()
}

/// Where the closing tag of this element begins; the end of the text where there is none.
fn closing_tag(rest: &str, name: &str) -> usize {
    let mut from = 0;
    while let Some(found) = rest[from..].find("</") {
        let tag = from + found;
        let inside = rest[tag + 2..].split('>').next().unwrap_or_default();
        if inside.trim_end().rsplit(':').next() == Some(name) {
            return tag;
        }
        from = tag + 2;
    }
    rest.len()
}

//! Walks over the text of a filter, one token at a time.

use crate::scim::schema::is_name_byte;

/// A literal as it stands in a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Raw<'a> {
    /// In quotes, with its escapes undone.
    Quoted(String),
    /// Without.
    Bare(&'a str),
}

/// What is left of a filter.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    pub(super) fn is_at_end(&mut self) -> bool {
        self.skip_space();
        self.rest.is_empty()
    }

    /// Takes this character, if it is next.
    pub(super) fn take(&mut self, wanted: char) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes the dot that follows a closing bracket at once.
    pub(super) fn take_dot(&mut self) -> bool {
        match self.rest.strip_prefix('.') {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes this word, whatever its case, if it is next and ends there.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let before = self.rest;
        let is_next = self
            .take_letters()
            .is_some_and(|letters| letters.eq_ignore_ascii_case(word));
        if !is_next {
            self.rest = before;
        }
        is_next
    }

    /// Takes `not (`. An attribute may be called `not`, so the bracket decides.
    pub(super) fn take_not(&mut self) -> bool {
        let before = self.rest;
        let is_next = self.take_word("not") && self.take('(');
        if !is_next {
            self.rest = before;
        }
        is_next
    }

    /// Takes an attribute's name, with URN and dots.
    pub(super) fn take_name(&mut self) -> Option<&'a str> {
        self.take_while(|character| u8::try_from(character).is_ok_and(is_name_byte))
    }

    /// Takes a word of letters that a space, a bracket or the end follows.
    pub(super) fn take_letters(&mut self) -> Option<&'a str> {
        let before = self.rest;
        let letters = self.take_while(|character| character.is_ascii_alphabetic());
        if self
            .rest
            .starts_with(|next: char| !next.is_whitespace() && !"()]\"".contains(next))
        {
            self.rest = before;
            return None;
        }
        letters
    }

    /// Takes the literal of a comparison. Text with a NUL is none: no database keeps it.
    pub(super) fn take_literal(&mut self) -> Option<Raw<'a>> {
        self.skip_space();
        if !self.rest.starts_with('"') {
            return self
                .take_while(|character| !character.is_whitespace() && !"()[]\"".contains(character))
                .map(Raw::Bare);
        }
        let end = end_of_quoted(self.rest)?;
        let (quoted, rest) = self.rest.split_at(end);
        self.rest = rest;
        serde_json::from_str(quoted)
            .ok()
            .filter(|text: &String| !text.contains('\0'))
            .map(Raw::Quoted)
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> Option<&'a str> {
        self.skip_space();
        let end = self
            .rest
            .find(|character| !belongs(character))
            .unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!taken.is_empty()).then_some(taken)
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

/// Where the quoted text that begins here is over, behind its closing quote.
pub(in crate::scim) fn end_of_quoted(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

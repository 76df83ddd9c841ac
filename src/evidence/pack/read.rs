//! Checking a pack, without any database.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::Value;

use super::{
    broken::Broken,
    lines::{
        FILE, FIRST_FORMAT, FORMAT, Header, Link, SECOND_FORMAT, Seal, SignedFile, Span,
        file_named_in,
    },
    whole::{Count, Whole},
};
use crate::evidence::chain::{self, GENESIS, Hash};

/// What a pack proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Whose chain.
    pub practice: String,
    /// When the pack was made, RFC 3339.
    pub exported: String,
    /// Whose records, in a pack of one.
    pub person: Option<String>,
    /// The time, in a pack of all cases that began in it.
    pub period: Option<Span>,
    /// How many of the records are shown.
    pub records: usize,
    /// How many files were signed with.
    pub files: usize,
    /// How many links the chain has.
    pub links: usize,
    /// Up to which record none is left out; `None` in a pack of an older version, which does not prove it.
    pub whole_to: Option<i64>,
    /// Hash of the last link, in hex: compare it with a checkpoint kept elsewhere.
    pub head: String,
}

/// Checks a pack without any database, from its first link to its last.
///
/// # Errors
/// Names the first record that was changed or is missing, or the line that cannot be read.
pub fn verify(pack: &str) -> Result<Proof, Broken> {
    verify_telling(pack, |_, _| {})
}

/// The same, telling after each link how many were checked, and how many there are.
///
/// # Errors
/// As [`verify`].
pub fn verify_telling(pack: &str, mut tell: impl FnMut(usize, usize)) -> Result<Proof, Broken> {
    let lines: Vec<&str> = pack.lines().collect();
    let [first, middle @ .., _] = lines.as_slice() else {
        return Err(Broken::Seal);
    };
    let header: Header = read_line(first, 1)?;
    if ![FORMAT, SECOND_FORMAT, FIRST_FORMAT].contains(&header.format.as_str()) {
        let problem = format!("its format is `{}`: use a newer version", header.format);
        return Err(Broken::Line { line: 1, problem });
    }
    let begin_of_files = middle.iter().position(|line| line.starts_with(FILE));
    let (links, files) = middle.split_at(begin_of_files.unwrap_or(middle.len()));
    let last = links
        .last()
        .and_then(|last| serde_json::from_str(last).ok());
    let count = last.and_then(|last| Count::noted(&header, &last));
    let mut whole = count.map(|count| Whole::new(&header, count));
    let counted_to = count.map_or(i64::MAX, |count| count.to);
    let mut previous: Hash = GENESIS;
    let mut shown = Shown::default();
    for (index, text) in links.iter().enumerate() {
        let line = index + 2;
        let link: Link = read_line(text, line)?;
        let expected = i64::try_from(index + 1).unwrap_or(i64::MAX);
        if link.sequence != expected {
            return Err(Broken::Missing { expected, line });
        }
        previous = check_link(&link, &previous).ok_or(Broken::Record {
            sequence: link.sequence,
            line,
        })?;
        if let Some(text) = &link.text {
            let span = header.period.as_ref();
            // What was opened since the count is not one of the cases that the first line names.
            shown.take_in(text, span.filter(|_| link.sequence <= counted_to));
            if let Some(whole) = &mut whole {
                whole.take(link.sequence, text, line)?;
            }
        }
        tell(index + 1, links.len());
    }
    let head = chain::to_hex(&previous);
    check_head(&header, links.len(), &head)?;
    check_files(files, links.len() + 2, shown.files)?;
    if let Some(period) = &header.period
        && period.cases != shown.cases
    {
        return Err(Broken::Cases {
            expected: period.cases,
            found: shown.cases,
        });
    }
    check_seal(pack)?;
    let whole_to = match whole {
        Some(whole) => Some(whole.end()?),
        None if header.format == FORMAT => return Err(Broken::NotCounted),
        None => None,
    };
    Ok(Proof {
        practice: header.practice,
        exported: header.exported,
        person: header.person,
        period: header.period,
        records: shown.records,
        files: files.len(),
        links: links.len(),
        whole_to,
        head,
    })
}

/// The hash of a link, in hex, in a pack that has proved itself; `None` behind its last one.
pub fn hash_at(pack: &str, sequence: i64) -> Option<String> {
    // The first line is the header: so each link stands on the line of its number.
    let line = pack.lines().nth(usize::try_from(sequence).ok()?)?;
    let link: Link = serde_json::from_str(line).ok()?;
    (link.sequence == sequence).then_some(link.hash)
}

/// What the shown records say that the rest of the file must fit.
#[derive(Debug, Default)]
struct Shown {
    records: usize,
    /// Cases that began in the time of the pack.
    cases: usize,
    /// Files that were signed with, by SHA-256.
    files: BTreeSet<String>,
}

impl Shown {
    fn take_in(&mut self, text: &str, period: Option<&Span>) {
        self.records += 1;
        self.files.extend(file_named_in(text));
        // Few records open a case: the rest need not be read.
        let Some(period) = period.filter(|_| text.contains("\"case.opened\"")) else {
            return;
        };
        let record: Value = serde_json::from_str(text).unwrap_or_default();
        self.cases += usize::from(period.has_case(&record));
    }
}

fn check_link(link: &Link, previous: &Hash) -> Option<Hash> {
    let text_hash = match (&link.text, &link.text_hash) {
        (Some(text), None) => chain::text_hash(text),
        (None, Some(hex)) => chain::from_hex(hex)?,
        _ => return None,
    };
    let hash = chain::link(previous, &text_hash);
    (chain::to_hex(&hash) == link.hash).then_some(hash)
}

fn check_head(header: &Header, links: usize, last: &str) -> Result<(), Broken> {
    let is_first_format = header.format == FIRST_FORMAT;
    match &header.head {
        None if is_first_format => Ok(()),
        Some(head)
            if usize::try_from(head.sequence) == Ok(links) && (links == 0 || head.hash == last) =>
        {
            Ok(())
        }
        head => Err(Broken::Head {
            expected: head.as_ref().map_or(0, |head| head.sequence),
        }),
    }
}

/// Every file that is named is there, and none else.
fn check_files(lines: &[&str], first: usize, mut named: BTreeSet<String>) -> Result<(), Broken> {
    for (line, text) in (first..).zip(lines) {
        let file: SignedFile = read_line(text, line)?;
        let bytes = STANDARD.decode(&file.content);
        let is_it = bytes.is_ok_and(|bytes| chain::to_hex(&chain::sha256(&bytes)) == file.file);
        if !is_it || !named.remove(&file.file) {
            return Err(Broken::File { line });
        }
    }
    match named.pop_first() {
        None => Ok(()),
        Some(hash) => Err(Broken::NoFile { hash }),
    }
}

fn check_seal(pack: &str) -> Result<(), Broken> {
    let body = pack.strip_suffix('\n').ok_or(Broken::Seal)?;
    let cut = body.rfind('\n').ok_or(Broken::Seal)? + 1;
    let seal: Seal = serde_json::from_str(&body[cut..]).map_err(|_| Broken::Seal)?;
    let expected = chain::to_hex(&chain::sha256(&pack.as_bytes()[..cut]));
    if seal.sealed == expected {
        Ok(())
    } else {
        Err(Broken::Seal)
    }
}

fn read_line<'a, T: Deserialize<'a>>(text: &'a str, line: usize) -> Result<T, Broken> {
    serde_json::from_str(text).map_err(|error| Broken::Line {
        line,
        problem: error.to_string(),
    })
}

//! Records as JSON Lines that verify by themselves: one person's, or those of all cases of a time.
//!
//! The first line says whose records these are. Each further line is one link of the practice's
//! chain: the records the file is about with their text, all others with the hash of theirs only. Then come
//! the files that were signed with, each under the SHA-256 that a record names. The last line seals the
//! file: it carries the SHA-256 of every byte before it.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Scope,
    chain::{self, GENESIS, Hash},
};
use crate::clock;

/// Version of the file format.
const FORMAT: &str = "drawbridge-evidence-2";

/// The version before it, which knew one person, no files and no head.
const FIRST_FORMAT: &str = "drawbridge-evidence-1";

/// How a line begins that carries a file.
const FILE: &str = "{\"file\":";

/// First line of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// `drawbridge-evidence-2`.
    pub format: String,
    /// The practice.
    pub practice: String,
    /// Internal id of the person, in a pack of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The time, in a pack of all cases that began in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Span>,
    /// When the pack was made, RFC 3339.
    pub exported: String,
    /// The last link, as the practice had it noted when the pack was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Head>,
    /// What these records are, and are not.
    pub note: String,
}

/// The time a pack is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// From then on, RFC 3339.
    pub from: String,
    /// Before then.
    pub to: String,
    /// How many cases began in it: so many must be in the pack.
    pub cases: usize,
}

/// The last link of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Its position, from 1; zero for a chain without links.
    pub sequence: i64,
    /// Its hash, in hex.
    pub hash: String,
}

/// One link of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Position in the practice's chain, from 1.
    pub sequence: i64,
    /// The record, exactly as it was hashed. `None` for records about somebody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// SHA-256 of the record, in hex, where the text is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_hash: Option<String>,
    /// Hash of the chain up to and with this record, in hex.
    pub hash: String,
}

/// A file somebody signed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedFile {
    /// SHA-256 of its bytes, in hex: the record of the signature names it.
    pub file: String,
    /// What it was called.
    pub name: String,
    /// What it is, as its first bytes say: `image/jpeg`.
    pub kind: String,
    /// Its bytes, in base64.
    pub content: String,
}

/// Last line of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seal {
    sealed: String,
}

/// One stored record, as the pack is made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Position in the practice's chain, from 1.
    pub sequence: i64,
    /// The text as stored.
    pub text: String,
    /// The chain's hash as stored, in hex.
    pub hash: String,
    /// Whether the pack is about it, and shows its text.
    pub is_theirs: bool,
}

/// What a pack proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
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
    /// Hash of the last link, in hex: compare it with a checkpoint kept elsewhere.
    pub head: String,
}

/// The pack does not prove what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A line cannot be read.
    #[error("line {line} is not a line of an evidence pack: {problem}")]
    Line {
        /// From 1.
        line: usize,
        /// Why.
        problem: String,
    },
    /// A record is not the one that was written.
    #[error("record {sequence} (line {line}) was changed: its hash does not fit the chain")]
    Record {
        /// Position in the chain.
        sequence: i64,
        /// From 1.
        line: usize,
    },
    /// A record is missing.
    #[error("record {expected} is missing before line {line}")]
    Missing {
        /// Position in the chain.
        expected: i64,
        /// From 1.
        line: usize,
    },
    /// A file that was signed with is not the one that is there.
    #[error("the file on line {line} is not the one that was signed with")]
    File {
        /// From 1.
        line: usize,
    },
    /// A file that was signed with is not there.
    #[error("a file that was signed with is missing: its SHA-256 is {hash}")]
    NoFile {
        /// SHA-256, in hex.
        hash: String,
    },
    /// The chain does not end where the practice had noted its end.
    #[error("the chain does not end with record {expected}, as the first line says")]
    Head {
        /// Position in the chain.
        expected: i64,
    },
    /// Not every case of the time is there.
    #[error("{found} cases are shown, and the first line says {expected}")]
    Cases {
        /// How many began in the time.
        expected: usize,
        /// How many are shown.
        found: usize,
    },
    /// The last line does not seal what stands before it.
    #[error("the file was changed or cut off: its last line does not seal it")]
    Seal,
}

/// Writes a pack line by line; none of it has to be held.
#[derive(Clone)]
pub struct Packer {
    written: Context,
    /// Files that shown records name, and that were not added yet.
    named: BTreeSet<String>,
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packer")
            .field("named", &self.named)
            .finish_non_exhaustive()
    }
}

impl Packer {
    /// Begins with the header's line.
    pub fn begin(header: &Header) -> (Self, String) {
        let mut packer = Self {
            written: Context::new(&SHA256),
            named: BTreeSet::new(),
        };
        let line = packer.line(header);
        (packer, line)
    }

    /// The line of the next record.
    pub fn link(&mut self, record: &StoredRecord) -> String {
        if record.is_theirs {
            self.named.extend(file_named_in(&record.text));
        }
        self.line(&Link {
            sequence: record.sequence,
            text: record.is_theirs.then(|| record.text.clone()),
            text_hash: (!record.is_theirs).then(|| chain::to_hex(&chain::text_hash(&record.text))),
            hash: record.hash.clone(),
        })
    }

    /// A file to be added next, by its SHA-256; `None` when all that are named are there.
    pub fn next_file(&self) -> Option<&str> {
        self.named.first().map(String::as_str)
    }

    /// The line of a file.
    pub fn file(&mut self, file: &SignedFile) -> String {
        self.named.remove(&file.file);
        self.line(file)
    }

    /// The last line.
    pub fn seal(self) -> String {
        text_of(&Seal {
            sealed: hex(self.written),
        })
    }

    fn line(&mut self, line: &impl Serialize) -> String {
        let text = text_of(line);
        self.written.update(text.as_bytes());
        text
    }
}

/// The header of a pack made at this time of a chain with this head: its last sequence and hash.
pub fn header(practice: &str, scope: &Scope, at: Timestamp, head: &(i64, String)) -> Header {
    Header {
        format: FORMAT.to_owned(),
        practice: practice.to_owned(),
        person: match scope {
            Scope::Person(person) => Some(person.to_string()),
            Scope::Chain | Scope::Period(_) => None,
        },
        period: match scope {
            Scope::Period(period) => Some(Span {
                from: clock::to_text(period.from),
                to: clock::to_text(period.to),
                cases: period.cases,
            }),
            Scope::Chain | Scope::Person(_) => None,
        },
        exported: clock::to_text(at),
        head: Some(Head {
            sequence: head.0,
            hash: head.1.clone(),
        }),
        note: "record of what this bridge did and saw".to_owned(),
    }
}

/// Checks a pack without any database, from its first link to its last.
///
/// # Errors
/// Names the first record that was changed or is missing, or the line that cannot be read.
pub fn verify(pack: &str) -> Result<Proof, Broken> {
    let lines: Vec<&str> = pack.lines().collect();
    let [first, middle @ .., _] = lines.as_slice() else {
        return Err(Broken::Seal);
    };
    let header: Header = read_line(first, 1)?;
    if header.format != FORMAT && header.format != FIRST_FORMAT {
        let problem = format!("its format is `{}`: use a newer version", header.format);
        return Err(Broken::Line { line: 1, problem });
    }
    let begin_of_files = middle.iter().position(|line| line.starts_with(FILE));
    let (links, files) = middle.split_at(begin_of_files.unwrap_or(middle.len()));
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
            shown.take_in(text, header.period.as_ref());
        }
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
    Ok(Proof {
        person: header.person,
        period: header.period,
        records: shown.records,
        files: files.len(),
        links: links.len(),
        head,
    })
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
        let Some(period) = period.filter(|_| text.contains("\"case.opened\"")) else {
            return;
        };
        let record: Value = serde_json::from_str(text).unwrap_or_default();
        let when = record["when"].as_str().unwrap_or_default();
        // Times of fixed width sort as text.
        let is_in_it = (period.from.as_str()..period.to.as_str()).contains(&when);
        self.cases += usize::from(record["what"] == "case.opened" && is_in_it);
    }
}

/// SHA-256 of the file that a record says was signed with.
fn file_named_in(text: &str) -> Option<String> {
    // Few records do: the rest need not be read.
    if !text.contains("\"attachment\"") {
        return None;
    }
    let record: Value = serde_json::from_str(text).ok()?;
    let hash = record["detail"]["attachment"]["sha256"].as_str()?;
    Some(hash.to_owned())
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

fn hex(written: Context) -> String {
    let mut hash = GENESIS;
    hash.copy_from_slice(written.finish().as_ref());
    chain::to_hex(&hash)
}

fn text_of(line: &impl Serialize) -> String {
    // These types hold only text and numbers, which always serialise.
    let mut text = serde_json::to_string(line).unwrap_or_default();
    text.push('\n');
    text
}

fn read_line<'a, T: Deserialize<'a>>(text: &'a str, line: usize) -> Result<T, Broken> {
    serde_json::from_str(text).map_err(|error| Broken::Line {
        line,
        problem: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::scope::Period;

    const PHOTO: &[u8] = b"a photo of the card, cut in two";

    /// A chain of these texts, of which every second one is shown.
    fn chain_of(texts: &[String]) -> Vec<StoredRecord> {
        let mut previous = GENESIS;
        (1..)
            .zip(texts)
            .map(|(sequence, text)| {
                previous = chain::link(&previous, &chain::text_hash(text));
                StoredRecord {
                    sequence,
                    text: text.clone(),
                    hash: chain::to_hex(&previous),
                    is_theirs: sequence % 2 == 0,
                }
            })
            .collect()
    }

    fn texts() -> Vec<String> {
        (1..=4)
            .map(|sequence| format!("{{\"sequence\":{sequence},\"what\":\"door.verified\"}}"))
            .collect()
    }

    fn photo() -> SignedFile {
        SignedFile {
            file: chain::to_hex(&chain::sha256(PHOTO)),
            name: "card.jpg".to_owned(),
            kind: "image/jpeg".to_owned(),
            content: STANDARD.encode(PHOTO),
        }
    }

    fn signed_with_a_photo() -> Vec<String> {
        let mut texts = texts();
        texts[3] = format!(
            "{{\"what\":\"door.attested\",\"detail\":{{\"attachment\":{{\"sha256\":\"{}\"}}}}}}",
            photo().file
        );
        texts
    }

    fn write(scope: &Scope, texts: &[String], files: &[SignedFile]) -> String {
        let records = chain_of(texts);
        let head = records.last().map_or_else(
            || (0, String::new()),
            |last| (last.sequence, last.hash.clone()),
        );
        let at = "2026-11-20T17:00:00Z".parse().unwrap();
        let (mut packer, mut pack) = Packer::begin(&header("elm", scope, at, &head));
        for record in &records {
            pack.push_str(&packer.link(record));
        }
        for file in files {
            pack.push_str(&packer.file(file));
        }
        pack.push_str(&packer.seal());
        pack
    }

    fn pack() -> String {
        write(&Scope::Person("p1".into()), &texts(), &[])
    }

    /// The pack with its seal put right, as whoever changes it would do.
    fn sealed_again(pack: &str) -> String {
        let cut = pack.trim_end().rfind('\n').unwrap() + 1;
        let body = &pack[..cut];
        let seal = chain::to_hex(&chain::sha256(body.as_bytes()));
        format!("{body}{{\"sealed\":\"{seal}\"}}\n")
    }

    #[test]
    fn an_honest_pack_proves_itself() {
        let proof = verify(&pack()).unwrap();

        assert_eq!(
            (proof.records, proof.links, proof.person.as_deref()),
            (2, 4, Some("p1"))
        );
    }

    #[test]
    fn a_pack_of_the_first_format_still_proves_itself() {
        let pack = pack();
        let (first, rest) = pack.split_once('\n').unwrap();
        let mut header: Value = serde_json::from_str(first).unwrap();
        header["format"] = FIRST_FORMAT.into();
        header.as_object_mut().unwrap().remove("head");

        let proof = verify(&sealed_again(&format!("{header}\n{rest}"))).unwrap();

        assert_eq!((proof.records, proof.links), (2, 4));
    }

    #[test]
    fn others_records_are_only_hashes() {
        assert!(!pack().lines().nth(1).unwrap().contains("verified"));
    }

    #[test]
    fn changing_any_one_byte_is_noticed() {
        let honest = write(
            &Scope::Person("p1".into()),
            &signed_with_a_photo(),
            &[photo()],
        );
        assert_eq!(verify(&honest).unwrap().files, 1);
        for position in 0..honest.len() {
            let mut bytes = honest.clone().into_bytes();
            bytes[position] = if bytes[position] == b'1' { b'2' } else { b'1' };
            let changed = String::from_utf8(bytes).unwrap();

            assert!(
                verify(&changed).is_err(),
                "byte {position} was changed and nobody noticed"
            );
        }
    }

    #[test]
    fn a_file_that_was_signed_with_is_there_and_no_other() {
        let person = Scope::Person("p1".into());
        let with = signed_with_a_photo();
        let mut other = photo();
        other.content = STANDARD.encode(b"another photo");

        assert_eq!(
            verify(&write(&person, &with, &[])),
            Err(Broken::NoFile { hash: photo().file })
        );
        for (texts, files) in [
            (&with, vec![other]),
            (&texts(), vec![photo()]),
            (&with, vec![photo(), photo()]),
        ] {
            let broken = verify(&write(&person, texts, &files));
            assert!(matches!(broken, Err(Broken::File { .. })), "{broken:?}");
        }
    }

    #[test]
    fn a_chain_cut_off_at_its_end_is_told_by_the_first_line() {
        let honest = pack();
        let mut lines: Vec<&str> = honest.lines().collect();
        lines.remove(4);
        let cut = sealed_again(&format!("{}\n", lines.join("\n")));

        assert_eq!(verify(&cut), Err(Broken::Head { expected: 4 }));
    }

    #[test]
    fn a_time_of_which_a_case_is_left_out_is_told() {
        let opened = r#"{"when":"2026-11-20T17:00:00.000Z","what":"case.opened"}"#;
        let scope = |cases| {
            Scope::Period(Period {
                from: "2026-11-01T00:00:00Z".parse().unwrap(),
                to: "2026-12-01T00:00:00Z".parse().unwrap(),
                people: BTreeSet::new(),
                cases,
            })
        };
        let mut texts = texts();
        opened.clone_into(&mut texts[1]);

        assert!(verify(&write(&scope(1), &texts, &[])).is_ok());
        assert_eq!(
            verify(&write(&scope(2), &texts, &[])),
            Err(Broken::Cases {
                expected: 2,
                found: 1
            })
        );
    }

    #[test]
    fn the_first_changed_record_is_named() {
        let changed = pack().replacen("\\\"what\\\":\\\"door", "\\\"what\\\":\\\"moor", 1);

        assert_eq!(
            verify(&changed),
            Err(Broken::Record {
                sequence: 2,
                line: 3
            })
        );
    }

    #[test]
    fn a_missing_record_is_named() {
        let honest = pack();
        let cut: String = honest
            .lines()
            .enumerate()
            .filter(|(index, _)| *index != 2)
            .map(|(_, line)| format!("{line}\n"))
            .collect();

        assert_eq!(
            verify(&cut),
            Err(Broken::Missing {
                expected: 2,
                line: 3
            })
        );
    }
}

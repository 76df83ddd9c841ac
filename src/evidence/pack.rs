//! One person's records as JSON Lines that verify by themselves.
//!
//! The first line says whose records these are. Each further line is one link of the practice's
//! chain: the person's own records with their text, all others with the hash of theirs only. The last
//! line seals the file: it carries the SHA-256 of every byte before it.

use serde::{Deserialize, Serialize};

use super::chain::{self, GENESIS, Hash};

/// Version of the file format.
const FORMAT: &str = "drawbridge-evidence-1";

/// First line of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Always `drawbridge-evidence-1`.
    pub format: String,
    /// The practice.
    pub practice: String,
    /// Internal id of the person.
    pub person: String,
    /// When the pack was made, RFC 3339.
    pub exported: String,
    /// What these records are, and are not.
    pub note: String,
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
    /// Whether the record is about the person of the pack.
    pub is_theirs: bool,
}

/// What a pack proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Whose records.
    pub person: String,
    /// How many of the records are theirs.
    pub records: usize,
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
    /// The last line does not seal what stands before it.
    #[error("the file was changed or cut off: its last line does not seal it")]
    Seal,
}

/// Writes a pack.
pub fn write(header: &Header, records: &[StoredRecord]) -> String {
    let mut pack = String::new();
    push_line(&mut pack, header);
    for record in records {
        let link = Link {
            sequence: record.sequence,
            text: record.is_theirs.then(|| record.text.clone()),
            text_hash: (!record.is_theirs).then(|| chain::to_hex(&chain::text_hash(&record.text))),
            hash: record.hash.clone(),
        };
        push_line(&mut pack, &link);
    }
    let seal = Seal {
        sealed: chain::to_hex(&chain::sha256(pack.as_bytes())),
    };
    push_line(&mut pack, &seal);
    pack
}

/// Recomputes a whole chain from its first record up to the head that was noted elsewhere: its sequence
/// and hash. Names the first record that was changed, or is missing.
pub fn first_broken(records: &[StoredRecord], head: &(i64, String)) -> Option<i64> {
    let mut previous = GENESIS;
    let mut expected = 0;
    for record in records {
        expected += 1;
        if record.sequence != expected {
            return Some(expected);
        }
        previous = chain::link(&previous, &chain::text_hash(&record.text));
        if chain::to_hex(&previous) != record.hash {
            return Some(record.sequence);
        }
        if record.sequence == head.0 && record.hash != head.1 {
            return Some(record.sequence);
        }
    }
    // More may have been written since the head was noted.
    (expected < head.0).then_some(expected + 1)
}

/// The header of a pack made now.
pub fn header(practice: &str, person: &str, exported: &str) -> Header {
    Header {
        format: FORMAT.to_owned(),
        practice: practice.to_owned(),
        person: person.to_owned(),
        exported: exported.to_owned(),
        note: "record of what this bridge did and saw".to_owned(),
    }
}

/// Checks a pack without any database, from its first link to its last.
///
/// # Errors
/// Names the first record that was changed or is missing, or the line that cannot be read.
pub fn verify(pack: &str) -> Result<Proof, Broken> {
    let lines: Vec<&str> = pack.lines().collect();
    let [first, links @ .., _] = lines.as_slice() else {
        return Err(Broken::Seal);
    };
    let header: Header = read_line(first, 1)?;
    let mut previous: Hash = GENESIS;
    let mut records = 0;
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
        records += usize::from(link.text.is_some());
    }
    check_seal(pack)?;
    Ok(Proof {
        person: header.person,
        records,
        links: links.len(),
        head: chain::to_hex(&previous),
    })
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

fn push_line(pack: &mut String, line: &impl Serialize) {
    // These types hold only text and numbers, which always serialise.
    pack.push_str(&serde_json::to_string(line).unwrap_or_default());
    pack.push('\n');
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

    fn records() -> Vec<StoredRecord> {
        let mut previous = GENESIS;
        (1..=4)
            .map(|sequence| {
                let text = format!("{{\"sequence\":{sequence},\"what\":\"door.verified\"}}");
                previous = chain::link(&previous, &chain::text_hash(&text));
                StoredRecord {
                    sequence,
                    text,
                    hash: chain::to_hex(&previous),
                    is_theirs: sequence % 2 == 0,
                }
            })
            .collect()
    }

    fn pack() -> String {
        write(&header("elm", "p1", "2026-11-20T17:00:00.000Z"), &records())
    }

    #[test]
    fn a_chain_without_its_end_or_a_link_is_broken_where_that_is_missing() {
        let whole = records();
        let head = (4, whole[3].hash.clone());
        let without_third = [&whole[..2], &whole[3..]].concat();

        assert_eq!(first_broken(&whole, &head), None);
        assert_eq!(first_broken(&whole, &(3, whole[2].hash.clone())), None);
        assert_eq!(first_broken(&whole[..2], &head), Some(3));
        assert_eq!(first_broken(&[], &head), Some(1));
        assert_eq!(first_broken(&without_third, &head), Some(3));
        assert_eq!(first_broken(&whole, &(4, "another".to_owned())), Some(4));
    }

    #[test]
    fn an_honest_pack_proves_itself() {
        let proof = verify(&pack()).unwrap();

        assert_eq!(
            (proof.records, proof.links, proof.person.as_str()),
            (2, 4, "p1")
        );
    }

    #[test]
    fn others_records_are_only_hashes() {
        assert!(!pack().lines().nth(1).unwrap().contains("verified"));
    }

    #[test]
    fn changing_any_one_byte_is_noticed() {
        let honest = pack();
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

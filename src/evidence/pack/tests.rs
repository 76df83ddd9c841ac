use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    lines::{FIRST_FORMAT, SECOND_FORMAT},
    *,
};
use crate::evidence::{
    Period, Scope,
    chain::{self, GENESIS},
};

const PHOTO: &[u8] = b"a photo of the card, cut in two";

/// A chain of these texts, of which every second one is shown, and the last one.
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
                is_theirs: sequence % 2 == 0 || usize::try_from(sequence) == Ok(texts.len()),
            }
        })
        .collect()
}

/// A record at this place, about `p1` at the even ones.
fn record(sequence: i64, what: &str, detail: &Value) -> String {
    let person = if sequence % 2 == 0 { "p1" } else { "p2" };
    json!({
        "practice": "elm", "sequence": sequence, "when": "2026-11-20T17:00:00.000Z", "what": what,
        "person": person, "detail": detail,
    })
    .to_string()
}

fn texts() -> Vec<String> {
    let text = |sequence| record(sequence, "door.verified", &json!({}));
    (1..=4).map(text).collect()
}

fn person() -> Scope {
    Scope::Person("p1".into())
}

/// A time with so many cases, all of `p1`.
fn november(cases: usize) -> Scope {
    Scope::Period(Period {
        from: "2026-11-01T00:00:00Z".parse().unwrap(),
        to: "2026-12-01T00:00:00Z".parse().unwrap(),
        people: BTreeSet::from(["p1".into()]),
        cases,
    })
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
    let detail = json!({"attachment": {"sha256": photo().file}});
    texts[3] = record(4, "door.attested", &detail);
    texts
}

/// A pack made of these records and the note of it, which says that it shows so many.
fn write_noting(scope: &Scope, texts: &[String], files: &[SignedFile], shows: usize) -> String {
    let counted = Counted {
        pack: "the first pack".to_owned(),
        scope: scope.clone(),
        to: i64::try_from(texts.len()).unwrap(),
        shows,
    };
    let at = "2026-12-20T17:00:00Z".parse().unwrap();
    let note = counted.note("cli:dana", at);
    let note = note.to_text(&"elm".into(), counted.to + 1);
    let records = chain_of(&[texts, &[note]].concat());
    let last = records.last().unwrap();
    let head = (last.sequence, last.hash.clone());
    let (mut packer, mut pack) = Packer::begin(&header("elm", &counted, at, &head));
    for record in &records {
        pack.push_str(&packer.link(record));
    }
    for file in files {
        pack.push_str(&packer.file(file));
    }
    pack.push_str(&packer.seal());
    pack
}

fn write(scope: &Scope, texts: &[String], files: &[SignedFile]) -> String {
    write_noting(scope, texts, files, texts.len() / 2)
}

fn pack() -> String {
    write(&person(), &texts(), &[])
}

/// The pack as this version of the program or an older one would have named it.
fn of_format(pack: &str, format: &str) -> String {
    let (first, rest) = pack.split_once('\n').unwrap();
    let mut header: Value = serde_json::from_str(first).unwrap();
    header["format"] = format.into();
    let header = header.as_object_mut().unwrap();
    header.remove("pack");
    if format == FIRST_FORMAT {
        header.remove("head");
    }
    let header = Value::Object(header.clone());
    sealed_again(&format!("{header}\n{rest}"))
}

/// The pack with the record of this line behind its hash.
fn without_text(pack: &str, line: usize) -> String {
    let mut lines: Vec<String> = pack.lines().map(str::to_owned).collect();
    let mut link: lines::Link = serde_json::from_str(&lines[line]).unwrap();
    let text = link.text.take().unwrap();
    link.text_hash = Some(chain::to_hex(&chain::text_hash(&text)));
    lines[line] = serde_json::to_string(&link).unwrap();
    sealed_again(&format!("{}\n", lines.join("\n")))
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
        (3, 5, Some("p1"))
    );
    assert_eq!(proof.whole_to, Some(4));
}

#[test]
fn a_pack_of_an_older_format_proves_itself_but_not_that_it_is_whole() {
    for format in [FIRST_FORMAT, SECOND_FORMAT] {
        let proof = verify(&of_format(&pack(), format)).unwrap();

        assert_eq!((proof.records, proof.links), (3, 5));
        assert_eq!(proof.whole_to, None, "{format}");
    }
}

#[test]
fn a_record_that_is_hidden_behind_its_hash_is_noticed() {
    let mut texts = texts();
    texts[1] = record(2, "case.opened", &json!({}));
    for scope in [person(), november(1)] {
        let honest = write(&scope, &texts, &[]);
        assert_eq!(verify(&honest).unwrap().whole_to, Some(4), "{honest}");

        let left_out = verify(&without_text(&honest, 4));
        let no_note = verify(&without_text(&honest, 5));

        assert_eq!(
            left_out,
            Err(Broken::LeftOut {
                to: 4,
                expected: 2,
                found: 1
            })
        );
        assert_eq!(no_note, Err(Broken::NotCounted));
        assert!(verify(&without_text(&honest, 2)).is_err());
    }
}

#[test]
fn a_record_about_somebody_else_makes_up_for_none_that_was_left_out() {
    let mut texts = texts();
    texts[1] = record(2, "case.opened", &json!({}));
    texts[3] = record(4, "door.verified", &json!({})).replace("\"p1\"", "\"p3\"");

    for scope in [person(), november(1)] {
        let broken = verify(&write(&scope, &texts, &[]));

        assert_eq!(
            broken,
            Err(Broken::Stranger {
                sequence: 4,
                line: 5
            })
        );
    }
}

#[test]
fn the_note_of_another_pack_counts_for_none() {
    let honest = pack();
    let (first, rest) = honest.split_once('\n').unwrap();
    for (is, other) in [("the first pack", "the second pack"), ("\"p1\"", "\"p2\"")] {
        let swapped = first.replace(is, other);
        let broken = verify(&sealed_again(&format!("{swapped}\n{rest}")));

        assert_eq!(broken, Err(Broken::NotCounted), "{other}");
    }
}

#[test]
fn what_happens_between_the_count_and_the_note_breaks_no_honest_pack() {
    let mut texts = texts();
    texts[1] = record(2, "case.opened", &json!({}));
    let counted = Counted {
        pack: "a pack".to_owned(),
        scope: november(1),
        to: 4,
        shows: 2,
    };
    let at = "2026-11-20T17:00:00Z".parse().unwrap();
    // Another case opens for somebody who had one.
    texts.extend([
        record(5, "door.verified", &json!({})),
        record(6, "case.opened", &json!({})),
        counted.note("cli:dana", at).to_text(&"elm".into(), 7),
    ]);
    let records = chain_of(&texts);
    let head = (7, records[6].hash.clone());
    let (mut packer, mut pack) = Packer::begin(&header("elm", &counted, at, &head));
    for record in &records {
        pack.push_str(&packer.link(record));
    }
    pack.push_str(&packer.seal());

    let proof = verify(&pack).unwrap();

    assert_eq!((proof.records, proof.whole_to), (4, Some(4)));
}

#[test]
fn others_records_are_only_hashes() {
    assert!(!pack().lines().nth(1).unwrap().contains("verified"));
}

#[test]
fn changing_any_one_byte_is_noticed() {
    let honest = write(&person(), &signed_with_a_photo(), &[photo()]);
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
    let person = person();
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
    lines.remove(5);
    let cut = sealed_again(&format!("{}\n", lines.join("\n")));

    assert_eq!(verify(&cut), Err(Broken::Head { expected: 5 }));
}

#[test]
fn a_time_of_which_a_case_is_left_out_is_told() {
    let mut texts = texts();
    texts[1] = record(2, "case.opened", &json!({}));

    assert!(verify(&write(&november(1), &texts, &[])).is_ok());
    assert_eq!(
        verify(&write(&november(2), &texts, &[])),
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

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{lines::FIRST_FORMAT, *};
use crate::evidence::{
    Period, Scope,
    chain::{self, GENESIS},
};

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

//! What fuzzing looks for, without a fuzzer: its corpora as they are, and changed at random.

use std::{fs, path::Path};

use proptest::prelude::*;

#[path = "../../fuzz/holds.rs"]
mod holds;

/// A target's function and the folder of its corpus.
type Target = (fn(&[u8]), &'static str);

const FILTER: Target = (holds::filter, "filter");
const PATCH_PATH: Target = (holds::patch_path, "patch_path");
const RESOURCE: Target = (holds::resource, "resource");

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(name);
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

#[test]
fn every_input_that_fuzzing_found_worth_keeping_is_taken_or_refused() {
    for (holds, name) in [FILTER, PATCH_PATH, RESOURCE] {
        let corpus = corpus(name);
        assert!(corpus.len() > 20, "{name}: {}", corpus.len());
        for input in corpus {
            holds(&input);
        }
    }
}

/// A cut: where in an input, how long, and what stands there instead.
fn cut() -> impl Strategy<Value = (prop::sample::Index, usize, Vec<u8>)> {
    let words = prop::sample::select(vec![
        "\"", "\\", "[", "]", "(", ")", "{", "}", ",", ":", ".", " ", "null", "true", "1e999",
        "\\ud800", "\u{feff}", "é", " eq ", " and ", " or ", "not ", " pr", "value", "active",
        "emails", "members", "schemas", "urn:",
    ]);
    let other = prop_oneof![
        words.prop_map(|word| word.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
        Just(Vec::new()),
    ];
    (any::<prop::sample::Index>(), 0_usize..12, other)
}

fn changed(name: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let inputs = prop::sample::select(corpus(name));
    (inputs, prop::collection::vec(cut(), 1..5)).prop_map(|(mut input, cuts)| {
        for (at, length, other) in cuts {
            let from = at.index(input.len() + 1);
            let to = (from + length).min(input.len());
            input.splice(from..to, other);
        }
        input
    })
}

proptest! {
    #[test]
    fn a_changed_filter_is_taken_or_refused(input in changed("filter")) {
        holds::filter(&input);
    }

    #[test]
    fn a_changed_path_is_taken_or_refused(input in changed("patch_path")) {
        holds::patch_path(&input);
    }

    #[test]
    fn a_changed_body_is_taken_or_refused(input in changed("resource")) {
        holds::resource(&input);
    }
}

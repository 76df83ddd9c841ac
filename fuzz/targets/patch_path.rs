#![no_main]

#[path = "../holds.rs"]
#[expect(dead_code, reason = "each target uses one of them")]
mod holds;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| holds::patch_path(bytes));

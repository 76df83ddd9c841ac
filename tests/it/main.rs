//! Everything from the outside in, in one test binary.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on stops where it stands"
)]

mod alerts;
mod architecture;
mod bad_input;
mod brake;
mod break_glass;
#[cfg(feature = "real-systems")]
mod canaille_locks_a_user;
#[cfg(feature = "real-systems")]
mod canaille_signs_in;
mod case_clock;
mod console_access;
mod console_evidence;
mod console_forms;
mod console_inbox;
mod console_ledger;
mod console_passkeys;
mod console_proof;
mod console_sign_in;
mod console_snooze;
mod console_systems;
mod console_tokens;
mod console_work;
#[cfg(unix)]
mod crash;
mod departures_named;
#[cfg(unix)]
mod doctor;
mod engine_moves;
mod events_told;
mod evidence_checkpoints;
mod evidence_files;
mod first_tries;
mod flapping;
mod fuzzed;
mod listener;
mod moved;
mod one_door;
mod one_owner;
#[cfg(unix)]
mod operating;
#[cfg(feature = "real-systems")]
mod postgres_faults;
mod returns;
mod rounds_claims;
mod rounds_closing;
mod rounds_failures;
mod rounds_late;
mod rounds_opening;
mod rounds_reading;
mod scim_answers;
mod scim_bulk;
mod scim_departure;
mod scim_hostile;
mod scim_idp;
mod scim_lists;
mod scim_raw;
#[cfg(feature = "real-systems")]
mod scim_suites;
mod second_ledger;
mod silence;
mod store_faults;
mod store_suite;
mod support;

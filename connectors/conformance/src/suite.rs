//! The macro that makes a named test of every rule.

use std::{future::Future, time::Duration};

use crate::rules::Verdict;

/// Longest time one rule may take, starting its system included.
const LONGEST: Duration = Duration::from_secs(180);

/// Runs one rule to its end and fails the test with the rule's own words.
///
/// # Panics
/// If the rule does not hold, or takes longer than three minutes.
pub fn run(rule: impl Future<Output = Verdict>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap_or_else(|error| panic!("no runtime: {error}"));
    let verdict = runtime.block_on(async { tokio::time::timeout(LONGEST, rule).await });
    // A fixture may have left tasks behind that never end, such as a silent listener.
    runtime.shutdown_background();
    match verdict {
        Ok(Ok(())) => {}
        Ok(Err(broken)) => panic!("{broken}"),
        Err(_) => panic!("the rule did not come to an end within {LONGEST:?}"),
    }
}

/// Makes a test of every rule that holds for a connector with these claims.
///
/// ```text
/// drawbridge_conformance::suite!(MyFixture, claims = [create, disable, end_sessions, read_back]);
/// drawbridge_conformance::suite!(ManualFixture, claims = [], no_network);
/// ```
///
/// The claims are the names of [`drawbridge_sdk::Capabilities::claims`]. Two suites in one file go
/// into two modules.
#[macro_export]
macro_rules! suite {
    ($fixture:ty, claims = [$($claim:ident),* $(,)?]) => {
        $crate::suite!(@common $fixture, [$($claim),*], true);
        $crate::suite!(@rules $fixture, check [a_check_works_and_changes_nothing, every_step_leaves_a_receipt]);
        $crate::suite!(@rules $fixture, credential [
            a_wrong_credential_fails_the_check,
            a_wrong_credential_fails_a_reading,
            a_wrong_credential_fails_a_close,
        ]);
        $crate::suite!(@rules $fixture, secrets [
            nothing_secret_is_told_when_all_is_well,
            nothing_secret_is_told_when_things_go_wrong,
        ]);
    };
    ($fixture:ty, claims = [$($claim:ident),* $(,)?], no_network) => {
        $crate::suite!(@common $fixture, [$($claim),*], false);
    };
    (@common $fixture:ty, [$($claim:ident),*], $network:expr) => {
        #[test]
        fn the_claims_are_what_the_capabilities_say() {
            $crate::suite::run(
                $crate::rules::claims::the_claims_are_what_the_capabilities_say::<$fixture>(
                    &[$(stringify!($claim)),*],
                ),
            );
        }

        #[test]
        fn the_system_misbehaves_as_a_network_does() {
            $crate::suite::run(
                $crate::rules::claims::the_system_misbehaves_as_a_network_does::<$fixture>($network),
            );
        }

        $crate::suite!(@rules $fixture, claims [nothing_beyond_the_claims_is_said_to_be_done]);
        $($crate::suite!(@claim $claim, $fixture);)*
    };
    (@claim disable, $fixture:ty) => {
        $crate::suite!(@rules $fixture, closing [
            closing_blocks_a_login_that_worked,
            closing_twice_is_already_in_state_and_harmless,
            closing_tells_its_parts_apart,
            closing_a_stranger_is_no_account,
            closing_never_deletes,
            closing_never_touches_anybody_else,
            closing_finds_the_account_by_its_id_after_the_name_changed,
            closing_leaves_a_namesake_with_another_id_alone,
        ]);
        $crate::suite!(@rules $fixture, opening [opening_after_a_close_lets_in_again]);
        $crate::suite!(@rules $fixture, faults [
            a_refused_connection_is_retryable_and_nothing_was_sent,
            silence_ends_within_the_call_timeout,
            silence_after_a_change_ends_in_time_and_may_still_land,
            a_lost_answer_is_never_success_and_a_later_close_is_right,
            an_answer_cut_in_the_middle_is_retryable,
            an_overloaded_system_is_retryable,
            a_refusal_is_refused,
            a_wish_to_be_left_alone_is_passed_on,
        ]);
        $crate::suite!(@rules $fixture, nonsense [
            a_page_for_people_is_never_success,
            truncated_json_is_never_success,
            a_huge_answer_is_never_success,
            a_redirect_is_never_success,
            an_error_inside_a_success_is_never_success,
            a_system_that_says_yes_and_does_nothing_is_found_out,
            a_system_that_answers_with_somebody_else_harms_nobody,
        ]);
    };
    (@claim end_sessions, $fixture:ty) => {
        $crate::suite!(@rules $fixture, sessions [
            closing_ends_open_sessions,
            closing_an_account_blocked_already_still_ends_its_sessions,
            closing_leaves_the_sessions_of_others_open,
        ]);
    };
    (@claim create, $fixture:ty) => {
        $crate::suite!(@rules $fixture, opening [
            opening_makes_an_account_for_a_stranger,
            opening_twice_is_already_in_state_and_makes_one_account,
        ]);
    };
    (@claim set_role, $fixture:ty) => {
        $crate::suite!(@rules $fixture, levels [
            opening_sets_exactly_the_managed_levels,
            opening_leaves_levels_alone_that_are_not_managed,
            closing_takes_managed_levels_away_if_told,
        ]);
    };
    (@claim read_back, $fixture:ty) => {
        $crate::suite!(@rules $fixture, observing [
            observing_sees_an_enabled_account_and_the_canary,
            observing_sees_a_disabled_account_too,
            observing_a_stranger_is_an_empty_list_with_the_canary_seen,
            observing_finds_the_account_by_its_id_after_the_name_changed,
            observing_reports_a_namesake_with_another_id,
            a_canary_that_does_not_exist_is_missing,
            a_blind_search_misses_the_canary,
        ]);
    };
    (@claim read_sessions, $fixture:ty) => {
        $crate::suite!(@rules $fixture, sessions [observing_counts_open_sessions]);
    };
    (@claim list_accounts, $fixture:ty) => {
        $crate::suite!(@rules $fixture, listing [
            listing_pages_to_the_end_and_misses_nobody,
            listing_shows_disabled_accounts_too,
        ]);
    };
    (@rules $fixture:ty, $theme:ident [$($rule:ident),* $(,)?]) => {
        $(
            #[test]
            fn $rule() {
                $crate::suite::run($crate::rules::$theme::$rule::<$fixture>());
            }
        )*
    };
}

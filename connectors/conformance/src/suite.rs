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
/// drawbridge_conformance::suite!(MyFixture, claims = [create, disable, end_sessions, read_back], http);
/// drawbridge_conformance::suite!(DirectoryFixture, claims = [disable, read_back], tls);
/// drawbridge_conformance::suite!(TableFixture, claims = [disable, read_back]);
/// drawbridge_conformance::suite!(ManualFixture, claims = [], no_network);
/// ```
///
/// `http` is for systems that speak HTTP, over TLS too; `tls` for those that speak something else over TLS.
///
/// The claims are the names of [`drawbridge_sdk::Capabilities::claims`]. Two suites in one file go
/// into two modules.
#[macro_export]
macro_rules! suite {
    ($fixture:ty, claims = [$($claim:ident),* $(,)?], http) => {
        $crate::suite!(@common $fixture, [$($claim),*], Http);
        $crate::suite!(@network $fixture);
        $($crate::suite!(@http $claim, $fixture);)*
        $($crate::suite!(@tls $claim, $fixture);)*
    };
    ($fixture:ty, claims = [$($claim:ident),* $(,)?], tls) => {
        $crate::suite!(@common $fixture, [$($claim),*], Something);
        $crate::suite!(@network $fixture);
        $($crate::suite!(@tls $claim, $fixture);)*
    };
    ($fixture:ty, claims = [$($claim:ident),* $(,)?]) => {
        $crate::suite!(@common $fixture, [$($claim),*], Something);
        $crate::suite!(@network $fixture);
    };
    ($fixture:ty, claims = [$($claim:ident),* $(,)?], no_network) => {
        $crate::suite!(@common $fixture, [$($claim),*], Nothing);
    };
    (@network $fixture:ty) => {
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
    (@common $fixture:ty, [$($claim:ident),*], $speaks:ident) => {
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
                $crate::rules::claims::the_system_misbehaves_as_a_network_does::<$fixture>(
                    $crate::rules::claims::Speaks::$speaks,
                ),
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
            closing_leaves_an_account_of_somebody_else_alone,
        ]);
        $crate::suite!(@rules $fixture, opening [
            opening_after_a_close_lets_in_again,
            opening_leaves_an_account_of_somebody_else_closed,
        ]);
        $crate::suite!(@rules $fixture, faults [
            a_refused_connection_is_retryable_and_nothing_was_sent,
            silence_ends_within_the_call_timeout,
            silence_after_a_change_ends_in_time_and_may_still_land,
            a_lost_answer_is_never_success_and_a_later_close_is_right,
            an_answer_cut_in_the_middle_is_retryable,
            an_overloaded_system_is_retryable,
            a_refusal_is_refused,
        ]);
        $crate::suite!(@rules $fixture, reach [a_connection_that_never_comes_about_is_given_up_in_time]);
        $crate::suite!(@rules $fixture, broken [
            an_answer_byte_by_byte_ends_in_time_and_may_still_land,
            a_half_closed_connection_is_no_answer,
            a_connection_reset_within_the_answer_is_no_answer,
            a_lost_answer_of_an_open_may_still_land,
            a_change_that_lands_late_was_never_called_settled,
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
        $crate::suite!(@rules $fixture, broken [an_account_whose_making_was_not_answered_is_made_once]);
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
    (@http disable, $fixture:ty) => {
        $crate::suite!(@rules $fixture, broken [
            headers_without_end_end_in_time_and_may_still_land,
            an_error_after_the_deed_settles_nothing,
        ]);
        $crate::suite!(@rules $fixture, bursts [
            a_burst_of_errors_settles_nothing,
            a_wish_to_be_left_alone_is_passed_on,
            a_wish_that_makes_no_sense_is_passed_over,
        ]);
        $crate::suite!(@rules $fixture, nonsense [
            a_packed_bomb_is_never_success,
            a_wrong_charset_is_never_success,
            a_key_that_is_there_twice_is_never_success,
            a_missing_body_is_never_success,
            nonsense_for_a_change_is_never_success,
        ]);
        $crate::suite!(@rules $fixture, redirects [
            a_redirect_to_another_host_is_never_followed,
            a_redirect_to_the_machines_own_credentials_is_never_followed,
            a_redirect_out_of_tls_is_never_followed,
        ]);
    };
    (@http $claim:ident, $fixture:ty) => {};
    (@tls disable, $fixture:ty) => {
        $crate::suite!(@rules $fixture, reach [a_name_that_leads_nowhere_is_told_as_that]);
        $crate::suite!(@rules $fixture, tls [
            a_certificate_of_the_authority_in_the_settings_is_accepted,
            an_expired_certificate_is_refused,
            a_self_signed_certificate_is_refused,
            a_certificate_of_another_authority_is_refused,
            a_certificate_for_another_host_is_refused,
            old_tls_is_refused,
            a_handshake_that_breaks_off_sends_nothing,
        ]);
    };
    (@tls $claim:ident, $fixture:ty) => {};
    (@rules $fixture:ty, $theme:ident [$($rule:ident),* $(,)?]) => {
        $(
            #[test]
            fn $rule() {
                $crate::suite::run($crate::rules::$theme::$rule::<$fixture>());
            }
        )*
    };
}

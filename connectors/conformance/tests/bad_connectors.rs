//! Connectors with a bad habit break the rule that is there for it.

mod support;

use drawbridge_conformance::{Verdict, rules};
use support::fixture::Clinic;

type TrustsAnyAnswer = Clinic<1>;
type Deletes = Clinic<2>;
type ForgetsSessions = Clinic<3>;
type IgnoresIdentity = Clinic<4>;
type LeaksItsToken = Clinic<5>;
type HidesDisabled = Clinic<6>;
type StopsAtTheFirstPage = Clinic<7>;
type BelievesItself = Clinic<8>;
type TakesItsTime = Clinic<9>;
type CallsItSettled = Clinic<10>;
type ForgetsWishes = Clinic<11>;
type BelievesEveryWish = Clinic<12>;
type CreatesBlindly = Clinic<13>;
type FollowsRedirects = Clinic<14>;
type Downgrades = Clinic<15>;

fn is_broken(verdict: &Verdict, word: &str) {
    let broken = verdict.as_ref().expect_err("the rule caught nothing");
    assert!(
        broken.contains(word),
        "the rule was broken for another reason: {broken}"
    );
}

#[tokio::test]
async fn a_connector_that_trusts_any_200_is_caught() {
    is_broken(
        &rules::nonsense::a_page_for_people_is_never_success::<TrustsAnyAnswer>().await,
        "claims to be done",
    );
    is_broken(
        &rules::nonsense::truncated_json_is_never_success::<TrustsAnyAnswer>().await,
        "claims to be done",
    );
    for verdict in [
        rules::nonsense::a_huge_answer_is_never_success::<TrustsAnyAnswer>().await,
        rules::nonsense::a_packed_bomb_is_never_success::<TrustsAnyAnswer>().await,
        rules::nonsense::a_wrong_charset_is_never_success::<TrustsAnyAnswer>().await,
        rules::nonsense::a_key_that_is_there_twice_is_never_success::<TrustsAnyAnswer>().await,
        rules::nonsense::a_missing_body_is_never_success::<TrustsAnyAnswer>().await,
    ] {
        is_broken(&verdict, "claims to be done");
    }
    is_broken(
        &rules::nonsense::nonsense_for_a_change_is_never_success::<TrustsAnyAnswer>().await,
        "they are open",
    );
}

#[tokio::test]
async fn a_connector_that_deletes_is_caught() {
    is_broken(
        &rules::closing::closing_never_deletes::<Deletes>().await,
        "deleted",
    );
}

#[tokio::test]
async fn a_connector_that_forgets_sessions_of_a_blocked_account_is_caught() {
    let verdict = rules::sessions::closing_an_account_blocked_already_still_ends_its_sessions::<
        ForgetsSessions,
    >()
    .await;
    is_broken(&verdict, "still open");
}

#[tokio::test]
async fn a_connector_that_acts_on_whatever_it_is_answered_is_caught() {
    let verdict =
        rules::nonsense::a_system_that_answers_with_somebody_else_harms_nobody::<IgnoresIdentity>()
            .await;
    is_broken(&verdict, "blocked another");
    let verdict =
        rules::closing::closing_leaves_a_namesake_with_another_id_alone::<IgnoresIdentity>().await;
    is_broken(&verdict, "blocked for its name");
    let verdict =
        rules::closing::closing_leaves_an_account_of_somebody_else_alone::<IgnoresIdentity>().await;
    is_broken(&verdict, "blocked for its name");
    let verdict =
        rules::opening::opening_leaves_an_account_of_somebody_else_closed::<IgnoresIdentity>()
            .await;
    is_broken(&verdict, "opened for its name");
}

#[tokio::test]
async fn a_connector_that_leaks_its_token_is_caught() {
    is_broken(
        &rules::secrets::nothing_secret_is_told_when_all_is_well::<LeaksItsToken>().await,
        "a secret",
    );
}

#[tokio::test]
async fn a_connector_that_hides_disabled_accounts_is_caught() {
    is_broken(
        &rules::observing::observing_sees_a_disabled_account_too::<HidesDisabled>().await,
        "shows []",
    );
    is_broken(
        &rules::closing::closing_twice_is_already_in_state_and_harmless::<HidesDisabled>().await,
        "NoAccount",
    );
}

#[tokio::test]
async fn a_connector_that_stops_at_the_first_page_is_caught() {
    let verdict =
        rules::listing::listing_pages_to_the_end_and_misses_nobody::<StopsAtTheFirstPage>().await;
    is_broken(&verdict, "listed 0 times");
}

#[tokio::test]
async fn a_connector_that_believes_itself_is_caught() {
    let verdict =
        rules::nonsense::a_system_that_says_yes_and_does_nothing_is_found_out::<BelievesItself>()
            .await;
    is_broken(&verdict, "still enabled");
}

#[tokio::test]
async fn a_connector_that_takes_the_whole_time_for_each_request_is_caught() {
    let verdict = rules::faults::silence_ends_within_the_call_timeout::<TakesItsTime>().await;
    is_broken(&verdict, "takes longer");
    let verdict =
        rules::faults::silence_after_a_change_ends_in_time_and_may_still_land::<TakesItsTime>()
            .await;
    is_broken(&verdict, "takes longer");
    let verdict =
        rules::broken::an_answer_byte_by_byte_ends_in_time_and_may_still_land::<TakesItsTime>()
            .await;
    is_broken(&verdict, "takes longer");
}

#[tokio::test]
async fn a_connector_that_calls_it_settled_without_an_answer_is_caught() {
    use rules::{broken, bursts};
    is_broken(
        &bursts::a_burst_of_errors_settles_nothing::<CallsItSettled>().await,
        "says that it is settled",
    );
    for verdict in [
        broken::an_error_after_the_deed_settles_nothing::<CallsItSettled>().await,
        broken::a_lost_answer_of_an_open_may_still_land::<CallsItSettled>().await,
        broken::an_account_whose_making_was_not_answered_is_made_once::<CallsItSettled>().await,
        broken::a_change_that_lands_late_was_never_called_settled::<CallsItSettled>().await,
    ] {
        is_broken(&verdict, "Answered");
    }
    for verdict in [
        broken::a_half_closed_connection_is_no_answer::<CallsItSettled>().await,
        broken::a_connection_reset_within_the_answer_is_no_answer::<CallsItSettled>().await,
        broken::headers_without_end_end_in_time_and_may_still_land::<CallsItSettled>().await,
        broken::an_answer_byte_by_byte_ends_in_time_and_may_still_land::<CallsItSettled>().await,
    ] {
        is_broken(&verdict, "a close says that one came");
    }
    for verdict in [
        rules::reach::a_connection_that_never_comes_about_is_given_up_in_time::<CallsItSettled>()
            .await,
        rules::reach::a_name_that_leads_nowhere_is_told_as_that::<CallsItSettled>().await,
        rules::tls::an_expired_certificate_is_refused::<CallsItSettled>().await,
    ] {
        is_broken(&verdict, "nothing can have been sent");
    }
}

#[tokio::test]
async fn a_connector_that_forgets_how_long_a_vendor_wants_to_be_left_alone_is_caught() {
    let verdict = rules::bursts::a_wish_to_be_left_alone_is_passed_on::<ForgetsWishes>().await;
    is_broken(&verdict, "120 s");
}

#[tokio::test]
async fn a_connector_that_makes_a_time_to_wait_of_anything_is_caught() {
    let verdict =
        rules::bursts::a_wish_that_makes_no_sense_is_passed_over::<BelievesEveryWish>().await;
    is_broken(&verdict, "no time to wait");
}

#[tokio::test]
async fn a_connector_that_creates_without_looking_is_caught() {
    let verdict =
        rules::broken::an_account_whose_making_was_not_answered_is_made_once::<CreatesBlindly>()
            .await;
    is_broken(&verdict, "open failed");
}

#[tokio::test]
async fn a_connector_that_goes_where_a_redirect_leads_is_caught() {
    use rules::redirects;
    for verdict in [
        redirects::a_redirect_to_another_host_is_never_followed::<FollowsRedirects>().await,
        redirects::a_redirect_out_of_tls_is_never_followed::<FollowsRedirects>().await,
    ] {
        is_broken(&verdict, "was followed");
    }
    is_broken(
        &redirects::a_redirect_to_the_machines_own_credentials_is_never_followed::<TrustsAnyAnswer>()
            .await,
        "claims to be done",
    );
}

#[tokio::test]
async fn a_connector_that_tries_it_without_tls_is_caught() {
    use rules::tls;
    for verdict in [
        tls::an_expired_certificate_is_refused::<Downgrades>().await,
        tls::a_self_signed_certificate_is_refused::<Downgrades>().await,
        tls::a_certificate_of_another_authority_is_refused::<Downgrades>().await,
        tls::a_certificate_for_another_host_is_refused::<Downgrades>().await,
        tls::old_tls_is_refused::<Downgrades>().await,
        tls::a_handshake_that_breaks_off_sends_nothing::<Downgrades>().await,
    ] {
        is_broken(&verdict, "were sent in spite of");
    }
}

#[tokio::test]
async fn a_connector_that_claims_more_than_it_can_is_caught() {
    let verdict =
        rules::claims::the_claims_are_what_the_capabilities_say::<Clinic<0>>(&["disable"]).await;
    is_broken(&verdict, "the capabilities claim");
}

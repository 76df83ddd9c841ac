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
}

#[tokio::test]
async fn a_connector_that_claims_more_than_it_can_is_caught() {
    let verdict =
        rules::claims::the_claims_are_what_the_capabilities_say::<Clinic<0>>(&["disable"]).await;
    is_broken(&verdict, "the capabilities claim");
}

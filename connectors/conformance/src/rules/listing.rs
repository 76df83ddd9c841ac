//! Listing: everybody, to the end.

use drawbridge_sdk::{Account, AccountState, Cursor};

use super::{Verdict, must, stage::Stage};
use crate::fixture::Fixture;

/// More pages than any fixture has.
const MANY: usize = 10_000;

/// Pages lead to the end, and everybody is on one of them, the canary too.
///
/// # Errors
/// If a page fails or comes again, or somebody is missing.
pub async fn listing_pages_to_the_end_and_misses_nobody<F: Fixture>() -> Verdict {
    let stage = Stage::<F>::start().await;
    let mut people = Vec::new();
    for number in 1..=12 {
        people.push(
            stage
                .fixture
                .add_account(&format!("listed.{number:02}"))
                .await,
        );
    }

    let listed = everybody(&stage).await?;

    for person in &people {
        let shown = listed
            .iter()
            .filter(|account| account.belongs_to(person))
            .count();
        must(
            shown == 1,
            format!("a person with one account is listed {shown} times"),
        )?;
    }
    let canary = stage.fixture.canary().to_lowercase();
    let is_canary = |account: &Account| {
        [account.id.as_str(), &account.login]
            .into_iter()
            .chain(account.identifiers.iter().map(String::as_str))
            .any(|name| name.to_lowercase() == canary)
    };
    must(listed.iter().any(is_canary), "the canary is not listed")
}

/// A disabled account is listed, as disabled.
///
/// # Errors
/// If it is missing, or listed as enabled.
pub async fn listing_shows_disabled_accounts_too<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    if !stage.connector.capabilities().disable {
        return Ok(());
    }
    stage.close(&subject).await?;

    let listed = everybody(&stage).await?;

    let own: Vec<_> = listed
        .iter()
        .filter(|account| account.belongs_to(&subject))
        .map(|account| account.state)
        .collect();
    must(
        own == [AccountState::Disabled],
        format!("a disabled account is listed as {own:?}"),
    )
}

async fn everybody<F: Fixture>(stage: &Stage<F>) -> Result<Vec<Account>, String> {
    let mut listed = Vec::new();
    let mut at: Option<Cursor> = None;
    for _ in 0..MANY {
        let page = stage.connector.list_accounts(at.as_ref()).await;
        let page = page.map_err(|error| format!("list_accounts failed: {error:?}"))?;
        listed.extend(page.accounts);
        match page.next {
            None => return Ok(listed),
            next if next == at => return Err("a page of the listing leads to itself".to_owned()),
            next => at = next,
        }
    }
    Err(format!("the listing has no end after {MANY} pages"))
}

//! Answers that never come to their end, and changes whose answer is lost on the way.

use drawbridge_sdk::{AccountState, FailureClass, Finality, Subject};

use super::{
    Verdict,
    faults::{is_told, may_still_land, reading_failed},
    must,
    stage::{BYSTANDER, STRANGER, Stage, failure},
};
use crate::{fault::Fault, fixture::Fixture};

/// A body of which each byte comes in time and the last one never holds nobody for longer than a call.
///
/// # Errors
/// If a call takes longer, works, or calls a change settled.
pub async fn an_answer_byte_by_byte_ends_in_time_and_may_still_land<F: Fixture>() -> Verdict {
    is_no_answer::<F>(Fault::Dripping, Fault::OnlyChanges(&Fault::Dripping)).await
}

/// Nor do headers without end.
///
/// # Errors
/// If a call takes longer, works, or calls a change settled.
pub async fn headers_without_end_end_in_time_and_may_still_land<F: Fixture>() -> Verdict {
    is_no_answer::<F>(Fault::EndlessHead, Fault::OnlyChanges(&Fault::EndlessHead)).await
}

/// Nor does a system that hangs up its end and leaves ours open.
///
/// # Errors
/// If a call takes longer, works, or calls a change settled.
pub async fn a_half_closed_connection_is_no_answer<F: Fixture>() -> Verdict {
    is_no_answer::<F>(Fault::HalfClosed, Fault::OnlyChanges(&Fault::HalfClosed)).await
}

/// A connection that is reset within the answer gave none.
///
/// # Errors
/// If a call works, or calls a change settled.
pub async fn a_connection_reset_within_the_answer_is_no_answer<F: Fixture>() -> Verdict {
    is_no_answer::<F>(Fault::Reset, Fault::OnlyChanges(&Fault::Reset)).await
}

/// An error of a gateway says nothing of what the system behind it did, or will do.
///
/// # Errors
/// If a change is called settled, or the same call again is not right.
pub async fn an_error_after_the_deed_settles_nothing<F: Fixture>() -> Verdict {
    for status in [500, 502, 503] {
        changes_may_still_land::<F>(Fault::DoneBut(status)).await?;
    }
    Ok(())
}

/// The same for an open as for a close: without an answer it is neither done nor settled.
///
/// # Errors
/// If a change is called settled, or the same call again is not right.
pub async fn a_lost_answer_of_an_open_may_still_land<F: Fixture>() -> Verdict {
    changes_may_still_land::<F>(Fault::AnswerLost).await
}

/// A new account whose making was not answered is made once, however often the open is sent again.
///
/// # Errors
/// If the making is called settled, the open again fails, or there are two accounts.
pub async fn an_account_whose_making_was_not_answered_is_made_once<F: Fixture>() -> Verdict {
    for fault in [
        Fault::AnswerLost,
        Fault::OnlyChanges(&Fault::Reset),
        Fault::DoneBut(502),
    ] {
        let stage = Stage::<F>::start().await;
        let person = stage.fixture.stranger(STRANGER);
        let call = stage.open_call(&person);
        if !stage.fixture.misbehave(fault).await {
            continue;
        }

        let opened = failure(stage.connector.open(&call).await);
        stage.fixture.behave().await;

        let is_made = stage.fixture.is_enabled(&person).await.is_some();
        match opened {
            None => must(
                is_made,
                format!("an open during {fault:?} claims to be done, and nobody is there"),
            )?,
            Some(error) if is_made => may_still_land(&stage, fault, "open", &error)?,
            Some(error) => is_told(&stage, fault, "open", &error)?,
        }
        let again = stage.open(&call).await?;
        must(
            again.accounts.len() == 1,
            format!(
                "after {fault:?} the open again tells of {:?}",
                again.accounts
            ),
        )?;
        must(
            stage.fixture.is_enabled(&person).await == Some(true),
            format!("after {fault:?} and an open again there is no enabled account"),
        )?;
        stage.shows(&person, AccountState::Enabled).await?;
        has_one_account(&stage, &person).await?;
    }
    Ok(())
}

/// A change that lands when nobody waits for it any more was never called settled, and is read as it is.
///
/// # Errors
/// If it was, or a reading shows the system as it was before.
pub async fn a_change_that_lands_late_was_never_called_settled<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    let closed = stage.add_closed(BYSTANDER).await?;
    let fault = Fault::LateChanges;
    if !stage.fixture.misbehave(fault).await {
        return Ok(());
    }

    let opens = both_may_still_land(&stage, fault, &subject, &closed).await?;
    must(
        stage.lets_in(&subject).await == Some(true),
        "the fixture did at once what it was to hold back, so nothing is proved",
    )?;
    stage.fixture.behave().await;
    let delivered = stage.fixture.deliver().await;

    must(
        delivered > 0,
        "the fixture held nothing back, so nothing is proved",
    )?;
    must(
        stage.lets_in(&subject).await == Some(false),
        "what the fixture held back did not land, so nothing is proved",
    )?;
    stage.shows(&subject, AccountState::Disabled).await?;
    if opens {
        stage.shows(&closed, AccountState::Enabled).await?;
    }
    the_same_again_is_right(&stage, &subject, &closed, opens).await
}

async fn is_no_answer<F: Fixture>(always: Fault, for_changes: Fault) -> Verdict {
    // On two systems at once, since both may take the whole time of a call.
    let (nothing_works, changes) = tokio::join!(
        nothing_works::<F>(always),
        changes_may_still_land::<F>(for_changes)
    );
    nothing_works.and(changes)
}

/// Whatever is asked fails in time, and nothing is called settled.
async fn nothing_works<F: Fixture>(fault: Fault) -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    if !stage.fixture.misbehave(fault).await {
        return Ok(());
    }
    let (ask, call) = (stage.ask(&subject), stage.close_call(&subject));

    let calls = async { tokio::join!(stage.connector.close(&call), stage.connector.observe(&ask)) };
    let (closed, observed) = stage.in_time(fault, calls).await?;

    let error =
        failure(closed).ok_or_else(|| format!("a close during {fault:?} claims to be done"))?;
    is_told(&stage, fault, "close", &error)?;
    must(
        error.finality != Finality::Answered,
        format!("{fault:?} is no answer, and a close says that one came"),
    )?;
    if stage.connector.capabilities().read_back {
        reading_failed(&stage, fault, observed)?;
    }
    Ok(())
}

/// Readings work, changes are done, and their answers are lost: nothing is called settled, and the same
/// calls again are right.
async fn changes_may_still_land<F: Fixture>(fault: Fault) -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    stage.fixture.open_session(&subject).await;
    let closed = stage.add_closed(BYSTANDER).await?;
    if !stage.fixture.misbehave(fault).await {
        return Ok(());
    }

    let opens = both_may_still_land(&stage, fault, &subject, &closed).await?;
    stage.fixture.behave().await;

    the_same_again_is_right(&stage, &subject, &closed, opens).await
}

/// Closes one account and opens another at the same time, and says whether the connector opens at all.
async fn both_may_still_land<F: Fixture>(
    stage: &Stage<F>,
    fault: Fault,
    subject: &Subject,
    closed: &Subject,
) -> Result<bool, String> {
    let (close, open) = (stage.close_call(subject), stage.open_call(closed));
    let calls = async { tokio::join!(stage.connector.close(&close), stage.connector.open(&open)) };
    let (closing, opening) = stage.in_time(fault, calls).await?;

    let error =
        failure(closing).ok_or_else(|| format!("a close during {fault:?} claims to be done"))?;
    may_still_land(stage, fault, "close", &error)?;
    match failure(opening) {
        Some(error) if error.class == FailureClass::NeedsHuman => Ok(false),
        Some(error) => may_still_land(stage, fault, "open", &error).map(|()| true),
        // Another way than the one that is disturbed may lead to it.
        None => must(
            stage.lets_in(closed).await == Some(true),
            format!("an open during {fault:?} claims to be done, and one cannot log in"),
        )
        .map(|()| true),
    }
}

async fn the_same_again_is_right<F: Fixture>(
    stage: &Stage<F>,
    subject: &Subject,
    closed: &Subject,
    opens: bool,
) -> Verdict {
    stage.close(subject).await?;
    must(
        stage.lets_in(subject).await == Some(false),
        "the same close again did not block",
    )?;
    if stage.connector.capabilities().end_sessions {
        let open = stage.fixture.open_sessions(subject).await;
        must(
            open.unwrap_or(0) == 0,
            "the same close again left sessions open",
        )?;
    }
    stage.shows(subject, AccountState::Disabled).await?;
    if opens {
        stage.open(&stage.open_call(closed)).await?;
        must(
            stage.lets_in(closed).await == Some(true),
            "the same open again did not let in",
        )?;
    }
    Ok(())
}

async fn has_one_account<F: Fixture>(stage: &Stage<F>, person: &Subject) -> Verdict {
    if !stage.connector.capabilities().list_accounts {
        return Ok(());
    }
    let mut own = 0;
    let mut next = None;
    loop {
        let listed = stage.connector.list_accounts(next.as_ref()).await;
        let page = listed.map_err(|error| format!("list_accounts failed: {error:?}"))?;
        let accounts = page.accounts.iter();
        own += accounts
            .filter(|account| account.belongs_to(person))
            .count();
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    must(own == 1, format!("there are {own} accounts of one person"))
}

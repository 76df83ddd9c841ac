//! Nothing secret, and nobody's name, is told.

use std::fmt::Write;

use drawbridge_sdk::{CallError, Connector, Receipt, Subject};

use super::{
    Verdict, must,
    stage::{PERSON, STRANGER, Stage},
};
use crate::{fault::Fault, fixture::Fixture};

/// Faults whose answers or errors could quote what was sent.
const TELLING: [Fault; 8] = [
    Fault::ConnectionRefused,
    Fault::AnswerLost,
    Fault::CutMidAnswer,
    Fault::Status(500),
    Fault::Status(400),
    Fault::HtmlPage,
    Fault::Redirect,
    Fault::ErrorInsideSuccess,
];

/// Receipts and `Debug` of calls that work hold no secret, and requests in receipts name nobody.
///
/// # Errors
/// If one does.
pub async fn nothing_secret_is_told_when_all_is_well<F: Fixture>() -> Verdict {
    let stage = Stage::<F>::start().await;
    let subject = stage.fixture.add_account(PERSON).await;
    must(
        !stage.fixture.secrets().is_empty(),
        "the fixture names no secret, so nothing is proved",
    )?;
    let mut told = Told::default();

    told.call_everything(&stage, stage.connector.as_ref(), &subject)
        .await;
    told.call_everything(
        &stage,
        stage.connector.as_ref(),
        &stage.fixture.stranger(STRANGER),
    )
    .await;

    told.holds_nothing_secret(&stage, &subject)
}

/// Nor do errors.
///
/// # Errors
/// If one does.
pub async fn nothing_secret_is_told_when_things_go_wrong<F: Fixture>() -> Verdict {
    let stage = Stage::<F>::start().await;
    let subject = stage.fixture.add_account(PERSON).await;
    let mut told = Told::default();

    let wrong = stage.fixture.connector_with_wrong_credential();
    told.call_everything(&stage, wrong.as_ref(), &subject).await;
    for fault in TELLING {
        if stage.fixture.misbehave(fault).await {
            told.call_everything(&stage, stage.connector.as_ref(), &subject)
                .await;
            stage.fixture.behave().await;
        }
    }

    told.holds_nothing_secret(&stage, &subject)
}

/// What a connector told: everything, and the parts that may not name anybody either.
#[derive(Default)]
struct Told {
    everything: String,
    nameless: String,
}

impl Told {
    async fn call_everything<F: Fixture>(
        &mut self,
        stage: &Stage<F>,
        connector: &dyn Connector,
        subject: &Subject,
    ) {
        match connector.check().await {
            Ok(health) => self.hear(&health, &health.receipts),
            Err(error) => self.hear_error(&error),
        }
        match connector.open(&stage.open_call(subject)).await {
            Ok(outcome) => self.hear(&outcome, &outcome.receipts),
            Err(error) => self.hear_error(&error),
        }
        match connector.observe(&stage.ask(subject)).await {
            Ok(observed) => self.hear(&observed, &observed.receipts),
            Err(error) => self.hear_error(&error),
        }
        match connector.close(&stage.close_call(subject)).await {
            Ok(outcome) => {
                self.hear(&outcome, &outcome.receipts);
                outcome
                    .failure()
                    .into_iter()
                    .for_each(|error| self.hear_error(error));
            }
            Err(error) => self.hear_error(&error),
        }
        match connector.list_accounts(None).await {
            Ok(page) => self.hear(&page, &page.receipts),
            Err(error) => self.hear_error(&error),
        }
    }

    fn hear(&mut self, whole: &dyn std::fmt::Debug, receipts: &[Receipt]) {
        // Writing into a String cannot fail.
        let _ = writeln!(self.everything, "{whole:?} {receipts:?}");
        for receipt in receipts {
            let _ = writeln!(self.nameless, "{} {}", receipt.step, receipt.request);
        }
    }

    fn hear_error(&mut self, error: &CallError) {
        self.hear(error, &error.receipts);
        let _ = writeln!(self.nameless, "{error}");
    }

    fn holds_nothing_secret<F: Fixture>(&self, stage: &Stage<F>, subject: &Subject) -> Verdict {
        for secret in stage.fixture.secrets() {
            // The secret itself stays out of the test's output too.
            must(
                !self.everything.contains(&secret),
                "a secret of the fixture is in a receipt, an error or `Debug`",
            )?;
        }
        let names = subject.user_names.iter().chain(&subject.emails);
        for name in names {
            must(
                !self.nameless.to_lowercase().contains(&name.to_lowercase()),
                format!(
                    "`{name}` is in the request of a receipt or in an error's sentence:\n{}",
                    self.nameless
                ),
            )?;
        }
        Ok(())
    }
}

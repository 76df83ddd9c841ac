//! When the work ended: T0 of a case, as somebody of the practice says it.

use jiff::Timestamp;
use serde_json::json;

use super::{Caller, users::entry};
use crate::{
    clock,
    ids::CaseId,
    store::{Store, StoreError},
};

/// When the work ended, and who says so.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// T0: the end of the arrangement.
    pub at: Timestamp,
    /// When somebody of the practice confirmed it, if that is known: what came before is HR's part of the
    /// delay, what came after the identity provider's.
    pub confirmed: Option<Timestamp>,
    /// Who says so.
    pub by: &'a str,
    /// How they know.
    pub note: &'a str,
}

/// Whether it can have been so.
///
/// It never ends later than the bridge learned of it: since then the doors are being closed, and a later
/// end would make a delay look shorter than it was. Who ends later than they are shut out has a departure
/// that waits for its time.
fn check(said: &Ended<'_>, learned: Timestamp) -> Result<(), String> {
    if said.at > learned {
        return Err(format!(
            "the bridge learned of it at {} and closes doors since then: the work cannot have ended later; for a \
             departure that is still to come, schedule one",
            clock::to_text(learned)
        ));
    }
    match said.confirmed {
        Some(confirmed) if confirmed < said.at => {
            Err("nobody confirmed it before it was so: correct one of the two times".to_owned())
        }
        Some(confirmed) if confirmed > learned => Err(format!(
            "the bridge learned of it at {}: that cannot have been confirmed later",
            clock::to_text(learned)
        )),
        _ => Ok(()),
    }
}

/// Writes down when the work of a case ended. Said again, the ledger keeps what was said before. The inner
/// error says, for a person, why it cannot be so.
///
/// # Errors
/// When the archive cannot be written.
pub async fn say_ended(
    store: &Store,
    caller: &Caller,
    case: &CaseId,
    said: &Ended<'_>,
    now: Timestamp,
) -> Result<Result<(), String>, StoreError> {
    let mut tx = store.begin(&caller.practice, now).await?;
    let Some(kept) = tx.find_case(case).await? else {
        return Ok(Err("there is no such case".to_owned()));
    };
    if kept.case.kind != "leaver" {
        return Ok(Err("nobody left in this case".to_owned()));
    }
    if let Err(why) = check(said, kept.case.learned) {
        return Ok(Err(why));
    }
    tx.set_case_ended(case, said.at, said.confirmed);
    let detail = json!({
        "case": case,
        "ended": clock::to_text(said.at),
        "confirmed": said.confirmed.map(clock::to_text),
        "said_before": kept.ended.map(clock::to_text),
        "said_by": said.by,
        "note": said.note,
    });
    let person = Some(kept.case.person);
    let record = entry(&tx, caller, person, "case.ended_said", detail);
    tx.record(record);
    tx.commit().await?;
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-20T{text}:00Z").parse().unwrap()
    }

    fn said(ended: &str, confirmed: Option<&str>) -> Result<(), String> {
        let said = Ended {
            at: at(ended),
            confirmed: confirmed.map(at),
            by: "Dana Ruiz",
            note: "",
        };
        check(&said, at("17:02"))
    }

    #[test]
    fn the_work_ended_before_the_bridge_learned_of_it_and_was_confirmed_in_between() {
        assert_eq!(said("16:00", None), Ok(()));
        assert_eq!(said("17:02", Some("17:02")), Ok(()));
        assert_eq!(said("16:00", Some("16:30")), Ok(()));
        assert!(said("17:03", None).unwrap_err().contains("schedule one"));
        assert!(
            said("16:00", Some("15:59"))
                .unwrap_err()
                .contains("before it was so")
        );
        assert!(
            said("16:00", Some("17:03"))
                .unwrap_err()
                .contains("confirmed later")
        );
    }
}

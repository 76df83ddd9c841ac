//! What failed, by cause: fourteen refused passwords of one system are one trouble.

use std::collections::HashMap;

use drawbridge_sdk::FailureClass;
use jiff::Timestamp;

use crate::{
    door::Door,
    ids::{DoorId, PracticeName, SystemName},
    store::{
        Store, StoreError,
        inbox::{Cause, Sought},
    },
};

/// How many doors of each cause stand on the page of all causes.
pub const FIRST: u32 = 10;

/// How many stand on a page of one cause.
pub const PAGE: u32 = 50;

/// One cause, and the doors it keeps from being as they shall be.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// Which system.
    pub system: SystemName,
    /// What kind of failure.
    pub class: FailureClass,
    /// How many doors.
    pub count: i64,
    /// At how many of them something is called.
    pub called: i64,
    /// How many of them shall be shut: somebody who left may still get in there.
    pub closing: i64,
    /// By when the first of those must be.
    pub deadline: Option<Timestamp>,
    /// The first of its doors: those that shall be shut first, then by deadline.
    pub doors: Vec<Door>,
}

/// What failed: revocations first, then by deadline.
#[derive(Debug, Clone)]
pub struct Inbox {
    /// By cause.
    pub troubles: Vec<Trouble>,
    /// Who sees to the doors that are shown.
    pub assignees: HashMap<DoorId, String>,
    /// Until when somebody looks away from them.
    pub snoozed: HashMap<DoorId, Timestamp>,
}

/// What failed, as far as it is looked for. Of each cause the first doors; where only one cause is looked for,
/// a page of them after the first so many.
///
/// # Errors
/// When the archive does not answer.
pub async fn look(
    store: &Store,
    practice: &PracticeName,
    sought: &Sought,
    after: u32,
    now: Timestamp,
) -> Result<Inbox, StoreError> {
    let mut troubles = arrange(store.count_failures(practice, sought, now).await?);
    let is_one = sought.system.is_some() && sought.class.is_some();
    let page = if is_one { (after, PAGE) } else { (0, FIRST) };
    for trouble in &mut troubles {
        let these = Sought {
            system: Some(trouble.system.clone()),
            class: Some(trouble.class),
            ..sought.clone()
        };
        trouble.doors = store.list_failures(practice, &these, page, now).await?;
    }
    let doors: Vec<&Door> = troubles.iter().flat_map(|trouble| &trouble.doors).collect();
    Ok(Inbox {
        assignees: store.find_assignees(practice, &doors).await?,
        snoozed: store.find_snoozed(practice, &doors, now).await?,
        troubles,
    })
}

fn arrange(causes: Vec<Cause>) -> Vec<Trouble> {
    let mut troubles: Vec<Trouble> = Vec::new();
    for cause in causes {
        let at = troubles
            .iter()
            .position(|trouble| trouble.system == cause.system && trouble.class == cause.class);
        let at = at.unwrap_or_else(|| {
            troubles.push(Trouble {
                system: cause.system.clone(),
                class: cause.class,
                count: 0,
                called: 0,
                closing: 0,
                deadline: None,
                doors: Vec::new(),
            });
            troubles.len() - 1
        });
        let trouble = &mut troubles[at];
        trouble.count += cause.doors;
        trouble.called += cause.called;
        if cause.is_closing {
            trouble.closing += cause.doors;
            trouble.deadline = cause.deadline;
        }
    }
    troubles.sort_by_key(|trouble| {
        (
            trouble.closing == 0,
            trouble.deadline.is_none(),
            trouble.deadline,
            trouble.system.clone(),
            trouble.class.as_str(),
        )
    });
    troubles
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock;

    fn cause(system: &str, is_closing: bool, doors: i64, minutes: u64) -> Cause {
        let now = "2026-11-20T17:00:00Z".parse().unwrap();
        Cause {
            system: system.into(),
            class: FailureClass::Credential,
            is_closing,
            doors,
            called: doors,
            deadline: Some(clock::after(now, Duration::from_secs(60 * minutes))),
        }
    }

    #[test]
    fn what_keeps_a_leavers_door_open_comes_first_and_one_cause_is_one_trouble() {
        let causes = vec![
            cause("billing", false, 7, 5),
            cause("ehr", true, 2, 30),
            cause("vpn", true, 1, 20),
            cause("ehr", false, 1, 1),
        ];

        let troubles = arrange(causes);

        let order: Vec<&str> = troubles.iter().map(|each| each.system.as_str()).collect();
        assert_eq!(order, ["vpn", "ehr", "billing"]);
        assert_eq!((troubles[1].count, troubles[1].closing), (3, 2));
        assert_eq!(troubles[1].deadline, cause("ehr", true, 2, 30).deadline);
        assert_eq!((troubles[2].closing, troubles[2].deadline), (0, None));
    }
}

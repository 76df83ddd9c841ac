//! What failed, by cause: fourteen refused passwords of one system are one trouble.

use drawbridge_sdk::FailureClass;
use jiff::Timestamp;

use crate::{door::Door, ids::SystemName};

/// One cause, and the doors it keeps from being as they shall be.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// Which system.
    pub system: SystemName,
    /// What kind of failure.
    pub class: FailureClass,
    /// Its doors: those that shall be shut first, then by deadline.
    pub doors: Vec<Door>,
}

impl Trouble {
    /// Whether somebody who left may still get in by it.
    pub fn keeps_a_door_open(&self) -> bool {
        self.doors.iter().any(|door| door.wanted.is_closed())
    }

    /// By when the first of its doors must be shut.
    pub fn deadline(&self) -> Option<Timestamp> {
        let closing = self.doors.iter().filter(|door| door.wanted.is_closed());
        closing.filter_map(|door| door.deadline).min()
    }
}

/// What failed: revocations first, then by deadline. Doors that the brake holds are none of it.
pub fn troubles(failing: Vec<Door>, now: Timestamp) -> Vec<Trouble> {
    let mut troubles: Vec<Trouble> = Vec::new();
    for door in failing.into_iter().filter(|door| !door.is_held_back(now)) {
        let Some(class) = door.failure.as_ref().map(|failure| failure.class) else {
            continue;
        };
        let same = troubles
            .iter_mut()
            .find(|trouble| trouble.system == door.system && trouble.class == class);
        match same {
            Some(trouble) => trouble.doors.push(door),
            None => troubles.push(Trouble {
                system: door.system.clone(),
                class,
                doors: vec![door],
            }),
        }
    }
    for trouble in &mut troubles {
        trouble.doors.sort_by_key(|door| {
            (
                !door.wanted.is_closed(),
                door.deadline.is_none(),
                door.deadline,
                door.person.clone(),
            )
        });
    }
    troubles.sort_by_key(|trouble| {
        let deadline = trouble.deadline();
        (
            !trouble.keeps_a_door_open(),
            deadline.is_none(),
            deadline,
            trouble.system.clone(),
        )
    });
    troubles
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use drawbridge_sdk::Way;

    use super::*;
    use crate::{
        clock,
        door::{Failure, Opening, Wanted},
    };

    fn now() -> Timestamp {
        "2026-11-20T17:00:00Z".parse().unwrap()
    }

    fn failed(person: &str, system: &str, wanted: Wanted, minutes: u64) -> Door {
        let mut door = Door::new(
            "elm".into(),
            format!("{person}-{system}").into(),
            person.into(),
            (system.into(), Way::Account),
            now(),
        );
        let deadline = clock::after(now(), Duration::from_secs(60 * minutes));
        door.wish(wanted, String::new(), Some(deadline), now());
        door.tries = 1;
        door.failure = Some(Failure {
            class: FailureClass::Credential,
            text: "the system refused the bridge's password".to_owned(),
        });
        door
    }

    #[test]
    fn what_keeps_a_leavers_door_open_comes_first_and_one_cause_is_one_trouble() {
        let open = || Wanted::Open(Opening::default());
        let doors = vec![
            failed("new", "billing", open(), 5),
            failed("a", "ehr", Wanted::Closed, 40),
            failed("b", "vpn", Wanted::Closed, 20),
            failed("c", "ehr", Wanted::Closed, 30),
            failed("d", "ehr", open(), 1),
        ];

        let troubles = troubles(doors, now());

        let order: Vec<&str> = troubles.iter().map(|each| each.system.as_str()).collect();
        assert_eq!(order, ["vpn", "ehr", "billing"]);
        let people: Vec<&str> = troubles[1]
            .doors
            .iter()
            .map(|door| door.person.as_str())
            .collect();
        assert_eq!(people, ["c", "a", "d"]);
    }
}

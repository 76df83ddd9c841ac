//! The whole promise on real systems: an identity provider locks somebody, and every way in closes.
//!
//! Canaille pushes to the real `drawbridge` program, which closes Samba, Dovecot, FreeRADIUS, GNU Health
//! and scim2-server. Logins are tried with each system's own clients, never through the bridge.

mod logins;
pub mod practice;

use std::time::Duration;

use jiff::Timestamp;

use practice::{LEAVER, Practice};
use serde_json::Value;
use tokio::time::Instant;

/// Systems that one could log in to before.
const WITH_LOGIN: [&str; 4] = ["directory", "mail", "vpn", "ehr"];

/// The system whose process is stopped while the departure runs.
const UNPLUGGED: &str = "ehr";

#[tokio::test(flavor = "multi_thread")]
async fn canaille_locks_a_user_and_every_real_door_closes_even_while_one_system_is_down() {
    let practice = Practice::start().await;
    practice.hire(LEAVER);
    practice.wait_until(Duration::from_secs(60), "her doors are open", |doors| {
        doors.len() == 5
            && doors
                .iter()
                .all(|door| door["green"] == true && door["wanted"] == "open")
    });
    for system in WITH_LOGIN {
        assert!(
            practice.can_log_in(system).await,
            "{system}: the login works before"
        );
    }
    assert!(
        practice.record_is_active().await,
        "saas: the record is active before"
    );

    practice.unplug(UNPLUGGED);
    practice.lock(LEAVER);

    let doors = practice.wait_until(
        Duration::from_secs(30),
        "all doors but the unplugged one are shut",
        |doors| {
            doors
                .iter()
                .filter(|door| door["system"] != UNPLUGGED)
                .all(is_shut)
        },
    );
    println!(
        "shut in {} systems {:.1} s after the identity provider's push was answered",
        doors.len() - 1,
        took(&doors)
    );
    let unplugged = door_of(&doors, UNPLUGGED);
    assert_eq!(unplugged["green"], false);
    assert_eq!(unplugged["failure"], "retryable");
    assert!(
        unplugged["failure_text"]
            .as_str()
            .is_some_and(|text| text.contains("cannot reach")),
        "{unplugged}"
    );

    practice.plug_in(UNPLUGGED);
    let returned = Instant::now();
    let doors = practice.wait_until(
        Duration::from_secs(60),
        "the last door closes once its system is back",
        |doors| doors.iter().all(is_shut),
    );
    println!(
        "the unplugged system's door closed {:.1} s after its return",
        returned.elapsed().as_secs_f64()
    );

    for system in WITH_LOGIN {
        assert!(
            !practice.can_log_in(system).await,
            "{system}: the login is refused"
        );
    }
    assert!(
        !practice.record_is_active().await,
        "saas: the record is not active"
    );
    for door in &doors {
        let is_verified = door["assurance"] == "verified" && door["green"] == true;
        let is_amber = door["green"] == false
            && door["residual"]
                .as_str()
                .is_some_and(|named| !named.is_empty());
        assert!(is_verified || is_amber, "{door}");
    }

    let evidence = practice.export(LEAVER);
    assert!(practice.verifies(&evidence).is_ok());
    for position in [evidence.len() / 5, evidence.len() / 2, evidence.len() - 10] {
        let mut changed = evidence.clone().into_bytes();
        changed[position] = if changed[position] == b'0' {
            b'1'
        } else {
            b'0'
        };
        let changed = String::from_utf8_lossy(&changed).into_owned();
        assert!(
            practice.verifies(&changed).is_err(),
            "byte {position} was changed"
        );
    }
}

/// Read back as shut: proved, or amber with what is left named. Her mail goes to the supervisor
/// meanwhile, which is a door of its own.
fn is_shut(door: &Value) -> bool {
    if door["way"] == "forwarding" {
        return door["wanted"] == "open" && door["green"] == true;
    }
    let seen = door["seen"] == "closed" || door["seen"] == "absent";
    seen && door["wanted"] == "closed" && (door["green"] == true || door["residual"].is_string())
}

/// From the accepted change to the last reading among the doors that did not wait for a system.
fn took(doors: &[Value]) -> f64 {
    let time = |door: &Value, key: &str| {
        door[key]
            .as_str()
            .and_then(|text| text.parse::<Timestamp>().ok())
    };
    let closing = doors.iter().filter(|door| door["system"] != UNPLUGGED);
    let ends = closing
        .clone()
        .filter_map(|door| time(door, "seen_at"))
        .max();
    let begins = closing.filter_map(|door| time(door, "wanted_at")).min();
    ends.zip(begins).map_or(f64::NAN, |(ends, begins)| {
        ends.duration_since(begins).as_secs_f64()
    })
}

fn door_of<'a>(doors: &'a [Value], system: &str) -> &'a Value {
    doors
        .iter()
        .find(|door| door["system"] == system)
        .expect("a door into this system")
}

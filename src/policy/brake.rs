//! The brake: when so many people lose their doors that somebody should look first.

use std::time::Duration;

use super::{Situation, SystemFacts, Wanted, Wish};

/// Within what time people are counted together.
pub const WINDOW: Duration = Duration::from_secs(15 * 60);

/// How long the rest of a wave waits in plain sight before it goes on by itself.
pub const WAIT: Duration = Duration::from_secs(10 * 60);

/// When a wave is held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Brake {
    /// More people than this within the window.
    pub people: u32,
    /// And more than this share of the active ones.
    pub share: f64,
}

/// People who lose a door into a system with ePHI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wave {
    /// How many within the window, this one among them.
    pub lately: i64,
    /// How many are active still.
    pub active: i64,
}

impl Brake {
    /// Whether the newest of the wave is held.
    pub fn holds(&self, wave: Wave) -> bool {
        let everybody = wave.active.saturating_add(wave.lately);
        let of_all = everybody as f64 * self.share;
        wave.lately > i64::from(self.people) && wave.lately as f64 > of_all
    }
}

/// Whether these wishes take a door into a system with ePHI from the person, whatever the cause.
pub fn loses_ephi(situation: &Situation, wishes: &[Wish], systems: &[SystemFacts]) -> bool {
    let holds_ephi = |wish: &Wish| {
        let system = systems.iter().find(|system| system.name == wish.system);
        system.is_some_and(|system| system.holds_ephi)
    };
    let is_open = |wish: &Wish| {
        let mut doors = situation.open_doors.iter();
        doors.any(|door| (&door.system, door.way) == (&wish.system, wish.way))
    };
    let mut closes = wishes.iter().filter(|wish| wish.wanted == Wanted::Closed);
    closes.any(|wish| holds_ephi(wish) && is_open(wish))
}

#[cfg(test)]
mod tests {
    use drawbridge_sdk::Way;

    use super::*;
    use crate::{
        people::Change,
        policy::{
            Category,
            access::testing::system,
            plan,
            plan::testing::{open_door, situation},
        },
    };

    #[test]
    fn a_wave_is_held_above_the_number_and_the_share_whichever_is_larger() {
        let brake = Brake {
            people: 5,
            share: 0.2,
        };
        for (lately, active, is_held) in [
            (5, 3, false),
            (6, 3, true),
            (6, 24, false),
            (6, 23, true),
            (20, 80, false),
            (21, 79, true),
        ] {
            let wave = Wave { lately, active };
            assert_eq!(brake.holds(wave), is_held, "{wave:?}");
        }
    }

    #[test]
    fn only_an_open_door_into_a_system_with_ephi_is_lost() {
        let facts = |name: &str, category, holds_ephi| SystemFacts {
            holds_ephi,
            ..system(name, category)
        };
        let systems = [
            facts("ehr", Category::Ehr, true),
            facts("vpn", Category::Vpn, false),
        ];
        let loses = |doors: &[&str]| {
            let mut leaver = situation(Change::Departed);
            leaver.open_doors = doors
                .iter()
                .map(|name| open_door(name, Way::Account))
                .collect();
            let plan = plan(&leaver, &systems);
            loses_ephi(&leaver, &plan.wishes, &systems)
        };

        assert!(loses(&["ehr", "vpn"]));
        assert!(!loses(&["vpn"]));
        assert!(!loses(&[]), "what was never open is closed, and not lost");
    }
}

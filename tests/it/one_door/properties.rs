//! What must hold in every world.

use drawbridge::door::{Action, Assurance, Door};

use super::world::{Person, Request, World};

pub(super) const A_WISH_WAS_LOST: &str = "a wish was lost";
pub(super) const FORGOTTEN: &str = "a door that is not green is looked at no more";
pub(super) const OPEN_AND_GREEN: &str = "green, and the leaver can get in";
pub(super) const MAY_OPEN_AND_GREEN: &str = "green, and an open may still land";
pub(super) const SHUT_AND_GREEN: &str = "green, and whoever came back is locked out";
pub(super) const MAY_SHUT_AND_GREEN: &str = "green, and an older call may still land";
pub(super) const LET_IN: &str = "whoever left was let in again without anybody's word";

impl World {
    /// What is wrong with this world.
    pub(super) fn wrong(&self) -> Option<&'static str> {
        if self.has_let_a_leaver_in {
            return Some(LET_IN);
        }
        let each = |person| self.wrong_with(person);
        self.people.iter().find_map(each)
    }

    fn wrong_with(&self, person: &Person) -> Option<&'static str> {
        let door = &person.door;
        if door.generation != person.wishes {
            return Some(A_WISH_WAS_LOST);
        }
        if !is_green(door) {
            let is_forgotten = person.wishes > 0 && door.next_try.is_none();
            return is_forgotten.then_some(FORGOTTEN);
        }
        let may_land =
            |request: &&Request| !request.has_landed && request.may_land_until >= self.now;
        // Whoever's door it was sent for: there is only one person in this story.
        let mut coming = self.air.iter().filter(may_land);
        if door.wanted.is_closed() {
            if self.lets_in() {
                return Some(OPEN_AND_GREEN);
            }
            let opens = |request: &Request| request.action == Action::Open;
            return coming.any(opens).then_some(MAY_OPEN_AND_GREEN);
        }
        if !self.lets_in() {
            return Some(SHUT_AND_GREEN);
        }
        let undoes = |request: &Request| {
            request.action == Action::Close || request.generation < door.generation
        };
        coming.any(undoes).then_some(MAY_SHUT_AND_GREEN)
    }
}

/// As [`Door::is_green`], at a time when no reading is missed.
fn is_green(door: &Door) -> bool {
    match door.assurance {
        Assurance::Verified => true,
        Assurance::Attested => door.failure.is_none(),
        _ => false,
    }
}

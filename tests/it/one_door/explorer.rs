//! Goes through every world that can follow from a first one.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    fmt,
};

use drawbridge::door::Assurance;

use super::world::{Rules, World};

/// What was found.
pub(super) struct Found {
    pub(super) worlds: usize,
    /// What is wrong somewhere, and the shortest way there.
    pub(super) wrong: Option<(&'static str, Vec<String>)>,
    /// Whether some way leads to a door that is green for the last wish.
    pub(super) can_end_well: bool,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.wrong {
            Some((wrong, way)) => write!(f, "{wrong}: {}", way.join(" > ")),
            None => write!(f, "{} worlds, and nothing wrong in any", self.worlds),
        }
    }
}

/// Goes through every world, the nearest first, until something is wrong.
pub(super) fn explore(first: World, rules: Rules) -> Found {
    let mut seen = HashMap::from([(first.key(), 0_usize)]);
    let mut ways: Vec<(usize, String)> = vec![(0, String::new())];
    let mut queue = VecDeque::from([(0_usize, first)]);
    let mut can_end_well = false;
    while let Some((number, world)) = queue.pop_front() {
        if let Some(wrong) = world.wrong() {
            return Found {
                worlds: seen.len(),
                wrong: Some((wrong, way_to(number, &ways))),
                can_end_well,
            };
        }
        let is_proved =
            |person: &super::world::Person| person.door.assurance == Assurance::Verified;
        can_end_well |= world.story.is_empty() && world.people.iter().all(is_proved);
        for (what, next) in world.next(rules) {
            let new = ways.len();
            if let Entry::Vacant(entry) = seen.entry(next.key()) {
                entry.insert(new);
                ways.push((number, what));
                queue.push_back((new, next));
            }
        }
    }
    Found {
        worlds: seen.len(),
        wrong: None,
        can_end_well,
    }
}

fn way_to(mut world: usize, ways: &[(usize, String)]) -> Vec<String> {
    let mut way = Vec::new();
    while world != 0 {
        let (before, what) = &ways[world];
        way.push(what.clone());
        world = *before;
    }
    way.reverse();
    way
}

/// Goes one way, and answers the world at its end; a step that cannot be taken is the error.
pub(super) fn walk(first: World, rules: Rules, way: &[&str]) -> Result<World, String> {
    way.iter().try_fold(first, |world, step| {
        let mut moves = world.next(rules);
        let offered: Vec<String> = moves.iter().map(|(what, _)| what.clone()).collect();
        let taken = offered.iter().position(|what| what == step);
        taken
            .map(|taken| moves.swap_remove(taken).1)
            .ok_or_else(|| format!("`{step}` is none of {offered:?}"))
    })
}

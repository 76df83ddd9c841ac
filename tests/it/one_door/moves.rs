//! What can happen next: the source, what is in the air, time, and whoever signs.

use drawbridge::door::{Action, Opening, Wanted};
use jiff::Timestamp;

use super::world::{Person, Request, Rules, Time, Worker, World, at};

impl World {
    /// All that can happen next.
    pub(super) fn next(&self, rules: Rules) -> Vec<(String, Self)> {
        let mut moves = Vec::new();
        self.event(rules, &mut moves);
        self.air_moves(&mut moves);
        self.wait(&mut moves);
        for whose in 0..self.people.len() {
            self.sign(whose, rules, &mut moves);
            self.lose_the_lease(whose, &mut moves);
        }
        for own in 0..self.workers.len() {
            self.work(own, rules, &mut moves);
        }
        moves
    }

    /// The source, or whoever approves, says what the story says next.
    fn event(&self, rules: Rules, moves: &mut Vec<(String, Self)>) {
        let Some(event) = self.story.chars().next() else {
            return;
        };
        let mut next = self.clone();
        next.story = &self.story[1..];
        let id = usize::from(matches!(event, 'N' | 'd'));
        if event == 'N' && !rules.ids_join_their_person {
            let stranger = Person::new([false, true], [false, false], self.now);
            next.people.push(stranger);
        }
        let whose = if id == 1 { next.people.len() - 1 } else { 0 };
        let person = &mut next.people[whose];
        let wanted = match event {
            'E' | 'N' => {
                person.is_active[id] = true;
                person.names[id] = true;
                let is_held = person.left_with.is_some() && rules.departures_stick;
                (!is_held).then(|| Wanted::Open(Opening::default()))
            }
            'A' => {
                let may_return = person.left_with.is_some() && person.is_active.contains(&true);
                may_return.then(|| {
                    person.left_with = None;
                    Wanted::Open(Opening::default())
                })
            }
            _ => {
                person.is_active[id] = false;
                // Who is out already is not closed out a second time.
                let is_out = person.left_with.is_some() && person.door.wanted.is_closed();
                (!is_out).then(|| {
                    person.left_with = Some(person.door.generation + 1);
                    Wanted::Closed
                })
            }
        };
        let Some(wanted) = wanted else {
            moves.push((format!("{event} changes nothing"), next));
            return;
        };
        person.wishes += 1;
        let is_closed = wanted.is_closed();
        person.door.wish(wanted, String::new(), None, at(self.now));
        person.lease = None;
        let what = format!("wish {event}{}", person.wishes);
        if is_closed {
            next.take(whose, &what, rules, moves);
        }
        moves.push((what, next));
    }

    /// A close may be taken in the transaction of its wish, by whoever is free.
    fn take(&self, whose: usize, what: &str, rules: Rules, moves: &mut Vec<(String, Self)>) {
        for own in 0..self.workers.len() {
            if matches!(self.workers[own], Worker::Idle) && self.left.claims > 0 {
                let mut next = self.clone();
                next.claim(own, whose, rules);
                moves.push((format!("{what}, taken by worker {own}"), next));
            }
        }
    }

    fn air_moves(&self, moves: &mut Vec<(String, Self)>) {
        for (index, request) in self.air.iter().enumerate() {
            if request.has_landed || request.may_land_until < self.now {
                continue;
            }
            let what = format!("{} {}", request.action.as_str(), request.call);
            let mut next = self.clone();
            next.air[index].has_landed = true;
            next.land(request);
            next.forget_what_nobody_waits_for();
            moves.push((format!("{what} lands"), next));
            let mut next = self.clone();
            next.air.remove(index);
            moves.push((format!("{what} is lost"), next));
        }
    }

    /// A request takes effect: on every account it knows a name of, and an open makes one if there is none.
    fn land(&mut self, request: &Request) {
        let knows = |name: &usize| request.names[*name] && self.accounts[*name].is_some();
        let known: Vec<usize> = (0..2).filter(knows).collect();
        match request.action {
            Action::Close => known
                .into_iter()
                .for_each(|name| self.accounts[name] = Some(false)),
            Action::Open => {
                let newest = usize::from(request.names[1]);
                let name = known.first().copied().unwrap_or(newest);
                self.accounts[name] = Some(true);
                let left_with = self.people[request.whose].left_with;
                self.has_let_a_leaver_in |= left_with.is_some_and(|left| request.generation > left);
            }
        }
    }

    fn wait(&self, moves: &mut Vec<(String, Self)>) {
        let latest = self.air.iter().map(|request| request.may_land_until).max();
        if let Some(latest) = latest.filter(|latest| *latest >= self.now)
            && self.left.long_waits > 0
        {
            let mut next = self.clone();
            next.left.long_waits -= 1;
            next.now = latest + 1;
            next.forget_what_nobody_waits_for();
            moves.push(("a long time passes".to_owned(), next));
        }
    }

    /// Somebody looks, sees it as it shall be, and signs.
    fn sign(&self, whose: usize, rules: Rules, moves: &mut Vec<(String, Self)>) {
        let wanted_closed = self.people[whose].door.wanted.is_closed();
        if self.left.signatures == 0 || self.lets_in() == wanted_closed {
            return;
        }
        let mut next = self.clone();
        next.left.signatures -= 1;
        let until = self.opposite_may_land_until(whose, self.now, rules.signing_waits);
        let person = &mut next.people[whose];
        let generation = person.door.generation;
        if person.door.attest(generation, until, at(self.now)).is_ok() {
            person.lease = None;
            moves.push(("somebody signs".to_owned(), next));
        }
    }

    fn lose_the_lease(&self, whose: usize, moves: &mut Vec<(String, Self)>) {
        if self.people[whose].lease.is_some() && self.left.stolen_leases > 0 {
            let mut next = self.clone();
            next.people[whose].lease = None;
            next.left.stolen_leases -= 1;
            moves.push(("the lease runs out".to_owned(), next));
        }
    }

    /// As `store::attempts::find_may_land_until`.
    pub(super) fn opposite_may_land_until(
        &self,
        whose: usize,
        began: Time,
        holds: bool,
    ) -> Option<Timestamp> {
        let door = &self.people[whose].door;
        let opposite = Action::towards(&door.wanted).opposite();
        let until = self
            .attempts
            .iter()
            .filter(|attempt| attempt.whose == whose)
            .filter(|attempt| !attempt.resolved || attempt.finished >= Some(began))
            .filter(|attempt| {
                attempt.action == opposite
                    || (attempt.action == Action::Open && attempt.generation < door.generation)
            })
            .filter_map(|attempt| match attempt.resolved {
                false => Some(attempt.may_land_until),
                true => attempt.finished,
            })
            .max();
        until.filter(|_| holds).map(at)
    }

    /// Takes away what can change nothing any more.
    pub(super) fn forget_what_nobody_waits_for(&mut self) {
        let (now, workers) = (self.now, &self.workers);
        let is_waited_for = |call: usize| {
            workers
                .iter()
                .any(|worker| matches!(worker, Worker::Sent(_, own) if own.number == call))
        };
        self.air.retain(|request| match request.has_landed {
            true => is_waited_for(request.call),
            false => request.may_land_until >= now,
        });
    }
}

//! What may happen next, as far as whoever watches from outside can tell: the reference machine.

use proptest::{
    prelude::*,
    sample::select,
    strategy::{BoxedStrategy, Just, Union},
};
use proptest_state_machine::ReferenceStateMachine;

use super::vendor::Manner;

/// Who works here.
pub const PEOPLE: [&str; 2] = ["nina", "omar"];
/// What they get into.
pub const SYSTEMS: [&str; 2] = ["ehr", "mail"];

/// Of whom, in which system, by which bridge: places in lists of two.
pub type Whose = usize;
pub type Where = usize;
pub type Bridge = usize;
/// Which of a person's two ids at the source.
pub type Id = usize;

/// What happens next.
#[derive(Debug, Clone)]
pub enum Move {
    /// The source creates a User, who is active.
    Create(Bridge, Whose, Id),
    Disable(Bridge, Whose, Id),
    Enable(Bridge, Whose, Id),
    Delete(Bridge, Whose, Id),
    /// Somebody lets a person in again, or keeps them out.
    Approve(Whose),
    Refuse(Whose),
    /// Somebody looks into a system and signs for what they see.
    Sign(Whose, Where),
    /// Somebody has what is not green tried again.
    TryAgain(Whose),
    /// A bridge looks for what is due.
    Look(Bridge),
    /// A system takes what is sent to it in another manner from now on.
    Behave(Where, Manner),
    /// It takes the next request so.
    Once(Where, Manner),
    /// A request that is on its way takes effect; it is answered; its connection breaks; it is lost.
    Land(Where, usize),
    Answer(Where, usize),
    Break(Where, usize),
    Lose(Where, usize),
    /// The next reading looks and is answered only when told to.
    HoldReading(Where),
    Show(Where),
    /// Somebody at the system lets a person in by hand, or makes them a second account.
    LetInByHand(Whose, Where),
    MakeByHand(Whose, Where),
    /// Time passes.
    Wait(Wait),
    /// The leases of everybody run out, whether they live or not.
    LeasesEnd,
    /// A bridge is killed, and another one begins over the same database.
    Crash(Bridge),
}

/// How long.
#[derive(Debug, Clone, Copy)]
pub enum Wait {
    /// A moment.
    Seconds(u64),
    /// Until something is due.
    UntilDue,
    /// Until nothing that was sent can land any more.
    Settle,
    /// Until no departure holds any more.
    Hold,
}

/// A User at the source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct User {
    pub exists: bool,
    pub is_active: bool,
}

/// What the source knows of somebody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Employee {
    pub ids: [User; 2],
    /// Whether they left and nothing can have let them in again since.
    pub is_surely_out: bool,
}

/// The source.
#[derive(Debug, Clone, Default)]
pub struct Source {
    pub people: [Employee; 2],
}

#[derive(Debug)]
pub struct Reference;

impl ReferenceStateMachine for Reference {
    type State = Source;
    type Transition = Move;

    fn init_state() -> BoxedStrategy<Source> {
        Just(Source::default()).boxed()
    }

    fn transitions(source: &Source) -> BoxedStrategy<Move> {
        let mut moves: Vec<(u32, BoxedStrategy<Move>)> = Vec::new();
        let changes: Vec<Move> = (0..2).flat_map(|whose| changes_of(source, whose)).collect();
        moves.push((14, select(changes).boxed()));
        moves.extend([
            (4, whose().prop_map(Move::Approve).boxed()),
            (1, whose().prop_map(Move::Refuse).boxed()),
            (3, both(Move::Sign)),
            (1, whose().prop_map(Move::TryAgain).boxed()),
            (5, one().prop_map(Move::Look).boxed()),
            (5, behaves(Move::Behave, &Manner::LASTING)),
            (8, behaves(Move::Once, &Manner::ONCE)),
            (4, in_the_air(Move::Land)),
            (4, in_the_air(Move::Answer)),
            (2, in_the_air(Move::Break)),
            (1, in_the_air(Move::Lose)),
            (2, one().prop_map(Move::HoldReading).boxed()),
            (2, one().prop_map(Move::Show).boxed()),
            (1, both(Move::LetInByHand)),
            (1, both(Move::MakeByHand)),
            (8, waits().prop_map(Move::Wait).boxed()),
            (2, Just(Move::LeasesEnd).boxed()),
            (2, one().prop_map(Move::Crash).boxed()),
        ]);
        Union::new_weighted(moves).boxed()
    }

    fn preconditions(source: &Source, next: &Move) -> bool {
        match next {
            Move::Create(_, whose, _)
            | Move::Enable(_, whose, _)
            | Move::Disable(_, whose, _)
            | Move::Delete(_, whose, _) => changes_of(source, *whose)
                .iter()
                .any(|possible| is_the_same_change(possible, next)),
            _ => true,
        }
    }

    fn apply(mut source: Source, taken: &Move) -> Source {
        match *taken {
            Move::Create(_, whose, id) | Move::Enable(_, whose, id) => {
                source.people[whose].ids[id] = User {
                    exists: true,
                    is_active: true,
                };
            }
            Move::Disable(_, whose, id) => source.people[whose].leaves_by(id, true),
            Move::Delete(_, whose, id) => source.people[whose].leaves_by(id, false),
            Move::Approve(whose) => source.people[whose].is_surely_out = false,
            Move::Wait(Wait::Hold) => {
                for person in &mut source.people {
                    person.is_surely_out = false;
                }
            }
            _ => {}
        }
        source
    }
}

impl Employee {
    fn leaves_by(&mut self, id: Id, exists: bool) {
        self.is_surely_out |= self.ids[id].is_active;
        self.ids[id] = User {
            exists,
            is_active: false,
        };
    }
}

/// What the source may change about somebody. A second id while the first one works would be somebody
/// else's.
fn changes_of(source: &Source, whose: Whose) -> Vec<Move> {
    let person = &source.people[whose];
    let mut changes = Vec::new();
    for id in 0..2 {
        for via in 0..2 {
            let (own, other) = (person.ids[id], person.ids[1 - id]);
            if own.exists {
                changes.push(Move::Disable(via, whose, id));
                changes.push(Move::Enable(via, whose, id));
                changes.push(Move::Delete(via, whose, id));
            } else if !other.is_active || person.is_surely_out {
                changes.push(Move::Create(via, whose, id));
            }
        }
    }
    changes
}

fn is_the_same_change(one: &Move, other: &Move) -> bool {
    match (one, other) {
        (Move::Create(_, a, b), Move::Create(_, c, d))
        | (Move::Enable(_, a, b), Move::Enable(_, c, d))
        | (Move::Disable(_, a, b), Move::Disable(_, c, d))
        | (Move::Delete(_, a, b), Move::Delete(_, c, d)) => (a, b) == (c, d),
        _ => false,
    }
}

fn one() -> impl Strategy<Value = usize> {
    0..2_usize
}

/// Most often the first one, so that much happens to somebody.
fn whose() -> impl Strategy<Value = Whose> {
    select(vec![0, 0, 1])
}

fn both(of: fn(Whose, Where) -> Move) -> BoxedStrategy<Move> {
    (whose(), one())
        .prop_map(move |(whose, at)| of(whose, at))
        .boxed()
}

fn behaves(of: fn(Where, Manner) -> Move, manners: &[Manner]) -> BoxedStrategy<Move> {
    (one(), select(manners.to_vec()))
        .prop_map(move |(at, how)| of(at, how))
        .boxed()
}

fn in_the_air(of: fn(Where, usize) -> Move) -> BoxedStrategy<Move> {
    (one(), 0..4_usize)
        .prop_map(move |(at, nth)| of(at, nth))
        .boxed()
}

fn waits() -> BoxedStrategy<Wait> {
    prop_oneof![
        2 => (1..90_u64).prop_map(Wait::Seconds),
        4 => Just(Wait::UntilDue),
        2 => Just(Wait::Settle),
        1 => Just(Wait::Hold),
    ]
    .boxed()
}

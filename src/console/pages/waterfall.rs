//! Where the time of a departure went, as a bar and in words.

use super::super::{admit::Visit, time::apart};
use crate::{
    cases::waterfall::{Part, Waterfall},
    clock,
};

/// The whole width of the bar.
const WIDTH: f64 = 1_000.0;

/// A bar that is cut into parts, and the same in words.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) pieces: Vec<Piece>,
    /// Where the practice's own limit is, if the bar is that long.
    pub(super) limit_at: Option<u32>,
    /// All of it, in a sentence.
    pub(super) says: String,
    pub(super) is_late: bool,
}

/// One part.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) kind: &'static str,
    pub(super) label: &'static str,
    pub(super) took: String,
    pub(super) from: u32,
    pub(super) width: u32,
}

const fn words(part: Part) -> (&'static str, &'static str) {
    match part {
        Part::Hr => ("hr", "HR: nobody had said it yet"),
        Part::HrOrProvider => (
            "hr",
            "HR or the identity provider: nobody said when it was confirmed",
        ),
        Part::Provider => (
            "provider",
            "the identity provider: until it told the bridge",
        ),
        Part::Queue => ("queue", "the bridge: until the first request was sent"),
        Part::Vendor => ("vendor", "the system: until it was as it shall be"),
        Part::Human => ("human", "a person: to do it by hand, or to mend the cause"),
    }
}

/// The bar of a departure; `None` while nothing is known of it.
pub(super) fn bar(waterfall: &Waterfall, visit: &Visit) -> Option<Bar> {
    let begin = waterfall.stretches.first()?.from;
    let end = waterfall.stretches.last()?.to;
    let whole = clock::between(begin, end).as_secs_f64().max(1.0);
    let place = |at| (clock::between(begin, at).as_secs_f64() / whole * WIDTH).round() as u32;
    let pieces = waterfall.stretches.iter().map(|stretch| {
        let (kind, label) = words(stretch.part);
        let from = place(stretch.from);
        Piece {
            kind,
            label,
            took: apart(stretch.from, stretch.to),
            from,
            // A part of seconds in a bar of hours is seen all the same.
            width: place(stretch.to).saturating_sub(from).max(4),
        }
    });
    let limit = visit.practice().close_within;
    let limit_at = clock::after(begin, limit);
    let is_late = limit_at < end;
    let slowest = waterfall
        .slowest
        .as_ref()
        .map(|system| visit.practice().title_of(system));
    let took = apart(begin, end);
    let limit = apart(begin, limit_at);
    let says = match (waterfall.is_over, slowest) {
        (true, Some(slowest)) => format!(
            "It took {took} until the last door, into {slowest}, was proved shut. The practice's own limit is {limit}."
        ),
        (_, Some(slowest)) => format!(
            "{took} so far; {slowest} takes the longest. The practice's own limit is {limit}."
        ),
        (_, None) => format!("{took} so far. The practice's own limit is {limit}."),
    };
    Some(Bar {
        pieces: pieces.collect(),
        limit_at: is_late.then(|| place(limit_at)),
        says,
        is_late,
    })
}

//! THE ROUNDS: claim, call, read back, try again, sweep.
//!
//! - [`systems`]: the systems of every practice, each with its connector, limits and breaker
//! - [`dispatch`]: who works on what, and when
//! - `work`: one door: the call, the reading, and the order in which both are written down
//! - `send`: what goes to a system, and what it says
//! - `answer`: what an answer means, for the attempt it ends and for the door
//! - `record`: writes down what came of a call and of a reading
//! - [`lookout`]: all that the office may see and ask of the systems
//! - `outage`, `late`: closes while the database cannot be written, and how they come into it later
//! - [`retry`]: the pace of the schedule
//! - [`breaker`]: how an unreachable system is paced
//! - `certificates`: when the certificates of systems end, as they were shown last
//! - `bell`: what bridges over one database tell each other

mod answer;
mod bell;
pub mod breaker;
mod call;
mod certificates;
pub mod dispatch;
mod late;
pub mod lookout;
mod notes;
mod outage;
mod record;
pub mod retry;
mod send;
pub mod systems;
mod work;

pub use dispatch::Rounds;
pub use systems::{System, Systems};

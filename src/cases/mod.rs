//! THE CLOCK: cases, how much time each has left, and what failed.
//!
//! - [`light`]: what a door looks like to somebody in a hurry (pure)
//! - [`board`]: who can still get in, the most urgent first
//! - [`inbox`]: what failed, by cause
//! - [`period`]: whether the evidence of a time is whole, and what is missing (pure)

pub mod board;
pub mod inbox;
pub mod light;
pub mod period;

pub use board::{Board, Departure};
pub use inbox::Trouble;
pub use light::Light;

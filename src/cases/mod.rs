//! THE CLOCK: cases, how much time each has left, and what failed.
//!
//! - [`light`]: what a door looks like to somebody in a hurry (pure)
//! - [`board`]: who can still get in, the most urgent first
//! - [`inbox`]: what failed, by cause

pub mod board;
pub mod inbox;
pub mod light;

pub use board::Departure;
pub use inbox::Trouble;
pub use light::Light;

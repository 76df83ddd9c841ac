//! THE CLOCK: cases, how much time each has left, and what failed.
//!
//! - [`light`]: what a door looks like to somebody in a hurry (pure)
//! - [`board`]: who can still get in, the most urgent first
//! - [`cards`]: what a person may do beside the bridge
//! - [`inbox`]: what failed, by cause
//! - [`period`]: whether the evidence of a time is whole, and what is missing (pure)
//! - [`silence`]: which identity providers have said nothing for too long
//! - [`waterfall`]: where the time of a departure went (pure)

pub mod board;
pub mod cards;
pub mod inbox;
pub mod light;
pub mod period;
pub mod silence;
pub mod waterfall;

pub use board::{Board, Departure};
pub use inbox::Trouble;
pub use light::Light;

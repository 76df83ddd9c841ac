//! A tiny connector over the make-believe vendor, as an example and as a suspect: each bad habit of
//! it breaks one rule.

pub mod clinic;
pub mod fixture;

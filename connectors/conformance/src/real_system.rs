//! Real systems, started by the scripts under `scripts/targets`.

/// A running real system.
#[derive(Debug)]
pub struct RealSystem {}

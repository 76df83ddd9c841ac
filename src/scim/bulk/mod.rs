//! Bulk: many operations in one request.
//!
//! - `read`: what each operation wants
//! - `references`: where it speaks of a resource that another operation makes
//! - `value_filter`: the same, in the filter of a path
//! - `order`: which operation has to wait for which
//!
//! Here nothing is changed; `routes::bulk` does that, one operation after the other.

mod order;
mod read;
mod references;
mod value_filter;

pub(super) use order::in_order;
pub(super) use read::{Method, Operation, Request, Target, disabled_by, named, raw_operations};
pub(super) use references::{Waiting, leave_out, references, resolve};

/// Most operations in one request, as `/ServiceProviderConfig` announces.
pub(super) const MAX_OPERATIONS: usize = 1000;

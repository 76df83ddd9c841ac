//! What stays possible after a close, as the vendor file says it.

use std::time::Duration;

use drawbridge_sdk::Residual;

use crate::vendor::{VendorFile, step::Does};

/// What stays after a close that went well.
pub fn after_close(file: &VendorFile) -> Vec<Residual> {
    let longest = file.session_lifetime;
    if longest == Some(Duration::ZERO) {
        return Vec::new();
    }
    let what = match &file.residual {
        Some(what) => what.clone(),
        None if file.can(Does::ends_sessions) => return Vec::new(),
        None => format!("a session of {} that was open", file.title),
    };
    vec![Residual { what, longest }]
}

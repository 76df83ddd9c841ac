//! Times as they are typed: in the practice's own zone.

use jiff::{Timestamp, civil::DateTime};

use super::super::admit::Visit;

/// The time somebody typed.
pub(super) fn time(visit: &Visit, typed: &str) -> Result<Timestamp, String> {
    let local: DateTime = typed
        .parse()
        .map_err(|_| format!("write a time as 2026-11-20T17:10, not \"{typed}\""))?;
    let zoned = local.to_zoned(visit.practice().zone.clone());
    let zoned =
        zoned.map_err(|_| "there is no such time in the practice's time zone".to_owned())?;
    Ok(zoned.timestamp())
}

/// The same where it may be left out.
pub(super) fn maybe_time(visit: &Visit, typed: &str) -> Result<Option<Timestamp>, String> {
    match typed {
        "" => Ok(None),
        typed => time(visit, typed).map(Some),
    }
}

/// Which wish for a door the form was made for.
pub(super) fn generation(visit: &Visit) -> i64 {
    visit.form.get("generation").parse().unwrap_or_default()
}

/// A time as a field takes it.
pub(super) fn field(visit: &Visit, at: Timestamp) -> String {
    let local = at.to_zoned(visit.practice().zone.clone());
    local.strftime("%Y-%m-%dT%H:%M").to_string()
}

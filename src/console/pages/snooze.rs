//! Looking at a failed call later.

use std::{sync::Arc, time::Duration};

use axum::{Extension, extract::Path, response::Response};

use super::{
    super::{admit::Visit, frame::see_other, trouble::Happened},
    back,
    door::find,
    saying,
};
use crate::intake::snooze;

/// For how long somebody may look away, in minutes.
pub(super) const CHOICES: [(u64, &str); 6] = [
    (15, "15 minutes"),
    (30, "30 minutes"),
    (60, "1 hour"),
    (240, "4 hours"),
    (1_440, "1 day"),
    (4_320, "3 days"),
];

/// Has a door come back later.
pub(in super::super) async fn snooze(
    Extension(visit): Extension<Arc<Visit>>,
    Path(door): Path<String>,
) -> Result<Response, Happened> {
    let door = find(&visit, &door).await?;
    let minutes: u64 = visit.form.get("minutes").parse().unwrap_or_default();
    if !CHOICES.iter().any(|(choice, _)| *choice == minutes) {
        return Err(Happened::Refused("choose how long it may wait".to_owned()));
    }
    let store = &visit.office.store;
    let wished = Duration::from_secs(minutes * 60);
    let caller = visit.caller();
    let who = (&caller, &visit.signed_in().session.admin.id);
    let until = snooze::snooze(store, who, &door.id, wished, visit.now).await?;
    until.map_err(Happened::Refused)?;
    Ok(see_other(&saying("/calls", "said=snoozed")))
}

/// Takes it up before.
pub(in super::super) async fn wake(
    Extension(visit): Extension<Arc<Visit>>,
    Path(door): Path<String>,
) -> Result<Response, Happened> {
    let door = find(&visit, &door).await?;
    snooze::wake(&visit.office.store, &visit.caller(), &door.id, visit.now).await?;
    Ok(see_other(&saying(&back(&visit, "/calls"), "said=woken")))
}

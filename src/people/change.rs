//! What a change of a User means for the person.

use super::user::{Attributes, is_active};

/// What happened to a person, said in the words of identity governance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A new active person: doors open by role.
    Joined,
    /// Something about an active person is different: doors follow the role.
    Changed,
    /// The person may no longer get in: every door closes.
    Departed,
    /// Somebody who had departed may get in again: held while the departure holds.
    Returned,
    /// A disable of somebody already departed: recorded, nothing else.
    RepeatedDisable,
    /// Nothing that concerns a door; the record alone changed.
    RecordOnly,
}

/// Compares what the source said before with what it says now. `None` is "no such User".
///
/// Deleting a User is a departure, and so is creating one that is not active.
pub fn diff(before: Option<&Attributes>, after: Option<&Attributes>) -> Option<Change> {
    match (before, after) {
        (None, None) => None,
        (None, Some(new)) if is_active(new) => Some(Change::Joined),
        (None, Some(_)) => Some(Change::Departed),
        (Some(old), None) if is_active(old) => Some(Change::Departed),
        (Some(_), None) => Some(Change::RepeatedDisable),
        (Some(old), Some(new)) => match (is_active(old), is_active(new)) {
            (true, false) => Some(Change::Departed),
            (false, true) => Some(Change::Returned),
            (false, false) if old == new => Some(Change::RepeatedDisable),
            (false, false) => Some(Change::RecordOnly),
            (true, true) if old == new => None,
            (true, true) => Some(Change::Changed),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(active: bool, title: &str) -> Attributes {
        json!({"userName": "nina", "active": active, "title": title})
            .as_object()
            .cloned()
            .unwrap()
    }

    #[test]
    fn each_pair_of_states_has_one_meaning() {
        let (nurse, desk) = (user(true, "Nurse"), user(true, "Front desk"));
        let gone = user(false, "Nurse");

        assert_eq!(diff(None, Some(&nurse)), Some(Change::Joined));
        assert_eq!(diff(None, Some(&gone)), Some(Change::Departed));
        assert_eq!(diff(Some(&nurse), Some(&desk)), Some(Change::Changed));
        assert_eq!(diff(Some(&nurse), Some(&nurse)), None);
        assert_eq!(diff(Some(&nurse), Some(&gone)), Some(Change::Departed));
        assert_eq!(diff(Some(&nurse), None), Some(Change::Departed));
        assert_eq!(
            diff(Some(&gone), Some(&gone)),
            Some(Change::RepeatedDisable)
        );
        assert_eq!(diff(Some(&gone), None), Some(Change::RepeatedDisable));
        assert_eq!(diff(Some(&gone), Some(&nurse)), Some(Change::Returned));
    }
}

//! A change, as a PATCH and as a whole record.
//!
//! # Source
//! RFC 7644 sections 3.5.1 (PUT) and 3.5.2 (PATCH).

use serde_json::{Value, json};

use crate::{
    group::{Group, Member},
    user::User,
};

/// One change of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Whether one can log in.
    Active(bool),
    /// Puts a user into a group.
    AddMember(Member),
    /// Takes a user out of a group.
    RemoveMember(Member),
}

impl Edit {
    /// The body of a PATCH.
    pub fn patch(&self) -> Value {
        let operation = match self {
            Self::Active(active) => json!({ "op": "replace", "path": "active", "value": active }),
            Self::AddMember(member) => {
                let value = json!([{ "value": member.value }]);
                json!({ "op": "add", "path": "members", "value": value })
            }
            Self::RemoveMember(member) => {
                let id = Value::from(member.value.as_str());
                json!({ "op": "remove", "path": format!("members[value eq {id}]") })
            }
        };
        json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [operation],
        })
    }

    /// Whether its PATCH asks the provider to filter.
    pub const fn needs_filter(&self) -> bool {
        matches!(self, Self::RemoveMember(_))
    }

    /// The same record, changed, as the body of a PUT. What only the provider writes is left out.
    pub fn put(&self, mut record: Value) -> Value {
        if let Some(fields) = record.as_object_mut() {
            fields.shift_remove("meta");
            fields.shift_remove("groups");
            match self {
                Self::Active(active) => {
                    fields.insert("active".to_owned(), Value::from(*active));
                }
                Self::AddMember(member) | Self::RemoveMember(member) => {
                    let members = fields.entry("members").or_insert_with(|| json!([]));
                    if let Some(members) = members.as_array_mut() {
                        members.retain(|element| {
                            Member::of(element).is_none_or(|shown| !shown.is_same(member))
                        });
                        if matches!(self, Self::AddMember(_)) {
                            members.push(member.element());
                        }
                    }
                }
            }
        }
        record
    }

    /// Whether this record shows the change.
    pub fn is_shown_by(&self, record: &Value) -> bool {
        let group = || Group::of(record);
        match self {
            // Only a record that says so is disabled, and only one that says no is not enabled.
            Self::Active(active) => {
                User::of(record).is_some_and(|user| user.active.unwrap_or(true) == *active)
            }
            Self::AddMember(member) => group().is_some_and(|group| group.has(member)),
            Self::RemoveMember(member) => group().is_some_and(|group| !group.has(member)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(value: &str) -> Member {
        Member {
            value: value.to_owned(),
            reference: None,
        }
    }

    #[test]
    fn a_put_keeps_everything_but_what_the_provider_writes() {
        let record = json!({
            "schemas": ["s"], "id": "1", "userName": "nina", "active": true, "title": "Nurse",
            "meta": { "version": "1" }, "groups": [{ "value": "9" }],
        });

        let put = Edit::Active(false).put(record);

        assert_eq!(
            put,
            json!({
                "schemas": ["s"], "id": "1", "userName": "nina", "active": false, "title": "Nurse",
            })
        );
    }

    #[test]
    fn a_member_is_there_once_and_others_stay() {
        let group = json!({ "id": "9", "displayName": "g", "members": [{ "value": "2" }] });

        let added = Edit::AddMember(member("1")).put(group.clone());
        let twice = Edit::AddMember(member("1")).put(added.clone());
        let removed = Edit::RemoveMember(member("1")).put(added.clone());

        assert_eq!(
            added["members"],
            json!([{ "value": "2" }, { "value": "1" }])
        );
        assert_eq!(twice, added);
        assert_eq!(removed, group);
    }

    #[test]
    fn a_record_that_does_not_say_inactive_does_not_show_a_disable() {
        let silent = json!({ "id": "1", "userName": "nina" });

        assert!(!Edit::Active(false).is_shown_by(&silent));
        assert!(Edit::Active(true).is_shown_by(&silent));
        assert!(!Edit::Active(false).is_shown_by(&json!({ "active": false })));
    }

    #[test]
    fn a_hostile_id_stays_one_value_of_the_path() {
        let patch = Edit::RemoveMember(member("1\" or value pr")).patch();

        let path = &patch["Operations"][0]["path"];
        assert_eq!(path, r#"members[value eq "1\" or value pr"]"#);
    }
}

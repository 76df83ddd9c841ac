//! `res.group` as this connector sees it: a group is a level.

use drawbridge_sdk::{CallError, FailureClass, Finality};
use serde_json::Value;

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The database id.
    pub id: i64,
    /// The name, which is the level.
    pub name: String,
}

impl Group {
    /// Reads a record. `None` when it has no id or no name.
    pub fn of(record: &Value) -> Option<Self> {
        Some(Self {
            id: record.get("id")?.as_i64()?,
            name: record.get("name")?.as_str()?.to_owned(),
        })
    }

    fn is_called(&self, level: &str) -> bool {
        self.name.to_lowercase() == level.to_lowercase()
    }
}

/// Ids of the groups that levels stand for.
///
/// # Errors
/// When a level is no group, or two groups have its name; nothing was sent then.
pub fn wanted(levels: &[String], groups: &[Group]) -> Result<Vec<i64>, CallError> {
    levels.iter().map(|level| the_one(level, groups)).collect()
}

fn the_one(level: &str, groups: &[Group]) -> Result<i64, CallError> {
    let mut called = groups.iter().filter(|group| group.is_called(level));
    let problem = match (called.next(), called.next()) {
        (Some(group), None) => return Ok(group.id),
        (Some(_), Some(_)) => "more than one group",
        (None, _) => "no group",
    };
    Err(CallError::new(
        FailureClass::Refused,
        Finality::NotSent,
        format!(
            "the server has {problem} named `{level}`: see Administration > Users > Groups there, \
             then correct [practice.system.levels]"
        ),
    ))
}

/// Ids of the groups among the levels a practice manages. A level that is no group is nobody's.
pub fn managed(levels: &[String], groups: &[Group]) -> Vec<i64> {
    let is_managed = |group: &&Group| levels.iter().any(|level| group.is_called(level));
    groups
        .iter()
        .filter(is_managed)
        .map(|group| group.id)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups() -> [Group; 3] {
        [(9, "Health Nurse"), (10, "Billing"), (11, "billing")].map(|(id, name)| Group {
            id,
            name: name.to_owned(),
        })
    }

    #[test]
    fn a_level_that_is_no_group_or_two_is_refused_by_name() {
        assert_eq!(
            wanted(&["health nurse".to_owned()], &groups()).expect("one"),
            [9]
        );
        for level in ["Nurse", "Billing"] {
            let error = wanted(&[level.to_owned()], &groups()).expect_err("refused");
            assert_eq!(
                (error.class, error.finality),
                (FailureClass::Refused, Finality::NotSent)
            );
            assert!(error.message.contains(level), "{error}");
        }
    }

    #[test]
    fn a_managed_level_that_is_no_group_is_nobodys() {
        let levels = ["BILLING".to_owned(), "Nurse".to_owned()];

        assert_eq!(managed(&levels, &groups()), [10, 11]);
    }
}

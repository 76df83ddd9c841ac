//! Who may do what in the console: one table of roles and actions.

use std::time::Duration;

/// How long a link that lets somebody in works.
pub const LINK_WORKS_FOR: Duration = Duration::from_secs(15 * 60);

/// What somebody is in the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OfficeRole {
    /// Everything, and says who else may come in.
    Owner,
    /// Works the cases of the practice, and its tokens.
    Admin,
    /// Works the cases, for example at a managed IT provider.
    Operator,
    /// Looks after the systems, and sees no person.
    Integrator,
    /// Reads and exports, changes nothing.
    Auditor,
    /// A screen on the wall: initials only.
    Board,
}

/// What can be done in the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// See who can still get in, and how much time is left.
    SeeBoard,
    /// See people, their doors and what failed.
    SeePeople,
    /// Have doors tried again, and sign for them.
    WorkCases,
    /// Answer for a door that is not shut: accept the risk, or say that it does not apply.
    SetAside,
    /// Close every door of somebody now.
    Depart,
    /// Let somebody in again who left, or keep them out.
    DecideReturns,
    /// Let held departures go on.
    ReleaseBrake,
    /// See whether each system can be reached.
    SeeSystems,
    /// Ask a system whether it answers.
    TestSystems,
    /// Read the ledger, and have its chain checked.
    ReadLedger,
    /// Take a person's records away as a file.
    ExportEvidence,
    /// See sources, tokens and who may come in.
    SeeSettings,
    /// Make and revoke tokens.
    ManageTokens,
    /// Invite people to the console, and send them away.
    ManageAdmins,
}

impl OfficeRole {
    /// Every role, the most trusted first.
    pub const ALL: [Self; 6] = [
        Self::Owner,
        Self::Admin,
        Self::Operator,
        Self::Integrator,
        Self::Auditor,
        Self::Board,
    ];

    /// The word as stored and printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Integrator => "integrator",
            Self::Auditor => "auditor",
            Self::Board => "board",
        }
    }

    /// The role with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// What somebody in this role can do, in a few words.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Owner => "everything, and says who else may come in",
            Self::Admin => "works cases and manages tokens",
            Self::Operator => "works cases; no tokens, accepts no risk",
            Self::Integrator => "systems only; sees no person",
            Self::Auditor => "reads and exports; changes nothing",
            Self::Board => "a wall screen: initials only",
        }
    }

    /// Whether somebody in this role sees every departure that is still to come; others see those they
    /// asked for.
    pub const fn sees_every_scheduled_departure(self) -> bool {
        matches!(self, Self::Owner)
    }

    /// The one table.
    pub const fn may(self, action: Action) -> bool {
        use Action as A;
        match self {
            Self::Owner => true,
            Self::Admin => !matches!(action, A::ManageAdmins),
            Self::Operator => !matches!(
                action,
                A::ManageAdmins | A::ManageTokens | A::SeeSettings | A::SetAside
            ),
            Self::Integrator => matches!(action, A::SeeSystems | A::TestSystems),
            Self::Auditor => matches!(
                action,
                A::SeeBoard
                    | A::SeePeople
                    | A::SeeSystems
                    | A::ReadLedger
                    | A::ExportEvidence
                    | A::SeeSettings
            ),
            Self::Board => matches!(action, A::SeeBoard),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_has_its_name_back() {
        for role in OfficeRole::ALL {
            assert_eq!(OfficeRole::from_name(role.as_str()), Some(role));
        }
    }

    #[test]
    fn whoever_only_looks_changes_nothing() {
        for role in [OfficeRole::Auditor, OfficeRole::Board] {
            for action in [
                Action::WorkCases,
                Action::SetAside,
                Action::Depart,
                Action::DecideReturns,
                Action::ReleaseBrake,
                Action::TestSystems,
                Action::ManageTokens,
                Action::ManageAdmins,
            ] {
                assert!(!role.may(action), "{role:?} {action:?}");
            }
        }
    }

    #[test]
    fn an_integrator_sees_no_person() {
        for action in [
            Action::SeeBoard,
            Action::SeePeople,
            Action::ReadLedger,
            Action::ExportEvidence,
        ] {
            assert!(!OfficeRole::Integrator.may(action), "{action:?}");
        }
    }
}

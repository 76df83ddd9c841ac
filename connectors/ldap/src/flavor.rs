//! Where Active Directory and OpenLDAP differ: names of attributes, and what "disabled" is.

use drawbridge_sdk::AccountState;
use schemars::JsonSchema;
use serde::Deserialize;

/// Which directory it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Flavor {
    /// Active Directory, or Samba as a domain controller.
    ActiveDirectory,
    /// OpenLDAP with the password policy overlay (`ppolicy`).
    #[serde(rename = "openldap")]
    OpenLdap,
}

/// Active Directory's attribute with an account's kind and state, in bits.
pub(crate) const BITS: &str = "userAccountControl";
/// OpenLDAP's lock. An administrator's later password change deletes it silently, and a policy
/// without `pwdLockout` ignores it.
pub(crate) const LOCK: &str = "pwdAccountLockedTime";
/// OpenLDAP's end of a password, from version 2.5 on. A password change leaves it, and every policy
/// heeds it.
pub(crate) const END: &str = "pwdEndTime";

/// The bit of `userAccountControl` that disables an account.
///
/// # Source
/// MS-ADTS 2.2.16: `ADS_UF_ACCOUNT_DISABLE`.
const ACCOUNT_DISABLE: u32 = 0x2;

/// `userAccountControl` of an ordinary enabled account, `ADS_UF_NORMAL_ACCOUNT`.
pub(crate) const NORMAL_ACCOUNT: u32 = 0x200;

/// `pwdAccountLockedTime` of an account that only an administrator unlocks. Any other value is a
/// lock for too many wrong passwords, which may end by itself.
///
/// # Source
/// draft-behera-ldap-password-policy section 5.3.3, slapo-ppolicy(5).
pub(crate) const LOCKED_FOR_GOOD: &str = "000001010000Z";

/// The `pwdEndTime` this connector writes. Another one is somebody else's and is left alone.
pub(crate) const ENDED: &str = "19700101000000Z";

impl Flavor {
    /// The attribute with the immutable id.
    pub(crate) const fn id_attribute(self) -> &'static str {
        match self {
            Self::ActiveDirectory => "objectGUID",
            Self::OpenLdap => "entryUUID",
        }
    }

    /// The attributes that say whether one can log in.
    pub(crate) const fn state_attributes(self) -> &'static [&'static str] {
        match self {
            Self::ActiveDirectory => &[BITS],
            Self::OpenLdap => &[LOCK, END],
        }
    }

    /// The login attribute, where the settings name none.
    pub(crate) const fn login_attribute(self) -> &'static str {
        match self {
            Self::ActiveDirectory => "sAMAccountName",
            Self::OpenLdap => "uid",
        }
    }

    /// The employee number's attribute, where the settings name none.
    pub(crate) const fn employee_number_attribute(self) -> &'static str {
        match self {
            Self::ActiveDirectory => "employeeID",
            Self::OpenLdap => "employeeNumber",
        }
    }

    /// What "disabled" means, in one sentence.
    pub(crate) const fn disabled_means(self) -> &'static str {
        match self {
            Self::ActiveDirectory => {
                "the domain refuses every new sign-in (userAccountControl has the disable bit); \
                 sessions, connections and service tickets that exist go on"
            }
            Self::OpenLdap => {
                "the directory refuses every new bind (pwdAccountLockedTime is the permanent lock, \
                 and pwdEndTime is past where the directory knows it); connections that are open go on"
            }
        }
    }
}

/// The state an Active Directory account shows by its `userAccountControl`.
pub(crate) const fn state_of_bits(user_account_control: u32) -> AccountState {
    if user_account_control & ACCOUNT_DISABLE == 0 {
        AccountState::Enabled
    } else {
        AccountState::Disabled
    }
}

/// The same `userAccountControl`, disabled. Every other bit stays.
pub(crate) const fn disabled(user_account_control: u32) -> u32 {
    user_account_control | ACCOUNT_DISABLE
}

/// The same `userAccountControl`, enabled. Every other bit stays.
pub(crate) const fn enabled(user_account_control: u32) -> u32 {
    user_account_control & !ACCOUNT_DISABLE
}

/// The state an OpenLDAP account shows by its lock and its password's end.
pub(crate) fn state_of_lock(lock: Option<&str>, end: Option<&str>) -> AccountState {
    if lock == Some(LOCKED_FOR_GOOD) || end == Some(ENDED) {
        AccountState::Disabled
    } else {
        AccountState::Enabled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disabling_and_enabling_keep_every_other_bit() {
        // Normal account, password never expires, smart card required.
        let bits = 0x0005_0200;

        assert_eq!(disabled(bits), 0x0005_0202);
        assert_eq!(disabled(disabled(bits)), disabled(bits));
        assert_eq!(enabled(disabled(bits)), bits);
        assert_eq!(state_of_bits(disabled(bits)), AccountState::Disabled);
        assert_eq!(state_of_bits(enabled(bits)), AccountState::Enabled);
    }

    #[test]
    fn a_lock_for_wrong_passwords_is_not_a_closed_door() {
        assert_eq!(
            state_of_lock(Some(LOCKED_FOR_GOOD), None),
            AccountState::Disabled
        );
        assert_eq!(state_of_lock(None, Some(ENDED)), AccountState::Disabled);
        assert_eq!(
            state_of_lock(Some("20261122131557Z"), None),
            AccountState::Enabled
        );
        assert_eq!(
            state_of_lock(None, Some("20991231235959Z")),
            AccountState::Enabled
        );
        assert_eq!(state_of_lock(None, None), AccountState::Enabled);
    }
}

//! What kinds of systems there are.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! categories {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// The category of a system. A roles file may name a category instead of a system.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
        )]
        pub enum Category {
            $($(#[$doc])* #[serde(rename = $name)] $variant),+
        }

        impl Category {
            /// Every category, in the order they are shown.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// The name in settings and roles files, for example `patient_portal`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }
    };
}

categories! {
    /// Active Directory, OpenLDAP, an identity provider.
    Directory = "directory",
    /// The electronic health record.
    Ehr = "ehr",
    /// Practice management: schedule, registration, insurance.
    Pms = "pms",
    /// Billing.
    Billing = "billing",
    /// Mailboxes.
    Email = "email",
    /// Dialling in from outside.
    Vpn = "vpn",
    /// Desktops used from elsewhere.
    RemoteDesktop = "remote_desktop",
    /// Extensions and voicemail.
    Phone = "phone",
    /// Appointments, where that is a system of its own.
    Scheduling = "scheduling",
    /// Visits by video.
    Telehealth = "telehealth",
    /// Messages among staff.
    Messaging = "messaging",
    /// What patients use, and staff answer in.
    PatientPortal = "patient_portal",
    /// Kiosks and tablets patients register on.
    CheckIn = "check_in",
    /// Where claims go.
    Clearinghouse = "clearinghouse",
    /// Dashboards.
    Reporting = "reporting",
    /// Laboratories, imaging, pharmacies, payers.
    VendorPortal = "vendor_portal",
    /// Payroll and personnel records.
    Hr = "hr",
    /// Cards, fobs and codes for the building's doors.
    Badge = "badge",
    /// Laptops, phones, tablets and drives the practice owns.
    Device = "device",
    /// Keys of metal.
    Key = "key",
    /// File shares and cloud drives.
    Files = "files",
    /// The wireless network.
    Wifi = "wifi",
    /// Mailing lists and shared calendars.
    Lists = "lists",
    /// Courses staff must take.
    Training = "training",
    /// Anything else in the cloud.
    Saas = "saas",
}

impl Category {
    /// The category with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|category| category.as_str() == name)
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

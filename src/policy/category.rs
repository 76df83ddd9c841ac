//! What kinds of systems there are.

use serde::{Deserialize, Serialize};

/// The category of a system. A roles file may name a category instead of a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the names are the documentation, and part of the outside contract"
)]
pub enum Category {
    Directory,
    Ehr,
    Pms,
    Billing,
    Email,
    Vpn,
    RemoteDesktop,
    Phone,
    Scheduling,
    Telehealth,
    Messaging,
    PatientPortal,
    CheckIn,
    Clearinghouse,
    Reporting,
    VendorPortal,
    Hr,
    Badge,
    Device,
    Key,
    Files,
    Wifi,
    Lists,
    Training,
    Saas,
}

impl Category {
    /// Every category, as the settings name them.
    pub const ALL: [(Self, &'static str); 25] = [
        (Self::Directory, "directory"),
        (Self::Ehr, "ehr"),
        (Self::Pms, "pms"),
        (Self::Billing, "billing"),
        (Self::Email, "email"),
        (Self::Vpn, "vpn"),
        (Self::RemoteDesktop, "remote_desktop"),
        (Self::Phone, "phone"),
        (Self::Scheduling, "scheduling"),
        (Self::Telehealth, "telehealth"),
        (Self::Messaging, "messaging"),
        (Self::PatientPortal, "patient_portal"),
        (Self::CheckIn, "check_in"),
        (Self::Clearinghouse, "clearinghouse"),
        (Self::Reporting, "reporting"),
        (Self::VendorPortal, "vendor_portal"),
        (Self::Hr, "hr"),
        (Self::Badge, "badge"),
        (Self::Device, "device"),
        (Self::Key, "key"),
        (Self::Files, "files"),
        (Self::Wifi, "wifi"),
        (Self::Lists, "lists"),
        (Self::Training, "training"),
        (Self::Saas, "saas"),
    ];

    /// The category with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|(_, own)| *own == name)
            .map(|(category, _)| category)
    }

    /// The name in settings and roles files.
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .into_iter()
            .find(|(category, _)| *category == self)
            .map_or("saas", |(_, name)| name)
    }
}

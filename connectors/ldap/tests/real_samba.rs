//! The connector against Active Directory, as the real Samba domain controller speaks it.

mod message;
mod samba;
mod support;

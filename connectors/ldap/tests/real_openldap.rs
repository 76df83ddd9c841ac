//! The connector against the real slapd, with its password policy and monitor.

mod message;
mod openldap;
mod support;

//! A small connector that keeps every rule: how a connector's `tests/conformance.rs` looks.

mod support;

use support::fixture::Clinic;

drawbridge_conformance::suite!(
    Clinic<0>,
    claims = [
        create,
        set_role,
        disable,
        end_sessions,
        read_back,
        read_sessions,
        list_accounts
    ],
    http
);

//! The same promises against the real Tryton, as billing runs on it.

use support::{
    promises::promises,
    real::{Real, Server, Target},
};
use tokio::sync::OnceCell;

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

struct Billing;

impl Target for Billing {
    const NAME: &'static str = "tryton";
    const LEVELS: [&'static str; 2] = ["Administration", "Party Administration"];

    fn server() -> &'static OnceCell<Server> {
        static SERVER: OnceCell<Server> = OnceCell::const_new();
        &SERVER
    }
}

promises!(Billing);

mod conformance {
    use super::{Billing, Real};

    drawbridge_conformance::suite!(
        Real<Billing>,
        claims = [
            create,
            set_role,
            disable,
            end_sessions,
            read_back,
            read_sessions,
            list_accounts
        ]
    );
}

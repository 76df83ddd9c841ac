//! The same promises against the real GNU Health.

use support::{
    promises::promises,
    real::{Real, Server, Target},
};
use tokio::sync::OnceCell;

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

struct GnuHealth;

impl Target for GnuHealth {
    const NAME: &'static str = "gnuhealth";
    const LEVELS: [&'static str; 2] = ["Health Nurse", "Health Front Desk"];

    fn server() -> &'static OnceCell<Server> {
        static SERVER: OnceCell<Server> = OnceCell::const_new();
        &SERVER
    }
}

promises!(GnuHealth);

mod conformance {
    use super::{GnuHealth, Real};

    drawbridge_conformance::suite!(
        Real<GnuHealth>,
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

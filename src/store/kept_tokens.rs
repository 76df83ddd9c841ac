//! Tokens read a moment ago. Every request begins with its token; reading it anew each time would
//! double what most requests cost.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::StoredToken;
use crate::ids::TokenId;

/// How long a token that another process revoked may still open the door.
const FRESH: Duration = Duration::from_secs(1);

/// Tokens with the time they were read at. Only those that exist are kept, so strangers cannot fill it.
#[derive(Debug, Default)]
pub(super) struct KeptTokens(Mutex<HashMap<TokenId, (StoredToken, Instant)>>);

impl KeptTokens {
    /// The token, if it was read within the last second.
    pub(super) fn find(&self, id: &TokenId, now: Instant) -> Option<StoredToken> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(id)
            .filter(|(_, read)| now.duration_since(*read) < FRESH)
            .map(|(token, _)| token.clone())
    }

    pub(super) fn keep(&self, token: &StoredToken, now: Instant) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (_, read)| now.duration_since(*read) < FRESH);
        kept.insert(token.id.clone(), (token.clone(), now));
    }

    /// Forgets all: one was revoked.
    pub(super) fn forget(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_token_is_kept_for_a_second_or_until_one_is_revoked() {
        let (kept, now) = (KeptTokens::default(), Instant::now());
        let token = StoredToken {
            id: "one".into(),
            hash: "00".to_owned(),
            practice: "elm".into(),
            source: "entra".into(),
            expires: Timestamp::MAX,
            revoked: false,
        };

        kept.keep(&token, now);
        assert_eq!(kept.find(&token.id, now).as_ref(), Some(&token));
        kept.forget();
        assert_eq!(kept.find(&token.id, now), None);

        kept.keep(&token, now);
        assert_eq!(kept.find(&token.id, now + FRESH), None);
    }
}

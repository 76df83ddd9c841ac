//! Which identity providers have said nothing for too long. It looks like a quiet week, and may be a job that
//! stopped: nobody would hear of a departure.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    clock,
    ids::{PracticeName, SourceName},
    store::{Store, StoreError, token_uses::Heard},
};

/// A source that used to push and does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Which source.
    pub source: SourceName,
    /// When it was last heard.
    pub since: Timestamp,
    /// Whether it goes on asking, and is refused.
    pub is_refused: bool,
}

/// Sources of a practice that have been silent for longer than they may, in the order of these limits. One that
/// never pushed is not silent: it has not begun.
///
/// # Errors
/// When the archive does not answer.
pub async fn look(
    store: &Store,
    practice: &PracticeName,
    limits: &[(SourceName, Duration)],
    now: Timestamp,
) -> Result<Vec<Silence>, StoreError> {
    if limits.is_empty() {
        return Ok(Vec::new());
    }
    let heard = store.list_sources_heard(practice).await?;
    let silent = limits.iter().filter_map(|(source, limit)| {
        let heard = heard.iter().find(|heard| heard.source == *source)?;
        silence(heard, *limit, now)
    });
    Ok(silent.collect())
}

fn silence(heard: &Heard, limit: Duration, now: Timestamp) -> Option<Silence> {
    let since = heard.last?;
    (clock::after(since, limit) <= now).then(|| Silence {
        source: heard.source.clone(),
        since,
        is_refused: heard.refused.is_some_and(|refused| refused > since),
    })
}

/// How long it has lasted, in words.
pub fn lasting(since: Timestamp, now: Timestamp) -> String {
    match clock::between(since, now).as_secs() / 3_600 {
        1 => "1 hour".to_owned(),
        hours @ 0..72 => format!("{hours} hours"),
        hours => format!("{} days", hours / 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_source_is_silent_that_used_to_push_and_has_not_for_long() {
        let now: Timestamp = "2026-11-20T17:00:00Z".parse().unwrap();
        let ago = |hours| clock::before(now, hours * HOUR);
        let heard = |last, refused| Heard {
            source: "entra".into(),
            last,
            refused,
        };
        let told = |last, refused| silence(&heard(last, refused), 24 * HOUR, now);

        assert_eq!(told(None, Some(ago(1))), None, "it has not begun");
        assert_eq!(told(Some(ago(23)), None), None);
        assert!(!told(Some(ago(24)), None).unwrap().is_refused);
        assert!(!told(Some(ago(24)), Some(ago(30))).unwrap().is_refused);
        assert!(told(Some(ago(24)), Some(ago(1))).unwrap().is_refused);
        assert_eq!(lasting(ago(1), now), "1 hour");
        assert_eq!(lasting(ago(71), now), "71 hours");
        assert_eq!(lasting(ago(200), now), "8 days");
    }
}

//! Bridges over one database tell each other where something is due that one of them does not take: its
//! places are full, or it is about to stop. Whoever has places free looks at once.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tracing::{debug, warn};

use super::{Rounds, System};
use crate::store::{Dialect, StoreError, bell::Where};

/// How long until a bridge that cannot listen tries again.
const LISTEN_AGAIN: Duration = Duration::from_secs(5);

/// What is to be said. What comes while something is being said goes along with the next.
#[derive(Debug, Default)]
pub(super) struct Bell {
    /// `None` when nobody is ringing.
    due: Mutex<Option<BTreeSet<Where>>>,
}

impl Bell {
    /// Notes a system. Answers whether the caller has to ring: nobody does.
    fn note(&self, system: Where) -> bool {
        let mut due = self.lock();
        let is_nobody_ringing = due.is_none();
        due.get_or_insert_default().insert(system);
        is_nobody_ringing
    }

    /// What is to be said next; `None` ends the ringing.
    fn take(&self) -> Option<Vec<Where>> {
        let mut due = self.lock();
        let next = std::mem::take(due.as_mut()?);
        if next.is_empty() {
            *due = None;
            return None;
        }
        Some(next.into_iter().collect())
    }

    fn lock(&self) -> MutexGuard<'_, Option<BTreeSet<Where>>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rounds {
    /// Tells other bridges that something is due in a system that this one does not take.
    pub(super) fn ring(self: &Arc<Self>, system: &System) {
        if self.store.dialect() == Dialect::Sqlite {
            return;
        }
        let due = (system.practice.clone(), system.name.clone());
        if !self.bell.note(due) {
            return;
        }
        let rounds = Arc::clone(self);
        tokio::spawn(async move {
            while let Some(systems) = rounds.bell.take() {
                if let Err(error) = rounds.store.ring(&rounds.owner, &systems).await {
                    debug!(%error, "other bridges could not be told what is due: they look each second");
                }
            }
        });
    }

    /// Listens to the other bridges, and has the rounds look where they say.
    pub(super) async fn listen(self: Arc<Self>) {
        loop {
            match self.follow_the_bell().await {
                Ok(()) => return,
                Err(error) => {
                    warn!(%error, "other bridges cannot be heard: what they leave is looked for each second");
                }
            }
            tokio::time::sleep(LISTEN_AGAIN).await;
        }
    }

    /// Ends well where there are no other bridges.
    async fn follow_the_bell(&self) -> Result<(), StoreError> {
        let Some(mut listener) = self.store.listen(&self.owner).await? else {
            return Ok(());
        };
        loop {
            for (practice, name) in listener.next().await? {
                if let Some(system) = self.systems.get(&practice, &name) {
                    system.note_backlog(true);
                    self.wake.notify_one();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_while_the_bell_is_rung_is_said_by_whoever_rings() {
        let bell = Bell::default();
        let (ehr, mail): (Where, Where) =
            (("elm".into(), "ehr".into()), ("elm".into(), "mail".into()));

        let rings = bell.note(ehr.clone());
        let first = bell.take();
        let rings_too = bell.note(mail.clone());
        let (second, end) = (bell.take(), bell.take());
        let rings_again = bell.note(ehr.clone());

        assert!(rings && !rings_too && rings_again);
        assert_eq!(
            (first, second, end),
            (Some(vec![ehr]), Some(vec![mail]), None)
        );
    }
}

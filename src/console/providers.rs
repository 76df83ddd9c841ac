//! Which identity provider may vouch for whom.

use std::{collections::HashMap, sync::Arc};

use crate::{
    config::{Oidc, Settings},
    ids::PracticeName,
    oidc::Provider,
};

/// The providers of the settings. One for all is the choice of whoever runs the server, and may vouch for
/// anybody who was let in; a practice's own for its own people alone.
#[derive(Debug, Default)]
pub struct Providers {
    for_all: Option<Arc<Provider>>,
    own: HashMap<PracticeName, Arc<Provider>>,
    /// The one practice there is.
    only: Option<PracticeName>,
}

/// Which of them: that of all, or that of a practice.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Which {
    ForAll,
    Of(PracticeName),
}

/// A provider with the way to it.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) title: String,
    /// What names it in an address; empty for that of all.
    pub(super) practice: String,
}

impl Providers {
    /// The providers of these settings. Nothing is connected.
    ///
    /// # Errors
    /// With the sentence to show: which address or secret cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        let provider = |oidc: &Oidc, section: &str| {
            let made = Provider::new(oidc, settings);
            made.map(Arc::new)
                .map_err(|problem| format!("{section}: {problem}"))
        };
        let for_all = settings.console.oidc.as_ref();
        let for_all = for_all.map(|oidc| provider(oidc, "[console.oidc]"));
        let mut own = HashMap::new();
        for practice in &settings.practices {
            if let Some(oidc) = &practice.oidc {
                let section = format!("practice `{}`, [practice.oidc]", practice.name);
                own.insert(practice.name.clone(), provider(oidc, &section)?);
            }
        }
        let only = match settings.practices.as_slice() {
            [practice] => Some(practice.name.clone()),
            _ => None,
        };
        Ok(Self {
            for_all: for_all.transpose()?,
            own,
            only,
        })
    }

    pub(super) fn find(&self, which: &Which) -> Option<&Arc<Provider>> {
        match which {
            Which::ForAll => self.for_all.as_ref(),
            Which::Of(practice) => self.own.get(practice),
        }
    }

    /// The provider that an address names. Of a practice nobody names, none is offered: who is not signed in
    /// learns of no other.
    pub(super) fn named(&self, practice: &str) -> Which {
        let practice = PracticeName::from(practice);
        if self.own.contains_key(&practice) {
            Which::Of(practice)
        } else {
            Which::ForAll
        }
    }

    /// What whoever is not signed in is offered, at the address of a practice or at that of all.
    pub(super) fn offers(&self, practice: &str) -> Vec<Offer> {
        let named = PracticeName::from(practice);
        let own = [Some(&named), self.only.as_ref()]
            .into_iter()
            .flatten()
            .find_map(|practice| Some((practice, self.own.get(practice)?)));
        let own = own.map(|(practice, provider)| Offer {
            title: provider.title().to_owned(),
            practice: practice.to_string(),
        });
        let for_all = self.for_all.as_ref().map(|provider| Offer {
            title: provider.title().to_owned(),
            practice: String::new(),
        });
        own.into_iter().chain(for_all).collect()
    }

    /// Whether it may say who somebody in this practice is.
    pub(super) fn may_vouch(which: &Which, practice: &PracticeName) -> bool {
        match which {
            Which::ForAll => true,
            Which::Of(own) => own == practice,
        }
    }
}

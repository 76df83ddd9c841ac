//! A connector that asks a person.

use async_trait::async_trait;
use drawbridge_sdk::{
    AccountPage, Ask, BuildContext, CallError, Capabilities, CloseCall, Connector, Cursor, Health,
    Observation, OpenCall, Outcome, SettingsError, Way,
};

use crate::settings::{Settings, filled};

/// A system that a person opens and closes by hand.
#[derive(Debug)]
pub struct Manual {
    settings: Settings,
    system: String,
}

impl Manual {
    /// A connector with these settings.
    ///
    /// # Errors
    /// When a text is empty, there is no way in, or a placeholder is unknown.
    pub fn new(settings: Settings, context: &BuildContext) -> Result<Self, SettingsError> {
        settings.check()?;
        Ok(Self {
            settings,
            system: context.system.clone(),
        })
    }

    fn ask(&self, instruction: &str, way: Way) -> CallError {
        let owner = &self.settings.owner;
        let what = way.as_str().replace('_', " ");
        let instruction = filled(instruction, &what, &self.system, owner);
        CallError::needs_human(format!(
            "{owner} does this by hand and then signs with `drawbridge attest`: {}",
            instruction.trim().trim_end_matches('.')
        ))
    }

    fn cannot_be_read(&self) -> CallError {
        CallError::needs_human(format!(
            "`{}` has no interface to read: have {} look, and sign with `drawbridge attest`",
            self.system, self.settings.owner
        ))
    }
}

#[async_trait]
impl Connector for Manual {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            ways: self.settings.ways.clone(),
            ..Capabilities::none("what the person who did it by hand signed for")
        }
    }

    async fn check(&self) -> Result<Health, CallError> {
        let product = format!("by hand, by {}", self.settings.owner);
        Ok(Health {
            product,
            receipts: Vec::new(),
        })
    }

    async fn observe(&self, _: &Ask) -> Result<Observation, CallError> {
        Err(self.cannot_be_read())
    }

    async fn open(&self, call: &OpenCall) -> Result<Outcome, CallError> {
        Err(self.ask(&self.settings.instructions.open, call.way))
    }

    async fn close(&self, call: &CloseCall) -> Result<Outcome, CallError> {
        Err(self.ask(&self.settings.instructions.close, call.way))
    }

    async fn list_accounts(&self, _: Option<&Cursor>) -> Result<AccountPage, CallError> {
        Err(self.cannot_be_read())
    }
}

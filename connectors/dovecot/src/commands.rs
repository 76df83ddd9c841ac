//! The doveadm commands that are used, each with what its answer means.

use drawbridge_sdk::{CallError, Receipt};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::client::{Command, DoveadmCall};

/// One Sieve script of a mailbox.
pub(crate) struct Script {
    pub(crate) name: String,
    pub(crate) is_active: bool,
}

/// A script's text, and what the server's clock said.
pub(crate) struct ShownScript {
    pub(crate) text: String,
    pub(crate) server_time: Option<Timestamp>,
    pub(crate) receipt: Receipt,
}

impl DoveadmCall<'_> {
    /// Makes Dovecot forget what it knows of this login, so that the user table is asked again.
    pub(crate) async fn flush_auth_cache(&self, login: &str) -> Result<Receipt, CallError> {
        let parameters = json!({ "user": [login] });
        self.change("forget cached logins", "authCacheFlush", login, parameters)
            .await
    }

    /// Cuts every session of this login. Says whether there was one.
    pub(crate) async fn kick(&self, login: &str) -> Result<(bool, Receipt), CallError> {
        let parameters = json!({ "mask": [login] });
        let reply = self
            .run(Command::change("end sessions", "kick", login, parameters))
            .await?;
        let is_of_login = |row: &Value| {
            row["result"]
                .as_str()
                .is_some_and(|name| name.eq_ignore_ascii_case(login))
        };
        if !reply.rows()?.iter().all(is_of_login) {
            return Err(reply.unexpected());
        }
        Ok((reply.found.is_some(), reply.receipt))
    }

    /// How many sessions of this login are open, over all services.
    pub(crate) async fn count_sessions(&self, login: &str) -> Result<(u32, Receipt), CallError> {
        let parameters = json!({ "mask": [login] });
        let reply = self
            .run(Command::read("read sessions", "who", login, parameters))
            .await?;
        let mut open: u32 = 0;
        for row in reply.rows()? {
            let (Some(name), Some(connections)) =
                (row["username"].as_str(), number(&row["connections"]))
            else {
                return Err(reply.unexpected());
            };
            if name.eq_ignore_ascii_case(login) {
                open = open.saturating_add(connections);
            }
        }
        Ok((open, reply.receipt))
    }

    /// The Sieve scripts of a mailbox.
    pub(crate) async fn list_scripts(
        &self,
        login: &str,
    ) -> Result<(Vec<Script>, Receipt), CallError> {
        let parameters = json!({ "user": login });
        let reply = self
            .run(Command::read(
                "list scripts",
                "sieveList",
                login,
                parameters,
            ))
            .await?;
        if reply.found.is_none() {
            return Err(reply.not_found());
        }
        let mut scripts = Vec::new();
        for row in reply.rows()? {
            let (Some(name), Some(active)) = (row["script"].as_str(), row["active"].as_str())
            else {
                return Err(reply.unexpected());
            };
            scripts.push(Script {
                name: name.to_owned(),
                is_active: active == "ACTIVE",
            });
        }
        Ok((scripts, reply.receipt))
    }

    /// The text of one script.
    pub(crate) async fn get_script(
        &self,
        login: &str,
        script: &str,
    ) -> Result<ShownScript, CallError> {
        let parameters = json!({ "user": login, "scriptname": script });
        let reply = self
            .run(Command::read("read script", "sieveGet", login, parameters))
            .await?;
        let text = reply
            .rows()?
            .first()
            .and_then(|row| row["sieve script"].as_str());
        let text = text.map(str::to_owned);
        let server_time = reply.server_time;
        match text {
            Some(text) => Ok(ShownScript {
                text,
                server_time,
                receipt: reply.receipt,
            }),
            None if reply.found.is_some() => Err(reply.unexpected()),
            None => Err(reply.not_found()),
        }
    }

    /// Stores a script and makes it the active one.
    pub(crate) async fn put_script(
        &self,
        login: &str,
        script: &str,
        text: &str,
    ) -> Result<Receipt, CallError> {
        let parameters =
            json!({ "user": login, "scriptname": script, "file": text, "activate": true });
        self.change("install forward", "sievePut", login, parameters)
            .await
    }

    /// Makes a stored script the active one.
    pub(crate) async fn activate_script(
        &self,
        login: &str,
        script: &str,
    ) -> Result<Receipt, CallError> {
        let parameters = json!({ "user": login, "scriptname": script });
        self.change("put back script", "sieveActivate", login, parameters)
            .await
    }

    /// Leaves no script active. All stay stored.
    pub(crate) async fn deactivate_scripts(&self, login: &str) -> Result<Receipt, CallError> {
        self.change(
            "stop forward",
            "sieveDeactivate",
            login,
            json!({ "user": login }),
        )
        .await
    }

    /// Deletes a stored script that is not active.
    pub(crate) async fn delete_script(
        &self,
        login: &str,
        script: &str,
    ) -> Result<Receipt, CallError> {
        let parameters = json!({ "user": login, "scriptname": [script] });
        self.change("remove forward", "sieveDelete", login, parameters)
            .await
    }

    async fn change(
        &self,
        step: &'static str,
        name: &'static str,
        login: &str,
        parameters: Value,
    ) -> Result<Receipt, CallError> {
        let reply = self
            .run(Command::change(step, name, login, parameters))
            .await?;
        if reply.found.is_none() {
            return Err(reply.not_found());
        }
        Ok(reply.receipt)
    }
}

/// Dovecot writes numbers as text.
fn number(value: &Value) -> Option<u32> {
    value.as_str()?.parse().ok()
}

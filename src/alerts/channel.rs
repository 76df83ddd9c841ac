//! A channel, ready to be used.

use std::path::Path;

use jiff::Timestamp;

use super::{
    mail::Mailer,
    text::Message,
    web::{Form, Poster},
};
use crate::config::alerts::{Channel, How};

/// A channel, ready to be used.
#[derive(Debug)]
pub enum Line {
    /// By e-mail.
    Mail(Mailer),
    /// By POST.
    Web(Poster),
}

impl Line {
    /// Makes a channel ready. Nothing is connected.
    ///
    /// # Errors
    /// With the sentence to show: which secret, certificate or address cannot be used.
    pub fn new(channel: &Channel, base_dir: &Path, public_url: &str) -> Result<Self, String> {
        Ok(match &channel.how {
            How::Email(mail) => Self::Mail(Mailer::new(mail, base_dir, public_url)?),
            How::Webhook(web) => Self::Web(Poster::new(web, Form::Webhook, base_dir)?),
            How::Slack(web) => Self::Web(Poster::new(web, Form::Slack, base_dir)?),
            How::Teams(web) => Self::Web(Poster::new(web, Form::Teams, base_dir)?),
        })
    }

    /// Sends a message; `to` are addresses, for e-mail.
    ///
    /// # Errors
    /// With what went wrong, in words for an administrator and without any secret.
    pub async fn send(
        &self,
        message: &Message,
        to: &[String],
        now: Timestamp,
    ) -> Result<(), String> {
        match self {
            Self::Mail(mailer) => mailer.send(message, to, now).await,
            Self::Web(poster) => poster.send(message, now).await,
        }
    }
}

//! By POST: to a program of the practice's own, or into a channel of Slack or Teams.
//!
//! # Source
//! The headers of a webhook are those of Standard Webhooks (standardwebhooks.com), so that receivers find a
//! library for their language. Slack: <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>.
//! Teams: an Adaptive Card in a message, as "Incoming Webhook" and the Workflows trigger "When a Teams
//! webhook request is received" take it.

use std::path::Path;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use drawbridge_sdk::{
    BuildContext,
    http::{Answer, Endpoint, EndpointOptions, Method},
    secret::Secret,
};
use jiff::Timestamp;
use ring::hmac;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use url::Url;

use super::text::Message;
use crate::{
    clock,
    config::alerts::{Address, Web},
};

/// How long a request may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(15);

/// What a secret of Standard Webhooks begins with; the rest is base64.
const SECRET_PREFIX: &str = "whsec_";

/// What the other side takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// All that is known, signed.
    Webhook,
    /// A message of Slack.
    Slack,
    /// A card of Teams.
    Teams,
}

/// An address that takes alerts.
#[derive(Debug)]
pub struct Poster {
    form: Form,
    endpoint: Endpoint,
    path: String,
    query: Vec<(String, String)>,
    secret: Option<Secret>,
}

impl Poster {
    /// Reads the address and the secret. Nothing is connected.
    ///
    /// # Errors
    /// With the sentence to show; an address that is a secret is not in it.
    pub fn new(web: &Web, form: Form, base_dir: &Path) -> Result<Self, String> {
        let url = match &web.url {
            Address::Url(url) => url.clone(),
            Address::Secret(reference) => {
                let secret = reference.bind(base_dir).and_then(|secret| secret.read());
                let secret = secret.map_err(|error| error.to_string())?;
                secret.expose_secret().trim().to_owned()
            }
        };
        let mut url = Url::parse(&url).map_err(|_| "its `url` is no address".to_owned())?;
        let path = url.path().to_owned();
        let query = url.query_pairs().into_owned().collect();
        url.set_query(None);
        url.set_path("");
        let options = EndpointOptions {
            allow_plain_http: web.allow_plain_http,
            allow_networks: web.allow_networks.clone(),
            ca_file: web.ca_file.clone(),
            ..EndpointOptions::default()
        };
        let context = BuildContext {
            system: "alerts".to_owned(),
            base_dir: base_dir.to_owned(),
            call_timeout: PATIENCE,
        };
        let endpoint = Endpoint::new(url.as_str(), options, &context);
        let secret = web.secret.as_ref().map(|secret| secret.bind(base_dir));
        Ok(Self {
            form,
            endpoint: endpoint.map_err(|error| format!("its `url`: {error}"))?,
            path,
            query,
            secret: secret.transpose().map_err(|error| error.to_string())?,
        })
    }

    /// Posts a message.
    ///
    /// # Errors
    /// With what the other side answered, or why it could not be asked.
    pub async fn send(&self, message: &Message, now: Timestamp) -> Result<(), String> {
        let body = self.body(message, now).to_string();
        // Posting it twice does no harm: it bears its id.
        let mut request = self
            .endpoint
            .read("alert", Method::POST, &self.path)
            .shown_as("POST the alert");
        for (name, value) in &self.query {
            request = request.query(name, value);
        }
        if let Some(secret) = &self.secret {
            let key = secret.read().map_err(|error| error.to_string())?;
            let (at, signature) = sign(key.expose_secret(), &message.id, &body, now)?;
            request = request
                .header("webhook-id", &message.id)
                .header("webhook-timestamp", &at)
                .header("webhook-signature", &signature);
        }
        let answer = request
            .body("application/json", body.into_bytes())
            .send()
            .await
            .and_then(Answer::ok)
            .map_err(|error| error.to_string())?;
        // Connectors of Teams answer 200 to what they could not deliver, and say so.
        let said = String::from_utf8_lossy(&answer.body);
        if self.form == Form::Teams && said.contains("failed with error") {
            return Err("Teams took the message and could not deliver it".to_owned());
        }
        Ok(())
    }

    fn body(&self, message: &Message, now: Timestamp) -> Value {
        match self.form {
            Form::Webhook => webhook(message, now),
            Form::Slack => slack(message),
            Form::Teams => teams(message),
        }
    }
}

fn webhook(message: &Message, now: Timestamp) -> Value {
    json!({
        "type": format!("alert.{}", message.kind),
        "timestamp": clock::to_text(now),
        "data": {
            "id": message.id,
            "title": message.title,
            "text": message.lines,
            "action": message.action,
            "link": message.link,
            "minutes_left": message.minutes_left,
        },
    })
}

fn slack(message: &Message) -> Value {
    let lines: Vec<String> = message.lines.iter().map(|line| escape(line)).collect();
    let text = format!(
        "*{}*\n{}\n*Do this now:* {}\n<{}|Open it in Drawbridge>",
        escape(&message.title),
        lines.join("\n"),
        escape(&message.action),
        message.link
    );
    json!({
        "text": escape(&message.title),
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": text}},
            {"type": "context", "elements": [{"type": "plain_text", "text": format!("Alert {}", message.id)}]},
        ],
    })
}

/// What Slack would otherwise read as a link or a mention.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn teams(message: &Message) -> Value {
    let block = |text: &str| json!({"type": "TextBlock", "text": text, "wrap": true});
    let mut body = vec![
        json!({"type": "TextBlock", "text": message.title, "wrap": true, "weight": "Bolder", "size": "Medium"}),
    ];
    body.extend(message.lines.iter().map(|line| block(line)));
    body.push(block(&format!("Do this now: {}", message.action)));
    body.push(json!({"type": "TextBlock", "text": format!("Alert {}", message.id), "isSubtle": true, "size": "Small"}));
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": body,
                "actions": [{"type": "Action.OpenUrl", "title": "Open it in Drawbridge", "url": message.link}],
            },
        }],
    })
}

/// When it was signed, and the signature.
fn sign(secret: &str, id: &str, body: &str, now: Timestamp) -> Result<(String, String), String> {
    let key = match secret.strip_prefix(SECRET_PREFIX) {
        Some(encoded) => BASE64_STANDARD.decode(encoded).map_err(|_| {
            format!("its `secret` begins with {SECRET_PREFIX} and is not base64 behind it")
        })?,
        None => secret.as_bytes().to_vec(),
    };
    let at = now.as_second().to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let tag = hmac::sign(&key, format!("{id}.{at}.{body}").as_bytes());
    Ok((at, format!("v1,{}", BASE64_STANDARD.encode(tag))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message {
            id: "a1".to_owned(),
            kind: "case.time".to_owned(),
            title: "Elm: N.W. may still get in".to_owned(),
            lines: vec!["1 of 2 doors <open>.".to_owned()],
            action: "close it".to_owned(),
            link: "https://bridge.example/cases/c1".to_owned(),
            minutes_left: Some(30),
        }
    }

    #[test]
    fn a_signature_is_the_one_that_others_compute() {
        // The example of the specification of Standard Webhooks.
        let at = Timestamp::from_second(1_614_265_330).unwrap();

        let (stamp, signature) = sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            r#"{"test": 2432232314}"#,
            at,
        )
        .unwrap();

        assert_eq!(stamp, "1614265330");
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn nothing_in_a_message_is_read_as_a_mention() {
        let text = slack(&message())["blocks"][0]["text"]["text"].to_string();

        assert!(
            text.contains("&lt;open&gt;") && text.contains("<https://bridge.example/cases/c1|")
        );
    }

    #[test]
    fn a_card_leads_to_the_case() {
        let card = &teams(&message())["attachments"][0]["content"];

        assert_eq!(card["type"], "AdaptiveCard");
        assert_eq!(card["actions"][0]["url"], "https://bridge.example/cases/c1");
    }
}

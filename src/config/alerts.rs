//! Who is told when a leaver's time runs short, and how.

use std::{collections::BTreeSet, path::PathBuf};

use drawbridge_sdk::SecretRef;
use toml::Spanned;

use super::{
    practice::unique_name,
    section::Section,
    value::{Value, kind},
};
use crate::{
    ids::ChannelName,
    policy::escalation::{Contact, STANDARD, Step},
};

/// Who is told, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alerts {
    /// How people are named in what leaves the house.
    pub names: Naming,
    /// How alerts go out, in file order.
    pub channels: Vec<Channel>,
    /// Whom they reach.
    pub contacts: Vec<Reach>,
    /// When whom, the first first.
    pub steps: Vec<Step>,
}

/// How people are named in an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// The first letters of their names.
    Initials,
    /// The bridge's own id of them.
    Id,
}

/// One way for an alert to go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its name within the practice.
    pub name: ChannelName,
    /// How.
    pub how: How,
}

/// How a channel carries an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// By e-mail.
    Email(Mail),
    /// To a program of the practice's own.
    Webhook(Web),
    /// Into a channel of Slack.
    Slack(Web),
    /// Into a channel of Teams.
    Teams(Web),
}

impl How {
    /// The word as written in the settings.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Email(_) => "email",
            Self::Webhook(_) => "webhook",
            Self::Slack(_) => "slack",
            Self::Teams(_) => "teams",
        }
    }
}

/// A mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its host name.
    pub server: String,
    /// Its port; `None` is the usual one.
    pub port: Option<u16>,
    /// How the connection is kept from others.
    pub security: Security,
    /// As whom the bridge signs in, and with what.
    pub login: Option<(String, SecretRef)>,
    /// From whom the mails are.
    pub from: String,
    /// Certificates that are trusted instead of the machine's own.
    pub ca_file: Option<PathBuf>,
}

/// How a connection to a mail server is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// It begins in clear and must turn to TLS before anything is said.
    StartTls,
    /// It is TLS from the first byte.
    Tls,
    /// Not at all: to this very machine only.
    None,
}

/// An address that takes alerts by POST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Web {
    /// Where; for Slack and Teams whoever knows it may post.
    pub url: Address,
    /// What each is signed with.
    pub secret: Option<SecretRef>,
    /// Whether `http://` to this machine is fine.
    pub allow_plain_http: bool,
    /// Networks beyond the public internet that may be connected to.
    pub allow_networks: Vec<String>,
    /// Certificates that are trusted instead of the machine's own.
    pub ca_file: Option<PathBuf>,
}

/// An address, or where it is kept if it is a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Written in the file.
    Url(String),
    /// A secret.
    Secret(SecretRef),
}

/// How a contact is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Who.
    pub contact: Contact,
    /// By which channels; the next is for when the one before it fails.
    pub channels: Vec<ChannelName>,
    /// Their addresses, for channels of e-mail.
    pub email: Vec<String>,
}

impl Alerts {
    /// The channel of this name.
    pub fn channel(&self, name: &ChannelName) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.name == *name)
    }

    /// Who is told if an alert is for this contact: somebody is always named.
    pub fn reach(&self, contact: Contact) -> Option<&Reach> {
        contact
            .stand_ins()
            .find_map(|one| self.contacts.iter().find(|reach| reach.contact == one))
    }
}

/// Reads `[practice.alerts]`; `has_address` tells whether `[console] url` is written.
pub(super) fn alerts(section: &Section<'_>, has_address: bool) -> Alerts {
    if !has_address {
        section.note_here(
            "an alert leads to its case, and where the console is stands nowhere: write \
             [console] `url`, the address people reach it at"
                .to_owned(),
        );
    }
    let mut taken = BTreeSet::new();
    let channels = section.each("channel", |section| Channel {
        name: unique_name(section, "channel", &mut taken).into(),
        how: how(section),
    });
    let contacts: Vec<Reach> = Contact::ALL
        .into_iter()
        .filter_map(|contact| {
            section.within_if_written(contact.as_str(), |section| {
                reach(section, contact, &channels)
            })
        })
        .collect();
    if contacts.is_empty() {
        section.note_here(
            "nobody is told: add [practice.alerts.owner] with `channels`, and if you like `deputy`, \
             `practice_manager` and `msp`"
                .to_owned(),
        );
    }
    let mut steps = section.each("step", |section| Step {
        after: section.need("after"),
        to: section.need("to"),
    });
    if steps.is_empty() {
        steps.extend(STANDARD);
    }
    steps.sort_by_key(|step| step.after);
    if let Some(pair) = steps.windows(2).find(|pair| pair[0] == pair[1]) {
        section.note_here(format!(
            "two steps tell {} after the same time: take one out",
            pair[0].to.in_words()
        ));
    }
    Alerts {
        names: section.find("names").unwrap_or(Naming::Initials),
        channels,
        contacts,
        steps,
    }
}

fn how(section: &Section<'_>) -> How {
    match section.need::<Kind>("kind") {
        Kind::Email => How::Email(mail(section)),
        Kind::Webhook => {
            let web = Web {
                secret: section.find("secret"),
                ..web(section)
            };
            if web.secret.is_none() {
                section.note_here(
                    "nobody could tell who sends this webhook: give it a `secret`, as `openssl rand -base64 32` \
                     makes them"
                        .to_owned(),
                );
            }
            How::Webhook(web)
        }
        Kind::Slack => How::Slack(web(section)),
        Kind::Teams => How::Teams(web(section)),
    }
}

fn mail(section: &Section<'_>) -> Mail {
    let server = section.need_at::<String>("server");
    let security = section.find("security").unwrap_or(Security::StartTls);
    let is_here = matches!(
        server.get_ref().as_str(),
        "localhost" | "127.0.0.1" | "::1" | ""
    );
    if security == Security::None && !is_here {
        let text = "mail would cross the network in clear: `security = \"none\"` is for a server on this machine";
        section.note(&server.span(), text.to_owned());
    }
    let login = section.find::<String>("login");
    let password = section.find::<SecretRef>("password");
    if login.is_some() != password.is_some() {
        section.note_here("`login` and `password` belong together".to_owned());
    }
    let from = section.need_at::<String>("from");
    if !from.get_ref().is_empty() {
        check_address(section, "from", &from);
    }
    Mail {
        server: server.into_inner(),
        port: section.find("port"),
        security,
        login: login.zip(password),
        from: from.into_inner(),
        ca_file: section.find("ca_file"),
    }
}

fn check_address(section: &Section<'_>, key: &str, address: &Spanned<String>) {
    if address
        .get_ref()
        .parse::<lettre::message::Mailbox>()
        .is_err()
    {
        let text = format!(
            "`{key}` must be an e-mail address, not `{}`",
            address.get_ref()
        );
        section.note(&address.span(), text);
    }
}

fn web(section: &Section<'_>) -> Web {
    Web {
        url: section.need("url"),
        secret: None,
        allow_plain_http: section.find("allow_plain_http").unwrap_or_default(),
        allow_networks: section.find("allow_networks").unwrap_or_default(),
        ca_file: section.find("ca_file"),
    }
}

fn reach(section: &Section<'_>, contact: Contact, known: &[Channel]) -> Reach {
    let named = section.need_if_right::<Vec<String>>("channels");
    if let Some(none) = named.as_ref().filter(|named| named.get_ref().is_empty()) {
        let text = format!(
            "no alert would reach the {}: name a channel in `channels`, or take the section out",
            contact.in_words()
        );
        section.note(&none.span(), text);
    }
    let named = named.unwrap_or_else(|| Spanned::new(0..0, Vec::new()));
    let email = section.find_at::<Vec<String>>("email");
    for name in named.get_ref() {
        match known.iter().find(|channel| channel.name.as_str() == name) {
            None => {
                let text = format!(
                    "there is no channel `{name}`: add a [[practice.alerts.channel]] of that name"
                );
                section.note(&named.span(), text);
            }
            Some(channel) if matches!(channel.how, How::Email(_)) && email.is_none() => {
                let text =
                    format!("`{name}` sends e-mail, and `email` says to whom: it is missing");
                section.note(&named.span(), text);
            }
            Some(_) => {}
        }
    }
    if let Some(email) = &email {
        for address in email.get_ref() {
            let address = Spanned::new(email.span(), address.clone());
            check_address(section, "email", &address);
        }
    }
    Reach {
        contact,
        channels: named
            .into_inner()
            .into_iter()
            .map(ChannelName::from)
            .collect(),
        email: email.map(Spanned::into_inner).unwrap_or_default(),
    }
}

/// What a channel is.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Email,
    Webhook,
    Slack,
    Teams,
}

impl Value for Kind {
    const EXPECTED: &'static str = "\"email\", \"webhook\", \"slack\" or \"teams\"";

    fn of(value: &toml::de::DeValue<'_>) -> Option<Self> {
        Some(match value.as_str()? {
            "email" => Self::Email,
            "webhook" => Self::Webhook,
            "slack" => Self::Slack,
            "teams" => Self::Teams,
            _ => return None,
        })
    }

    fn stand_in() -> Self {
        Self::Slack
    }
}

impl Value for Security {
    const EXPECTED: &'static str = "\"starttls\", \"tls\" or \"none\"";

    fn of(value: &toml::de::DeValue<'_>) -> Option<Self> {
        Some(match value.as_str()? {
            "starttls" => Self::StartTls,
            "tls" => Self::Tls,
            "none" => Self::None,
            _ => return None,
        })
    }

    fn stand_in() -> Self {
        Self::StartTls
    }
}

impl Value for Naming {
    const EXPECTED: &'static str = "\"initials\" or \"id\"";

    fn of(value: &toml::de::DeValue<'_>) -> Option<Self> {
        Some(match value.as_str()? {
            "initials" => Self::Initials,
            "id" => Self::Id,
            _ => return None,
        })
    }

    fn stand_in() -> Self {
        Self::Initials
    }
}

impl Value for Contact {
    const EXPECTED: &'static str = "\"owner\", \"deputy\", \"practice_manager\" or \"msp\"";

    fn of(value: &toml::de::DeValue<'_>) -> Option<Self> {
        Self::from_name(value.as_str()?)
    }

    fn stand_in() -> Self {
        Self::Owner
    }
}

impl Value for u16 {
    const EXPECTED: &'static str = "a port such as 587";

    fn of(value: &toml::de::DeValue<'_>) -> Option<Self> {
        let number = value.as_integer()?;
        let port = Self::from_str_radix(number.as_str(), number.radix()).ok()?;
        (port > 0).then_some(port)
    }

    fn stand_in() -> Self {
        587
    }
}

impl Value for Address {
    const EXPECTED: &'static str =
        "an address, or where it is kept: { file = \"/run/secrets/x\" } or { env = \"X\" }";

    fn of(value: &toml::de::DeValue<'_>) -> Option<Self> {
        let written = String::of(value).map(Self::Url);
        written.or_else(|| SecretRef::of(value).map(Self::Secret))
    }

    fn stand_in() -> Self {
        Self::Url(String::new())
    }

    // An address of Slack or Teams is a secret: it is not repeated.
    fn problem(value: &toml::de::DeValue<'_>) -> String {
        format!("must be {}, not {}", Self::EXPECTED, kind(value))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::load::testing::{load, problems},
        *,
    };

    const TOP: &str =
        "console.url = \"https://bridge.elm.example/\"\n[[practice]]\nname = \"elm\"\n";
    const MAIL: &str = "[[practice.alerts.channel]]\nname = \"mail\"\nkind = \"email\"\nserver = \"smtp.elm.example\"\n\
        from = \"bridge@elm.example\"\n";
    const OWNER: &str =
        "[practice.alerts.owner]\nchannels = [\"mail\"]\nemail = \"dana@elm.example\"\n";

    fn read(text: &str) -> Alerts {
        let mut settings = load(text, "").unwrap();
        assert_eq!(
            settings.console.url.as_deref(),
            Some("https://bridge.elm.example")
        );
        settings.practices.remove(0).alerts.unwrap()
    }

    #[test]
    fn a_practice_that_names_its_owner_has_the_usual_steps() {
        let alerts = read(&format!("{TOP}{MAIL}{OWNER}"));

        assert_eq!(alerts.steps, STANDARD);
        assert_eq!(alerts.names, Naming::Initials);
        let reach = alerts.reach(Contact::Msp).unwrap();
        assert_eq!(reach.contact, Contact::Owner, "who is there stands in");
        let How::Email(mail) = &alerts.channels[0].how else {
            panic!("a channel of e-mail");
        };
        assert_eq!(mail.security, Security::StartTls);
    }

    #[test]
    fn steps_are_a_practices_own() {
        let steps = "[[practice.alerts.step]]\nafter = \"30 min\"\nto = \"msp\"\n\
            [[practice.alerts.step]]\nafter = \"5 min\"\nto = \"practice_manager\"\n";

        let alerts = read(&format!("{TOP}{MAIL}{OWNER}{steps}"));

        let after: Vec<u64> = alerts
            .steps
            .iter()
            .map(|step| step.after.as_secs() / 60)
            .collect();
        assert_eq!(after, [5, 30]);
    }

    #[test]
    fn an_alert_that_could_reach_nobody_is_found_before_the_start() {
        let no_address = TOP.replace("console.url = \"https://bridge.elm.example/\"\n", "");
        let web = |kind: &str, rest: &str| {
            format!(
                "{TOP}[[practice.alerts.channel]]\nname = \"x\"\nkind = \"{kind}\"\n{rest}[practice.alerts.owner]\nchannels = [\"x\"]\n"
            )
        };
        for (text, says) in [
            (format!("{no_address}{MAIL}{OWNER}"), "[console] `url`"),
            (format!("{TOP}{MAIL}"), "nobody is told"),
            (
                format!("{TOP}{MAIL}[practice.alerts.owner]\nchannels = [\"mail\"]\n"),
                "`email` says to whom",
            ),
            (
                format!("{TOP}{MAIL}[practice.alerts.owner]\nchannels = []\n"),
                "no alert would reach the owner",
            ),
            (
                format!("{TOP}{MAIL}[practice.alerts.owner]\nchannels = [\"pager\"]\n"),
                "no channel `pager`",
            ),
            (
                format!("{TOP}{MAIL}{}", OWNER.replace("dana@elm.example", "dana")),
                "`email` must be an e-mail address",
            ),
            (
                format!("{TOP}{MAIL}security = \"none\"\n{OWNER}"),
                "in clear",
            ),
            (
                format!("{TOP}{MAIL}login = \"x\"\n{OWNER}"),
                "belong together",
            ),
            (web("pager", ""), "`kind` must be"),
            (web("webhook", "url = \"https://x.example\"\n"), "`secret`"),
            (web("slack", "url = 5\n"), "`url` must be"),
        ] {
            let found = problems(&text);
            assert!(
                found.iter().any(|problem| problem.1.contains(says)),
                "{says}: {found:?}"
            );
        }
    }
}

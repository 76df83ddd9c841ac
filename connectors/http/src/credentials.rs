//! The credentials of the settings, put where the vendor file wants them.

use std::collections::BTreeMap;

use drawbridge_sdk::{
    BuildContext, Secret, SettingsError,
    http::{Auth as HttpAuth, ClientAuth, Credential, Grant, JwtKey, OAuth},
};

use crate::{
    settings::{CredentialRef, Settings},
    vendor::{
        VendorFile,
        auth::{Auth, Needed},
    },
};

/// How requests to this vendor are signed.
///
/// # Errors
/// When an entry under `credentials` is missing, is not needed, leads nowhere, or is a secret written in
/// plain text; and when there is no address for tokens.
pub fn auth(
    settings: &Settings,
    vendor: &VendorFile,
    context: &BuildContext,
) -> Result<Vec<HttpAuth>, SettingsError> {
    let mut bound = Bound::new(settings, vendor, context)?;
    vendor
        .auth
        .iter()
        .map(|auth| http_auth(auth, settings, &mut bound))
        .collect()
}

fn http_auth(
    auth: &Auth,
    settings: &Settings,
    bound: &mut Bound,
) -> Result<HttpAuth, SettingsError> {
    let token_url = |own: &Option<String>| {
        settings
            .token_url
            .clone()
            .or_else(|| own.clone())
            .ok_or_else(|| SettingsError::Value {
                key: "token_url",
                problem: "is missing: say where the vendor gives tokens".to_owned(),
            })
    };
    let client_auth = |in_body: &bool| {
        if *in_body {
            ClientAuth::Body
        } else {
            ClientAuth::Header
        }
    };
    Ok(match auth {
        Auth::Bearer => HttpAuth::Bearer(bound.secret("token")?),
        Auth::Basic => HttpAuth::Basic {
            user: bound.credential("user")?,
            password: bound.secret("password")?,
        },
        Auth::Header {
            name,
            credential,
            prefix,
        } => HttpAuth::Header {
            name: name.clone(),
            prefix: prefix.clone(),
            value: bound.secret(credential)?,
        },
        Auth::Oauth2ClientCredentials {
            token_url: own,
            scopes,
            client_in_body,
        } => HttpAuth::OAuth(OAuth::new(
            token_url(own)?,
            Grant::ClientCredentials {
                client_id: bound.credential("client_id")?,
                client_secret: bound.secret("client_secret")?,
                client_auth: client_auth(client_in_body),
            },
            scopes.clone(),
        )),
        Auth::Oauth2Password {
            token_url: own,
            scopes,
            client_in_body,
        } => HttpAuth::OAuth(OAuth::new(
            token_url(own)?,
            Grant::Password {
                client_id: bound.credential("client_id")?,
                client_secret: bound.secret("client_secret")?,
                client_auth: client_auth(client_in_body),
                user: bound.credential("user")?,
                password: bound.secret("password")?,
            },
            scopes.clone(),
        )),
        Auth::Oauth2JwtBearer {
            token_url: own,
            scopes,
            audience,
        } => HttpAuth::OAuth(OAuth::new(
            token_url(own)?,
            Grant::JwtBearer(JwtKey {
                issuer: bound.text("issuer")?.unwrap_or_default(),
                subject: bound.text("subject")?,
                audience: audience.clone(),
                key_id: bound.text("key_id")?,
                key: bound.secret("private_key")?,
            }),
            scopes.clone(),
        )),
    })
}

/// The entries under `credentials`, each held against what is needed.
struct Bound {
    plain: BTreeMap<String, String>,
    secrets: BTreeMap<String, Secret>,
    wanted: String,
}

impl Bound {
    fn new(
        settings: &Settings,
        vendor: &VendorFile,
        context: &BuildContext,
    ) -> Result<Self, SettingsError> {
        let needs: Vec<Needed<'_>> = vendor.auth.iter().flat_map(Auth::needs).collect();
        let names: Vec<&str> = needs.iter().map(|needed| needed.name).collect();
        let mut bound = Self {
            plain: BTreeMap::new(),
            secrets: BTreeMap::new(),
            wanted: format!("{} needs {}", vendor.title, names.join(", ")),
        };
        for (name, reference) in &settings.credentials {
            let Some(needed) = needs.iter().find(|needed| needed.name == name) else {
                return Err(bound.wrong(format!(
                    "`{name}` is not needed: {}; take it out",
                    bound.wanted
                )));
            };
            match reference {
                CredentialRef::Secret(reference) => {
                    bound
                        .secrets
                        .insert(name.clone(), reference.bind(&context.base_dir)?);
                }
                CredentialRef::Plain(_) if needed.is_secret => {
                    return Err(bound.wrong(format!("`{name}` is a secret: write {name} = {{ env = \"...\" }} or {{ file = \"...\" }}")));
                }
                CredentialRef::Plain(text) => {
                    bound.plain.insert(name.clone(), text.clone());
                }
            }
        }
        for needed in needs.iter().filter(|needed| !needed.is_optional) {
            if !settings.credentials.contains_key(needed.name) {
                return Err(bound.missing(needed.name));
            }
        }
        Ok(bound)
    }

    fn secret(&self, name: &str) -> Result<Secret, SettingsError> {
        self.secrets
            .get(name)
            .cloned()
            .ok_or_else(|| self.missing(name))
    }

    fn credential(&self, name: &str) -> Result<Credential, SettingsError> {
        match self.plain.get(name) {
            Some(text) => Ok(Credential::from(text.clone())),
            None => self.secret(name).map(Credential::from),
        }
    }

    /// Plain text, which must be written as such.
    fn text(&self, name: &str) -> Result<Option<String>, SettingsError> {
        match self.secrets.get(name) {
            Some(_) => Err(self.wrong(format!("`{name}` is no secret: write it in plain text"))),
            None => Ok(self.plain.get(name).cloned()),
        }
    }

    fn missing(&self, name: &str) -> SettingsError {
        self.wrong(format!("`{name}` is missing: {}", self.wanted))
    }

    fn wrong(&self, problem: String) -> SettingsError {
        SettingsError::Value {
            key: "credentials",
            problem,
        }
    }
}

//! A code for a token, by the `oauth2` crate over our own client and so by its rules.

use std::{borrow::Cow, pin::Pin, time::Duration};

use drawbridge_sdk::{CallError, http::Method};
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    EndpointNotSet, EndpointSet, ExtraTokenFields, HttpRequest, HttpResponse, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, StandardRevocableToken,
    StandardTokenResponse, TokenUrl,
    basic::{
        BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
        BasicTokenType,
    },
    http::StatusCode,
};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{ClientAuth, Endpoint, Known, OidcError, Provider, SetOut, unanswered};

/// What OpenID Connect adds to a token answer.
#[derive(Serialize, Deserialize)]
struct WithIdToken {
    id_token: Option<String>,
}

impl std::fmt::Debug for WithIdToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WithIdToken").finish_non_exhaustive()
    }
}

impl ExtraTokenFields for WithIdToken {}

type Client = oauth2::Client<
    BasicErrorResponse,
    StandardTokenResponse<WithIdToken, BasicTokenType>,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

fn client(provider: &Provider, known: &Known) -> Result<Client, OidcError> {
    let wrong = || {
        OidcError::Provider("an address of the provider cannot be used: check `issuer`".to_owned())
    };
    let url = |endpoint: &Endpoint| Url::parse(endpoint.base_url()).map_err(|_| wrong());
    let back = RedirectUrl::new(provider.back.clone()).map_err(|_| wrong())?;
    let mut client = oauth2::Client::new(ClientId::new(provider.settings.client_id.clone()))
        .set_auth_uri(AuthUrl::from_url(known.authorize.clone()))
        .set_token_uri(TokenUrl::from_url(url(&known.token)?))
        .set_redirect_uri(back)
        .set_auth_type(match provider.settings.client_auth {
            ClientAuth::Header => AuthType::BasicAuth,
            ClientAuth::Body => AuthType::RequestBody,
        });
    if let Some(secret) = &provider.client_secret {
        // Read anew each time: secrets are renewed.
        let secret = secret
            .read()
            .map_err(|error| OidcError::Provider(error.to_string()))?;
        client = client.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned()));
    }
    Ok(client)
}

/// Where to send a browser, and what it must bring back.
pub(super) fn set_out(
    provider: &Provider,
    known: &Known,
    nonce: String,
    within: Option<Duration>,
) -> Result<SetOut, OidcError> {
    let client = client(provider, known)?;
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let scopes = provider.settings.scopes.iter().cloned().map(Scope::new);
    let mut request = client
        .authorize_url(CsrfToken::new_random)
        .add_scope(Scope::new("openid".to_owned()))
        .add_scopes(scopes)
        .set_pkce_challenge(challenge)
        .add_extra_param("nonce", nonce.clone());
    if let Some(within) = within {
        // Both: some providers know the one and some the other. Not 0: it has some ask for ever.
        request = request
            .add_extra_param("prompt", "login")
            .add_extra_param("max_age", within.as_secs().max(1).to_string());
    }
    let (url, state) = request.url();
    Ok(SetOut {
        url: url.into(),
        state: state.into_secret(),
        nonce,
        verifier: verifier.into_secret(),
    })
}

/// The ID token that a code is good for, unchecked.
pub(super) async fn token(
    provider: &Provider,
    known: &Known,
    code: &str,
    verifier: &str,
) -> Result<String, OidcError> {
    let client = client(provider, known)?;
    let wire = Wire(known.token.clone());
    let exchange = client
        .exchange_code(AuthorizationCode::new(code.to_owned()))
        .set_pkce_verifier(PkceCodeVerifier::new(verifier.to_owned()));
    let answer = exchange.request_async(&wire).await.map_err(|error| {
        match error {
            RequestTokenError::Request(error) => unanswered(&error),
            // Its own description stays out: it may quote what was sent.
            RequestTokenError::ServerResponse(refusal) => OidcError::NotTaken(format!(
                "the provider did not give a token for the code ({})",
                known_error(refusal.error().as_ref())
            )),
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                OidcError::Provider("the provider's answer holds no token".to_owned())
            }
        }
    })?;
    let token = answer.extra_fields().id_token.clone();
    token.ok_or_else(|| {
        OidcError::Provider(
            "the provider gave no ID token: register the bridge as an OpenID Connect client"
                .to_owned(),
        )
    })
}

/// The kind of refusal, if it is one of those there are.
fn known_error(said: &str) -> Cow<'static, str> {
    const KNOWN: [&str; 5] = [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
    ];
    let known = KNOWN.iter().find(|known| **known == said);
    known.map_or("for a reason of its own".into(), |known| (*known).into())
}

/// The token endpoint, as the `oauth2` crate wants its HTTP client.
struct Wire(Endpoint);

impl<'c> AsyncHttpClient<'c> for Wire {
    type Error = CallError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, CallError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl Wire {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, CallError> {
        let (parts, body) = request.into_parts();
        let kind = "application/x-www-form-urlencoded";
        let mut request = self
            .0
            .read("exchange the code", Method::POST, "")
            .body(kind, body);
        for name in ["accept", "authorization"] {
            if let Some(value) = parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
            {
                request = request.header(name, value);
            }
        }
        let answer = request.send().await?;
        // What a provider refuses is said in the body, by any of these.
        if !matches!(answer.status, 200 | 400 | 401 | 403) {
            return Err(answer.failure());
        }
        let mut response = HttpResponse::new(answer.body);
        *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or_default();
        Ok(response)
    }
}

//! Fetching a token with the `oauth2` crate, over our own client and so by its rules.

use std::{
    pin::Pin,
    sync::{Mutex, PoisonError},
};

use oauth2::{
    AsyncHttpClient, AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse,
    RequestTokenError, ResourceOwnerPassword, ResourceOwnerUsername, Scope, TokenUrl,
    basic::{BasicClient, BasicErrorResponse, BasicTokenResponse},
    http::{
        HeaderValue, Method, StatusCode,
        header::{ACCEPT, CONTENT_TYPE},
    },
};
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};

use super::{
    Answer,
    auth::Credential,
    endpoint::Deadline,
    oauth::{ClientAuth, Grant},
    request::Sends,
    trouble,
};
use crate::{
    failure::{CallError, FailureClass, Finality},
    receipt::Receipt,
    secret::Secret,
    strict_json,
};

/// The grant type of RFC 7523 section 2.1.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

const STEP: &str = "fetch token";
const LINE: &str = "POST {token_url}";

/// A token server that was checked when the settings were read.
pub(super) struct TokenServer {
    pub url: Url,
    pub client: Client,
}

impl TokenServer {
    /// Fetches one token. A failure has nothing to do with what the token is for: nothing of that
    /// was sent.
    pub async fn fetch(
        &self,
        grant: &Grant,
        scopes: &[String],
        deadline: Deadline,
        receipts: &mut Vec<Receipt>,
    ) -> Result<BasicTokenResponse, CallError> {
        let exchange = Exchange {
            server: self,
            deadline,
            receipts: Mutex::default(),
        };
        let fetched = exchange.fetch(grant, scopes).await;
        receipts.append(
            &mut exchange
                .receipts
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner),
        );
        fetched
    }
}

/// One exchange, as the `oauth2` crate wants its HTTP client. A type of its own with a boxed future,
/// because a closure here would keep the futures of every connector from being `Send`.
struct Exchange<'a> {
    server: &'a TokenServer,
    deadline: Deadline,
    receipts: Mutex<Vec<Receipt>>,
}

impl<'c> AsyncHttpClient<'c> for Exchange<'_> {
    type Error = CallError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, CallError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl Exchange<'_> {
    async fn fetch(
        &self,
        grant: &Grant,
        scopes: &[String],
    ) -> Result<BasicTokenResponse, CallError> {
        let token_url = TokenUrl::from_url(self.server.url.clone());
        let asked_scopes = scopes.iter().cloned().map(Scope::new);
        match grant {
            Grant::ClientCredentials {
                client_id,
                client_secret,
                client_auth,
            } => {
                let client =
                    client(client_id, client_secret, *client_auth)?.set_token_uri(token_url);
                let exchange = client
                    .exchange_client_credentials()
                    .add_scopes(asked_scopes);
                exchange.request_async(self).await.map_err(failure)
            }
            Grant::Password {
                client_id,
                client_secret,
                client_auth,
                user,
                password,
            } => {
                let client =
                    client(client_id, client_secret, *client_auth)?.set_token_uri(token_url);
                let user = ResourceOwnerUsername::new(user.read()?.expose_secret().to_owned());
                let password =
                    ResourceOwnerPassword::new(password.read()?.expose_secret().to_owned());
                let exchange = client
                    .exchange_password(&user, &password)
                    .add_scopes(asked_scopes);
                exchange.request_async(self).await.map_err(failure)
            }
            Grant::JwtBearer(key) => {
                let assertion = key.assertion(self.server.url.as_str())?;
                read_token(&self.send(jwt_bearer(&assertion, scopes)).await?)
            }
        }
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, CallError> {
        let answer = match self.receive(request).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(mut error)) => {
                self.keep(std::mem::take(&mut error.receipts));
                return Err(error);
            }
            Err(error) => {
                self.keep(vec![Receipt::new(STEP, LINE, None, "")]);
                return Err(trouble::of(&error, Sends::Reads));
            }
        };
        self.keep(answer.receipts.clone());
        match answer.status {
            401 | 403 => Err(refused()),
            // The server's refusals of the client are 400 with a body that the crate reads.
            200 | 400 => {
                let mut response = HttpResponse::new(answer.body);
                *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or_default();
                Ok(response)
            }
            _ => Err(CallError {
                receipts: Vec::new(),
                ..answer.failure()
            }),
        }
    }

    /// The answer's body holds the token, so the receipt gets none of it.
    async fn receive(
        &self,
        request: HttpRequest,
    ) -> Result<Result<Answer, CallError>, reqwest::Error> {
        let (parts, body) = request.into_parts();
        let request = self
            .server
            .client
            .request(parts.method, self.server.url.clone());
        let request = request
            .headers(parts.headers)
            .body(body)
            .timeout(self.deadline.remaining());
        Answer::receive(request.send().await?, Sends::Reads, STEP, LINE, |_| {
            String::new()
        })
        .await
    }

    fn keep(&self, receipts: Vec<Receipt>) {
        self.receipts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(receipts);
    }
}

fn client(id: &Credential, secret: &Secret, auth: ClientAuth) -> Result<BasicClient, CallError> {
    let auth = match auth {
        ClientAuth::Header => AuthType::BasicAuth,
        ClientAuth::Body => AuthType::RequestBody,
    };
    Ok(
        BasicClient::new(ClientId::new(id.read()?.expose_secret().to_owned()))
            .set_client_secret(ClientSecret::new(secret.read()?.expose_secret().to_owned()))
            .set_auth_type(auth),
    )
}

/// The `oauth2` crate knows no JWT bearer grant, so its request is written here; its answer is read
/// with the crate's types.
fn jwt_bearer(assertion: &SecretString, scopes: &[String]) -> HttpRequest {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", JWT_BEARER);
    form.append_pair("assertion", assertion.expose_secret());
    if !scopes.is_empty() {
        form.append_pair("scope", &scopes.join(" "));
    }
    let mut request = HttpRequest::new(form.finish().into_bytes());
    *request.method_mut() = Method::POST;
    let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(CONTENT_TYPE, form_type);
    request
        .headers_mut()
        .insert(ACCEPT, HeaderValue::from_static("application/json"));
    request
}

fn read_token(response: &HttpResponse) -> Result<BasicTokenResponse, CallError> {
    let body = strict_json::parse(response.body()).map_err(|_| no_token())?;
    if response.status() == StatusCode::OK {
        return serde_json::from_value(body).map_err(|_| no_token());
    }
    let _refusal: BasicErrorResponse = serde_json::from_value(body).map_err(|_| no_token())?;
    Err(refused())
}

fn failure(error: RequestTokenError<CallError, BasicErrorResponse>) -> CallError {
    match error {
        RequestTokenError::Request(error) => error,
        // The server's own description stays out: it may quote what was sent.
        RequestTokenError::ServerResponse(_) => refused(),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => no_token(),
    }
}

fn refused() -> CallError {
    CallError::new(
        FailureClass::Credential,
        Finality::NotSent,
        "the token server refused the bridge's credential: store a valid one for this system, and \
         check its scopes",
    )
}

fn no_token() -> CallError {
    CallError::new(
        FailureClass::Contract,
        Finality::NotSent,
        "the token server's answer holds no token: check the token address",
    )
}

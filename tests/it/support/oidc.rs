//! An identity provider with real keys, which does what a test has it do.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use drawbridge::{
    clock::{Clock as _, MockClock},
    config::Oidc,
};
use drawbridge_sdk::{SecretRef, http::ClientAuth};
use ring::{
    digest::{SHA256, digest},
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Semaphore};

use super::{
    TestApp,
    browser::{Browser, Page},
};

/// What the provider calls the bridge, and what the bridge says who it is with.
pub const CLIENT: &str = "drawbridge";
const SECRET: &str = "standin-secret-1";

/// How the next tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// By the key that is published.
    Well,
    /// On another curve, by a key that is published too.
    WithEd25519,
    /// By a key that only calls itself so.
    ByAnotherKey,
    /// Not at all.
    Not,
    /// By what the client knows too.
    WithTheClientsSecret,
    /// By the text of the published key, as if it were a shared secret.
    WithThePublicKeyAsSecret,
    /// Well, with a header that says that something unknown must be understood.
    WithSomethingCritical,
}

/// Changes what the next token says.
type Lie = Arc<dyn Fn(&mut Value) + Send + Sync>;

struct Inner {
    clock: MockClock,
    issuer: String,
    /// Who is signed in at the provider.
    person: Value,
    lie: Option<Lie>,
    signed: Signed,
    discovery: Option<Value>,
    key: EcdsaKeyPair,
    key_id: String,
    ed: Ed25519KeyPair,
    other: EcdsaKeyPair,
    codes: HashMap<String, BTreeMap<String, String>>,
    /// What the browser was sent with, the latest last.
    asked: Vec<BTreeMap<String, String>>,
    exchanged: usize,
    /// Codes that are being exchanged now, and the most there were at once.
    exchanging: usize,
    most: usize,
    /// What each exchange waits for, if it shall wait.
    gate: Option<Arc<Semaphore>>,
}

/// The provider, on a free port.
#[derive(Clone)]
pub struct StandIn {
    inner: Arc<Mutex<Inner>>,
    pub issuer: String,
}

fn new_key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
    let document = document.expect("a key");
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random)
        .expect("a key")
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

impl StandIn {
    pub async fn start(app: &TestApp) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let issuer = format!("http://{}", socket.local_addr().expect("an address"));
        let ed = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        let inner = Inner {
            clock: app.clock.clone(),
            issuer: issuer.clone(),
            person: json!({}),
            lie: None,
            signed: Signed::Well,
            discovery: None,
            key: new_key(),
            key_id: "one".to_owned(),
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).expect("a key"),
            other: new_key(),
            codes: HashMap::new(),
            asked: Vec::new(),
            exchanged: 0,
            exchanging: 0,
            most: 0,
            gate: None,
        };
        let provider = Self {
            inner: Arc::new(Mutex::new(inner)),
            issuer,
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(socket, router).await });
        provider
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nobody panicked")
    }

    /// The settings that lead to it.
    pub fn settings(&self, app: &TestApp) -> Oidc {
        let file = app.settings.base_dir.join("client-secret");
        std::fs::write(&file, SECRET).expect("a secret can be written");
        Oidc {
            title: "the stand-in".to_owned(),
            issuer: self.issuer.clone(),
            client_id: CLIENT.to_owned(),
            client_secret: Some(SecretRef::File { file }),
            client_auth: ClientAuth::Header,
            scopes: vec!["profile".to_owned(), "email".to_owned()],
            trust_email: false,
            allow_plain_http: true,
            allow_networks: Vec::new(),
            ca_file: None,
        }
    }

    /// Somebody signs in at the provider, with an address that it verified.
    pub fn is_used_by(&self, subject: &str, email: &str) {
        self.is_used_by_claims(json!({"sub": subject, "email": email, "email_verified": true}));
    }

    /// The same, with whatever it says of them.
    pub fn is_used_by_claims(&self, person: Value) {
        self.inner().person = person;
    }

    /// Changes what tokens say from now on.
    pub fn lies(&self, lie: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.inner().lie = Some(Arc::new(lie));
    }

    /// Tokens say what is so again.
    pub fn tells_the_truth(&self) {
        let mut inner = self.inner();
        inner.lie = None;
        inner.signed = Signed::Well;
    }

    pub fn signs(&self, signed: Signed) {
        self.inner().signed = signed;
    }

    /// Takes a new key in use, and publishes that alone.
    pub fn changes_its_key(&self) {
        let mut inner = self.inner();
        inner.key = new_key();
        inner.key_id = "two".to_owned();
    }

    /// Says this about itself.
    pub fn says_of_itself(&self, discovery: Value) {
        self.inner().discovery = Some(discovery);
    }

    /// What the browser was last sent with.
    pub fn asked(&self) -> BTreeMap<String, String> {
        self.inner().asked.last().cloned().expect("a browser came")
    }

    /// How often a code was exchanged.
    pub fn exchanged(&self) -> usize {
        self.inner().exchanged
    }

    /// Has every exchange wait until it is let go.
    pub fn holds_answers(&self) {
        self.inner().gate = Some(Arc::new(Semaphore::new(0)));
    }

    /// Lets one exchange go.
    pub fn lets_one_go(&self) {
        let inner = self.inner();
        inner.gate.as_ref().expect("it holds").add_permits(1);
    }

    /// How many codes are being exchanged now, and the most there were at once.
    pub fn exchanging(&self) -> (usize, usize) {
        let inner = self.inner();
        (inner.exchanging, inner.most)
    }

    /// Has a browser set out, and the person sign in at the provider. Answers where that sends the browser back
    /// to, within the console.
    pub async fn sign_in_there(&self, browser: &Browser, query: &str) -> String {
        let out = browser.get(&format!("/sign-in/with?{query}")).await;
        assert_eq!(out.status, StatusCode::SEE_OTHER, "{}", out.text);
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        let there = client.get(out.header("location")).send().await;
        let there = there.expect("an answer");
        let back = there.headers()[header::LOCATION.as_str()].to_str();
        let back = url::Url::parse(back.expect("text")).expect("an address");
        format!("{}?{}", back.path(), back.query().unwrap_or_default())
    }

    /// The whole way there and back.
    pub async fn sign_in(&self, browser: &Browser, query: &str) -> Page {
        let back = self.sign_in_there(browser, query).await;
        browser.get(&back).await
    }
}

async fn discovery(State(provider): State<StandIn>) -> Response {
    let inner = provider.inner();
    let own = json!({
        "issuer": inner.issuer,
        "authorization_endpoint": format!("{}/authorize", inner.issuer),
        "token_endpoint": format!("{}/token", inner.issuer),
        "jwks_uri": format!("{}/keys", inner.issuer),
    });
    Json(inner.discovery.clone().unwrap_or(own)).into_response()
}

fn public(key: &EcdsaKeyPair, id: &str) -> Value {
    let (x, y) = key.public_key().as_ref()[1..].split_at(32);
    json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y), "kid": id, "use": "sig", "alg": "ES256"})
}

async fn keys(State(provider): State<StandIn>) -> Json<Value> {
    let inner = provider.inner();
    let ed = encode(inner.ed.public_key().as_ref());
    Json(json!({"keys": [
        {"kty": "of a kind that nobody knows", "kid": "strange"},
        public(&inner.key, &inner.key_id),
        {"kty": "OKP", "crv": "Ed25519", "x": ed, "kid": "ed"},
    ]}))
}

async fn authorize(
    State(provider): State<StandIn>,
    Query(asked): Query<BTreeMap<String, String>>,
) -> Response {
    let mut inner = provider.inner();
    let code = format!("code-{}", inner.asked.len());
    let back = format!(
        "{}?code={code}&state={}",
        asked["redirect_uri"], asked["state"]
    );
    inner.codes.insert(code, asked.clone());
    inner.asked.push(asked);
    (StatusCode::FOUND, [(header::LOCATION, back)]).into_response()
}

async fn token(State(provider): State<StandIn>, headers: HeaderMap, body: String) -> Response {
    let gate = {
        let mut inner = provider.inner();
        inner.exchanging += 1;
        inner.most = inner.most.max(inner.exchanging);
        inner.gate.clone()
    };
    if let Some(gate) = gate {
        gate.acquire().await.expect("it is never closed").forget();
    }
    provider.inner().exchanging -= 1;
    exchange(&provider, &headers, &body)
}

fn exchange(provider: &StandIn, headers: &HeaderMap, body: &str) -> Response {
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    let mut inner = provider.inner();
    inner.exchanged += 1;
    let refuse =
        |error: &str| (StatusCode::BAD_REQUEST, Json(json!({"error": error}))).into_response();
    let shown = headers.get(header::AUTHORIZATION);
    let client = format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{CLIENT}:{SECRET}"))
    );
    if shown.and_then(|shown| shown.to_str().ok()) != Some(&client) {
        return refuse("invalid_client");
    }
    // A code is good for once, for who set out, and for where they set out from.
    let Some(asked) = form.get("code").and_then(|code| inner.codes.remove(code)) else {
        return refuse("invalid_grant");
    };
    let challenge = encode(digest(&SHA256, form["code_verifier"].as_bytes()));
    if asked["code_challenge_method"] != "S256"
        || asked["code_challenge"] != challenge
        || asked["redirect_uri"] != form["redirect_uri"]
    {
        return refuse("invalid_grant");
    }
    let token = inner.id_token(&asked);
    Json(json!({
        "access_token": "never used", "token_type": "Bearer", "expires_in": 60, "id_token": token,
    }))
    .into_response()
}

impl Inner {
    fn id_token(&self, asked: &BTreeMap<String, String>) -> String {
        let now = self.clock.now().as_second();
        let mut claims = json!({
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"],
        });
        if asked.contains_key("max_age") {
            claims["auth_time"] = json!(now);
        }
        if let (Some(claims), Some(person)) = (claims.as_object_mut(), self.person.as_object()) {
            claims.extend(person.clone());
        }
        if let Some(lie) = &self.lie {
            lie(&mut claims);
        }
        let (algorithm, key_id) = match self.signed {
            Signed::Not => ("none", self.key_id.as_str()),
            Signed::WithTheClientsSecret | Signed::WithThePublicKeyAsSecret => {
                ("HS256", self.key_id.as_str())
            }
            Signed::WithEd25519 => ("EdDSA", "ed"),
            _ => ("ES256", self.key_id.as_str()),
        };
        let mut header = json!({"alg": algorithm, "kid": key_id, "typ": "JWT"});
        if self.signed == Signed::WithSomethingCritical {
            header["crit"] = json!(["moon"]);
        }
        let text = format!(
            "{}.{}",
            encode(header.to_string()),
            encode(claims.to_string())
        );
        format!("{text}.{}", encode(self.signature(text.as_bytes())))
    }

    fn signature(&self, text: &[u8]) -> Vec<u8> {
        let by = |key: &EcdsaKeyPair| {
            let signature = key.sign(&SystemRandom::new(), text);
            signature.expect("a signature").as_ref().to_vec()
        };
        let shared = |secret: &[u8]| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
            hmac::sign(&key, text).as_ref().to_vec()
        };
        match self.signed {
            Signed::Well | Signed::WithSomethingCritical => by(&self.key),
            Signed::WithEd25519 => self.ed.sign(text).as_ref().to_vec(),
            Signed::ByAnotherKey => by(&self.other),
            Signed::Not => Vec::new(),
            Signed::WithTheClientsSecret => shared(SECRET.as_bytes()),
            Signed::WithThePublicKeyAsSecret => shared(self.key.public_key().as_ref()),
        }
    }
}

//! Tokens that are fetched first.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use drawbridge_sdk::{
    FailureClass, Finality,
    http::{Auth, ClientAuth, Endpoint, EndpointOptions, Grant, JwtKey, Method, OAuth},
};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use rustls::pki_types::{SubjectPublicKeyInfoDer, pem::PemObject};
use serde_json::Value;

use crate::support::{Reply, SecretFile, Server, answer, json, options};

fn token(name: &str, lifetime: u32) -> Reply {
    Reply::Bytes(json(&format!(
        r#"{{"access_token":"{name}","token_type":"Bearer","expires_in":{lifetime}}}"#
    )))
}

fn client_credentials(secret: &SecretFile, client_auth: ClientAuth) -> Grant {
    Grant::ClientCredentials {
        client_id: "bridge".into(),
        client_secret: secret.secret(),
        client_auth,
    }
}

fn endpoint(system: &Server, tokens: &Server, grant: Grant) -> Endpoint {
    let oauth = OAuth::new(
        format!("{}/token", tokens.url()),
        grant,
        vec!["users".to_owned(), "sessions".to_owned()],
    );
    system.endpoint_with(EndpointOptions {
        auth: vec![Auth::OAuth(oauth)],
        ..options()
    })
}

async fn check(endpoint: &Endpoint) -> Result<usize, drawbridge_sdk::CallError> {
    endpoint
        .change("disable", Method::POST, "/")
        .send_ok()
        .await
        .map(|answer| answer.receipts.len())
}

#[tokio::test]
async fn a_token_is_fetched_once_and_used_until_it_ends() {
    let secret = SecretFile::holding("s3cret&more");
    let tokens = Server::answering(vec![token("token-one", 3600)]).await;
    let system = Server::saying(json("{}")).await;
    let endpoint = endpoint(
        &system,
        &tokens,
        client_credentials(&secret, ClientAuth::Body),
    );

    assert_eq!(
        check(&endpoint).await.expect("an answer"),
        2,
        "the token's request leaves a receipt too"
    );
    assert_eq!(check(&endpoint).await.expect("an answer"), 1);

    let asked = &tokens.requests();
    assert_eq!(asked.len(), 1);
    for part in [
        "POST /token ",
        "grant_type=client_credentials",
        "scope=users+sessions",
        "client_secret=s3cret%26more",
    ] {
        assert!(asked[0].contains(part), "{part} in {}", asked[0]);
    }
    assert!(
        system
            .requests()
            .iter()
            .all(|request| request.contains("Bearer token-one"))
    );
}

#[tokio::test]
async fn calls_at_the_same_time_fetch_one_token() {
    let secret = SecretFile::holding("s3cret");
    let tokens = Server::answering(vec![token("token-one", 3600)]).await;
    let system = Server::saying(json("{}")).await;
    let endpoint = endpoint(
        &system,
        &tokens,
        client_credentials(&secret, ClientAuth::Header),
    );

    let (one, two, three) = tokio::join!(check(&endpoint), check(&endpoint), check(&endpoint));

    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    assert_eq!(tokens.requests().len(), 1);
    assert!(
        tokens.requests()[0].contains("Basic "),
        "the client goes into the header"
    );
}

#[tokio::test]
async fn a_token_near_its_end_is_not_used_again() {
    let secret = SecretFile::holding("s3cret");
    let tokens = Server::answering(vec![token("token-one", 59), token("token-two", 3600)]).await;
    let system = Server::saying(json("{}")).await;
    let endpoint = endpoint(
        &system,
        &tokens,
        client_credentials(&secret, ClientAuth::Header),
    );

    check(&endpoint).await.expect("an answer");
    check(&endpoint).await.expect("an answer");

    assert!(system.requests()[1].contains("Bearer token-two"));
}

#[tokio::test]
async fn a_token_that_was_revoked_is_replaced_within_the_call() {
    let secret = SecretFile::holding("s3cret");
    let tokens = Server::answering(vec![token("token-one", 3600), token("token-two", 3600)]).await;
    let system = Server::answering(vec![
        Reply::Bytes(answer(401, "", "")),
        Reply::Bytes(json("{}")),
    ])
    .await;
    let endpoint = endpoint(
        &system,
        &tokens,
        client_credentials(&secret, ClientAuth::Header),
    );

    let receipts = check(&endpoint).await.expect("an answer");

    assert_eq!(receipts, 4, "token, 401, token, answer");
    assert!(system.requests()[1].contains("Bearer token-two"));
}

#[tokio::test]
async fn a_refused_client_is_a_credential_failure_that_tells_nothing() {
    let secret = SecretFile::holding("s3cret");
    let body = r#"{"error":"invalid_client","error_description":"s3cret is wrong"}"#;
    for refusal in [
        answer(400, "Content-Type: application/json\r\n", body),
        answer(401, "", body),
        answer(403, "", "no"),
    ] {
        let tokens = Server::saying(refusal).await;
        let system = Server::saying(json("{}")).await;

        let error = check(&endpoint(
            &system,
            &tokens,
            client_credentials(&secret, ClientAuth::Body),
        ))
        .await;

        let error = error.expect_err("refused");
        assert_eq!(
            (error.class, error.finality),
            (FailureClass::Credential, Finality::NotSent)
        );
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        assert_eq!(error.receipts.len(), 1);
        assert!(system.requests().is_empty());
    }
}

#[tokio::test]
async fn a_token_server_that_fails_is_no_refusal() {
    let secret = SecretFile::holding("s3cret");
    for (reply, class) in [
        (
            Reply::Bytes(answer(503, "Retry-After: 9\r\n", "")),
            FailureClass::Retryable,
        ),
        (Reply::Silence, FailureClass::Retryable),
        (Reply::Bytes(Vec::new()), FailureClass::Retryable),
        (
            Reply::Bytes(answer(200, "", "<html>")),
            FailureClass::Contract,
        ),
        (
            Reply::Bytes(answer(302, "Location: http://127.0.0.1:1/\r\n", "")),
            FailureClass::Contract,
        ),
        (
            Reply::Bytes(answer(200, "", r#"{"token_type":"Bearer"}"#)),
            FailureClass::Contract,
        ),
    ] {
        let tokens = Server::answering(vec![reply]).await;
        let system = Server::saying(json("{}")).await;

        let error = check(&endpoint(
            &system,
            &tokens,
            client_credentials(&secret, ClientAuth::Header),
        ))
        .await;

        let error = error.expect_err("no token");
        assert_eq!(
            (error.class, error.finality),
            (class, Finality::NotSent),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_token_address_outside_is_refused_when_the_settings_are_read() {
    let secret = SecretFile::holding("s3cret");
    let oauth = OAuth::new(
        "http://tokens.example.org/",
        client_credentials(&secret, ClientAuth::Header),
        Vec::new(),
    );
    let options = EndpointOptions {
        auth: vec![Auth::OAuth(oauth)],
        ..options()
    };

    let error =
        crate::support::endpoint("https://ehr.example.org", options).expect_err("plain http");

    assert!(error.to_string().contains("token_url"), "{error}");
}

#[tokio::test]
async fn a_password_grant_sends_the_service_account() {
    let (secret, password) = (
        SecretFile::holding("s3cret"),
        SecretFile::holding("pass word"),
    );
    let tokens = Server::answering(vec![token("token-one", 3600)]).await;
    let system = Server::saying(json("{}")).await;
    let grant = Grant::Password {
        client_id: "bridge".into(),
        client_secret: secret.secret(),
        client_auth: ClientAuth::Header,
        user: "svc".into(),
        password: password.secret(),
    };

    check(&endpoint(&system, &tokens, grant))
        .await
        .expect("an answer");

    assert!(
        tokens.requests()[0].contains("grant_type=password&username=svc&password=pass+word"),
        "{:?}",
        tokens.requests()
    );
}

#[tokio::test]
async fn a_signed_statement_is_one_that_the_public_key_verifies() {
    let key = SecretFile::holding(include_str!("signing_key_for_tests.pem"));
    let tokens = Server::answering(vec![token("token-one", 3600)]).await;
    let system = Server::saying(json("{}")).await;
    let grant = Grant::JwtBearer(JwtKey {
        issuer: "bridge@practice.example".to_owned(),
        subject: Some("admin@practice.example".to_owned()),
        audience: None,
        key_id: Some("key-1".to_owned()),
        key: key.secret(),
    });

    check(&endpoint(&system, &tokens, grant))
        .await
        .expect("an answer");

    let request = tokens.requests()[0].clone();
    let (_, body) = request.split_once("\r\n\r\n").expect("a body");
    let form: std::collections::HashMap<_, _> = url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    assert_eq!(
        form["grant_type"],
        "urn:ietf:params:oauth:grant-type:jwt-bearer"
    );
    assert_eq!(form["scope"], "users sessions");
    let (signed, signature) = form["assertion"].rsplit_once('.').expect("three parts");
    let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64url");
    let (header, claims) = signed.split_once('.').expect("three parts");
    let header: Value = serde_json::from_slice(&decode(header)).expect("JSON");
    let claims: Value = serde_json::from_slice(&decode(claims)).expect("JSON");
    assert_eq!(
        header,
        serde_json::json!({ "alg": "RS256", "typ": "JWT", "kid": "key-1" })
    );
    assert_eq!(claims["iss"], "bridge@practice.example");
    assert_eq!(claims["sub"], "admin@practice.example");
    assert_eq!(claims["aud"], format!("{}/token", tokens.url()));
    assert_eq!(
        claims["exp"].as_i64().expect("seconds") - claims["iat"].as_i64().expect("seconds"),
        300
    );
    public_key()
        .verify(signed.as_bytes(), &decode(signature))
        .expect("the key's own signature");
}

#[tokio::test]
async fn a_key_that_cannot_sign_is_a_credential_failure() {
    let key = SecretFile::holding("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----");
    let tokens = Server::answering(vec![token("token-one", 3600)]).await;
    let system = Server::saying(json("{}")).await;
    let grant = Grant::JwtBearer(JwtKey {
        issuer: "bridge".to_owned(),
        subject: None,
        audience: None,
        key_id: None,
        key: key.secret(),
    });

    let error = check(&endpoint(&system, &tokens, grant))
        .await
        .expect_err("no key");

    assert_eq!(
        (error.class, error.finality),
        (FailureClass::Credential, Finality::NotSent)
    );
    assert!(!error.message.contains("AAAA"));
}

/// The key itself is the last part of its `SubjectPublicKeyInfo`, after a fixed header.
fn public_key() -> UnparsedPublicKey<Vec<u8>> {
    let pem = include_bytes!("signing_key_for_tests.pub.pem");
    let info = SubjectPublicKeyInfoDer::from_pem_slice(pem).expect("a public key");
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, info.as_ref()[24..].to_vec())
}

//! A device that keeps a passkey, as a browser asks it. It does what it is told, also what no device would.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Value, json};

/// Where the console of the tests is for people.
pub const ORIGIN: &str = "https://bridge.elm.example";

const PRESENT: u8 = 0x01;
const CHECKED: u8 = 0x04;
const MADE: u8 = 0x40;

/// A device with one passkey.
pub struct Device {
    pair: EcdsaKeyPair,
    id: Vec<u8>,
    holder: String,
    /// How often it signed; it counts by itself unless it stands at nothing.
    pub counter: u32,
    /// What the browser says.
    pub origin: String,
    pub kind: &'static str,
    pub is_framed: bool,
    /// The challenge it signs, in place of the one it is asked for.
    pub challenge: Option<String>,
    /// Whose site the device means, in place of the one it is asked for.
    pub site: Option<String>,
    /// Whether it checks who holds it.
    pub checks: bool,
}

/// A form as the script fills it.
pub type Fields = Vec<(&'static str, String)>;

impl Device {
    /// A device without a passkey; this is what it will be called.
    pub fn new(id: &str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random);
        let pkcs8 = pkcs8.expect("a key");
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random);
        Self {
            pair: pair.expect("a key"),
            id: id.as_bytes().to_vec(),
            holder: String::new(),
            counter: 1,
            origin: ORIGIN.to_owned(),
            kind: "webauthn.get",
            is_framed: false,
            challenge: None,
            site: None,
            checks: true,
        }
    }

    /// Has it and its browser say what is so.
    pub fn is_honest_again(&mut self) {
        ORIGIN.clone_into(&mut self.origin);
        self.kind = "webauthn.get";
        self.is_framed = false;
        self.challenge = None;
        self.site = None;
        self.checks = true;
    }

    fn client_data(&self, kind: &str, question: &Value) -> String {
        let challenge = question["publicKey"]["challenge"].as_str().expect("asked");
        let data = json!({
            "type": kind,
            "challenge": self.challenge.as_deref().unwrap_or(challenge),
            "origin": self.origin,
            "crossOrigin": self.is_framed,
        });
        data.to_string()
    }

    fn device_data(&self, site: &str, flags: u8) -> Vec<u8> {
        let site = self.site.as_deref().unwrap_or(site);
        let checked = if self.checks { CHECKED } else { 0 };
        let mut data = digest(&SHA256, site.as_bytes()).as_ref().to_vec();
        data.push(PRESENT | checked | flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// Makes its passkey, with nobody who vouches for the device.
    pub fn make(&mut self, question: &Value) -> Fields {
        let asked = &question["publicKey"];
        self.holder = text(&asked["user"]["id"]);
        let mut data = self.device_data(&text(&asked["rp"]["id"]), MADE);
        data.extend([0; 16]);
        let length = u16::try_from(self.id.len()).expect("a short id");
        data.extend(length.to_be_bytes());
        data.extend(&self.id);
        let point = self.pair.public_key().as_ref();
        // {1: 2, 3: -7, -1: 1, -2: x, -3: y}
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(&point[1..33]);
        data.extend([0x22, 0x58, 0x20]);
        data.extend(&point[33..]);
        // {"fmt": "none", "attStmt": {}, "authData": data}
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).expect("less than 256 bytes"));
        object.extend(data);
        let client_data = self.client_data("webauthn.create", question);
        vec![
            ("client_data", encode(client_data.as_bytes())),
            ("attestation", encode(&object)),
        ]
    }

    /// Signs by its passkey.
    pub fn sign(&mut self, question: &Value) -> Fields {
        if self.counter > 0 {
            self.counter += 1;
        }
        let client_data = self.client_data(self.kind, question);
        let data = self.device_data(&text(&question["publicKey"]["rpId"]), 0);
        let message = [&data, digest(&SHA256, client_data.as_bytes()).as_ref()].concat();
        let signature = self.pair.sign(&SystemRandom::new(), &message);
        vec![
            ("id", encode(&self.id)),
            ("holder", self.holder.clone()),
            ("client_data", encode(client_data.as_bytes())),
            ("device_data", encode(&data)),
            (
                "signature",
                encode(signature.expect("a signature").as_ref()),
            ),
        ]
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

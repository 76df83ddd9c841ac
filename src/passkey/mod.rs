//! THE KEY RING: passkeys (WebAuthn). What a browser brings back is checked here; whom it lets in is for the
//! office to say. Pure.
//!
//! - this file: what a new passkey and a signature by one have to say
//! - `key`: public keys, and signatures checked by `ring`
//! - `cbor`: the little of CBOR that authenticators speak
//!
//! Who makes the device is not asked (`attestation: none`): whoever adds a passkey was let in already.
//!
//! # Source
//! W3C Web Authentication Level 3, sections 6.1, 7.1 and 7.2.

mod cbor;
mod key;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use url::{Host, Url};

use self::{
    cbor::{Item, Reader},
    key::PublicKey,
};

/// Longest id a device gives its passkey, in bytes.
const LONGEST_ID: usize = 1_023;

/// How long a browser may take to ask somebody, in milliseconds.
const ASKS_FOR_MS: u32 = 300_000;

/// Why a passkey is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refused {
    /// It makes no sense.
    #[error("what the browser sent cannot be read")]
    Unreadable,
    /// It was made for another question.
    #[error("it answers another question than the one that was asked")]
    AnotherQuestion,
    /// It was made at another address.
    #[error("it was made for another site")]
    AnotherSite,
    /// Whoever holds the device may be anybody.
    #[error("the device did not check who holds it: it has to ask for a finger, a face or a PIN")]
    NobodyChecked,
    /// The device offers a key that is not known here.
    #[error("the device makes keys of a kind that is not known here")]
    AnotherKind,
    /// Another key signed it.
    #[error("it is not signed by this passkey")]
    NotSigned,
    /// Another device has counted further.
    #[error("it counted less than it did before: there may be a copy of it")]
    CountedBack,
}

/// The site that passkeys are for: the console at its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its name, which passkeys are bound to.
    id: String,
    /// Its address, as browsers say it.
    origin: String,
}

/// A passkey that was just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// What the device calls it, in base64url.
    pub id: String,
    /// Its public half as COSE has it, in base64url.
    pub public_key: String,
    /// How often it signed.
    pub counter: i64,
}

/// What a browser brings back when somebody showed a passkey; each in base64url.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// What the browser says it asked the device.
    pub client_data: &'a str,
    /// What the device says.
    pub authenticator_data: &'a str,
    /// Its signature over both.
    pub signature: &'a str,
}

/// What the browser says it asked the device.
#[derive(Debug, Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    is_framed: bool,
}

/// What a device says.
#[derive(Debug)]
struct DeviceData<'a> {
    site: &'a [u8],
    flags: u8,
    counter: i64,
    /// The id of a new passkey, and its key as COSE has it.
    made: Option<(&'a [u8], &'a [u8])>,
}

/// Somebody pressed.
const PRESENT: u8 = 0x01;
/// The device checked that it is them.
const CHECKED: u8 = 0x04;
/// It says what it made.
const MADE: u8 = 0x40;
/// It says more than is asked.
const MORE: u8 = 0x80;

impl Site {
    /// The console at this address. `None` where browsers keep no passkeys: for an address without a name, and
    /// for http, but on this very machine.
    pub fn at(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let Some(Host::Domain(name)) = url.host() else {
            return None;
        };
        let is_safe = url.scheme() == "https" || (url.scheme() == "http" && name == "localhost");
        is_safe.then(|| Self {
            id: name.to_owned(),
            origin: url.origin().ascii_serialization(),
        })
    }

    /// What a browser is asked for a new passkey. It is kept in the device with the name of its holder, so that
    /// nobody has to type one, and no device gets a second one for the same person.
    pub fn ask_to_make(
        &self,
        challenge: &str,
        (id, name): (&str, &str),
        known: &[String],
    ) -> Value {
        let kinds = key::KINDS.map(|kind| json!({"type": "public-key", "alg": kind}));
        json!({"publicKey": {
            "challenge": challenge,
            "rp": {"id": self.id, "name": "Drawbridge"},
            "user": {"id": handle(id), "name": name, "displayName": name},
            "pubKeyCredParams": kinds,
            "authenticatorSelection": {
                "residentKey": "required", "requireResidentKey": true, "userVerification": "required",
            },
            "attestation": "none",
            "excludeCredentials": listed(known),
            "timeout": ASKS_FOR_MS,
        }})
    }

    /// What a browser is asked for a signature: by one of these passkeys, or by any it has of this site.
    pub fn ask_to_sign(&self, challenge: &str, known: &[String]) -> Value {
        json!({"publicKey": {
            "challenge": challenge,
            "rpId": self.id,
            "userVerification": "required",
            "allowCredentials": listed(known),
            "timeout": ASKS_FOR_MS,
        }})
    }

    /// The passkey that was made for this challenge; `client_data` and `attestation` in base64url.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn read_made(
        &self,
        challenge: &str,
        client_data: &str,
        attestation: &str,
    ) -> Result<Made, Refused> {
        let client_data = decode(client_data)?;
        let attestation = decode(attestation)?;
        self.check_asked(&client_data, "webauthn.create", challenge)?;
        let data = device_data_in(&attestation).ok_or(Refused::Unreadable)?;
        let data = DeviceData::read(data).ok_or(Refused::Unreadable)?;
        self.check_device(&data)?;
        let (id, key) = data.made.ok_or(Refused::Unreadable)?;
        if id.is_empty() || id.len() > LONGEST_ID {
            return Err(Refused::Unreadable);
        }
        PublicKey::read(key).ok_or(Refused::AnotherKind)?;
        Ok(Made {
            id: encode(id),
            public_key: encode(key),
            counter: data.counter,
        })
    }

    /// Checks that this passkey signed this challenge. Answers how often it has signed by now.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn check_signed(
        &self,
        challenge: &str,
        (public_key, counter): (&str, i64),
        signed: Signed<'_>,
    ) -> Result<i64, Refused> {
        let client_data = decode(signed.client_data)?;
        let device = decode(signed.authenticator_data)?;
        let signature = decode(signed.signature)?;
        self.check_asked(&client_data, "webauthn.get", challenge)?;
        let data = DeviceData::read(&device).ok_or(Refused::Unreadable)?;
        self.check_device(&data)?;
        let public_key = decode(public_key)?;
        let (public_key, _) = PublicKey::read(&public_key).ok_or(Refused::AnotherKind)?;
        let message = [&device, digest(&SHA256, &client_data).as_ref()].concat();
        if !public_key.signed(&message, &signature) {
            return Err(Refused::NotSigned);
        }
        // Most devices do not count: theirs stays at nothing.
        if (counter, data.counter) != (0, 0) && data.counter <= counter {
            return Err(Refused::CountedBack);
        }
        Ok(data.counter)
    }

    /// Checks that the browser asked what it was told to, at this site and not within another's page.
    fn check_asked(&self, client_data: &[u8], kind: &str, challenge: &str) -> Result<(), Refused> {
        let said: ClientData =
            serde_json::from_slice(client_data).map_err(|_| Refused::Unreadable)?;
        let is_asked: bool = said.challenge.as_bytes().ct_eq(challenge.as_bytes()).into();
        if said.kind != kind || !is_asked {
            return Err(Refused::AnotherQuestion);
        }
        if said.origin != self.origin || said.is_framed {
            return Err(Refused::AnotherSite);
        }
        Ok(())
    }

    /// Checks that the device meant this site and checked who holds it.
    fn check_device(&self, data: &DeviceData<'_>) -> Result<(), Refused> {
        if data.site != digest(&SHA256, self.id.as_bytes()).as_ref() {
            return Err(Refused::AnotherSite);
        }
        if data.flags & PRESENT == 0 || data.flags & CHECKED == 0 {
            return Err(Refused::NobodyChecked);
        }
        Ok(())
    }
}

impl<'a> DeviceData<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (site, rest) = bytes.split_at_checked(32)?;
        let (flags, rest) = rest.split_first()?;
        let (counter, mut rest) = rest.split_first_chunk()?;
        let mut made = None;
        if flags & MADE != 0 {
            // Who makes the device, in sixteen bytes, is not asked.
            let (_, after) = rest.split_at_checked(16)?;
            let (length, after) = after.split_first_chunk()?;
            let (id, key) = after.split_at_checked(u16::from_be_bytes(*length).into())?;
            let mut reader = Reader::new(key);
            reader.skip()?;
            rest = reader.rest();
            made = Some((id, &key[..key.len() - rest.len()]));
        }
        if flags & MORE != 0 {
            let mut reader = Reader::new(rest);
            reader.skip()?;
            rest = reader.rest();
        }
        rest.is_empty().then_some(Self {
            site,
            flags: *flags,
            counter: u32::from_be_bytes(*counter).into(),
            made,
        })
    }
}

/// What the device says within an attestation; whoever vouches for the device is passed over.
fn device_data_in(attestation: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(attestation);
    let Item::Map(pairs) = reader.item()? else {
        return None;
    };
    let mut found = None;
    for _ in 0..pairs {
        let Item::Text(name) = reader.item()? else {
            return None;
        };
        let mut value = reader;
        reader.skip()?;
        if let ("authData", Item::Bytes(data)) = (name, value.item()?) {
            found = Some(data);
        }
    }
    found.filter(|_| reader.rest().is_empty())
}

/// What devices know the holder by: it comes back with a signature.
pub fn handle(admin: &str) -> String {
    encode(admin.as_bytes())
}

fn listed(known: &[String]) -> Vec<Value> {
    let each = known.iter();
    each.map(|id| json!({"type": "public-key", "id": id}))
        .collect()
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str) -> Result<Vec<u8>, Refused> {
    BASE64_URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| Refused::Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_are_for_an_address_with_a_name_that_nobody_on_the_way_reads() {
        let site = Site::at("https://bridge.elm.example:8443").unwrap();

        assert_eq!(site.id, "bridge.elm.example");
        assert_eq!(site.origin, "https://bridge.elm.example:8443");
        assert!(Site::at("http://localhost:8080").is_some());
        for without in [
            "http://bridge.elm.example",
            "https://192.0.2.7",
            "http://127.0.0.1:8080",
            "https://[::1]",
            "bridge",
        ] {
            assert_eq!(Site::at(without), None, "{without}");
        }
    }

    #[test]
    fn what_a_device_says_is_read_whole_or_not_at_all() {
        let mut bytes = vec![7; 32];
        bytes.push(PRESENT | CHECKED | MADE);
        bytes.extend([0, 0, 0, 5]);
        bytes.extend([0; 16]);
        bytes.extend([0, 2, 8, 9]);
        bytes.extend([0xa1, 0x01, 0x02]);

        let data = DeviceData::read(&bytes).unwrap();

        assert_eq!(data.counter, 5);
        assert_eq!(data.made.unwrap(), (&[8, 9][..], &[0xa1, 0x01, 0x02][..]));
        for end in 0..bytes.len() {
            assert!(DeviceData::read(&bytes[..end]).is_none(), "{end}");
        }
        bytes.push(0);
        assert!(DeviceData::read(&bytes).is_none(), "something comes after");
    }
}

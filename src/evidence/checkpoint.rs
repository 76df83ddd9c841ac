//! A signed head of a chain, to be kept where whoever holds the database cannot reach it.
//!
//! A chain shows neither that its end was cut off nor that all of it was written anew. Whoever kept a checkpoint from
//! before sees both.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};

use super::pack::{self, Proof};

/// How a checkpoint begins: the version of its form.
const FIRST_LINE: &str = "drawbridge-checkpoint-1";

/// How far a practice's chain had come at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose chain.
    pub practice: String,
    /// How many records it had.
    pub records: i64,
    /// The hash of the last of them, in hex.
    pub head: String,
    /// When that was, RFC 3339.
    pub at: String,
}

impl Checkpoint {
    /// The exact text that is signed.
    fn to_text(&self) -> String {
        let Self {
            practice,
            records,
            head,
            at,
        } = self;
        format!("{FIRST_LINE}\npractice: {practice}\nrecords: {records}\nhead: {head}\nat: {at}\n")
    }

    /// Reads what [`Self::to_text`] wrote; `None` for anything else.
    fn from_text(text: &str) -> Option<Self> {
        let mut lines = text.strip_prefix(FIRST_LINE)?.strip_prefix('\n')?.lines();
        let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(": ");
        let read = Self {
            practice: value("practice")?.to_owned(),
            records: value("records")?.parse().ok()?,
            head: value("head")?.to_owned(),
            at: value("at")?.to_owned(),
        };
        (read.to_text() == text).then_some(read)
    }
}

/// The key that checkpoints are signed with.
#[derive(Debug)]
pub struct Signer(Ed25519KeyPair);

/// A key that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "it is no Ed25519 key as PKCS#8 PEM: make one with `openssl genpkey -algorithm ed25519 -out checkpoint.pem`"
)]
pub struct KeyError;

impl Signer {
    /// Reads the key: Ed25519, as PKCS#8 PEM.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn new(pem: &str) -> Result<Self, KeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| KeyError)?;
        // OpenSSL writes the private half alone, from which the public one follows.
        let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der());
        key.map(Self).map_err(|_| KeyError)
    }

    /// The public half, in base64.
    pub fn public_key(&self) -> String {
        STANDARD.encode(self.0.public_key())
    }

    /// The checkpoint as it is kept: what is signed, an empty line, the public key and the signature.
    pub fn sign(&self, checkpoint: &Checkpoint) -> String {
        let text = checkpoint.to_text();
        let signature = STANDARD.encode(self.0.sign(text.as_bytes()));
        format!(
            "{text}\nkey: {}\nsignature: {signature}\n",
            self.public_key()
        )
    }
}

/// A checkpoint whose signature fits its key. Whose key that is, its reader has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// The public key, in base64.
    pub key: String,
}

/// It is no checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoCheckpoint {
    /// It does not look like one.
    #[error("it is not what `evidence checkpoint` prints")]
    Form,
    /// Somebody changed it, or signed it with another key.
    #[error("it was changed: its signature does not fit")]
    Signature,
}

impl Signed {
    /// Reads a checkpoint and checks its signature. Mail may have ended its lines differently.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(text: &str) -> Result<Self, NoCheckpoint> {
        let text = text.replace("\r\n", "\n");
        let (signed, rest) = text.trim().split_once("\n\n").ok_or(NoCheckpoint::Form)?;
        let signed = format!("{signed}\n");
        let checkpoint = Checkpoint::from_text(&signed).ok_or(NoCheckpoint::Form)?;
        let mut lines = rest.lines();
        let mut value = |name: &str| {
            let text = lines.next()?.strip_prefix(name)?.strip_prefix(": ")?;
            STANDARD.decode(text).ok()
        };
        let key = value("key").ok_or(NoCheckpoint::Form)?;
        let signature = value("signature").ok_or(NoCheckpoint::Form)?;
        UnparsedPublicKey::new(&ED25519, &key)
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| NoCheckpoint::Signature)?;
        Ok(Self {
            checkpoint,
            key: STANDARD.encode(key),
        })
    }
}

/// What a checkpoint says of a file of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Covers {
    /// The chain in it is the one of then, up to the checkpoint's record.
    UpToIt,
    /// Nothing: the file was made before it, and its chain ends before it.
    Nothing,
}

/// The chain in a file of evidence is not the one that the checkpoint was made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Contradicted {
    /// Of another practice.
    #[error("it is of the practice `{0}`")]
    Practice(String),
    /// The file was made later and has fewer records.
    #[error(
        "the chain had {then} records at {at}, and this file of {exported} has {now}: its end was cut off, or one of \
         the two clocks was wrong"
    )]
    CutOff {
        /// When it had more.
        at: String,
        /// How many it had.
        then: i64,
        /// When the file was made.
        exported: String,
        /// How many it has.
        now: usize,
    },
    /// Another record stands there.
    #[error("record {0} is not the one that was there then: the chain was written anew")]
    WrittenAnew(i64),
}

impl Checkpoint {
    /// Holds the checkpoint against a file of evidence that has proved itself.
    ///
    /// # Errors
    /// When one of the two cannot be true.
    pub fn hold_against(&self, pack: &str, proof: &Proof) -> Result<Covers, Contradicted> {
        if self.practice != proof.practice {
            return Err(Contradicted::Practice(self.practice.clone()));
        }
        if let Some(hash) = pack::hash_at(pack, self.records) {
            return if hash == self.head {
                Ok(Covers::UpToIt)
            } else {
                Err(Contradicted::WrittenAnew(self.records))
            };
        }
        // Times of fixed width sort as text.
        if proof.exported <= self.at {
            return Ok(Covers::Nothing);
        }
        Err(Contradicted::CutOff {
            at: self.at.clone(),
            then: self.records,
            exported: proof.exported.clone(),
            now: proof.links,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            practice: "elm".to_owned(),
            records: 4_711,
            head: "ab".repeat(32),
            at: "2026-11-20T17:02:00.000Z".to_owned(),
        }
    }

    fn signer() -> Signer {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        Signer::new(&key.serialize_pem()).unwrap()
    }

    #[test]
    fn a_checkpoint_is_read_as_it_was_signed_also_out_of_a_mail() {
        let signer = signer();
        let kept = signer.sign(&checkpoint());

        for text in [kept.clone(), format!("\r\n{}", kept.replace('\n', "\r\n"))] {
            let read = Signed::read(&text).unwrap();

            assert_eq!(read.checkpoint, checkpoint());
            assert_eq!(read.key, signer.public_key());
        }
    }

    #[test]
    fn a_checkpoint_that_was_changed_anywhere_is_none() {
        let kept = signer().sign(&checkpoint());
        for position in 0..kept.len() - 1 {
            let mut bytes = kept.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();

            assert!(Signed::read(&changed).is_err(), "{changed}");
        }
        let other = signer().sign(&checkpoint());
        let (signed, _) = kept.split_once("\n\n").unwrap();
        let (_, their_own) = other.split_once("\nsignature").unwrap();
        let key = kept.lines().nth(6).unwrap();
        let mixed = format!("{signed}\n\n{key}\nsignature{their_own}");
        assert_eq!(Signed::read(&mixed), Err(NoCheckpoint::Signature));
    }

    #[test]
    fn a_key_of_another_kind_is_refused_with_the_way_to_make_one() {
        let other = rcgen::KeyPair::generate().unwrap().serialize_pem();

        for pem in [other.as_str(), "secret", ""] {
            let refused = Signer::new(pem).unwrap_err();
            assert!(refused.to_string().contains("openssl genpkey"));
        }
    }
}

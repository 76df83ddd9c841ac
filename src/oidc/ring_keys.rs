//! Signatures of tokens, checked by `ring`, which checks everything else here too.
//!
//! `jsonwebtoken` brings a cryptography of its own choice only if asked: with `aws-lc-rs` a second library in
//! C, with the Rust one the crate `rsa` and its open advisory. Nothing is signed here.

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind,
    crypto::{CryptoProvider, JwtVerifier, KeyUtils},
    errors::{Error, ErrorKind},
    signature,
};
use ring::signature as ring_signature;

/// What an ID token may be signed with: keys that have a public half. Never `none`, and never a shared secret,
/// which anybody who may check may also sign with.
pub(super) const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

static RING: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(unusable()),
    verifier_factory: |algorithm, key| {
        let fits = ALGORITHMS.contains(algorithm) && key.family() == algorithm.family();
        if !fits {
            return Err(unusable());
        }
        let key = key.clone();
        Ok(Box::new(Checks {
            algorithm: *algorithm,
            key,
        }))
    },
    key_utils: KeyUtils::new_unimplemented(),
};

fn unusable() -> Error {
    ErrorKind::InvalidKeyFormat.into()
}

/// Has tokens checked by `ring` from now on.
pub(super) fn install() {
    // The only failure is that it was done before.
    let _ = RING.install_default();
}

/// A key with what it checks.
struct Checks {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl signature::Verifier<Vec<u8>> for Checks {
    fn verify(&self, message: &[u8], signed: &Vec<u8>) -> Result<(), signature::Error> {
        let checked = match (self.key.kind(), self.algorithm.family()) {
            (DecodingKeyKind::RsaModulusExponent { n, e }, AlgorithmFamily::Rsa) => {
                let key = ring_signature::RsaPublicKeyComponents { n, e };
                rsa(self.algorithm).map(|how| key.verify(how, message, signed))
            }
            (DecodingKeyKind::SecretOrDer(point), AlgorithmFamily::Ec | AlgorithmFamily::Ed) => {
                curve(self.algorithm).map(|how| {
                    ring_signature::UnparsedPublicKey::new(how, point).verify(message, signed)
                })
            }
            _ => None,
        };
        match checked {
            Some(Ok(())) => Ok(()),
            _ => Err(signature::Error::new()),
        }
    }
}

impl JwtVerifier for Checks {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

const fn rsa(algorithm: Algorithm) -> Option<&'static ring_signature::RsaParameters> {
    Some(match algorithm {
        Algorithm::RS256 => &ring_signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &ring_signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &ring_signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &ring_signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &ring_signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &ring_signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

fn curve(algorithm: Algorithm) -> Option<&'static dyn ring_signature::VerificationAlgorithm> {
    Some(match algorithm {
        Algorithm::ES256 => &ring_signature::ECDSA_P256_SHA256_FIXED,
        Algorithm::ES384 => &ring_signature::ECDSA_P384_SHA384_FIXED,
        Algorithm::EdDSA => &ring_signature::ED25519,
        _ => return None,
    })
}

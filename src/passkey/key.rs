//! The public half of a passkey, and signatures by the other half, checked by `ring`.

use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};

use super::cbor::{Item, Reader};

/// The kinds that are known here, as COSE numbers them, the best first. Windows signs with the last one.
pub(super) const KINDS: [i64; 3] = [ES256, EDDSA, RS256];

const ES256: i64 = -7;
const EDDSA: i64 = -8;
const RS256: i64 = -257;

/// The public half of a passkey.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// A point of P-256, uncompressed.
    Es256(Vec<u8>),
    Ed25519(Vec<u8>),
    Rs256 {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
}

/// What a COSE key says of itself, by its numbers.
#[derive(Debug, Default)]
struct Said<'a> {
    family: Option<i64>,
    kind: Option<i64>,
    curve: Option<i64>,
    /// What stands at -1, -2 and -3 where those are bytes.
    parts: [Option<&'a [u8]>; 3],
}

impl PublicKey {
    /// Reads a COSE key at the beginning of these bytes; answers where it ends. `None` for a kind that is not
    /// known here.
    ///
    /// # Source
    /// RFC 9053 sections 2 and 7, RFC 8812 section 2.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let mut reader = Reader::new(bytes);
        let Item::Map(pairs) = reader.item()? else {
            return None;
        };
        let mut said = Said::default();
        for _ in 0..pairs {
            let Item::Number(name) = reader.item()? else {
                return None;
            };
            let mut value = reader;
            reader.skip()?;
            match (name, value.item()?) {
                (1, Item::Number(family)) => said.family = Some(family),
                (3, Item::Number(kind)) => said.kind = Some(kind),
                (-1, Item::Number(curve)) => said.curve = Some(curve),
                (-1, Item::Bytes(part)) => said.parts[0] = Some(part),
                (-2, Item::Bytes(part)) => said.parts[1] = Some(part),
                (-3, Item::Bytes(part)) => said.parts[2] = Some(part),
                _ => {}
            }
        }
        let key = match (said.family?, said.kind?, said.curve, said.parts) {
            (2, ES256, Some(1), [_, Some(x), Some(y)]) if x.len() == 32 && y.len() == 32 => {
                Self::Es256([&[4], x, y].concat())
            }
            (1, EDDSA, Some(6), [_, Some(x), _]) if x.len() == 32 => Self::Ed25519(x.to_vec()),
            (3, RS256, None, [Some(modulus), Some(exponent), _]) => Self::Rs256 {
                modulus: modulus.to_vec(),
                exponent: exponent.to_vec(),
            },
            _ => return None,
        };
        Some((key, bytes.len() - reader.rest().len()))
    }

    /// Whether the other half signed this.
    pub(super) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match self {
            Self::Es256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature)
            }
            Self::Ed25519(point) => {
                UnparsedPublicKey::new(&ED25519, point).verify(message, signature)
            }
            Self::Rs256 { modulus, exponent } => RsaPublicKeyComponents {
                n: modulus,
                e: exponent,
            }
            .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
        };
        verified.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    use ring::signature::{Ed25519KeyPair, KeyPair as _};

    use super::*;

    /// Made by OpenSSL 3.0: `openssl dgst -sha256 -sign` over `what a device signs`.
    const MODULUS: &str = "urdnz0MvUx4oSpwwuWj4NY0doWs1-t9JrcFhxg6W7fgliO7ZRDvusQNmc8OWAj0fNgBw2X1fAv5vYDQvd1aOLRn9c8sitEFHRBKqKq0OjZmnMlMihmJ_Nk6aBQNDJhwG7s8fh8GlVP1wU8q8LvDR2y6yn31Nmi2_sAis_ha4d2hkg-U7tiAiZdOXS_-GKy6XxP1I2yil57Bb8cpzo_snEZ0f__IvbDO3RSpKN-xsLSdQ2Bsnx9eu4jurqU06gs4HFczQ8vxF_SwmuEK3qiNbb3SVsJgtLn2MiSFtWeChQJB09LmzW8WU9MXBQDznsoLwRaX0MviRLwrGj62SIL7oXw";
    const SIGNATURE: &str = "rwQGfVkFKjrKQW1_OdWtZ-qsnhaAB_jdKqYIF_p2tddPlGJgOTV6493vaA-tFod8VSqDpRhxsdgfbBMUbJvOJqoR0EZqyShe6eceR6NvGq-gLNizWPKu8xavivgWkB9Ac5VAf76kg7hG19rOfzRryv6PwWCqpXpRCEzJqMSO7Ihl4jZu5T3_4w1GMO7DOaXV2ENE5KasCYGdvlxZFaNUjF9ZlluFd2IPU4pAYe4JBi4RcAg1g0GAiEpsfXcaTdiMvkOjFECt_lGSsJVqp1PN3HqdMVJ3HJCVDMzc_Yr8HgpQgAwIaHVFVKHhDlltJqAHehpO6J3QCT-6akAbYoyQew";

    fn bytes(text: &str) -> Vec<u8> {
        BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    #[test]
    fn a_signature_of_windows_is_known_as_openssl_makes_it() {
        let modulus = bytes(MODULUS);
        let cose = [
            &[
                0xa4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20, 0x59, 0x01, 0x00,
            ][..],
            &modulus,
            &[0x21, 0x43, 1, 0, 1, 0xff],
        ]
        .concat();

        let (key, end) = PublicKey::read(&cose).unwrap();

        assert_eq!(end, cose.len() - 1, "what comes after it is not of it");
        assert!(key.signed(b"what a device signs", &bytes(SIGNATURE)));
        assert!(!key.signed(b"what a device signed", &bytes(SIGNATURE)));
    }

    #[test]
    fn a_signature_by_ed25519_is_known() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let cose = [
            &[0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20][..],
            pair.public_key().as_ref(),
        ]
        .concat();

        let (key, _) = PublicKey::read(&cose).unwrap();

        assert!(key.signed(b"hello", pair.sign(b"hello").as_ref()));
        assert!(!key.signed(b"hello", &[0; 64]));
    }

    #[test]
    fn a_key_of_another_kind_curve_or_length_is_none() {
        let point = [9; 32];
        let key = |family: u8, kind: u8, curve: u8, x: &[u8]| {
            [
                &[
                    0xa5, 0x01, family, 0x03, kind, 0x20, curve, 0x21, 0x58, 0x20,
                ][..],
                x,
                &[0x22, 0x58, 0x20],
                &point,
            ]
            .concat()
        };

        assert!(PublicKey::read(&key(2, 0x26, 1, &point)).is_some());
        for wrong in [
            key(2, 0x26, 2, &point),
            key(2, 0x27, 1, &point),
            key(1, 0x26, 1, &point),
            key(2, 0x26, 1, &point[..31]),
            vec![0xa0],
            vec![0x80],
        ] {
            assert!(PublicKey::read(&wrong).is_none(), "{wrong:02x?}");
        }
    }
}

//! Proof that Attio sent a message.
//!
//! A [`VerifiedMessage`] can be made here and nowhere else, and storing takes nothing but one: what
//! was not verified goes nowhere. Pure: no I/O, no clock, no logging of what it sees.
//!
//! The scheme is hex HMAC-SHA256 of the raw body under the secret's own text, sent as
//! `Attio-Signature` and again as `X-Attio-Signature`
//! (<https://docs.attio.com/rest-api/guides/webhooks>).

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use time::OffsetDateTime;

use crate::name::SourceName;

/// The headers that carry the signature; Attio sends the same value in both.
pub const SIGNATURE_HEADERS: [&str; 2] = ["attio-signature", "x-attio-signature"];

/// A message whose signature was right.
#[derive(Debug)]
pub struct VerifiedMessage {
    source: SourceName,
    slot: usize,
    signature: [u8; 32],
    key: Option<Bytes>,
    body: Bytes,
    received_at: OffsetDateTime,
}

impl VerifiedMessage {
    /// The source it came to.
    #[must_use]
    pub fn source(&self) -> &SourceName {
        &self.source
    }

    /// Which of the source's secrets signed it; 0 is the current one.
    #[must_use]
    pub fn slot(&self) -> usize {
        self.slot
    }

    /// The signature: under one secret, equal bodies have equal ones.
    #[must_use]
    pub fn signature(&self) -> &[u8; 32] {
        &self.signature
    }

    /// The `Idempotency-Key` header's bytes.
    #[must_use]
    pub fn key(&self) -> Option<&Bytes> {
        self.key.as_ref()
    }

    /// The bytes that were signed.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// When its head arrived.
    #[must_use]
    pub fn received_at(&self) -> OffsetDateTime {
        self.received_at
    }
}

/// Why a request is not trusted. The outside gets one and the same answer for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Neither header is there.
    #[error("there is no signature header")]
    Missing,
    /// A header does not hold 64 hex digits.
    #[error("a signature header does not hold 64 hex digits")]
    Malformed,
    /// The headers do not agree.
    #[error("the signature headers do not agree")]
    Conflict,
    /// No secret of the source gives this signature for these bytes.
    #[error("no secret of the source gives this signature")]
    Wrong,
}

/// A signature of the right form that nothing has checked yet.
#[derive(Debug, Clone, Copy)]
pub struct ClaimedSignature([u8; 32]);

impl ClaimedSignature {
    /// Reads every copy of the signature headers.
    ///
    /// # Errors
    /// [`SignatureError::Missing`], [`SignatureError::Malformed`] or [`SignatureError::Conflict`].
    pub fn read<'a>(copies: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, SignatureError> {
        let mut first = None;
        let mut conflict = false;
        for copy in copies {
            let mut digest = [0; 32];
            hex::decode_to_slice(copy, &mut digest).map_err(|_| SignatureError::Malformed)?;
            conflict |= *first.get_or_insert(digest) != digest;
        }
        match first {
            None => Err(SignatureError::Missing),
            Some(_) if conflict => Err(SignatureError::Conflict),
            Some(digest) => Ok(Self(digest)),
        }
    }
}

/// The secrets of one source, ready to check with.
#[derive(Clone)]
pub struct Keyring {
    source: SourceName,
    keys: Vec<Hmac<Sha256>>,
}

impl Keyring {
    /// Prepares the secrets, the current one first.
    #[must_use]
    pub fn new(source: SourceName, secrets: &[SecretString]) -> Self {
        let keys = secrets
            .iter()
            .map(|secret| {
                Hmac::new_from_slice(secret.expose_secret().as_bytes())
                    .expect("HMAC takes a key of any length")
            })
            .collect();
        Self { source, keys }
    }

    /// The source whose secrets these are.
    #[must_use]
    pub fn source(&self) -> &SourceName {
        &self.source
    }

    /// Checks a signature over the raw body with every secret.
    ///
    /// # Errors
    /// [`SignatureError::Wrong`] when no secret fits.
    pub fn verify(
        &self,
        claimed: ClaimedSignature,
        key: Option<Bytes>,
        body: Bytes,
        received_at: OffsetDateTime,
    ) -> Result<VerifiedMessage, SignatureError> {
        let slot = self
            .keys
            .iter()
            .position(|key| key.clone().chain_update(&body).verify_slice(&claimed.0).is_ok())
            .ok_or(SignatureError::Wrong)?;
        let source = self.source.clone();
        Ok(VerifiedMessage { source, slot, signature: claimed.0, key, body, received_at })
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Keyring({}, {} secrets)", self.source, self.keys.len())
    }
}

/// Signs a body as Attio does: for test messages.
#[must_use]
pub fn sign(secret: &SecretString, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
        .expect("HMAC takes a key of any length");
    hex::encode(mac.chain_update(body).finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_STANDARD};

    use super::*;

    #[derive(serde::Deserialize)]
    struct Vectors {
        vectors: Vec<Vector>,
    }

    #[derive(serde::Deserialize)]
    struct Vector {
        name: String,
        secret: String,
        body_base64: String,
        signature: String,
        valid: bool,
    }

    fn vectors() -> Vec<Vector> {
        let text = include_str!("../tests/data/signature-vectors.json");
        serde_json::from_str::<Vectors>(text).unwrap().vectors
    }

    fn check(secrets: &[&str], body: Vec<u8>, copies: &[&str]) -> Result<usize, SignatureError> {
        let secrets: Vec<SecretString> = secrets.iter().map(|&s| s.into()).collect();
        let claimed = ClaimedSignature::read(copies.iter().map(|copy| copy.as_bytes()))?;
        Keyring::new("crm".into(), &secrets)
            .verify(claimed, None, body.into(), OffsetDateTime::UNIX_EPOCH)
            .map(|message| message.slot())
    }

    #[test]
    fn every_vector_is_judged_as_it_says() {
        let vectors = vectors();
        assert_eq!(vectors.len(), 21);
        for vector in vectors {
            let body = BASE64_STANDARD.decode(&vector.body_base64).unwrap();
            let verdict = check(&[&vector.secret], body, &[&vector.signature]);
            assert_eq!(verdict.is_ok(), vector.valid, "{}: {verdict:?}", vector.name);
        }
    }

    #[test]
    fn any_of_several_secrets_serves_and_its_slot_is_told() {
        let vector = vectors().into_iter().find(|v| v.name == "second-secret").unwrap();
        let body = BASE64_STANDARD.decode(&vector.body_base64).unwrap();
        let secrets = ["a current secret of the source", &vector.secret];
        assert_eq!(check(&secrets, body, &[&vector.signature]), Ok(1));
    }

    #[test]
    fn copies_that_differ_only_in_case_agree_and_others_conflict() {
        let (low, high) = ("ab".repeat(32), "AB".repeat(32));
        assert!(ClaimedSignature::read([low.as_bytes(), high.as_bytes()]).is_ok());
        let other = "cd".repeat(32);
        let error = ClaimedSignature::read([low.as_bytes(), other.as_bytes()]).unwrap_err();
        assert_eq!(error, SignatureError::Conflict);
    }

    #[test]
    fn no_copy_is_missing_and_an_empty_one_is_malformed() {
        assert_eq!(ClaimedSignature::read([]).unwrap_err(), SignatureError::Missing);
        assert_eq!(ClaimedSignature::read([&b""[..]]).unwrap_err(), SignatureError::Malformed);
    }

    #[test]
    fn what_is_signed_here_verifies_here() {
        let signature = sign(&"0123456789abcdef".into(), b"body");
        assert_eq!(check(&["0123456789abcdef"], b"body".to_vec(), &[&signature]), Ok(0));
    }
}

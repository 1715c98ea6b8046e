//! Third stage: the signature. The only place that makes an [`Authentic`].
//!
//! An engine of this build answers at once. Where the host is the engine, the stage is left with a [`Question`] and taken
//! up again with its [`Answer`].

use std::sync::Arc;

use crate::engine::HostKey;
use crate::error::Error;
use crate::json::Object;
use crate::key::{Algorithm, By, Key};

use super::parse::Payload;
use super::{Header, Unverified};

/// A token together with the keys that may have signed it.
#[derive(Debug)]
pub struct Selected<'t, 'k> {
    token: Unverified<'t>,
    algorithm: Algorithm,
    keys: Vec<&'k Arc<Key>>,
}

/// How far the third stage has come.
#[derive(Debug)]
pub enum Verification {
    /// The signature fits.
    Authentic(Authentic),
    /// The host is to be asked.
    Asking(Question),
}

/// A signature that the host is asked about, because an engine of this build leaves the algorithm to it
/// ([`crate::engine::HOST`]).
#[derive(Debug)]
pub struct Question {
    header: Arc<Header>,
    payload: Payload,
    signing_input: Box<[u8]>,
    signature: Vec<u8>,
    algorithm: Algorithm,
    asked: Arc<Key>,
    /// Those to try after it, the next one last.
    others: Vec<Arc<Key>>,
    /// Whether any key could be used at all.
    any_usable: bool,
}

/// What the host says of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It fits the key and the bytes.
    Fits,
    /// It does not.
    DoesNotFit,
    /// The host cannot use the key: it is no point on its curve, for example.
    KeyUnusable,
    /// The host does not know the algorithm.
    UnknownAlgorithm,
    /// The host might know, and cannot be asked now.
    Unavailable,
}

impl<'t, 'k> Selected<'t, 'k> {
    pub(super) fn new(token: Unverified<'t>, algorithm: Algorithm, keys: Vec<&'k Arc<Key>>) -> Self {
        Self { token, algorithm, keys }
    }

    /// Checks the signature with each selected key until one fits (RFC 7515 §5.2).
    ///
    /// # Errors
    /// [`Error::SignatureInvalid`], which does not say more. [`Error::NotSupported`] when the host would have to be asked:
    /// see [`Selected::start`].
    pub fn verify(self) -> Result<Authentic, Error> {
        match self.start()? {
            Verification::Authentic(authentic) => Ok(authentic),
            Verification::Asking(_) => {
                Err(Error::NotSupported("its algorithm is left to the host, which was not asked"))
            }
        }
    }

    /// Checks the signature, as far as that can be done without the host.
    ///
    /// # Errors
    /// [`Error::SignatureInvalid`], which does not say more.
    pub fn start(self) -> Result<Verification, Error> {
        let Unverified { header, payload, signing_input, signature } = self.token;
        for (index, key) in self.keys.iter().enumerate() {
            if !key.can_have_made(self.algorithm, &signature) {
                continue;
            }
            match key.by(self.algorithm) {
                Some(By::Here(verifier)) if verifier.verify(signing_input, &signature) => {
                    return Ok(Verification::Authentic(Authentic::new(header, payload, key)));
                }
                Some(By::Here(_)) | None => {}
                Some(By::Host(_)) => {
                    let others = self.keys.iter().skip(index.saturating_add(1)).rev();
                    return Ok(Verification::Asking(Question {
                        header,
                        payload,
                        signing_input: signing_input.into(),
                        signature,
                        algorithm: self.algorithm,
                        asked: Arc::clone(key),
                        others: others.map(|key| Arc::clone(key)).collect(),
                        any_usable: index > 0,
                    }));
                }
            }
        }
        Err(Error::SignatureInvalid)
    }
}

impl Question {
    /// With which key; nothing would be a fault of this crate's.
    #[must_use]
    pub fn key(&self) -> Option<&HostKey> {
        match self.asked.by(self.algorithm)? {
            By::Host(key) => Some(key),
            By::Here(_) => None,
        }
    }

    /// The bytes that were signed (RFC 7515 §5.2).
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        &self.signing_input
    }

    /// The signature; an ECDSA signature is raw.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Goes on with what the host said. Its word is believed: whoever answers [`Answer::Fits`] without having checked lets
    /// any token pass for authentic.
    ///
    /// # Errors
    /// [`Error::SignatureInvalid`], which does not say more; [`Error::NoMatchingKey`] when the host could use no key;
    /// [`Error::NotSupported`] when it does not know the algorithm; [`Error::EngineUnavailable`] when it cannot be asked.
    pub fn answer(mut self, answer: Answer) -> Result<Verification, Error> {
        if answer == Answer::Fits {
            let Self { header, payload, asked, .. } = self;
            return Ok(Verification::Authentic(Authentic::new(header, payload, &asked)));
        }
        match answer {
            Answer::UnknownAlgorithm => {
                return Err(Error::NotSupported("no engine at hand knows its algorithm"));
            }
            Answer::Unavailable => return Err(Error::EngineUnavailable),
            Answer::Fits | Answer::DoesNotFit | Answer::KeyUnusable => {}
        }
        self.any_usable |= answer == Answer::DoesNotFit;
        while let Some(key) = self.others.pop() {
            if !key.can_have_made(self.algorithm, &self.signature) {
                self.any_usable = true;
                continue;
            }
            match key.by(self.algorithm) {
                Some(By::Here(verifier)) => {
                    self.any_usable = true;
                    if verifier.verify(&self.signing_input, &self.signature) {
                        let Self { header, payload, .. } = self;
                        return Ok(Verification::Authentic(Authentic::new(header, payload, &key)));
                    }
                }
                Some(By::Host(_)) => {
                    self.asked = key;
                    return Ok(Verification::Asking(self));
                }
                None => {}
            }
        }
        Err(if self.any_usable { Error::SignatureInvalid } else { Error::NoMatchingKey })
    }
}

/// A token that the selected key did sign. Its claims have not been looked at: it may be expired, for somebody else,
/// or revoked.
#[derive(Clone, Debug)]
pub struct Authentic {
    pub(super) header: Arc<Header>,
    pub(super) payload: Payload,
    pub(super) key_name: Option<Box<str>>,
    /// Private to this module, so that nobody else can make an `Authentic`.
    #[expect(dead_code, reason = "its presence is the proof")]
    proof: Proof,
}

#[derive(Clone, Debug)]
struct Proof(());

impl Authentic {
    /// The only place that makes one.
    fn new(header: Arc<Header>, payload: Payload, signer: &Key) -> Self {
        Self { header, payload, key_name: signer.name().map(Box::from), proof: Proof(()) }
    }

    /// The header, authentic.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The payload, authentic but not yet checked.
    #[must_use]
    pub const fn payload(&self) -> &Object {
        &self.payload.members
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base64url;
    use crate::engine::SMALL;
    use crate::key::{Jwks, KeyOptions, Secrets};

    const P256: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;

    fn start(signature: &[u8]) -> Result<Verification, Error> {
        let options = KeyOptions { engines: SMALL, ..KeyOptions::new(Secrets::Ignore) };
        let jwks = Jwks::parse_with(P256.as_bytes(), &options).unwrap();
        let (header, payload) = (base64url::encode(r#"{"alg":"ES256"}"#), base64url::encode("{}"));
        let token = format!("{header}.{payload}.{}", base64url::encode(signature));
        Unverified::parse(&token)?.select(&jwks, &[])?.start()
    }

    #[test]
    fn the_host_is_not_asked_about_a_signature_that_no_key_can_have_made() {
        assert!(matches!(start(&[1; 64]), Ok(Verification::Asking(_))));
        for wrong in [&[1; 63][..], &[1; 65], &[0; 64], &[0xff; 64]] {
            assert!(matches!(start(wrong), Err(Error::SignatureInvalid)), "{wrong:?}");
        }
    }
}

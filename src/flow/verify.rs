//! Third stage: the signature. The only place that makes an [`Authentic`].

use crate::error::Error;
use crate::json::Object;
use crate::key::Key;

use super::{Header, Unverified};

/// A token together with the keys that may have signed it.
#[derive(Debug)]
pub struct Selected<'t, 'k> {
    token: Unverified<'t>,
    keys: Vec<&'k Key>,
}

impl<'t, 'k> Selected<'t, 'k> {
    pub(super) fn new(token: Unverified<'t>, keys: Vec<&'k Key>) -> Self {
        Self { token, keys }
    }

    /// Checks the signature with each selected key until one fits (RFC 7515 §5.2).
    ///
    /// # Errors
    /// [`Error::SignatureInvalid`], which does not say more.
    pub fn verify(self) -> Result<Authentic, Error> {
        let Unverified { header, payload, signing_input, signature } = self.token;
        let signer = self.keys.into_iter().find(|key| key.verify(signing_input, &signature));
        let signer = signer.ok_or(Error::SignatureInvalid)?;
        Ok(Authentic { header, payload, key_name: signer.name().map(Box::from), proof: Proof(()) })
    }
}

/// A token that the selected key did sign. Its claims have not been looked at: it may be expired, for somebody else,
/// or revoked.
#[derive(Clone, Debug)]
pub struct Authentic {
    pub(super) header: Header,
    pub(super) payload: Object,
    pub(super) key_name: Option<Box<str>>,
    /// Private to this module, so that nobody else can make an `Authentic`.
    #[expect(dead_code, reason = "its presence is the proof")]
    proof: Proof,
}

#[derive(Clone, Debug)]
struct Proof(());

impl Authentic {
    /// The header, authentic.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The payload, authentic but not yet checked.
    #[must_use]
    pub const fn payload(&self) -> &Object {
        &self.payload
    }
}

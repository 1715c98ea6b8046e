//! Another fourth stage, for whoever takes tokens back: whose a token is and until when it might pass, anywhere.

use std::sync::Arc;

use serde_json::Value;

use crate::error::Error;
use crate::json::Object;
use crate::limits::EXPIRED_ENTRY_GRACE_SECONDS;
use crate::time::UnixTime;

use super::claims::{check_issuer, check_typ, date};
use super::parse::Payload;
use super::{Authentic, Expectations, Header};

/// A token that its issuer did sign, and that is not over: it can be taken back. Whether it passes here is another question,
/// and nothing can be made of this that would answer it.
#[derive(Clone, Debug)]
pub struct Recognised {
    header: Arc<Header>,
    payload: Payload,
    key_name: Option<Box<str>>,
    issuer: String,
    expires_at: Option<UnixTime>,
}

impl Authentic {
    /// Instead of the fourth stage: looks at who a token is from and whether it is over, and at nothing else that is expected.
    ///
    /// A list is read by gates that expect different things, so that a token for another audience, without a scope, of another
    /// `typ` such as a refresh token's, or not good yet may be taken back as well. One that is over for longer than
    /// [`EXPIRED_ENTRY_GRACE_SECONDS`] passes nowhere.
    ///
    /// # Errors
    /// [`Error::ClaimInvalid`] for `iss`, `typ` or `exp`; [`Error::Expired`]. The signature has been verified.
    pub fn recognise(self, expected: &Expectations, now: UnixTime) -> Result<Recognised, Error> {
        let Self { header, payload, key_name, .. } = self;
        // What an authority signed is no token, whatever is expected of those.
        check_typ(&header, &Expectations::any_issuer())?;
        let issuer = check_issuer(&payload.members, expected)?.to_owned();
        let expires_at = date(&payload.members, "exp")?;
        match expires_at {
            Some(exp) if now >= exp.plus_seconds(EXPIRED_ENTRY_GRACE_SECONDS) => {
                Err(Error::Expired { now, exp })
            }
            _ => Ok(Recognised { header, payload, key_name, issuer, expires_at }),
        }
    }
}

impl Recognised {
    /// Whose it is. See [`super::Claims::issuer`].
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// `exp`.
    #[must_use]
    pub const fn expires_at(&self) -> Option<UnixTime> {
        self.expires_at
    }

    /// A claim, when it is a string.
    #[must_use]
    pub fn text(&self, claim: &str) -> Option<&str> {
        self.payload.members.get(claim).and_then(Value::as_str)
    }

    /// Its payload.
    #[must_use]
    pub const fn payload(&self) -> &Object {
        &self.payload.members
    }

    /// Its header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// See [`super::Claims::key_name`].
    #[must_use]
    pub fn key_name(&self) -> Option<&str> {
        self.key_name.as_deref()
    }
}

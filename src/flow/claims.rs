//! Fourth stage: the claims (RFC 7519 §4.1), against what the caller expects and the time he says it is.

use serde_json::Value;

use crate::error::{ClaimFault, Error};
use crate::json::Object;
use crate::limits::MAX_CLOCK_TOLERANCE_SECONDS;
use crate::time::UnixTime;

use super::parse::Payload;
use super::{Authentic, Header, MANIFEST_TYP, media_type};

/// What a token's claims must be.
///
/// By default `exp` is required, clocks may differ by 5 seconds, and the audience is not looked at, because it has no
/// default; set [`Expectations::audience`] wherever the issuer also issues for others.
#[derive(Clone, Debug)]
pub struct Expectations {
    issuer: String,
    audience: Vec<String>,
    clock_tolerance: u64,
    require_exp: bool,
}

impl Expectations {
    /// Tokens of this issuer, `iss` equal byte for byte.
    #[must_use]
    pub fn new(issuer: impl Into<String>) -> Self {
        Self { issuer: issuer.into(), audience: Vec::new(), clock_tolerance: 5, require_exp: true }
    }

    /// Wants `aud` to be, or to hold, one of these.
    #[must_use]
    pub fn audience<S: Into<String>>(mut self, any_of: impl IntoIterator<Item = S>) -> Self {
        self.audience = any_of.into_iter().map(Into::into).collect();
        self
    }

    /// How far clocks may differ, in seconds, for `exp`, `nbf` and `iat`; never more than
    /// [`MAX_CLOCK_TOLERANCE_SECONDS`].
    #[must_use]
    pub fn clock_tolerance(mut self, seconds: u64) -> Self {
        self.clock_tolerance = seconds.min(MAX_CLOCK_TOLERANCE_SECONDS);
        self
    }

    /// Whether a token without `exp` is refused.
    #[must_use]
    pub fn require_exp(mut self, required: bool) -> Self {
        self.require_exp = required;
        self
    }

    /// The issuer's name.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }
}

/// The claims of a token whose signature and claims have been checked. Whether it has been revoked is not known yet.
#[derive(Clone, Debug)]
pub struct Claims {
    header: Header,
    payload: Payload,
    key_name: Option<Box<str>>,
    issuer: String,
    issued_at: Option<UnixTime>,
}

impl Authentic {
    /// Fourth stage. The checks run in this order: `typ`, `iss`, `aud`, `exp`, `nbf`, `iat`.
    ///
    /// # Errors
    /// [`Error::ClaimInvalid`] or [`Error::Expired`]; the signature has been verified.
    pub fn check_claims(self, expected: &Expectations, now: UnixTime) -> Result<Claims, Error> {
        let Self { header, payload: whole, key_name, .. } = self;
        let payload = &whole.members;
        // A list that an authority signed is never a bearer token, even where one key signs both.
        if header.typ().is_some_and(|typ| media_type(typ) == MANIFEST_TYP) {
            return Err(Error::claim_invalid("typ", ClaimFault::Mismatch));
        }
        check_issuer(payload, &expected.issuer)?;
        check_audience(payload, &expected.audience)?;
        let latest_now = now.plus_seconds(expected.clock_tolerance);
        match date(payload, "exp")? {
            Some(exp) if now >= exp.plus_seconds(expected.clock_tolerance) => {
                return Err(Error::Expired { now, exp });
            }
            None if expected.require_exp => return Err(Error::claim_invalid("exp", ClaimFault::Missing)),
            _ => {}
        }
        if date(payload, "nbf")?.is_some_and(|nbf| nbf > latest_now) {
            return Err(Error::claim_invalid("nbf", ClaimFault::TooEarly));
        }
        let issued_at = date(payload, "iat")?;
        // Otherwise whoever can influence `iat` could postdate a token past every cutoff to come.
        if issued_at.is_some_and(|iat| iat > latest_now) {
            return Err(Error::claim_invalid("iat", ClaimFault::TooEarly));
        }
        Ok(Claims { header, payload: whole, key_name, issuer: expected.issuer.clone(), issued_at })
    }
}

fn check_issuer(payload: &Object, expected: &str) -> Result<(), Error> {
    match payload.get("iss") {
        Some(Value::String(issuer)) if issuer == expected => Ok(()),
        Some(Value::String(_)) => Err(Error::claim_invalid("iss", ClaimFault::Mismatch)),
        Some(_) => Err(Error::claim_invalid("iss", ClaimFault::Malformed)),
        None => Err(Error::claim_invalid("iss", ClaimFault::Missing)),
    }
}

/// RFC 7519 §4.1.3: one string, or a list of strings of which one must be ours.
fn check_audience(payload: &Object, any_of: &[String]) -> Result<(), Error> {
    let ours = |audience: &str| any_of.iter().any(|ours| ours == audience);
    let matches = match payload.get("aud") {
        None if any_of.is_empty() => return Ok(()),
        None => return Err(Error::claim_invalid("aud", ClaimFault::Missing)),
        Some(Value::String(audience)) => ours(audience),
        Some(Value::Array(audiences)) => {
            let audiences: Option<Vec<&str>> = audiences.iter().map(Value::as_str).collect();
            let audiences = audiences.ok_or_else(|| Error::claim_invalid("aud", ClaimFault::Malformed))?;
            audiences.into_iter().any(ours)
        }
        Some(_) => return Err(Error::claim_invalid("aud", ClaimFault::Malformed)),
    };
    if matches || any_of.is_empty() { Ok(()) } else { Err(Error::claim_invalid("aud", ClaimFault::Mismatch)) }
}

fn date(payload: &Object, claim: &str) -> Result<Option<UnixTime>, Error> {
    match payload.get(claim) {
        None => Ok(None),
        Some(value) => match value.as_f64().and_then(UnixTime::from_numeric_date) {
            Some(date) => Ok(Some(date)),
            None => Err(Error::claim_invalid(claim, ClaimFault::Malformed)),
        },
    }
}

impl Claims {
    /// The issuer: `iss`, which is the trusted issuer's name.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// `sub`, when it is a string.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.string("sub")
    }

    /// The client the token was issued to: `azp` (OpenID Connect) or `client_id` (RFC 9068).
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.string("azp").or_else(|| self.string("client_id"))
    }

    /// `jti`, when it is a string.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.string("jti")
    }

    /// `iat`.
    #[must_use]
    pub const fn issued_at(&self) -> Option<UnixTime> {
        self.issued_at
    }

    /// A claim of any name.
    #[must_use]
    pub fn get(&self, claim: &str) -> Option<&Value> {
        self.payload.members.get(claim)
    }

    /// Every claim, as the one strict reading found it.
    #[must_use]
    pub const fn payload(&self) -> &Object {
        &self.payload.members
    }

    /// The text they were read from, JSON: who reads it again with another parser finds the same, because what parsers
    /// disagree about has been refused.
    #[must_use]
    pub const fn text(&self) -> &[u8] {
        self.payload.text.as_slice()
    }

    /// The JOSE header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// What the rule `["@key"]` calls the key that verified the token: its RFC 7638 thumbprint, or a secret's
    /// configured name.
    #[must_use]
    pub fn key_name(&self) -> Option<&str> {
        self.key_name.as_deref()
    }

    fn string(&self, claim: &str) -> Option<&str> {
        self.payload.members.get(claim).and_then(Value::as_str)
    }
}

//! Fourth stage: the claims (RFC 7519 §4.1), against what the caller expects and the time he says it is.

use serde::de::DeserializeOwned;
use std::sync::Arc;

use serde_json::{Number, Value};

use crate::error::{ClaimFault, Error};
use crate::json::Object;
use crate::limits::MAX_SAFE_INTEGER;
use crate::time::UnixTime;

use super::parse::Payload;
use super::{Authentic, Expectations, HEAD_TYP, Header, MANIFEST_TYP, media_type};

/// The claims of a token whose signature and claims have been checked. Whether it has been revoked is not known yet.
#[derive(Clone, Debug)]
pub struct Claims {
    header: Arc<Header>,
    payload: Payload,
    key_name: Option<Box<str>>,
    issuer: String,
    dates: Dates,
}

impl Authentic {
    /// Fourth stage. The checks run in this order, and the first that fails is the answer: `typ`, `iss`, what must be
    /// there ([`Expectations::profile`], [`Expectations::required_claims`]), `sub`, `aud`, `exp`, `nbf`, `iat` and the
    /// token's age, what must be equal, the scopes.
    ///
    /// A date is a NumericDate (RFC 7519 §2), fractions and exponents included; one that is negative, no number, or later
    /// than the year 9999 is refused. So is an `iat` later than the clock and its tolerance, and an `aud` that is neither a
    /// string nor a list of strings, whether anybody asked for them or not.
    ///
    /// # Errors
    /// [`Error::ClaimInvalid`], [`Error::Expired`], [`Error::TooOld`] or [`Error::InsufficientScope`]; the signature has
    /// been verified.
    pub fn check_claims(self, expected: &Expectations, now: UnixTime) -> Result<Claims, Error> {
        let Self { header, payload: whole, key_name, .. } = self;
        let payload = &whole.members;
        check_typ(&header, expected)?;
        let issuer = check_issuer(payload, expected)?.to_owned();
        check_presence(payload, expected)?;
        check_subject(payload, expected.subject.as_deref())?;
        check_audience(payload, expected)?;
        let dates = Dates::check(payload, expected, now)?;
        check_equality(payload, &expected.equal_claims)?;
        check_scopes(payload, &expected.scopes)?;
        Ok(Claims { header, payload: whole, key_name, issuer, dates })
    }
}

pub(super) fn check_typ(header: &Header, expected: &Expectations) -> Result<(), Error> {
    let typ = header.typ().map(media_type);
    // What an authority signed is never a bearer token, even where one key signs both.
    if matches!(typ.as_deref(), Some(MANIFEST_TYP | HEAD_TYP)) {
        return Err(Error::claim_invalid("typ", ClaimFault::Mismatch));
    }
    for wanted in expected.typ.as_deref().into_iter().chain(expected.profile.map(|profile| profile.typ())) {
        match typ.as_deref() {
            Some(typ) if typ == wanted => {}
            Some(_) => return Err(Error::claim_invalid("typ", ClaimFault::Mismatch)),
            None => return Err(Error::claim_invalid("typ", ClaimFault::Missing)),
        }
    }
    Ok(())
}

/// Who the token is from: what it says, or the one whose it counts as where it says nothing.
pub(super) fn check_issuer<'c>(payload: &'c Object, expected: &'c Expectations) -> Result<&'c str, Error> {
    let issuers = expected.issuers();
    match payload.get("iss") {
        Some(Value::String(issuer)) if issuers.is_none_or(|issuers| issuers.contains(issuer)) => Ok(issuer),
        Some(Value::String(_)) => Err(Error::claim_invalid("iss", ClaimFault::Mismatch)),
        Some(_) => Err(Error::claim_invalid("iss", ClaimFault::Malformed)),
        None if expected.accepts_missing_issuer() => match issuers {
            Some([issuer]) => Ok(issuer),
            // No list speaks for the empty name, so that nothing is said of such a token.
            _ => Ok(""),
        },
        None => Err(Error::claim_invalid("iss", ClaimFault::Missing)),
    }
}

fn check_presence(payload: &Object, expected: &Expectations) -> Result<(), Error> {
    if let Some(profile) = expected.profile {
        for claim in profile.required_strings() {
            match payload.get(*claim) {
                Some(Value::String(_)) => {}
                Some(_) => return Err(Error::claim_invalid(claim, ClaimFault::Malformed)),
                None => return Err(Error::claim_invalid(claim, ClaimFault::Missing)),
            }
        }
    }
    let of_profile = expected.profile.map(|profile| profile.required()).unwrap_or_default();
    let mut required = of_profile.iter().copied().chain(expected.required_claims.iter().map(String::as_str));
    match required.find(|claim| !payload.contains_key(*claim)) {
        Some(claim) => Err(Error::claim_invalid(claim, ClaimFault::Missing)),
        None => Ok(()),
    }
}

fn check_subject(payload: &Object, any_of: Option<&[String]>) -> Result<(), Error> {
    let Some(any_of) = any_of else { return Ok(()) };
    match payload.get("sub") {
        Some(Value::String(subject)) if any_of.contains(subject) => Ok(()),
        Some(Value::String(_)) => Err(Error::claim_invalid("sub", ClaimFault::Mismatch)),
        Some(_) => Err(Error::claim_invalid("sub", ClaimFault::Malformed)),
        None => Err(Error::claim_invalid("sub", ClaimFault::Missing)),
    }
}

/// RFC 7519 §4.1.3: one string, or a list of strings of which one must be ours.
fn check_audience(payload: &Object, expected: &Expectations) -> Result<(), Error> {
    // A profile wants the audience to be ours, so that not having said who we are is no way around it.
    let any_of = expected.audience.as_deref().or(expected.profile.map(|_| &[][..]));
    let ours = |audience: &str| any_of.is_none_or(|any_of| any_of.iter().any(|ours| ours == audience));
    let matches = match payload.get("aud") {
        None if any_of.is_none() => return Ok(()),
        None => return Err(Error::claim_invalid("aud", ClaimFault::Missing)),
        Some(Value::String(audience)) => ours(audience),
        Some(Value::Array(audiences)) => {
            let audiences: Option<Vec<&str>> = audiences.iter().map(Value::as_str).collect();
            let audiences = audiences.ok_or_else(|| Error::claim_invalid("aud", ClaimFault::Malformed))?;
            any_of.is_none() || audiences.into_iter().any(ours)
        }
        Some(_) => return Err(Error::claim_invalid("aud", ClaimFault::Malformed)),
    };
    if matches { Ok(()) } else { Err(Error::claim_invalid("aud", ClaimFault::Mismatch)) }
}

/// The dates of a token (RFC 7519 §4.1.4–6).
#[derive(Clone, Copy, Debug)]
struct Dates {
    expires_at: Option<UnixTime>,
    not_before: Option<UnixTime>,
    issued_at: Option<UnixTime>,
}

impl Dates {
    fn check(payload: &Object, expected: &Expectations, now: UnixTime) -> Result<Self, Error> {
        let tolerance = expected.clock_tolerance;
        let latest_now = now.plus_seconds(tolerance);
        let expires_at = date(payload, "exp")?;
        match expires_at {
            Some(exp) if now >= exp.plus_seconds(tolerance) => return Err(Error::Expired { now, exp }),
            None if expected.require_exp => return Err(Error::claim_invalid("exp", ClaimFault::Missing)),
            _ => {}
        }
        let not_before = date(payload, "nbf")?;
        if has_not_come(payload, "nbf", latest_now) {
            return Err(Error::claim_invalid("nbf", ClaimFault::TooEarly));
        }
        let issued_at = date(payload, "iat")?;
        // Otherwise whoever can influence `iat` could postdate a token past every cutoff to come.
        if has_not_come(payload, "iat", latest_now) {
            return Err(Error::claim_invalid("iat", ClaimFault::TooEarly));
        }
        if let Some(max) = expected.max_token_age {
            let iat = issued_at.ok_or_else(|| Error::claim_invalid("iat", ClaimFault::Missing))?;
            if now.millis_since(iat) > max.saturating_add(tolerance).saturating_mul(1000) {
                return Err(Error::TooOld { now, iat });
            }
        }
        Ok(Self { expires_at, not_before, issued_at })
    }
}

pub(super) fn date(payload: &Object, claim: &str) -> Result<Option<UnixTime>, Error> {
    match payload.get(claim) {
        None => Ok(None),
        Some(value) => match value.as_f64().and_then(UnixTime::from_numeric_date) {
            Some(date) => Ok(Some(date)),
            None => Err(Error::claim_invalid(claim, ClaimFault::Malformed)),
        },
    }
}

/// Whether a date is later than `now`, be it by less than the millisecond that [`date`] reads it to.
fn has_not_come(payload: &Object, claim: &str, now: UnixTime) -> bool {
    let date = payload.get(claim).and_then(Value::as_f64).and_then(UnixTime::from_numeric_date_up);
    date.is_some_and(|date| date > now)
}

fn check_equality(payload: &Object, wanted: &[(String, Value)]) -> Result<(), Error> {
    for (claim, value) in wanted {
        match payload.get(claim) {
            Some(found) if is_same(found, value) => {}
            Some(_) => return Err(Error::claim_invalid(claim, ClaimFault::Mismatch)),
            None => return Err(Error::claim_invalid(claim, ClaimFault::Missing)),
        }
    }
    Ok(())
}

/// Whether two values are the same JSON. It goes no deeper than the shallower of the two, and a payload's depth is bounded.
fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => is_same_number(left, right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| is_same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, left)| right.get(name).is_some_and(|right| is_same(left, right)))
        }
        (left, right) => left == right,
    }
}

/// `1` and `1.0` are the same number. Integers are compared as such: beyond 2^53 several of them are one f64.
fn is_same_number(left: &Number, right: &Number) -> bool {
    let is_exact = |number: &Number| number.as_f64().is_some_and(|number| number.abs() <= EXACT);
    left == right
        || (left.is_f64() || right.is_f64())
            && is_exact(left)
            && is_exact(right)
            && left.as_f64() == right.as_f64()
}

fn check_scopes(payload: &Object, wanted: &[String]) -> Result<(), Error> {
    if wanted.is_empty() {
        return Ok(());
    }
    let granted = scopes(payload)?;
    if wanted.iter().all(|wanted| granted.contains(&wanted.as_str())) {
        Ok(())
    } else {
        Err(Error::InsufficientScope { required: wanted.to_vec() })
    }
}

/// `scope` is one text (RFC 8693 §4.2), and where there is none, `scp` is a text or a list, as large providers write it.
fn scopes(payload: &Object) -> Result<Vec<&str>, Error> {
    match (payload.get("scope"), payload.get("scp")) {
        (Some(Value::String(text)), _) | (None, Some(Value::String(text))) => {
            Ok(text.split(' ').filter(|word| !word.is_empty()).collect())
        }
        (None, Some(Value::Array(list))) => {
            let scopes: Option<_> = list.iter().map(Value::as_str).collect();
            scopes.ok_or_else(|| Error::claim_invalid("scp", ClaimFault::Malformed))
        }
        (Some(_), _) => Err(Error::claim_invalid("scope", ClaimFault::Malformed)),
        (None, Some(_)) => Err(Error::claim_invalid("scp", ClaimFault::Malformed)),
        (None, None) => Ok(Vec::new()),
    }
}

/// Up to here every integer is an f64 of its own.
#[expect(clippy::as_conversions, reason = "2^53 - 1 is exact")]
const EXACT: f64 = MAX_SAFE_INTEGER as f64;

impl Claims {
    /// The issuer: `iss`, or where the token has none and that is accepted, the one issuer whose it counts as. Empty where
    /// there is no such one, either.
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
        self.dates.issued_at
    }

    /// `nbf`.
    #[must_use]
    pub const fn not_before(&self) -> Option<UnixTime> {
        self.dates.not_before
    }

    /// `exp`.
    #[must_use]
    pub const fn expires_at(&self) -> Option<UnixTime> {
        self.dates.expires_at
    }

    /// The scopes: the words of `scope` (RFC 8693 §4.2, RFC 9068 §2.2.3), and where there is no `scope`, those of `scp`,
    /// which may also be a list. None when the claim is malformed.
    #[must_use]
    pub fn scopes(&self) -> Vec<&str> {
        scopes(&self.payload.members).unwrap_or_default()
    }

    /// Every claim, as a type of the caller's.
    ///
    /// ```
    /// # fn way(claims: &revocable::Claims) -> Result<(), revocable::Error> {
    /// #[derive(serde::Deserialize)]
    /// struct Session {
    ///     sid: String,
    ///     roles: Vec<String>,
    /// }
    /// let Session { sid, roles } = claims.deserialize()?;
    /// # let _ = (sid, roles); Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::JwtInvalid`] when they do not have the type's shape. It does not say where: what a type's own code says of
    /// a value may repeat it.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, Error> {
        T::deserialize(&self.payload.members)
            .map_err(|_| Error::JwtInvalid("the claims do not have the shape that the application wants"))
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
    pub fn header(&self) -> &Header {
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

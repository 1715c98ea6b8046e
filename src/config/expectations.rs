//! The part of an issuer's configuration that the claims stage needs.

use serde_json::Value;

#[cfg(doc)]
use crate::error::Error;
use crate::flow::{Expectations, MissingIssuer, Profile, is_registered, is_scope};
use crate::limits::{MAX_CLOCK_TOLERANCE_SECONDS, MAX_UNIX_SECONDS};

use super::fields::Fields;
use super::verifier::IssuerConfig;
use super::{Wrong, member, wrong};

impl IssuerConfig {
    /// # Errors
    /// [`Error::ConfigInvalid`] where a field contradicts another, or would silently mean nothing.
    pub(super) fn expectations(&self, path: &str) -> Result<Expectations, Wrong> {
        let check = |holds: bool, field: &str, reason: &str| {
            if holds { Ok(()) } else { Err(wrong(member(path, field), reason)) }
        };
        check(
            self.clock_tolerance <= MAX_CLOCK_TOLERANCE_SECONDS,
            "clockTolerance",
            "expected at most 60 seconds",
        )?;
        let age = self.max_token_age.is_none_or(|age| age <= MAX_UNIX_SECONDS);
        check(age, "maxTokenAge", "expected at most 253402300799 seconds")?;
        check(self.typ.as_deref() != Some(""), "typ", "it is empty")?;
        if self.profile.is_some() {
            check(self.typ.is_none(), "typ", "the profile says what it is")?;
            check(
                !self.audience.is_empty(),
                "profile",
                "it wants an `audience`, one of which must be the token's",
            )?;
            check(
                self.missing_iss == MissingIssuer::Deny,
                "missingIss",
                "the profile wants `iss` to be there",
            )?;
            check(self.require_exp, "requireExp", "the profile wants `exp` to be there")?;
        }
        let not_empty = |names: &Option<Vec<String>>| names.as_ref().is_none_or(|names| !names.is_empty());
        check(not_empty(&self.required_claims), "requiredClaims", "expected at least one name")?;
        let scopes = self.scopes.iter().flatten().all(|scope| is_scope(scope));
        check(
            not_empty(&self.scopes) && scopes,
            "scopes",
            "expected at least one scope, each without space, quote and backslash",
        )?;
        check(
            self.claims.as_ref().is_none_or(|claims| !claims.is_empty()),
            "claims",
            "expected at least one claim",
        )?;
        let extensions = self.crit.iter().flatten().all(|name| !name.is_empty() && !is_registered(name));
        check(
            not_empty(&self.crit) && extensions,
            "crit",
            "expected at least one name, each of an extension and not of JOSE itself",
        )?;

        let mut expectations = Expectations::new(&self.issuer)
            .missing_issuer(self.missing_iss)
            .clock_tolerance(self.clock_tolerance)
            .require_exp(self.require_exp)
            .required_claims(self.required_claims.clone().unwrap_or_default())
            .scopes(self.scopes.clone().unwrap_or_default())
            .equal_claims(self.claims.clone().unwrap_or_default());
        // Nothing that was left out is looked at.
        if !self.subject.is_empty() {
            expectations = expectations.subject(self.subject.clone());
        }
        if !self.audience.is_empty() {
            expectations = expectations.audience(self.audience.clone());
        }
        if let Some(typ) = &self.typ {
            expectations = expectations.typ(typ);
        }
        if let Some(profile) = self.profile {
            expectations = expectations.profile(profile);
        }
        if let Some(seconds) = self.max_token_age {
            expectations = expectations.max_token_age(seconds);
        }
        Ok(expectations)
    }
}

pub(super) fn missing_iss(fields: &Fields<'_>) -> MissingIssuer {
    match fields.value("missingIss").map(Value::as_str) {
        None | Some(Some("deny")) => {}
        Some(Some("accept")) => return MissingIssuer::Accept,
        Some(_) => fields.refuse("missingIss", "expected `deny` or `accept`"),
    }
    MissingIssuer::Deny
}

pub(super) fn profile(fields: &Fields<'_>) -> Option<Profile> {
    if fields.value("profile")?.as_str() != Some("rfc9068") {
        fields.refuse("profile", "expected `rfc9068`");
    }
    Some(Profile::Rfc9068)
}

//! What the fourth stage wants of a token: the caller's side of the claims.

use serde_json::Value;

use crate::limits::MAX_CLOCK_TOLERANCE_SECONDS;

use super::media_type;

/// What a token's claims must be.
///
/// By default `iss` must be there, `exp` is required, and clocks may differ by 5 seconds. Nothing else is looked at,
/// because nothing else has a default: set [`Expectations::audience`] wherever the issuer also issues for others.
///
/// Values are compared byte for byte and never as patterns, so that no value of a token costs more time than its length.
///
/// ```
/// use revocable::Expectations;
/// let expected = Expectations::new("https://issuer.example").audience(["api"]).typ("at+jwt").scopes(["read"]);
/// assert_eq!(expected.issuers(), Some(&["https://issuer.example".to_owned()][..]));
/// ```
#[derive(Clone, Debug)]
pub struct Expectations {
    /// `None`: any.
    pub(super) issuers: Option<Vec<String>>,
    pub(super) missing_issuer: MissingIssuer,
    pub(super) subject: Option<Vec<String>>,
    pub(super) audience: Option<Vec<String>>,
    /// In the short, lower-case form.
    pub(super) typ: Option<String>,
    pub(super) profile: Option<Profile>,
    pub(super) max_token_age: Option<u64>,
    pub(super) clock_tolerance: u64,
    pub(super) require_exp: bool,
    pub(super) required_claims: Vec<String>,
    pub(super) scopes: Vec<String>,
    pub(super) equal_claims: Vec<(String, Value)>,
}

/// What to do with a token that does not say who it is from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingIssuer {
    /// Refuse it.
    #[default]
    Deny,
    /// Let it pass for one of the issuer's.
    Accept,
}

/// A profile of JWT: a specification of which claims there must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Profile {
    /// OAuth 2.0 access tokens as RFC 9068 has them: `typ` is `at+jwt`, and `iss`, `exp`, `aud`, `sub`, `client_id`, `iat`
    /// and `jti` are there (§2.1, §2.2, §4). An audience must be set: without one, every token is refused.
    Rfc9068,
}

impl Expectations {
    /// Tokens of this issuer, `iss` equal byte for byte.
    #[must_use]
    pub fn new(issuer: impl Into<String>) -> Self {
        Self::one_of_issuers([issuer])
    }

    /// Tokens of one of these issuers; of none, where there are none. The keys are the same for all of them: issuers with
    /// keys of their own are [`crate::Issuer`]s of a [`crate::Verifier`].
    #[must_use]
    pub fn one_of_issuers<S: Into<String>>(any_of: impl IntoIterator<Item = S>) -> Self {
        Self { issuers: Some(strings(any_of)), ..Self::any_issuer() }
    }

    /// Tokens of whatever issuer: whoever holds one of the keys may name anybody. `iss` must still be there, and be a
    /// string, unless [`Expectations::missing_issuer`] says otherwise.
    #[must_use]
    pub const fn any_issuer() -> Self {
        Self {
            issuers: None,
            missing_issuer: MissingIssuer::Deny,
            subject: None,
            audience: None,
            typ: None,
            profile: None,
            max_token_age: None,
            clock_tolerance: 5,
            require_exp: true,
            required_claims: Vec::new(),
            scopes: Vec::new(),
            equal_claims: Vec::new(),
        }
    }

    /// What to do with a token without `iss`; by default, [`MissingIssuer::Deny`]. One that is accepted counts as issued by
    /// the one issuer these expectations name.
    #[must_use]
    pub const fn missing_issuer(mut self, what: MissingIssuer) -> Self {
        self.missing_issuer = what;
        self
    }

    /// Wants `sub` to be one of these; of none, every token is refused. By default it is not looked at.
    #[must_use]
    pub fn subject<S: Into<String>>(mut self, any_of: impl IntoIterator<Item = S>) -> Self {
        self.subject = Some(strings(any_of));
        self
    }

    /// Wants `aud` to be, or to hold, one of these; of none, every token is refused. By default it is not looked at.
    #[must_use]
    pub fn audience<S: Into<String>>(mut self, any_of: impl IntoIterator<Item = S>) -> Self {
        self.audience = Some(strings(any_of));
        self
    }

    /// Wants the header's `typ` to be there and to be this media type, such as `at+jwt`: in any case, and with or without
    /// `application/` (RFC 7515 §4.1.9). By default it is not looked at.
    #[must_use]
    pub fn typ(mut self, typ: &str) -> Self {
        self.typ = Some(media_type(typ));
        self
    }

    /// Wants a token to follow a profile. What is set beside it must hold as well.
    #[must_use]
    pub const fn profile(mut self, profile: Profile) -> Self {
        self.profile = Some(profile);
        self
    }

    /// Wants `iat` to be there and at most so many seconds ago; the clock tolerance is added. An older token is refused
    /// with [`crate::Error::TooOld`]. By default, a token may be of any age.
    #[must_use]
    pub const fn max_token_age(mut self, seconds: u64) -> Self {
        self.max_token_age = Some(seconds);
        self
    }

    /// How far clocks may differ, in seconds, for `exp`, `nbf`, `iat` and the age; never more than
    /// [`MAX_CLOCK_TOLERANCE_SECONDS`].
    #[must_use]
    pub fn clock_tolerance(mut self, seconds: u64) -> Self {
        self.clock_tolerance = seconds.min(MAX_CLOCK_TOLERANCE_SECONDS);
        self
    }

    /// Whether a token without `exp` is refused.
    #[must_use]
    pub const fn require_exp(mut self, required: bool) -> Self {
        self.require_exp = required;
        self
    }

    /// Wants these claims to be there, with any value, `null` included. A name is nothing but a name: `toString` is there
    /// when the token has it.
    ///
    /// [`crate::Issuer::require_claims`] wants more: a value that a revocation can name.
    #[must_use]
    pub fn required_claims<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.required_claims = strings(names);
        self
    }

    /// Wants the token to have every one of these scopes, as [`super::Claims::scopes`] finds them. One that lacks any is
    /// refused with [`crate::Error::InsufficientScope`].
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, all_of: impl IntoIterator<Item = S>) -> Self {
        self.scopes = strings(all_of);
        self
    }

    /// Wants these claims to have these values, compared as JSON: the order of an object's members does not matter, and
    /// numbers are equal when they are the same number, however they are written.
    #[must_use]
    pub fn equal_claims<S: Into<String>>(mut self, claims: impl IntoIterator<Item = (S, Value)>) -> Self {
        self.equal_claims = claims.into_iter().map(|(name, value)| (name.into(), value)).collect();
        self
    }

    /// The issuers' names; `None` where any will do.
    #[must_use]
    pub fn issuers(&self) -> Option<&[String]> {
        self.issuers.as_deref()
    }

    /// Whether a token without `iss` is accepted.
    #[must_use]
    pub fn accepts_missing_issuer(&self) -> bool {
        self.missing_issuer == MissingIssuer::Accept
    }
}

impl Profile {
    /// `typ`, in the short, lower-case form.
    pub(super) const fn typ(self) -> &'static str {
        match self {
            Self::Rfc9068 => "at+jwt",
        }
    }

    /// Claims that must be there, `aud` and dates.
    pub(super) const fn required(self) -> &'static [&'static str] {
        match self {
            Self::Rfc9068 => &["exp", "aud", "iat"],
        }
    }

    /// Claims that must be there as strings.
    pub(super) const fn required_strings(self) -> &'static [&'static str] {
        match self {
            Self::Rfc9068 => &["iss", "sub", "client_id", "jti"],
        }
    }
}

/// Whether a text is a scope (RFC 6749 §3.3): visible ASCII without quote and backslash, at least one.
pub(crate) fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
}

fn strings<S: Into<String>>(strings: impl IntoIterator<Item = S>) -> Vec<String> {
    strings.into_iter().map(Into::into).collect()
}

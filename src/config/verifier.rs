//! The part of a configuration that a verifier needs: whose tokens, whose lists.

use serde_json::Value;

#[cfg(feature = "engines")]
use crate::engine;
use crate::engine::Engines;
use crate::error::Error;
#[cfg(doc)]
use crate::flow::Expectations;
use crate::flow::{MissingIssuer, Policy, Profile};
use crate::json::Object;
use crate::key::{Algorithm, Discovery, Jwks, KeyOptions, Secrets};
use crate::revocation::{List, Revocations};
use crate::verifier::{Issuer, Verifier};

use super::fields::Fields;
use super::keys::{self, PemConfig};
use super::{Wrong, element, expectations, member, policy, wrong};

/// What a verifier is made of.
#[derive(Debug)]
pub struct VerifierConfig {
    /// The trusted issuers; at least one.
    pub issuers: Vec<IssuerConfig>,
    /// Whose revocation lists are believed, and for which issuers. Empty: no list is asked, and a revoked token passes
    /// until it expires. Otherwise every issuer must be spoken for.
    pub lists: Vec<ListConfig>,
    /// What to do with a token of which the lists cannot tell, for each reason why; [`Policy::default`] where nothing is said.
    pub unknown: Policy,
}

/// A trusted issuer.
pub struct IssuerConfig {
    /// Its name: `iss`, byte for byte.
    pub issuer: String,
    /// Its keys, inline. Exactly one of this, `jwks_uri`, `discovery` and `pem` is given.
    pub jwks: Option<Object>,
    /// Where its keys are to be read: `https`, or `http` on a loopback host.
    pub jwks_uri: Option<String>,
    /// Which metadata of the issuer's says where its keys are: `true` or `openid` for OpenID Connect Discovery, `oauth` for
    /// RFC 8414.
    pub discovery: Option<Discovery>,
    /// Its one public key, as PEM.
    pub pem: Option<PemConfig>,
    /// The allowed algorithms; by default, each key's own.
    pub algorithms: Option<Vec<String>>,
    /// What to do with a token without `iss`: `deny` it, which is the default, or `accept` it as this issuer's. Only one
    /// issuer may accept it.
    pub missing_iss: MissingIssuer,
    /// What `sub` must be, one of these; by default it is not looked at.
    pub subject: Vec<String>,
    /// What `aud` must be or hold, one of these; by default it is not looked at.
    pub audience: Vec<String>,
    /// The media type that `typ` must be, with or without `application/`; by default it is not looked at.
    pub typ: Option<String>,
    /// A profile that tokens must follow: `rfc9068`. It says what `typ` is, and wants an audience.
    pub profile: Option<Profile>,
    /// The greatest age of a token, from `iat` on, in seconds; by default any.
    pub max_token_age: Option<u64>,
    /// How far clocks may differ, in seconds, at most 60.
    pub clock_tolerance: u64,
    /// Whether a token without `exp` is refused.
    pub require_exp: bool,
    /// Claims, or `header:` and a header field, without a *value that a revocation can name* in which a token is refused;
    /// by default `jti`, as soon as a rule names it. See [`Issuer::require_claims`].
    pub require_claims: Option<Vec<String>>,
    /// Claims that must be there, with whatever value. See [`Expectations::required_claims`].
    pub required_claims: Option<Vec<String>>,
    /// Scopes that a token must have, all of them.
    pub scopes: Option<Vec<String>>,
    /// Claims that must have these values.
    pub claims: Option<Object>,
    /// Header members that `crit` may list, because what is behind the gate understands them.
    pub crit: Option<Vec<String>>,
}

/// An authority whose lists are believed.
#[derive(Debug)]
pub struct ListConfig {
    /// The authority's name: `iss` of its manifests.
    pub issuer: String,
    /// The authority's public keys, as JWKS or a single JWK.
    pub keys: Object,
    /// The token issuers it may speak for.
    pub speaks_for: Vec<String>,
}

// By hand: a key set may hold a secret, and what can be printed ends up in a log.
impl std::fmt::Debug for IssuerConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("IssuerConfig").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl VerifierConfig {
    /// Reads a JSON document.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] with the field that is unknown, missing or wrong.
    pub fn parse(document: &str) -> Result<Self, Error> {
        let document = super::read(document).map_err(|wrong| *wrong)?;
        Fields::read_object(&document, String::new(), &["issuers", "lists", "unknown"], Self::of)
            .map_err(|wrong| *wrong)
    }

    /// The fields of a document that may have others.
    pub(super) fn of(fields: &Fields<'_>) -> Self {
        Self {
            issuers: fields.list("issuers", IssuerConfig::read),
            lists: fields.list("lists", ListConfig::read),
            unknown: policy::unknown(fields, Policy::default()),
        }
    }

    /// Makes the verifier.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] with the field whose value does not make sense.
    #[cfg(feature = "engines")]
    pub fn build(&self) -> Result<Verifier, Error> {
        self.build_with(engine::DEFAULT)
    }

    /// [`VerifierConfig::build`] with engines of the caller's choice.
    ///
    /// # Errors
    /// As [`VerifierConfig::build`].
    pub fn build_with(&self, engines: Engines) -> Result<Verifier, Error> {
        self.make(engines).map_err(|wrong| *wrong)
    }

    pub(super) fn make(&self, engines: Engines) -> Result<Verifier, Wrong> {
        if self.issuers.is_empty() {
            return Err(wrong("issuers", "there must be at least one"));
        }
        let mut issuers = Vec::with_capacity(self.issuers.len());
        for (index, issuer) in self.issuers.iter().enumerate() {
            let path = element("issuers", index);
            if self.issuers.iter().take(index).any(|earlier| earlier.issuer == issuer.issuer) {
                return Err(wrong(member(&path, "issuer"), "the issuer is configured twice"));
            }
            let accepts = |issuer: &IssuerConfig| issuer.missing_iss == MissingIssuer::Accept;
            if accepts(issuer) && self.issuers.iter().take(index).any(accepts) {
                return Err(wrong(
                    member(&path, "missingIss"),
                    "only one issuer may accept tokens without `iss`",
                ));
            }
            let spoken_for = self.lists.iter().any(|list| list.speaks_for.contains(&issuer.issuer));
            if !self.lists.is_empty() && !spoken_for {
                return Err(wrong(path, "no list speaks for this issuer: name it in the `for` of one"));
            }
            issuers.push(issuer.build(&path, !self.lists.is_empty(), engines)?);
        }
        if self.lists.is_empty() {
            return Ok(Verifier::without_revocation(issuers));
        }
        let mut lists = Vec::with_capacity(self.lists.len());
        for (index, list) in self.lists.iter().enumerate() {
            let path = element("lists", index);
            if self.lists.iter().take(index).any(|earlier| earlier.issuer == list.issuer) {
                return Err(wrong(member(&path, "issuer"), "the authority is configured twice"));
            }
            let configured = |name: &String| self.issuers.iter().any(|issuer| issuer.issuer == *name);
            if list.issuer.is_empty() || configured(&list.issuer) {
                return Err(wrong(
                    member(&path, "issuer"),
                    "an authority has a name that is no token issuer's",
                ));
            }
            if !list.speaks_for.iter().all(configured) {
                return Err(wrong(member(&path, "for"), "it names an issuer that is not configured"));
            }
            lists.push(list.build(&path, engines)?);
        }
        Ok(Verifier::new(issuers, Revocations::new(lists)).policy(self.unknown))
    }
}

impl IssuerConfig {
    fn read(value: &Value, path: String) -> Result<Self, Wrong> {
        Fields::read(value, path, ISSUER_FIELDS, |fields| Self {
            issuer: fields.text("issuer"),
            jwks: fields.object_if_any("jwks"),
            jwks_uri: fields.text_if_any("jwksUri"),
            discovery: keys::discovery(fields),
            pem: PemConfig::of(fields),
            algorithms: fields.texts_if_any("algorithms"),
            missing_iss: expectations::missing_iss(fields),
            subject: fields.one_or_many("subject"),
            audience: fields.one_or_many("audience"),
            typ: fields.text_if_any("typ"),
            profile: expectations::profile(fields),
            max_token_age: fields.seconds("maxTokenAge"),
            clock_tolerance: fields.seconds("clockTolerance").unwrap_or(5),
            require_exp: fields.flag("requireExp", true),
            require_claims: fields.texts_if_any("requireClaims"),
            required_claims: fields.texts_if_any("requiredClaims"),
            scopes: fields.texts_if_any("scopes"),
            claims: fields.object_if_any("claims"),
            crit: fields.texts_if_any("crit"),
        })
    }

    fn build(&self, path: &str, revocable: bool, engines: Engines) -> Result<Issuer, Wrong> {
        if self.issuer.is_empty() {
            return Err(wrong(member(path, "issuer"), "it is empty"));
        }
        let algorithms: Option<Vec<Algorithm>> = match &self.algorithms {
            None => Some(Vec::new()),
            Some(names) if names.is_empty() => None,
            Some(names) => names.iter().map(|name| Algorithm::from_name(name)).collect(),
        };
        let algorithms = algorithms.ok_or_else(|| {
            wrong(
                member(path, "algorithms"),
                "expected names of signature algorithms, such as RS256, ES256 and EdDSA",
            )
        })?;
        let keys = keys::build(self, path, &algorithms, engines, revocable)?;
        let issuer = Issuer::new(self.expectations(path)?, keys)
            .algorithms(algorithms)
            .understood_critical(self.crit.clone().unwrap_or_default());
        Ok(match &self.require_claims {
            None => issuer,
            Some(claims) => issuer.require_claims(claims.clone()),
        })
    }
}

impl ListConfig {
    fn read(value: &Value, path: String) -> Result<Self, Wrong> {
        Fields::read(value, path, &["issuer", "keys", "for"], |fields| Self {
            issuer: fields.text("issuer"),
            keys: fields.object("keys"),
            speaks_for: fields.texts("for"),
        })
    }

    fn build(&self, path: &str, engines: Engines) -> Result<List, Wrong> {
        if keys::holds_private_key(&self.keys) {
            return Err(wrong(member(path, "keys"), "a private key belongs to the authority alone"));
        }
        // A shared secret cannot vouch for a list: every reader could sign one.
        let options = KeyOptions { secrets: Secrets::Ignore, algorithms: &[], engines };
        let keys = Jwks::from_object(&self.keys, &options).map_err(|error| error_at(path, "keys", &error))?;
        Ok(List::new(&self.issuer, keys, self.speaks_for.clone()))
    }
}

pub(super) fn error_at(path: &str, field: &str, error: &Error) -> Wrong {
    wrong(member(path, field), &error.to_string())
}

const ISSUER_FIELDS: &[&str] = &[
    "issuer",
    "jwks",
    "jwksUri",
    "discovery",
    "pem",
    "algorithms",
    "missingIss",
    "subject",
    "audience",
    "typ",
    "profile",
    "maxTokenAge",
    "clockTolerance",
    "requireExp",
    "requireClaims",
    "requiredClaims",
    "scopes",
    "claims",
    "crit",
];

//! What a gate needs beside its verifier: where the token is, what it says to whom.

use serde_json::Value;

#[cfg(feature = "engines")]
use crate::engine;
use crate::engine::Engines;
use crate::error::Error;
use crate::flow::{Check, Policy};
use crate::gate::{Cors, Gate, PathPattern, Places, Rate, Readers, Routes, TokenSource, is_token68};
use crate::json::Object;
use crate::limits::{MAX_RESIDENT_BYTES, MIN_RESIDENT_BYTES};

#[cfg(feature = "authority")]
use super::authority::AuthorityConfig;
use super::fields::Fields;
use super::rate::RateConfig;
use super::remote::{ConfirmConfig, FollowConfig, SourceConfig};
use super::verifier::{IssuerConfig, ListConfig, VerifierConfig};
use super::{Wrong, element, member, policy, wrong};

/// The gate's configuration document, `REVOCABLE_CONFIG`.
#[derive(Debug)]
pub struct GateConfig {
    /// See [`VerifierConfig::issuers`].
    pub issuers: Vec<IssuerConfig>,
    /// See [`VerifierConfig::lists`]; at most one, because a source holds one manifest.
    pub lists: Vec<ListConfig>,
    /// See [`VerifierConfig::unknown`]; with how sure decisions are to be ([`Check`]). By default, as sure as the list.
    pub unknown: Policy,
    /// What to do instead for requests with certain paths, the first that fits counting. See [`Routes`].
    pub routes: Vec<RouteConfig>,
    /// Where manifest and segments are read. By default, where the platform keeps them: the Worker's KV.
    pub source: Option<SourceConfig>,
    /// Where segments are read that the source does not have, or does not show yet. By default, nowhere.
    pub fallback: Option<SourceConfig>,
    /// Whom hits that are too coarse to be believed are confirmed by. By default nobody: they are looked up in the segment
    /// that keeps more of each id, where the manifest names one.
    pub confirm: Option<ConfirmConfig>,
    /// Whose head is followed by requests whose check is `head` or `live`. An authority follows its own without being told.
    pub follow: Option<FollowConfig>,
    /// How many bytes of segments are held, 64 KiB to 96 MiB; 48 MiB by default. A larger snapshot is read in parts, as tokens
    /// ask for them.
    pub resident_bytes: Option<u64>,
    /// Where the token may be, in order of preference: `header` (`Authorization: Bearer`), `header:NAME` (the bare
    /// token), `cookie:NAME`. The first that is present wins. By default, `header`.
    pub token_from: Vec<String>,
    /// Whether anybody may read the manifest and the segments. They hold ids only, never values. By default, no.
    pub public_snapshot: bool,
    /// The secret that readers of the manifest and the segments present as a bearer token.
    pub read_key: Option<SecretRef>,
    /// How often each network may ask to read it, or be refused to; 500 a second and 2000 at once by default.
    pub read_rate: RateConfig,
    /// Which pages of other origins may read our own answers. By default, none.
    pub cors: Option<CorsConfig>,
    /// The write side, where this gate is an authority too.
    #[cfg(feature = "authority")]
    pub authority: Option<AuthorityConfig>,
    /// Whether error answers hold our precise code. By default, no: the precise reason goes to the log.
    pub expose_reason: bool,
}

/// What to do with tokens of which the lists cannot tell, in requests with certain paths, and how sure to be.
#[derive(Debug)]
pub struct RouteConfig {
    /// A path, or one with `*` for anything at its end. See [`PathPattern`].
    pub path: String,
    /// What to do, for each reason why, and how sure to be; what is left out is as for the gate.
    pub unknown: Policy,
}

/// A secret, by the name under which the platform keeps it.
#[derive(Clone, Debug)]
pub struct SecretRef {
    /// The name.
    pub secret: String,
}

/// Which pages of other origins may read our own answers.
#[derive(Debug)]
pub struct CorsConfig {
    /// Their origins, such as `https://app.example`; `*` for any.
    pub allow_origins: Vec<String>,
}

impl GateConfig {
    /// Reads a JSON document.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] with the field that is unknown, missing or wrong.
    pub fn parse(document: &str) -> Result<Self, Error> {
        Self::read(document).map_err(|wrong| *wrong)
    }

    fn read(document: &str) -> Result<Self, Wrong> {
        let document = super::read(document)?;
        Fields::read_object(&document, String::new(), GATE_FIELDS, |fields| {
            #[cfg(not(feature = "authority"))]
            if fields.value("authority").is_some() {
                fields.refuse("authority", "this build is without the write side (feature `authority`)");
            }
            let VerifierConfig { issuers, lists, unknown } = VerifierConfig::of(fields);
            let unknown = policy::check(fields, unknown);
            let route = |value, path| RouteConfig::read(value, path, unknown);
            Self {
                issuers,
                lists,
                unknown,
                routes: fields.value("routes").map(|_| fields.list("routes", route)).unwrap_or_default(),
                source: fields.nested("source", SourceConfig::read),
                fallback: fields.nested("fallback", SourceConfig::read),
                confirm: fields.nested("confirm", ConfirmConfig::read),
                follow: fields.nested("follow", FollowConfig::read),
                resident_bytes: resident_bytes(fields),
                token_from: fields.texts_if_any("tokenFrom").unwrap_or_else(|| vec!["header".to_owned()]),
                public_snapshot: fields.flag("publicSnapshot", false),
                read_key: fields.nested("readKey", SecretRef::read),
                read_rate: fields.nested("readRate", RateConfig::read).unwrap_or_default(),
                cors: fields.nested("cors", CorsConfig::read),
                #[cfg(feature = "authority")]
                authority: fields.nested("authority", AuthorityConfig::read),
                expose_reason: fields.flag("exposeReason", false),
            }
        })
    }

    /// Makes the gate. `secret` gives the platform's secrets by their names: wherever an inline key set has a secret, its
    /// `k` is `{"secret": "NAME"}`, and that secret is the key, in base64url.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] with the field whose value does not make sense.
    #[cfg(feature = "engines")]
    pub fn build(self, secret: impl Fn(&str) -> Option<String>) -> Result<Gate, Error> {
        self.build_with(engine::DEFAULT, secret)
    }

    /// [`GateConfig::build`] with engines of the caller's choice.
    ///
    /// # Errors
    /// As [`GateConfig::build`].
    pub fn build_with(
        self,
        engines: Engines,
        secret: impl Fn(&str) -> Option<String>,
    ) -> Result<Gate, Error> {
        self.make(engines, &secret).map_err(|wrong| *wrong)
    }

    fn make(mut self, engines: Engines, secret: &impl Fn(&str) -> Option<String>) -> Result<Gate, Wrong> {
        if self.lists.len() > 1 {
            return Err(wrong("lists", "expected at most one: a source holds one manifest"));
        }
        for (index, issuer) in self.issuers.iter_mut().enumerate() {
            if let Some(jwks) = &mut issuer.jwks {
                resolve(jwks, secret).map_err(|reason| wrong(format!("issuers[{index}].jwks"), reason))?;
            }
        }
        if self.token_from.is_empty() {
            return Err(wrong("tokenFrom", "there must be at least one"));
        }
        let sources = self.token_from.iter().enumerate().map(|(index, source)| {
            TokenSource::parse(source).ok_or_else(|| {
                wrong(format!("tokenFrom[{index}]"), "expected `header`, `header:NAME` or `cookie:NAME`")
            })
        });
        let sources: Vec<TokenSource> = sources.collect::<Result<_, _>>()?;
        let readers = match (self.public_snapshot, self.read_key) {
            (true, Some(_)) => {
                return Err(wrong("readKey", "the snapshot is public, so no key is asked for"));
            }
            (true, None) => Readers::Anybody,
            (false, Some(key)) => Readers::KeyHolders { secret: key.secret },
            (false, None) => Readers::Nobody,
        };
        let origins = self.cors.map(|cors| cors.allow_origins).unwrap_or_default();
        if let Some(index) = origins.iter().position(|origin| !is_origin(origin)) {
            let path = format!("cors.allowOrigins[{index}]");
            return Err(wrong(path, "expected `*`, or a scheme and a host such as `https://app.example`"));
        }
        let cors = Cors::new(origins);
        #[cfg(feature = "authority")]
        let is_authority = self.authority.is_some();
        #[cfg(not(feature = "authority"))]
        let is_authority = false;
        refuse_unfollowed(
            self.unknown,
            &self.routes,
            is_authority || self.follow.is_some(),
            self.lists.len(),
        )?;
        let mut routes = Routes::new(patterns(&self.routes)?, self.unknown);
        if let Some(follow) = &self.follow {
            routes = routes.max_staleness(follow.max_staleness_millis);
        }
        let read_rate = self.read_rate.build("readRate", Rate::READERS)?;
        let places = Places {
            source: self.source.map(|source| source.build("source", secret)).transpose()?,
            fallback: self.fallback.map(|fallback| fallback.build("fallback", secret)).transpose()?,
            confirm: self.confirm.map(|confirm| confirm.build("confirm", secret)).transpose()?,
            follow: match self.follow {
                Some(follow) => follow.build("follow", is_authority, secret)?,
                None => None,
            },
        };
        #[cfg(feature = "authority")]
        let authority = self
            .authority
            .map(|authority| authority.build("authority", self.lists.first(), engines, secret))
            .transpose()?;
        let verifier = VerifierConfig { issuers: self.issuers, lists: self.lists, unknown: self.unknown }
            .make(engines)?;
        let verifier = match self.resident_bytes {
            Some(bytes) => verifier.lists(|lists| lists.resident_limit(bytes)),
            None => verifier,
        };
        let gate = Gate::new(verifier, routes, places, sources, readers, cors, self.expose_reason)
            .with_read_rate(read_rate);
        #[cfg(feature = "authority")]
        let gate = gate.with_authority(authority);
        Ok(gate)
    }
}

impl RouteConfig {
    fn read(value: &Value, path: String, otherwise: Policy) -> Result<Self, Wrong> {
        Fields::read(value, path, &["path", "unknown", "check"], |fields| {
            if fields.value("check").is_none() {
                fields.required("unknown");
            }
            let unknown = policy::check(fields, policy::unknown(fields, otherwise));
            Self { path: fields.text("path"), unknown }
        })
    }
}

/// A check that nobody can make would refuse every token.
fn refuse_unfollowed(gate: Policy, routes: &[RouteConfig], follows: bool, lists: usize) -> Result<(), Wrong> {
    let reason = match (follows, lists) {
        (false, _) => "expected `follow`, or an `authority`, whose head can be asked for",
        (true, 0) => "there is no list to compare with a head",
        (true, _) => return Ok(()),
    };
    let is_unfollowed = |policy: &Policy| policy.how_sure() != Check::List;
    if is_unfollowed(&gate) {
        return Err(wrong("check", reason));
    }
    match routes.iter().position(|route| is_unfollowed(&route.unknown)) {
        Some(index) => Err(wrong(member(&element("routes", index), "check"), reason)),
        None => Ok(()),
    }
}

/// The routes, each of which some path must reach: one that none does would be a policy that its author believes in.
fn patterns(routes: &[RouteConfig]) -> Result<Vec<(PathPattern, Policy)>, Wrong> {
    let mut patterns: Vec<(PathPattern, Policy)> = Vec::with_capacity(routes.len());
    for (index, route) in routes.iter().enumerate() {
        let path = || member(&element("routes", index), "path");
        let pattern = PathPattern::parse(&route.path).ok_or_else(|| {
            wrong(
                path(),
                "expected a path such as `/reports` or `/reports/*`, in visible ASCII, without `%`, `;`, `?`, `#`, `\\`, empty \
                 and dot segments",
            )
        })?;
        if patterns.iter().any(|(earlier, _)| earlier.covers(&pattern)) {
            return Err(wrong(path(), "no path reaches it: an earlier one fits whatever this one does"));
        }
        patterns.push((pattern, route.unknown));
    }
    Ok(patterns)
}

fn resident_bytes(fields: &Fields<'_>) -> Option<u64> {
    let value = fields.value("residentBytes")?;
    let bytes = value.as_u64().filter(|bytes| (MIN_RESIDENT_BYTES..=MAX_RESIDENT_BYTES).contains(bytes));
    if bytes.is_none() {
        fields.refuse("residentBytes", "expected a whole number of bytes, 65536 to 100663296");
    }
    bytes
}

impl SecretRef {
    pub(super) fn read(value: &Value, path: String) -> Result<Self, Wrong> {
        Fields::read(value, path, &["secret"], |fields| Self { secret: fields.text("secret") })
    }

    /// The secret, if it can be sent as a bearer token.
    pub(super) fn bearer(
        &self,
        path: &str,
        secret: &impl Fn(&str) -> Option<String>,
    ) -> Result<String, Wrong> {
        secret(&self.secret).filter(|secret| is_token68(secret)).ok_or_else(|| {
            let reason = "the platform has no secret of that name that can be sent as a bearer token";
            wrong(member(path, "secret"), reason)
        })
    }
}

impl CorsConfig {
    fn read(value: &Value, path: String) -> Result<Self, Wrong> {
        Fields::read(value, path, &["allowOrigins"], |fields| Self {
            allow_origins: fields.texts("allowOrigins"),
        })
    }
}

/// An origin as browsers send it (RFC 6454 §6.2): what is spelled otherwise would never match.
pub(super) fn is_origin(text: &str) -> bool {
    let host = text
        .split_once("://")
        .filter(|(scheme, _)| matches!(*scheme, "http" | "https"))
        .map(|(_, host)| host);
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte);
    text == "*" || host.is_some_and(|host| !host.is_empty() && host.bytes().all(allowed))
}

/// Puts secrets where they are referred to. One that stands in the document itself is refused: a configuration is read by
/// more people than a secret should be.
fn resolve(jwks: &mut Object, secret: &impl Fn(&str) -> Option<String>) -> Result<(), &'static str> {
    match jwks.get_mut("keys").and_then(Value::as_array_mut) {
        Some(keys) => {
            keys.iter_mut().filter_map(Value::as_object_mut).try_for_each(|jwk| resolve_key(jwk, secret))
        }
        None => resolve_key(jwks, secret),
    }
}

fn resolve_key(jwk: &mut Object, secret: &impl Fn(&str) -> Option<String>) -> Result<(), &'static str> {
    const EXPECTED: &str = "expected a secret's `k` as `{\"secret\": \"NAME\"}`";
    if jwk.get("kty").is_some_and(|kty| kty == "oct") {
        let reference = jwk.remove("k").filter(Value::is_object).ok_or(EXPECTED)?;
        let SecretRef { secret: name } = SecretRef::read(&reference, String::new()).map_err(|_| EXPECTED)?;
        let value = secret(&name).ok_or("the platform has no secret of the name referred to")?;
        jwk.insert("k".to_owned(), Value::String(value));
    }
    Ok(())
}

const GATE_FIELDS: &[&str] = &[
    "issuers",
    "lists",
    "unknown",
    "routes",
    "source",
    "fallback",
    "confirm",
    "follow",
    "check",
    "residentBytes",
    "tokenFrom",
    "publicSnapshot",
    "readKey",
    "readRate",
    "cors",
    "authority",
    "exposeReason",
];

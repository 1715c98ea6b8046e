//! First stage: a compact JWS (RFC 7515 §7.1) whose payload is a JSON object, strictly read. Nothing is verified yet.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;

use crate::base64url;
use crate::error::Error;
use crate::json::{self, Object};
use crate::key::{Algorithm, Jwks};
use crate::limits::MAX_TOKEN_BYTES;

use super::Selected;

/// The `typ` of a revocation manifest, which is never a bearer token.
pub(crate) const MANIFEST_TYP: &str = "revocations+jwt";

/// The `typ` of a head, which is neither a manifest nor a bearer token.
pub(crate) const HEAD_TYP: &str = "revocations-head+jwt";

/// A token that has been read but whose signature nobody has checked: nothing in it may be believed.
#[derive(Debug)]
pub struct Unverified<'t> {
    pub(super) header: Arc<Header>,
    pub(super) payload: Payload,
    pub(super) signing_input: &'t [u8],
    pub(super) signature: Vec<u8>,
}

/// A payload: its text, and what the one strict reading found there.
#[derive(Clone)]
pub(crate) struct Payload {
    pub(super) text: Vec<u8>,
    pub(super) members: Object,
}

// Whoever prints one wants the members, and not the bytes as numbers.
impl std::fmt::Debug for Payload {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&self.members, formatter)
    }
}

/// A JOSE header (RFC 7515 §4).
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    text: Vec<u8>,
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    members: Object,
}

impl<'t> Unverified<'t> {
    /// Reads a bearer token: at most [`MAX_TOKEN_BYTES`], exactly three parts, each in canonical base64url, header and
    /// payload each one JSON object without a member named twice, no critical extension.
    ///
    /// # Errors
    /// [`Error::JwsInvalid`], [`Error::JwtInvalid`] or [`Error::NotSupported`]; nothing has been verified.
    pub fn parse(token: &'t str) -> Result<Self, Error> {
        Self::parse_with::<&str>(token, &[])
    }

    /// [`Unverified::parse`], for a caller who understands these extensions: header members that `crit` may list
    /// (RFC 7515 §4.1.11). What they mean is for him to act upon; they are found in [`Header::members`].
    ///
    /// # Errors
    /// As [`Unverified::parse`]: [`Error::JwsInvalid`] where `crit` is no list of names, each once, each in the header and
    /// of none that JOSE has itself; [`Error::NotSupported`] where it lists an extension that is not understood;
    /// [`Error::JwtInvalid`] where the header has `b64`, whoever understands it (RFC 7797 §7).
    pub fn parse_with<S: AsRef<str>>(token: &'t str, understood: &[S]) -> Result<Self, Error> {
        let understands = |name: &str| understood.iter().any(|understood| understood.as_ref() == name);
        Self::parse_within(token, MAX_TOKEN_BYTES, understands)
    }

    pub(crate) fn parse_within(
        token: &'t str,
        limit: usize,
        understands: impl Fn(&str) -> bool,
    ) -> Result<Self, Error> {
        let unverified = Self::read(token, limit)?;
        unverified.header.check_extensions(understands)?;
        Ok(unverified)
    }

    /// The strict reading, whatever the header says is critical.
    pub(super) fn read(token: &'t str, limit: usize) -> Result<Self, Error> {
        if token.len() > limit {
            return Err(Error::JwsInvalid("it is too long"));
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(THREE_PARTS)?;
        let (header, payload) = signing_input.split_once('.').ok_or(THREE_PARTS)?;
        if payload.contains('.') {
            return Err(THREE_PARTS);
        }
        if header.is_empty() || payload.is_empty() {
            return Err(Error::JwsInvalid("a part is empty"));
        }
        let header = Header::recall(header)?;
        let signature = base64url::decode(signature).ok_or(BASE64URL)?;
        if signature.is_empty() && header.alg != "none" {
            return Err(Error::JwsInvalid("a part is empty"));
        }
        let text = base64url::decode(payload).ok_or(BASE64URL)?;
        let members =
            json::object(&text).ok_or(Error::JwtInvalid("the payload is not a strict JSON object"))?;
        let payload = Payload { text, members };
        Ok(Self { header, payload, signing_input: signing_input.as_bytes(), signature })
    }

    /// The header, unverified.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Who the token says it is from, unverified: good for choosing which issuer's keys to try, and for nothing else.
    #[must_use]
    pub fn claimed_issuer(&self) -> Option<&str> {
        self.payload.members.get("iss").and_then(Value::as_str)
    }

    /// Whether it says who it is from, in whatever way.
    pub(crate) fn names_issuer(&self) -> bool {
        self.payload.members.contains_key("iss")
    }

    /// Second stage: chooses the keys of an issuer that may have signed this token. `allowed` narrows the algorithms;
    /// empty leaves them to the keys.
    ///
    /// # Errors
    /// [`Error::AlgNotAllowed`] or [`Error::NoMatchingKey`]; nothing has been verified.
    pub fn select<'k>(self, keys: &'k Jwks, allowed: &[Algorithm]) -> Result<Selected<'t, 'k>, Error> {
        let (algorithm, keys) = keys.select(&self.header.alg, self.header.kid.as_deref(), allowed)?;
        Ok(Selected::new(self, algorithm, keys))
    }

    /// [`Unverified::select`] whatever `kid` the token names: for a caller who has one key for all tokens, and no set that
    /// tokens choose from.
    ///
    /// # Errors
    /// [`Error::AlgNotAllowed`]; nothing has been verified.
    pub fn select_unnamed<'k>(
        self,
        keys: &'k Jwks,
        allowed: &[Algorithm],
    ) -> Result<Selected<'t, 'k>, Error> {
        let (algorithm, keys) = keys.select(&self.header.alg, None, allowed)?;
        Ok(Selected::new(self, algorithm, keys))
    }
}

const THREE_PARTS: Error = Error::JwsInvalid("it does not have three parts");
const BASE64URL: Error = Error::JwsInvalid("a part is not canonical base64url");

/// How many headers are remembered, and how long each may be: an issuer's tokens differ in their `kid` at most, and few
/// issuers have more than two of those in use.
const REMEMBERED_HEADERS: usize = 4;
const REMEMBERED_HEADER_BYTES: usize = 512;

thread_local! {
    /// The headers that were read last, by their spelling; the next one takes the place of the first.
    static HEADERS: RefCell<VecDeque<(Box<str>, Arc<Header>)>> = const { RefCell::new(VecDeque::new()) };
}

impl Header {
    /// [`Header::parse`], unless these very characters were read a moment ago. Reading a header is a quarter of reading a
    /// token, and nothing but its characters decides what it says.
    fn recall(part: &str) -> Result<Arc<Self>, Error> {
        HEADERS.with_borrow_mut(|headers| {
            if let Some((_, known)) = headers.iter().find(|(spelling, _)| **spelling == *part) {
                return Ok(Arc::clone(known));
            }
            let header = Arc::new(Self::parse(part)?);
            if part.len() <= REMEMBERED_HEADER_BYTES {
                headers.truncate(REMEMBERED_HEADERS.saturating_sub(1));
                headers.push_front((part.into(), Arc::clone(&header)));
            }
            Ok(header)
        })
    }

    fn parse(part: &str) -> Result<Self, Error> {
        let text = base64url::decode(part).ok_or(BASE64URL)?;
        let members =
            json::object(&text).ok_or(Error::JwsInvalid("the header is not a strict JSON object"))?;
        let alg = string(&members, "alg")?.ok_or(Error::JwsInvalid("the header has no `alg`"))?;
        let kid = string(&members, "kid")?;
        let typ = string(&members, "typ")?;
        Ok(Self { text, alg, kid, typ, members })
    }

    /// RFC 7515 §4.1.11: whoever does not understand what `crit` lists must refuse the token.
    fn check_extensions(&self, understands: impl Fn(&str) -> bool) -> Result<(), Error> {
        // With or without `crit`.
        if self.members.contains_key("b64") {
            return Err(Error::JwtInvalid("its header has `b64`, which RFC 7797 §7 forbids"));
        }
        let Some(critical) = self.members.get("crit") else { return Ok(()) };
        let names: Option<Vec<&str>> =
            critical.as_array().and_then(|names| names.iter().map(Value::as_str).collect());
        let names = names
            .filter(|names| !names.is_empty() && !names.contains(&""))
            .ok_or(Error::JwsInvalid("`crit` is no list of names"))?;
        if !names.iter().all(|name| understands(name)) {
            return Err(Error::NotSupported("the header has a critical extension that is not understood"));
        }
        if names.iter().any(|name| is_registered(name)) {
            return Err(Error::JwsInvalid("`crit` lists a member that JOSE has itself"));
        }
        if !names.iter().all(|name| self.members.contains_key(*name)) {
            return Err(Error::JwsInvalid("`crit` lists a member that the header does not have"));
        }
        // Each is one of the few that are understood, so that the first that is listed twice is found soon.
        if names.iter().enumerate().any(|(index, name)| names.iter().take(index).any(|seen| seen == name)) {
            return Err(Error::JwsInvalid("`crit` lists a member twice"));
        }
        Ok(())
    }

    /// The members that `crit` lists, each of which the reader understood.
    pub fn critical(&self) -> impl Iterator<Item = &str> {
        self.members.get("crit").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// `alg`, as the token spells it.
    #[must_use]
    pub fn alg(&self) -> &str {
        &self.alg
    }

    /// `kid`.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// `typ`, as the token spells it.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// Every member.
    #[must_use]
    pub const fn members(&self) -> &Object {
        &self.members
    }

    /// The text it was read from, JSON: who reads it again with another parser finds the same, because what parsers
    /// disagree about has been refused.
    #[must_use]
    pub const fn text(&self) -> &[u8] {
        self.text.as_slice()
    }
}

/// Whether a header member is one that JOSE has itself (RFC 7515 §4.1, RFC 7516 §4.1, RFC 7518 §4, RFC 7797 §3), which
/// `crit` never lists and nobody can say to understand as an extension.
pub(crate) fn is_registered(name: &str) -> bool {
    const REGISTERED: [&str; 21] = [
        "alg", "enc", "zip", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "typ", "cty", "crit",
        "epk", "apu", "apv", "iv", "tag", "p2s", "p2c", "b64",
    ];
    REGISTERED.contains(&name)
}

fn string(members: &Object, name: &str) -> Result<Option<String>, Error> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Error::JwsInvalid("`alg`, `kid` or `typ` is not a string")),
    }
}

/// `typ` in its short, lower-case form (RFC 7515 §4.1.9: `application/` may be left out when nothing else has a `/`).
pub(crate) fn media_type(typ: &str) -> String {
    let lower = typ.to_ascii_lowercase();
    match lower.strip_prefix("application/") {
        Some(short) if !short.contains('/') => short.to_owned(),
        _ => lower,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, payload: &str) -> String {
        format!("{}.{}.c2ln", base64url::encode(header), base64url::encode(payload))
    }

    fn refusal(token: &str) -> Error {
        Unverified::parse(token).unwrap_err()
    }

    #[test]
    fn anything_but_three_parts_is_refused() {
        for wrong in ["", "a", "a.b", "a.b.c.d", "a.b.c.", ".", "..", "...", "\u{0}", "é.é.é"] {
            assert!(matches!(refusal(wrong), Error::JwsInvalid(_)), "{wrong:?}");
        }
        let good = token(r#"{"alg":"ES256"}"#, "{}");
        assert!(Unverified::parse(&good).is_ok());
        assert_eq!(refusal(&format!("{good}.")), THREE_PARTS);
        assert!(matches!(refusal(&good.replace(".c2ln", ".")), Error::JwsInvalid(_)));
    }

    #[test]
    fn a_part_in_another_spelling_of_base64url_is_refused() {
        let good = token(r#"{"alg":"ES256"}"#, "{}");
        for other in [".c2ln=", ".c2l", ".c2lo\n", ".c2 n", ".c2+n"] {
            assert_eq!(refusal(&good.replace(".c2ln", other)), BASE64URL, "{other:?}");
        }
    }

    #[test]
    fn a_header_or_payload_that_is_not_a_strict_object_is_refused() {
        assert!(matches!(refusal(&token("null", "{}")), Error::JwsInvalid(_)));
        assert!(matches!(refusal(&token(r#"{"alg":"ES256","alg":"none"}"#, "{}")), Error::JwsInvalid(_)));
        assert!(matches!(refusal(&token("{}", "{}")), Error::JwsInvalid(_)));
        assert!(matches!(refusal(&token(r#"{"alg":1}"#, "{}")), Error::JwsInvalid(_)));
        let header = r#"{"alg":"ES256"}"#;
        assert!(matches!(refusal(&token(header, "[]")), Error::JwtInvalid(_)));
        assert!(matches!(refusal(&token(header, r#"{"sub":"a","sub":"b"}"#)), Error::JwtInvalid(_)));
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
        assert!(matches!(refusal(&token(header, &deep)), Error::JwtInvalid(_)));
    }

    #[test]
    fn a_token_over_the_limit_is_refused_before_it_is_read() {
        assert_eq!(refusal(&"a".repeat(1_000_000)), Error::JwsInvalid("it is too long"));
    }

    #[test]
    fn headers_that_were_read_before_say_what_they_said_however_many_come_between() {
        for round in 0..3 {
            for number in 0..REMEMBERED_HEADERS + 2 {
                let header = format!(r#"{{"alg":"ES256","kid":"{number}"}}"#);
                let token = token(&header, "{}");
                let unverified = Unverified::parse(&token).unwrap();
                assert_eq!(unverified.header().kid(), Some(number.to_string().as_str()), "round {round}");
                assert_eq!(unverified.header().text(), header.as_bytes());
            }
            assert!(matches!(refusal(&token(r#"{"alg":1}"#, "{}")), Error::JwsInvalid(_)), "round {round}");
        }
        HEADERS.with_borrow(|headers| assert_eq!(headers.len(), REMEMBERED_HEADERS));
    }

    #[test]
    fn a_critical_extension_is_refused_unless_it_is_understood() {
        let extended = token(r#"{"alg":"ES256","crit":["exp","x"],"exp":1,"x":null}"#, "{}");
        assert!(matches!(refusal(&extended), Error::NotSupported(_)));
        assert!(matches!(Unverified::parse_with(&extended, &["exp"]), Err(Error::NotSupported(_))));
        let unverified = Unverified::parse_with(&extended, &["x", "exp", "other"]).unwrap();
        assert_eq!(unverified.header().critical().collect::<Vec<_>>(), ["exp", "x"]);
        assert_eq!(unverified.header().members()["exp"], 1);
    }

    #[test]
    fn a_crit_that_is_malformed_is_refused_whoever_understands_it() {
        let understood = ["exp", "alg", "kid", "", "crit"];
        for crit in [
            "[]",
            "null",
            "\"exp\"",
            "{}",
            "[1]",
            "[\"exp\",1]",
            "[\"exp\",\"exp\"]",
            "[\"alg\"]",
            "[\"exp\",\"kid\"]",
            "[\"crit\"]",
            "[\"\"]",
        ] {
            let header = format!(r#"{{"alg":"ES256","kid":"k","exp":1,"crit":{crit}}}"#);
            let token = token(&header, "{}");
            assert!(
                matches!(Unverified::parse_with(&token, &understood), Err(Error::JwsInvalid(_))),
                "{crit}"
            );
        }
        let absent = token(r#"{"alg":"ES256","crit":["exp"]}"#, "{}");
        assert!(matches!(Unverified::parse_with(&absent, &understood), Err(Error::JwsInvalid(_))));
    }

    #[test]
    fn b64_is_refused_in_a_jwt_whatever_it_says_and_whoever_understands_it() {
        for header in [
            r#"{"alg":"ES256","b64":false}"#,
            r#"{"alg":"ES256","b64":true}"#,
            r#"{"alg":"ES256","b64":false,"crit":["b64"]}"#,
        ] {
            let token = token(header, "{}");
            assert!(
                matches!(Unverified::parse_with(&token, &["b64"]), Err(Error::JwtInvalid(_))),
                "{header}"
            );
        }
    }

    #[test]
    fn typ_is_compared_without_its_prefix_and_case() {
        assert_eq!(media_type("application/Revocations+JWT"), MANIFEST_TYP);
        assert_eq!(media_type("JWT"), "jwt");
        assert_eq!(media_type("application/a/b"), "application/a/b");
    }

    #[test]
    fn a_caller_with_one_key_selects_it_whatever_kid_the_token_names() {
        let jwk = br#"{"kty":"EC","crv":"P-256","kid":"ec","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;
        let jwks = Jwks::parse(jwk, crate::Secrets::Ignore).unwrap();
        let named = token(r#"{"alg":"ES256","kid":"other"}"#, "{}");
        let parse = |token| Unverified::parse(token).unwrap();
        assert_eq!(parse(&named).select(&jwks, &[]).unwrap_err(), Error::NoMatchingKey);
        assert!(parse(&named).select_unnamed(&jwks, &[]).is_ok());
        let other = token(r#"{"alg":"ES384","kid":"ec"}"#, "{}");
        assert_eq!(parse(&other).select_unnamed(&jwks, &[]).unwrap_err(), Error::AlgNotAllowed);
    }
}

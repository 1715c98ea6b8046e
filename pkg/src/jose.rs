//! `jwtVerify`: what one call expects of its token, compiled once for all calls that expect the same.

use revocable::{
    Answer, Claims, Code, Decision, Error, Expectations, MissingIssuer, Profile, Question, Status, UnixTime,
    Unknown, Unverified, Urgency, Verification, danger, read_object,
};
use serde_json::Value;
use wasm_bindgen::prelude::*;

use crate::keys::{self, KeySet};
use crate::lists::Lists;
use crate::{desk, fault, instant, question};

/// What [`Check::remedy`] says: the keys are to be read.
const KEYS: u32 = 1;
/// What [`Check::remedy`] says: the snapshot is to be read.
const SNAPSHOT: u32 = 2;
/// What [`Check::remedy`] says: what the decision lacks is to be read.
const LACKING: u32 = 4;

/// What is expected of a token.
#[wasm_bindgen]
pub struct Check {
    expectations: Expectations,
    /// Names, compared with the header's as they stand.
    algorithms: Option<Vec<String>>,
    critical: Vec<String>,
    /// Members in which a revocation can name the token.
    required: Option<Vec<String>>,
}

#[wasm_bindgen]
impl Check {
    /// Compiles options, the JSON text of `Expected` of `pkg/ts/jose/expected.ts`.
    ///
    /// # Errors
    /// `ERR_CONFIG_INVALID`, naming the option.
    #[wasm_bindgen(constructor)]
    pub fn new(expected: &str) -> Result<Check, JsValue> {
        read(expected).map_err(|error| fault::thrown(&error))
    }

    /// Takes the token on the desk, `length` bytes long, as far as it comes: an `OUTCOME` of `pkg/ts/desk.ts`, whose details
    /// are on the desk. `date` is the time that the claims are held against, `now` what the clock says.
    ///
    /// # Errors
    /// `ERR_CONFIG_INVALID` when `date` or `now` is not an instant.
    pub fn start(&self, keys: &KeySet, length: usize, date: f64, now: f64) -> Result<u32, JsValue> {
        let (date, now) = (instant(date)?, instant(now)?);
        let verified = desk::with_token(length, |token| self.verify(token, keys, now));
        Ok(self.go_on(verified, None, date, now, is_due(keys, now)))
    }

    /// [`Check::start`], and asks these lists.
    ///
    /// # Errors
    /// As [`Check::start`].
    #[wasm_bindgen(js_name = startListed)]
    pub fn start_listed(
        &self,
        keys: &KeySet,
        lists: &Lists,
        length: usize,
        date: f64,
        now: f64,
    ) -> Result<u32, JsValue> {
        let (date, now) = (instant(date)?, instant(now)?);
        let verified = desk::with_token(length, |token| self.verify(token, keys, now));
        Ok(self.go_on(verified, Some(lists), date, now, is_due(keys, now)))
    }

    /// Takes a token further with JavaScript's answer about its signature, as [`crate::Core::resume`] has it.
    ///
    /// # Errors
    /// As [`Check::start`].
    pub fn resume(
        &self,
        keys: &KeySet,
        ticket: u32,
        answer: u32,
        date: f64,
        now: f64,
    ) -> Result<u32, JsValue> {
        let (date, now) = (instant(date)?, instant(now)?);
        let verified = answered(ticket, question::answer(answer));
        Ok(self.go_on(verified, None, date, now, is_due(keys, now)))
    }

    /// [`Check::resume`], and asks these lists.
    ///
    /// # Errors
    /// As [`Check::start`].
    #[wasm_bindgen(js_name = resumeListed)]
    pub fn resume_listed(
        &self,
        keys: &KeySet,
        lists: &Lists,
        ticket: u32,
        answer: u32,
        date: f64,
        now: f64,
    ) -> Result<u32, JsValue> {
        let (date, now) = (instant(date)?, instant(now)?);
        let verified = answered(ticket, question::answer(answer));
        Ok(self.go_on(verified, Some(lists), date, now, is_due(keys, now)))
    }

    /// Reads the token on the desk as far as its header allows without a key, and puts down `[header]`: for a caller who
    /// chooses a key by it.
    #[must_use]
    pub fn peek(&self, length: usize) -> u32 {
        desk::with_token_and_text(length, |token, text| {
            let unverified = self.read(token)?;
            text.push(b'[');
            text.extend_from_slice(unverified.header().text());
            text.push(b']');
            Ok(())
        })
    }

    /// What could be read so that the token on the desk might fare otherwise: 0 nothing, 1 the keys, 2 the snapshot, 4 what
    /// the decision lacks.
    ///
    /// # Errors
    /// `ERR_CONFIG_INVALID` when `now` is not an instant.
    pub fn remedy(&self, keys: &KeySet, length: usize, now: f64) -> Result<u32, JsValue> {
        let now = instant(now)?;
        let found = desk::with_decision(|decision| {
            let code = decision.error().map(Error::code);
            let remedy = match unknown(decision) {
                Some(Unknown::NoSnapshot | Unknown::TooOld) => Some(SNAPSHOT),
                Some(_) if !decision.lacking().is_empty() => Some(LACKING),
                // Whatever else is not known, reading the lists again does not tell.
                _ => None,
            };
            (code, remedy)
        });
        let (code, remedy) = found.unwrap_or_default();
        if let Some(remedy) = remedy {
            return Ok(remedy);
        }
        let has_kid = || {
            desk::with_token(length, |token| {
                Unverified::parse_with(token, &self.critical)
                    .is_ok_and(|token| token.header().kid().is_some())
            })
        };
        let Some(cache) = keys.remote_keys() else { return Ok(0) };
        Ok(match code {
            Some(Code::JwksUnavailable) if !cache.failed_lately(now) => KEYS,
            Some(Code::NoMatchingKey) if cache.wanted_for_unknown_key(now) => KEYS,
            // Without a `kid`, a key that is not among them may have signed it.
            Some(Code::SignatureInvalid) if !has_kid() && cache.wanted_for_unknown_key(now) => KEYS,
            _ => 0,
        })
    }
}

impl Check {
    fn read<'t>(&self, token: &'t str) -> Result<Unverified<'t>, Error> {
        let unverified = Unverified::parse_with(token, &self.critical)?;
        let alg = unverified.header().alg();
        if self.algorithms.as_ref().is_some_and(|names| !names.iter().any(|name| name == alg)) {
            return Err(Error::AlgNotAllowed);
        }
        Ok(unverified)
    }

    /// The first three stages.
    fn verify(&self, token: &str, keys: &KeySet, now: UnixTime) -> Result<Verification, Error> {
        let unverified = self.read(token)?;
        let algorithm = keys::known(unverified.header().alg())?;
        if keys.is_set() && algorithm.has_secrets() {
            return Err(Error::NotSupported("a key set holds public keys, and its algorithm wants a secret"));
        }
        let jwks = keys.keys(algorithm, self.algorithms.is_some(), now)?;
        match &*jwks {
            Ok(jwks) => keys::select(keys, jwks, unverified)?.start(),
            // None of its keys is for anything.
            Err(Error::JwkInvalid(_)) if keys.is_set() => Err(Error::NoMatchingKey),
            Err(Error::JwksInvalid(_)) if keys.is_empty() => Err(Error::NoMatchingKey),
            // The key is for other algorithms, and not a secret that is too short for this one.
            Err(Error::JwkInvalid(_)) if algorithm.has_secrets() != keys.is_secret() => {
                Err(Error::AlgNotAllowed)
            }
            Err(Error::JwkInvalid(_)) if !algorithm.has_secrets() => Err(Error::AlgNotAllowed),
            Err(error) => Err(error.clone()),
        }
    }

    /// The last three, once the signature is known.
    fn go_on(
        &self,
        verified: Result<Verification, Error>,
        lists: Option<&Lists>,
        date: UnixTime,
        now: UnixTime,
        is_due: bool,
    ) -> u32 {
        let is_due = is_due || lists.is_some_and(|lists| lists.wanted(now));
        let judged = match verified {
            Ok(Verification::Asking(question)) => {
                return question::ask_for_check(question, desk::put_question);
            }
            Ok(Verification::Authentic(authentic)) => authentic
                .check_claims(&self.expectations, date)
                .and_then(|claims| self.look_up(claims, lists, now)),
            Err(error) => Err(error),
        };
        match judged {
            Ok(Judged::Stands(claims)) => desk::put_claims(&claims, is_due),
            Ok(Judged::Looked(decision)) => desk::put_decision(decision, is_due),
            Err(error) => desk::put_decision(Decision::refused(error), is_due),
        }
    }

    fn look_up(&self, claims: Claims, lists: Option<&Lists>, now: UnixTime) -> Result<Judged, Error> {
        let Some(lists) = lists else { return Ok(Judged::Stands(claims)) };
        if claims.key_name().is_none() {
            return Err(Error::JwkInvalid("a key without a name cannot be revoked: a secret needs a `kid`"));
        }
        let checked = claims.check_revocation(lists.revocations(), self.required.as_deref(), now)?;
        Ok(Judged::Looked(checked.apply(lists.policy())))
    }
}

/// Why the lists could not tell, whatever the policy made of it.
fn unknown(decision: &Decision) -> Option<Unknown> {
    match decision {
        Decision::Allow(allowed) => match allowed.status {
            Some(Status::Unknown(why)) => Some(why),
            _ => None,
        },
        Decision::Deny(_) | Decision::Unavailable(_) => match decision.error() {
            Some(Error::RevocationUnavailable(why) | Error::RevocationUnknown(why)) => Some(*why),
            _ => None,
        },
    }
}

enum Judged {
    /// No list was to be asked.
    Stands(Claims),
    Looked(Decision),
}

fn answered(ticket: u32, answer: Answer) -> Result<Verification, Error> {
    // Too many waited, or the caller came twice. Nothing has been verified.
    question::take_of_check(ticket)
        .map_or(Err(Error::EngineUnavailable), |question: Question| question.answer(answer))
}

fn is_due(keys: &KeySet, now: UnixTime) -> bool {
    keys.remote_keys().is_some_and(|keys| keys.wanted(now) == Urgency::Background)
}

/// Reads the token on the desk without verifying anything, and puts down `[header, claims]`.
#[wasm_bindgen]
#[must_use]
pub fn decode(length: usize) -> u32 {
    desk::with_token_and_text(length, |token, text| {
        let (header, payload) = danger::decode_unverified_texts(token)?;
        text.push(b'[');
        text.extend_from_slice(header.text());
        text.push(b',');
        text.extend_from_slice(&payload);
        text.push(b']');
        Ok(())
    })
}

/// Options are checked by JavaScript, which says more precisely what is wrong; whatever is not as it should be is refused
/// here all the same.
fn read(expected: &str) -> Result<Check, Error> {
    let mut members = read_object(expected.as_bytes()).ok_or_else(|| wrong(""))?;
    let mut list = |name: &str| match members.remove(name) {
        None => Ok(None),
        Some(value) => strings(value).map(Some).ok_or_else(|| wrong(name)),
    };
    let issuers = list("issuer")?;
    let algorithms = list("algorithms")?;
    let critical = list("crit")?.unwrap_or_default();
    let required = list("requireClaims")?;
    let mut expectations = match issuers {
        Some(issuers) => Expectations::one_of_issuers(issuers),
        None => Expectations::any_issuer().missing_issuer(MissingIssuer::Accept),
    };
    // As with `jose`, nothing is tolerated unless the caller says so.
    expectations = expectations.clock_tolerance(0);
    if let Some(subject) = list("subject")? {
        expectations = expectations.subject(subject);
    }
    if let Some(audience) = list("audience")? {
        expectations = expectations.audience(audience);
    }
    if let Some(claims) = list("requiredClaims")? {
        expectations = expectations.required_claims(claims);
    }
    if let Some(scopes) = list("scopes")? {
        expectations = expectations.scopes(scopes);
    }
    let mut has_profile = false;
    for (name, value) in members {
        expectations = match (name.as_str(), value) {
            ("typ", Value::String(typ)) => expectations.typ(&typ),
            ("profile", Value::String(profile)) if profile == "rfc9068" => {
                has_profile = true;
                expectations.profile(Profile::Rfc9068)
            }
            ("clockTolerance", Value::Number(seconds)) => {
                expectations.clock_tolerance(seconds.as_u64().ok_or_else(|| wrong(&name))?)
            }
            ("maxTokenAge", Value::Number(seconds)) => {
                expectations.max_token_age(seconds.as_u64().ok_or_else(|| wrong(&name))?)
            }
            ("claims", Value::Object(claims)) => expectations.equal_claims(claims),
            _ => return Err(wrong(&name)),
        };
    }
    Ok(Check { expectations: expectations.require_exp(has_profile), algorithms, critical, required })
}

fn strings(value: Value) -> Option<Vec<String>> {
    let Value::Array(values) = value else { return None };
    let text = |value| if let Value::String(text) = value { Some(text) } else { None };
    values.into_iter().map(text).collect()
}

fn wrong(path: &str) -> Error {
    Error::ConfigInvalid { path: path.to_owned(), reason: "not the value expected here".to_owned() }
}

//! Security events: somebody says that a password was changed, an account disabled, a session ended (RFC 8417, RFC 8935). What
//! that means for tokens the configuration says, so that whoever knows of the change need not know how tokens work.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::Error;
use crate::flow::{Claims, Decision};
use crate::gate::Answer;
use crate::publish::{Change, Revocation};
use crate::revocation::{Entry, Value as Target};
use crate::time::{Cutoff, UnixTime};
use crate::verifier::Verifier;

use super::clients::MAX_JTI_BYTES;
use super::form::is_media_type;
use super::{Authority, Doors, Once, Order, Wanted};

/// The `typ` of a security event token (RFC 8417 §2.3).
pub(crate) const SET_TYP: &str = "secevent+jwt";
/// How old a security event token may be, in seconds: so long its `jti` is remembered.
pub(crate) const MOST_SET_SECONDS: u64 = 24 * 3600;
/// The longest body of a request with one, in bytes. A token is shorter.
pub const MAX_SET_BYTES: usize = 64 * 1024;
/// The most events of one token that mean anything: each is a revocation.
const MAX_EVENTS: usize = 16;
/// How soon a sender may try again when our own data is at fault.
const RETRY_AFTER_SECONDS: u64 = 2;

/// Whose events are heard.
#[derive(Debug)]
pub(crate) struct Events {
    /// Verifies their tokens; its issuers are the senders, in their order.
    pub(crate) verifier: Verifier,
    pub(crate) senders: Vec<Sender>,
}

/// Somebody who sends security events.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) issuer: String,
    /// What an event means, by its URI.
    pub(crate) map: BTreeMap<String, Meaning>,
}

/// What an event means for tokens.
#[derive(Debug)]
pub(crate) struct Meaning {
    pub(crate) rule: Vec<String>,
    /// Whose tokens.
    pub(crate) token_issuer: String,
    /// Where the value is for each of the rule's members.
    pub(crate) values: Vec<Path>,
    pub(crate) way: Way,
}

/// How tokens are taken back.
#[derive(Debug)]
pub(crate) enum Way {
    Outright,
    /// Where the instant is; by default, now.
    Cutoff(Option<Path>),
    /// The claim, and where its lowest value is.
    Minimum(String, Path),
}

/// A place in a security event token: names, with dots between them. One that begins with `sub`, `sub_id` or `toe` is the token's
/// own, and any other is in the event.
#[derive(Debug)]
pub(crate) struct Path(pub(crate) String);

impl Path {
    fn find<'v>(&self, claims: &'v Claims, event: &'v Value) -> Option<&'v Value> {
        let mut steps = self.0.split('.').peekable();
        let mut place = match steps.peek() {
            Some(&("sub" | "sub_id" | "toe")) => claims.get(steps.next()?)?,
            _ => event,
        };
        for step in steps {
            place = place.get(step)?;
        }
        Some(place)
    }

    /// Where the object is that this names a member of.
    fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('.').map(|(parent, _)| Self(parent.to_owned()))
    }
}

/// Why a security event token is not taken (RFC 8935 §2.4). Its text names a place at most, and no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRefusal {
    status: u16,
    err: &'static str,
    description: Cow<'static, str>,
    /// How soon to try again, in seconds, where that helps.
    retry_after: Option<u64>,
}

impl EventRefusal {
    fn new(err: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        Self { status: 400, err, description: description.into(), retry_after: None }
    }

    /// The refusal that an error of the ledger's is.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        match error {
            Error::RevocationInvalid(_) => {
                Self::new("invalid_request", "the ledger takes no such revocation")
            }
            Error::RateLimited { retry_after } => {
                Self { status: 429, retry_after: Some(*retry_after), ..Self::unavailable() }
            }
            _ => Self::unavailable(),
        }
    }

    /// What is said of a body over [`MAX_SET_BYTES`], for whoever stopped reading it.
    #[must_use]
    pub fn too_long() -> Self {
        Self { status: 413, ..Self::new("invalid_request", "the body is longer than 64 KiB") }
    }

    fn unavailable() -> Self {
        let refusal = Self::new("temporarily_unavailable", "it cannot be taken now");
        Self { status: 503, retry_after: Some(RETRY_AFTER_SECONDS), ..refusal }
    }

    /// The HTTP status: 400 or 413, or 429 or 503 where the sender is to try again.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The error's code.
    #[must_use]
    pub const fn err(&self) -> &'static str {
        self.err
    }

    /// What is wrong.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// What is answered (RFC 8935 §2.3), with these headers besides: those of CORS.
    #[must_use]
    pub fn answer(&self, cors: Vec<(&'static str, String)>) -> Answer {
        let body = json!({ "err": self.err, "description": self.description });
        let mut headers = vec![("content-language", "en".to_owned())];
        headers.extend(self.retry_after.map(|seconds| ("retry-after", seconds.to_string())));
        Answer::json(self.status, body.to_string()).with(headers).with(cors)
    }
}

impl Authority {
    /// What verifies security event tokens: its issuers are their senders. It asks no list.
    #[must_use]
    pub const fn senders(&self) -> &Verifier {
        &self.doors.events.verifier
    }

    /// [`Authority::senders`], so that their keys can be refreshed.
    pub const fn senders_mut(&mut self) -> &mut Verifier {
        &mut self.doors.events.verifier
    }

    /// The security event token of a request (RFC 8935 §2.1). `content_type` is the header of that name.
    ///
    /// # Errors
    /// `invalid_request` when the body is something else.
    pub fn event_token<'b>(content_type: Option<&str>, body: &'b [u8]) -> Result<&'b str, EventRefusal> {
        if !is_media_type(content_type, "application/secevent+jwt") {
            let expected = "the body is to be of the type application/secevent+jwt";
            return Err(EventRefusal::new("invalid_request", expected));
        }
        let token = std::str::from_utf8(body).ok().filter(|_| body.len() <= MAX_SET_BYTES);
        token.ok_or_else(|| EventRefusal::new("invalid_request", "the body is no security event token"))
    }

    /// What is to be recorded when a sender says that something happened, once [`Authority::senders`] has decided of its token;
    /// nothing when it says nothing that means anything here, which is answered 202 all the same.
    ///
    /// | of the token | what it must be |
    /// |---|---|
    /// | `typ` | `secevent+jwt` |
    /// | `iss`, `aud` | a configured sender, and what is configured for it |
    /// | signature | by one of that sender's keys |
    /// | `iat` | not in the future, and at most 24 hours ago |
    /// | `jti` | a text of at most 256 bytes; of a token with the same, nothing is recorded again |
    /// | `events` | an object; those that are not mapped are accepted and mean nothing |
    /// | `exp`, `nbf` | in force, where it has them (RFC 8417 §2.2) |
    ///
    /// | a mapped event's | is found |
    /// |---|---|
    /// | values | each where its path says: in the event, or in the token's `sub`, `sub_id` |
    /// | issuer | in the configuration; where a value is a subject's `sub` and there is an `iss` beside it (RFC 9493 §3.2.4), both must agree |
    /// | cutoff | where `at` says, and never later than now; without `at`, or where there is nothing, now |
    /// | minimum | where its path says |
    ///
    /// Several mapped events are recorded together, or none of them.
    ///
    /// # Errors
    /// As RFC 8935 §2.4 has them. A place where something is missing is named, and what is there is not.
    pub fn event(&self, decision: &Decision, now: UnixTime) -> Result<Option<Order>, EventRefusal> {
        let allowed = match decision {
            Decision::Allow(allowed) => allowed,
            Decision::Deny(refused) => return Err(refusal(&refused.error)),
            Decision::Unavailable(_) => return Err(EventRefusal::unavailable()),
        };
        let claims = &allowed.claims;
        let sender = self.doors.events.senders.iter().find(|sender| sender.issuer == claims.issuer());
        let sender = sender.ok_or_else(|| refusal(&Error::IssuerUnknown))?;
        let jti = claims.token_id().filter(|jti| !jti.is_empty() && jti.len() <= MAX_JTI_BYTES);
        let jti = jti.ok_or_else(|| invalid("`jti` is no text of at most 256 bytes"))?;
        let issued_at = claims.issued_at().ok_or_else(|| invalid("`iat` is missing"))?;
        let events = claims.get("events").and_then(Value::as_object);
        let events = events.ok_or_else(|| invalid("`events` is no object"))?;
        let mapped = events.iter().filter_map(|(uri, event)| Some((sender.map.get(uri)?, event)));
        let changes = mapped.map(|(meaning, event)| {
            let revocation = self.doors.revocation_of(meaning, claims, event, now)?;
            Ok(Wanted { revocation, reason: None })
        });
        let changes: Vec<Wanted> = changes.collect::<Result<_, _>>()?;
        if changes.len() > MAX_EVENTS {
            return Err(invalid("`events` has more than 16 that are known"));
        }
        if changes.is_empty() {
            return Ok(None);
        }
        let actor = format!("events:{}", sender.issuer);
        // No clock difference that is tolerated makes a token pass for longer.
        let until =
            issued_at.plus_seconds(MOST_SET_SECONDS.saturating_add(60)).as_seconds().saturating_add(1);
        let once = Once { sender: actor.clone(), jti: jti.to_owned(), until };
        Ok(Some(Order { once: Some(once), ..Order::new(actor, changes) }))
    }
}

impl Doors {
    fn revocation_of(
        &self,
        meaning: &Meaning,
        claims: &Claims,
        event: &Value,
        now: UnixTime,
    ) -> Result<Revocation, EventRefusal> {
        let issuer = &meaning.token_issuer;
        let values = meaning.values.iter().map(|path| {
            let found = path.find(claims, event).filter(|value| Target::from_json(value).is_some());
            let iss = path
                .parent()
                .filter(|_| path.0.ends_with(".sub"))
                .and_then(|parent| parent.find(claims, event)?.get("iss"));
            if iss.is_some_and(|iss| iss != issuer.as_str()) {
                return Err(at(path, "it is a subject of another issuer"));
            }
            found.cloned().ok_or_else(|| at(path, "there is no text, integer or boolean"))
        });
        let values: Vec<Value> = values.collect::<Result<_, _>>()?;
        let (claim, entry) = match &meaning.way {
            Way::Outright => (None, Entry::Outright),
            Way::Cutoff(path) => (None, Entry::Cutoff(self.instant(path.as_ref(), claims, event, now)?)),
            Way::Minimum(claim, path) => match path.find(claims, event).and_then(Target::from_json) {
                Some(Target::Integer(minimum)) => (Some(claim.clone()), Entry::Minimum(minimum)),
                _ => return Err(at(path, "there is no integer")),
            },
        };
        let expires = self.tokens.of(issuer).over(&meaning.rule, entry, now);
        Revocation::new(meaning.rule.clone(), issuer.clone(), values, claim, Change::Add(entry), expires)
            .map_err(|_| invalid("it makes no revocation"))
    }

    /// The instant of a cutoff: never later than now, so that nobody can refuse tokens that are yet to be issued.
    fn instant(
        &self,
        path: Option<&Path>,
        claims: &Claims,
        event: &Value,
        now: UnixTime,
    ) -> Result<Cutoff, EventRefusal> {
        let default = self.cutoff(now);
        let Some((path, value)) = path.and_then(|path| Some((path, path.find(claims, event)?))) else {
            return Ok(default);
        };
        let instant = value.as_f64().and_then(Cutoff::from_seconds);
        let instant = instant.ok_or_else(|| at(path, "there is no time in seconds"))?;
        Ok(if instant.as_millis() > now.as_millis() { default } else { instant })
    }
}

fn invalid(description: &'static str) -> EventRefusal {
    EventRefusal::new("invalid_request", description)
}

fn at(path: &Path, reason: &str) -> EventRefusal {
    EventRefusal::new("invalid_request", format!("`{}`: {reason}", path.0))
}

/// What a sender is told of a token that does not verify.
fn refusal(error: &Error) -> EventRefusal {
    match error {
        Error::IssuerUnknown => EventRefusal::new("invalid_issuer", "its issuer is not known here"),
        Error::ClaimInvalid { claim, .. } if claim == "iss" => {
            EventRefusal::new("invalid_issuer", "its issuer is not known here")
        }
        Error::ClaimInvalid { claim, .. } if claim == "aud" => {
            EventRefusal::new("invalid_audience", "it is for somebody else")
        }
        Error::AlgNotAllowed | Error::NoMatchingKey | Error::SignatureInvalid => {
            EventRefusal::new("invalid_key", "none of its issuer's keys has signed it")
        }
        Error::Expired { .. } | Error::TooOld { .. } => invalid("it is too old"),
        Error::ClaimInvalid { claim, .. } => {
            let known =
                ["typ", "jti", "iat", "nbf", "exp", "events"].into_iter().find(|known| known == claim);
            EventRefusal::new(
                "invalid_request",
                format!("`{}` is missing or wrong", known.unwrap_or("a claim")),
            )
        }
        _ => invalid("it is no security event token"),
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "the clock of these tests stands still")]
mod tests {
    use super::super::tests::{ISSUER, NOW, authority, public, signed, with};
    use super::*;

    const CHANGED: &str = "https://schemas.openid.net/secevent/risc/event-type/credential-change-required";
    const DISABLED: &str = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
    const ENDED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
    const VERSION: &str = "https://idp.example/events/password-version";

    fn hearing() -> Authority {
        let user = |kind: &str| json!({ "rule": ["sub"], "kind": kind, "tokenIssuer": ISSUER, "values": ["sub_id.sub"] });
        authority(json!({ "clockSkew": 2, "events": [{
            "issuer": "https://idp.example", "audience": "https://gate.example", "jwks": public(5),
            "map": {
                CHANGED: with(user("cutoff"), json!({ "at": "toe" })),
                DISABLED: user("outright"),
                ENDED: { "rule": ["sid"], "kind": "outright", "tokenIssuer": ISSUER, "values": ["session.id"] },
                VERSION: with(user("minimum"), json!({
                    "values": ["sub"], "claim": "pwd_ver", "minimum": "version",
                })),
            },
        }] }))
    }

    fn set(events: Value) -> Value {
        json!({
            "iss": "https://idp.example", "aud": "https://gate.example", "jti": "e-1", "iat": NOW.as_seconds() - 5,
            "sub": "alice", "sub_id": { "format": "iss_sub", "iss": ISSUER, "sub": "alice" }, "events": events,
        })
    }

    fn hear(claims: &Value) -> Result<Vec<Value>, (u16, &'static str, String)> {
        let authority = hearing();
        let token = signed(5, "secevent+jwt", claims);
        let decision = authority.senders().verify(&token, NOW);
        let order = authority.event(&decision, NOW);
        let order =
            order.map_err(|refusal| (refusal.status(), refusal.err(), refusal.description().to_owned()))?;
        if let Some(order) = &order {
            let sender = "events:https://idp.example".to_owned();
            let until = NOW.as_seconds() - 5 + 86_400 + 61;
            assert_eq!(order.actor, sender);
            assert_eq!(order.once, Some(Once { sender, jti: "e-1".into(), until }));
        }
        Ok(order.iter().flat_map(|order| &order.changes).map(|wanted| wanted.revocation.to_json()).collect())
    }

    fn line(rule: &str, value: &str, more: Value) -> Value {
        with(json!({ "rule": [rule], "issuer": ISSUER, "values": [value] }), more)
    }

    #[test]
    fn events_mean_what_the_configuration_says() {
        let now = NOW.as_seconds();
        let user = |more: Value| line("sub", "alice", more);
        assert_eq!(hear(&set(json!({ DISABLED: {} }))), Ok(vec![user(json!({}))]));
        assert_eq!(
            hear(&set(json!({ ENDED: { "session": { "id": "s-1" } } }))),
            Ok(vec![line("sid", "s-1", json!({}))])
        );
        let version = hear(&set(json!({ VERSION: { "version": 4 } })));
        assert_eq!(version, Ok(vec![user(json!({ "claim": "pwd_ver", "minimum": 4 }))]));
        for (toe, before) in [
            (json!(null), json!(now + 3)),
            (json!(now - 60), json!(now - 60)),
            (json!(now), json!(now)),
            // Nobody refuses tokens that are yet to be issued.
            (json!(now + 1), json!(now + 3)),
            (json!(now + 1_000_000), json!(now + 3)),
        ] {
            let claims = with(set(json!({ CHANGED: {} })), json!({ "toe": toe }));
            assert_eq!(hear(&claims), Ok(vec![user(json!({ "before": before }))]), "{toe}");
        }
        assert_eq!(hear(&set(json!({ DISABLED: {}, CHANGED: {}, "urn:other": 7 }))).unwrap().len(), 2);
    }

    #[test]
    fn events_that_are_not_known_mean_nothing() {
        for events in [json!({}), json!({ "urn:other": {} }), json!({ "": null })] {
            assert_eq!(hear(&set(events)), Ok(Vec::new()));
        }
    }

    #[test]
    fn a_value_that_is_not_there_is_named_by_its_place_and_what_is_there_is_not() {
        let other =
            json!({ "sub_id": { "format": "iss_sub", "iss": "https://evil.example", "sub": "alice" } });
        let cases = [
            (set(json!({ ENDED: {} })), "`session.id`"),
            (set(json!({ ENDED: { "session": "secret" } })), "`session.id`"),
            (set(json!({ ENDED: { "session": { "id": ["secret"] } } })), "`session.id`"),
            (set(json!({ ENDED: 7 })), "`session.id`"),
            (set(json!({ VERSION: { "version": "secret" } })), "`version`"),
            (set(json!({ VERSION: { "version": 1.5 } })), "`version`"),
            (with(set(json!({ DISABLED: {} })), json!({ "sub_id": null })), "`sub_id.sub`"),
            (
                with(set(json!({ DISABLED: {} })), json!({ "sub_id": { "sub": "x".repeat(1025) } })),
                "`sub_id.sub`",
            ),
            (with(set(json!({ DISABLED: {} })), other), "another issuer"),
            (with(set(json!({ CHANGED: {} })), json!({ "toe": "secret" })), "`toe`"),
            (with(set(json!({ CHANGED: {} })), json!({ "toe": -1 })), "`toe`"),
            // All of it, or nothing.
            (set(json!({ DISABLED: {}, ENDED: {} })), "`session.id`"),
        ];
        for (claims, named) in cases {
            let (status, err, description) = hear(&claims).unwrap_err();
            assert_eq!((status, err), (400, "invalid_request"), "{claims}");
            assert!(description.contains(named) && !description.contains("secret"), "{description}");
        }
    }

    #[test]
    fn a_token_that_is_not_the_senders_for_us_and_of_today_is_refused_with_its_code() {
        let now = NOW.as_seconds();
        let good = set(json!({ DISABLED: {} }));
        let cases = [
            (json!({ "iss": "https://other.example" }), "invalid_issuer"),
            (json!({ "iss": null }), "invalid_issuer"),
            (json!({ "aud": "https://other.example" }), "invalid_audience"),
            (json!({ "aud": null }), "invalid_audience"),
            (json!({ "iat": now + 60 }), "invalid_request"),
            (json!({ "iat": now - 86_400 - 6 }), "invalid_request"),
            (json!({ "iat": null }), "invalid_request"),
            (json!({ "exp": now - 60 }), "invalid_request"),
            (json!({ "jti": null }), "invalid_request"),
            (json!({ "jti": "" }), "invalid_request"),
            (json!({ "jti": 7 }), "invalid_request"),
            (json!({ "jti": "x".repeat(257) }), "invalid_request"),
            (json!({ "events": null }), "invalid_request"),
            (json!({ "events": [] }), "invalid_request"),
        ];
        for (changes, wanted) in cases {
            let (status, err, _) = hear(&with(good.clone(), changes.clone())).unwrap_err();
            assert_eq!((status, err), (400, wanted), "{changes}");
        }
        let authority = hearing();
        for (token, wanted) in [
            (signed(6, "secevent+jwt", &good), "invalid_key"),
            (signed(5, "JWT", &good), "invalid_request"),
            ("x".to_owned(), "invalid_request"),
        ] {
            let refusal = authority.event(&authority.senders().verify(&token, NOW), NOW).unwrap_err();
            assert_eq!(refusal.err(), wanted);
        }
        let unavailable = Decision::refused(Error::EngineUnavailable);
        assert_eq!(authority.event(&unavailable, NOW).unwrap_err().answer(Vec::new()).status, 503);
    }

    #[test]
    fn only_the_type_of_security_event_tokens_is_read() {
        let typ = Some("application/secevent+jwt");
        assert_eq!(Authority::event_token(typ, b"a.b.c").unwrap(), "a.b.c");
        assert!(Authority::event_token(Some("application/jwt"), b"a.b.c").is_err());
        assert!(Authority::event_token(None, b"a.b.c").is_err());
        assert!(Authority::event_token(typ, b"\xff").is_err());
        assert!(Authority::event_token(typ, &vec![b'a'; MAX_SET_BYTES + 1]).is_err());
    }
}

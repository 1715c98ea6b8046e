//! Tokens taken back by those they were issued to (RFC 7009), and how a token is named.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::flow::Recognised;
use crate::publish::{Change, Revocation};
use crate::revocation::{Entry, Named, named};
use crate::time::UnixTime;

use super::{Authority, Form, Identified, Order, Refusal, Wanted};

/// How an issuer's tokens are named.
#[derive(Clone, Debug)]
pub(crate) struct Naming {
    /// One token.
    pub(crate) rule: Vec<String>,
    /// A refresh token, and with it the access tokens that come of it.
    pub(crate) refresh_rule: Vec<String>,
    /// Who it was issued to; by default `azp`, else `client_id`.
    pub(crate) client_claim: Option<String>,
    /// For how many seconds after they were issued the last of a session's tokens may pass.
    pub(crate) lifetime: Option<u64>,
}

/// How tokens are named, by issuer.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) by_issuer: BTreeMap<String, Naming>,
    pub(crate) otherwise: Naming,
}

impl Default for Naming {
    fn default() -> Self {
        let rule = |member: &str| vec![member.to_owned()];
        Self { rule: rule("jti"), refresh_rule: rule("sid"), client_claim: None, lifetime: None }
    }
}

impl Tokens {
    pub(super) fn of(&self, issuer: &str) -> &Naming {
        self.by_issuer.get(issuer).unwrap_or(&self.otherwise)
    }
}

impl Naming {
    /// When an entry may go that is made now and names more than one token; `None` where it stays until it is undone.
    ///
    /// | entry | goes |
    /// |---|---|
    /// | cutoff | when the last token issued before it is over |
    /// | outright, of a session | when the last token is over that the session could have had |
    /// | any other | not by itself |
    pub(super) fn over(&self, rule: &[String], entry: Entry, now: UnixTime) -> Option<UnixTime> {
        let lifetime = self.lifetime?;
        match entry {
            Entry::Cutoff(cutoff) => Some(UnixTime::from_millis(cutoff.as_millis()).plus_seconds(lifetime)),
            Entry::Outright if names(rule, "sid") => Some(now.plus_seconds(lifetime)),
            Entry::Outright | Entry::Minimum(_) => None,
        }
    }

    /// When an outright entry may go that is made of a token which is over at `exp`: with it, unless it names others as well.
    pub(super) fn over_with(
        &self,
        rule: &[String],
        exp: Option<UnixTime>,
        now: UnixTime,
    ) -> Option<UnixTime> {
        if names(rule, "jti") {
            return exp;
        }
        self.over(rule, Entry::Outright, now).map(|over| exp.map_or(over, |exp| exp.max(over)))
    }
}

fn names(rule: &[String], member: &str) -> bool {
    rule.iter().any(|one| one == member)
}

/// The revocation of what a token has in the members of a rule; `None` where it lacks one.
pub(super) fn revocation(
    token: &impl Named,
    issuer: &str,
    rule: &[String],
    entry: Entry,
    expires: Option<UnixTime>,
) -> Option<Revocation> {
    let values: Option<Vec<_>> = rule.iter().map(|member| named(token, member)).collect();
    Revocation::new(rule.to_vec(), issuer.to_owned(), values?, None, Change::Add(entry), expires).ok()
}

/// A request that a token be revoked (RFC 7009 §2.1).
pub struct RevokeRequest<'f> {
    token: &'f str,
    is_refresh: bool,
}

impl<'f> RevokeRequest<'f> {
    /// Reads it from a form. A hint that is not known is as good as none (§2.1).
    ///
    /// # Errors
    /// 400 `invalid_request` when there is no token.
    pub fn of(form: &'f Form) -> Result<Self, Refusal> {
        let token = form.get("token").ok_or(Refusal::request(400, "`token` is missing"))?;
        Ok(Self { token, is_refresh: form.get("token_type_hint") == Some("refresh_token") })
    }

    /// The token, which [`crate::Verifier::start_recognising`] is to look at.
    #[must_use]
    pub const fn token(&self) -> &'f str {
        self.token
    }
}

// By hand: there is a token in it.
impl std::fmt::Debug for RevokeRequest<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RevokeRequest").field("is_refresh", &self.is_refresh).finish_non_exhaustive()
    }
}

impl Authority {
    /// What is to be recorded when a client takes a token back (RFC 7009 §2.1, §2.2); nothing where that changes nothing, which is
    /// answered 200 all the same.
    ///
    /// | the token | what becomes of it |
    /// |---|---|
    /// | is none of an issuer of ours, or over for more than 300 s | nothing: it passes nowhere |
    /// | was issued to another client, or does not say to whom | refused: 400 `unauthorized_client` |
    /// | has no value for its rule | refused: 400 `unsupported_token_type` |
    /// | any other | its rule's values are revoked, outright |
    ///
    /// With the hint `refresh_token` that rule is the issuer's `refreshRule`, by default the session, so that the access tokens go
    /// with it.
    ///
    /// RFC 7009 has a server refuse another client's token and name no code. Of RFC 6749 §5.2's, `invalid_request` is for what is
    /// malformed and `invalid_grant` for grants, so that the one about what a client may do is left.
    ///
    /// # Errors
    /// Beside those, 503 where it could not be verified now: nothing is known of it then, and the client is to ask again.
    pub fn revoke(
        &self,
        who: &Identified,
        request: &RevokeRequest<'_>,
        token: Result<Recognised, Error>,
        now: UnixTime,
    ) -> Result<Option<Order>, Refusal> {
        let token = match token {
            Ok(token) => token,
            Err(error) if error.is_ours() => return Err(Refusal::unavailable()),
            Err(_) => return Ok(None),
        };
        let naming = self.doors.tokens.of(token.issuer());
        let client = match &naming.client_claim {
            Some(claim) => token.text(claim),
            None => token.text("azp").or_else(|| token.text("client_id")),
        };
        if !client.is_some_and(|client| who.owns(client)) {
            let other = "the token was not issued to this client";
            return Err(Refusal::new(400, "unauthorized_client", other));
        }
        let rule = if request.is_refresh { &naming.refresh_rule } else { &naming.rule };
        let expires = naming.over_with(rule, token.expires_at(), now);
        let revocation = revocation(&token, token.issuer(), rule, Entry::Outright, expires);
        let revocation = revocation.ok_or(Refusal::new(
            400,
            "unsupported_token_type",
            "the token has nothing by which a token of its type is revoked",
        ))?;
        let wanted = Wanted { revocation, reason: None };
        Ok(Some(Order { once: who.once().cloned(), ..Order::new(who.actor(), vec![wanted]) }))
    }

    /// The refusal of a client whose assertion has been used before: it is good for one request.
    #[must_use]
    pub fn replayed() -> Refusal {
        Refusal::client(false)
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "the clock of these tests stands still")]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{FORM, ISSUER, NOW, authority, gate, signed, with};
    use super::*;
    use crate::authority::Credentials;
    use crate::verifier::Progress;

    /// A token of somebody whose audience is not this gate: it can be taken back all the same.
    fn claims() -> Value {
        json!({
            "iss": ISSUER, "sub": "alice", "azp": "app-1", "jti": "t-1", "sid": "s-1", "aud": "elsewhere",
            "iat": NOW.as_seconds() - 10, "exp": NOW.as_seconds() + 600,
        })
    }

    /// What comes of a request of `app-1`: the recorded lines, or the refusal.
    fn revoke(fields: Value, token: &str, hint: &str) -> Result<Vec<Value>, (u16, &'static str)> {
        let gate = gate(fields);
        let authority = gate.authority().unwrap();
        let form = format!("client_id=app-1&client_secret=second&token={token}&token_type_hint={hint}");
        let form = Form::parse(FORM, form.as_bytes()).unwrap();
        let request = RevokeRequest::of(&form).unwrap();
        let Ok(Credentials::Proved(who)) = authority.identify(None, &form) else { panic!() };
        let Progress::Decided(recognised) = gate.verifier().start_recognising(request.token(), NOW) else {
            panic!()
        };
        let order = authority.revoke(&who, &request, recognised, NOW);
        let order = order.map_err(|refusal| (refusal.status(), refusal.error()))?;
        if let Some(order) = &order {
            assert_eq!((order.actor.as_str(), &order.once), ("client:app-1", &None));
        }
        Ok(order.iter().flat_map(|order| &order.changes).map(|wanted| wanted.revocation.to_json()).collect())
    }

    fn access(changes: Value) -> Result<Vec<Value>, (u16, &'static str)> {
        revoke(json!({}), &signed(7, "at+jwt", &with(claims(), changes)), "access_token")
    }

    fn jti(expires: Value) -> Vec<Value> {
        vec![with(
            json!({ "rule": ["jti"], "issuer": ISSUER, "values": ["t-1"] }),
            json!({ "expires": expires }),
        )]
    }

    #[test]
    fn a_clients_own_token_is_revoked_until_it_is_over() {
        let now = NOW.as_seconds();
        assert_eq!(access(json!({})), Ok(jti(json!(now + 600))));
        assert_eq!(access(json!({ "azp": null, "client_id": "app-1" })), Ok(jti(json!(now + 600))));
        // Not good yet, good for nobody here, over a moment ago: all of them may pass somewhere.
        for changes in [json!({ "nbf": now + 60 }), json!({ "iat": now + 60 }), json!({ "aud": null })] {
            assert_eq!(access(changes), Ok(jti(json!(now + 600))));
        }
        assert_eq!(access(json!({ "exp": now - 299 })), Ok(jti(json!(now - 299))));
        assert_eq!(access(json!({ "exp": null })), Ok(jti(json!(null))));
    }

    #[test]
    fn what_passes_nowhere_needs_no_entry() {
        let now = NOW.as_seconds();
        let nothing = Ok(Vec::new());
        assert_eq!(access(json!({ "exp": now - 300 })), nothing);
        assert_eq!(access(json!({ "exp": "soon" })), nothing);
        assert_eq!(access(json!({ "iss": "https://other.example" })), nothing);
        for token in
            ["", "x", "a.b.c", &signed(8, "at+jwt", &claims()), &signed(7, "revocations+jwt", &claims())]
        {
            if !token.is_empty() {
                assert_eq!(revoke(json!({}), token, ""), nothing, "{token}");
            }
        }
        let good = signed(7, "at+jwt", &claims());
        assert_eq!(revoke(json!({}), &good[..good.len() - 1], ""), nothing);
    }

    #[test]
    fn another_clients_token_is_refused_and_so_is_one_that_its_rule_cannot_name() {
        let other = Err((400, "unauthorized_client"));
        for changes in [
            json!({ "azp": "app-2" }),
            json!({ "azp": null }),
            json!({ "azp": 7 }),
            json!({ "azp": "app-2", "client_id": "app-1" }),
        ] {
            assert_eq!(access(changes), other);
        }
        let claim = json!({ "tokens": [{ "issuer": ISSUER, "clientClaim": "cid" }] });
        let token = signed(7, "at+jwt", &with(claims(), json!({ "cid": "app-2" })));
        assert_eq!(revoke(claim, &token, ""), other);
        let unsupported = Err((400, "unsupported_token_type"));
        for changes in [
            json!({ "jti": null }),
            json!({ "jti": 1.5 }),
            json!({ "jti": ["a", "b"] }),
            json!({ "jti": "x".repeat(1025) }),
        ] {
            assert_eq!(access(changes), unsupported);
        }
    }

    #[test]
    fn a_refresh_token_takes_its_session_with_it() {
        let token = signed(7, "JWT", &claims());
        let session = |expires: Value| {
            vec![with(
                json!({ "rule": ["sid"], "issuer": ISSUER, "values": ["s-1"] }),
                json!({ "expires": expires }),
            )]
        };
        // Nobody has said how long a session lasts, so that it stays.
        assert_eq!(revoke(json!({}), &token, "refresh_token"), Ok(session(json!(null))));
        let now = NOW.as_seconds();
        for (lifetime, expires) in [(3600, now + 3600), (60, now + 600)] {
            let tokens = json!({ "tokens": [{ "issuer": ISSUER, "lifetime": lifetime }] });
            assert_eq!(revoke(tokens, &token, "refresh_token"), Ok(session(json!(expires))));
        }
        let lacking = signed(7, "JWT", &with(claims(), json!({ "sid": null })));
        assert_eq!(revoke(json!({}), &lacking, "refresh_token"), Err((400, "unsupported_token_type")));
        assert_eq!(revoke(json!({}), &lacking, "another"), Ok(jti(json!(now + 600))));
    }

    #[test]
    fn a_token_that_cannot_be_verified_now_is_not_said_to_be_revoked() {
        let authority = authority(json!({}));
        let form = Form::parse(FORM, b"client_id=app-1&client_secret=second&token=x").unwrap();
        let Ok(Credentials::Proved(who)) = authority.identify(None, &form) else { panic!() };
        let request = RevokeRequest::of(&form).unwrap();
        for error in [Error::JwksUnavailable, Error::EngineUnavailable] {
            let refusal = authority.revoke(&who, &request, Err(error), NOW).unwrap_err();
            let answer = refusal.answer(Vec::new());
            assert_eq!(answer.status, 503);
            assert!(answer.headers.contains(&("retry-after", "2".to_owned())));
        }
        assert!(RevokeRequest::of(&Form::parse(FORM, b"token=").unwrap()).is_err());
    }
}

//! What whoever is asked says of a token (RFC 7662).

use serde_json::{Map, Value};

use crate::flow::{Claims, Decision};
use crate::gate::RequestHeaders;
use crate::revocation::Status;

use super::{Authority, Form, Identified, Refusal};

/// Who wants to know.
#[derive(Clone, Debug)]
pub enum Introspector {
    /// A client: its own tokens, or all where it is configured so.
    Client(Identified),
    /// Whoever may read the ledger.
    Reader,
}

/// Claims that an answer repeats as they are (RFC 7662 §2.2, RFC 7800, RFC 8693 §4.1).
const REPEATED: [&str; 10] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "cnf", "act"];

impl Authority {
    /// Whether a request presents a bearer token, as whoever has an admin key does (RFC 7662 §2.1), and no client.
    #[must_use]
    pub fn has_bearer(request: &impl RequestHeaders) -> bool {
        let authorization = request.header("authorization").unwrap_or_default();
        authorization
            .split_ascii_whitespace()
            .next()
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"))
    }

    /// The token of a request for introspection.
    ///
    /// # Errors
    /// 400 `invalid_request` when there is none.
    pub fn introspected(form: &Form) -> Result<&str, Refusal> {
        form.get("token").ok_or(Refusal::request(400, "`token` is missing"))
    }

    /// The body of a 200 (RFC 7662 §2.2), out of what the gate decides of the token.
    ///
    /// | member | what |
    /// |---|---|
    /// | `active` | whether the gate would let the token pass |
    /// | `iss`, `sub`, `aud`, `exp`, `nbf`, `iat`, `jti`, `sid`, `cnf`, `act` | as the token has them |
    /// | `client_id` | `azp`, else `client_id` |
    /// | `scope` | its scopes, as one text |
    ///
    /// Of a token that does not pass, and of one that is none of this client's, it says no more than `{"active":false}`, and not
    /// which of the two it is (§2.2, §4).
    ///
    /// # Errors
    /// 503 where it cannot be told: a token that is revoked would be taken for a good one, or the other way round.
    pub fn introspection(who: &Introspector, decision: &Decision) -> Result<String, Refusal> {
        let claims = match decision {
            Decision::Allow(allowed) if matches!(allowed.status, Some(Status::Unknown(_))) => {
                return Err(Refusal::unavailable());
            }
            Decision::Allow(allowed) => Some(&allowed.claims).filter(|claims| who.may_see(claims)),
            Decision::Deny(_) => None,
            Decision::Unavailable(_) => return Err(Refusal::unavailable()),
        };
        let mut body = Map::new();
        body.insert("active".to_owned(), claims.is_some().into());
        if let Some(claims) = claims {
            let repeated = REPEATED.iter().filter_map(|name| Some((*name, claims.get(name)?.clone())));
            body.extend(repeated.map(|(name, value)| (name.to_owned(), value)));
            if let Some(client) = claims.client() {
                body.insert("client_id".to_owned(), client.into());
            }
            let scopes = claims.scopes();
            if !scopes.is_empty() {
                body.insert("scope".to_owned(), scopes.join(" ").into());
            }
        }
        Ok(Value::Object(body).to_string())
    }
}

impl Introspector {
    fn may_see(&self, claims: &Claims) -> bool {
        match self {
            Self::Reader => true,
            Self::Client(client) => {
                client.may_introspect() || claims.client().is_some_and(|azp| client.owns(azp))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{FORM, NOW, authority, public, signed, with};
    use super::*;
    use crate::authority::Credentials;
    use crate::config::VerifierConfig;
    use crate::{Error, Unknown};

    fn claims() -> Value {
        json!({
            "iss": "https://issuer.example", "sub": "alice", "azp": "app-1", "jti": "t-1", "aud": ["api"],
            "iat": 1_789_999_990, "exp": 1_790_000_600, "scp": ["read", "write"], "email": "a@example.com",
        })
    }

    fn decide(changes: Value) -> Decision {
        let issuer = json!({ "issuer": "https://issuer.example", "jwks": public(7) });
        let config = json!({ "issuers": [issuer], "lists": [] });
        let verifier = VerifierConfig::parse(&config.to_string()).unwrap().build().unwrap();
        verifier.verify(&signed(7, "at+jwt", &with(claims(), changes)), NOW)
    }

    fn client(id: &str, secret: &str) -> Introspector {
        let form = Form::parse(FORM, format!("client_id={id}&client_secret={secret}").as_bytes()).unwrap();
        match authority(json!({})).identify(None, &form) {
            Ok(Credentials::Proved(who)) => Introspector::Client(who),
            other => panic!("{other:?}"),
        }
    }

    fn introspect(who: &Introspector, decision: &Decision) -> Value {
        serde_json::from_str(&Authority::introspection(who, decision).unwrap()).unwrap()
    }

    #[test]
    fn who_may_know_is_told_what_the_token_says() {
        let all = json!({
            "active": true, "iss": "https://issuer.example", "sub": "alice", "client_id": "app-1", "jti": "t-1",
            "aud": ["api"], "iat": 1_789_999_990, "exp": 1_790_000_600, "scope": "read write",
        });
        let decision = decide(json!({}));
        for who in [client("app-1", "second"), client("app-2", "two"), Introspector::Reader] {
            assert_eq!(introspect(&who, &decision), all);
        }
    }

    #[test]
    fn of_others_tokens_and_of_those_that_do_not_pass_nothing_is_told() {
        let inactive = json!({ "active": false });
        let own = client("app-1", "second");
        for changes in [json!({ "azp": "app-2" }), json!({ "azp": null }), json!({ "exp": 1_789_999_000 })] {
            assert_eq!(introspect(&own, &decide(changes)), inactive);
        }
        assert_eq!(introspect(&Introspector::Reader, &Decision::refused(Error::SignatureInvalid)), inactive);
    }

    #[test]
    fn what_cannot_be_told_is_not_told_either_way() {
        let unavailable = Decision::refused(Error::RevocationUnavailable(Unknown::TooOld));
        let refusal = Authority::introspection(&Introspector::Reader, &unavailable).unwrap_err();
        assert_eq!(refusal.status(), 503);
        let Decision::Allow(mut unknown) = decide(json!({})) else { panic!() };
        unknown.status = Some(Status::Unknown(Unknown::TooOld));
        let refusal = Authority::introspection(&Introspector::Reader, &Decision::Allow(unknown)).unwrap_err();
        assert_eq!(refusal.status(), 503);
    }
}

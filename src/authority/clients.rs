//! Who asks: the clients that may revoke their own tokens or have tokens introspected, and how they prove who they are
//! (RFC 6749 §2.3.1, RFC 7521 §4.2, RFC 7523 §3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::flow::{Claims, Decision};
use crate::time::UnixTime;
use crate::verifier::Verifier;

use super::{Form, Once, Refusal};

/// How far ahead the `exp` of a client's assertion may lie, in seconds: so long its `jti` is remembered.
pub(crate) const MOST_ASSERTION_SECONDS: u64 = 300;
/// How far the clocks of clients may differ from ours, in seconds.
pub(crate) const ASSERTION_TOLERANCE_SECONDS: u64 = 5;
/// The longest `jti` of a message that must be acted on once only, in bytes.
pub(super) const MAX_JTI_BYTES: usize = 256;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client, as it is configured.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: String,
    /// SHA-256 of each of its secrets.
    pub(crate) secrets: Vec<[u8; 32]>,
    /// Whose tokens it may revoke, and have introspected.
    pub(crate) azp: Vec<String>,
    /// Whether it may have any token introspected.
    pub(crate) introspect: bool,
}

/// The clients.
#[derive(Debug)]
pub(crate) struct Clients {
    pub(crate) all: Vec<Client>,
    /// Verifies assertions; its issuers are the clients that have keys.
    pub(crate) assertions: Verifier,
}

/// What a client has shown.
#[derive(Debug)]
pub enum Credentials {
    /// Its secret: it is who it says.
    Proved(Identified),
    /// An assertion, which [`super::Authority::assertions`] is to verify.
    Asserted(Assertion),
}

/// A client's assertion, not verified yet.
pub struct Assertion {
    token: String,
    /// `client_id`, which may be left out (RFC 7521 §4.2).
    client: Option<String>,
}

/// A client that has proved who it is.
#[derive(Clone, Debug)]
pub struct Identified {
    id: String,
    azp: Vec<String>,
    introspect: bool,
    once: Option<Once>,
}

// By hand: whoever holds it may be the client for a moment.
impl std::fmt::Debug for Assertion {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Assertion").finish_non_exhaustive()
    }
}

impl Assertion {
    /// The JWT.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }
}

impl Identified {
    /// Who it is in an [`super::Order`].
    #[must_use]
    pub fn actor(&self) -> String {
        format!("client:{}", self.id)
    }

    /// The assertion it has shown, which is good for one request; none where it has shown a secret.
    #[must_use]
    pub const fn once(&self) -> Option<&Once> {
        self.once.as_ref()
    }

    /// Whether a token that says so was issued to it.
    pub(super) fn owns(&self, azp: &str) -> bool {
        self.azp.iter().any(|own| own == azp)
    }

    /// Whether it may have others' tokens introspected.
    pub(super) const fn may_introspect(&self) -> bool {
        self.introspect
    }
}

impl Clients {
    pub(super) fn identify(&self, authorization: Option<&str>, form: &Form) -> Result<Credentials, Refusal> {
        let secret = form.get("client_secret");
        let kind = form.get("client_assertion_type");
        let assertion = form.get("client_assertion");
        let ways = [authorization.is_some(), secret.is_some(), kind.is_some() || assertion.is_some()];
        if ways.into_iter().filter(|used| *used).count() > 1 {
            return Err(Refusal::request(400, "the client authenticates in two ways at once"));
        }
        if let Some(authorization) = authorization {
            let (id, secret) = basic(authorization).ok_or_else(|| Refusal::client(true))?;
            if form.get("client_id").is_some_and(|named| named != id) {
                return Err(Refusal::request(400, "`client_id` is another client's"));
            }
            return self.prove(&id, &secret).map(Credentials::Proved).ok_or_else(|| Refusal::client(true));
        }
        if let Some(secret) = secret {
            let id = form.get("client_id").unwrap_or_default();
            return self.prove(id, secret).map(Credentials::Proved).ok_or_else(|| Refusal::client(false));
        }
        match (kind, assertion) {
            (None, None) => Err(Refusal::client(false)),
            (Some(JWT_BEARER), Some(token)) => Ok(Credentials::Asserted(Assertion {
                token: token.to_owned(),
                client: form.get("client_id").map(str::to_owned),
            })),
            _ => Err(Refusal::request(400, "`client_assertion` is missing, or not of a type that is known")),
        }
    }

    /// Compares a secret with each of a client's. Whether there is such a client, and how many secrets it has, changes nothing of
    /// what is done: in the place of a secret that is not there stands one that fits nothing.
    fn prove(&self, id: &str, secret: &str) -> Option<Identified> {
        let presented: [u8; 32] = Sha256::digest(secret).into();
        let client = self.all.iter().find(|client| client.id == id);
        let places = self.all.iter().map(|client| client.secrets.len()).max().unwrap_or(0).max(1);
        let mut fits = false;
        for place in 0..places {
            let known = client.and_then(|client| client.secrets.get(place));
            fits |= ct_codecs::verify(known.unwrap_or(&[0; 32]), &presented) & known.is_some();
        }
        client.filter(|_| fits).map(|client| client.identified(None))
    }

    /// What an assertion proves, once it has been verified. `names` are those that its `aud` may have.
    pub(super) fn asserted(
        &self,
        assertion: &Assertion,
        decision: &Decision,
        names: &[&str],
        now: UnixTime,
    ) -> Result<Identified, Refusal> {
        let allowed = match decision {
            Decision::Allow(allowed) => allowed,
            Decision::Deny(_) => return Err(Refusal::client(false)),
            Decision::Unavailable(_) => return Err(Refusal::unavailable()),
        };
        let claims = &allowed.claims;
        let latest = now.plus_seconds(MOST_ASSERTION_SECONDS.saturating_add(ASSERTION_TOLERANCE_SECONDS));
        let exp = claims.expires_at().filter(|exp| *exp <= latest);
        let jti = claims.token_id().filter(|jti| !jti.is_empty() && jti.len() <= MAX_JTI_BYTES);
        let client = self.all.iter().find(|client| client.id == claims.issuer());
        let named = assertion.client.as_deref().is_none_or(|named| named == claims.issuer());
        match (client, exp, jti) {
            (Some(client), Some(exp), Some(jti)) if named && is_for(claims, names) => {
                let until = exp.plus_seconds(ASSERTION_TOLERANCE_SECONDS).as_seconds().saturating_add(1);
                let sender = format!("client:{}", client.id);
                Ok(client.identified(Some(Once { sender, jti: jti.to_owned(), until })))
            }
            _ => Err(Refusal::client(false)),
        }
    }
}

impl Client {
    fn identified(&self, once: Option<Once>) -> Identified {
        Identified { id: self.id.clone(), azp: self.azp.clone(), introspect: self.introspect, once }
    }
}

/// Whether one of these is among the audience.
fn is_for(claims: &Claims, names: &[&str]) -> bool {
    match claims.get("aud") {
        Some(Value::String(audience)) => names.contains(&audience.as_str()),
        Some(Value::Array(audiences)) => {
            audiences.iter().filter_map(Value::as_str).any(|audience| names.contains(&audience))
        }
        _ => false,
    }
}

/// RFC 7617 §2, each part form-encoded first (RFC 6749 §2.3.1).
fn basic(authorization: &str) -> Option<(String, String)> {
    let (scheme, credentials) = authorization.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((form_decode(id), form_decode(secret)))
}

/// What one form-encoded text says. `&` and `=` do not belong there; where they are, they stand for themselves.
fn form_decode(text: &str) -> String {
    let pair = ["=", &text.replace('&', "%26")].concat();
    form_urlencoded::parse(pair.as_bytes()).next().map(|(_, text)| text.into_owned()).unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "the clock of these tests stands still")]
mod tests {
    use super::super::tests::{FORM, NOW, authority, signed, with};
    use super::*;
    use crate::authority::Authority;
    use serde_json::json;

    const ENDPOINT: &str = "https://gate.example/_revocable/revoke";

    fn header(id: &str, secret: &str) -> String {
        format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
    }

    fn identify(authorization: Option<&str>, body: &str) -> Result<Credentials, Refusal> {
        let form = Form::parse(FORM, body.as_bytes()).unwrap();
        authority(json!({})).identify(authorization, &form)
    }

    fn actor(credentials: Result<Credentials, Refusal>) -> String {
        match credentials {
            Ok(Credentials::Proved(who)) => who.actor(),
            Ok(Credentials::Asserted(_)) => "asserted".to_owned(),
            Err(refusal) => format!("{} {}", refusal.status(), refusal.error()),
        }
    }

    #[test]
    fn a_client_proves_who_it_is_with_any_of_its_secrets_in_either_way() {
        let body = "client_id=app-1&client_secret=s%25ecret+1";
        assert_eq!(actor(identify(None, body)), "client:app-1");
        for (id, secret) in [("app-1", "s%25ecret+1"), ("app%2D1", "s%25ecret%201"), ("app-1", "second")] {
            assert_eq!(actor(identify(Some(&header(id, secret)), "token=x")), "client:app-1");
        }
        let header = header("app-1", "second").replace("Basic", "bAsIc");
        assert_eq!(actor(identify(Some(&header), "client_id=app-1")), "client:app-1");
    }

    #[test]
    fn whoever_does_not_prove_it_is_refused_and_not_told_why() {
        let cases = [
            (None, "token=x"),
            (None, "client_id=app-1"),
            (None, "client_id=app-1&client_secret=wrong"),
            (None, "client_id=nobody&client_secret=second"),
            (None, "client_secret=second"),
            // It has keys and no secret.
            (None, "client_id=app-3&client_secret=second"),
            (None, "client_id=app-1&client_secret="),
        ];
        for (authorization, body) in cases {
            let refusal = identify(authorization, body).unwrap_err();
            assert_eq!(refusal, Refusal::client(false), "{body}");
        }
        let headers = [
            header("app-1", "wrong"),
            header("nobody", "second"),
            header("app-1", ""),
            "Basic".to_owned(),
            "Basic !".to_owned(),
            format!("Basic {}", STANDARD.encode("no colon")),
            format!("Basic {}", STANDARD.encode([0xff, b':', 0xff])),
            "Bearer abc".to_owned(),
            format!("{0}, {0}", header("app-1", "second")),
            String::new(),
        ];
        for header in headers {
            let refusal = identify(Some(&header), "").unwrap_err();
            let answer = refusal.answer(Vec::new());
            assert_eq!((answer.status, refusal.error()), (401, "invalid_client"), "{header}");
            let challenge = answer.headers.iter().find(|(name, _)| *name == "www-authenticate").unwrap();
            assert!(challenge.1.starts_with("Basic "), "{header}");
        }
    }

    #[test]
    fn two_ways_at_once_and_half_an_assertion_are_malformed() {
        let basic = header("app-1", "second");
        let cases = [
            (Some(basic.as_str()), "client_secret=second"),
            (Some(&basic), "client_assertion=a"),
            (Some(&basic), "client_id=app-2"),
            (None, "client_secret=second&client_id=app-1&client_assertion=a"),
            (None, "client_assertion=a"),
            (None, "client_assertion=a&client_assertion_type=other"),
            (None, "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ];
        for (authorization, body) in cases {
            let refusal = identify(authorization, body).unwrap_err();
            assert_eq!((refusal.status(), refusal.error()), (400, "invalid_request"), "{body}");
        }
    }

    fn assert_with(authority: &Authority, changes: Value, client: &str) -> Result<Identified, Refusal> {
        let claims = json!({
            "iss": "app-3", "sub": "app-3", "aud": ENDPOINT, "jti": "a-1", "exp": NOW.as_seconds() + 300,
        });
        let claims = with(claims, changes);
        let token = signed(3, "JWT", &claims);
        let form = format!("client_assertion={token}&client_assertion_type={JWT_BEARER}{client}");
        let form = Form::parse(FORM, form.as_bytes()).unwrap();
        let Credentials::Asserted(assertion) = authority.identify(None, &form)? else { panic!() };
        let decision = authority.assertions().verify(assertion.token(), NOW);
        authority.asserted(&assertion, &decision, ENDPOINT, NOW)
    }

    #[test]
    fn an_assertion_proves_it_too_and_is_good_for_one_request() {
        let authority = authority(json!({}));
        let who = assert_with(&authority, json!({}), "&client_id=app-3").unwrap();
        assert_eq!(who.actor(), "client:app-3");
        let until = NOW.as_seconds() + 306;
        assert_eq!(who.once(), Some(&Once { sender: "client:app-3".into(), jti: "a-1".into(), until }));
        for aud in [json!("https://authority.example"), json!(["other", ENDPOINT])] {
            assert!(assert_with(&authority, json!({ "aud": aud }), "").is_ok(), "{aud}");
        }
    }

    #[test]
    fn an_assertion_that_is_not_the_clients_for_here_and_now_is_refused() {
        let authority = authority(json!({}));
        let now = NOW.as_seconds();
        let cases = [
            json!({ "iss": "app-1" }),
            json!({ "iss": "nobody" }),
            json!({ "sub": "app-1" }),
            json!({ "sub": null }),
            json!({ "aud": "https://gate.example/" }),
            json!({ "aud": [] }),
            json!({ "aud": 7 }),
            json!({ "exp": now - 5 }),
            json!({ "exp": now + 306 }),
            json!({ "exp": null }),
            json!({ "nbf": now + 60 }),
            json!({ "iat": now + 60 }),
            json!({ "jti": "" }),
            json!({ "jti": 7 }),
            json!({ "jti": "x".repeat(MAX_JTI_BYTES + 1) }),
        ];
        for changes in cases {
            let refusal = assert_with(&authority, changes.clone(), "").unwrap_err();
            assert_eq!(refusal, Refusal::client(false), "{changes}");
        }
        assert_eq!(
            assert_with(&authority, json!({}), "&client_id=app-1").unwrap_err(),
            Refusal::client(false)
        );
    }
}

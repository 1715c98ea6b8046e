//! Logging out: whoever presents a token that stands takes it back, and its session with it.

use crate::error::Error;
use crate::flow::Claims;
use crate::gate::{RequestHeaders, TokenSource};
use crate::revocation::Entry;
use crate::time::UnixTime;

use super::tokens::revocation;
use super::{Authority, Form, Order, Refusal, Wanted};

/// What a logout takes back beside the token.
#[derive(Debug)]
pub(crate) struct Logout {
    /// Rules that are revoked as well, where the token has their members.
    pub(crate) also: Vec<Vec<String>>,
    pub(crate) everywhere: Everywhere,
    /// Whose pages may log out with a cookie, beside the gate's own.
    pub(crate) origins: Vec<String>,
}

/// Who may end all of a user's sessions, and how.
#[derive(Debug)]
pub(crate) struct Everywhere {
    pub(crate) rule: Vec<String>,
    pub(crate) clients: Vec<String>,
    pub(crate) scope: Option<String>,
}

impl Everywhere {
    /// A third party's token must not end all sessions.
    fn admits(&self, claims: &Claims) -> bool {
        let client = claims.client().is_some_and(|client| self.clients.iter().any(|own| own == client));
        let scope = self.scope.as_deref().is_some_and(|scope| claims.scopes().contains(&scope));
        client || scope
    }
}

impl Authority {
    /// Whether a logout is one of everywhere. `query` is what stands behind the URL's `?`.
    ///
    /// # Errors
    /// 400 `invalid_request` for anything but `everywhere`: what was meant to end all sessions must not end one and say that all is
    /// well.
    pub fn logout_everywhere(query: Option<&str>) -> Result<bool, Refusal> {
        let form = Form::query(query.unwrap_or_default())?;
        if form.names().any(|name| name != "everywhere") {
            return Err(Refusal::request(400, "the only parameter is `everywhere`"));
        }
        if form.get("everywhere").is_some_and(|value| value != "true") {
            return Err(Refusal::request(400, "`everywhere` takes no value but `true`"));
        }
        Ok(form.has("everywhere"))
    }

    /// Whether a request may log out with a token from this source. Browsers send cookies along whoever's page has made the request,
    /// so that with one it must be a page of the gate's own origin, or of a configured one: the browser says so in
    /// `Sec-Fetch-Site` (`same-origin`) or in `Origin`.
    ///
    /// # Errors
    /// [`Error::NotAllowed`], 403.
    pub fn may_log_out(
        &self,
        source: &TokenSource,
        request: &impl RequestHeaders,
        own_origin: &str,
    ) -> Result<(), Error> {
        let TokenSource::Cookie(_) = source else { return Ok(()) };
        let trusted = |origin: &str| {
            origin == own_origin || self.doors.logout.origins.iter().any(|known| known == origin)
        };
        let same = request.header("sec-fetch-site").is_some_and(|site| site == "same-origin");
        if same || request.header("origin").is_some_and(|origin| trusted(&origin)) {
            Ok(())
        } else {
            Err(Error::NotAllowed("with a cookie, a page of the gate's own origin logs out"))
        }
    }

    /// What is to be recorded when whoever presents a token that stands logs out:
    ///
    /// | what | how |
    /// |---|---|
    /// | the token | by its issuer's rule, outright |
    /// | each rule of `logout.also`, by default the session | outright, where the token has its members |
    /// | with `everywhere`, the user | by `logout.everywhere.rule`, a cutoff of now |
    ///
    /// # Errors
    /// [`Error::NotAllowed`], 403, when the token may not log out everywhere: it was issued to none of the configured clients and does
    /// not have the configured scope. [`Error::RevocationInvalid`], 422, when it has nothing by which it could be taken back, or
    /// by which its user could be named: then nothing is.
    pub fn logout(&self, claims: &Claims, everywhere: bool, now: UnixTime) -> Result<Order, Error> {
        let issuer = claims.issuer();
        let naming = self.doors.tokens.of(issuer);
        let Logout { also, everywhere: everywhere_rule, .. } = &self.doors.logout;
        let lacks = || Error::RevocationInvalid("the token has no value for the rule".to_owned());
        let mut changes = Vec::new();
        for rule in std::iter::once(&naming.rule).chain(also.iter().filter(|rule| **rule != naming.rule)) {
            let expires = naming.over_with(rule, claims.expires_at(), now);
            changes.extend(revocation(claims, issuer, rule, Entry::Outright, expires));
        }
        if everywhere {
            if !everywhere_rule.admits(claims) {
                return Err(Error::NotAllowed("the token may not end all sessions"));
            }
            let rule = &everywhere_rule.rule;
            let entry = Entry::Cutoff(self.doors.cutoff(now));
            let expires = naming.over(rule, entry, now);
            changes.push(revocation(claims, issuer, rule, entry, expires).ok_or_else(lacks)?);
        }
        if changes.is_empty() {
            return Err(lacks());
        }
        let wanted = |revocation| Wanted { revocation, reason: None };
        Ok(Order::new("logout", changes.into_iter().map(wanted).collect()))
    }

    /// The value of `Set-Cookie` that clears the cookie a token came from; none where it came from elsewhere.
    ///
    /// It has what the prefixes `__Host-` and `__Secure-` ask for (RFC 6265bis §4.1.3). A cookie that was set for another path, or
    /// with a `Domain`, is another cookie to a browser: that is for whoever set it to clear.
    #[must_use]
    pub fn clear_cookie(source: &TokenSource) -> Option<String> {
        let TokenSource::Cookie(name) = source else { return None };
        Some(format!("{name}=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax"))
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "the clock of these tests stands still")]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{ISSUER, NOW, authority, signed, with};
    use super::*;
    use crate::flow::Decision;
    use crate::verifier::Verifier;

    struct Sent(&'static [(&'static str, &'static str)]);

    impl RequestHeaders for Sent {
        fn header(&self, name: &str) -> Option<String> {
            self.0.iter().find(|(sent, _)| *sent == name).map(|(_, value)| (*value).to_owned())
        }
    }

    fn claims(changes: Value) -> Claims {
        let claims = json!({
            "iss": ISSUER, "sub": "alice", "azp": "web", "jti": "t-1", "sid": "s-1", "exp": NOW.as_seconds() + 600,
        });
        let token = signed(7, "at+jwt", &with(claims, changes));
        let config =
            json!({ "issuers": [{ "issuer": ISSUER, "jwks": super::super::tests::public(7) }], "lists": [] });
        let config = crate::config::VerifierConfig::parse(&config.to_string()).unwrap();
        let verifier: Verifier = config.build().unwrap();
        let Decision::Allow(allowed) = verifier.verify(&token, NOW) else { panic!() };
        allowed.claims
    }

    fn lines(fields: Value, changes: Value, everywhere: bool) -> Result<Vec<Value>, u16> {
        let order = authority(fields).logout(&claims(changes), everywhere, NOW);
        let order = order.map_err(|error| error.code().http_status())?;
        assert_eq!((order.actor.as_str(), &order.once), ("logout", &None));
        Ok(order.changes.iter().map(|wanted| wanted.revocation.to_json()).collect())
    }

    fn line(rule: &str, value: &str, more: Value) -> Value {
        with(json!({ "rule": [rule], "issuer": ISSUER, "values": [value] }), more)
    }

    #[test]
    fn a_logout_takes_the_token_and_its_session_back() {
        let exp = NOW.as_seconds() + 600;
        let token = line("jti", "t-1", json!({ "expires": exp }));
        assert_eq!(
            lines(json!({}), json!({}), false),
            Ok(vec![token.clone(), line("sid", "s-1", json!({}))])
        );
        assert_eq!(lines(json!({}), json!({ "sid": null }), false), Ok(vec![token.clone()]));
        assert_eq!(lines(json!({}), json!({ "jti": null }), false), Ok(vec![line("sid", "s-1", json!({}))]));
        assert_eq!(lines(json!({}), json!({ "jti": null, "sid": null }), false), Err(422));
        assert_eq!(lines(json!({ "logout": { "also": [] } }), json!({}), false), Ok(vec![token]));
        let lifetime = json!({ "tokens": [{ "issuer": ISSUER, "lifetime": 3600 }] });
        let session = line("sid", "s-1", json!({ "expires": NOW.as_seconds() + 3600 }));
        assert_eq!(lines(lifetime, json!({}), false).unwrap()[1], session);
    }

    #[test]
    fn only_a_first_party_or_a_scope_ends_all_sessions() {
        let everywhere = |more: Value| {
            let everywhere = with(json!({ "clients": ["web"], "scope": "logout:everywhere" }), more);
            json!({ "logout": { "everywhere": everywhere }, "clockSkew": 7 })
        };
        let before = NOW.as_seconds() + 8;
        let user = line("sub", "alice", json!({ "before": before }));
        for changes in [json!({}), json!({ "azp": "third", "scope": "read logout:everywhere" })] {
            assert_eq!(lines(everywhere(json!({})), changes, true).unwrap().last(), Some(&user));
        }
        for changes in [
            json!({ "azp": "third" }),
            json!({ "azp": null }),
            json!({ "azp": "third", "client_id": "web" }),
            json!({ "azp": "third", "scope": "logout" }),
        ] {
            assert_eq!(lines(everywhere(json!({})), changes, true), Err(403));
        }
        assert_eq!(lines(json!({}), json!({}), true), Err(403), "by default, nobody");
        assert_eq!(lines(everywhere(json!({})), json!({ "sub": null }), true), Err(422));
        let with_lifetime =
            with(everywhere(json!({})), json!({ "tokens": [{ "issuer": ISSUER, "lifetime": 60 }] }));
        let until = line("sub", "alice", json!({ "before": before, "expires": before + 60 }));
        assert_eq!(lines(with_lifetime, json!({}), true).unwrap().last(), Some(&until));
    }

    #[test]
    fn a_cookie_logs_out_from_a_page_of_our_own_or_a_configured_one_alone() {
        let authority = authority(json!({ "logout": { "origins": ["https://app.example"] } }));
        let cookie = TokenSource::Cookie("session".into());
        let may = |source: &TokenSource, headers| {
            authority.may_log_out(source, &Sent(headers), "https://gate.example").is_ok()
        };
        let good: [&[_]; 4] = [
            &[("sec-fetch-site", "same-origin")],
            &[("origin", "https://gate.example")],
            &[("origin", "https://app.example"), ("sec-fetch-site", "same-site")],
            &[("origin", "https://app.example"), ("sec-fetch-site", "cross-site")],
        ];
        let bad: [&[_]; 8] = [
            &[],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
            &[("sec-fetch-site", "same-origin, cross-site")],
            &[("origin", "null")],
            &[("origin", "https://gate.example, https://evil.example")],
            &[("origin", "https://gate.example.evil.example")],
        ];
        for headers in good {
            assert!(may(&cookie, headers), "{headers:?}");
        }
        for headers in bad {
            assert!(!may(&cookie, headers), "{headers:?}");
            assert!(may(&TokenSource::Bearer, headers), "no browser sends that by itself");
            assert!(may(&TokenSource::Header("x-token".into()), headers));
        }
    }

    #[test]
    fn a_cookie_is_cleared_under_its_own_name() {
        let cleared = "__Host-session=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax";
        let cookie = TokenSource::Cookie("__Host-session".into());
        assert_eq!(Authority::clear_cookie(&cookie).as_deref(), Some(cleared));
        assert_eq!(Authority::clear_cookie(&TokenSource::Bearer), None);
    }

    #[test]
    fn a_query_says_everywhere_or_nothing() {
        for (query, everywhere) in [
            (None, Some(false)),
            (Some(""), Some(false)),
            (Some("everywhere"), Some(true)),
            (Some("everywhere="), Some(true)),
            (Some("everywhere=true"), Some(true)),
            (Some("everywhere=false"), None),
            (Some("everywhere&everywhere"), None),
            (Some("everwhere"), None),
            (Some("everywhere&x=1"), None),
        ] {
            assert_eq!(Authority::logout_everywhere(query).ok(), everywhere, "{query:?}");
        }
    }
}

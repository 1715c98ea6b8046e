//! What the gate answers itself (RFC 6750 §3).

use serde_json::json;

use crate::error::{Code, Error};
use crate::flow::is_scope;

/// How soon a client may try again when our own data is at fault, in seconds.
const RETRY_AFTER_SECONDS: &str = "2";

/// An answer of the gate's own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body, JSON.
    pub body: String,
}

impl Answer {
    /// The answer to a request that is not forwarded. Unless `expose_reason` is set it says no more than RFC 6750 asks
    /// for: the precise reason is the log's.
    pub(super) fn refusal(error: &Error, expose_reason: bool) -> Self {
        let code = error.code();
        // A code without a status never reaches a request; should one, it is our fault.
        let status = if code.http_status() == 0 { 503 } else { code.http_status() };
        let summary = summary(code, status);
        // What a key or a client lacks, and what was wrong with what it sent, it may know.
        let description = match error {
            Error::NotAllowed(detail) => format!("{summary}: {detail}"),
            Error::RevocationInvalid(reason) => reason.clone(),
            _ => summary.to_owned(),
        };
        let mut headers = vec![
            ("content-type", "application/json; charset=utf-8".to_owned()),
            ("cache-control", "no-store".to_owned()),
        ];
        match (status, code.oauth_error()) {
            (503, _) => headers.push(("retry-after", RETRY_AFTER_SECONDS.to_owned())),
            (429, _) => headers.push(("retry-after", retry_after(error))),
            // RFC 6750 §3.1: a request without any token is told how to authenticate, and nothing else. Nor does it know an error
            // for keys that are no tokens.
            (401, None | Some("invalid_client")) => {
                headers.push(("www-authenticate", "Bearer".to_owned()));
            }
            (422, _) | (_, None) => {}
            (_, Some(oauth)) => headers.push((
                "www-authenticate",
                format!(r#"Bearer error="{oauth}", error_description="{summary}"{}"#, scope(error)),
            )),
        }
        let mut body = json!({ "error_description": description });
        if let (Some(body), Some(oauth)) = (body.as_object_mut(), code.oauth_error()) {
            body.insert("error".to_owned(), oauth.into());
        }
        if expose_reason && let Some(body) = body.as_object_mut() {
            body.insert("code".to_owned(), code.as_str().into());
            body.insert("reason".to_owned(), error.to_string().into());
        }
        Self { status, headers, body: body.to_string() }
    }

    /// The answer to a request to one of our own endpoints that cannot be understood.
    pub(super) fn malformed(status: u16, reason: &str) -> Self {
        let headers = vec![
            ("content-type", "application/json; charset=utf-8".to_owned()),
            ("cache-control", "no-store".to_owned()),
        ];
        let body = json!({ "error": "invalid_request", "error_description": reason });
        Self { status, headers, body: body.to_string() }
    }

    /// An answer with JSON that no cache keeps.
    #[cfg(feature = "authority")]
    pub(crate) fn json(status: u16, body: String) -> Self {
        let headers = vec![
            ("content-type", "application/json; charset=utf-8".to_owned()),
            ("cache-control", "no-store".to_owned()),
        ];
        Self { status, headers, body }
    }

    pub(crate) fn with(mut self, headers: Vec<(&'static str, String)>) -> Self {
        self.headers.extend(headers);
        self
    }
}

/// What a challenge says of the scope that is needed (RFC 6750 §3).
fn scope(error: &Error) -> String {
    let Error::InsufficientScope { required } = error else { return String::new() };
    // Whatever else is no scope could end the quoted text, or the header.
    let scopes: Vec<&str> = required.iter().map(String::as_str).filter(|scope| is_scope(scope)).collect();
    format!(r#", scope="{}""#, scopes.join(" "))
}

/// When whoever asks too often may ask again, in seconds.
fn retry_after(error: &Error) -> String {
    match error {
        Error::RateLimited { retry_after } => retry_after.to_string(),
        _ => RETRY_AFTER_SECONDS.to_owned(),
    }
}

fn summary(code: Code, status: u16) -> &'static str {
    match (status, code) {
        // Where it is not about a token, its meaning says it.
        (_, Code::ClientInvalid | Code::NotAllowed | Code::RateLimited | Code::LedgerUnavailable) => {
            code.meaning()
        }
        (422, _) => "what the request asks for is refused",
        (503, _) => "whether the request may pass cannot be told now",
        (400, _) => "the request carries its token in a malformed way",
        (404, _) => "there is nothing under this name",
        (502, _) => "what is behind the gate could not be reached",
        (403, _) => "the token does not allow this",
        (_, Code::TokenMissing) => "the request carries no token",
        _ => "the token is malformed, expired, revoked or otherwise invalid",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(answer: &Answer, name: &str) -> Option<String> {
        answer.headers.iter().find(|(header, _)| *header == name).map(|(_, value)| value.clone())
    }

    #[test]
    fn a_request_without_a_token_gets_a_bare_challenge() {
        let answer = Answer::refusal(&Error::TokenMissing, false);
        assert_eq!((answer.status, header(&answer, "www-authenticate").as_deref()), (401, Some("Bearer")));
        assert!(!answer.body.contains("\"error\""), "{}", answer.body);
    }

    #[test]
    fn a_bad_token_gets_invalid_token_and_the_reason_stays_inside() {
        let answer = Answer::refusal(&Error::SignatureInvalid, false);
        assert_eq!(answer.status, 401);
        assert!(header(&answer, "www-authenticate").unwrap().starts_with("Bearer error=\"invalid_token\""));
        assert!(!answer.body.contains("ERR_"));
        assert!(
            Answer::refusal(&Error::SignatureInvalid, true)
                .body
                .contains("ERR_JWS_SIGNATURE_VERIFICATION_FAILED")
        );
    }

    #[test]
    fn a_malformed_request_gets_invalid_request() {
        let answer = Answer::refusal(&Error::RequestInvalid("it is given twice"), false);
        assert_eq!(answer.status, 400);
        assert!(header(&answer, "www-authenticate").unwrap().contains("invalid_request"));
    }

    #[test]
    fn a_lacking_scope_is_403_and_the_challenge_says_which_are_needed() {
        let required =
            ["read", "write:all", "a\"b", "c\\d", "e\r\nf", "g h", "é", ""].map(str::to_owned).to_vec();
        let answer = Answer::refusal(&Error::InsufficientScope { required }, false);
        assert_eq!(answer.status, 403);
        let challenge = header(&answer, "www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer error=\"insufficient_scope\""), "{challenge}");
        assert!(challenge.ends_with(", scope=\"read write:all\""), "{challenge}");
        assert!(answer.body.contains("\"error\":\"insufficient_scope\""), "{}", answer.body);
    }

    #[test]
    fn a_key_that_is_unknown_gets_a_bare_challenge_and_one_that_lacks_power_is_told_so() {
        let answer = Answer::refusal(&Error::ClientInvalid, false);
        assert_eq!((answer.status, header(&answer, "www-authenticate").as_deref()), (401, Some("Bearer")));
        assert!(answer.body.contains("\"error\":\"invalid_client\""), "{}", answer.body);
        let answer = Answer::refusal(&Error::NotAllowed("this key may not revoke"), false);
        assert_eq!(answer.status, 403);
        let challenge = header(&answer, "www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer error=\"insufficient_scope\""), "{challenge}");
        assert!(!challenge.contains("may not revoke"), "{challenge}");
        assert!(answer.body.contains("may not do this: this key may not revoke"), "{}", answer.body);
    }

    #[test]
    fn who_asks_too_often_is_told_when_to_come_back() {
        let answer = Answer::refusal(&Error::RateLimited { retry_after: 17 }, false);
        assert_eq!((answer.status, header(&answer, "retry-after").as_deref()), (429, Some("17")));
        assert_eq!(header(&answer, "www-authenticate"), None);
        assert!(answer.body.contains("too often"), "{}", answer.body);
        let answer = Answer::refusal(&Error::LedgerUnavailable, false);
        assert_eq!(
            (answer.status, header(&answer, "retry-after").as_deref()),
            (503, Some(RETRY_AFTER_SECONDS))
        );
        assert!(answer.body.contains("cannot be recorded"), "{}", answer.body);
    }

    #[test]
    fn a_revocation_that_is_refused_is_422_with_what_is_wrong_and_no_challenge() {
        let answer = Answer::refusal(&Error::RevocationInvalid("`before` lies in the future".into()), false);
        assert_eq!((answer.status, header(&answer, "www-authenticate")), (422, None));
        assert!(answer.body.contains("\"error\":\"invalid_request\""), "{}", answer.body);
        assert!(answer.body.contains("`before` lies in the future"), "{}", answer.body);
    }

    #[test]
    fn no_summary_could_end_the_text_that_quotes_it() {
        for code in Code::ALL {
            let summary = summary(*code, code.http_status());
            assert!(summary.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{code:?}");
            assert!(!summary.contains(['"', '\\']), "{code:?}");
        }
    }

    #[test]
    fn our_own_fault_is_503_with_retry_after_and_without_a_challenge() {
        for code in Code::ALL.iter().filter(|code| code.http_status() == 503) {
            assert_eq!(code.oauth_error(), Some("temporarily_unavailable"));
        }
        let answer = Answer::refusal(&Error::JwksUnavailable, false);
        assert_eq!(answer.status, 503);
        assert_eq!(header(&answer, "retry-after").as_deref(), Some(RETRY_AFTER_SECONDS));
        assert_eq!(header(&answer, "www-authenticate"), None);
    }

    #[test]
    fn what_is_not_there_and_what_cannot_be_reached_is_no_challenge() {
        for (error, status) in [(Error::NotFound, 404), (Error::OriginUnavailable, 502)] {
            let answer = Answer::refusal(&error, false);
            assert_eq!(answer.status, status);
            assert_eq!(header(&answer, "www-authenticate"), None);
            assert_eq!(header(&answer, "retry-after"), None, "the origin may have seen half of the request");
        }
    }

    #[test]
    fn no_answer_may_be_cached() {
        for error in [Error::TokenMissing, Error::SignatureInvalid, Error::JwksUnavailable] {
            assert_eq!(header(&Answer::refusal(&error, false), "cache-control").as_deref(), Some("no-store"));
        }
    }
}

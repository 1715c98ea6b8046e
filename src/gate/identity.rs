//! What the origin is told of a token that stands.
//!
//! | header | what |
//! |---|---|
//! | `x-revocable-issuer` | `iss` |
//! | `x-revocable-subject` | `sub`, when it is a string |
//! | `x-revocable-client` | `azp`, else `client_id`, when it is a string |
//! | `x-revocable-token-id` | `jti`, when it is a string |
//! | `x-revocable-seq` | the number of the manifest that was asked |
//! | `x-revocable-age` | how old that manifest was, in whole seconds |
//! | `x-revocable-source` | how sure it was to be the newest: `list`, `head` or `live` ([`crate::Check`]) |
//! | `x-revocable-status` | `unknown`, where the list could not tell and the policy lets such tokens pass; otherwise left out |
//!
//! Values are percent-encoded (RFC 3986 §2.1) but for visible ASCII other than `%`, so that any claim makes one valid
//! header and no two claims the same. Headers of these names that a client sends are removed, whatever they say.

use std::fmt::Write as _;

use crate::flow::Allowed;
use crate::revocation::Status;

/// What every identity header begins with.
const IDENTITY_PREFIX: &str = "x-revocable-";

/// Whether a header that a client sent claims to be an identity header.
#[must_use]
pub fn is_identity_header(name: &str) -> bool {
    // CGI and its descendants read `x_revocable_subject` as the same variable as `x-revocable-subject`.
    let name = name.replace('_', "-");
    name.get(..IDENTITY_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(IDENTITY_PREFIX))
}

pub(super) fn headers(allowed: &Allowed) -> Vec<(&'static str, String)> {
    let claims = &allowed.claims;
    let values = [
        ("x-revocable-issuer", Some(claims.issuer())),
        ("x-revocable-subject", claims.subject()),
        ("x-revocable-client", claims.client()),
        ("x-revocable-token-id", claims.token_id()),
    ];
    let mut headers: Vec<(&'static str, String)> =
        values.into_iter().filter_map(|(name, value)| Some((name, percent_encode(value?)))).collect();
    if let Some(snapshot) = allowed.snapshot {
        headers.push(("x-revocable-seq", snapshot.seq.to_string()));
        headers.push(("x-revocable-age", (snapshot.age_millis / 1000).to_string()));
        headers.push(("x-revocable-source", snapshot.source.name().to_owned()));
    }
    if matches!(allowed.status, Some(Status::Unknown(_))) {
        headers.push(("x-revocable-status", "unknown".to_owned()));
    }
    headers
}

fn percent_encode(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_claim_makes_one_valid_header_value() {
        assert_eq!(percent_encode("auth0|alice@example.com"), "auth0|alice@example.com");
        assert_eq!(percent_encode("a b\r\nx: y"), "a%20b%0D%0Ax:%20y");
        assert_eq!(percent_encode("100%"), "100%25");
        assert_eq!(percent_encode("é"), "%C3%A9");
    }

    #[test]
    fn a_clients_own_identity_headers_are_recognised_in_any_case() {
        assert!(is_identity_header("X-Revocable-Subject"));
        assert!(is_identity_header("x-revocable-anything"));
        assert!(is_identity_header("X_Revocable_Subject"));
        assert!(!is_identity_header("x-revocable"));
        assert!(!is_identity_header("x-request-id"));
    }
}

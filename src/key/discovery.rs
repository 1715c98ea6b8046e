//! Where an issuer's keys are, from the issuer's own metadata: OpenID Connect Discovery 1.0 §4 and RFC 8414 §3.

use serde_json::Value;

use crate::error::Error;
use crate::json;
use crate::limits::{MAX_METADATA_BYTES, MAX_URL_BYTES};

/// Where an issuer publishes its metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// OpenID Connect Discovery 1.0 §4: `/.well-known/openid-configuration` after the issuer's path.
    OpenId,
    /// RFC 8414 §3.1: `/.well-known/oauth-authorization-server` before the issuer's path.
    OAuth,
}

impl Discovery {
    /// Where the metadata of this issuer is. `None` when its name is no URL that may be asked: `https`, or `http` on a
    /// loopback host, without query and fragment.
    ///
    /// ```
    /// use revocable::Discovery;
    /// let uri = Discovery::OAuth.metadata_uri("https://id.example/tenant");
    /// assert_eq!(uri.as_deref(), Some("https://id.example/.well-known/oauth-authorization-server/tenant"));
    /// ```
    #[must_use]
    pub fn metadata_uri(self, issuer: &str) -> Option<String> {
        if !may_be_fetched(issuer) || issuer.contains(['?', '#']) {
            return None;
        }
        let issuer = issuer.strip_suffix('/').unwrap_or(issuer);
        match self {
            Self::OpenId => Some([issuer, "/.well-known/openid-configuration"].concat()),
            Self::OAuth => {
                // The third slash, if any, is where the path begins.
                let path = issuer.match_indices('/').nth(2).map_or(issuer.len(), |(place, _)| place);
                let (origin, path) = issuer.split_at_checked(path)?;
                Some([origin, "/.well-known/oauth-authorization-server", path].concat())
            }
        }
    }
}

/// `jwks_uri` of an issuer's metadata. Nothing else of it is used: which algorithms are allowed says the configuration,
/// and not `id_token_signing_alg_values_supported`, which lists what an issuer can do and not what was agreed with it.
///
/// The metadata must name the very issuer that was asked for (OpenID Connect Discovery §4.3, RFC 8414 §3.3). `jwks_uri`
/// may have another host, because many issuers serve their keys from one.
pub(super) fn jwks_uri(document: &[u8], issuer: &str) -> Result<String, Error> {
    if document.len() > MAX_METADATA_BYTES {
        return Err(Error::JwksInvalid("the issuer's metadata is too large"));
    }
    let metadata =
        json::object(document).ok_or(Error::JwksInvalid("the issuer's metadata is not a JSON object"))?;
    if metadata.get("issuer").and_then(Value::as_str) != Some(issuer) {
        return Err(Error::JwksInvalid("the issuer's metadata is not of this issuer"));
    }
    let uri = metadata.get("jwks_uri").and_then(Value::as_str);
    // What is on the internet has no business on this very machine.
    let is_allowed = |uri: &&str| may_be_fetched(uri) && (is_https(uri) || !is_https(issuer));
    let uri = uri.filter(is_allowed);
    Ok(uri.ok_or(Error::JwksInvalid("the issuer's metadata has no usable `jwks_uri`"))?.to_owned())
}

/// Keys that travel in the clear can be replaced on the way, so only a loopback host may be asked without TLS.
pub(crate) fn may_be_fetched(uri: &str) -> bool {
    let loopback = |rest: &str| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        ["localhost", "127.0.0.1", "[::1]"]
            .iter()
            .any(|name| host.strip_prefix(name).is_some_and(|port| port.is_empty() || port.starts_with(':')))
    };
    let clean = !uri.contains(|c: char| c.is_ascii_control() || c == ' ' || c == '@' || c == '\\');
    let https = uri.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    uri.len() <= MAX_URL_BYTES && clean && (https || uri.strip_prefix("http://").is_some_and(loopback))
}

fn is_https(uri: &str) -> bool {
    uri.starts_with("https://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openid_appends_to_the_issuers_path_and_rfc_8414_inserts_before_it() {
        let cases = [
            (
                "https://id.example",
                "https://id.example/.well-known/openid-configuration",
                "https://id.example/.well-known/oauth-authorization-server",
            ),
            (
                "https://id.example/",
                "https://id.example/.well-known/openid-configuration",
                "https://id.example/.well-known/oauth-authorization-server",
            ),
            (
                "https://id.example:8443/a/b",
                "https://id.example:8443/a/b/.well-known/openid-configuration",
                "https://id.example:8443/.well-known/oauth-authorization-server/a/b",
            ),
            (
                "https://id.example/a/",
                "https://id.example/a/.well-known/openid-configuration",
                "https://id.example/.well-known/oauth-authorization-server/a",
            ),
            (
                "http://localhost:8080/realms/x",
                "http://localhost:8080/realms/x/.well-known/openid-configuration",
                "http://localhost:8080/.well-known/oauth-authorization-server/realms/x",
            ),
        ];
        for (issuer, openid, oauth) in cases {
            assert_eq!(Discovery::OpenId.metadata_uri(issuer).as_deref(), Some(openid));
            assert_eq!(Discovery::OAuth.metadata_uri(issuer).as_deref(), Some(oauth));
        }
    }

    #[test]
    fn an_issuer_that_is_no_plain_https_url_has_no_metadata() {
        for issuer in
            ["", "issuer", "http://id.example", "https://id.example?x", "https://id.example/#x", "urn:x:y"]
        {
            assert_eq!(Discovery::OpenId.metadata_uri(issuer), None, "{issuer}");
            assert_eq!(Discovery::OAuth.metadata_uri(issuer), None, "{issuer}");
        }
    }

    #[test]
    fn metadata_counts_for_the_very_issuer_alone_and_names_a_url_that_may_be_asked() {
        let read = |document: &str| jwks_uri(document.as_bytes(), "https://id.example");
        let good = r#"{"issuer":"https://id.example","jwks_uri":"https://keys.example/jwks"}"#;
        assert_eq!(read(good).as_deref(), Ok("https://keys.example/jwks"));
        for wrong in [
            "",
            "<html>",
            "[]",
            "{}",
            r#"{"issuer":"https://id.example"}"#,
            r#"{"jwks_uri":"https://keys.example/jwks"}"#,
            r#"{"issuer":"https://id.example/","jwks_uri":"https://keys.example/jwks"}"#,
            r#"{"issuer":"https://ID.example","jwks_uri":"https://keys.example/jwks"}"#,
            r#"{"issuer":["https://id.example"],"jwks_uri":"https://keys.example/jwks"}"#,
            r#"{"issuer":"https://id.example","jwks_uri":"http://keys.example/jwks"}"#,
            r#"{"issuer":"https://id.example","jwks_uri":"http://localhost/jwks"}"#,
            r#"{"issuer":"https://id.example","jwks_uri":"file:///etc/passwd"}"#,
            r#"{"issuer":"https://id.example","jwks_uri":["https://keys.example/jwks"]}"#,
            r#"{"issuer":"https://x.example","issuer":"https://id.example","jwks_uri":"https://keys.example/jwks"}"#,
        ] {
            assert!(matches!(read(wrong), Err(Error::JwksInvalid(_))), "{wrong}");
        }
        let padded = format!("{good}{}", " ".repeat(MAX_METADATA_BYTES));
        assert!(read(&padded).is_err());
        let long = good.replace("/jwks", &"/x".repeat(MAX_URL_BYTES));
        assert!(read(&long).is_err());
    }
}

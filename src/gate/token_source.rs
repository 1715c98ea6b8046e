//! Where in a request the token is (RFC 6750 §2.1 and its cousins).

use crate::error::Error;

/// A request's headers, as the platform has them.
pub trait RequestHeaders {
    /// The value of a header; several of one name joined by `, `, as Fetch does.
    fn header(&self, name: &str) -> Option<String>;
}

/// A place where a token may be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenSource {
    /// `Authorization: Bearer`.
    Bearer,
    /// A header whose whole value is the token.
    Header(String),
    /// A cookie.
    Cookie(String),
}

impl TokenSource {
    /// Reads `header`, `header:NAME` or `cookie:NAME`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "header" => Some(Self::Bearer),
            Some(("header", name)) if is_http_token(name) => Some(Self::Header(name.to_ascii_lowercase())),
            Some(("cookie", name)) if is_http_token(name) => Some(Self::Cookie(name.to_owned())),
            _ => None,
        }
    }

    /// The token in this place; `None` when there is nothing in it.
    ///
    /// # Errors
    /// [`Error::RequestInvalid`] when there is more than one, or something that is no token.
    pub fn token(&self, request: &impl RequestHeaders) -> Result<Option<String>, Error> {
        match self {
            Self::Bearer => match request.header("authorization") {
                Some(value) => bearer(&value),
                None => Ok(None),
            },
            Self::Header(name) => request.header(name).map(|value| token68(value.trim())).transpose(),
            Self::Cookie(name) => match request.header("cookie") {
                Some(cookies) => cookie(&cookies, name),
                None => Ok(None),
            },
        }
    }
}

/// RFC 9110 §11.4: a scheme, in any case, spaces, and the token. Another scheme is no bearer token and none of ours.
fn bearer(value: &str) -> Result<Option<String>, Error> {
    let value = value.trim();
    let (scheme, token) = value.split_once([' ', '\t']).unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        // Two header lines arrive as one list; a bearer token in its second half is a source given twice.
        let second = value.split(',').skip(1).any(|part| {
            part.split_ascii_whitespace().next().is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"))
        });
        return if second { Err(TWICE) } else { Ok(None) };
    }
    token68(token.trim()).map(Some)
}

fn cookie(cookies: &str, name: &str) -> Result<Option<String>, Error> {
    let mut found = cookies
        .split(';')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(cookie, _)| cookie.trim() == name)
        .map(|(_, value)| value.trim());
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(TWICE),
        (Some(value), None) => {
            let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            token68(quoted.unwrap_or(value)).map(Some)
        }
        (None, None) => Ok(None),
    }
}

fn token68(token: &str) -> Result<String, Error> {
    if token.contains(',') {
        return Err(TWICE);
    }
    if !is_token68(token) {
        return Err(Error::RequestInvalid("it is empty, or has characters that no token has"));
    }
    Ok(token.to_owned())
}

/// RFC 9110 §11.2, but for where `=` may stand.
pub(crate) fn is_token68(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte))
}

const TWICE: Error = Error::RequestInvalid("it is given twice");

fn is_http_token(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One(&'static str, &'static str);

    impl RequestHeaders for One {
        fn header(&self, name: &str) -> Option<String> {
            (name == self.0).then(|| self.1.to_owned())
        }
    }

    fn bearer(value: &'static str) -> Result<Option<String>, Error> {
        TokenSource::Bearer.token(&One("authorization", value))
    }

    fn cookie(value: &'static str) -> Result<Option<String>, Error> {
        TokenSource::Cookie("session".into()).token(&One("cookie", value))
    }

    #[test]
    fn a_bearer_token_is_found_whatever_the_case_of_its_scheme() {
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c "] {
            assert_eq!(bearer(value), Ok(Some("a.b.c".into())), "{value}");
        }
    }

    #[test]
    fn another_scheme_leaves_the_source_empty() {
        assert_eq!(bearer("Basic YTpi"), Ok(None));
        assert_eq!(bearer("Bearerish a"), Ok(None));
        assert_eq!(bearer(""), Ok(None));
    }

    #[test]
    fn a_source_given_twice_or_malformed_is_an_error_and_not_a_choice() {
        for value in [
            "Bearer a.b.c, Bearer d.e.f",
            "Basic YTpi, Bearer d.e.f",
            "Bearer",
            "Bearer a b",
            "Bearer a\u{e9}",
        ] {
            assert!(matches!(bearer(value), Err(Error::RequestInvalid(_))), "{value}");
        }
        assert_eq!(cookie("session=a; session=b"), Err(TWICE));
        assert!(cookie("session=").is_err());
    }

    #[test]
    fn a_cookie_is_found_among_others_by_its_exact_name() {
        assert_eq!(cookie("a=b; session=x.y.z; c=d"), Ok(Some("x.y.z".into())));
        assert_eq!(cookie("session=\"x.y.z\""), Ok(Some("x.y.z".into())));
        assert_eq!(cookie("Session=x; mysession=y; session2=z"), Ok(None));
    }

    #[test]
    fn sources_are_spelled_in_three_ways() {
        assert_eq!(TokenSource::parse("header"), Some(TokenSource::Bearer));
        assert_eq!(TokenSource::parse("header:X-Token"), Some(TokenSource::Header("x-token".into())));
        assert_eq!(TokenSource::parse("cookie:session"), Some(TokenSource::Cookie("session".into())));
        for wrong in ["", "cookie", "cookie:", "header:a b", "query:token", "Header"] {
            assert_eq!(TokenSource::parse(wrong), None, "{wrong}");
        }
    }
}

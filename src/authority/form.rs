//! What clients send: `application/x-www-form-urlencoded`, and the queries of our own endpoints.

use std::collections::BTreeMap;

use super::Refusal;

/// The parameters of a request to an OAuth endpoint.
///
/// One that is given twice refuses the whole request, whatever it is, and one without a value counts as left out (RFC 6749
/// §3.2).
pub struct Form(BTreeMap<String, String>);

/// The longest form, in bytes: a token and a client's assertion of [`crate::limits::MAX_TOKEN_BYTES`] each, and room for what is
/// beside them.
pub const MAX_FORM_BYTES: usize = 64 * 1024;

// By hand: there are tokens and secrets in it.
impl std::fmt::Debug for Form {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

impl Form {
    /// Reads a body. `content_type` is the header of that name.
    ///
    /// # Errors
    /// 415 when it is something else, 413 when it is too long, 400 `invalid_request` when a parameter is given twice.
    pub fn parse(content_type: Option<&str>, body: &[u8]) -> Result<Self, Refusal> {
        if !is_media_type(content_type, "application/x-www-form-urlencoded") {
            return Err(Refusal::request(
                415,
                "the body is to be of the type application/x-www-form-urlencoded",
            ));
        }
        if body.len() > MAX_FORM_BYTES {
            return Err(Self::too_long());
        }
        Self::read(body)
    }

    /// What is said of a body over [`MAX_FORM_BYTES`], for whoever stopped reading it.
    #[must_use]
    pub const fn too_long() -> Refusal {
        Refusal::request(413, "the body is longer than 64 KiB")
    }

    /// Reads a query, without its `?`.
    ///
    /// # Errors
    /// 400 `invalid_request` when a parameter is given twice.
    pub fn query(query: &str) -> Result<Self, Refusal> {
        Self::read(query.as_bytes())
    }

    fn read(pairs: &[u8]) -> Result<Self, Refusal> {
        let mut form = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(pairs) {
            if form.insert(name.into_owned(), value.into_owned()).is_some() {
                return Err(Refusal::request(400, "a parameter is given twice"));
            }
        }
        Ok(Self(form))
    }

    /// A parameter that has a value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether a parameter is there, with or without a value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The names of all parameters.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Whether a `Content-Type` is this one, whatever its parameters (RFC 9110 §8.3.1).
pub(super) fn is_media_type(content_type: Option<&str>, wanted: &str) -> bool {
    let essence = content_type.and_then(|content_type| content_type.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

    #[test]
    fn parameters_are_decoded_and_those_without_a_value_are_left_out() {
        let body = b"token=a.b.c&client_secret=p%40ss+word%2B&empty=&bare&&%C3%A9=1";
        let form = Form::parse(Some("Application/X-WWW-Form-Urlencoded; charset=UTF-8"), body).unwrap();
        assert_eq!(form.get("token"), Some("a.b.c"));
        assert_eq!(form.get("client_secret"), Some("p@ss word+"));
        assert_eq!((form.get("empty"), form.get("bare"), form.get("absent")), (None, None, None));
        assert_eq!((form.has("bare"), form.has("absent")), (true, false));
        assert_eq!(form.get("é"), Some("1"));
        assert!(!format!("{form:?}").contains("a.b.c"));
    }

    #[test]
    fn a_parameter_given_twice_is_refused_in_whatever_spelling() {
        for body in ["token=a&token=b", "token=a&token=a", "token=&token=a", "x=1&%78=2", "a+b=1&a%20b=2"] {
            let refusal = Form::parse(FORM, body.as_bytes()).unwrap_err();
            assert_eq!((refusal.status(), refusal.error()), (400, "invalid_request"), "{body}");
        }
        assert!(Form::query("everywhere&everywhere").is_err());
    }

    #[test]
    fn another_type_and_too_long_a_body_are_refused_before_they_are_read() {
        for content_type in
            [None, Some(""), Some("application/json"), Some("text/plain"), Some("multipart/form-data")]
        {
            assert_eq!(Form::parse(content_type, b"token=a").unwrap_err().status(), 415);
        }
        let long = vec![b'a'; MAX_FORM_BYTES + 1];
        assert_eq!(Form::parse(FORM, &long).unwrap_err().status(), 413);
        assert!(Form::parse(FORM, &long[1..]).is_ok());
    }
}

//! Which pages of other origins may read our own answers (Fetch, "CORS protocol").

/// Which pages of other origins may read our own answers; nobody's by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    allow_origins: Vec<String>,
}

impl Cors {
    /// Lets pages of these origins read them; `*` stands for any.
    #[must_use]
    pub const fn new(allow_origins: Vec<String>) -> Self {
        Self { allow_origins }
    }

    /// The headers for an answer to a request from a page of `origin`.
    #[must_use]
    pub fn headers(&self, origin: Option<&str>) -> Vec<(&'static str, String)> {
        if self.allow_origins.is_empty() {
            return Vec::new();
        }
        let mut headers = vec![("vary", "origin".to_owned())];
        let Some(origin) = origin else { return headers };
        let any = self.allow_origins.iter().any(|allowed| allowed == "*");
        if any || self.allow_origins.iter().any(|allowed| allowed == origin) {
            headers
                .push(("access-control-allow-origin", if any { "*".to_owned() } else { origin.to_owned() }));
            headers.push(("access-control-expose-headers", "etag, retry-after, www-authenticate".to_owned()));
        }
        headers
    }

    /// The headers for the answer to a preflight of one of our own endpoints, which takes these methods.
    #[must_use]
    pub fn preflight(&self, origin: Option<&str>, methods: &str) -> Vec<(&'static str, String)> {
        let mut headers = self.headers(origin);
        if headers.iter().any(|(name, _)| *name == "access-control-allow-origin") {
            headers.push(("access-control-allow-methods", methods.to_owned()));
            let sent = "authorization, content-type, idempotency-key, if-none-match";
            headers.push(("access-control-allow-headers", sent.to_owned()));
            headers.push(("access-control-max-age", "600".to_owned()));
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(cors: &Cors, origin: &str) -> Option<String> {
        cors.headers(Some(origin))
            .into_iter()
            .find(|(name, _)| *name == "access-control-allow-origin")
            .map(|(_, value)| value)
    }

    #[test]
    fn only_configured_origins_may_read() {
        let cors = Cors::new(vec!["https://app.example".into()]);
        assert_eq!(allowed(&cors, "https://app.example").as_deref(), Some("https://app.example"));
        assert_eq!(allowed(&cors, "https://evil.example"), None);
        assert_eq!(allowed(&Cors::default(), "https://app.example"), None);
        assert_eq!(allowed(&Cors::new(vec!["*".into()]), "null").as_deref(), Some("*"));
    }

    #[test]
    fn an_answer_that_depends_on_the_origin_says_so_to_caches() {
        let cors = Cors::new(vec!["https://app.example".into()]);
        assert!(cors.headers(None).contains(&("vary", "origin".to_owned())));
    }
}

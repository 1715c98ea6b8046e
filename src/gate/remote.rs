//! Places that a gate reads from over HTTP.

use std::fmt;

/// A place that is read over HTTP, and the key that is presented there.
#[derive(Clone, PartialEq, Eq)]
pub struct Remote {
    url: String,
    key: Option<String>,
}

impl Remote {
    pub(crate) const fn new(url: String, key: Option<String>) -> Self {
        Self { url, key }
    }

    /// Its URL; that of a folder ends with a slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of an object in this folder, such as `manifest.jwt`.
    #[must_use]
    pub fn object(&self, name: &str) -> String {
        [self.url.as_str(), name].concat()
    }

    /// What `Authorization` is to be, if anything.
    #[must_use]
    pub fn authorization(&self) -> Option<String> {
        self.key.as_ref().map(|key| ["Bearer ", key].concat())
    }
}

// By hand: what can be printed ends up in a log.
impl fmt::Debug for Remote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Remote").field("url", &self.url).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_presented_and_never_printed() {
        let remote = Remote::new("https://gate.example/_revocable/".into(), Some("s-3cret".into()));
        assert_eq!(remote.object("manifest.jwt"), "https://gate.example/_revocable/manifest.jwt");
        assert_eq!(remote.authorization().as_deref(), Some("Bearer s-3cret"));
        assert!(!format!("{remote:?}").contains("s-3cret"));
    }
}

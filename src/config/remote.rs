//! Where a gate reads lists, and whom it has hits confirmed by.

use serde_json::Value;

use crate::gate::{DEFAULT_MAX_STALENESS_MILLIS, Remote};
use crate::key::discovery::may_be_fetched;
use crate::time::UnixTime;

use super::fields::Fields;
use super::gate::SecretRef;
use super::{Wrong, member, wrong};

/// A place that manifest and segments are read from.
#[derive(Debug)]
pub struct SourceConfig {
    /// The folder that holds `manifest.jwt` and `segments/`: `https`, or `http` on a loopback host. It ends with a slash.
    pub url: String,
    /// The secret that is presented there as a bearer token.
    pub read_key: Option<SecretRef>,
}

/// Whom hits that are too coarse to be believed are confirmed by.
#[derive(Debug)]
pub struct ConfirmConfig {
    /// Where to ask: `https`, or `http` on a loopback host.
    pub url: String,
    /// The secret that is presented there as a bearer token.
    pub key: Option<SecretRef>,
}

/// Whose head is followed, and how closely.
#[derive(Debug)]
pub struct FollowConfig {
    /// The folder that holds `head`, `manifests/` and `segments/`, such as an authority's `/_revocable/`: `https`, or `http` on a
    /// loopback host. It ends with a slash. Left out where the gate is an authority itself.
    pub url: Option<String>,
    /// The secret that is presented there as a bearer token.
    pub read_key: Option<SecretRef>,
    /// How long ago, in milliseconds, the list may have been compared with the head, where the check is `head`; two seconds by
    /// default. Half a second to a minute.
    pub max_staleness_millis: u64,
}

impl FollowConfig {
    pub(super) fn read(value: &Value, path: String) -> Result<Self, Wrong> {
        Fields::read(value, path, &["url", "readKey", "maxStaleness"], |fields| Self {
            url: fields.text_if_any("url"),
            read_key: fields.nested("readKey", SecretRef::read),
            max_staleness_millis: max_staleness(fields),
        })
    }

    /// The place, where it is another than the gate itself.
    pub(super) fn build(
        self,
        path: &str,
        is_authority: bool,
        secret: &impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Remote>, Wrong> {
        match (self.url, is_authority) {
            (Some(_), true) => {
                Err(wrong(member(path, "url"), "the gate is an authority itself, whose head it follows"))
            }
            (None, true) if self.read_key.is_some() => {
                Err(wrong(member(path, "readKey"), "the gate asks nobody else, so no key is presented"))
            }
            (None, true) => Ok(None),
            (None, false) => Err(wrong(path, "missing field `url`, because the gate is no authority itself")),
            (Some(url), false) => SourceConfig { url, read_key: self.read_key }.build(path, secret).map(Some),
        }
    }
}

fn max_staleness(fields: &Fields<'_>) -> u64 {
    let Some(value) = fields.value("maxStaleness") else { return DEFAULT_MAX_STALENESS_MILLIS };
    let seconds = value.as_f64().filter(|seconds| (0.5..=60.0).contains(seconds));
    let millis = seconds.and_then(UnixTime::from_numeric_date).map(UnixTime::as_millis);
    if millis.is_none() {
        fields.refuse("maxStaleness", "expected a number of seconds, 0.5 to 60");
    }
    millis.unwrap_or(DEFAULT_MAX_STALENESS_MILLIS)
}

impl SourceConfig {
    pub(super) fn read(value: &Value, path: String) -> Result<Self, Wrong> {
        Fields::read(value, path, &["url", "readKey"], |fields| Self {
            url: fields.text("url"),
            read_key: fields.nested("readKey", SecretRef::read),
        })
    }

    pub(super) fn build(self, path: &str, secret: &impl Fn(&str) -> Option<String>) -> Result<Remote, Wrong> {
        let is_folder = self.url.ends_with('/') && !self.url.contains(['?', '#']);
        if !is_folder || !may_be_fetched(&self.url) {
            let expected = "expected an https URL, or an http URL on a loopback host, that ends with a slash";
            return Err(wrong(member(path, "url"), expected));
        }
        let key = self.read_key.map(|key| key.bearer(&member(path, "readKey"), secret)).transpose()?;
        Ok(Remote::new(self.url, key))
    }
}

impl ConfirmConfig {
    pub(super) fn read(value: &Value, path: String) -> Result<Self, Wrong> {
        Fields::read(value, path, &["url", "key"], |fields| Self {
            url: fields.text("url"),
            key: fields.nested("key", SecretRef::read),
        })
    }

    pub(super) fn build(self, path: &str, secret: &impl Fn(&str) -> Option<String>) -> Result<Remote, Wrong> {
        if self.url.contains('#') || !may_be_fetched(&self.url) {
            let expected = "expected an https URL, or an http URL on a loopback host, without a fragment";
            return Err(wrong(member(path, "url"), expected));
        }
        let key = self.key.map(|key| key.bearer(&member(path, "key"), secret)).transpose()?;
        Ok(Remote::new(self.url, key))
    }
}

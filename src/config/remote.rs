//! Where a gate reads lists, and whom it has hits confirmed by.

use serde_json::Value;

use crate::gate::Remote;
use crate::key::discovery::may_be_fetched;

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

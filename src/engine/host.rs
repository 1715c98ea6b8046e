//! Whatever the surroundings have: WebCrypto, Node's `crypto`, another Wasm module. It answers later, or elsewhere.

use std::sync::atomic::{AtomicU32, Ordering};

use super::{Engine, Imported};
use crate::error::Error;
use crate::key::{Algorithm, Material};

/// Knows every algorithm but those with secrets: HMAC is faster here than the way to the host, and a secret that is not
/// handed out cannot be lost there.
pub static HOST: Host = Host(());

/// See [`HOST`].
#[derive(Debug)]
pub struct Host(());

/// A key that the host verifies with.
#[derive(Debug)]
pub struct HostKey {
    number: u32,
    algorithm: Algorithm,
    jwk: Box<str>,
}

impl Engine for Host {
    fn name(&self) -> &'static str {
        "host"
    }

    fn knows(&self, algorithm: Algorithm) -> bool {
        !matches!(algorithm, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512)
    }

    fn import(&self, _: Algorithm, _: &Material) -> Result<Imported, Error> {
        Ok(Imported::Host)
    }
}

impl HostKey {
    /// `jwk` holds the public members alone.
    pub(crate) fn new(algorithm: Algorithm, jwk: Box<str>) -> Self {
        /// Numbers are never used twice within a process, unless it makes four thousand million keys.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Self { number: NEXT.fetch_add(1, Ordering::Relaxed), algorithm, jwk }
    }

    /// What tells it from other keys of this process, so that the host imports it once.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// What it verifies.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public key as JWK: the members that RFC 7638 §3.2 requires, and no others.
    #[must_use]
    pub fn jwk(&self) -> &str {
        &self.jwk
    }
}

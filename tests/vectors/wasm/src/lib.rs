//! The core as a Wasm of its own: what the published vectors ask of it in JavaScript runtimes.
//!
//! The npm package takes tokens, and most vectors are none: their messages are any bytes. Here a key is asked about them,
//! on the way that a token's signature takes in the core: its strength is checked when it is taken in, its signatures
//! are looked at before an engine sees them, and then an engine of this build answers, or the host is to be asked.

#[path = "../../../common/jws.rs"]
mod jws;

use revocable::engine::{self, Engines, HMAC, HOST};
use revocable::{Algorithm, Jwks, Key, KeyOptions, Secrets};
use wasm_bindgen::prelude::*;

/// Secrets stay here; see [`HOST`].
static HOSTED: Engines = &[&HMAC, &HOST];

/// A key set as an issuer's configuration has it.
#[wasm_bindgen]
pub struct Keys(Jwks);

/// What [`Keys::check`] says.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// The signature is one of this key's.
    Fits,
    /// It is not.
    DoesNotFit,
    /// Only the host can tell.
    AskHost,
}

/// What a token asks, once it has been read and found to be no reason for refusing it.
#[wasm_bindgen(getter_with_clone)]
pub struct Reading {
    /// What it is signed with.
    pub algorithm: String,
    /// The bytes that are signed.
    pub message: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
    /// The keys that may have made it, by their place in the set.
    pub keys: Vec<u32>,
}

#[wasm_bindgen]
impl Keys {
    /// Takes in a JWKS document, or a single JWK; nothing comes back if no key is usable. `algorithms` are the issuer's,
    /// separated by commas. `hosted` leaves every public key to the host.
    #[must_use]
    pub fn parse(document: &str, algorithms: &str, hosted: bool) -> Option<Keys> {
        let algorithms: Vec<Algorithm> = algorithms.split(',').filter_map(Algorithm::from_name).collect();
        let engines = if hosted { HOSTED } else { engine::DEFAULT };
        let options = KeyOptions { secrets: Secrets::Allow, algorithms: &algorithms, engines };
        Jwks::parse_with(document.as_bytes(), &options).ok().map(Self)
    }

    /// How many keys there are.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn length(&self) -> usize {
        self.0.len()
    }

    /// Asks a key about a signature.
    #[must_use]
    pub fn check(&self, key: usize, algorithm: &str, message: &[u8], signature: &[u8]) -> Said {
        let Some((key, algorithm)) = self.key(key, algorithm) else { return Said::DoesNotFit };
        match key.verify(algorithm, message, signature) {
            Some(true) => Said::Fits,
            Some(false) => Said::DoesNotFit,
            None if key.host(algorithm).is_some() => Said::AskHost,
            None => Said::DoesNotFit,
        }
    }

    /// The key as the host gets it, a JWK; nothing if it is not asked.
    #[wasm_bindgen(js_name = hostJwk)]
    #[must_use]
    pub fn host_jwk(&self, key: usize, algorithm: &str) -> Option<String> {
        let (key, algorithm) = self.key(key, algorithm)?;
        Some(key.host(algorithm)?.jwk().to_owned())
    }

    /// Reads a token and selects the keys that may have signed it; nothing comes back of one that is refused for what it
    /// is, whatever its signature.
    #[must_use]
    pub fn read(&self, token: &str) -> Option<Reading> {
        let jws::Reading { algorithm, signing_input, signature, keys } = jws::read(&self.0, token)?;
        let keys = keys.into_iter().filter_map(|index| u32::try_from(index).ok()).collect();
        Some(Reading {
            algorithm: algorithm.name().to_owned(),
            message: signing_input.to_vec(),
            signature,
            keys,
        })
    }

    fn key(&self, key: usize, algorithm: &str) -> Option<(&Key, Algorithm)> {
        Some((self.0.iter().nth(key)?, Algorithm::from_name(algorithm)?))
    }
}

//! Keys as `jwtVerify` is given them: one key for every token, or a set from which tokens choose by `kid`.

use std::cell::RefCell;
use std::rc::Rc;

use revocable::{
    Algorithm, Error, Jwks, KeyCache, KeyOptions, Material, Secrets, Unverified, Urgency, engine, read_object,
};
use wasm_bindgen::prelude::*;

use crate::fetch::{self, KeysFetch};
use crate::{fault, instant};

/// Keys, imported once for each algorithm that they are used with.
#[wasm_bindgen]
pub struct KeySet {
    source: Source,
    imported: RefCell<Vec<(Option<Algorithm>, Rc<Imported>)>>,
}

type Imported = Result<Jwks, Error>;

enum Source {
    /// One JWK: the caller's own, so it may be a secret.
    Jwk(Box<str>),
    /// One key.
    Material(Material, Option<Algorithm>),
    /// One key that JavaScript alone has.
    Opaque(Algorithm, usize),
    /// A JWKS.
    Local(Box<str>),
    /// A JWKS that is read from a URL.
    Remote(Box<Remote>),
}

struct Remote {
    keys: KeyCache,
    /// Of the set that is [`KeySet::imported`].
    document: Option<Box<str>>,
}

#[wasm_bindgen]
impl KeySet {
    /// One JWK, a JSON text.
    ///
    /// # Errors
    /// `ERR_JWK_INVALID`.
    pub fn jwk(jwk: &str) -> Result<KeySet, JsValue> {
        Self::usable(Source::Jwk(jwk.into()))
    }

    /// A secret.
    ///
    /// # Errors
    /// `ERR_JWK_INVALID` when it is too short for any HMAC.
    pub fn secret(secret: &[u8]) -> Result<KeySet, JsValue> {
        Self::usable(Source::Material(Material::Secret(secret.to_vec()), None))
    }

    /// A PEM text: a public key or a certificate.
    ///
    /// # Errors
    /// `ERR_JWK_INVALID`; `ERR_JOSE_NOT_SUPPORTED` for an algorithm that is not known.
    pub fn pem(pem: &str, alg: &str) -> Result<KeySet, JsValue> {
        let thrown = |error| fault::thrown(&error);
        let algorithm = known(alg).map_err(thrown)?;
        let material = Material::from_pem(pem).map_err(thrown)?;
        Self::usable(Source::Material(material, Some(algorithm)))
    }

    /// A key that JavaScript alone has, for one algorithm; of an RSA key, how many bits its modulus has.
    ///
    /// # Errors
    /// `ERR_JWK_INVALID` or `ERR_JOSE_NOT_SUPPORTED`.
    pub fn opaque(alg: &str, modulus_bits: usize) -> Result<KeySet, JsValue> {
        let algorithm = known(alg).map_err(|error| fault::thrown(&error))?;
        Self::usable(Source::Opaque(algorithm, modulus_bits))
    }

    /// A JWKS, a JSON text. Whether any of its keys can be used shows when a token comes.
    #[must_use]
    pub fn local(document: &str) -> KeySet {
        Self::new(Source::Local(document.into()))
    }

    /// A JWKS that is read from a URL.
    #[must_use]
    pub fn remote(uri: String) -> KeySet {
        let keys = KeyCache::remote(uri, Vec::new(), engine::SMALL);
        Self::new(Source::Remote(Box::new(Remote { keys, document: None })))
    }

    /// The one public key as JWK, with the members that make it and the algorithm that it stands for; nothing for a secret
    /// and for a set.
    #[must_use]
    #[wasm_bindgen(js_name = publicJwk)]
    pub fn public_jwk(&self) -> Option<String> {
        let material = match &self.source {
            Source::Jwk(jwk) => &Material::parse(jwk.as_bytes()).ok()?,
            Source::Material(material, _) => material,
            _ => return None,
        };
        let jwk = material.public_jwk()?;
        let algorithm = match &*self.import(None) {
            Ok(jwks) => jwks.iter().next()?.algorithms().next()?,
            Err(_) => return None,
        };
        let members = jwk.strip_prefix('{')?;
        if matches!(material, Material::MlDsa { .. }) {
            // It is part of such a key.
            return Some(jwk.into());
        }
        Some(["{\"alg\":\"", algorithm.name(), "\",", members].concat())
    }

    /// What to read to have the keys anew.
    ///
    /// # Errors
    /// `ERR_CONFIG_INVALID` when `now` is not an instant.
    #[wasm_bindgen(js_name = nextFetch)]
    pub fn next_fetch(&self, now: f64) -> Result<Option<KeysFetch>, JsValue> {
        self.remote_keys().map_or(Ok(None), |keys| fetch::next(keys, now))
    }

    /// Says that reading has begun.
    ///
    /// # Errors
    /// `ERR_CONFIG_INVALID` when `now` is not an instant.
    #[wasm_bindgen(js_name = beginKeys)]
    pub fn begin_keys(&mut self, now: f64) -> Result<(), JsValue> {
        let now = instant(now)?;
        self.change(|keys| keys.begin(now));
        Ok(())
    }

    /// Takes what was read, and says what to read next, if anything.
    ///
    /// # Errors
    /// `ERR_JWKS_INVALID` or `ERR_JWK_INVALID`; the keys before stay.
    #[wasm_bindgen(js_name = installKeys)]
    pub fn install_keys(
        &mut self,
        fetch: &KeysFetch,
        document: &[u8],
        asked_at: f64,
        cache_control: Option<String>,
        age: Option<String>,
        now: f64,
    ) -> Result<Option<KeysFetch>, JsValue> {
        let (cache_control, age) = (cache_control.as_deref(), age.as_deref());
        let answer = fetch::Answer { document, asked_at, cache_control, age };
        let installed = self.change(|keys| fetch::install(keys, fetch, &answer, now));
        self.forget_what_is_old(now)?;
        installed.unwrap_or(Ok(None))
    }

    /// Says that reading has ended, however it did.
    #[wasm_bindgen(js_name = endKeys)]
    pub fn end_keys(&mut self) {
        self.change(KeyCache::end);
    }

    /// Says that reading came to nothing.
    ///
    /// # Errors
    /// `ERR_CONFIG_INVALID` when `now` is not an instant.
    #[wasm_bindgen(js_name = failKeys)]
    pub fn fail_keys(&mut self, now: f64) -> Result<(), JsValue> {
        let now = instant(now)?;
        self.change(|keys| keys.fail(now));
        Ok(())
    }

    /// Whether they should be read again in the background.
    ///
    /// # Errors
    /// `ERR_CONFIG_INVALID` when `now` is not an instant.
    #[wasm_bindgen(js_name = isDue)]
    pub fn is_due(&self, now: f64) -> Result<bool, JsValue> {
        let now = instant(now)?;
        Ok(self.remote_keys().is_some_and(|keys| keys.wanted(now) == Urgency::Background))
    }

    /// The set in force as it was read, a JSON text.
    ///
    /// # Errors
    /// `ERR_CONFIG_INVALID` when `now` is not an instant.
    pub fn document(&self, now: f64) -> Result<Option<String>, JsValue> {
        let now = instant(now)?;
        Ok(self.remote_keys().and_then(|keys| keys.document(now)).map(str::to_owned))
    }

    /// The keys as another process can be seeded with them.
    #[wasm_bindgen(js_name = exportKeys)]
    #[must_use]
    pub fn export_keys(&self) -> Option<String> {
        self.remote_keys().and_then(KeyCache::export)
    }

    /// Takes keys that another process exported.
    ///
    /// # Errors
    /// `ERR_JWKS_INVALID` or `ERR_JWK_INVALID`; the keys before stay.
    #[wasm_bindgen(js_name = seedKeys)]
    pub fn seed_keys(&mut self, saved: &str, now: f64) -> Result<(), JsValue> {
        let at = instant(now)?;
        let seeded = self.change(|keys| keys.seed(saved.as_bytes(), at)).unwrap_or(Ok(()));
        self.forget_what_is_old(now)?;
        seeded.map_err(|error| fault::thrown(&error))
    }
}

impl KeySet {
    fn new(source: Source) -> Self {
        Self { source, imported: RefCell::default() }
    }

    /// One key, which shows at once whether it can be used.
    fn usable(source: Source) -> Result<Self, JsValue> {
        let set = Self::new(source);
        match &*set.import(None) {
            Ok(_) => {}
            Err(error) => return Err(fault::thrown(error)),
        }
        Ok(set)
    }

    /// The keys that a token with this algorithm may be signed with; `is_named` says that the caller has named it among
    /// those he allows. Otherwise a key that does not say its algorithm stands for one, whatever the token says.
    ///
    /// # Errors
    /// [`Error::JwksUnavailable`] and what is wrong with the keys.
    pub(crate) fn keys(
        &self,
        algorithm: Algorithm,
        is_named: bool,
        now: revocable::UnixTime,
    ) -> Result<Rc<Imported>, Error> {
        if let Some(keys) = self.remote_keys() {
            // Whether they may still be relied on.
            keys.current(now)?;
        }
        Ok(self.import(is_named.then_some(algorithm)))
    }

    /// Whether tokens choose among the keys by their `kid`.
    pub(crate) const fn is_set(&self) -> bool {
        matches!(self.source, Source::Local(_) | Source::Remote(_))
    }

    /// Whether it is one secret.
    pub(crate) fn is_secret(&self) -> bool {
        let keys = self.import(None);
        let Ok(jwks) = &*keys else { return false };
        !self.is_set() && jwks.iter().flat_map(revocable::Key::algorithms).any(Algorithm::has_secrets)
    }

    /// Whether it is a set that was given without any key.
    pub(crate) fn is_empty(&self) -> bool {
        let Source::Local(document) = &self.source else { return false };
        let document = read_object(document.as_bytes()).unwrap_or_default();
        document.get("keys").and_then(|keys| keys.as_array()).is_some_and(Vec::is_empty)
    }

    /// The keys that are read from a URL.
    pub(crate) fn remote_keys(&self) -> Option<&KeyCache> {
        match &self.source {
            Source::Remote(remote) => Some(&remote.keys),
            _ => None,
        }
    }

    /// There are as many as algorithms, and one for none.
    fn import(&self, algorithm: Option<Algorithm>) -> Rc<Imported> {
        let mut imported = self.imported.borrow_mut();
        if let Some((_, keys)) = imported.iter().find(|(known, _)| *known == algorithm) {
            return Rc::clone(keys);
        }
        let algorithms = algorithm.as_slice();
        let options = |secrets| KeyOptions { secrets, algorithms, engines: engine::SMALL };
        let keys = Rc::new(match &self.source {
            Source::Jwk(jwk) => Jwks::parse_with(jwk.as_bytes(), &options(Secrets::Allow)),
            Source::Material(material, stated) => {
                Jwks::from_material(material, None, *stated, &options(Secrets::Allow))
            }
            Source::Opaque(algorithm, modulus_bits) => Jwks::opaque(*algorithm, *modulus_bits),
            Source::Local(document) => Jwks::parse_with(document.as_bytes(), &options(Secrets::Ignore)),
            Source::Remote(remote) => Jwks::parse_with(
                remote.document.as_deref().unwrap_or_default().as_bytes(),
                &options(Secrets::Ignore),
            ),
        });
        imported.push((algorithm, Rc::clone(&keys)));
        keys
    }

    fn change<T>(&mut self, change: impl FnOnce(&mut KeyCache) -> T) -> Option<T> {
        match &mut self.source {
            Source::Remote(remote) => Some(change(&mut remote.keys)),
            _ => None,
        }
    }

    /// What is installed may be older than what is at hand; then nothing has changed.
    fn forget_what_is_old(&mut self, now: f64) -> Result<(), JsValue> {
        let now = instant(now)?;
        let Source::Remote(remote) = &mut self.source else { return Ok(()) };
        let document = remote.keys.document(now);
        if document != remote.document.as_deref() {
            remote.document = document.map(Box::from);
            self.imported.borrow_mut().clear();
        }
        Ok(())
    }
}

/// Selects the keys for a token; of a set, as `jose` names what is wrong.
pub(crate) fn select<'t, 'k>(
    keys: &KeySet,
    jwks: &'k Jwks,
    token: Unverified<'t>,
) -> Result<revocable::Selected<'t, 'k>, Error> {
    if !keys.is_set() {
        return token.select_unnamed(jwks, &[]);
    }
    token.select(jwks, &[]).map_err(|error| match error {
        // A set has no key for this algorithm, which the next version of the set may have.
        Error::AlgNotAllowed => Error::NoMatchingKey,
        other => other,
    })
}

/// # Errors
/// [`Error::NotSupported`].
pub(crate) fn known(alg: &str) -> Result<Algorithm, Error> {
    Algorithm::from_name(alg).ok_or(Error::NotSupported("no engine knows its algorithm"))
}

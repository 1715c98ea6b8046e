//! Signatures: WebCrypto, which the runtime has in native code, and Rust for what WebCrypto does not know.
//!
//! A key is imported once, for the first signature that is checked with it. What is kept is the key and never the promise
//! of one, which would die with the request that made it; of two requests that import at once, the later one's stays.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use js_sys::futures::JsFuture;
use js_sys::{Array, JSON, Object, Reflect};
use revocable::engine::{self, Engines, HostKey, Imported, VerifySignature};
use revocable::{Algorithm, Answer, Material, Question};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::CryptoKey;

use crate::host;

/// Who verifies with keys that WebCrypto should know and does not take: workerd refuses RSA moduli whose length is no
/// multiple of eight.
static INSTEAD: Engines = &[&engine::RSA];

/// How many keys are kept; the one imported first makes room.
const MOST_KEYS: usize = 4096;

/// A key as it is kept.
#[derive(Clone)]
enum Kept {
    Host { key: CryptoKey, parameters: Object },
    Rust(Rc<dyn VerifySignature>),
    Unusable,
}

thread_local! {
    static KEYS: RefCell<BTreeMap<u32, Kept>> = const { RefCell::new(BTreeMap::new()) };
}

/// Answers what the library asks.
pub(crate) async fn answer(question: &Question) -> Answer {
    let Some(key) = question.key() else { return Answer::UnknownAlgorithm };
    let known = KEYS.with_borrow(|keys| keys.get(&key.number()).cloned());
    let kept = match known {
        Some(kept) => kept,
        None => match import(key).await {
            Ok(kept) => keep(key.number(), kept),
            Err(answer) => return answer,
        },
    };
    let fits = match kept {
        Kept::Unusable => return Answer::KeyUnusable,
        Kept::Rust(verifier) => verifier.verify(question.signing_input(), question.signature()),
        // Signatures that cannot be the key's never come here, so that it is the host that failed.
        Kept::Host { key, parameters } => match verify(&key, &parameters, question).await {
            Ok(fits) => fits,
            Err(_) => return Answer::Unavailable,
        },
    };
    if fits { Answer::Fits } else { Answer::DoesNotFit }
}

async fn verify(key: &CryptoKey, parameters: &Object, question: &Question) -> Result<bool, JsValue> {
    let verified = host::subtle()?.verify_with_object_and_u8_array_and_u8_array(
        parameters,
        key,
        question.signature(),
        question.signing_input(),
    )?;
    Ok(JsFuture::from(verified).await?.as_bool() == Some(true))
}

/// What is answered instead of keeping anything is what may be another answer next time.
async fn import(key: &HostKey) -> Result<Kept, Answer> {
    let (import, parameters) = parameters(key.algorithm()).ok_or(Answer::UnknownAlgorithm)?;
    let fault = match import_by_host(key, &import).await {
        Ok(key) => return Ok(Kept::Host { key, parameters }),
        Err(fault) => fault,
    };
    let Some(engine) = engine::serving(INSTEAD, key.algorithm()) else {
        // By these names WebCrypto says that it is the key that is wrong; workerd calls a point off its curve the second.
        let is_keys = ["DataError", "OperationError"].contains(&host::name_of(&fault).as_str());
        return if is_keys { Ok(Kept::Unusable) } else { Err(Answer::Unavailable) };
    };
    let material = Material::parse(key.jwk().as_bytes());
    Ok(match material.and_then(|material| engine.import(key.algorithm(), &material)) {
        Ok(Imported::Here(verifier)) => Kept::Rust(verifier.into()),
        _ => Kept::Unusable,
    })
}

async fn import_by_host(key: &HostKey, algorithm: &Object) -> Result<CryptoKey, JsValue> {
    let jwk: Object = JSON::parse(key.jwk())?.unchecked_into();
    let usages = Array::of1(&"verify".into());
    let imported = host::subtle()?.import_key_with_object("jwk", &jwk, algorithm, false, &usages)?;
    JsFuture::from(imported).await?.dyn_into()
}

fn keep(number: u32, kept: Kept) -> Kept {
    KEYS.with_borrow_mut(|keys| {
        keys.insert(number, kept.clone());
        if keys.len() > MOST_KEYS {
            keys.pop_first();
        }
    });
    kept
}

/// What WebCrypto calls an algorithm when it imports a key and when it verifies.
fn parameters(algorithm: Algorithm) -> Option<(Object, Object)> {
    let ecdsa = |curve: &str, hash: &str| {
        let name = ("name", JsValue::from("ECDSA"));
        (object([name.clone(), ("namedCurve", curve.into())]), object([name, ("hash", hash.into())]))
    };
    let rsa = |name: &str, hash: &str, salt: Option<u32>| {
        let name = ("name", JsValue::from(name));
        let import = object([name.clone(), ("hash", hash.into())]);
        let verify = salt.map(|salt| ("saltLength", JsValue::from(salt)));
        (import, object([name].into_iter().chain(verify)))
    };
    const PKCS1: &str = "RSASSA-PKCS1-v1_5";
    const PSS: &str = "RSA-PSS";
    Some(match algorithm {
        Algorithm::RS256 => rsa(PKCS1, "SHA-256", None),
        Algorithm::RS384 => rsa(PKCS1, "SHA-384", None),
        Algorithm::RS512 => rsa(PKCS1, "SHA-512", None),
        Algorithm::PS256 => rsa(PSS, "SHA-256", Some(32)),
        Algorithm::PS384 => rsa(PSS, "SHA-384", Some(48)),
        Algorithm::PS512 => rsa(PSS, "SHA-512", Some(64)),
        Algorithm::ES256 => ecdsa("P-256", "SHA-256"),
        Algorithm::ES384 => ecdsa("P-384", "SHA-384"),
        Algorithm::ES512 => ecdsa("P-521", "SHA-512"),
        Algorithm::EdDSA => {
            let named = || object([("name", JsValue::from("Ed25519"))]);
            (named(), named())
        }
        _ => return None,
    })
}

fn object<'a>(members: impl IntoIterator<Item = (&'a str, JsValue)>) -> Object {
    let object = Object::new();
    for (name, value) in members {
        // Cannot fail on an object that was made here.
        let _ = Reflect::set(&object, &name.into(), &value);
    }
    object
}

//! Every engine against vectors by others.

use serde_json::Value;

use super::*;
use crate::base64url;
use crate::key::{KeyOptions, Secrets};
use crate::{Jwks, Key};

/// A signature, and what it is said to be over.
struct Vector {
    source: String,
    algorithm: Algorithm,
    jwk: Value,
    input: Vec<u8>,
    signature: Vec<u8>,
}

impl Vector {
    fn from_json(vector: &Value) -> Self {
        let text = |name: &str| vector[name].as_str().unwrap_or_else(|| panic!("no {name}: {vector}"));
        let input = match vector["message"].as_str() {
            None => text("input").as_bytes().to_vec(),
            Some(hex) => unhex(hex),
        };
        Self {
            source: format!("{} ({})", text("alg"), text("source")),
            algorithm: Algorithm::from_name(text("alg")).unwrap(),
            jwk: vector["jwk"].clone(),
            input,
            signature: base64url::decode(text("signature")).unwrap(),
        }
    }

    fn read(&self) -> Result<Jwks, Error> {
        let options = KeyOptions { algorithms: &[self.algorithm], ..KeyOptions::new(Secrets::Allow) };
        Jwks::parse_with(self.jwk.to_string().as_bytes(), &options)
    }

    fn jwks(&self) -> Jwks {
        self.read().unwrap_or_else(|error| panic!("{}: {error}", self.source))
    }

    fn fits(&self) -> bool {
        fits(self.jwks().iter().next().unwrap(), self.algorithm, &self.input, &self.signature)
    }
}

/// As the flow asks: what no key can have made is not shown to an engine.
fn fits(key: &Key, algorithm: Algorithm, input: &[u8], signature: &[u8]) -> bool {
    let asked = engine_says(key, algorithm, input, signature);
    key.can_have_made(algorithm, signature) && asked
}

/// What the engine says of any bytes; it never panics.
fn engine_says(key: &Key, algorithm: Algorithm, input: &[u8], signature: &[u8]) -> bool {
    match key.by(algorithm) {
        Some(crate::key::By::Here(verifier)) => verifier.verify(input, signature),
        _ => panic!("no engine of this build"),
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks_exact(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn vectors(which: &str) -> Vec<Vector> {
    let files = [
        include_str!("vectors/jose.json"),
        include_str!("vectors/ed25519.json"),
        include_str!("vectors/ml-dsa.json"),
    ];
    let files = files.map(|file| serde_json::from_str::<Value>(file).unwrap());
    files.iter().flat_map(|file| file[which].as_array().unwrap()).map(Vector::from_json).collect()
}

#[test]
fn every_algorithm_has_one_engine_and_one_good_vector_at_least() {
    let good = vectors("good");
    for algorithm in Algorithm::ALL {
        assert_eq!(DEFAULT.iter().filter(|engine| engine.knows(*algorithm)).count(), 1, "{algorithm:?}");
        assert!(good.iter().any(|vector| vector.algorithm == *algorithm), "{algorithm:?}");
    }
    let names: Vec<_> = DEFAULT.iter().map(|engine| engine.name()).collect();
    let mut different = names.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), names.len(), "{names:?}");
}

#[test]
fn the_small_engines_leave_to_the_host_what_they_do_not_know() {
    for algorithm in Algorithm::ALL {
        let here = matches!(algorithm.name(), "HS256" | "HS384" | "HS512");
        let name = serving(SMALL, *algorithm).map(Engine::name);
        assert_eq!(name == Some("host"), !here, "{algorithm:?}: {name:?}");
    }
}

#[test]
fn good_signatures_by_others_fit() {
    for vector in vectors("good") {
        assert!(vector.fits(), "{}", vector.source);
    }
}

#[test]
fn signatures_by_others_that_the_algorithm_does_not_allow_do_not_fit() {
    for vector in vectors("bad") {
        if vector.source.contains("A of small order") || vector.source.contains("A and R of small order") {
            assert!(matches!(vector.read(), Err(Error::JwkInvalid(_))), "{}", vector.source);
        } else {
            assert!(!vector.fits(), "{}", vector.source);
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_fits_nothing() {
    for vector in vectors("good") {
        let jwks = vector.jwks();
        let key = jwks.iter().next().unwrap();
        // In long signatures, every 23rd byte and the last.
        let length = vector.signature.len();
        let step = if length > 132 { 23 } else { 1 };
        for at in (0..length).step_by(step).chain([length - 1]) {
            let mut changed = vector.signature.clone();
            changed[at] ^= 1 << (at % 8);
            let fits = fits(key, vector.algorithm, &vector.input, &changed);
            assert!(!fits, "{}: byte {at} of the signature", vector.source);
        }
        for at in [0, vector.input.len() / 2, vector.input.len() - 1] {
            let mut changed = vector.input.clone();
            changed[at] ^= 1;
            let fits = fits(key, vector.algorithm, &changed, &vector.signature);
            assert!(!fits, "{}: byte {at} of the input", vector.source);
        }
    }
}

#[test]
fn a_signature_of_another_length_fits_nothing_and_no_engine_minds() {
    for vector in vectors("good") {
        let jwks = vector.jwks();
        let key = jwks.iter().next().unwrap();
        let signature = &vector.signature;
        let zero = [&[0], signature.as_slice()].concat();
        for wrong in [
            &[],
            &signature[1..],
            &signature[..signature.len() - 1],
            &signature[..signature.len() / 2],
            &zero,
            &[signature.as_slice(), &[0]].concat(),
            &[signature.as_slice(), signature].concat(),
        ] {
            assert!(!key.can_have_made(vector.algorithm, wrong), "{}: {} bytes", vector.source, wrong.len());
            let fits = engine_says(key, vector.algorithm, &vector.input, wrong);
            assert!(!fits, "{}: {} bytes", vector.source, wrong.len());
        }
    }
}

#[test]
fn a_signature_all_zeros_or_all_ones_fits_nothing_and_no_engine_minds() {
    for vector in vectors("good") {
        let jwks = vector.jwks();
        let key = jwks.iter().next().unwrap();
        for byte in [0x00, 0x01, 0x7f, 0xff] {
            let wrong = vec![byte; vector.signature.len()];
            assert!(!engine_says(key, vector.algorithm, &vector.input, &wrong), "{}: {byte}", vector.source);
        }
    }
}

#[test]
fn an_rsa_signature_is_less_than_the_modulus() {
    for vector in vectors("good") {
        let Some(n) = vector.jwk["n"].as_str() else { continue };
        let n = ::rsa::BigUint::from_bytes_be(&base64url::decode(n).unwrap());
        let larger = (::rsa::BigUint::from_bytes_be(&vector.signature) + n).to_bytes_be();
        let jwks = vector.jwks();
        assert!(
            !fits(jwks.iter().next().unwrap(), vector.algorithm, &vector.input, &larger),
            "{}",
            vector.source
        );
        assert!(
            !engine_says(jwks.iter().next().unwrap(), vector.algorithm, &vector.input, &larger),
            "{}",
            vector.source
        );
    }
}

#[test]
fn a_point_that_is_not_on_its_curve_is_no_key() {
    let mut seen = 0;
    for vector in vectors("good") {
        if vector.jwk["kty"] != "EC" {
            continue;
        }
        let length = vector.signature.len() / 2;
        for (x, y) in [
            (Some(vec![0; length]), Some(vec![0; length])),
            (None, Some(vec![0; length])),
            (Some(vec![0xff; length]), None),
            (Some(vec![0; length]), None),
        ] {
            let mut jwk = vector.jwk.clone();
            for (name, value) in [("x", x), ("y", y)] {
                if let Some(value) = value {
                    jwk[name] = base64url::encode(value).into();
                }
            }
            let read = Jwks::parse(jwk.to_string().as_bytes(), Secrets::Ignore);
            assert!(matches!(read, Err(Error::JwkInvalid(_))), "{}: {jwk}", vector.source);
            seen += 1;
        }
    }
    assert!(seen > 16);
}

#[test]
fn an_engine_does_not_take_another_keys_material() {
    let materials: Vec<Material> = vectors("good")
        .iter()
        .map(|vector| Material::from_jwk(vector.jwk.as_object().unwrap()).unwrap())
        .collect();
    let mut refused = 0;
    for algorithm in Algorithm::ALL {
        let engine = serving(DEFAULT, *algorithm).unwrap();
        for material in materials.iter().filter(|material| !material.fits(*algorithm)) {
            let imported = engine.import(*algorithm, material);
            assert!(matches!(imported, Err(Error::JwkInvalid(_))), "{algorithm:?}");
            refused += 1;
        }
    }
    assert!(refused > 400, "{refused}");
}

#[test]
fn ml_dsa_takes_what_it_signs_itself() {
    use ::ml_dsa::signature::{Keypair, Signer};
    use ::ml_dsa::{KeyExport, MlDsa44, MlDsa65, MlDsa87, MlDsaParams, SigningKey};

    fn check<P: MlDsaParams>(algorithm: Algorithm) {
        let signer = SigningKey::<P>::from_seed(&[7; 32].into());
        let public = base64url::encode(signer.verifying_key().to_bytes());
        let jwk = format!(r#"{{"kty":"AKP","alg":"{}","pub":"{public}"}}"#, algorithm.name());
        let jwks = Jwks::parse(jwk.as_bytes(), Secrets::Ignore).unwrap();
        let signature = signer.sign(b"input").encode();
        assert!(fits(jwks.iter().next().unwrap(), algorithm, b"input", &signature));
        assert!(!fits(jwks.iter().next().unwrap(), algorithm, b"other", &signature));
    }
    check::<MlDsa44>(Algorithm::MLDSA44);
    check::<MlDsa65>(Algorithm::MLDSA65);
    check::<MlDsa87>(Algorithm::MLDSA87);
}

//! Public keys as PEM and DER, made by OpenSSL and Node (`tests/pem/make.mjs`): what is read must be what their JWK says.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may stop at the first surprise"
)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use revocable::limits::MAX_PEM_BYTES;
use revocable::{Algorithm, Error, Jwks, KeyOptions, Material, Secrets};
use serde_json::Value;

fn fixture() -> Value {
    serde_json::from_str(include_str!("pem/keys.json")).unwrap()
}

/// With the host's engine, which takes every type of key: whether a point is on its curve is not the question here.
fn options() -> KeyOptions<'static> {
    KeyOptions { secrets: Secrets::Ignore, algorithms: &[], engines: revocable::engine::SMALL }
}

/// The RFC 7638 thumbprint tells whether two keys are one.
fn thumbprint(pem: &str) -> Result<String, Error> {
    let jwks = Jwks::from_pem(pem, None, None, &options())?;
    Ok(jwks.iter().next().unwrap().name().unwrap().to_owned())
}

fn expected(jwk: &Value) -> String {
    let jwks = Jwks::parse_with(jwk.to_string().as_bytes(), &options()).unwrap();
    jwks.iter().next().unwrap().name().unwrap().to_owned()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap()
}

fn der(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).unwrap()
}

fn p256() -> String {
    text(&fixture()["keys"]["p256"], "spki").to_owned()
}

#[test]
fn a_key_is_the_same_whether_it_is_read_from_jwk_spki_pkcs1_or_certificate() {
    let fixture = fixture();
    let keys = fixture["keys"].as_object().unwrap();
    assert_eq!(keys.len(), 6);
    for (name, key) in keys {
        let expected = expected(&key["jwk"]);
        for form in ["spki", "certificate"] {
            assert_eq!(thumbprint(text(key, form)).as_ref(), Ok(&expected), "{name} as {form}");
        }
    }
    assert_eq!(thumbprint(text(&keys["rsa"], "pkcs1")), Ok(expected(&keys["rsa"]["jwk"])));
    assert_eq!(
        thumbprint(text(&fixture, "version1")),
        Ok(expected(&keys["p256"]["jwk"])),
        "no version field"
    );
}

#[test]
fn an_ml_dsa_key_is_read_by_its_oid_and_has_the_length_of_its_parameter_set() {
    // The headers as RFC 9881 lays them out; the key itself may be any bytes.
    let sets = [
        ("308205323 00b0609608648016503040311 03820521 00", 1312, Algorithm::MLDSA44),
        ("308207b23 00b0609608648016503040312 038207a1 00", 1952, Algorithm::MLDSA65),
        ("30820a323 00b0609608648016503040313 03820a21 00", 2592, Algorithm::MLDSA87),
    ];
    for (header, length, algorithm) in sets {
        let digits: String = header.split(' ').collect();
        let header =
            (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
        let mut der: Vec<u8> = header.collect();
        der.extend(std::iter::repeat_n(7, length));
        match Material::from_spki_der(&der).unwrap() {
            Material::MlDsa { algorithm: read, public } => {
                assert_eq!((read, public), (algorithm, vec![7; length]));
            }
            _ => panic!("another type of key"),
        }
        der[16] = 0x14;
        assert!(Material::from_spki_der(&der).is_err(), "no such parameter set");
    }
}

#[test]
fn a_key_of_another_type_or_form_or_too_weak_is_refused() {
    let fixture = fixture();
    for (name, pem) in fixture["refused"].as_object().unwrap() {
        assert!(matches!(thumbprint(pem.as_str().unwrap()), Err(Error::JwkInvalid(_))), "{name}");
    }
    for curve in ["p256", "p384", "p521", "secp256k1"] {
        for form in ["compressed", "explicit"] {
            let refused = thumbprint(text(&fixture["keys"][curve], form));
            assert!(matches!(refused, Err(Error::JwkInvalid(_))), "{curve} {form}");
        }
    }
}

#[test]
fn a_private_key_is_refused_wherever_it_stands_in_the_text() {
    let private = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let certificate = fixture()["keys"]["p256"]["certificate"].as_str().unwrap().to_owned();
    for text in [
        private.to_owned(),
        private.replace("PRIVATE", "EC PRIVATE"),
        private.replace("PRIVATE", "RSA PRIVATE"),
        private.replace("PRIVATE", "ENCRYPTED PRIVATE"),
        format!("{certificate}{private}"),
        format!("{private}{certificate}"),
    ] {
        let refused = thumbprint(&text).unwrap_err();
        assert_eq!(refused, Error::JwkInvalid("a private key stands where a public one is expected"));
    }
}

#[test]
fn white_space_and_text_before_a_key_change_nothing_and_a_chain_gives_its_first_certificate() {
    let (pem, fixture) = (p256(), fixture());
    let expected = expected(&fixture["keys"]["p256"]["jwk"]);
    let (certificate, other) =
        (text(&fixture["keys"]["p256"], "certificate"), text(&fixture["keys"]["rsa"], "certificate"));
    for same in [
        pem.replace('\n', "\r\n"),
        pem.replace('\n', "\n    "),
        pem.replacen('\n', "", 1).replace('\n', " "),
        format!("Subject: CN=issuer.example\n{pem}\n\n"),
        format!("{certificate}{other}"),
    ] {
        assert_eq!(thumbprint(&same).as_ref(), Ok(&expected), "{same}");
    }
}

#[test]
fn what_is_not_exactly_one_key_is_refused() {
    let pem = p256();
    let body = pem.lines().nth(1).unwrap();
    for wrong in [
        String::new(),
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE".to_owned(),
        format!("{pem}{pem}"),
        format!("{pem}more"),
        pem.replace("END PUBLIC", "END RSA PUBLIC"),
        pem.replace("PUBLIC KEY", "RSA PUBLIC KEY"),
        pem.replace("PUBLIC KEY", "CERTIFICATE"),
        pem.replace("PUBLIC KEY", "CERTIFICATE REQUEST"),
        pem.replace("PUBLIC KEY", "SSH2 PUBLIC KEY"),
        pem.replace("PUBLIC KEY", ""),
        pem.replace(body, ""),
        pem.replace(body, &format!("Proc-Type: 4\n\n{body}")),
        pem.replace(body, &body.replace('M', "*")),
        pem.replace("-----END", "----END"),
        format!("{}{pem}", " ".repeat(MAX_PEM_BYTES)),
    ] {
        assert!(matches!(thumbprint(&wrong), Err(Error::JwkInvalid(_))), "{wrong:.300}");
    }
    let mut der = der(&pem);
    der.push(0);
    assert!(Material::from_spki_der(&der).is_err(), "nothing may follow the key");
}

#[test]
fn a_pem_key_is_asked_for_by_its_kid_and_stands_for_what_it_says_or_for_what_its_issuer_allows() {
    let fixture = fixture();
    let rsa = text(&fixture["keys"]["rsa"], "spki");
    let algorithms = |alg: Option<Algorithm>, allowed: &[Algorithm]| {
        let jwks = Jwks::from_pem(rsa, Some("k"), alg, &KeyOptions { algorithms: allowed, ..options() })?;
        let key = jwks.iter().next().unwrap();
        assert_eq!(key.id(), Some("k"));
        Ok::<Vec<Algorithm>, Error>(key.algorithms().collect())
    };
    use Algorithm::{ES256, PS256, RS256, RS512};
    assert_eq!(algorithms(None, &[]), Ok(vec![RS256]));
    assert_eq!(algorithms(Some(RS512), &[RS256]), Ok(vec![RS512]));
    assert_eq!(algorithms(None, &[ES256, PS256, RS256]), Ok(vec![PS256, RS256]));
    assert!(algorithms(Some(ES256), &[]).is_err());
    assert!(algorithms(Some(Algorithm::HS256), &[]).is_err(), "a public key is no secret");
    assert!(algorithms(None, &[ES256]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_readers_panic(bytes in vec(any::<u8>(), 0..600), text in "\\PC{0,200}") {
        let _ = Material::from_spki_der(&bytes);
        let _ = Material::from_pem(&text);
        for label in ["PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE"] {
            let pem = |body: &str| format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
            prop_assert!(Material::from_pem(&pem(&text)).is_err());
            let _ = Material::from_pem(&pem(&STANDARD.encode(&bytes)));
        }
    }

    #[test]
    fn a_key_with_any_byte_changed_or_the_rest_cut_off_is_read_without_a_panic(
        at in any::<Index>(),
        change in 1_u8..=255,
        cut in any::<Index>(),
    ) {
        for (name, key) in fixture()["keys"].as_object().unwrap() {
            for (form, label) in [("spki", "PUBLIC KEY"), ("certificate", "CERTIFICATE")] {
                let der = der(text(key, form));
                let pem = |der: &[u8]| {
                    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
                };
                prop_assert!(Material::from_pem(&pem(&der)).is_ok());
                let mut changed = der.clone();
                changed[at.index(der.len())] ^= change;
                let _ = Material::from_pem(&pem(&changed));
                prop_assert!(Material::from_pem(&pem(&der[..cut.index(der.len())])).is_err(), "{name} {form}");
            }
        }
    }
}

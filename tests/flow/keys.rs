//! Keys that are read from a URL: how long they are relied on, and what is no key set.

use serde_json::{Value, json};

use revocable::{Error, Remedy, UnixTime, Verifier};

use crate::common::*;

fn remote() -> Verifier {
    let mut config = config();
    config["issuers"][0] = json!({ "issuer": ISSUER, "jwksUri": "https://issuer.example/jwks.json" });
    let mut verifier = build(&config).unwrap();
    install(&mut verifier, &publish(1, &[]), NOW).unwrap();
    verifier
}

fn read(verifier: &mut Verifier, document: &Value, now: UnixTime) -> Result<(), Error> {
    let keys = verifier.issuer_mut(0).unwrap().keys_mut();
    keys.begin(now);
    keys.install(document.to_string().as_bytes(), now)
}

fn jwks() -> Value {
    json!({ "keys": [public_jwk(&issuer_key())] })
}

#[test]
fn before_its_keys_are_read_an_issuer_is_unavailable_and_the_remedy_is_to_read_them() {
    let mut verifier = remote();
    let decision = verifier.verify(&token(claims()), NOW);
    assert_eq!(outcome(&decision), "unavailable ERR_JWKS_UNAVAILABLE");
    assert_eq!(verifier.remedy(&token(claims()), &decision, NOW), Some(Remedy::Keys(0)));
    assert_eq!(verifier.issuers()[0].keys().uri(), Some("https://issuer.example/jwks.json"));
    read(&mut verifier, &jwks(), NOW).unwrap();
    assert_eq!(verdict(&verifier, &token(claims())), "allow");
}

#[test]
fn a_key_set_that_is_html_is_refused_and_the_keys_before_stay() {
    let mut verifier = remote();
    let html = b"<!doctype html><html><head><title>Sign in</title></head></html>";
    let keys = verifier.issuer_mut(0).unwrap().keys_mut();
    assert!(matches!(keys.install(html, NOW), Err(Error::JwksInvalid(_))));
    assert_eq!(verdict(&verifier, &token(claims())), "unavailable ERR_JWKS_UNAVAILABLE");
    read(&mut verifier, &jwks(), NOW).unwrap();
    let keys = verifier.issuer_mut(0).unwrap().keys_mut();
    assert!(matches!(keys.install(html, NOW), Err(Error::JwksInvalid(_))));
    assert_eq!(verdict(&verifier, &token(claims())), "allow");
}

#[test]
fn a_secret_that_is_published_verifies_nothing() {
    let mut verifier = remote();
    read(&mut verifier, &json!({ "keys": [secret_jwk(), public_jwk(&issuer_key())] }), NOW).unwrap();
    assert_eq!(verdict(&verifier, &hs256(claims())), "deny ERR_JWKS_NO_MATCHING_KEY");
    assert_eq!(verdict(&verifier, &token(claims())), "allow");
    assert!(matches!(read(&mut verifier, &secret_jwk(), NOW), Err(Error::JwkInvalid(_))));
}

#[test]
fn an_unknown_kid_makes_the_keys_be_read_again_but_not_for_every_stranger() {
    let mut verifier = remote();
    read(&mut verifier, &jwks(), NOW).unwrap();
    let stranger = raw(r#"{"alg":"ES256","kid":"issuer-2"}"#, claims().to_string(), &other_key());
    let remedy = |verifier: &Verifier, seconds: u64| {
        let now = NOW.plus_seconds(seconds);
        verifier.remedy(&stranger, &verifier.verify(&stranger, now), now)
    };
    assert_eq!(remedy(&verifier, 29), None);
    assert_eq!(remedy(&verifier, 30), Some(Remedy::Keys(0)));
    verifier.issuer_mut(0).unwrap().keys_mut().begin(NOW.plus_seconds(30));
    assert_eq!(remedy(&verifier, 59), None);
}

#[test]
fn a_refused_token_is_not_remedied_by_reading_anything() {
    let mut verifier = remote();
    read(&mut verifier, &jwks(), NOW).unwrap();
    let later = NOW.plus_seconds(100);
    let tokens = [
        "x".to_owned(),
        token(claims_with(json!({ "iss": "https://stranger.example" }))),
        token(claims_with(json!({ "exp": SECONDS - 100 }))),
        raw(r#"{"alg":"ES256","kid":"issuer-1"}"#, claims().to_string(), &other_key()),
    ];
    for token in tokens {
        assert_eq!(verifier.remedy(&token, &verifier.verify(&token, later), later), None);
    }
}

#[test]
fn keys_are_read_again_in_the_background_and_relied_on_for_an_hour() {
    let mut verifier = remote();
    read(&mut verifier, &jwks(), NOW).unwrap();
    assert_eq!(verifier.due(NOW.plus_seconds(30)), []);
    let due = verifier.due(NOW.plus_seconds(600));
    assert_eq!(due, [Remedy::Keys(0), Remedy::Snapshot]);
    let long = token(claims_with(json!({ "exp": SECONDS + 86_400 })));
    assert_eq!(outcome(&verifier.verify(&long, NOW.plus_seconds(3599))), "allow");
    assert_eq!(outcome(&verifier.verify(&long, NOW.plus_seconds(3600))), "unavailable ERR_JWKS_UNAVAILABLE");
}

#[test]
fn a_key_that_the_issuer_withdraws_stops_verifying() {
    let mut verifier = remote();
    read(&mut verifier, &jwks(), NOW).unwrap();
    let mut other = public_jwk(&other_key());
    other["kid"] = json!("issuer-2");
    read(&mut verifier, &json!({ "keys": [other] }), NOW).unwrap();
    assert_eq!(verdict(&verifier, &token(claims())), "deny ERR_JWKS_NO_MATCHING_KEY");
}

#[test]
fn the_issuers_algorithms_narrow_those_of_its_keys() {
    let only = |names: Value| verifier_of(&config_with(json!({ "algorithms": names })), &[]);
    let es256 = only(json!(["ES256"]));
    assert_eq!(verdict(&es256, &token(claims())), "allow");
    assert_eq!(verdict(&es256, &hs256(claims())), "deny ERR_JOSE_ALG_NOT_ALLOWED");
    let eddsa_only = only(json!(["EdDSA"]));
    assert_eq!(verdict(&eddsa_only, &token(claims())), "deny ERR_JOSE_ALG_NOT_ALLOWED");
}

#[test]
fn keys_that_could_not_be_read_are_not_asked_for_by_every_request() {
    let mut verifier = remote();
    let remedy = |verifier: &Verifier, seconds: u64| {
        let now = NOW.plus_seconds(seconds);
        verifier.remedy(&token(claims()), &verifier.verify(&token(claims()), now), now)
    };
    verifier.fail(Remedy::Keys(0), NOW);
    assert_eq!(remedy(&verifier, 1), None);
    assert_eq!(remedy(&verifier, 2), Some(Remedy::Keys(0)));
}

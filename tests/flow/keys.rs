//! Keys that are read from a URL: how long they are relied on, and what is no key set.

use serde_json::{Value, json};

use jwt_simple::algorithms::ES256KeyPair;
use revocable::{Error, Fetch, Fetched, Freshness, Remedy, UnixTime, Verifier};

use revocable::limits::MAX_JWKS_BYTES;

use crate::common::*;

fn remote() -> Verifier {
    let mut config = config();
    config["issuers"][0] = json!({ "issuer": ISSUER, "jwksUri": "https://issuer.example/jwks.json" });
    let mut verifier = build(&config).unwrap();
    install(&mut verifier, &publish(1, &[]), NOW).unwrap();
    verifier
}

fn read(verifier: &mut Verifier, document: &Value, now: UnixTime) -> Result<(), Error> {
    read_bytes(verifier, document.to_string().as_bytes(), now)
}

/// Reads a document that no cache on the way has kept.
fn read_bytes(verifier: &mut Verifier, document: &[u8], now: UnixTime) -> Result<(), Error> {
    let fetch = verifier.issuers()[0].keys().next_fetch(now).unwrap();
    verifier.begin(Remedy::Keys(0), now);
    let next = give(verifier, &fetch, document, now)?;
    assert_eq!(next, None);
    Ok(())
}

fn give(
    verifier: &mut Verifier,
    fetch: &Fetch,
    document: &[u8],
    now: UnixTime,
) -> Result<Option<Fetch>, Error> {
    let fetched = Fetched { document, asked_at: now, freshness: Freshness::default() };
    verifier.issuer_mut(0).unwrap().keys_mut().install(fetch, &fetched, now)
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
    let fetch = verifier.issuers()[0].keys().next_fetch(NOW).unwrap();
    assert_eq!(fetch.url(), "https://issuer.example/jwks.json");
    assert_eq!(fetch.limit_bytes(), MAX_JWKS_BYTES);
    read(&mut verifier, &jwks(), NOW).unwrap();
    assert_eq!(verdict(&verifier, &token(claims())), "allow");
}

#[test]
fn a_key_set_that_is_html_is_refused_and_the_keys_before_stay() {
    let mut verifier = remote();
    let html = b"<!doctype html><html><head><title>Sign in</title></head></html>";
    assert!(matches!(read_bytes(&mut verifier, html, NOW), Err(Error::JwksInvalid(_))));
    assert_eq!(verdict(&verifier, &token(claims())), "unavailable ERR_JWKS_UNAVAILABLE");
    read(&mut verifier, &jwks(), NOW).unwrap();
    assert!(matches!(read_bytes(&mut verifier, html, NOW), Err(Error::JwksInvalid(_))));
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
    assert_eq!(remedy(&verifier, 4), None);
    assert_eq!(remedy(&verifier, 5), Some(Remedy::Keys(0)));
    verifier.fail(Remedy::Keys(0), NOW.plus_seconds(5));
    assert_eq!(remedy(&verifier, 14), None);
    assert_eq!(remedy(&verifier, 15), Some(Remedy::Keys(0)));
}

/// A token without `kid`, signed with this key.
fn without_kid(key: &ES256KeyPair) -> String {
    raw(r#"{"alg":"ES256"}"#, claims().to_string(), key)
}

#[test]
fn a_token_without_kid_that_no_key_fits_makes_the_keys_be_read_again_under_the_same_cool_down() {
    let mut verifier = remote();
    read(&mut verifier, &jwks(), NOW).unwrap();
    let token = without_kid(&other_key());
    let ask = |verifier: &Verifier, seconds: u64| {
        let now = NOW.plus_seconds(seconds);
        let decision = verifier.verify(&token, now);
        (outcome(&decision), verifier.remedy(&token, &decision, now))
    };
    let refused = "deny ERR_JWS_SIGNATURE_VERIFICATION_FAILED".to_owned();
    assert_eq!(ask(&verifier, 29), (refused.clone(), None));
    assert_eq!(ask(&verifier, 30), (refused, Some(Remedy::Keys(0))));
    read(&mut verifier, &public_jwk(&other_key()), NOW.plus_seconds(30)).unwrap();
    assert_eq!(ask(&verifier, 30), ("allow".to_owned(), None));
    let stranger = raw(r#"{"alg":"ES256","kid":"issuer-9"}"#, claims().to_string(), &other_key());
    for (token, now) in
        [(&stranger, NOW.plus_seconds(59)), (&without_kid(&issuer_key()), NOW.plus_seconds(59))]
    {
        assert_eq!(verifier.remedy(token, &verifier.verify(token, now), now), None, "one cool-down for all");
    }
}

#[test]
fn a_token_without_kid_whose_algorithm_no_key_has_makes_the_keys_be_read_again_unless_that_cannot_help() {
    let mut verifier = remote();
    read(&mut verifier, &jwks(), NOW).unwrap();
    let later = NOW.plus_seconds(100);
    let remedy = |verifier: &Verifier, header: &str| {
        let token = raw(header, claims().to_string(), &issuer_key());
        let decision = verifier.verify(&token, later);
        assert_eq!(outcome(&decision), "deny ERR_JOSE_ALG_NOT_ALLOWED", "{header}");
        verifier.remedy(&token, &decision, later)
    };
    assert_eq!(remedy(&verifier, r#"{"alg":"EdDSA"}"#), Some(Remedy::Keys(0)));
    for header in [
        r#"{"alg":"EdDSA","kid":"issuer-1"}"#,
        r#"{"alg":"HS256"}"#,
        r#"{"alg":"none"}"#,
        r#"{"alg":"es256"}"#,
    ] {
        assert_eq!(remedy(&verifier, header), None, "{header}");
    }
    let mut config = config();
    config["issuers"][0] =
        json!({ "issuer": ISSUER, "jwksUri": "https://issuer.example/jwks.json", "algorithms": ["ES256"] });
    let mut narrow = build(&config).unwrap();
    read(&mut narrow, &jwks(), NOW).unwrap();
    assert_eq!(remedy(&narrow, r#"{"alg":"EdDSA"}"#), None, "the configuration does not allow it");
}

#[test]
fn a_key_that_replaces_another_is_found_at_once_and_the_other_is_gone_with_it() {
    let mut verifier = remote();
    read(&mut verifier, &jwks(), NOW).unwrap();
    let later = NOW.plus_seconds(300);
    let mut other = public_jwk(&other_key());
    other["kid"] = json!("issuer-2");
    let rotated = raw(r#"{"alg":"ES256","kid":"issuer-2"}"#, claims().to_string(), &other_key());
    let decision = verifier.verify(&rotated, later);
    assert_eq!(verifier.remedy(&rotated, &decision, later), Some(Remedy::Keys(0)));
    let fetch = verifier.issuers()[0].keys().next_fetch(later).unwrap();
    assert!(fetch.passes_caches_by(), "a cache could hold the very set that lacks it");
    read(&mut verifier, &json!({ "keys": [other] }), later).unwrap();
    assert_eq!(outcome(&verifier.verify(&rotated, later)), "allow");
    assert_eq!(outcome(&verifier.verify(&token(claims()), later)), "deny ERR_JWKS_NO_MATCHING_KEY");
}

#[test]
fn an_endpoint_that_flips_the_last_good_keys_answer_for_their_hour_then_503_and_it_heals() {
    let mut verifier = remote();
    let long = token(claims_with(json!({ "exp": SECONDS + 86_400 })));
    let bad: [&[u8]; 4] = [b"<!doctype html>", br#"{"keys":[]}"#, b"", &[b'x'; MAX_JWKS_BYTES + 1]];
    let is_good = |second: u64| second == 0 || (1200..1300).contains(&second) || second >= 5400;
    let (mut last_good, mut failures) = (None, 0);
    for second in 0..6000 {
        let now = NOW.plus_seconds(second);
        let decision = verifier.verify(&long, now);
        let is_relied_on = last_good.is_some_and(|good| second < good + 3600);
        let expected = if is_relied_on { "allow" } else { "unavailable ERR_JWKS_UNAVAILABLE" };
        assert_eq!(outcome(&decision), expected, "after {second} s");
        let keys = Some(Remedy::Keys(0));
        if verifier.remedy(&long, &decision, now) != keys && !verifier.due(now).contains(&Remedy::Keys(0)) {
            continue;
        }
        if is_good(second) {
            read(&mut verifier, &jwks(), now).unwrap();
            last_good = Some(second);
        } else {
            assert!(read_bytes(&mut verifier, bad[failures % bad.len()], now).is_err());
            verifier.fail(Remedy::Keys(0), now);
            failures += 1;
        }
    }
    // Good at 0 and once from 1200 on, then from 5400: after the hour of the second, 503 until the first look after 5400.
    assert!(last_good.is_some_and(|good| good >= 5400), "it heals by itself");
    assert!((60..80).contains(&failures), "{failures} looks in an outage of 68 minutes");
}

#[test]
fn keys_by_discovery_are_read_from_where_the_issuers_own_metadata_says() {
    let mut config = config();
    config["issuers"][0] = json!({ "issuer": ISSUER, "discovery": "oauth" });
    let mut verifier = build(&config).unwrap();
    install(&mut verifier, &publish(1, &[]), NOW).unwrap();
    assert_eq!(verdict(&verifier, &token(claims())), "unavailable ERR_JWKS_UNAVAILABLE");
    let fetch = verifier.issuers()[0].keys().next_fetch(NOW).unwrap();
    assert_eq!(fetch.url(), "https://issuer.example/.well-known/oauth-authorization-server");
    let stranger = json!({ "issuer": OTHER_ISSUER, "jwks_uri": "https://keys.example/jwks" });
    let refused = give(&mut verifier, &fetch, stranger.to_string().as_bytes(), NOW);
    assert!(matches!(refused, Err(Error::JwksInvalid(_))), "another issuer's metadata says nothing");
    let metadata = json!({
        "issuer": ISSUER, "jwks_uri": "https://keys.example/jwks", "id_token_signing_alg_values_supported": ["none"],
    });
    let next = give(&mut verifier, &fetch, metadata.to_string().as_bytes(), NOW).unwrap().unwrap();
    assert_eq!(next.url(), "https://keys.example/jwks");
    assert_eq!(give(&mut verifier, &next, jwks().to_string().as_bytes(), NOW), Ok(None));
    assert_eq!(verdict(&verifier, &token(claims())), "allow");
}

#[test]
fn a_private_key_that_is_published_verifies_nothing() {
    let mut verifier = remote();
    let mut private = public_jwk(&issuer_key());
    private["d"] = json!(base64url([7; 32]));
    let refused = read(&mut verifier, &json!({ "keys": [private] }), NOW);
    assert_eq!(refused, Err(Error::JwkInvalid("a published private key is none")));
    let mut other = public_jwk(&other_key());
    other["kid"] = json!("issuer-2");
    read(&mut verifier, &json!({ "keys": [private, other] }), NOW).unwrap();
    assert_eq!(verdict(&verifier, &token(claims())), "deny ERR_JWKS_NO_MATCHING_KEY");
}

#[test]
fn a_verifier_that_is_seeded_answers_before_it_has_read_anything() {
    let mut first = remote();
    read(&mut first, &jwks(), NOW).unwrap();
    let saved = first.issuers()[0].keys().export().unwrap();
    let mut second = remote();
    second.issuer_mut(0).unwrap().keys_mut().seed(saved.as_bytes(), NOW.plus_seconds(10)).unwrap();
    let long = token(claims_with(json!({ "exp": SECONDS + 86_400 })));
    assert_eq!(outcome(&second.verify(&long, NOW.plus_seconds(3599))), "allow");
    assert_eq!(outcome(&second.verify(&long, NOW.plus_seconds(3600))), "unavailable ERR_JWKS_UNAVAILABLE");
}

#[test]
fn a_token_is_verified_with_a_key_given_as_pem_and_is_revoked_by_that_keys_thumbprint() {
    let key = issuer_key();
    let pem = key.public_key().to_pem().unwrap();
    let with_kid = |kid: Value| config_with_keys(json!({ "pem": { "key": pem, "kid": kid } }));
    assert_eq!(verdict(&verifier_of(&with_kid(json!("issuer-1")), &[]), &token(claims())), "allow");
    assert_eq!(
        verdict(&verifier_of(&with_kid(json!("issuer-2")), &[]), &token(claims())),
        "deny ERR_JWKS_NO_MATCHING_KEY"
    );
    let nameless = config_with_keys(json!({ "pem": pem }));
    assert_eq!(verdict(&verifier_of(&nameless, &[]), &without_kid(&key)), "allow");
    let revoked = verifier_of(&nameless, &[outright(&["@key"], json!([thumbprint(&key)]))]);
    assert_eq!(verdict(&revoked, &without_kid(&key)), "deny ERR_JWT_REVOKED");
}

/// The configuration with the issuer's keys given so.
fn config_with_keys(keys: Value) -> Value {
    let mut config = config_with(keys);
    config["issuers"][0].as_object_mut().unwrap().remove("jwks").unwrap();
    config
}

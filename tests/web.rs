//! The core in a browser, on the vectors: `wasm-pack test --headless --chrome` (or `--firefox`).

#![cfg(target_arch = "wasm32")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at the first surprise"
)]

use serde_json::Value as Json;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

use revocable::config::VerifierConfig;
use revocable::{Decision, Error, Id, Jwks, Offer, Rule, Salt, Secrets, UnixTime, Unknown, Value, Verifier};

wasm_bindgen_test_configure!(run_in_browser);

const IDS: &str = include_str!("vectors/ids.json");
const CONFIG: &str = include_str!("vectors/snapshot/config.json");
const TOKENS: &str = include_str!("vectors/snapshot/tokens.json");
const MANIFEST: &[u8] = include_bytes!("vectors/snapshot/manifest.jwt");
const SEGMENTS: &[&[u8]] = &include!("vectors/snapshot/segments.in");

#[wasm_bindgen_test]
fn ids_are_those_of_an_independent_implementation() {
    let rows: Vec<Json> = serde_json::from_str(IDS).unwrap();
    assert!(rows.len() > 30);
    for row in rows {
        let members = row["rule"].as_array().unwrap().iter().map(|member| member.as_str().unwrap());
        let mut named: Vec<(&str, &Json)> = members.zip(row["values"].as_array().unwrap()).collect();
        named.sort_by_key(|(member, _)| member.as_bytes());
        let values: Vec<Value<'_>> =
            named.iter().map(|(_, value)| Value::from_json(value).unwrap()).collect();
        let rule = Rule::new(named.iter().map(|(member, _)| *member)).unwrap();
        let salt = Salt::from_hex(row["salt"].as_str().unwrap()).unwrap();
        let id = Id::new(salt, &rule, row["issuer"].as_str().unwrap(), &values);
        assert_eq!(id.to_string(), row["id"], "{row}");
    }
}

#[wasm_bindgen_test]
fn every_token_of_the_vectors_fares_as_it_says() {
    let verifier = with_snapshot();
    let document = tokens();
    let rows = document["tokens"].as_array().unwrap();
    for row in rows {
        let decision = verifier.verify(row["token"].as_str().unwrap(), now());
        assert_eq!(outcome(&decision), row["outcome"], "{}", row["name"]);
    }
    for outcome in ["allow", "deny ERR_JWT_REVOKED", "deny ERR_JWT_EXPIRED", "deny ERR_JWS_INVALID"] {
        assert!(rows.iter().any(|row| row["outcome"] == outcome), "no token ends with {outcome}");
    }
}

#[wasm_bindgen_test]
fn an_allowed_token_comes_with_its_claims_and_the_age_of_the_lists() {
    let decision = with_snapshot().verify(&token("good"), now());
    let Decision::Allow(allowed) = &decision else { panic!("{decision:?}") };
    assert_eq!(allowed.claims.subject(), Some("alice"));
    assert_eq!(decision.snapshot().unwrap().seq, 42);
    assert_eq!(decision.snapshot().unwrap().age_millis, 5000);
}

#[wasm_bindgen_test]
fn without_a_snapshot_a_good_token_is_unavailable() {
    let decision = verifier().verify(&token("good"), now());
    assert!(matches!(decision, Decision::Unavailable(_)));
    assert_eq!(decision.error(), Some(&Error::RevocationUnavailable(Unknown::NoSnapshot)));
}

#[wasm_bindgen_test]
fn a_token_with_any_character_changed_is_refused() {
    let verifier = with_snapshot();
    let good = token("good, HS256");
    for index in 0..good.len() {
        let mut changed = good.clone().into_bytes();
        changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(matches!(verifier.verify(&changed, now()), Decision::Deny(_)), "character {index}");
    }
}

#[wasm_bindgen_test]
fn bad_input_is_refused_and_the_verifier_goes_on() {
    let mut verifier = with_snapshot();
    let texts = [
        "".to_owned(),
        "a.b".to_owned(),
        "a.b.c.d".to_owned(),
        "a".repeat(1_000_000),
        "\u{0}.\u{1}.é".to_owned(),
    ];
    for text in texts {
        assert_eq!(outcome(&verifier.verify(&text, now())), "deny ERR_JWS_INVALID");
    }
    assert!(matches!(Jwks::parse(b"<!doctype html>", Secrets::Allow), Err(Error::JwksInvalid(_))));
    let lists = verifier.revocations_mut().unwrap();
    for index in (0..MANIFEST.len()).step_by(37) {
        let mut changed = MANIFEST.to_vec();
        changed[index] ^= 1;
        assert!(lists.offer(&changed, now()).is_err(), "byte {index}");
    }
    assert_eq!(outcome(&verifier.verify(&token("good"), now())), "allow");
    assert_eq!(outcome(&verifier.verify(&token("revoked by jti"), now())), "deny ERR_JWT_REVOKED");
}

#[wasm_bindgen_test]
fn a_changed_or_truncated_segment_is_refused() {
    let mut verifier = verifier();
    let lists = verifier.revocations_mut().unwrap();
    let Ok(Offer::Newer(mut incoming)) = lists.offer(MANIFEST, now()) else { panic!("a good manifest") };
    for segment in SEGMENTS {
        let mut changed = segment.to_vec();
        changed[16] ^= 1;
        assert_eq!(incoming.supply(changed), Err(Error::SegmentHashMismatch));
        let (_, truncated) = segment.split_last().unwrap();
        assert_eq!(incoming.supply(truncated.to_vec()), Err(Error::SegmentHashMismatch));
    }
    assert_eq!(incoming.missing().len(), SEGMENTS.len());
    assert_eq!(lists.accept(*incoming, now()), Err(Error::SegmentMissing));
}

fn verifier() -> Verifier {
    VerifierConfig::parse(CONFIG).and_then(|config| config.build()).unwrap()
}

fn with_snapshot() -> Verifier {
    let mut verifier = verifier();
    let lists = verifier.revocations_mut().unwrap();
    let Ok(Offer::Newer(mut incoming)) = lists.offer(MANIFEST, now()) else { panic!("a good manifest") };
    for segment in SEGMENTS {
        incoming.supply(segment.to_vec()).unwrap();
    }
    lists.accept(*incoming, now()).unwrap();
    verifier
}

fn tokens() -> Json {
    serde_json::from_str(TOKENS).unwrap()
}

fn now() -> UnixTime {
    UnixTime::from_seconds(tokens()["now"].as_u64().unwrap())
}

fn token(name: &str) -> String {
    let document = tokens();
    let row = document["tokens"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
    row["token"].as_str().unwrap().to_owned()
}

/// `allow`, `deny ERR_…` or `unavailable ERR_…`.
fn outcome(decision: &Decision) -> String {
    match decision {
        Decision::Allow(_) => "allow".to_owned(),
        Decision::Deny(refused) => format!("deny {}", refused.error.code().as_str()),
        Decision::Unavailable(refused) => format!("unavailable {}", refused.error.code().as_str()),
    }
}

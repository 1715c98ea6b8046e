//! The published vectors of `tests/vectors/suites`: every engine of [`revocable::engine::DEFAULT`] gives the published
//! verdict on each, but for those that `exceptions.json` names with a reason.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may stop at the first surprise"
)]

#[path = "common/suites.rs"]
mod suites;

use serde_json::{Value, json};
use suites::Row;

#[test]
fn every_engine_gives_the_published_verdict_on_every_vector_it_claims() {
    let rows = suites::run(None);
    let failures: Vec<&str> = rows.iter().flat_map(|row| &row.failures).map(String::as_str).collect();
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
    let judged: usize = rows.iter().map(|row| row.passed + row.excepted).sum();
    let published: usize = PUBLISHED.iter().map(|(_, cases)| cases).sum();
    assert!(judged >= published, "{judged} of {published} were judged");
}

#[test]
fn no_published_case_has_been_lost() {
    let found: Vec<(String, usize)> = suites::names()
        .into_iter()
        .map(|name| {
            let cases = suites::cases(&suites::load(&name));
            (name, cases)
        })
        .collect();
    let published: Vec<(String, usize)> =
        PUBLISHED.iter().map(|(name, cases)| ((*name).into(), *cases)).collect();
    assert_eq!(found, published);
}

/// How many cases each suite has; a suite of Wycheproof's, as many as it says in its own file, but for `rsa_pss_misc`, of
/// which three have JOSE's parameters.
const PUBLISHED: &[(&str, usize)] = &[
    ("ecdsa_secp256k1_sha256_p1363", 252),
    ("ecdsa_secp256r1_sha256_p1363", 262),
    ("ecdsa_secp384r1_sha384_p1363", 280),
    ("ecdsa_secp521r1_sha512_p1363", 318),
    ("ed25519", 151),
    ("ed25519_speccheck", 10),
    ("hmac_sha256", 174),
    ("hmac_sha384", 174),
    ("hmac_sha512", 174),
    ("json_web_key", 26),
    ("json_web_signature", 401),
    ("mldsa_44_verify", 180),
    ("mldsa_65_verify", 210),
    ("mldsa_87_verify", 241),
    ("rfc7515", 5),
    ("rfc7520", 8),
    ("rfc8037", 1),
    ("rfc_signatures", 13),
    ("rsa_pss_2048_sha256_mgf1_32", 108),
    ("rsa_pss_2048_sha384_mgf1_48", 141),
    ("rsa_pss_3072_sha256_mgf1_32", 108),
    ("rsa_pss_4096_sha256_mgf1_32", 108),
    ("rsa_pss_4096_sha384_mgf1_48", 141),
    ("rsa_pss_4096_sha512_mgf1_64", 179),
    ("rsa_pss_misc", 3),
    ("rsa_signature_2048_sha256", 259),
    ("rsa_signature_2048_sha384", 258),
    ("rsa_signature_2048_sha512", 259),
    ("rsa_signature_3072_sha256", 259),
    ("rsa_signature_3072_sha384", 259),
    ("rsa_signature_3072_sha512", 260),
    ("rsa_signature_4096_sha256", 258),
    ("rsa_signature_4096_sha384", 259),
    ("rsa_signature_4096_sha512", 259),
    ("rsa_signature_8192_sha256", 258),
    ("rsa_signature_8192_sha384", 259),
    ("rsa_signature_8192_sha512", 259),
];

// The judge itself: each way in which a case can fail does fail. The token and the secret are those of RFC 7515 A.1.

#[test]
fn a_verdict_other_than_the_published_one_fails() {
    assert_eq!(judge(&[case(1, GOOD, "valid"), case(2, BAD, "invalid")], &[]), (2, 0, 0));
    assert_eq!(judge(&[case(1, GOOD, "invalid"), case(2, BAD, "valid")], &[]), (0, 0, 2));
}

#[test]
fn an_excepted_case_is_to_come_out_the_other_way_round() {
    assert_eq!(judge(&[case(1, BAD, "valid")], &[exception("1", "all", "invalid")]), (0, 1, 0));
    assert_eq!(judge(&[case(1, GOOD, "valid")], &[exception("1", "all", "invalid")]), (0, 0, 1));
    assert_eq!(judge(&[case(1, GOOD, "valid")], &[exception("1", "all", "valid")]), (0, 0, 1));
}

#[test]
fn an_exception_that_no_case_needs_fails() {
    assert_eq!(judge(&[case(1, GOOD, "valid")], &[exception("2-3", "all", "invalid")]), (1, 0, 2));
}

#[test]
fn an_exception_for_one_engine_does_not_excuse_another() {
    assert_eq!(judge(&[case(1, BAD, "valid")], &[exception("1", "another", "invalid")]), (0, 0, 1));
}

#[test]
fn a_case_that_is_left_open_needs_a_rule_for_its_flag() {
    let open =
        |flag: &str| json!({ "id": 1, "comment": "", "token": BAD, "result": "acceptable", "flags": [flag] });
    let rules = json!({ "Lax": { "verdict": "invalid", "reason": "one spelling is enough" } });
    let count = |flag: &str| counts(&suites::judge(&[suite(&[open(flag)])], &document(&[], &rules), true));
    assert_eq!(count("Lax"), (1, 0, 0));
    // The case without a rule, and the rule without a case.
    assert_eq!(count("Other"), (0, 0, 2));
}

#[test]
fn an_algorithm_that_no_engine_knows_fails() {
    let group = json!({ "alg": "HS256", "jwk": { "kty": "oct", "k": SECRET }, "tests": [
        { "id": 1, "comment": "", "msg": "", "sig": "", "result": "invalid" }] });
    let suite = json!({ "suite": "made-up", "groups": [group] });
    assert_eq!(
        counts(&suites::judge_with(std::slice::from_ref(&suite), &document(&[], &json!({})), true, &[])),
        (0, 0, 1)
    );
    assert_eq!(counts(&suites::judge(&[suite], &document(&[], &json!({})), true)), (1, 0, 0));
}

/// Passed, excepted, failed.
fn judge(cases: &[Value], exceptions: &[Value]) -> (usize, usize, usize) {
    counts(&suites::judge(&[suite(cases)], &document(exceptions, &json!({})), true))
}

fn counts(rows: &[Row]) -> (usize, usize, usize) {
    let sum = |count: fn(&Row) -> usize| rows.iter().map(count).sum();
    (sum(|row| row.passed), sum(|row| row.excepted), sum(|row| row.failures.len()))
}

fn suite(cases: &[Value]) -> Value {
    let jwks = json!({ "keys": [{ "kty": "oct", "k": SECRET }] });
    json!({ "suite": "made-up", "groups": [{ "jwks": jwks, "tests": cases }] })
}

fn case(id: u64, token: &str, result: &str) -> Value {
    json!({ "id": id, "comment": "", "token": token, "result": result })
}

fn exception(ids: &str, engine: &str, verdict: &str) -> Value {
    json!({ "suite": "made-up", "ids": ids, "engine": engine, "verdict": verdict, "reason": "a test" })
}

fn document(exceptions: &[Value], acceptable: &Value) -> Value {
    json!({ "acceptable": acceptable, "exceptions": exceptions })
}

const SECRET: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
const GOOD: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const BAD: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.XBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

//! First to third stage: the token's text, its key, its signature.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use revocable::{Decision, Status, Unverified};

use crate::common::*;

const HEADER: &str = r#"{"alg":"ES256","kid":"issuer-1"}"#;

#[test]
fn a_good_token_of_either_algorithm_is_allowed_with_its_claims_and_the_age_of_the_lists() {
    let verifier = verifier(&[outright(&["jti"], json!(["another"]))]);
    for token in [token(claims()), hs256(claims())] {
        let decision = verifier.verify(&token, NOW.plus_seconds(3));
        let Decision::Allow(allowed) = &decision else { panic!("{decision:?}") };
        assert_eq!(allowed.claims.issuer(), ISSUER);
        assert_eq!(allowed.claims.subject(), Some("alice"));
        assert_eq!(allowed.claims.client(), Some("app-1"));
        assert_eq!(allowed.claims.token_id(), Some("t-1"));
        assert_eq!(allowed.claims.issued_at().unwrap().as_seconds(), SECONDS - 10);
        assert_eq!(Value::Object(allowed.claims.payload().clone()), claims());
        assert_eq!(allowed.status, Some(Status::NotRevoked));
        let snapshot = decision.snapshot().unwrap();
        assert_eq!((snapshot.seq, snapshot.age_millis, snapshot.checked_millis_ago), (1, 3000, 3000));
    }
}

#[test]
fn every_code_that_a_token_can_meet_is_met() {
    let list = [outright(&["jti"], json!(["revoked"]))];
    let good = verifier(&list);
    let without_snapshot = build(&config()).unwrap();
    let mut remote = config();
    remote["issuers"][0] = json!({ "issuer": ISSUER, "jwksUri": "https://issuer.example/jwks.json" });
    let without_keys = build(&remote).unwrap();
    let scoped = build(&config_with(json!({ "scopes": ["read"] }))).unwrap();
    let met: BTreeSet<String> = [
        verdict(&good, "no token"),
        verdict(&good, &raw_payload("[]")),
        verdict(&good, &raw(r#"{"alg":"ES256","crit":["exp"]}"#, "{}", &issuer_key())),
        verdict(&good, &token(claims_with(json!({ "iss": "https://stranger.example" })))),
        verdict(&good, &raw(r#"{"alg":"RS256"}"#, claims().to_string(), &issuer_key())),
        verdict(&good, &raw(r#"{"alg":"ES256","kid":"?"}"#, claims().to_string(), &issuer_key())),
        verdict(&good, &raw(HEADER, claims().to_string(), &other_key())),
        verdict(&good, &token(claims_without("exp"))),
        verdict(&good, &token(claims_with(json!({ "exp": SECONDS - 100 })))),
        verdict(&good, &token(claims_with(json!({ "jti": "revoked" })))),
        verdict(&scoped, &token(claims())),
        verdict(&without_snapshot, &token(claims())),
        verdict(&without_keys, &token(claims())),
        verdict(&good, &token(claims())),
    ]
    .into();
    let every = [
        "allow",
        "deny ERR_JOSE_ALG_NOT_ALLOWED",
        "deny ERR_JOSE_NOT_SUPPORTED",
        "deny ERR_JWKS_NO_MATCHING_KEY",
        "deny ERR_JWS_INVALID",
        "deny ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
        "deny ERR_JWT_CLAIM_VALIDATION_FAILED",
        "deny ERR_JWT_EXPIRED",
        "deny ERR_JWT_INSUFFICIENT_SCOPE",
        "deny ERR_JWT_INVALID",
        "deny ERR_JWT_ISSUER_UNKNOWN",
        "deny ERR_JWT_REVOKED",
        "unavailable ERR_JWKS_UNAVAILABLE",
        "unavailable ERR_REVOCATION_UNAVAILABLE",
    ];
    assert_eq!(met, every.map(str::to_owned).into());
}

#[test]
fn a_text_that_is_not_three_parts_of_canonical_base64url_is_refused() {
    let verifier = verifier(&[]);
    let good = token(claims());
    assert_eq!(verdict(&verifier, &good), "allow");
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let not_canonical = [
        "".to_owned(),
        "nodots".to_owned(),
        format!("{header}.{payload}"),
        format!("{good}."),
        format!("{good}.{signature}"),
        format!(".{payload}.{signature}"),
        format!("{header}..{signature}"),
        format!("{header}.{payload}."),
        "..".to_owned(),
        format!("{good}="),
        format!("{good}=="),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{header}.{payload}.{}", signature.replace(['-', '_'], "+")) + "+",
        format!("{header}.{payload}.{}", trailing_bits_set(signature)),
        format!("{header}.{payload} .{signature}"),
        format!("{header}\u{0}.{payload}.{signature}"),
        format!("é{good}"),
        good.replace('.', "\u{ff0e}"),
    ];
    for token in not_canonical {
        assert_eq!(verdict(&verifier, &token), "deny ERR_JWS_INVALID", "{token:?}");
    }
}

/// Another spelling of the same 64 bytes: 64 bytes leave 4 unused bits in the last of 86 digits.
fn trailing_bits_set(signature: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = signature.split_at(signature.len() - 1);
    let value = DIGITS.iter().position(|digit| *digit == last.as_bytes()[0]).unwrap();
    assert_eq!(value & 0b1111, 0, "jwt-simple writes the canonical digit");
    format!("{rest}{}", char::from(DIGITS[value | 1]))
}

#[test]
fn a_token_without_a_signature_is_refused_whatever_alg_none_is_spelled_like() {
    let verifier = verifier(&[]);
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = json!({ "alg": alg, "kid": "issuer-1" }).to_string();
        let unsigned = format!("{}.{}.", base64url(&header), base64url(claims().to_string()));
        let refused = if alg == "none" { "deny ERR_JOSE_ALG_NOT_ALLOWED" } else { "deny ERR_JWS_INVALID" };
        assert_eq!(verdict(&verifier, &unsigned), refused, "{alg}");
        let signed = raw(&header, claims().to_string(), &issuer_key());
        assert_eq!(verdict(&verifier, &signed), "deny ERR_JOSE_ALG_NOT_ALLOWED", "{alg}");
    }
}

#[test]
fn the_key_fixes_the_algorithm_so_that_a_public_key_is_never_a_secret() {
    let public_only = verifier_of(&config_with(json!({ "jwks": public_jwk(&issuer_key()) })), &[]);
    let public = issuer_key().public_key();
    let documents = [public.to_jwk().into_bytes(), public.to_pem().unwrap().into_bytes(), public.to_bytes()];
    for document in documents {
        for kid in [json!({ "alg": "HS256", "kid": "issuer-1" }), json!({ "alg": "HS256" })] {
            let input = format!("{}.{}", base64url(kid.to_string()), base64url(claims().to_string()));
            let tag = hmac(&document, input.as_bytes());
            let forged = format!("{input}.{}", base64url(tag));
            assert_eq!(verdict(&public_only, &forged), "deny ERR_JOSE_ALG_NOT_ALLOWED");
        }
    }
}

fn hmac(secret: &[u8], input: &[u8]) -> Vec<u8> {
    use jwt_simple::algorithms::{HS256Key, MACLike as _};
    HS256Key::from_bytes(secret).authentication_tag(input)
}

#[test]
fn a_token_by_the_right_secret_under_the_public_keys_kid_is_refused_and_under_its_own_is_allowed() {
    let verifier = verifier(&[]);
    for (kid, expected) in [("issuer-1", "deny ERR_JOSE_ALG_NOT_ALLOWED"), ("secret-1", "allow")] {
        let header = json!({ "alg": "HS256", "kid": kid }).to_string();
        let input = format!("{}.{}", base64url(header), base64url(claims().to_string()));
        let token = format!("{input}.{}", base64url(hmac(&[9; 32], input.as_bytes())));
        assert_eq!(verdict(&verifier, &token), expected);
    }
}

#[test]
fn a_kid_that_no_key_bears_is_refused_and_a_token_without_kid_is_tried_with_every_key() {
    let verifier = verifier(&[]);
    let signed = |header: &str| raw(header, claims().to_string(), &issuer_key());
    assert_eq!(
        verdict(&verifier, &signed(r#"{"alg":"ES256","kid":"issuer-2"}"#)),
        "deny ERR_JWKS_NO_MATCHING_KEY"
    );
    assert_eq!(verdict(&verifier, &signed(r#"{"alg":"ES256","kid":""}"#)), "deny ERR_JWKS_NO_MATCHING_KEY");
    assert_eq!(verdict(&verifier, &signed(r#"{"alg":"ES256"}"#)), "allow");
    let foreign = raw(r#"{"alg":"ES256"}"#, claims().to_string(), &other_key());
    assert_eq!(verdict(&verifier, &foreign), "deny ERR_JWS_SIGNATURE_VERIFICATION_FAILED");
}

#[test]
fn keys_that_a_token_brings_along_are_not_looked_at() {
    let verifier = verifier(&[]);
    let own = json!({
        "alg": "ES256", "kid": "issuer-1", "jwk": public_jwk(&other_key()), "jku": "https://evil.example/jwks.json",
    });
    let forged = raw(&own.to_string(), claims().to_string(), &other_key());
    assert_eq!(verdict(&verifier, &forged), "deny ERR_JWS_SIGNATURE_VERIFICATION_FAILED");
}

#[test]
fn a_changed_header_payload_or_signature_is_refused() {
    let verifier = verifier(&[]);
    let good = token(claims());
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let other = base64url(claims_with(json!({ "sub": "mallory" })).to_string());
    let changed = [
        format!("{header}.{other}.{signature}"),
        format!("{}.{payload}.{signature}", base64url(HEADER)),
        format!("{header}.{payload}.{}", base64url([0; 64])),
        format!("{header}.{payload}.{}", base64url([0xff; 64])),
        format!("{header}.{payload}.{}", base64url([1; 63])),
        format!("{header}.{payload}.{}", base64url([1; 65])),
        format!("{header}.{payload}.{}", base64url([1])),
    ];
    for token in changed {
        assert_eq!(verdict(&verifier, &token), "deny ERR_JWS_SIGNATURE_VERIFICATION_FAILED", "{token}");
    }
}

#[test]
fn a_payload_that_is_not_one_strict_json_object_is_refused_though_its_signature_is_good() {
    let verifier = verifier(&[]);
    let twice = claims().to_string().replacen('{', r#"{"sub":"mallory","#, 1);
    let nested = format!(r#"{{"iss":"{ISSUER}","a":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
    let objects = format!("{}1{}", r#"{"a":"#.repeat(1500), "}".repeat(1500));
    let wrong: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"null".to_vec(),
        b"\"text\"".to_vec(),
        b"[{}]".to_vec(),
        b"{".to_vec(),
        b"{}{}".to_vec(),
        b"{\"sub\":\"\xff\xfe\"}".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        b"{\"sub\":\"\\ud800\"}".to_vec(),
        b"{\"exp\":1e400}".to_vec(),
        b"{\"exp\":NaN}".to_vec(),
        b"{'sub':'a'}".to_vec(),
        twice.into_bytes(),
        nested.into_bytes(),
        objects.into_bytes(),
    ];
    for payload in wrong {
        let token = raw_payload(&payload);
        let refused = if payload.is_empty() { "deny ERR_JWS_INVALID" } else { "deny ERR_JWT_INVALID" };
        assert_eq!(verdict(&verifier, &token), refused, "{}", String::from_utf8_lossy(&payload));
    }
}

#[test]
fn a_token_of_a_megabyte_or_nested_ten_thousand_deep_is_refused_for_its_length_alone() {
    let verifier = verifier(&[]);
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let long = claims_with(json!({ "x": "x".repeat(1_000_000) }));
    for token in [raw_payload(deep), token(long), "a".repeat(1_000_000), ".".repeat(1_000_000)] {
        let decision = verifier.verify(&token, NOW);
        assert_eq!(decision.error().unwrap().to_string(), Unverified::parse(&token).unwrap_err().to_string());
        assert_eq!(outcome(&decision), "deny ERR_JWS_INVALID");
        assert!(decision.error().unwrap().to_string().ends_with("it is too long"));
    }
}

#[test]
fn a_header_that_is_malformed_or_asks_for_an_extension_is_refused() {
    let verifier = verifier(&[]);
    let malformed = [
        "null",
        "[]",
        "",
        "{",
        r#"{"kid":"issuer-1"}"#,
        r#"{"alg":null}"#,
        r#"{"alg":["ES256"]}"#,
        r#"{"alg":"ES256","kid":7}"#,
        r#"{"alg":"ES256","typ":{}}"#,
        r#"{"alg":"ES256","alg":"ES256"}"#,
    ];
    for header in malformed {
        let token = raw(header, claims().to_string(), &issuer_key());
        assert_eq!(verdict(&verifier, &token), "deny ERR_JWS_INVALID", "{header}");
    }
    let extensions = [
        (r#"{"alg":"ES256","crit":["exp"],"exp":1}"#, "deny ERR_JOSE_NOT_SUPPORTED"),
        (r#"{"alg":"ES256","crit":[]}"#, "deny ERR_JWS_INVALID"),
        (r#"{"alg":"ES256","crit":["b64"],"b64":false}"#, "deny ERR_JWT_INVALID"),
        (r#"{"alg":"ES256","b64":true}"#, "deny ERR_JWT_INVALID"),
    ];
    for (header, refused) in extensions {
        let token = raw(header, claims().to_string(), &issuer_key());
        assert_eq!(verdict(&verifier, &token), refused, "{header}");
    }
}

#[test]
fn no_message_holds_anything_of_the_token() {
    let verifier = verifier(&[outright(&["sub"], json!(["marker"]))]);
    let marked = |changes: Value| token(claims_with(changes));
    let tokens = [
        marked(json!({ "sub": "marker" })),
        marked(json!({ "iss": "marker" })),
        marked(json!({ "exp": "marker" })),
        marked(json!({ "exp": SECONDS - 60, "x": "marker" })),
        raw(r#"{"alg":"marker","kid":"marker"}"#, claims().to_string(), &issuer_key()),
        raw(r#"{"alg":"ES256","kid":"marker"}"#, claims().to_string(), &issuer_key()),
        raw_payload("{\"marker\":marker}"),
        "marker".to_owned(),
    ];
    for token in tokens {
        let decision = verifier.verify(&token, NOW);
        let message = decision.error().unwrap().to_string();
        assert!(!message.contains("marker"), "{message}");
    }
}

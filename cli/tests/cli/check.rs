//! `revocable check`: verdicts on tokens that jwt-simple signed.

use std::fs;

use jwt_simple::prelude::{ES256KeyPair, HS256Key};
use serde_json::{Value, json};

use crate::support::{
    AUTHORITY, Ended, ISSUER, NOW, Sandbox, issuer_key, line, manifest, revoke, secret_token,
    secret_token_of, token, token_of,
};

fn with_snapshot(test: &str, lines: &str) -> Sandbox {
    let sandbox = Sandbox::with_keys(test);
    sandbox.build("snapshot", lines, &[]).succeeds();
    sandbox
}

impl Ended {
    #[track_caller]
    fn allows(self) -> Value {
        let verdict = self.succeeds().json();
        assert_eq!(verdict["decision"], "allow", "{verdict}");
        verdict
    }

    #[track_caller]
    fn denies(self, code: &str) -> Value {
        assert_eq!((self.code, self.stderr.as_str()), (1, ""), "{}", self.stdout);
        let verdict = self.json();
        assert_eq!((&verdict["decision"], &verdict["code"]), (&json!("deny"), &json!(code)), "{verdict}");
        assert!(verdict["claims"].is_null());
        verdict
    }

    #[track_caller]
    fn cannot_tell(self, code: &str) -> Value {
        let ended = self.fails(2, code);
        let verdict = ended.json();
        assert_eq!(
            (&verdict["decision"], &verdict["code"]),
            (&json!("unavailable"), &json!(code)),
            "{verdict}"
        );
        assert!(verdict["claims"].is_null());
        verdict
    }
}

#[test]
fn a_good_token_is_allowed_with_its_claims_and_the_age_of_the_snapshot() {
    let sandbox = with_snapshot("check-good", &revoke(&["jti"], &["another"]));
    let later = (NOW + 90).to_string();
    let verdict =
        sandbox.check_with("snapshot", &token(json!({ "role": "admin" })), &["--now", &later]).allows();
    assert_eq!(verdict["status"], "not-revoked");
    assert_eq!((&verdict["seq"], &verdict["ageSeconds"]), (&json!(1), &json!(90)));
    assert_eq!((&verdict["claims"]["sub"], &verdict["claims"]["role"]), (&json!("alice"), &json!("admin")));
    let verdict = sandbox.check("snapshot", &secret_token(json!({}))).allows();
    assert_eq!(verdict["claims"]["jti"], "t-1");
}

#[test]
fn each_of_the_four_rules_refuses_what_it_names_and_nothing_else() {
    let thumbprint = issuer_key().jwk_thumbprint();
    let others = [
        ("jti", vec!["jti"], vec!["t-1"], json!({ "jti": "t-2" })),
        ("sub", vec!["sub"], vec!["alice"], json!({ "sub": "bob" })),
        ("app", vec!["azp", "sub"], vec!["app-1", "alice"], json!({ "azp": "app-2" })),
    ];
    for (name, rule, values, other) in others {
        let sandbox = with_snapshot(&format!("check-rule-{name}"), &revoke(&rule, &values));
        let verdict = sandbox.check("snapshot", &token(json!({}))).denies("ERR_JWT_REVOKED");
        assert_eq!((&verdict["rule"], &verdict["kind"]), (&json!(rule), &json!("outright")));
        assert_eq!((&verdict["status"], &verdict["seq"]), (&json!("revoked"), &json!(1)));
        sandbox.check("snapshot", &secret_token(json!({}))).denies("ERR_JWT_REVOKED");
        sandbox.check("snapshot", &token(other)).allows();
    }
    let sandbox = with_snapshot("check-rule-key", &revoke(&["@key"], &[&thumbprint]));
    let verdict = sandbox.check("snapshot", &token(json!({}))).denies("ERR_JWT_REVOKED");
    assert_eq!(verdict["rule"], json!(["@key"]));
    sandbox.check("snapshot", &secret_token(json!({}))).allows();
    // Whoever holds the key chooses the header too.
    let nameless = ES256KeyPair::from_bytes(&issuer_key().to_bytes()).unwrap();
    sandbox.check("snapshot", &token_of(&nameless, json!({}))).denies("ERR_JWT_REVOKED");
    sandbox.build("snapshot", "", &["--previous", "snapshot"]).succeeds();
    sandbox.check("snapshot", &token_of(&nameless, json!({}))).allows();
}

#[test]
fn a_cutoff_refuses_what_was_issued_before_it_and_lets_the_rest_pass() {
    let cutoff = json!({ "rule": ["sub"], "issuer": ISSUER, "values": ["alice"], "before": 1_789_999_900.5 });
    let sandbox = with_snapshot("check-cutoff", &line(cutoff));
    for (iat, stands) in [
        (json!(1_789_999_900), false),
        (json!(1_789_999_900.499), false),
        (Value::Null, false),
        (json!(1_789_999_900.5), true),
        (json!(1_789_999_901), true),
    ] {
        let ended = sandbox.check("snapshot", &token(json!({ "iat": iat })));
        if stands {
            ended.allows();
        } else {
            assert_eq!(ended.denies("ERR_JWT_REVOKED")["kind"], "cutoff", "{iat}");
        }
    }
}

#[test]
fn a_bad_token_is_denied_with_its_code_whatever_the_state_of_the_snapshot() {
    let sandbox = with_snapshot("check-bad", &revoke(&["jti"], &["another"]));
    let other = |kid| ES256KeyPair::from_bytes(&[8; 32]).unwrap().with_key_id(kid);
    // The public key's bytes, which everybody knows, taken for a secret.
    let public = issuer_key().public_key().to_bytes();
    let confused = secret_token_of(&HS256Key::from_bytes(&public).with_key_id("es-1"), json!({}));
    let good = token(json!({}));
    let (unsigned, _) = good.rsplit_once('.').unwrap();
    let cases = [
        (String::new(), "ERR_JWS_INVALID"),
        ("no-dots".to_owned(), "ERR_JWS_INVALID"),
        (format!("{good}.x"), "ERR_JWS_INVALID"),
        (format!("{unsigned}."), "ERR_JWS_INVALID"),
        (format!("{good}="), "ERR_JWS_INVALID"),
        (format!("eyJhbGciOiJub25lIn0.{}.", unsigned.split('.').nth(1).unwrap()), "ERR_JOSE_ALG_NOT_ALLOWED"),
        (token_of(&other("es-1"), json!({})), "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"),
        (token_of(&other("es-2"), json!({})), "ERR_JWKS_NO_MATCHING_KEY"),
        (confused, "ERR_JOSE_ALG_NOT_ALLOWED"),
        (token(json!({ "iss": "https://elsewhere.example" })), "ERR_JWT_ISSUER_UNKNOWN"),
        (token(json!({ "exp": NOW - 6 })), "ERR_JWT_EXPIRED"),
        (token(json!({ "nbf": NOW + 6 })), "ERR_JWT_CLAIM_VALIDATION_FAILED"),
        (token(json!({ "iat": NOW + 6 })), "ERR_JWT_CLAIM_VALIDATION_FAILED"),
        (token(json!({ "exp": null })), "ERR_JWT_CLAIM_VALIDATION_FAILED"),
        (String::from_utf8(sandbox.read("snapshot/manifest.jwt")).unwrap(), "ERR_JWT_ISSUER_UNKNOWN"),
    ];
    for snapshot in ["snapshot", "nowhere"] {
        for (bad, code) in &cases {
            let verdict = sandbox.check(snapshot, bad).denies(code);
            assert_eq!(verdict["status"], Value::Null, "the lists were not asked");
        }
    }
}

#[test]
fn a_token_without_the_claim_that_a_rule_needs_is_denied() {
    let sandbox = with_snapshot("check-no-jti", &revoke(&["jti"], &["another"]));
    sandbox.check("snapshot", &token(json!({ "jti": null }))).denies("ERR_JWT_CLAIM_VALIDATION_FAILED");
}

#[test]
fn one_of_the_audiences_asked_for_is_enough_and_none_is_too_little() {
    let sandbox = with_snapshot("check-audience", "");
    let with = |audiences: &[&str]| {
        let more: Vec<&str> = audiences.iter().flat_map(|audience| ["--audience", audience]).collect();
        sandbox.check_with("snapshot", &token(json!({ "aud": ["api", "web"] })), &more)
    };
    with(&["api"]).allows();
    with(&["x", "web"]).allows();
    with(&["x"]).denies("ERR_JWT_CLAIM_VALIDATION_FAILED");
}

#[test]
fn clock_tolerance_is_what_was_asked_for() {
    let sandbox = with_snapshot("check-tolerance", "");
    let expired = token(json!({ "exp": NOW - 30 }));
    sandbox.check_with("snapshot", &expired, &["--clock-tolerance", "31"]).allows();
    sandbox.check_with("snapshot", &expired, &["--clock-tolerance", "30"]).denies("ERR_JWT_EXPIRED");
}

#[test]
fn a_token_from_standard_input_is_read_without_the_end_of_its_line() {
    let sandbox = with_snapshot("check-stdin", "");
    let (now, lists) = (NOW.to_string(), format!("{AUTHORITY}=list.pub.jwk"));
    let mut arguments = vec!["check", "--token", "-", "--jwks", "jwks.json", "--issuer", ISSUER];
    arguments.extend(["--snapshot", "snapshot", "--lists", &lists, "--now", &now]);
    for ending in ["", "\n", "\r\n"] {
        sandbox.run_with(&arguments, format!("{}{ending}", token(json!({}))).as_bytes()).allows();
    }
    let megabyte = vec![b'a'; 1_000_000];
    for bad in [&b""[..], b"\xff\xfe.\xff.\xff", &megabyte, b" a.b.c"] {
        sandbox.run_with(&arguments, bad).denies("ERR_JWS_INVALID");
    }
}

#[test]
fn keys_from_standard_input_are_as_good_as_from_a_file() {
    let sandbox = with_snapshot("check-stdin-keys", "");
    let (now, lists) = (NOW.to_string(), format!("{AUTHORITY}=list.pub.jwk"));
    let token = token(json!({}));
    let mut arguments = vec!["check", "--token", &token, "--jwks", "-", "--issuer", ISSUER];
    arguments.extend(["--snapshot", "snapshot", "--lists", &lists, "--now", &now]);
    sandbox.run_with(&arguments, &sandbox.read("jwks.json")).allows();
}

#[test]
fn keys_that_cannot_be_had_make_a_well_formed_token_unavailable_and_a_malformed_one_denied() {
    let sandbox = with_snapshot("check-keys", "");
    sandbox.write("page.html", "<html>");
    sandbox.write("empty.json", r#"{"keys":[]}"#);
    for (file, code) in [
        ("nowhere.json", "ERR_JWKS_UNAVAILABLE"),
        ("page.html", "ERR_JWKS_INVALID"),
        ("empty.json", "ERR_JWKS_INVALID"),
    ] {
        let verdict = sandbox.check_with("snapshot", &token(json!({})), &["--jwks", file]).cannot_tell(code);
        assert!(verdict["reason"].as_str().unwrap().contains(file), "{verdict}");
        sandbox.check_with("snapshot", "no-dots", &["--jwks", file]).denies("ERR_JWS_INVALID");
    }
}

#[test]
fn a_secret_never_vouches_for_a_list() {
    let sandbox = with_snapshot("check-secret-list", "");
    sandbox.write("secret.jwk", r#"{"kty":"oct","k":"CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk"}"#);
    let lists = format!("{AUTHORITY}=secret.jwk");
    sandbox.check_with("snapshot", &token(json!({})), &["--lists", &lists]).cannot_tell("ERR_JWK_INVALID");
}

#[test]
fn a_snapshot_that_is_missing_or_no_manifest_or_expired_cannot_tell_with_its_own_code() {
    let sandbox = with_snapshot("check-manifest", "");
    let good = token(json!({ "exp": NOW + 30 * 24 * 3600 }));
    sandbox.check("nowhere", &good).cannot_tell("ERR_REVOCATION_SOURCE_UNAVAILABLE");
    for now in [NOW - 61, NOW + 7 * 24 * 3600] {
        let now = now.to_string();
        let more = ["--now", now.as_str(), "--clock-tolerance", "60"];
        let good = token(json!({ "exp": NOW + 30 * 24 * 3600, "iat": NOW - 600 }));
        sandbox.check_with("snapshot", &good, &more).cannot_tell("ERR_REVOCATION_MANIFEST_INVALID");
    }
    sandbox.write("snapshot/manifest.jwt", "<html>");
    let verdict = sandbox.check("snapshot", &good).cannot_tell("ERR_REVOCATION_MANIFEST_INVALID");
    assert_eq!((&verdict["status"], &verdict["seq"]), (&json!("unknown"), &Value::Null));
    sandbox.write("snapshot/manifest.jwt", vec![b'a'; 2_000_000]);
    sandbox.check("snapshot", &good).cannot_tell("ERR_REVOCATION_MANIFEST_INVALID");
    sandbox.write("snapshot/manifest.jwt", &good);
    sandbox.check("snapshot", &good).cannot_tell("ERR_REVOCATION_MANIFEST_INVALID");
}

#[test]
fn a_manifest_of_another_key_or_of_an_authority_not_configured_or_for_another_issuer_is_not_believed() {
    let sandbox = with_snapshot("check-untrusted", "");
    let good = token(json!({}));
    let untrusted = |lists: &str| {
        sandbox
            .check_with("snapshot", &good, &["--lists", lists])
            .cannot_tell("ERR_REVOCATION_MANIFEST_UNTRUSTED");
    };
    sandbox.run(&["keygen", "--out", "other.jwk"]).succeeds();
    untrusted(&format!("{AUTHORITY}=other.pub.jwk"));
    untrusted("https://another.example=list.pub.jwk");
    // The same `kid`, another key.
    let mut same_kid: Value = serde_json::from_slice(&sandbox.read("list.pub.jwk")).unwrap();
    let other: Value = serde_json::from_slice(&sandbox.read("other.pub.jwk")).unwrap();
    same_kid["x"] = other["x"].clone();
    sandbox.write("same.pub.jwk", same_kid.to_string());
    untrusted(&format!("{AUTHORITY}=same.pub.jwk"));
    // The authority speaks for another issuer only.
    let now = NOW.to_string();
    let mut arguments =
        vec!["build", "--input", "-", "--key", "list.jwk", "--issuer", AUTHORITY, "--out", "snapshot"];
    arguments.extend(["--force", "--now", &now, "--covers", "https://other.example"]);
    sandbox.run(&arguments).succeeds();
    untrusted(&format!("{AUTHORITY}=list.pub.jwk"));
}

#[test]
fn one_of_several_lists_may_vouch_and_an_authoritys_name_may_hold_an_equals_sign() {
    let sandbox = Sandbox::with_keys("check-lists");
    let name = "https://authority.example/?tenant=1";
    let now = NOW.to_string();
    let mut arguments =
        vec!["build", "--input", "-", "--key", "list.jwk", "--issuer", name, "--out", "snapshot"];
    arguments.extend(["--now", &now, "--covers", ISSUER]);
    sandbox.run(&arguments).succeeds();
    let lists = format!("{name}=list.pub.jwk");
    let another = "https://another.example=list.pub.jwk";
    for [first, second] in [[another, &lists], [&lists, another]] {
        let more = ["--lists", first, "--lists", second];
        assert_eq!(sandbox.check_with("snapshot", &token(json!({})), &more).allows()["seq"], 1);
    }
}

#[test]
fn where_none_of_several_lists_may_vouch_the_fault_is_told_by_the_one_that_the_manifest_names() {
    let sandbox = with_snapshot("check-lists-fault", &revoke(&["jti"], &["another"]));
    sandbox.run(&["keygen", "--out", "other.jwk"]).succeeds();
    let reason = |lists: &[&str]| {
        let more: Vec<&str> = lists.iter().flat_map(|list| ["--lists", list]).collect();
        let ended = sandbox.check_with("snapshot", &token(json!({})), &more);
        ended.cannot_tell("ERR_REVOCATION_MANIFEST_UNTRUSTED")["reason"].clone()
    };
    let strangers = ["https://a.example=list.pub.jwk", "https://b.example=list.pub.jwk"];
    let named = format!("{AUTHORITY}=other.pub.jwk");
    let told = reason(&[&named]);
    assert_ne!(told, reason(&strangers));
    assert_eq!(told, reason(&[&named, strangers[0]]));
    assert_eq!(told, reason(&[strangers[0], &named, strangers[1]]));

    fs::remove_file(sandbox.segment("snapshot")).unwrap();
    let ours = format!("{AUTHORITY}=list.pub.jwk");
    let more = ["--lists", strangers[0], "--lists", &ours];
    sandbox.check_with("snapshot", &token(json!({})), &more).cannot_tell("ERR_REVOCATION_SEGMENT_MISSING");
}

#[test]
fn a_segment_that_is_missing_truncated_corrupt_or_another_cannot_tell_with_its_own_code() {
    let sandbox = with_snapshot("check-segment", &revoke(&["jti"], &["another"]));
    let path = sandbox.segment("snapshot");
    let whole = fs::read(&path).unwrap();
    let good = token(json!({}));
    sandbox.check("snapshot", &good).allows();

    let mut corrupt = whole.clone();
    *corrupt.last_mut().unwrap() ^= 1;
    let longer = [&whole[..], &vec![0; 30_000_000]].concat();
    for bytes in [&whole[..whole.len() - 1], &[], &corrupt, &longer] {
        fs::write(&path, bytes).unwrap();
        let verdict = sandbox.check("snapshot", &good).cannot_tell("ERR_REVOCATION_SEGMENT_HASH_MISMATCH");
        assert!(verdict["reason"].as_str().unwrap().contains("snapshot/segments/"), "{verdict}");
    }
    fs::remove_file(&path).unwrap();
    sandbox.check("snapshot", &good).cannot_tell("ERR_REVOCATION_SEGMENT_MISSING");
    fs::create_dir(&path).unwrap();
    sandbox.check("snapshot", &good).cannot_tell("ERR_REVOCATION_SOURCE_UNAVAILABLE");
}

#[test]
fn a_segment_under_another_segments_name_is_not_taken_for_it() {
    let sandbox = with_snapshot("check-swapped", &(revoke(&["jti"], &["a"]) + &revoke(&["sub"], &["b"])));
    let segments = manifest(&sandbox, "snapshot")["segments"].clone();
    let path = |index: usize| format!("snapshot/segments/{}", segments[index]["hash"].as_str().unwrap());
    let (first, second) = (sandbox.read(&path(0)), sandbox.read(&path(1)));
    sandbox.write(&path(0), second);
    sandbox.write(&path(1), first);
    sandbox.check("snapshot", &token(json!({}))).cannot_tell("ERR_REVOCATION_SEGMENT_HASH_MISMATCH");
}

#[test]
fn undoing_a_revocation_lets_the_token_pass_again() {
    let sandbox = with_snapshot("check-undo", &revoke(&["jti"], &["t-1"]));
    let good = token(json!({}));
    sandbox.check("snapshot", &good).denies("ERR_JWT_REVOKED");
    sandbox.build("snapshot", "", &["--previous", "snapshot"]).succeeds();
    assert_eq!(sandbox.check("snapshot", &good).allows()["seq"], 2);
}

#[test]
fn no_token_is_ever_repeated_in_a_verdict_or_an_error() {
    let sandbox = with_snapshot("check-quiet", &revoke(&["jti"], &["t-1"]));
    let good = token(json!({}));
    for snapshot in ["snapshot", "nowhere"] {
        for argument in [good.clone(), format!("{good}="), format!("{good}.x")] {
            let ended = sandbox.check(snapshot, &argument);
            assert_ne!(ended.code, 0);
            let said = ended.stdout + &ended.stderr;
            assert!(good.split('.').all(|part| !said.contains(part)), "{said}");
        }
    }
}

#[test]
fn a_hit_in_a_coarse_list_is_confirmed_by_the_exact_segments_and_without_them_nothing_can_be_told() {
    let sandbox = Sandbox::with_keys("check-coarse");
    let lines: String = (0..500).map(|number| revoke(&["jti"], &[&format!("t-{number}")])).collect();
    sandbox.build("snapshot", &lines, &["--epsilon", "2^-8"]).succeeds();
    let check = |number: usize| sandbox.check("snapshot", &token(json!({ "jti": format!("t-{number}") })));
    for revoked in 0..10 {
        check(revoked).denies("ERR_JWT_REVOKED");
    }
    for segment in manifest(&sandbox, "snapshot")["segments"].as_array().unwrap() {
        let exact = segment["exact"]["hash"].as_str().unwrap();
        fs::remove_file(sandbox.path(&format!("snapshot/segments/{exact}"))).unwrap();
    }
    let verdict = check(1).cannot_tell("ERR_REVOCATION_SEGMENT_MISSING");
    assert_eq!((&verdict["status"], &verdict["seq"]), (&json!("unknown"), &json!(1)));
}

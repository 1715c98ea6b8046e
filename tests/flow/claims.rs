//! Fourth stage: the claims.

use serde_json::{Value, json};

use revocable::{ClaimFault, Error, Verifier};

use crate::common::*;

const INVALID: &str = "deny ERR_JWT_CLAIM_VALIDATION_FAILED";
const EXPIRED: &str = "deny ERR_JWT_EXPIRED";

/// The outcome of the good token with these claims changed.
fn changed(verifier: &Verifier, changes: Value) -> String {
    verdict(verifier, &token(claims_with(changes)))
}

/// Which claim is at fault and how, or a panic.
fn fault(verifier: &Verifier, changes: Value) -> (String, ClaimFault) {
    match verifier.verify(&token(claims_with(changes)), NOW).error() {
        Some(Error::ClaimInvalid { claim, reason }) => (claim.clone(), *reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_wanted_audience_may_be_a_string_or_one_of_a_list() {
    let verifier = verifier_of(&config_with(json!({ "audience": ["api", "admin"] })), &[]);
    for aud in [json!("api"), json!("admin"), json!(["api"]), json!(["x", "admin"]), json!(["api", "api"])] {
        assert_eq!(changed(&verifier, json!({ "aud": aud })), "allow", "{aud}");
    }
    for aud in [json!("other"), json!("API"), json!("api "), json!(""), json!([]), json!(["x", "y"])] {
        assert_eq!(fault(&verifier, json!({ "aud": aud })), ("aud".into(), ClaimFault::Mismatch), "{aud}");
    }
    for aud in
        [json!(1), json!(null), json!({ "api": true }), json!(["api", 1]), json!([["api"]]), json!(true)]
    {
        assert_eq!(fault(&verifier, json!({ "aud": aud })), ("aud".into(), ClaimFault::Malformed), "{aud}");
    }
    assert_eq!(fault(&verifier, json!({})), ("aud".into(), ClaimFault::Missing));
}

#[test]
fn an_audience_nobody_asked_for_is_ignored_unless_it_is_malformed() {
    let verifier = verifier(&[]);
    for aud in [json!("any"), json!(["x"]), json!([])] {
        assert_eq!(changed(&verifier, json!({ "aud": aud })), "allow", "{aud}");
    }
    assert_eq!(fault(&verifier, json!({ "aud": [1] })), ("aud".into(), ClaimFault::Malformed));
}

#[test]
fn exp_is_the_first_instant_at_which_a_token_is_refused_and_tolerance_moves_it() {
    let strict = verifier_of(&config_with(json!({ "clockTolerance": 0 })), &[]);
    for (exp, expected) in [
        (json!(SECONDS - 1), EXPIRED),
        (json!(SECONDS), EXPIRED),
        (json!(seconds(0.001)), "allow"),
        (json!(SECONDS + 1), "allow"),
        (json!(1.7900006e9), "allow"),
        (json!(1.79e9), EXPIRED),
    ] {
        assert_eq!(changed(&strict, json!({ "exp": exp })), expected, "{exp}");
    }
    let default = verifier(&[]);
    assert_eq!(changed(&default, json!({ "exp": SECONDS - 4 })), "allow");
    assert_eq!(changed(&default, json!({ "exp": SECONDS - 5 })), EXPIRED);
    let widest = verifier_of(&config_with(json!({ "clockTolerance": 60 })), &[]);
    assert_eq!(changed(&widest, json!({ "exp": SECONDS - 59 })), "allow");
    assert_eq!(changed(&widest, json!({ "exp": SECONDS - 60 })), EXPIRED);
}

#[test]
fn an_expired_token_comes_with_both_sides_of_the_comparison() {
    let decision = verifier(&[]).verify(&token(claims_with(json!({ "exp": SECONDS - 100 }))), NOW);
    let Some(Error::Expired { now, exp }) = decision.error() else { panic!("{decision:?}") };
    assert_eq!((now.as_seconds(), exp.as_seconds()), (SECONDS, SECONDS - 100));
}

#[test]
fn exp_is_required_unless_the_configuration_says_otherwise() {
    let lenient = verifier_of(&config_with(json!({ "requireExp": false })), &[]);
    assert_eq!(verdict(&verifier(&[]), &token(claims_without("exp"))), INVALID);
    assert_eq!(verdict(&lenient, &token(claims_without("exp"))), "allow");
    assert_eq!(changed(&lenient, json!({ "exp": SECONDS - 10 })), EXPIRED, "one that is there counts");
}

#[test]
fn a_date_that_is_no_number_of_seconds_in_range_is_refused() {
    let verifier = verifier(&[]);
    for claim in ["exp", "nbf", "iat"] {
        for wrong in [
            json!("1790000600"),
            json!(null),
            json!(true),
            json!([SECONDS]),
            json!(-1),
            json!(-0.5),
            json!(1e30),
            json!(u64::MAX),
            json!(253_402_300_800_u64),
            json!(i64::MIN),
        ] {
            assert_eq!(
                fault(&verifier, json!({ claim: wrong })),
                (claim.to_owned(), ClaimFault::Malformed),
                "{claim} {wrong}"
            );
        }
    }
}

#[test]
fn nbf_and_iat_may_be_as_late_as_now_and_tolerance_and_no_later() {
    let strict = verifier_of(&config_with(json!({ "clockTolerance": 0 })), &[]);
    let default = verifier(&[]);
    for claim in ["nbf", "iat"] {
        assert_eq!(changed(&strict, json!({ claim: SECONDS })), "allow", "{claim}");
        let early = (claim.to_owned(), ClaimFault::TooEarly);
        // However little it is: a date is read to the millisecond, but not for being early.
        for after in [0.000_01, 0.000_4, 0.001] {
            assert_eq!(fault(&strict, json!({ claim: seconds(after) })), early);
        }
        assert_eq!(changed(&default, json!({ claim: SECONDS + 5 })), "allow", "{claim}");
        assert_eq!(fault(&default, json!({ claim: SECONDS + 6 })), early);
    }
}

#[test]
fn iss_is_compared_byte_for_byte() {
    let verifier = verifier(&[]);
    let almost = [
        "https://issuer.example/",
        "https://ISSUER.example",
        "https://issuer.example ",
        "https://issuer.exampl",
        "",
        "https://issuer.example\u{0}",
    ];
    for iss in almost {
        assert_eq!(changed(&verifier, json!({ "iss": iss })), "deny ERR_JWT_ISSUER_UNKNOWN", "{iss:?}");
    }
    for iss in [json!(null), json!([ISSUER]), json!({ "": ISSUER })] {
        assert_eq!(changed(&verifier, json!({ "iss": iss })), "deny ERR_JWT_ISSUER_UNKNOWN", "{iss}");
    }
    assert_eq!(verdict(&verifier, &token(claims_without("iss"))), "deny ERR_JWT_ISSUER_UNKNOWN");
}

#[test]
fn two_issuers_whose_keys_have_the_same_kid_cannot_speak_for_each_other() {
    let mut config = config();
    config["issuers"].as_array_mut().unwrap().push(json!({
        "issuer": OTHER_ISSUER, "jwks": { "keys": [public_jwk(&other_key())] },
    }));
    config["lists"][0]["for"] = json!([ISSUER, OTHER_ISSUER]);
    let mut verifier = build(&config).unwrap();
    let built = publisher(&[outright(&["sub"], json!(["alice"]))])
        .cover(OTHER_ISSUER)
        .finish(&authority_key())
        .unwrap();
    install(&mut verifier, &built, NOW).unwrap();
    let header = r#"{"alg":"ES256","kid":"issuer-1"}"#;
    let theirs = claims_with(json!({ "iss": OTHER_ISSUER })).to_string();
    assert_eq!(verdict(&verifier, &raw(header, &theirs, &other_key())), "allow", "another issuer's alice");
    assert_eq!(
        verdict(&verifier, &raw(header, &theirs, &issuer_key())),
        "deny ERR_JWS_SIGNATURE_VERIFICATION_FAILED"
    );
    assert_eq!(
        verdict(&verifier, &raw(header, claims().to_string(), &other_key())),
        "deny ERR_JWS_SIGNATURE_VERIFICATION_FAILED"
    );
    assert_eq!(verdict(&verifier, &token(claims())), "deny ERR_JWT_REVOKED");
}

#[test]
fn a_token_with_the_manifests_typ_is_never_a_bearer_token_however_it_is_spelled() {
    let verifier = verifier(&[]);
    let spelled = |typ: &str| {
        let header = json!({ "alg": "ES256", "kid": "issuer-1", "typ": typ }).to_string();
        verdict(&verifier, &raw(&header, claims().to_string(), &issuer_key()))
    };
    for typ in
        ["revocations+jwt", "Revocations+JWT", "application/Revocations+JWT", "APPLICATION/revocations+jwt"]
    {
        assert_eq!(spelled(typ), INVALID, "{typ}");
    }
    for typ in ["JWT", "at+jwt", "application/at+jwt", ""] {
        assert_eq!(spelled(typ), "allow", "{typ}");
    }
}

#[test]
fn a_manifest_presented_as_a_token_is_refused_even_when_its_key_is_the_issuers() {
    let mut config = config();
    let key: Value = serde_json::from_str(&authority_key().to_public_jwk()).unwrap();
    config["issuers"][0]["jwks"] = key;
    let verifier = verifier_of(&config, &[]);
    let manifest = raw_eddsa(
        &json!({ "alg": "EdDSA", "typ": "revocations+jwt" }),
        &claims_with(json!({ "seq": 1 })),
        [7; 32],
    );
    assert_eq!(verdict(&verifier, &manifest), INVALID);
    assert_eq!(verdict(&verifier, &eddsa(claims(), [7; 32], authority_key().kid())), "allow");
}

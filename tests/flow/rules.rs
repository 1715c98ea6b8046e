//! Fifth stage: rules, kinds, and what combines to a status.

use serde_json::{Value, json};

use revocable::{ClaimFault, Decision, Error, Kind, Segment, Status, Unknown, Verifier};

use crate::common::*;

const REVOKED: &str = "deny ERR_JWT_REVOKED";

fn changed(verifier: &Verifier, changes: Value) -> String {
    verdict(verifier, &token(claims_with(changes)))
}

/// By which rule and kind the token is revoked, or a panic.
fn revoked_by(verifier: &Verifier, token: &str) -> (String, Kind) {
    match verifier.verify(token, NOW).error() {
        Some(Error::Revoked { rule, kind }) => (rule.to_string(), *kind),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_revoked_token_is_denied_and_another_of_the_same_user_is_not() {
    let verifier = verifier(&[outright(&["jti"], json!(["t-1"]))]);
    assert_eq!(revoked_by(&verifier, &token(claims())), (r#"["jti"]"#.into(), Kind::Outright));
    assert_eq!(changed(&verifier, json!({ "jti": "t-2" })), "allow");
    assert_eq!(changed(&verifier, json!({ "jti": "T-1" })), "allow");
}

#[test]
fn a_user_an_app_of_a_user_or_everything_of_an_issuer_may_be_revoked() {
    let user = verifier(&[outright(&["sub"], json!(["alice"]))]);
    assert_eq!(changed(&user, json!({})), REVOKED);
    assert_eq!(changed(&user, json!({ "sub": "bob" })), "allow");
    for (rule, values) in
        [(["sub", "azp"], json!(["alice", "app-1"])), (["azp", "sub"], json!(["app-1", "alice"]))]
    {
        let app = verifier(&[outright(&rule, values)]);
        assert_eq!(revoked_by(&app, &token(claims())), (r#"["azp","sub"]"#.into(), Kind::Outright));
        assert_eq!(changed(&app, json!({ "azp": "app-2" })), "allow");
        assert_eq!(changed(&app, json!({ "sub": "bob" })), "allow");
        assert_eq!(
            changed(&app, json!({ "sub": "app-1", "azp": "alice" })),
            "allow",
            "values do not change places"
        );
    }
    let everything = verifier(&[outright(&[], json!([]))]);
    assert_eq!(revoked_by(&everything, &token(claims())), ("[]".into(), Kind::Outright));
    let before = verifier(&[cutoff(&[], json!([]), json!(SECONDS - 5))]);
    assert_eq!(changed(&before, json!({})), REVOKED);
    assert_eq!(changed(&before, json!({ "iat": SECONDS - 5 })), "allow");
}

#[test]
fn a_revocation_of_one_issuer_says_nothing_of_another() {
    let mut config = config();
    config["issuers"].as_array_mut().unwrap().push(json!({
        "issuer": OTHER_ISSUER, "jwks": public_jwk(&issuer_key()),
    }));
    config["lists"][0]["for"] = json!([ISSUER, OTHER_ISSUER]);
    let mut verifier = build(&config).unwrap();
    let lines = [outright(&["sub"], json!(["alice"])), outright(&[], json!([]))];
    let built = publisher(&lines).cover(OTHER_ISSUER).finish(&authority_key()).unwrap();
    install(&mut verifier, &built, NOW).unwrap();
    assert_eq!(changed(&verifier, json!({})), REVOKED);
    assert_eq!(changed(&verifier, json!({ "iss": OTHER_ISSUER })), "allow");
}

#[test]
fn a_revoked_key_revokes_what_it_signed_with_and_without_kid_and_not_what_another_signed() {
    let name = thumbprint(&issuer_key());
    let verifier = verifier(&[outright(&["@key"], json!([name]))]);
    assert_eq!(revoked_by(&verifier, &token(claims())), (r#"["@key"]"#.into(), Kind::Outright));
    let without_kid = raw(r#"{"alg":"ES256"}"#, claims().to_string(), &issuer_key());
    assert_eq!(verdict(&verifier, &without_kid), REVOKED);
    assert_eq!(verdict(&verifier, &hs256(claims())), "allow");
    assert_eq!(changed(&verifier, json!({ "@key": "another" })), REVOKED, "a claim of that name is no key");
}

#[test]
fn a_revoked_secret_is_named_by_its_kid() {
    let verifier = verifier(&[outright(&["@key"], json!(["secret-1"]))]);
    assert_eq!(verdict(&verifier, &hs256(claims())), REVOKED);
    assert_eq!(verdict(&verifier, &token(claims())), "allow");
    let kid_of_secret =
        raw(r#"{"alg":"ES256","kid":"issuer-1","x":"secret-1"}"#, claims().to_string(), &issuer_key());
    assert_eq!(verdict(&verifier, &kid_of_secret), "allow");
}

#[test]
fn a_key_and_a_claim_together_make_a_rule() {
    let name = thumbprint(&issuer_key());
    let verifier = verifier(&[outright(&["@key", "sub"], json!([name, "alice"]))]);
    assert_eq!(changed(&verifier, json!({})), REVOKED);
    assert_eq!(changed(&verifier, json!({ "sub": "bob" })), "allow");
}

#[test]
fn a_header_field_names_a_target_and_a_claim_of_its_name_does_not() {
    let verifier = verifier(&[outright(&["header:x"], json!(["bad"]))]);
    let with = |field: &str| {
        let header = format!(r#"{{"alg":"ES256","kid":"issuer-1",{field}}}"#);
        verdict(&verifier, &raw(&header, claims().to_string(), &issuer_key()))
    };
    assert_eq!(with(r#""x":"bad""#), REVOKED);
    assert_eq!(with(r#""x":"good""#), "allow");
    assert_eq!(with(r#""y":"bad""#), "allow");
    assert_eq!(changed(&verifier, json!({ "x": "bad", "header:x": "bad" })), "allow");
}

#[test]
fn values_are_typed_so_that_the_number_one_is_not_the_text_one() {
    let verifier = verifier(&[
        outright(&["n"], json!([1])),
        outright(&["flag"], json!([true])),
        outright(&["t"], json!(["1"])),
        outright(&["neg"], json!([-9_007_199_254_740_991_i64])),
    ]);
    for (changes, expected) in [
        (json!({ "n": 1 }), REVOKED),
        (json!({ "n": "1" }), "allow"),
        (json!({ "n": true }), "allow"),
        (json!({ "flag": true }), REVOKED),
        (json!({ "flag": false }), "allow"),
        (json!({ "flag": "true" }), "allow"),
        (json!({ "t": "1" }), REVOKED),
        (json!({ "t": 1 }), "allow"),
        (json!({ "neg": -9_007_199_254_740_991_i64 }), REVOKED),
    ] {
        assert_eq!(changed(&verifier, changes.clone()), expected, "{changes}");
    }
}

#[test]
fn text_is_compared_as_it_stands_without_normalisation() {
    let verifier = verifier(&[outright(&["sub"], json!(["caf\u{e9}"]))]);
    assert_eq!(changed(&verifier, json!({ "sub": "caf\u{e9}" })), REVOKED);
    assert_eq!(changed(&verifier, json!({ "sub": "cafe\u{301}" })), "allow");
    let escaped = claims().to_string().replace("alice", "caf\\u00e9");
    assert_eq!(
        verdict(&verifier, &raw_payload(escaped)),
        REVOKED,
        "an escape is a spelling of the same text"
    );
}

#[test]
fn a_cutoff_revokes_what_was_issued_before_it_and_not_what_was_issued_at_it() {
    let verifier = verifier(&[cutoff(&["sub"], json!(["alice"]), json!(seconds(-10.5)))]);
    for (iat, expected) in [
        (json!(SECONDS - 11), REVOKED),
        (json!(seconds(-10.501)), REVOKED),
        (json!(seconds(-10.5)), "allow"),
        (json!(seconds(-10.499)), "allow"),
        (json!(SECONDS - 10), "allow"),
        (json!(0), REVOKED),
    ] {
        assert_eq!(changed(&verifier, json!({ "iat": iat })), expected, "{iat}");
    }
    assert_eq!(
        revoked_by(&verifier, &token(claims_with(json!({ "iat": 1 })))),
        (r#"["sub"]"#.into(), Kind::Cutoff)
    );
}

#[test]
fn a_token_without_iat_is_revoked_exactly_when_a_cutoff_applies_to_it() {
    let verifier = verifier(&[cutoff(&["sub"], json!(["alice"]), json!(1))]);
    assert_eq!(verdict(&verifier, &token(claims_without("iat"))), REVOKED);
    assert_eq!(changed(&verifier, json!({})), "allow");
    let mut bob = claims_without("iat");
    bob["sub"] = json!("bob");
    assert_eq!(verdict(&verifier, &token(bob)), "allow");
}

#[test]
fn clock_tolerance_never_applies_to_a_cutoff() {
    let config = config_with(json!({ "clockTolerance": 60 }));
    let verifier = verifier_of(&config, &[cutoff(&["sub"], json!(["alice"]), json!(SECONDS))]);
    assert_eq!(changed(&verifier, json!({ "iat": seconds(-0.001) })), REVOKED);
    assert_eq!(changed(&verifier, json!({ "iat": SECONDS })), "allow");
}

#[test]
fn of_the_cutoffs_of_several_rules_the_latest_counts_whatever_their_order() {
    let cutoffs = [
        cutoff(&["sub"], json!(["alice"]), json!(SECONDS - 300)),
        cutoff(&["azp", "sub"], json!(["app-1", "alice"]), json!(SECONDS - 100)),
        cutoff(&[], json!([]), json!(SECONDS - 200)),
    ];
    for rotation in 0..3 {
        let mut lines = cutoffs.to_vec();
        lines.rotate_left(rotation);
        let verifier = verifier(&lines);
        assert_eq!(changed(&verifier, json!({ "iat": SECONDS - 101 })), REVOKED);
        assert_eq!(changed(&verifier, json!({ "iat": SECONDS - 100 })), "allow");
        assert_eq!(changed(&verifier, json!({ "iat": SECONDS - 200, "azp": "app-2" })), "allow");
        assert_eq!(changed(&verifier, json!({ "iat": SECONDS - 201, "azp": "app-2" })), REVOKED);
    }
}

#[test]
fn an_outright_revocation_of_one_rule_is_not_softened_by_a_cutoff_of_another() {
    let verifier = verifier(&[
        outright(&["sub"], json!(["alice"])),
        cutoff(&["azp", "sub"], json!(["app-1", "alice"]), json!(1)),
    ]);
    assert_eq!(changed(&verifier, json!({})), REVOKED);
}

#[test]
fn of_two_cutoffs_for_one_target_the_one_added_later_stands() {
    let early = cutoff(&["sub"], json!(["alice"]), json!(SECONDS - 300));
    let late = cutoff(&["sub"], json!(["alice"]), json!(SECONDS - 100));
    let token = token(claims_with(json!({ "iat": SECONDS - 200 })));
    assert_eq!(verdict(&verifier(&[early.clone(), late.clone()]), &token), REVOKED);
    assert_eq!(verdict(&verifier(&[late, early]), &token), "allow");
}

#[test]
fn publishing_anew_without_a_revocation_undoes_it() {
    let mut verifier = verifier(&[outright(&["sub"], json!(["alice"])), outright(&["jti"], json!(["t-1"]))]);
    assert_eq!(changed(&verifier, json!({})), REVOKED);
    install(&mut verifier, &publish(2, &[outright(&["jti"], json!(["t-9"]))]), NOW).unwrap();
    assert_eq!(changed(&verifier, json!({})), "allow");
    assert_eq!(changed(&verifier, json!({ "jti": "t-9" })), REVOKED);
}

#[test]
fn a_rule_whose_member_the_token_lacks_or_has_in_another_type_does_not_match() {
    let verifier =
        verifier(&[outright(&["sid"], json!(["s-1"])), outright(&["sub", "sid"], json!(["alice", "s-1"]))]);
    for sid in [json!(null), json!({ "s-1": 1 }), json!(1.5), json!([]), json!([[]]), json!("x".repeat(2000))]
    {
        assert_eq!(changed(&verifier, json!({ "sid": sid })), "allow", "{sid}");
    }
    assert_eq!(changed(&verifier, json!({})), "allow");
    assert_eq!(changed(&verifier, json!({ "sid": "s-1" })), REVOKED);
}

#[test]
fn a_token_without_jti_is_denied_as_soon_as_a_rule_names_jti_and_not_before() {
    let with_rule = verifier(&[outright(&["jti"], json!(["t-9"]))]);
    let without_rule = verifier(&[outright(&["sub"], json!(["bob"]))]);
    let without_jti = token(claims_without("jti"));
    let decision = with_rule.verify(&without_jti, NOW);
    let missing = Error::ClaimInvalid { claim: "jti".into(), reason: ClaimFault::Missing };
    assert_eq!(
        (outcome(&decision), decision.error()),
        ("deny ERR_JWT_CLAIM_VALIDATION_FAILED".into(), Some(&missing))
    );
    assert_eq!(verdict(&without_rule, &without_jti), "allow");
    for unnameable in [json!(null), json!(1.5), json!({}), json!("x".repeat(2000))] {
        assert_eq!(changed(&with_rule, json!({ "jti": unnameable })), "deny ERR_JWT_CLAIM_VALIDATION_FAILED");
    }
    assert_eq!(
        changed(&with_rule, json!({ "jti": 7 })),
        "allow",
        "RFC 7519 wants a string, but a number names a target"
    );
}

#[test]
fn required_claims_may_be_configured_and_replace_the_default() {
    let lines = [outright(&["jti"], json!(["t-9"]))];
    let none = verifier_of(&config_with(json!({ "requireClaims": [] })), &lines);
    assert_eq!(verdict(&none, &token(claims_without("jti"))), "allow");
    let sid = verifier_of(&config_with(json!({ "requireClaims": ["sid"] })), &lines);
    assert_eq!(verdict(&sid, &token(claims())), "deny ERR_JWT_CLAIM_VALIDATION_FAILED");
    assert_eq!(changed(&sid, json!({ "sid": "s-1" })), "allow");
}

#[test]
fn each_value_of_a_list_is_looked_up_up_to_sixteen() {
    let verifier =
        verifier(&[outright(&["aud"], json!(["bad"])), outright(&["aud", "sub"], json!(["worse", "alice"]))]);
    let list = |count: usize, last: &str| {
        let mut values: Vec<String> = (1..count).map(|n| format!("aud-{n}")).collect();
        values.push(last.to_owned());
        json!({ "aud": values })
    };
    assert_eq!(changed(&verifier, json!({ "aud": "bad" })), REVOKED);
    for count in [1, 2, 16] {
        assert_eq!(changed(&verifier, list(count, "bad")), REVOKED, "{count}");
        assert_eq!(changed(&verifier, list(count, "worse")), REVOKED, "{count}");
        assert_eq!(changed(&verifier, list(count, "good")), "allow", "{count}");
    }
    let decision = verifier.verify(&token(claims_with(list(17, "good"))), NOW);
    let too_many = Error::ClaimInvalid { claim: "aud".into(), reason: ClaimFault::TooMany };
    assert_eq!(
        (outcome(&decision), decision.error()),
        ("deny ERR_JWT_CLAIM_VALIDATION_FAILED".into(), Some(&too_many))
    );
}

#[test]
fn two_list_valued_members_of_one_rule_are_too_many() {
    let verifier = verifier(&[outright(&["aud", "groups"], json!(["a", "g"]))]);
    assert_eq!(changed(&verifier, json!({ "aud": ["a"], "groups": ["f", "g"] })), REVOKED);
    assert_eq!(changed(&verifier, json!({ "aud": ["b", "a"], "groups": "g" })), REVOKED);
    assert_eq!(
        changed(&verifier, json!({ "aud": ["a", "b"], "groups": ["f", "g"] })),
        "deny ERR_JWT_CLAIM_VALIDATION_FAILED"
    );
}

#[test]
fn a_hit_in_a_coarse_segment_is_not_believed_without_confirmation() {
    let coarse = |lines: &[Value]| {
        let mut verifier = build(&config()).unwrap();
        let built = publisher(lines).epsilon("2^-8".parse().unwrap()).finish(&authority_key()).unwrap();
        install(&mut verifier, &built, NOW).unwrap();
        verifier
    };
    let verifier = coarse(&[outright(&["jti"], json!(["t-1"]))]);
    let decision = verifier.verify(&token(claims()), NOW);
    assert_eq!(outcome(&decision), "unavailable ERR_REVOCATION_UNAVAILABLE");
    assert_eq!(decision.error(), Some(&Error::RevocationUnavailable(Unknown::NeedsConfirmation)));
    let by_cutoff = coarse(&[cutoff(&["sub"], json!(["alice"]), json!(SECONDS - 10))]);
    assert_eq!(changed(&by_cutoff, json!({ "iat": SECONDS - 11 })), "unavailable ERR_REVOCATION_UNAVAILABLE");
    assert_eq!(
        changed(&by_cutoff, json!({ "iat": SECONDS - 10 })),
        "allow",
        "a cutoff that does not apply is no hit"
    );
}

#[test]
fn a_sure_hit_revokes_also_where_a_coarse_one_was_found_before() {
    // The segment's fingerprints are coarse; an operation is of an exact id.
    let mut verifier = build(&config()).unwrap();
    let coarse = publisher(&[outright(&["jti"], json!(["t-1"])), outright(&["jti"], json!(["t-2"]))])
        .epsilon("2^-30".parse().unwrap())
        .finish(&authority_key())
        .unwrap();
    install(&mut verifier, &coarse, NOW).unwrap();
    assert_eq!(changed(&verifier, json!({})), "unavailable ERR_REVOCATION_UNAVAILABLE");
    let next = update(&coarse.manifest, &[outright(&["sub"], json!(["alice"]))]);
    install(&mut verifier, &next, NOW).unwrap();
    assert_eq!(revoked_by(&verifier, &token(claims())), (r#"["sub"]"#.into(), Kind::Outright));
    assert_eq!(changed(&verifier, json!({ "sub": "bob" })), "unavailable ERR_REVOCATION_UNAVAILABLE");
    assert_eq!(changed(&verifier, json!({ "sub": "bob", "jti": "t-3" })), "allow");
}

#[test]
fn an_entry_is_left_out_once_its_tokens_have_been_expired_for_five_minutes() {
    let line = |expires: u64| {
        let mut line = outright(&["jti"], json!([format!("t-{expires}")]));
        line["expires"] = json!(expires);
        line
    };
    let built =
        publish(1, &[line(SECONDS - 301), line(SECONDS - 300), line(SECONDS - 299), line(SECONDS + 1)]);
    assert_eq!((built.entries, built.expired), (2, 2));
}

#[test]
fn the_policy_says_what_becomes_of_a_token_of_which_the_lists_cannot_tell() {
    use revocable::{Action, Policy};
    let verifier = |action: Action| build(&config()).unwrap().policy(Policy::default().on_unknown(action));
    assert_eq!(
        verdict(&verifier(Action::Unavailable), &token(claims())),
        "unavailable ERR_REVOCATION_UNAVAILABLE"
    );
    assert_eq!(
        verdict(&build(&config()).unwrap(), &token(claims())),
        "unavailable ERR_REVOCATION_UNAVAILABLE"
    );
    assert!(matches!(verifier(Action::Deny).verify(&token(claims()), NOW), Decision::Deny(_)));
    let Decision::Allow(allowed) = verifier(Action::Allow).verify(&token(claims()), NOW) else {
        panic!("allowed")
    };
    assert_eq!(allowed.status, Some(Status::Unknown(Unknown::NoSnapshot)));
    let forged = raw(r#"{"alg":"ES256","kid":"issuer-1"}"#, claims().to_string(), &other_key());
    assert_eq!(verdict(&verifier(Action::Allow), &forged), "deny ERR_JWS_SIGNATURE_VERIFICATION_FAILED");
}

#[test]
fn no_policy_lets_a_revoked_token_pass() {
    use revocable::{Action, Policy};
    let mut verifier = build(&config()).unwrap().policy(Policy::default().on_unknown(Action::Allow));
    install(&mut verifier, &publish(1, &[outright(&["jti"], json!(["t-1"]))]), NOW).unwrap();
    assert_eq!(verdict(&verifier, &token(claims())), REVOKED);
}

#[test]
fn the_error_asked_for_is_a_decisions_and_shared_by_the_look_ups_it_takes() {
    let bits = |tables: &[(&str, Option<u64>)]| {
        // Of one entry, rounding up takes a bit more.
        let lines: Vec<Value> = tables
            .iter()
            .flat_map(|(member, before)| (0..200).map(move |n| (member, *before, json!([format!("v-{n}")]))))
            .map(|(member, before, values)| match before {
                None => outright(&[member], values),
                Some(before) => cutoff(&[member], values, json!(before)),
            })
            .collect();
        let built = publisher(&lines).epsilon("2^-40".parse().unwrap()).finish(&authority_key()).unwrap();
        let opened = built.segments.iter().map(|(_, bytes)| Segment::open(bytes.as_slice()).unwrap());
        opened.map(|segment| segment.error_bits()).collect::<Vec<_>>()
    };
    assert_eq!(bits(&[("jti", None)]), [40], "one look-up");
    assert_eq!(bits(&[("jti", None), ("sub", None)]), [41, 41], "two look-ups");
    assert_eq!(bits(&[("jti", None), ("jti", Some(1))]), [41, 41], "two kinds");
    assert_eq!(bits(&[("jti", None), ("aud", None)]), [44, 44], "seventeen: an audience is a list");
}

#[test]
fn a_required_claim_is_required_also_where_the_lists_cannot_tell_or_none_is_asked() {
    use revocable::{Action, Policy};
    let required = config_with(json!({ "requireClaims": ["sid"] }));
    let lenient = build(&required).unwrap().policy(Policy::default().on_unknown(Action::Allow));
    let mut without_lists = required;
    without_lists["lists"] = json!([]);
    for verifier in [lenient, build(&without_lists).unwrap()] {
        assert_eq!(verdict(&verifier, &token(claims())), "deny ERR_JWT_CLAIM_VALIDATION_FAILED");
        assert_eq!(changed(&verifier, json!({ "sid": "s-1" })), "allow");
    }
}

#[test]
fn a_header_field_may_be_required() {
    let verifier = verifier_of(&config_with(json!({ "requireClaims": ["header:kid"] })), &[]);
    assert_eq!(verdict(&verifier, &token(claims())), "allow");
    let without_kid = raw(r#"{"alg":"ES256"}"#, claims().to_string(), &issuer_key());
    assert_eq!(verdict(&verifier, &without_kid), "deny ERR_JWT_CLAIM_VALIDATION_FAILED");
}

#[test]
fn a_whole_number_names_the_same_target_however_it_is_spelled() {
    let verifier = verifier(&[outright(&["tenant"], json!([7]))]);
    for (spelled, expected) in
        [("7", REVOKED), ("7.0", REVOKED), ("70e-1", REVOKED), ("7.5", "allow"), ("1e300", "allow")]
    {
        let payload = claims().to_string().replacen('{', &format!("{{\"tenant\":{spelled},"), 1);
        assert_eq!(verdict(&verifier, &raw_payload(payload)), expected, "{spelled}");
    }
}

#[test]
fn a_policy_of_denial_is_the_tokens_fault_on_the_wire_too() {
    use revocable::{Action, Policy};
    let verifier = build(&config()).unwrap().policy(Policy::default().on_unknown(Action::Deny));
    let decision = verifier.verify(&token(claims()), NOW);
    assert_eq!(outcome(&decision), "deny ERR_REVOCATION_UNKNOWN");
    let gate = crate::configuration::gate(&config()).unwrap();
    assert_eq!(gate.refusal(decision.error().unwrap(), None).status, 401);
}

//! Fourth stage: each thing that can be expected of a token, as condition, policy and result.

use serde_json::{Value, json};

use revocable::{
    Authentic, ClaimFault, Claims, Error, Expectations, Jwks, MissingIssuer, Profile, Secrets, Unverified,
    Verifier, danger,
};

use crate::common::*;
use crate::configuration;

const ACCESS_TOKEN: &str = "at+jwt";

/// A token of the issuer's with these claims and this `typ`.
fn typed(typ: &str, claims: &Value) -> String {
    let header = json!({ "alg": "ES256", "kid": "issuer-1", "typ": typ }).to_string();
    raw(&header, claims.to_string(), &issuer_key())
}

fn authentic(token: &str) -> Authentic {
    let jwks = Jwks::parse(public_jwk(&issuer_key()).to_string().as_bytes(), Secrets::Ignore).unwrap();
    Unverified::parse(token).unwrap().select(&jwks, &[]).unwrap().verify().unwrap()
}

fn check(expected: &Expectations, claims: Value) -> Result<Claims, Error> {
    authentic(&token(claims)).check_claims(expected, NOW)
}

/// The claim at fault and what is wrong with it, or a panic.
fn fault(checked: Result<Claims, Error>) -> (String, ClaimFault) {
    match checked {
        Err(Error::ClaimInvalid { claim, reason }) => (claim, reason),
        other => panic!("{other:?}"),
    }
}

fn at(claim: &str, reason: ClaimFault) -> (String, ClaimFault) {
    (claim.to_owned(), reason)
}

fn expected() -> Expectations {
    Expectations::new(ISSUER)
}

/// A verifier without lists whose one issuer has these fields.
fn verifier_with(fields: Value) -> Verifier {
    let mut config = config_with(fields);
    config["lists"] = json!([]);
    build(&config).unwrap()
}

#[test]
fn an_issuer_may_be_one_or_one_of_several_or_any() {
    let other = || claims_with(json!({ "iss": OTHER_ISSUER }));
    let several = Expectations::one_of_issuers([ISSUER, OTHER_ISSUER]);
    assert_eq!(fault(check(&expected(), other())), at("iss", ClaimFault::Mismatch));
    for (expected, claims, issuer) in [
        (&expected(), claims(), ISSUER),
        (&several, claims(), ISSUER),
        (&several, other(), OTHER_ISSUER),
        (&Expectations::any_issuer(), other(), OTHER_ISSUER),
    ] {
        assert_eq!(check(expected, claims).unwrap().issuer(), issuer);
    }
    let none = Expectations::one_of_issuers::<&str>([]);
    assert_eq!(fault(check(&none, claims())), at("iss", ClaimFault::Mismatch), "none is not any");
    for iss in [json!(null), json!(1), json!([ISSUER]), json!({ "toString": ISSUER })] {
        for expected in [expected(), several.clone(), Expectations::any_issuer()] {
            let expected = expected.missing_issuer(MissingIssuer::Accept);
            let checked = check(&expected, claims_with(json!({ "iss": iss })));
            assert_eq!(fault(checked), at("iss", ClaimFault::Malformed), "{iss}");
        }
    }
}

#[test]
fn a_token_without_iss_is_refused_unless_asked_for_and_then_counts_as_the_only_issuers() {
    let several = Expectations::one_of_issuers([ISSUER, OTHER_ISSUER]);
    for (expected, counts_as) in [(expected(), ISSUER), (several, ""), (Expectations::any_issuer(), "")] {
        let without = || claims_without("iss");
        assert_eq!(fault(check(&expected, without())), at("iss", ClaimFault::Missing));
        let accepting = expected.missing_issuer(MissingIssuer::Accept);
        assert_eq!(check(&accepting, without()).unwrap().issuer(), counts_as);
        assert!(check(&accepting, claims()).is_ok(), "one that has it is accepted too");
    }
}

#[test]
fn a_verifier_gives_a_token_without_iss_to_the_only_issuer_that_accepts_it_and_its_keys_alone() {
    let mut config = config();
    config["issuers"].as_array_mut().unwrap().push(json!({
        "issuer": OTHER_ISSUER, "jwks": public_jwk(&other_key()), "missingIss": "accept",
    }));
    config["lists"][0]["for"] = json!([ISSUER, OTHER_ISSUER]);
    let mut verifier = build(&config).unwrap();
    let line = json!({ "rule": ["sub"], "issuer": OTHER_ISSUER, "values": ["mallory"] });
    install(&mut verifier, &publisher(&[line]).cover(OTHER_ISSUER).finish(&authority_key()).unwrap(), NOW)
        .unwrap();
    let header = r#"{"alg":"ES256","kid":"issuer-1"}"#;
    let without = claims_without("iss").to_string();
    assert_eq!(verdict(&verifier, &raw(header, &without, &other_key())), "allow");
    assert_eq!(
        verdict(&verifier, &raw(header, &without, &issuer_key())),
        "deny ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
        "the other issuer's key of the same `kid`"
    );
    assert_eq!(verdict(&verifier, &hs256(claims_without("iss"))), "deny ERR_JWKS_NO_MATCHING_KEY");
    let revoked = without.replace("alice", "mallory");
    assert_eq!(
        verdict(&verifier, &raw(header, revoked, &other_key())),
        "deny ERR_JWT_REVOKED",
        "as that issuer's"
    );
    for iss in ["null", "7", "\"\""] {
        let named = without.replacen('{', &format!("{{\"iss\":{iss},"), 1);
        assert_eq!(
            verdict(&verifier, &raw(header, named, &other_key())),
            "deny ERR_JWT_ISSUER_UNKNOWN",
            "{iss}"
        );
    }
}

#[test]
fn a_token_without_iss_is_nobodys_where_two_issuers_built_by_hand_would_accept_it() {
    use revocable::{Issuer, KeyCache};
    let issuer = |name: &str, key: &Value, what: MissingIssuer| {
        let jwks = Jwks::parse(key.to_string().as_bytes(), Secrets::Ignore).unwrap();
        Issuer::new(Expectations::new(name).missing_issuer(what), KeyCache::fixed(jwks))
    };
    let verdict_of = |other: MissingIssuer| {
        let verifier = Verifier::without_revocation(vec![
            issuer(ISSUER, &public_jwk(&issuer_key()), MissingIssuer::Accept),
            issuer(OTHER_ISSUER, &public_jwk(&other_key()), other),
        ]);
        verdict(&verifier, &token(claims_without("iss")))
    };
    assert_eq!(verdict_of(MissingIssuer::Deny), "allow");
    assert_eq!(verdict_of(MissingIssuer::Accept), "deny ERR_JWT_ISSUER_UNKNOWN");
}

#[test]
fn a_verifier_prefers_the_issuer_that_is_named_to_one_that_takes_anybody() {
    use revocable::{Issuer, KeyCache};
    let keys =
        |key: &Value| KeyCache::fixed(Jwks::parse(key.to_string().as_bytes(), Secrets::Ignore).unwrap());
    let verifier = Verifier::without_revocation(vec![
        Issuer::new(Expectations::any_issuer(), keys(&public_jwk(&other_key()))),
        Issuer::new(expected(), keys(&public_jwk(&issuer_key()))),
    ]);
    assert_eq!(verdict(&verifier, &token(claims())), "allow");
    let stranger = claims_with(json!({ "iss": "https://stranger.example" }));
    assert_eq!(verdict(&verifier, &token(stranger.clone())), "deny ERR_JWS_SIGNATURE_VERIFICATION_FAILED");
    let header = r#"{"alg":"ES256","kid":"issuer-1"}"#;
    assert_eq!(verdict(&verifier, &raw(header, stranger.to_string(), &other_key())), "allow");
    assert_eq!(
        verdict(&verifier, &raw(header, claims().to_string(), &other_key())),
        "deny ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
        "whoever takes anybody does not take the issuer that is configured"
    );
}

#[test]
fn a_wanted_subject_is_one_of_a_list_and_an_empty_list_wants_what_nobody_has() {
    let wanted = expected().subject(["alice", "bob"]);
    assert!(check(&wanted, claims()).is_ok());
    assert!(check(&wanted, claims_with(json!({ "sub": "bob" }))).is_ok());
    for (sub, reason) in [
        (json!("Alice"), ClaimFault::Mismatch),
        (json!("alice "), ClaimFault::Mismatch),
        (json!(""), ClaimFault::Mismatch),
        (json!(["alice"]), ClaimFault::Malformed),
        (json!(null), ClaimFault::Malformed),
        (json!(7), ClaimFault::Malformed),
    ] {
        assert_eq!(fault(check(&wanted, claims_with(json!({ "sub": sub })))), at("sub", reason), "{sub}");
    }
    assert_eq!(fault(check(&wanted, claims_without("sub"))), at("sub", ClaimFault::Missing));
    let none = expected().subject::<&str>([]);
    assert_eq!(fault(check(&none, claims())), at("sub", ClaimFault::Mismatch));
    let nobody = expected().audience::<&str>([]);
    assert_eq!(fault(check(&nobody, claims_with(json!({ "aud": "api" })))), at("aud", ClaimFault::Mismatch));
}

/// Advisory: audiences that a verifier took for patterns let a token choose how long it takes, or match what it should not.
#[test]
fn an_audience_or_subject_that_looks_like_a_pattern_is_compared_and_never_interpreted() {
    let pattern = "^(a+)+$";
    let wanted = expected().audience([pattern, "api.*"]).subject([".*"]);
    let of = |aud: Value, sub: &str| check(&wanted, claims_with(json!({ "aud": aud, "sub": sub })));
    assert!(of(json!(pattern), ".*").is_ok(), "it is equal to itself");
    let hostile = format!("{}!", "a".repeat(4000));
    for aud in [json!("aaa"), json!("api.example"), json!(hostile), json!([hostile, "api"])] {
        assert_eq!(fault(of(aud, ".*")), at("aud", ClaimFault::Mismatch));
    }
    assert_eq!(fault(of(json!(pattern), "alice")), at("sub", ClaimFault::Mismatch));
    let claimed = expected().audience(["aaaa"]);
    assert_eq!(
        fault(check(&claimed, claims_with(json!({ "aud": ["^(a+)+$", ".*"] })))),
        at("aud", ClaimFault::Mismatch)
    );
}

#[test]
fn a_wanted_typ_is_compared_as_a_media_type_and_must_be_there() {
    for wanted in ["at+jwt", "AT+JWT", "application/at+jwt"] {
        let wanted = expected().typ(wanted);
        let check = |token: &str| authentic(token).check_claims(&wanted, NOW);
        for typ in ["at+jwt", "At+Jwt", "application/at+jwt", "APPLICATION/AT+JWT"] {
            assert!(check(&typed(typ, &claims())).is_ok(), "{typ}");
        }
        for typ in ["JWT", "", "at+jwt ", "application/application/at+jwt", "text/at+jwt", "at+jwt;v=1"] {
            assert_eq!(fault(check(&typed(typ, &claims()))), at("typ", ClaimFault::Mismatch), "{typ}");
        }
        let untyped = raw(r#"{"alg":"ES256","kid":"issuer-1"}"#, claims().to_string(), &issuer_key());
        assert_eq!(fault(check(&untyped)), at("typ", ClaimFault::Missing));
    }
}

#[test]
fn a_token_of_the_rfc_9068_profile_has_its_typ_and_every_claim_of_its() {
    let good = claims_with(json!({ "aud": "api", "client_id": "app-1" }));
    let profile = expected().audience(["api"]).profile(Profile::Rfc9068);
    let check = |typ: &str, claims: &Value| authentic(&typed(typ, claims)).check_claims(&profile, NOW);
    for typ in [ACCESS_TOKEN, "application/at+jwt", "AT+JWT"] {
        assert!(check(typ, &good).is_ok(), "{typ}");
    }
    assert_eq!(fault(check("JWT", &good)), at("typ", ClaimFault::Mismatch), "an ID token is no access token");
    for claim in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        let mut without = good.clone();
        without.as_object_mut().unwrap().remove(claim).unwrap();
        assert_eq!(fault(check(ACCESS_TOKEN, &without)), at(claim, ClaimFault::Missing));
        let lenient = profile.clone().require_exp(false).missing_issuer(MissingIssuer::Accept);
        let checked = authentic(&typed(ACCESS_TOKEN, &without)).check_claims(&lenient, NOW);
        assert_eq!(fault(checked), at(claim, ClaimFault::Missing), "whatever else says");
    }
    for claim in ["sub", "client_id", "jti"] {
        for wrong in [json!(null), json!(7), json!(["x"])] {
            let mut claims = good.clone();
            claims[claim] = wrong;
            assert_eq!(fault(check(ACCESS_TOKEN, &claims)), at(claim, ClaimFault::Malformed));
        }
    }
    let mut other = good.clone();
    other["aud"] = json!("another-api");
    assert_eq!(fault(check(ACCESS_TOKEN, &other)), at("aud", ClaimFault::Mismatch));
    let no_audience = expected().profile(Profile::Rfc9068);
    let checked = authentic(&typed(ACCESS_TOKEN, &good)).check_claims(&no_audience, NOW);
    assert_eq!(
        fault(checked),
        at("aud", ClaimFault::Mismatch),
        "an audience that was forgotten lets nothing pass"
    );
}

#[test]
fn a_token_older_than_wanted_is_expired_for_its_iat_and_one_without_iat_is_refused() {
    let aged = expected().max_token_age(60).clock_tolerance(0);
    let check = |expected: &Expectations, iat: Value| check(expected, claims_with(json!({ "iat": iat })));
    for iat in [json!(SECONDS), json!(SECONDS - 60), json!(seconds(-59.999)), json!(1.79e9)] {
        assert!(check(&aged, iat.clone()).is_ok(), "{iat}");
    }
    for iat in [json!(seconds(-60.001)), json!(SECONDS - 61), json!(0), json!(0.5)] {
        let error = check(&aged, iat.clone()).unwrap_err();
        assert!(matches!(&error, Error::TooOld { now, .. } if *now == NOW), "{iat}: {error:?}");
        assert_eq!((error.code().as_str(), error.claim()), ("ERR_JWT_EXPIRED", Some("iat")));
    }
    let tolerant = expected().max_token_age(60);
    assert!(check(&tolerant, json!(SECONDS - 65)).is_ok());
    assert!(matches!(check(&tolerant, json!(seconds(-65.001))), Err(Error::TooOld { .. })));
    assert_eq!(fault(check(&aged, json!(SECONDS + 1))), at("iat", ClaimFault::TooEarly), "younger than new");
    let forever = expected().max_token_age(u64::MAX);
    assert!(check(&forever, json!(0)).is_ok());
    let without = authentic(&token(claims_without("iat")));
    assert_eq!(fault(without.clone().check_claims(&aged, NOW)), at("iat", ClaimFault::Missing));
    assert!(without.check_claims(&expected(), NOW).is_ok(), "nobody asked for its age");
}

/// Advisory: a required name that every JavaScript object inherits was never missing.
#[test]
fn a_required_claim_is_one_that_the_token_has_itself_whatever_its_name_means_elsewhere() {
    for name in ["toString", "__proto__", "constructor", "hasOwnProperty", "length", "sid", ""] {
        let wanted = expected().required_claims([name]);
        assert_eq!(fault(check(&wanted, claims())), at(name, ClaimFault::Missing), "{name}");
        for value in [json!("x"), json!(null), json!(0), json!(false), json!(""), json!([]), json!({})] {
            assert!(check(&wanted, claims_with(json!({ name: value }))).is_ok(), "{name}: {value}");
        }
    }
    let verifier = verifier_with(json!({ "requiredClaims": ["sub", "toString"] }));
    assert_eq!(verdict(&verifier, &token(claims())), "deny ERR_JWT_CLAIM_VALIDATION_FAILED");
    assert_eq!(verdict(&verifier, &token(claims_with(json!({ "toString": null })))), "allow");
}

#[test]
fn presence_is_enough_for_required_claims_and_not_for_require_claims() {
    let sid = token(claims_with(json!({ "sid": null })));
    assert_eq!(verdict(&verifier_with(json!({ "requiredClaims": ["sid"] })), &sid), "allow");
    let nameable = verifier_with(json!({ "requireClaims": ["sid"] }));
    assert_eq!(verdict(&nameable, &sid), "deny ERR_JWT_CLAIM_VALIDATION_FAILED");
    assert_eq!(verdict(&nameable, &token(claims_with(json!({ "sid": "s-1" })))), "allow");
}

#[test]
fn every_scope_that_is_wanted_must_be_granted_in_scope_or_else_in_scp() {
    let wanted = expected().scopes(["read", "write:all"]);
    let check = |changes: Value| check(&wanted, claims_with(changes));
    for granted in [
        json!({ "scope": "read write:all" }),
        json!({ "scope": "write:all other  read" }),
        json!({ "scp": "read write:all" }),
        json!({ "scp": ["write:all", "read"] }),
        json!({ "scope": "read write:all", "scp": 7 }),
    ] {
        assert!(check(granted.clone()).is_ok(), "{granted}");
    }
    for lacking in [
        json!({}),
        json!({ "scope": "" }),
        json!({ "scope": "read" }),
        json!({ "scope": "read write" }),
        json!({ "scope": "READ write:all" }),
        json!({ "scope": "read,write:all" }),
        json!({ "scope": "read\twrite:all" }),
        json!({ "scp": ["read write:all"] }),
        json!({ "scp": [] }),
        json!({ "scope": "read", "scp": ["read", "write:all"] }),
        json!({ "scopes": "read write:all" }),
    ] {
        let required = vec!["read".to_owned(), "write:all".to_owned()];
        assert_eq!(check(lacking.clone()).unwrap_err(), Error::InsufficientScope { required }, "{lacking}");
    }
    for (claim, value) in [
        ("scope", json!(["read", "write:all"])),
        ("scope", json!(null)),
        ("scp", json!({ "read": true })),
        ("scp", json!(["read", "write:all", 7])),
    ] {
        assert_eq!(
            fault(check(json!({ claim: value }))),
            at(claim, ClaimFault::Malformed),
            "{claim} {value}"
        );
    }
    let unasked = self::check(&expected(), claims_with(json!({ "scope": 7 }))).unwrap();
    assert!(unasked.scopes().is_empty(), "nobody asked for a scope");
}

#[test]
fn a_lacking_scope_is_answered_403_with_what_is_needed() {
    let config = config_with(json!({ "scopes": ["read", "write"] }));
    let gate = configuration::gate(&config).unwrap();
    let decision = gate.verifier().verify(&token(claims_with(json!({ "scope": "read" }))), NOW);
    assert_eq!(outcome(&decision), "deny ERR_JWT_INSUFFICIENT_SCOPE");
    let answer = gate.refusal(decision.error().unwrap(), None);
    assert_eq!(answer.status, 403);
    let (_, challenge) = answer.headers.iter().find(|(name, _)| *name == "www-authenticate").unwrap();
    assert!(
        challenge.contains(r#"error="insufficient_scope""#) && challenge.ends_with(r#"scope="read write""#)
    );
}

#[test]
fn a_claim_that_must_be_equal_is_compared_as_json() {
    let wanted = |value: &Value| expected().equal_claims([("x", value.clone())]);
    let same = [
        ("1", "1.0"),
        ("1e2", "100"),
        ("-0.0", "0"),
        ("0.1", "1e-1"),
        ("9007199254740993", "9007199254740993"),
        ("18446744073709551615", "18446744073709551615"),
        (r#"{"a":[1,{"b":null}],"c":"d"}"#, r#"{"c":"d","a":[1.0,{"b":null}]}"#),
        (r#""\u00e9""#, "\"é\""),
        ("null", "null"),
        ("false", "false"),
        ("[]", "[]"),
    ];
    let other = [
        ("1", r#""1""#),
        ("1", "true"),
        ("0", "false"),
        ("0", "null"),
        (r#""""#, "null"),
        ("[]", "{}"),
        ("[1,2]", "[2,1]"),
        ("[1]", "[1,1]"),
        ("[1]", "1"),
        (r#"{"a":1}"#, r#"{"a":1,"b":2}"#),
        (r#"{"a":1}"#, r#"{"b":1}"#),
        (r#""a""#, r#""A""#),
        ("9007199254740993", "9007199254740992"),
        ("9007199254740993", "9007199254740992.0"),
        ("1", "1.0000000000000002"),
    ];
    let payload = |x: &str| claims().to_string().replacen('{', &format!("{{\"x\":{x},"), 1);
    for (agrees, pairs) in [(true, &same[..]), (false, &other[..])] {
        for (left, right) in pairs {
            for (wanted_text, found) in [(left, right), (right, left)] {
                let value: Value = serde_json::from_str(wanted_text).unwrap();
                let checked = authentic(&raw_payload(payload(found))).check_claims(&wanted(&value), NOW);
                match agrees {
                    true => assert!(checked.is_ok(), "{wanted_text} {found}"),
                    false => {
                        assert_eq!(fault(checked), at("x", ClaimFault::Mismatch), "{wanted_text} {found}")
                    }
                }
            }
        }
    }
    assert_eq!(
        fault(check(&wanted(&json!(null)), claims())),
        at("x", ClaimFault::Missing),
        "null is not nothing"
    );
    let verifier = verifier_with(json!({ "claims": { "tenant": 7, "toString": "x" } }));
    let tenant = |changes: Value| verdict(&verifier, &token(claims_with(changes)));
    assert_eq!(tenant(json!({ "tenant": 7, "toString": "x" })), "allow");
    assert_eq!(tenant(json!({ "tenant": 7 })), "deny ERR_JWT_CLAIM_VALIDATION_FAILED");
    assert_eq!(tenant(json!({ "tenant": 8, "toString": "x" })), "deny ERR_JWT_CLAIM_VALIDATION_FAILED");
}

#[test]
fn of_several_faults_the_first_in_the_documented_order_is_the_answer() {
    let strict = expected()
        .typ("JWT")
        .required_claims(["sid"])
        .subject(["alice"])
        .audience(["api"])
        .max_token_age(60)
        .equal_claims([("tenant", json!(7))])
        .scopes(["read"]);
    // Each step mends the fault that the one before found.
    let steps = [
        ("typ", json!({})),
        ("iss", json!({ "typ": "JWT" })),
        ("sid", json!({ "iss": ISSUER })),
        ("sub", json!({ "sid": "s-1" })),
        ("aud", json!({ "sub": "alice" })),
        ("exp", json!({ "aud": "api" })),
        ("nbf", json!({ "exp": SECONDS + 60 })),
        ("iat", json!({ "nbf": SECONDS })),
        ("tenant", json!({ "iat": SECONDS })),
        ("scope", json!({ "tenant": 7 })),
    ];
    let mut claims = json!({ "iss": OTHER_ISSUER, "sub": "bob", "exp": 1, "nbf": SECONDS + 100, "iat": 1 });
    let mut typ = "other".to_owned();
    for (wanted, mend) in steps {
        let Value::Object(mut mend) = mend else { panic!() };
        if let Some(mended) = mend.remove("typ") {
            typ = mended.as_str().unwrap().to_owned();
        }
        claims.as_object_mut().unwrap().extend(mend);
        let error = authentic(&typed(&typ, &claims)).check_claims(&strict, NOW).unwrap_err();
        let scope = matches!(error, Error::InsufficientScope { .. }).then_some("scope");
        assert_eq!(error.claim().or(scope), Some(wanted), "{error:?}");
    }
    claims["scope"] = json!("read");
    assert!(authentic(&typed(&typ, &claims)).check_claims(&strict, NOW).is_ok());
}

/// Advisory: an extension that is critical was ignored by who did not know it.
#[test]
fn a_critical_extension_passes_only_with_the_issuer_that_understands_it() {
    let mut config = config();
    config["lists"] = json!([]);
    config["issuers"][0]["crit"] = json!(["exp", "urn:x"]);
    config["issuers"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "issuer": OTHER_ISSUER, "jwks": public_jwk(&issuer_key()) }));
    let verifier = build(&config).unwrap();
    let of = |iss: &str, header: &str| {
        verdict(&verifier, &raw(header, claims_with(json!({ "iss": iss })).to_string(), &issuer_key()))
    };
    let extended = r#"{"alg":"ES256","kid":"issuer-1","urn:x":{"a":1},"crit":["urn:x"]}"#;
    assert_eq!(of(ISSUER, extended), "allow");
    assert_eq!(
        of(OTHER_ISSUER, extended),
        "deny ERR_JOSE_NOT_SUPPORTED",
        "what one understands, another may not"
    );
    assert_eq!(
        of(OTHER_ISSUER, r#"{"alg":"ES256","kid":"issuer-1","urn:x":1}"#),
        "allow",
        "it is not critical"
    );
    for (header, refused) in [
        (r#"{"alg":"ES256","urn:y":1,"crit":["urn:y"]}"#, "deny ERR_JOSE_NOT_SUPPORTED"),
        (r#"{"alg":"ES256","urn:x":1,"urn:y":1,"crit":["urn:x","urn:y"]}"#, "deny ERR_JOSE_NOT_SUPPORTED"),
        (r#"{"alg":"ES256","urn:X":1,"crit":["urn:X"]}"#, "deny ERR_JOSE_NOT_SUPPORTED"),
        (r#"{"alg":"ES256","toString":1,"crit":["toString"]}"#, "deny ERR_JOSE_NOT_SUPPORTED"),
        (r#"{"alg":"ES256","crit":["urn:x"]}"#, "deny ERR_JWS_INVALID"),
        (r#"{"alg":"ES256","urn:x":1,"crit":["urn:x","urn:x"]}"#, "deny ERR_JWS_INVALID"),
        (r#"{"alg":"ES256","urn:x":1,"crit":"urn:x"}"#, "deny ERR_JWS_INVALID"),
        (r#"{"alg":"ES256","urn:x":1,"crit":["alg"]}"#, "deny ERR_JOSE_NOT_SUPPORTED"),
        (r#"{"alg":"ES256","urn:x":1,"crit":["urn:x",""]}"#, "deny ERR_JWS_INVALID"),
        (r#"{"alg":"ES256","b64":false,"crit":["b64"]}"#, "deny ERR_JWT_INVALID"),
    ] {
        assert_eq!(of(ISSUER, header), refused, "{header}");
    }
    let decision = verifier.verify(&raw(extended, claims().to_string(), &issuer_key()), NOW);
    let revocable::Decision::Allow(allowed) = decision else { panic!("{decision:?}") };
    assert_eq!(allowed.claims.header().critical().collect::<Vec<_>>(), ["urn:x"]);
    assert_eq!(allowed.claims.header().members()["urn:x"], json!({ "a": 1 }));
}

#[test]
fn checked_claims_show_their_dates_and_scopes_and_deserialize_into_a_type() {
    #[derive(serde::Deserialize, Debug, PartialEq)]
    struct Session {
        sid: String,
        roles: Vec<String>,
        tenant: Option<u64>,
    }
    let changes = json!({
        "nbf": seconds(-5.5), "sid": "s-1", "roles": ["a", "b"], "scp": ["read", "write"], "exp": 1.7900006e9,
    });
    let checked = check(&expected(), claims_with(changes)).unwrap();
    assert_eq!(checked.expires_at().unwrap().as_seconds(), SECONDS + 600);
    assert_eq!(checked.not_before().unwrap().as_millis(), SECONDS * 1000 - 5500);
    assert_eq!(checked.issued_at().unwrap().as_seconds(), SECONDS - 10);
    assert_eq!(checked.scopes(), ["read", "write"]);
    let session = Session { sid: "s-1".into(), roles: vec!["a".into(), "b".into()], tenant: None };
    assert_eq!(checked.deserialize::<Session>(), Ok(session));
    for (wrong, why) in
        [(json!({ "sid": "s" }), "missing"), (json!({ "sid": "s", "roles": "marker" }), "another type")]
    {
        let error = check(&expected(), claims_with(wrong)).unwrap().deserialize::<Session>().unwrap_err();
        assert_eq!(error.code().as_str(), "ERR_JWT_INVALID", "{why}");
        assert!(!error.to_string().contains("marker"), "{error}");
    }
    let bare = check(&expected().require_exp(false), json!({ "iss": ISSUER })).unwrap();
    assert_eq!((bare.expires_at(), bare.not_before(), bare.scopes()), (None, None, vec![]));
}

#[test]
fn the_way_around_verification_reads_strictly_and_believes_anything() {
    let forged = format!("{}.{}.", base64url(r#"{"alg":"none"}"#), base64url(r#"{"sub":"root","exp":0}"#));
    let (header, payload) = danger::decode_unverified(&forged).unwrap();
    assert_eq!((header.alg(), &payload["sub"]), ("none", &json!("root")));
    let critical = raw(r#"{"alg":"ES256","crit":["x"],"x":1}"#, "{}", &other_key());
    assert_eq!(danger::decode_unverified(&critical).unwrap().0.members()["x"], 1);
    for wrong in ["", "a.b", "a.b.c", &format!("{forged}.c2ln"), &token(claims()).replace('.', "..")] {
        assert!(danger::decode_unverified(wrong).is_err(), "{wrong}");
    }
    let twice = raw_payload(r#"{"sub":"a","sub":"b"}"#);
    assert_eq!(danger::decode_unverified(&twice).unwrap_err().code().as_str(), "ERR_JWT_INVALID");
    assert!(danger::decode_unverified(&"a".repeat(1_000_000)).is_err());
}

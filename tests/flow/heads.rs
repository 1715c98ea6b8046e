//! Heads: what is one, what it says of the list in force, and what that makes of decisions.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use revocable::publish::{Built, SigningKey, sign_head};
use revocable::{
    Action, Check, Error, Head, Heard, Offer, OfferedHead, Policy, Remedy, Revocations, UnixTime, Unknown,
    Verifier, Wanted,
};

use crate::common::*;

fn hash(built: &Built) -> [u8; 32] {
    Sha256::digest(&built.manifest).into()
}

/// The head that the authority signs of a snapshot.
fn head_of(built: &Built, now: UnixTime) -> String {
    sign_head(&authority_key(), AUTHORITY, built.seq, hash(built), now)
}

fn read(lists: &Revocations, head: &str, now: UnixTime) -> Result<Head, Error> {
    match lists.start_head(head.as_bytes())? {
        OfferedHead::Authentic(head) => head.read(now),
        OfferedHead::Asking(_) => panic!("the engine is at hand"),
    }
}

/// What the lists make of a head that was asked for at `now`.
fn hear(verifier: &mut Verifier, head: &str, now: UnixTime) -> Result<Heard, Error> {
    let lists = verifier.revocations_mut().unwrap();
    let head = read(lists, head, now)?;
    lists.heard(&head, now, now)
}

fn header() -> Value {
    json!({ "alg": "EdDSA", "kid": authority_key().kid(), "typ": "revocations-head+jwt" })
}

fn good() -> Value {
    json!({ "iss": AUTHORITY, "seq": 1, "manifest": "01".repeat(32), "iat": SECONDS, "exp": SECONDS + 60 })
}

fn good_with(changes: Value) -> Value {
    let mut claims = good();
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    claims
}

#[test]
fn a_head_has_these_bytes() {
    let head = sign_head(&authority_key(), AUTHORITY, 8, [1; 32], NOW);
    let parts: Vec<&str> = head.split('.').collect();
    assert_eq!(parts[0], base64url(header().to_string()));
    let payload = format!(
        r#"{{"iss":"https://authority.example","seq":8,"manifest":"{}","iat":1790000000,"exp":1790000060}}"#,
        "01".repeat(32)
    );
    assert_eq!(parts[1], base64url(payload));
    assert_eq!(head, sign_head(&authority_key(), AUTHORITY, 8, [1; 32], NOW.plus_millis(999)));
}

#[test]
fn a_head_written_by_any_jwt_tool_is_read() {
    let verifier = build(&config()).unwrap();
    for typ in ["revocations-head+jwt", "application/revocations-head+jwt", "Revocations-Head+JWT"] {
        let header = json!({ "alg": "EdDSA", "typ": typ });
        let claims = good_with(json!({ "unknown": [1], "exp": SECONDS + 5 }));
        let head = read(verifier.revocations().unwrap(), &raw_eddsa(&header, &claims, [7; 32]), NOW).unwrap();
        assert_eq!((head.seq(), head.manifest()), (1, &[1; 32]));
        assert_eq!((head.issued_at(), head.expires_at()), (NOW, NOW.plus_seconds(5)));
    }
}

#[test]
fn what_is_no_head_is_refused_with_the_reason() {
    let verifier = build(&config()).unwrap();
    let lists = verifier.revocations().unwrap();
    let cases = [
        (json!({ "seq": null }), "`seq`"),
        (json!({ "seq": -1 }), "`seq`"),
        (json!({ "seq": 1.5 }), "`seq`"),
        (json!({ "seq": 1_u64 << 53 }), "`seq`"),
        (json!({ "manifest": "01".repeat(31) }), "`manifest`"),
        (json!({ "manifest": "0A".repeat(32) }), "`manifest`"),
        (json!({ "manifest": 1 }), "`manifest`"),
        (json!({ "iat": "now" }), "`iat`"),
        (json!({ "exp": null }), "`exp`"),
        (json!({ "exp": SECONDS + 61 }), "60 seconds"),
        (json!({ "exp": u64::MAX, "iat": u64::MAX }), "future"),
        (json!({ "exp": SECONDS }), "expired"),
        (json!({ "iat": SECONDS - 100, "exp": SECONDS - 40 }), "expired"),
        (json!({ "iat": SECONDS + 61, "exp": SECONDS + 62 }), "future"),
    ];
    for (changes, reason) in cases {
        let error = read(lists, &raw_eddsa(&header(), &good_with(changes), [7; 32]), NOW).unwrap_err();
        assert!(matches!(&error, Error::ManifestInvalid(_)), "{error}");
        assert!(error.to_string().contains(reason), "{error}: {reason}");
    }
    for text in ["", "a.b.c", "é", &"a".repeat(5000), &format!("{}.", head_of(&publish(1, &[]), NOW))] {
        assert!(matches!(read(lists, text, NOW), Err(Error::ManifestInvalid(_))), "{text}");
    }
    // A name that fills more than a head may have.
    let long = good_with(json!({ "more": "a".repeat(4000) }));
    assert!(matches!(
        read(lists, &raw_eddsa(&header(), &long, [7; 32]), NOW),
        Err(Error::ManifestInvalid(_))
    ));
}

#[test]
fn a_head_of_anybody_else_is_not_believed() {
    let verifier = build(&config()).unwrap();
    let lists = verifier.revocations().unwrap();
    let other_kid = json!({ "alg": "EdDSA", "kid": "other", "typ": "revocations-head+jwt" });
    let none = json!({ "alg": "none", "typ": "revocations-head+jwt" });
    for head in [
        raw_eddsa(&header(), &good(), [8; 32]),
        raw_eddsa(&other_kid, &good(), [7; 32]),
        raw_eddsa(&none, &good(), [7; 32]),
        raw_eddsa(&header(), &good_with(json!({ "iss": ISSUER })), [7; 32]),
        sign_head(&SigningKey::from_seed([8; 32]), AUTHORITY, 1, [1; 32], NOW),
    ] {
        assert!(matches!(read(lists, &head, NOW), Err(Error::ManifestUntrusted(_))), "{head}");
    }
}

#[test]
fn head_manifest_and_bearer_token_are_never_taken_for_each_other() {
    let built = publish(1, &[]);
    // One key signs everything, and one name is everybody's: only `typ` tells them apart.
    let mut config = config();
    let key = serde_json::from_str::<Value>(&authority_key().to_public_jwk()).unwrap();
    config["issuers"][0]["jwks"]["keys"].as_array_mut().unwrap().push(key);
    let mut verifier = build_with_manifest(&config, &built);
    let lists = verifier.revocations_mut().unwrap();
    let head = head_of(&built, NOW);
    assert!(matches!(lists.start(head.as_bytes()), Err(Error::ManifestInvalid(_))));
    assert!(matches!(lists.start_head(built.manifest.as_bytes()), Err(Error::ManifestInvalid(_))));
    let claims = claims_with(json!({ "seq": 1, "manifest": "01".repeat(32), "exp": SECONDS + 60 }));
    for typ in ["revocations-head+jwt", "application/Revocations-Head+jwt", "revocations+jwt"] {
        let header = json!({ "alg": "EdDSA", "kid": authority_key().kid(), "typ": typ });
        let text = raw_eddsa(&header, &claims, [7; 32]);
        assert_eq!(verdict(&verifier, &text), "deny ERR_JWT_CLAIM_VALIDATION_FAILED", "{typ}");
    }
    let plain = json!({ "alg": "EdDSA", "kid": authority_key().kid(), "typ": "JWT" });
    let text = raw_eddsa(&plain, &claims, [7; 32]);
    assert_eq!(verdict(&verifier, &text), "allow");
    assert!(read(verifier.revocations().unwrap(), &text, NOW).is_err());
}

fn build_with_manifest(config: &Value, built: &Built) -> Verifier {
    let mut verifier = build(config).unwrap();
    install(&mut verifier, built, NOW).unwrap();
    verifier
}

#[test]
fn a_head_says_whether_the_manifest_in_force_is_the_newest() {
    let (one, two) = (publish(1, &[]), publish(2, &[outright(&["jti"], json!(["t-1"]))]));
    let mut verifier = build(&config()).unwrap();
    let wanted = |built: &Built| Ok(Heard::Newer(Wanted { seq: built.seq, hash: hash(built) }));
    assert_eq!(hear(&mut verifier, &head_of(&one, NOW), NOW), wanted(&one), "there is none yet");
    install(&mut verifier, &one, NOW).unwrap();
    assert_eq!(verifier.revocations().unwrap().heard_at(), None, "a source is not the authority");
    assert_eq!(hear(&mut verifier, &head_of(&one, NOW), NOW), Ok(Heard::Current));
    assert_eq!(verifier.revocations().unwrap().heard_at(), Some(NOW));
    let later = NOW.plus_seconds(10);
    assert_eq!(hear(&mut verifier, &head_of(&two, later), later), wanted(&two));
    assert_eq!(verifier.revocations().unwrap().heard_at(), Some(NOW), "what is in force is not the newest");
    install(&mut verifier, &two, later).unwrap();
    assert_eq!(hear(&mut verifier, &head_of(&two, later), later), Ok(Heard::Current));
    // One that was kept somewhere.
    assert_eq!(hear(&mut verifier, &head_of(&one, later), later.plus_seconds(1)), Ok(Heard::Older));
    assert_eq!(verifier.revocations().unwrap().heard_at(), Some(later));
    assert_eq!(wanted(&two).unwrap(), Heard::Newer(Wanted { seq: 2, hash: hash(&two) }));
    assert_eq!(Wanted { seq: 2, hash: [0; 32] }.object_name(), "manifests/2.jwt");
}

#[test]
fn two_manifests_of_one_number_are_refused_and_what_is_in_force_stays() {
    let (one, other) = (publish(1, &[]), publish(1, &[outright(&["jti"], json!(["x"]))]));
    let mut verifier = build_with_manifest(&config(), &one);
    assert_eq!(hear(&mut verifier, &head_of(&other, NOW), NOW), Err(Error::ManifestConflict { seq: 1 }));
    assert_eq!(verifier.revocations().unwrap().heard_at(), None);
    assert_eq!(hear(&mut verifier, &head_of(&one, NOW), NOW), Ok(Heard::Current));
}

#[test]
fn how_current_a_list_is_goes_by_when_was_asked_and_never_by_another_clock() {
    let one = publish(1, &[]);
    let mut verifier = build_with_manifest(&config(), &one);
    let lists = verifier.revocations_mut().unwrap();
    let mut hear = |signed: UnixTime, asked_at: UnixTime, now: UnixTime| {
        let head = read(lists, &head_of(&one, signed), now).unwrap();
        assert_eq!(lists.heard(&head, asked_at, now), Ok(Heard::Current));
        lists.heard_at()
    };
    let at = |seconds| NOW.plus_seconds(seconds);
    // The authority's clock is half a minute behind, or ahead.
    assert_eq!(hear(at(0), at(30), at(30)), Some(at(30)));
    assert_eq!(hear(at(70), at(40), at(40)), Some(at(40)));
    // An answer that was kept, or comes late, makes nothing older.
    assert_eq!(hear(at(40), at(39), at(41)), Some(at(40)));
    // Nobody has asked in the future.
    assert_eq!(hear(at(40), at(90), at(42)), Some(at(42)));
    // The clock was set back.
    assert_eq!(hear(at(0), at(5), at(5)), Some(at(5)));
}

#[test]
fn a_list_that_has_not_been_compared_lately_lets_nothing_pass_and_knows_what_is_revoked() {
    let one = publish(1, &[outright(&["jti"], json!(["t-2"]))]);
    let mut verifier = build_with_manifest(&config(), &one);
    let (good, bad) = (token(claims()), token(claims_with(json!({ "jti": "t-2" }))));
    let policy = Policy::default().check(Check::Head);
    let decide = |verifier: &Verifier, policy: Policy, token: &str, now: UnixTime| {
        let policy = policy.at(now, 2000);
        let decision = verifier.verify_under(&policy, token, now);
        let remedy = verifier.remedy_under(&policy, token, &decision, now);
        assert_eq!(decision.snapshot().unwrap().source, policy.how_sure());
        (outcome(&decision), remedy)
    };
    let is = |outcome: &str, remedy| (outcome.to_owned(), remedy);
    let too_old = is("unavailable ERR_REVOCATION_UNAVAILABLE", Some(Remedy::Head));
    assert_eq!(decide(&verifier, policy, &good, NOW), too_old);
    assert_eq!(decide(&verifier, policy, &bad, NOW), is("deny ERR_JWT_REVOKED", Some(Remedy::Head)));
    assert_eq!(decide(&verifier, policy.check(Check::List), &good, NOW), is("allow", None));
    assert_eq!(hear(&mut verifier, &head_of(&one, NOW), NOW), Ok(Heard::Current));
    assert_eq!(decide(&verifier, policy, &good, NOW), is("allow", None));
    assert_eq!(decide(&verifier, policy, &good, NOW.plus_millis(2000)), is("allow", None));
    assert_eq!(decide(&verifier, policy, &bad, NOW.plus_millis(2000)), is("deny ERR_JWT_REVOKED", None));
    assert_eq!(decide(&verifier, policy, &good, NOW.plus_millis(2001)), too_old);
    let live = policy.check(Check::Live);
    assert_eq!(decide(&verifier, live, &good, NOW), is("allow", None));
    assert_eq!(decide(&verifier, live, &good, NOW.plus_millis(1)), too_old);
    // A clock that was set back makes nothing recent.
    assert_eq!(decide(&verifier, policy, &good, NOW.minus_seconds(1)), too_old);
    // The policy for lists that are too old is the one that holds.
    let lax = policy.on(Unknown::TooOld, Action::Allow);
    let late = NOW.plus_seconds(3);
    assert_eq!(decide(&verifier, lax, &good, late), is("allow", Some(Remedy::Head)));
    assert_eq!(decide(&verifier, lax, &bad, late), is("deny ERR_JWT_REVOKED", Some(Remedy::Head)));
    let strict = policy.on(Unknown::TooOld, Action::Deny);
    let denied = is("deny ERR_REVOCATION_UNKNOWN", Some(Remedy::Head));
    assert_eq!(decide(&verifier, strict, &good, late), denied);
    // A bad token is no reason to ask anybody.
    let forged = raw(r#"{"alg":"ES256","kid":"issuer-1"}"#, claims().to_string(), &other_key());
    assert_eq!(decide(&verifier, live, &forged, late).1, None);
}

#[test]
fn without_a_list_the_snapshot_comes_first_and_the_authority_where_it_does_not_come() {
    let mut verifier = build(&config()).unwrap();
    let policy = Policy::default().check(Check::Live).at(NOW, 0);
    let token = token(claims());
    let remedy = |verifier: &Verifier| {
        let decision = verifier.verify_under(&policy, &token, NOW);
        assert_eq!(decision.error(), Some(&Error::RevocationUnavailable(Unknown::NoSnapshot)));
        verifier.remedy_under(&policy, &token, &decision, NOW)
    };
    assert_eq!(remedy(&verifier), Some(Remedy::Snapshot));
    verifier.fail(Remedy::Snapshot, NOW);
    assert_eq!(remedy(&verifier), Some(Remedy::Head));
}

#[test]
fn what_a_head_confirmed_need_not_be_looked_for_at_its_source() {
    let one = publish(1, &[]);
    let mut verifier = build_with_manifest(&config(), &one);
    let later = NOW.plus_seconds(70);
    assert_eq!(verifier.due(later), [Remedy::Snapshot]);
    assert_eq!(hear(&mut verifier, &head_of(&one, later), later), Ok(Heard::Current));
    assert!(verifier.due(later).is_empty());
    assert_eq!(verifier.revocations().unwrap().info(later).unwrap().checked_millis_ago, 0);
    let lists = verifier.revocations_mut().unwrap();
    assert!(matches!(offer(lists, &one, later), Ok(Offer::Unchanged)));
}

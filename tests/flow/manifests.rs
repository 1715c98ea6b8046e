//! Manifests and segments that must be refused, and what stays in force when they are.

use std::sync::Arc;

use serde_json::{Value, json};

use revocable::publish::{Built, Publisher, SigningKey};
use revocable::{Error, Incoming, Offer, Revocations, SegmentName, SortedIds, UnixTime, Verifier};

use crate::common::*;

fn lists(verifier: &mut Verifier) -> &mut Revocations {
    verifier.revocations_mut().unwrap()
}

/// What the lists of [`config`] say of a manifest's text.
fn refusal(manifest: impl AsRef<[u8]>) -> Error {
    lists(&mut build(&config()).unwrap()).offer(manifest.as_ref(), NOW).unwrap_err()
}

/// The claims of a manifest that is good.
fn good() -> Value {
    json!({
        "iss": AUTHORITY, "iat": SECONDS, "exp": SECONDS + 3600, "ttl": 60, "seq": 1, "hash": "sha-256-128",
        "salt": base64url([1; 16]), "epsilon": "2^-50", "covers": [ISSUER], "rules": [["jti"], ["@key"]], "segments": [],
    })
}

fn good_with(changes: Value) -> Value {
    let mut claims = good();
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    claims
}

fn header() -> Value {
    json!({ "alg": "EdDSA", "kid": authority_key().kid(), "typ": "revocations+jwt" })
}

fn signed(claims: &Value) -> String {
    raw_eddsa(&header(), claims, [7; 32])
}

fn segment() -> Value {
    json!({
        "hash": "00".repeat(32), "rule": 0, "kind": "outright", "from": "00".repeat(16), "to": "ff".repeat(16),
        "entries": 1, "bytes": 32,
    })
}

/// The segment above, with a field changed.
fn with_segment(changes: Value) -> Value {
    let mut segment = segment();
    segment.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    good_with(json!({ "segments": [segment] }))
}

fn newer(verifier: &mut Verifier, built: &Built) -> Box<Incoming> {
    match offer(lists(verifier), built, NOW).unwrap() {
        Offer::Newer(incoming) => incoming,
        Offer::Unchanged => panic!("nothing new"),
    }
}

#[test]
fn a_manifest_written_by_any_jwt_tool_is_taken() {
    let mut verifier = build(&config()).unwrap();
    for typ in ["revocations+jwt", "application/revocations+jwt", "Revocations+JWT"] {
        let header = json!({ "alg": "EdDSA", "typ": typ });
        let manifest = raw_eddsa(&header, &good_with(json!({ "unknown": { "claim": [1] } })), [7; 32]);
        assert!(matches!(lists(&mut verifier).offer(manifest.as_bytes(), NOW), Ok(Offer::Newer(_))), "{typ}");
    }
    let Ok(Offer::Newer(incoming)) = lists(&mut verifier).offer(signed(&good()).as_bytes(), NOW) else {
        panic!("newer")
    };
    assert!(incoming.missing().is_empty());
    lists(&mut verifier).accept(*incoming, NOW).unwrap();
    assert_eq!(verdict(&verifier, &token(claims())), "allow");
}

#[test]
fn a_manifest_that_is_no_strict_jws_is_refused() {
    let manifest = publish(1, &[]).manifest;
    let wrong: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"<!doctype html><title>404</title>".to_vec(),
        b"{}".to_vec(),
        b"\xff\xfe".to_vec(),
        format!("{manifest}\n").into_bytes(),
        format!("{manifest}=").into_bytes(),
        format!("{manifest}.").into_bytes(),
        manifest.as_bytes()[..manifest.len() / 2].to_vec(),
        vec![b'a'; 2 * 1024 * 1024],
    ];
    for manifest in wrong {
        assert!(
            matches!(refusal(&manifest), Error::ManifestInvalid(_)),
            "{}",
            String::from_utf8_lossy(&manifest)
        );
    }
}

#[test]
fn a_manifest_of_another_typ_is_refused() {
    for typ in [json!("JWT"), json!("revocations"), json!("revocations+jwt+x"), json!("")] {
        let header = json!({ "alg": "EdDSA", "kid": authority_key().kid(), "typ": typ });
        assert!(matches!(refusal(raw_eddsa(&header, &good(), [7; 32])), Error::ManifestInvalid(_)), "{typ}");
    }
    let header = json!({ "alg": "EdDSA", "kid": authority_key().kid() });
    assert!(matches!(refusal(raw_eddsa(&header, &good(), [7; 32])), Error::ManifestInvalid(_)));
}

#[test]
fn a_manifest_that_is_signed_by_another_key_or_not_at_all_is_refused() {
    let kid = authority_key().kid().to_owned();
    let by_another = raw_eddsa(&header(), &good(), [8; 32]);
    let by_the_issuer = raw(
        &json!({ "alg": "ES256", "kid": "issuer-1", "typ": "revocations+jwt" }).to_string(),
        good().to_string(),
        &issuer_key(),
    );
    let unsigned_header = json!({ "alg": "none", "kid": kid, "typ": "revocations+jwt" });
    let unsigned = format!("{}.{}.", base64url(unsigned_header.to_string()), base64url(good().to_string()));
    for manifest in [by_another, by_the_issuer, unsigned] {
        assert!(matches!(refusal(&manifest), Error::ManifestUntrusted(_)), "{manifest}");
    }
}

#[test]
fn a_manifest_signed_with_a_secret_is_refused_also_where_the_list_is_configured_with_it() {
    let mut config = config();
    config["lists"][0]["keys"] = json!({ "keys": [secret_jwk()] });
    assert!(matches!(build(&config), Err(Error::ConfigInvalid { path, .. }) if path == "lists[0].keys"));
}

#[test]
fn a_manifest_of_an_authority_that_is_not_configured_is_refused_though_its_key_is() {
    let manifest = signed(&good_with(json!({ "iss": "https://other-authority.example" })));
    assert!(matches!(refusal(manifest), Error::ManifestUntrusted(_)));
    assert!(matches!(refusal(signed(&good_with(json!({ "iss": ISSUER })))), Error::ManifestUntrusted(_)));
}

#[test]
fn an_authority_is_not_heard_on_issuers_it_is_not_configured_for() {
    let outside = signed(&good_with(json!({ "covers": [OTHER_ISSUER] })));
    assert!(matches!(refusal(outside), Error::ManifestUntrusted(_)));
    // It names a second issuer that it may not speak for, and may speak for the first only.
    let mut config = config();
    config["issuers"].as_array_mut().unwrap().push(json!({
        "issuer": OTHER_ISSUER, "jwks": public_jwk(&issuer_key()),
    }));
    let second = SigningKey::from_seed([8; 32]);
    config["lists"].as_array_mut().unwrap().push(list("https://second.example", &second, &[OTHER_ISSUER]));
    let mut verifier = build(&config).unwrap();
    let built = publisher(&[outright(&["jti"], json!(["t-9"]))])
        .cover(OTHER_ISSUER)
        .finish(&authority_key())
        .unwrap();
    install(&mut verifier, &built, NOW).unwrap();
    assert_eq!(verdict(&verifier, &token(claims())), "allow");
    let theirs = token(claims_with(json!({ "iss": OTHER_ISSUER })));
    assert_eq!(
        verdict(&verifier, &theirs),
        "unavailable ERR_REVOCATION_UNAVAILABLE",
        "nobody who may has spoken"
    );
}

#[test]
fn a_list_that_does_not_cover_the_issuer_cannot_tell() {
    let mut config = config();
    config["issuers"].as_array_mut().unwrap().push(json!({
        "issuer": OTHER_ISSUER, "jwks": public_jwk(&issuer_key()),
    }));
    config["lists"][0]["for"] = json!([ISSUER, OTHER_ISSUER]);
    let verifier = verifier_of(&config, &[]);
    let theirs = token(claims_with(json!({ "iss": OTHER_ISSUER })));
    assert_eq!(verdict(&verifier, &theirs), "unavailable ERR_REVOCATION_UNAVAILABLE");
}

#[test]
fn a_manifest_that_says_something_not_understood_or_not_possible_is_refused() {
    let wrong = [
        json!({ "crit": ["recent"] }),
        json!({ "crit": "recent" }),
        json!({ "hash": "sha-256" }),
        json!({ "hash": null }),
        json!({ "salt": base64url([1; 15]) }),
        json!({ "salt": "!" }),
        json!({ "seq": -1 }),
        json!({ "seq": 1.5 }),
        json!({ "seq": "1" }),
        json!({ "iat": "1" }),
        json!({ "exp": null }),
        json!({ "ttl": -1 }),
        json!({ "prev": "00" }),
        json!({ "covers": ISSUER }),
        json!({ "covers": vec![ISSUER; 1025] }),
        json!({ "rules": [["jti"], ["jti"]] }),
        json!({ "rules": [["sub", "azp"], ["azp", "sub"]] }),
        json!({ "rules": [["@kid"]] }),
        json!({ "rules": [[""]] }),
        json!({ "rules": ["jti"] }),
        json!({ "rules": (0..33).map(|n| vec![n.to_string()]).collect::<Vec<_>>() }),
        json!({ "segments": {} }),
    ];
    for changes in wrong {
        assert!(
            matches!(refusal(signed(&good_with(changes.clone()))), Error::ManifestInvalid(_)),
            "{changes}"
        );
    }
    for claim in ["iat", "exp", "ttl", "seq", "hash", "salt", "covers", "rules", "segments"] {
        let mut claims = good();
        claims.as_object_mut().unwrap().remove(claim).unwrap();
        assert!(matches!(refusal(signed(&claims)), Error::ManifestInvalid(_)), "without {claim}");
    }
}

#[test]
fn a_manifest_that_says_something_not_possible_of_a_segment_is_refused() {
    assert!(
        lists(&mut build(&config()).unwrap()).offer(signed(&with_segment(json!({}))).as_bytes(), NOW).is_ok(),
        "without a change it is good"
    );
    let wrong = [
        json!({ "hash": "00".repeat(31) }),
        json!({ "hash": "FF".repeat(32) }),
        json!({ "rule": 2 }),
        json!({ "rule": -1 }),
        json!({ "rule": u64::MAX }),
        json!({ "kind": "minimum" }),
        json!({ "kind": "Outright" }),
        json!({ "rule": 1, "kind": "cutoff" }),
        json!({ "from": "ff".repeat(16), "to": "00".repeat(16) }),
        json!({ "from": "00" }),
        json!({ "entries": 0 }),
        json!({ "entries": -1 }),
        json!({ "bytes": 25 * 1024 * 1024 + 1 }),
        json!({ "bytes": u64::MAX }),
    ];
    for changes in wrong {
        assert!(
            matches!(refusal(signed(&with_segment(changes.clone()))), Error::ManifestInvalid(_)),
            "{changes}"
        );
    }
    let mut large = segment();
    large["bytes"] = json!(25 * 1024 * 1024);
    let together = signed(&good_with(json!({ "segments": [large.clone(), large] })));
    assert!(
        matches!(refusal(together), Error::ManifestInvalid(_)),
        "two of 25 MiB are more than a snapshot may have"
    );
}

#[test]
fn a_manifest_is_good_until_its_exp_and_not_before_its_iat_but_for_a_minute_of_clocks() {
    let at = |now: u64| {
        let mut verifier = build(&config()).unwrap();
        lists(&mut verifier).offer(signed(&good()).as_bytes(), UnixTime::from_seconds(now)).map(|_| ())
    };
    assert!(at(SECONDS + 3599).is_ok());
    assert!(matches!(at(SECONDS + 3600), Err(Error::ManifestInvalid(_))));
    assert!(at(SECONDS - 60).is_ok());
    assert!(matches!(at(SECONDS - 61), Err(Error::ManifestInvalid(_))));
}

#[test]
fn a_manifest_older_than_the_one_already_seen_is_refused_and_what_is_in_force_stays() {
    let mut verifier = build(&config()).unwrap();
    install(&mut verifier, &publish(7, &[outright(&["jti"], json!(["t-1"]))]), NOW).unwrap();
    for seq in [0, 1, 6] {
        let refused = install(&mut verifier, &publish(seq, &[]), NOW).unwrap_err();
        assert_eq!(refused, Error::ManifestRollback { seen: 7, offered: seq });
        assert_eq!(verdict(&verifier, &token(claims())), "deny ERR_JWT_REVOKED");
    }
}

#[test]
fn the_same_seq_with_other_bytes_is_refused_and_with_the_same_bytes_is_no_news() {
    let mut verifier = build(&config()).unwrap();
    let first = publish(7, &[outright(&["jti"], json!(["t-1"]))]);
    install(&mut verifier, &first, NOW).unwrap();
    assert_eq!(install(&mut verifier, &publish(7, &[]), NOW), Err(Error::ManifestConflict { seq: 7 }));
    assert_eq!(verdict(&verifier, &token(claims())), "deny ERR_JWT_REVOKED");
    assert!(matches!(offer(lists(&mut verifier), &first, NOW), Ok(Offer::Unchanged)));
}

#[test]
fn a_segment_whose_hash_differs_is_refused_and_what_is_in_force_stays() {
    let mut verifier = verifier(&[outright(&["jti"], json!(["t-1"]))]);
    let built = publish(2, &[outright(&["jti"], json!(["t-2"]))]);
    let (name, bytes) = &built.segments[0];
    for index in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[index] ^= 1;
        let mut incoming = newer(&mut verifier, &built);
        assert_eq!(incoming.supply(changed.into()), Err(Error::SegmentHashMismatch), "byte {index}");
        assert_eq!(incoming.missing(), [*name]);
        assert_eq!(lists(&mut verifier).accept(*incoming, NOW), Err(Error::SegmentMissing));
    }
    assert_eq!(verdict(&verifier, &token(claims())), "deny ERR_JWT_REVOKED");
    install(&mut verifier, &built, NOW).unwrap();
    assert_eq!(verdict(&verifier, &token(claims())), "allow");
}

#[test]
fn a_truncated_or_lengthened_segment_is_refused_whoever_hashed_it() {
    let mut verifier = build(&config()).unwrap();
    let built = publish(1, &[outright(&["jti"], json!(["t-1"])), outright(&["jti"], json!(["t-2"]))]);
    let (name, bytes) = &built.segments[0];
    let mut incoming = newer(&mut verifier, &built);
    for length in 0..bytes.len() {
        let truncated: Arc<[u8]> = bytes[..length].into();
        assert_eq!(incoming.supply(Arc::clone(&truncated)), Err(Error::SegmentHashMismatch));
        // As when the host vouches for a hash of other bytes.
        assert!(
            matches!(incoming.supply_hashed(*name, truncated), Err(Error::SegmentInvalid(_))),
            "{length}"
        );
    }
    let lengthened: Arc<[u8]> = [bytes.as_slice(), &[0]].concat().into();
    assert!(matches!(incoming.supply_hashed(*name, lengthened), Err(Error::SegmentInvalid(_))));
    assert_eq!(incoming.missing(), [*name]);
    incoming.supply_hashed(SegmentName::of(bytes), bytes.as_slice().into()).unwrap();
    lists(&mut verifier).accept(*incoming, NOW).unwrap();
    assert_eq!(verdict(&verifier, &token(claims())), "deny ERR_JWT_REVOKED");
}

#[test]
fn a_segment_that_is_not_what_the_manifest_says_of_it_is_refused() {
    let built = publish(1, &[outright(&["jti"], json!(["t-1"]))]);
    let (name, bytes) = &built.segments[0];
    let true_claims = json!({
        "hash": name.to_string(), "entries": 1, "bytes": bytes.len(), "from": from_of(&built), "to": from_of(&built),
    });
    let offered = |changes: Value| {
        let mut segment = true_claims.clone();
        segment.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let mut verifier = build(&config()).unwrap();
        let manifest = signed(&with_segment(segment));
        let Ok(Offer::Newer(mut incoming)) = lists(&mut verifier).offer(manifest.as_bytes(), NOW) else {
            panic!("a manifest that agrees with itself")
        };
        incoming.supply(bytes.as_slice().into())
    };
    assert_eq!(offered(json!({})), Ok(()));
    let wrong = [
        json!({ "kind": "cutoff" }),
        json!({ "entries": 2 }),
        json!({ "bytes": bytes.len() + 1 }),
        json!({ "from": "00".repeat(16) }),
        json!({ "to": "ff".repeat(16) }),
    ];
    for changes in wrong {
        assert!(matches!(offered(changes.clone()), Err(Error::SegmentInvalid(_))), "{changes}");
    }
}

/// The least id of a snapshot's first segment, as its manifest says it.
fn from_of(built: &Built) -> String {
    let mut verifier = build(&config()).unwrap();
    newer(&mut verifier, built).manifest().segments()[0].from.to_string()
}

#[test]
fn a_segment_that_breaks_a_rule_of_its_layout_is_refused_by_the_rule_it_breaks() {
    use revocable::Segment as _;
    let outright =
        |count: u64, ids: &[u8]| [b"RVOC\x01\x00\x02\x00".as_slice(), &count.to_le_bytes(), ids].concat();
    assert_eq!(SortedIds::open(outright(2, &[0, 1, 0, 2])).unwrap().entries(), 2);
    let cutoff = |millis: u64| {
        [b"RVOC\x01\x01\x01\x00".as_slice(), &1_u64.to_le_bytes(), &[9], &millis.to_le_bytes()[..6]].concat()
    };
    assert!(SortedIds::open(cutoff(1_790_000_000_000)).is_ok());
    let good = outright(1, &[0, 1]);
    let at = |index: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[index] = byte;
        bytes
    };
    let cases = [
        (b"RVOC".to_vec(), "header"),
        (at(0, b'r'), "RVOC"),
        (at(4, 0), "version"),
        (at(4, 2), "version"),
        (at(5, 2), "kind"),
        (at(6, 0), "bytes of an id"),
        (at(6, 17), "bytes of an id"),
        (at(7, 1), "reserved"),
        (outright(3, &[0, 1, 0, 2]), "length"),
        (outright(1, &[0, 1, 0, 2]), "length"),
        (outright(0, &[0]), "length"),
        (outright(u64::MAX, &[0, 1]), "length"),
        (outright(1 << 63, &[]), "length"),
        (outright(2, &[0, 2, 0, 1]), "ascending"),
        (outright(2, &[0, 1, 0, 1]), "ascending"),
        (cutoff(253_402_300_799_001), "9999"),
        (cutoff((1 << 48) - 1), "9999"),
    ];
    for (bytes, rule) in cases {
        match SortedIds::open(bytes.as_slice()) {
            Err(Error::SegmentInvalid(reason)) => {
                assert!(reason.contains(rule), "{reason} does not say {rule}")
            }
            other => panic!("{other:?}, not {rule}"),
        }
    }
}

#[test]
fn segments_already_at_hand_are_not_asked_for_again() {
    let unchanged = outright(&["sub"], json!(["alice"]));
    let mut verifier = verifier(std::slice::from_ref(&unchanged));
    let built = publish(2, &[unchanged, outright(&["jti"], json!(["t-2"]))]);
    assert_eq!(built.segments.len(), 2);
    let incoming = newer(&mut verifier, &built);
    assert_eq!(incoming.missing().len(), 1);
}

#[test]
fn a_snapshot_that_follows_another_is_chained_to_it_and_keeps_its_salt_rules_and_issuers() {
    let first = publish(1, &[outright(&["jti"], json!(["t-1"]))]);
    let following =
        Publisher::following(first.manifest.as_bytes(), &authority_key(), AUTHORITY, NOW).unwrap();
    let second = following.finish(&authority_key()).unwrap();
    let mut verifier = build(&config()).unwrap();
    install(&mut verifier, &first, NOW).unwrap();
    install(&mut verifier, &second, NOW).unwrap();
    let manifest = lists(&mut verifier).snapshot().unwrap().manifest().clone();
    assert_eq!((manifest.seq(), manifest.salt(), manifest.covers(ISSUER)), (2, SALT, true));
    assert_eq!(manifest.rules().iter().map(ToString::to_string).collect::<Vec<_>>(), [r#"["jti"]"#]);
    for (key, authority) in [([8; 32], AUTHORITY), ([7; 32], "https://other-authority.example")] {
        let key = SigningKey::from_seed(key);
        assert!(Publisher::following(first.manifest.as_bytes(), &key, authority, NOW).is_err());
    }
}

#[test]
fn a_manifest_with_recent_operations_is_refused_until_they_are_understood() {
    for recent in [json!("AAAA"), json!([]), json!({})] {
        let refused = refusal(signed(&good_with(json!({ "recent": recent }))));
        assert!(matches!(refused, Error::ManifestInvalid(_)));
    }
}

#[test]
fn a_seq_that_javascript_cannot_hold_is_refused_and_never_published() {
    let greatest = (1_u64 << 53) - 1;
    assert!(matches!(refusal(signed(&good_with(json!({ "seq": greatest + 1 })))), Error::ManifestInvalid(_)));
    assert!(publisher(&[]).seq(greatest + 1).finish(&authority_key()).is_err());
    assert!(publisher(&[]).seq(greatest).finish(&authority_key()).is_ok());
}

#[test]
fn a_snapshot_that_would_be_expired_at_once_is_not_published() {
    assert!(publisher(&[]).valid_for(0).finish(&authority_key()).is_err());
}

#[test]
fn an_authority_never_takes_the_place_of_another() {
    let second = SigningKey::from_seed([8; 32]);
    let mut config = config();
    config["lists"].as_array_mut().unwrap().push(list("https://second.example", &second, &[ISSUER]));
    let theirs = |lines: &[Value]| {
        let mut publisher = Publisher::new("https://second.example", SALT, NOW).cover(ISSUER);
        for line in lines {
            publisher.add(revocable::publish::Revocation::from_json(&line.to_string()).unwrap());
        }
        publisher.finish(&second).unwrap()
    };
    let mut verifier = build(&config).unwrap();
    install(&mut verifier, &publish(5, &[outright(&["jti"], json!(["t-1"]))]), NOW).unwrap();
    assert_eq!(verdict(&verifier, &token(claims())), "deny ERR_JWT_REVOKED");
    let other = token(claims_with(json!({ "jti": "t-2" })));
    assert_eq!(
        verdict(&verifier, &other),
        "unavailable ERR_REVOCATION_UNAVAILABLE",
        "the second has not spoken"
    );
    install(&mut verifier, &theirs(&[outright(&["jti"], json!(["t-3"]))]), NOW).unwrap();
    assert_eq!(verdict(&verifier, &token(claims())), "deny ERR_JWT_REVOKED");
    assert_eq!(verdict(&verifier, &other), "allow");
    let by_the_second = token(claims_with(json!({ "jti": "t-3" })));
    assert_eq!(verdict(&verifier, &by_the_second), "deny ERR_JWT_REVOKED");
}

//! Manifests and segments that must be refused, and what stays in force when they are.

use serde_json::{Value, json};

use revocable::publish::{Built, Publisher, SigningKey};
use revocable::{Entry, Error, Id, Incoming, Offer, Revocations, Segment, SegmentName, UnixTime, Verifier};

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
        "hash": "00".repeat(32), "rule": 0, "kind": "outright", "entries": 1, "bytes": 64,
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
        json!({ "kind": "minimum", "claim": "" }),
        json!({ "kind": "minimum", "claim": "header:pwd_ver" }),
        json!({ "kind": "minimum", "claim": "@key" }),
        json!({ "kind": "minimum", "claim": 7 }),
        json!({ "kind": "outright", "claim": "pwd_ver" }),
        json!({ "kind": "cutoff", "claim": "pwd_ver" }),
        json!({ "kind": "Outright" }),
        json!({ "kind": "" }),
        json!({ "rule": 1, "kind": "cutoff" }),
        json!({ "rule": 1, "kind": "minimum", "claim": "pwd_ver" }),
        json!({ "layer": 16 }),
        json!({ "layer": -1 }),
        json!({ "layer": u64::MAX }),
        json!({ "bits": 17, "shard": 0 }),
        json!({ "bits": 16, "shard": 65536 }),
        json!({ "bits": 3, "shard": 8 }),
        json!({ "bits": -1, "shard": 0 }),
        json!({ "bits": 256, "shard": 0 }),
        json!({ "bits": 16, "shard": u64::MAX }),
        json!({ "shard": 1 }),
        json!({ "expires": -1 }),
        json!({ "expires": null }),
        json!({ "entries": 0 }),
        json!({ "entries": -1 }),
        json!({ "bytes": 25 * 1024 * 1024 + 1 }),
        json!({ "bytes": u64::MAX }),
        json!({ "exact": null }),
        json!({ "exact": { "hash": "00".repeat(31), "bytes": 64 } }),
        json!({ "exact": { "hash": "00".repeat(32), "bytes": 25 * 1024 * 1024 + 1 } }),
        json!({ "exact": { "hash": "00".repeat(32) } }),
    ];
    for changes in wrong {
        match refusal(signed(&with_segment(changes.clone()))) {
            Error::ManifestInvalid(reason) => assert!(reason.starts_with("segments[0]: "), "{reason}"),
            other => panic!("{changes}: {other:?}"),
        }
    }
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
        assert_eq!(incoming.supply(changed), Err(Error::SegmentHashMismatch), "byte {index}");
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
        let truncated = bytes[..length].to_vec();
        assert_eq!(incoming.supply(truncated.clone()), Err(Error::SegmentHashMismatch));
        // As when the host vouches for a hash of other bytes.
        assert!(
            matches!(incoming.supply_hashed(*name, truncated), Err(Error::SegmentInvalid(_))),
            "{length}"
        );
    }
    let lengthened = [bytes.as_slice(), &[0]].concat();
    assert!(matches!(incoming.supply_hashed(*name, lengthened), Err(Error::SegmentInvalid(_))));
    assert_eq!(incoming.missing(), [*name]);
    incoming.supply_hashed(SegmentName::of(bytes), bytes.clone()).unwrap();
    lists(&mut verifier).accept(*incoming, NOW).unwrap();
    assert_eq!(verdict(&verifier, &token(claims())), "deny ERR_JWT_REVOKED");
}

#[test]
fn a_segment_that_is_not_what_the_manifest_says_of_it_is_refused() {
    let built = publish(1, &[outright(&["jti"], json!(["t-1"]))]);
    let (name, bytes) = &built.segments[0];
    let true_claims = json!({
        "hash": name.to_string(), "entries": 1, "bytes": bytes.len(),
    });
    let offered = |changes: Value| {
        let mut segment = true_claims.clone();
        segment.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let mut verifier = build(&config()).unwrap();
        let manifest = signed(&with_segment(segment));
        let Ok(Offer::Newer(mut incoming)) = lists(&mut verifier).offer(manifest.as_bytes(), NOW) else {
            panic!("a manifest that agrees with itself")
        };
        incoming.supply(bytes.clone())
    };
    assert_eq!(offered(json!({})), Ok(()));
    let wrong = [
        json!({ "kind": "cutoff" }),
        json!({ "entries": 2 }),
        json!({ "bytes": bytes.len() + 1 }),
        json!({ "kind": "minimum", "claim": "pwd_ver" }),
        json!({ "bits": 1, "shard": 0 }),
        json!({ "bits": 1, "shard": 1 }),
    ];
    for changes in wrong {
        match offered(changes.clone()) {
            Err(Error::SegmentInvalid(reason)) => {
                assert!(reason.starts_with(&name.object_name()), "{reason} says of which segment")
            }
            other => panic!("{changes}: {other:?}"),
        }
    }
}

/// A segment written by hand: its header's numbers, the counts of each block of buckets with the place of its middle, and what
/// follows them.
struct ByHand {
    kind: u8,
    prefix: u8,
    remainder: u8,
    entries: u32,
    buckets: u32,
    shard: u32,
    value: u8,
    base: i64,
    blocks: &'static [([u64; 4], i16)],
    rest: &'static [u8],
}

/// Two ids, both in the first of two buckets, with the remainders 0x01 and 0x02.
const BY_HAND: ByHand = ByHand {
    kind: 0,
    prefix: 0,
    remainder: 8,
    entries: 2,
    buckets: 2,
    shard: 0,
    value: 0,
    base: 0,
    // Two entries before the middle, where evenly spread ones would be 64.
    blocks: &[([0b0010, 0, 0, 0], -62)],
    rest: &[1, 2],
};

const BLOCK: ([u64; 4], i16) = BY_HAND.blocks[0];

/// Four ids in the first of four buckets, with the remainders 1 to 4: the order of the first three says that there is one more.
const FOUR: ByHand =
    ByHand { entries: 4, buckets: 4, blocks: &[([0b0011, 0, 0, 0], -61)], rest: &[1, 3, 2, 4], ..BY_HAND };

/// Eight in the first of eight: a crowd.
const CROWD: ByHand =
    ByHand { entries: 8, buckets: 8, rest: &[3, 2, 1, 4, 5, 6, 7, 8, 0, 0, 0, 0, 8, 0, 0, 0], ..FOUR };

impl ByHand {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = [b"RVOC".as_slice(), &[3, self.kind, self.prefix, self.remainder]].concat();
        for number in [self.entries, self.buckets, self.shard] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend([self.value, 0, 0, 0]);
        bytes.extend(self.base.to_le_bytes());
        for ([one, two, three, four], middle) in self.blocks {
            [one, two].into_iter().for_each(|word| bytes.extend(word.to_le_bytes()));
            bytes.extend(middle.to_le_bytes());
            [three, four].into_iter().for_each(|word| bytes.extend(word.to_le_bytes()));
        }
        bytes.extend(self.rest);
        bytes.extend([0; 8]);
        bytes
    }
}

#[test]
fn a_bucket_of_more_than_three_entries_has_them_all_and_lists_them_in_order() {
    for (by_hand, buckets) in [(FOUR, 4_u128), (CROWD, 8)] {
        let segment = Segment::open(by_hand.bytes()).unwrap();
        segment.check().unwrap();
        let listed: Vec<Id> = segment.iter().unwrap().map(|(interval, _)| interval.from).collect();
        // The least ids whose product with the number of buckets has these remainders.
        let wanted: Vec<Id> =
            (1..=buckets).map(|remainder| Id::from_number((remainder << 120) / buckets)).collect();
        assert_eq!(listed, wanted);
        assert!(wanted.iter().all(|id| segment.get(id) == Some(Entry::Outright)));
        let other = Id::from_number(((buckets + 1) << 120) / buckets);
        assert_eq!((segment.get(&other), segment.get(&Id::from_number(0))), (None, None));
    }
}

#[test]
fn a_segment_that_breaks_a_rule_of_its_layout_is_refused_by_the_rule_it_breaks() {
    let good = BY_HAND.bytes();
    let opened = Segment::open(good.as_slice()).unwrap();
    opened.check().unwrap();
    assert_eq!((opened.entries(), opened.range(), opened.error_bits()), (2, (0, 0), 8));
    let millis = 1_790_000_000_000;
    let cutoffs = ByHand { kind: 1, value: 1, base: millis, rest: &[1, 2, 0b10], ..BY_HAND };
    Segment::open(cutoffs.bytes()).unwrap().check().unwrap();
    let at = |index: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[index] = byte;
        bytes
    };
    const ENTRIES: &str = "number of entries or of buckets";
    const BUCKETS: &str = "do not have as many entries";
    const CROWDS: &str = "crowds";
    let last_millis = 253_402_300_799_000_i64;
    let cases = [
        (b"RVOC".to_vec(), "header"),
        (vec![], "header"),
        (good[..31].to_vec(), "header"),
        (good[..32].to_vec(), "length"),
        (at(0, b'r'), "RVOC"),
        (at(4, 0), "version"),
        (at(4, 1), "version"),
        (at(4, 2), "version"),
        (at(4, 4), "version"),
        (at(5, 3), "kind"),
        (at(6, 17), "key range"),
        (at(6, 255), "key range"),
        (ByHand { shard: 1, ..BY_HAND }.bytes(), "key range"),
        (ByHand { prefix: 3, shard: 8, ..BY_HAND }.bytes(), "key range"),
        (ByHand { remainder: 0, ..BY_HAND }.bytes(), "remainders"),
        (ByHand { remainder: 65, ..BY_HAND }.bytes(), "remainders"),
        (at(21, 1), "whole blocks"),
        (at(21, 2), "structure"),
        (at(21, 255), "structure"),
        (at(22, 1), "reserved"),
        (at(23, 1), "reserved"),
        (ByHand { value: 1, ..BY_HAND }.bytes(), "values"),
        (ByHand { base: 1, ..BY_HAND }.bytes(), "values"),
        (ByHand { kind: 1, value: 55, ..BY_HAND }.bytes(), "values"),
        (ByHand { entries: 0, ..BY_HAND }.bytes(), ENTRIES),
        (ByHand { entries: 3, buckets: 1, ..BY_HAND }.bytes(), ENTRIES),
        (ByHand { buckets: 7, ..BY_HAND }.bytes(), ENTRIES),
        (ByHand { entries: u32::MAX, buckets: u32::MAX, ..BY_HAND }.bytes(), "length"),
        (ByHand { entries: 1 << 31, buckets: u32::MAX, remainder: 64, ..BY_HAND }.bytes(), "length"),
        (ByHand { rest: &[1, 2, 0], ..BY_HAND }.bytes(), "length"),
        (ByHand { rest: &[1], ..BY_HAND }.bytes(), "length"),
        (ByHand { blocks: &[], ..BY_HAND }.bytes(), "length"),
        (ByHand { blocks: &[BLOCK, BLOCK], ..BY_HAND }.bytes(), "length"),
        (ByHand { kind: 1, base: -1, ..BY_HAND }.bytes(), "least value"),
        (ByHand { kind: 1, base: last_millis + 1, ..BY_HAND }.bytes(), "least value"),
        (ByHand { kind: 2, base: 1 << 53, ..BY_HAND }.bytes(), "least value"),
        (ByHand { kind: 2, base: i64::MIN, ..BY_HAND }.bytes(), "least value"),
        // One entry too few, one too many, one behind the last bucket, one in another half and word.
        (ByHand { blocks: &[([0b0001, 0, 0, 0], -63)], ..BY_HAND }.bytes(), BUCKETS),
        (ByHand { blocks: &[([0b0011, 0, 0, 0], -61)], ..BY_HAND }.bytes(), BUCKETS),
        (ByHand { blocks: &[([0b1_0001, 0, 0, 0], -62)], ..BY_HAND }.bytes(), BUCKETS),
        (ByHand { blocks: &[([1, 1, 0, 0], -62)], ..BY_HAND }.bytes(), BUCKETS),
        (ByHand { blocks: &[([1, 0, 0, 1 << 62], -63)], ..BY_HAND }.bytes(), BUCKETS),
        (ByHand { blocks: &[([u64::MAX; 4], 128)], ..BY_HAND }.bytes(), BUCKETS),
        (ByHand { blocks: &[([0b0010, 0, 0, 0], -61)], ..BY_HAND }.bytes(), "does not begin"),
        (ByHand { blocks: &[([0b0010, 0, 0, 0], 0)], ..BY_HAND }.bytes(), "does not begin"),
        // An order that says that there are more entries, or fewer, or a crowd that is none.
        (ByHand { rest: &[1, 2, 3, 4], ..FOUR }.bytes(), BUCKETS),
        (ByHand { rest: &[2, 1, 3, 4], ..FOUR }.bytes(), BUCKETS),
        (ByHand { rest: &[3, 2, 1, 4], ..FOUR }.bytes(), BUCKETS),
        (ByHand { entries: 3, buckets: 3, rest: &[3, 2, 1], ..FOUR }.bytes(), BUCKETS),
        (ByHand { rest: &[3, 2, 1, 4, 5, 6, 7, 8], ..CROWD }.bytes(), BUCKETS),
        (ByHand { rest: &[3, 2, 1, 4, 5, 6, 7, 8, 1, 0, 0, 0, 8, 0, 0, 0], ..CROWD }.bytes(), BUCKETS),
        (ByHand { rest: &[3, 2, 1, 4, 5, 6, 7, 8, 0, 0, 0, 0, 9, 0, 0, 0], ..CROWD }.bytes(), BUCKETS),
        (ByHand { rest: &[1, 3, 2, 4, 0, 0, 0, 0, 8, 0, 0, 0], ..FOUR }.bytes(), BUCKETS),
        (ByHand { rest: &[3, 2, 1, 4, 5, 6, 7, 8, 0, 0, 0, 0, 7, 0, 0, 0], ..CROWD }.bytes(), CROWDS),
        (
            ByHand {
                rest: &[3, 2, 1, 4, 5, 6, 7, 8, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0],
                ..CROWD
            }
            .bytes(),
            CROWDS,
        ),
    ];
    // A ribbon of 127 entries in 128 slots of a bit each: any slots will do, and no more nor fewer of them.
    let ribbon = |kind: u8, slots: u32, length: usize| {
        let by_hand =
            ByHand { kind, remainder: 1, entries: 127, buckets: slots, blocks: &[], rest: &[], ..BY_HAND };
        let mut bytes = by_hand.bytes();
        (bytes[21], bytes[22]) = (1, 7);
        bytes.resize(length, 0xa5);
        bytes
    };
    assert_eq!(Segment::open(ribbon(0, 128, 48)).unwrap().error_bits(), 1);
    let ribbons = [
        (ribbon(0, 128, 47), "length"),
        (ribbon(0, 128, 49), "length"),
        (ribbon(0, 256, 48), "length"),
        (ribbon(0, 129, 48), "whole blocks"),
        (ribbon(0, 384, 80), ENTRIES),
        (ribbon(0, 0, 32), ENTRIES),
        (ribbon(1, 128, 48), "no values"),
        (ribbon(2, 128, 48), "no values"),
    ];
    for (bytes, rule) in cases.into_iter().chain(ribbons) {
        match Segment::open(bytes.as_slice()) {
            Err(Error::SegmentInvalid(reason)) => {
                assert!(reason.contains(rule), "{reason} does not say {rule}")
            }
            other => panic!("{other:?}, not {rule}"),
        }
    }
}

#[test]
fn what_opening_a_segment_leaves_to_its_writer_is_found_when_it_is_checked() {
    let tail = |index: usize| {
        let mut bytes = BY_HAND.bytes();
        let length = bytes.len();
        bytes[length - index] = 1;
        bytes
    };
    let minima = ByHand { kind: 2, value: 2, base: -1, rest: &[1, 2, 0b1000], ..BY_HAND };
    Segment::open(minima.bytes()).unwrap().check().unwrap();
    let cases = [
        (tail(1), "end"),
        (tail(8), "end"),
        (ByHand { rest: &[2, 1], ..BY_HAND }.bytes(), "ascend"),
        (ByHand { rest: &[1, 1], ..BY_HAND }.bytes(), "ascend"),
        // A bucket's three least come first, and what is more ascends.
        (ByHand { rest: &[1, 4, 2, 3], ..FOUR }.bytes(), "ascend"),
        (ByHand { rest: &[3, 2, 1, 4, 5, 6, 8, 7, 0, 0, 0, 0, 8, 0, 0, 0], ..CROWD }.bytes(), "ascend"),
        (ByHand { remainder: 4, rest: &[0x21], ..BY_HAND }.bytes(), ""),
        (ByHand { remainder: 3, rest: &[0b0101_0001], ..BY_HAND }.bytes(), "behind"),
        (ByHand { rest: &[1, 2, 0b1_1000], ..minima }.bytes(), "behind"),
        (ByHand { rest: &[1, 2, 0b0100], ..minima }.bytes(), "more bits"),
        (ByHand { rest: &[1, 2, 0b1001], ..minima }.bytes(), "more bits"),
        (
            ByHand { kind: 1, value: 1, base: 253_402_300_799_000, rest: &[1, 2, 2], ..BY_HAND }.bytes(),
            "out of range",
        ),
        (ByHand { value: 1, base: (1 << 53) - 1, rest: &[1, 2, 2], ..minima }.bytes(), "out of range"),
    ];
    for (bytes, rule) in cases {
        let segment = Segment::open(bytes).unwrap();
        match segment.check() {
            Ok(()) => assert_eq!(rule, ""),
            Err(Error::SegmentInvalid(reason)) => {
                assert!(!rule.is_empty() && reason.contains(rule), "{reason} does not say {rule}")
            }
            other => panic!("{other:?}, not {rule}"),
        }
    }
}

#[test]
fn segments_already_at_hand_are_not_asked_for_again() {
    let unchanged = outright(&["sub"], json!(["alice"]));
    let mut verifier = verifier(&[unchanged.clone(), outright(&["jti"], json!(["t-1"]))]);
    let built = publish(2, &[unchanged, outright(&["jti"], json!(["t-2"]))]);
    assert_eq!(built.segments.len(), 2);
    let mut incoming = newer(&mut verifier, &built);
    assert_eq!(incoming.missing().len(), 1);
    for (_, bytes) in built.segments {
        let _ = incoming.supply(bytes);
    }
    lists(&mut verifier).accept(*incoming, NOW).unwrap();
    assert_eq!(verdict(&verifier, &token(claims())), "deny ERR_JWT_REVOKED", "by the one that was at hand");
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

/// Operations on the rule `["jti"]`, with a field changed.
fn with_recent(changes: Value) -> Value {
    let mut group = json!({ "rule": 0, "kind": "outright", "op": "add", "data": base64url([1; 14]) });
    group.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    good_with(json!({ "recent": [group] }))
}

#[test]
fn a_manifest_that_says_something_not_possible_of_an_operation_is_refused() {
    let taken = |changes: Value| {
        let manifest = signed(&with_recent(changes));
        lists(&mut build(&config()).unwrap()).offer(manifest.as_bytes(), NOW).map(|_| ())
    };
    let good = [
        json!({}),
        json!({ "op": "remove" }),
        json!({ "kind": "cutoff", "base": 5, "width": 0 }),
        json!({ "kind": "minimum", "claim": "v", "base": -5, "width": 1, "data": base64url([1; 15]) }),
        json!({ "data": base64url([[1; 14], [2; 14]].concat()), "expires": 7 }),
    ];
    for changes in good {
        assert_eq!(taken(changes.clone()), Ok(()), "{changes}");
    }
    for recent in [json!("AAAA"), json!({}), json!(null)] {
        assert!(matches!(
            refusal(signed(&good_with(json!({ "recent": recent })))),
            Error::ManifestInvalid(_)
        ));
    }
    let wrong = [
        json!({ "rule": 2 }),
        json!({ "kind": "Outright" }),
        json!({ "kind": "minimum" }),
        json!({ "claim": "v" }),
        json!({ "rule": 1, "kind": "cutoff", "base": 5, "width": 0 }),
        json!({ "op": "undo" }),
        json!({ "op": null }),
        json!({ "kind": "cutoff" }),
        json!({ "kind": "cutoff", "base": 5 }),
        json!({ "kind": "cutoff", "width": 1 }),
        json!({ "kind": "cutoff", "base": 0.5, "width": 0 }),
        json!({ "kind": "cutoff", "base": -1, "width": 0 }),
        json!({ "kind": "cutoff", "base": 0, "width": 8, "data": base64url([1; 22]) }),
        json!({ "kind": "cutoff", "base": 0, "width": u64::MAX }),
        json!({ "kind": "cutoff", "base": 0, "width": 7, "data": base64url([255; 21]) }),
        json!({ "kind": "cutoff", "base": i64::MAX, "width": 1, "data": base64url([1; 15]) }),
        json!({ "kind": "minimum", "claim": "v", "base": i64::MIN, "width": 0 }),
        json!({ "kind": "minimum", "claim": "v", "base": 1_u64 << 53, "width": 0 }),
        json!({ "data": "" }),
        json!({ "data": null }),
        json!({ "data": "!" }),
        json!({ "data": format!("{}=", base64url([1; 14])) }),
        json!({ "data": base64url([1; 13]) }),
        json!({ "data": base64url([1; 15]) }),
        json!({ "data": base64url([1; 28]) }),
        json!({ "data": base64url([[2; 14], [1; 14]].concat()) }),
        json!({ "expires": -1 }),
    ];
    for changes in wrong {
        match taken(changes.clone()) {
            Err(Error::ManifestInvalid(reason)) => {
                assert!(reason.starts_with("recent[0]: "), "{changes}: {reason}")
            }
            other => panic!("{changes}: {other:?}"),
        }
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
            publisher.add(&revocable::publish::Revocation::from_json(&line.to_string()).unwrap());
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

//! Snapshots that mean harm: each is refused in bounded memory, with an error that says what is wrong and where.
//!
//! Their authority signed them all: what nobody signed comes no further than its signature. That refusing takes bounded time
//! follows from the limits on what is read ([`revocable::limits`]); nothing here is timed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a test may stop at the first surprise"
)]

mod common;
#[path = "common/memory.rs"]
mod memory;

use serde_json::{Value, json};

use revocable::limits::MAX_LACKING;
use revocable::publish::{Built, Update};
use revocable::{Error, Id, Incoming, Lack, Offer, Revocations, Segment, SegmentName, Unknown, Verifier};

use common::*;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const LARGEST: usize = 25 * MIB;

fn lists(verifier: &mut Verifier) -> &mut Revocations {
    verifier.revocations_mut().unwrap()
}

fn good_with(changes: Value) -> Value {
    let mut claims = json!({
        "iss": AUTHORITY, "iat": SECONDS, "exp": SECONDS + 3600, "ttl": 60, "seq": 1, "hash": "sha-256-128",
        "salt": base64url([1; 16]), "epsilon": "2^-50", "covers": [ISSUER], "rules": [["jti"], ["sub"]], "segments": [],
    });
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    claims
}

fn signed(claims: &Value) -> String {
    let header = json!({ "alg": "EdDSA", "kid": authority_key().kid(), "typ": "revocations+jwt" });
    raw_eddsa(&header, claims, [7; 32])
}

fn segment_with(changes: Value) -> Value {
    let mut segment =
        json!({ "hash": "00".repeat(32), "rule": 0, "kind": "outright", "entries": 1, "bytes": 64 });
    segment.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    segment
}

fn group_with(changes: Value) -> Value {
    let mut group = json!({ "rule": 0, "kind": "outright", "op": "add", "data": base64url([1; 14]) });
    group.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    group
}

/// What operations have of the id with this number.
fn kept(number: u128) -> [u8; Id::KEPT_BYTES] {
    *Id::from_number(number).as_bytes().first_chunk().unwrap()
}

/// Why a manifest of these claims is refused, and how much memory that took beside the manifest.
fn refused(claims: &Value) -> (Error, usize) {
    let manifest = signed(claims);
    let mut verifier = build(&config()).unwrap();
    let mut refused = None;
    let peak = memory::peak_of(|| refused = lists(&mut verifier).offer(manifest.as_bytes(), NOW).err());
    (refused.unwrap_or_else(|| panic!("taken: {claims}")), peak)
}

/// Holds a manifest's refusal to the words it begins with, and to a MiB.
fn refused_as(claims: &Value, wanted: &str) {
    match refused(claims) {
        (Error::ManifestInvalid(reason), peak) => {
            assert!(reason.starts_with(wanted), "{reason} is not {wanted}");
            assert!(peak < 2 * MIB, "{wanted}: {peak} bytes");
        }
        (other, _) => panic!("{other:?} is not {wanted}"),
    }
}

fn incoming(claims: &Value) -> (Verifier, Incoming) {
    let mut verifier = build(&config()).unwrap();
    let Ok(Offer::Newer(incoming)) = lists(&mut verifier).offer(signed(claims).as_bytes(), NOW) else {
        panic!("a manifest that agrees with itself: {claims}")
    };
    (verifier, *incoming)
}

/// A manifest of one segment, which is exactly these bytes, and how they fare.
fn supplied(bytes: &[u8], changes: Value) -> (Result<(), Error>, usize) {
    let name = SegmentName::of(bytes);
    let mut segment = segment_with(json!({ "hash": name.to_string(), "bytes": bytes.len() }));
    segment.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let (_, mut incoming) = incoming(&good_with(json!({ "segments": [segment] })));
    let bytes = bytes.to_vec();
    let mut result = Ok(());
    let peak = memory::peak_of(|| result = incoming.supply(bytes));
    (result, peak)
}

fn says(result: Result<(), Error>, name: SegmentName, wanted: &str) {
    match result {
        Err(Error::SegmentInvalid(reason)) => {
            assert_eq!(reason, format!("{}: {wanted}", name.object_name()));
        }
        other => panic!("{other:?} is not {wanted}"),
    }
}

#[test]
fn counts_that_are_only_declared_take_no_memory() {
    let huge = segment_with(json!({ "entries": u64::MAX, "bytes": LARGEST }));
    let manifest = signed(&good_with(json!({ "segments": [huge] })));
    let mut verifier = build(&config()).unwrap();
    let mut offered = None;
    let peak = memory::peak_of(|| offered = lists(&mut verifier).offer(manifest.as_bytes(), NOW).ok());
    assert!(peak < 64 * KIB, "{peak}");
    let Some(Offer::Newer(mut incoming)) = offered else { panic!("it says nothing impossible") };
    // A source that sends less, or more.
    for length in [0, 1, 32, LARGEST + 1] {
        assert_eq!(incoming.supply(vec![0; length]), Err(Error::SegmentHashMismatch));
        let vouched = incoming.supply_hashed(SegmentName::from_digest([0; 32]), vec![0; length]);
        says(vouched, SegmentName::from_digest([0; 32]), "its length is not the manifest's");
    }
    // In a segment's own header.
    for (entries, buckets) in [(u32::MAX, u32::MAX), (1 << 31, u32::MAX), (1 << 24, 1 << 24)] {
        let mut header =
            [b"RVOC\x03\0\0\x40".as_slice(), &entries.to_le_bytes(), &buckets.to_le_bytes()].concat();
        header.resize(64, 0);
        let (result, peak) = supplied(&header, json!({ "entries": entries }));
        says(result, SegmentName::of(&header), "its length is not what its header says");
        assert!(peak < KIB, "{peak}");
    }
}

#[test]
fn a_segment_of_twenty_five_mebibytes_of_zeros_is_refused_at_its_first_bytes() {
    let zeros = vec![0; LARGEST];
    let (result, peak) = supplied(&zeros, json!({}));
    says(result, SegmentName::of(&zeros), "it does not begin with `RVOC`");
    assert!(peak < KIB, "{peak}");
    // With a header that fits: 66 million entries of a bit each, none of which is anywhere.
    let entries = 66_000_000_u32;
    let length = 32 + 34 * (entries as usize).div_ceil(128) + entries.div_ceil(8) as usize + 8;
    let mut zeros = vec![0; length];
    zeros[..8].copy_from_slice(b"RVOC\x03\0\0\x01");
    zeros[8..12].copy_from_slice(&entries.to_le_bytes());
    zeros[12..16].copy_from_slice(&entries.to_le_bytes());
    assert!(length > 24 * MIB && length < LARGEST, "{length}");
    let (result, peak) = supplied(&zeros, json!({ "entries": entries }));
    let Err(Error::SegmentInvalid(reason)) = result else { panic!("{result:?}") };
    assert!(
        reason.ends_with("its buckets do not have as many entries as it says")
            || reason.ends_with("a bucket does not begin where it says"),
        "{reason}"
    );
    assert!(peak < KIB, "{peak}");
}

#[test]
fn key_ranges_that_overlap_in_a_layer_are_refused_and_in_two_layers_or_tables_taken() {
    const OVERLAPS: &str = "its key range overlaps with that of another in its layer";
    let of = |bits: u8, shard: u32, more: Value| {
        let mut segment =
            segment_with(json!({ "hash": format!("{bits:02x}{shard:062x}"), "bits": bits, "shard": shard }));
        segment.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        segment
    };
    let none = || json!({});
    for (segments, place) in [
        (vec![of(0, 0, none()), of(0, 0, none())], 1),
        (vec![of(1, 1, none()), of(1, 0, none()), of(16, 65535, none())], 2),
        (vec![of(16, 7, none()), of(0, 0, none())], 0),
        (vec![of(3, 5, json!({ "layer": 2 })), of(4, 11, json!({ "layer": 2 }))], 1),
        (vec![segment_with(json!({ "shard": 0 })), of(16, 9, none())], 1),
    ] {
        refused_as(&good_with(json!({ "segments": segments })), &format!("segments[{place}]: {OVERLAPS}"));
    }
    for segments in [
        vec![of(1, 1, none()), of(1, 0, none())],
        vec![of(1, 1, none()), of(2, 0, none()), of(2, 1, none())],
        vec![of(0, 0, none()), of(0, 0, json!({ "layer": 1 }))],
        vec![of(0, 0, none()), of(0, 0, json!({ "rule": 1 }))],
        vec![of(0, 0, none()), of(0, 0, json!({ "kind": "cutoff" }))],
        vec![
            of(0, 0, json!({ "kind": "minimum", "claim": "a" })),
            of(0, 0, json!({ "kind": "minimum", "claim": "b" })),
        ],
    ] {
        incoming(&good_with(json!({ "segments": segments })));
    }
    // As many as fit, all of them the same.
    let many: Vec<Value> = (0..3000).map(|_| segment_with(json!({}))).collect();
    match refused(&good_with(json!({ "segments": many }))) {
        (Error::ManifestInvalid(reason), peak) => {
            assert_eq!(reason, format!("segments[1]: {OVERLAPS}"));
            assert!(peak < 16 * MIB, "{peak}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_prev_that_does_not_fit_is_refused_and_what_is_in_force_stays() {
    let mut verifier = verifier(&[outright(&["jti"], json!(["t-1"]))]);
    let hash = |text: &str| SegmentName::of(text.as_bytes()).to_string();
    // That of another; and, as nearly as anybody can come to it, its own.
    let own = hash(&signed(&good_with(json!({ "seq": 2, "prev": "00".repeat(32) }))));
    for prev in ["00".repeat(32), own, hash(&publish(1, &[]).manifest)] {
        let claims = good_with(json!({ "seq": 2, "prev": prev }));
        let offered = lists(&mut verifier).offer(signed(&claims).as_bytes(), NOW);
        assert!(matches!(offered, Err(Error::ManifestConflict { seq: 1 })), "{offered:?}");
        assert_eq!(verdict(&verifier, &token(claims_of("t-1"))), "deny ERR_JWT_REVOKED");
    }
    for prev in
        [json!(""), json!("00"), json!("FF".repeat(32)), json!(null), json!(7), json!(["00".repeat(32)])]
    {
        refused_as(&good_with(json!({ "seq": 2, "prev": prev })), "its `prev` is");
    }
    let first = publish(1, &[outright(&["jti"], json!(["t-1"]))]);
    let fitting = good_with(json!({ "seq": 2, "prev": hash(&first.manifest) }));
    assert!(matches!(lists(&mut verifier).offer(signed(&fitting).as_bytes(), NOW), Ok(Offer::Newer(_))));
    // Whoever missed some cannot tell, and the authority goes on.
    let later = good_with(json!({ "seq": 3, "prev": "00".repeat(32) }));
    assert!(matches!(lists(&mut verifier).offer(signed(&later).as_bytes(), NOW), Ok(Offer::Newer(_))));
}

fn claims_of(jti: &str) -> Value {
    claims_with(json!({ "jti": jti }))
}

#[test]
fn rules_that_are_named_twice_too_many_or_malformed_are_refused_by_their_place() {
    for (rules, wanted) in [
        (json!([["jti"], ["sub"], ["jti"]]), "rules[2]: the rule is named twice"),
        (json!([["sub", "azp"], ["azp", "sub"]]), "rules[1]: the rule is named twice"),
        (json!([[], []]), "rules[1]: the rule is named twice"),
        (json!([["a", "a"]]), "rules[0]: the rule is malformed"),
        (json!([["jti"], ["@kid"]]), "rules[1]: the rule is malformed"),
        (json!([["jti"], 7]), "rules[1]: it is no list of strings"),
        (json!([["jti", null]]), "rules[0]: it is no list of strings"),
        (json!({}), "its `rules` is missing or no list"),
        (json!((0..33).map(|n| vec![n.to_string()]).collect::<Vec<_>>()), "it has too many rules"),
    ] {
        refused_as(&good_with(json!({ "rules": rules })), wanted);
    }
}

#[test]
fn what_names_an_unknown_rule_or_more_than_readers_take_is_refused_by_its_place() {
    let segments = |segments: Value| good_with(json!({ "segments": segments }));
    let recent = |recent: Value| good_with(json!({ "recent": recent }));
    refused_as(
        &segments(json!([segment_with(json!({ "rule": 2 }))])),
        "segments[0]: it is of a rule that is not listed",
    );
    refused_as(
        &recent(json!([group_with(json!({})), group_with(json!({ "rule": 2 }))])),
        "recent[1]: it is of a rule that is not listed",
    );
    refused_as(
        &recent(json!([group_with(json!({ "rule": u64::MAX }))])),
        "recent[0]: it is of a rule that is not listed",
    );
    let layered = |layer: u64| segment_with(json!({ "layer": layer, "hash": format!("{layer:064x}") }));
    incoming(&segments(json!((0..16).map(layered).collect::<Vec<_>>())));
    refused_as(
        &segments(json!((0..17).map(layered).collect::<Vec<_>>())),
        "segments[16]: its layer is above 15",
    );
    let table = |n: usize| segment_with(json!({ "kind": "minimum", "claim": format!("c-{n}") }));
    let tables = |count: usize| (0..count).map(table).collect::<Vec<_>>();
    incoming(&segments(json!(tables(64))));
    refused_as(
        &segments(json!(tables(65))),
        "segments[64]: it is of another rule or kind than the 64 before",
    );
    let claims = good_with(json!({ "segments": tables(64), "recent": [group_with(json!({}))] }));
    refused_as(&claims, "recent[0]: it is of another rule or kind than the 64 before");
    let wanted = "it has too many rules, issuers or segments";
    refused_as(&good_with(json!({ "covers": vec![ISSUER; 1025] })), wanted);
    let names = (0..4097_u64).map(|n| json!(n)).collect::<Vec<_>>();
    refused_as(&segments(json!(names)), wanted);
}

#[test]
fn more_operations_than_there_may_be_or_two_on_one_id_are_refused_by_their_group() {
    let data = |from: u128, count: u128| {
        let ids = (from..from + count).flat_map(|number| kept(number << 64));
        base64url(ids.collect::<Vec<u8>>())
    };
    let group = |from: u128, count: u128| group_with(json!({ "data": data(from, count) }));
    let recent = |groups: Vec<Value>| good_with(json!({ "recent": groups }));
    const MANY: &str = "its `data` is not whole operations, or has more than 2,048 together with others";
    incoming(&recent(vec![group(0, 2048)]));
    refused_as(&recent(vec![group(0, 2049)]), &format!("recent[0]: {MANY}"));
    refused_as(&recent(vec![group(0, 2000), group(5000, 49)]), &format!("recent[1]: {MANY}"));
    incoming(&recent((0..2048).map(|n| group(n, 1)).collect()));
    let refused_at = recent((0..2049).map(|n| group(n, 1)).collect());
    match refused(&refused_at) {
        (Error::ManifestInvalid(reason), peak) => {
            assert_eq!(reason, format!("recent[2048]: {MANY}"));
            assert!(peak < 16 * MIB, "{peak}");
        }
        other => panic!("{other:?}"),
    }
    let odd = group_with(json!({ "data": format!("{}A", data(7, 1)) }));
    refused_as(&recent(vec![odd]), &format!("recent[0]: {MANY}"));
    // Within a group, in two, and once added and once removed.
    let ids = [kept(7 << 64), kept(7 << 64)].concat();
    let twice = group_with(json!({ "data": base64url(ids) }));
    refused_as(&recent(vec![twice]), "recent[0]: its ids do not ascend strictly");
    const BEFORE: &str = "an operation before is on one of its ids";
    refused_as(&recent(vec![group(0, 9), group(20, 9), group(8, 1)]), &format!("recent[2]: {BEFORE}"));
    let removed = group_with(json!({ "op": "remove", "data": data(4, 1) }));
    refused_as(&recent(vec![group(0, 9), removed.clone()]), &format!("recent[1]: {BEFORE}"));
    // Of another table it is another target.
    let of_another = group_with(json!({ "rule": 1, "data": data(4, 1) }));
    incoming(&recent(vec![group(0, 4), removed, of_another]));
}

#[test]
fn a_manifest_of_the_most_that_it_may_say_takes_bounded_memory() {
    let segments: Vec<Value> = (0..3900_u32)
        .map(|n| {
            segment_with(
                json!({ "hash": format!("{n:064x}"), "bits": 12, "shard": n, "expires": SECONDS + 10 }),
            )
        })
        .collect();
    let manifest = signed(&good_with(json!({ "segments": segments, "covers": vec![ISSUER; 1024] })));
    assert!(manifest.len() > 850 * KIB && manifest.len() < MIB, "{}", manifest.len());
    let mut verifier = build(&config()).unwrap();
    let mut offered = None;
    let peak = memory::peak_of(|| offered = lists(&mut verifier).offer(manifest.as_bytes(), NOW).ok());
    assert!(matches!(offered, Some(Offer::Newer(_))));
    assert!(peak < 24 * MIB, "{peak} bytes for {}", manifest.len());
    for part in ["a", "{\"\":[", "eyJhbGciOiJFZERTQSJ9."] {
        let text = part.repeat(16 * MIB / part.len());
        let mut refused = None;
        let peak = memory::peak_of(|| refused = lists(&mut verifier).offer(text.as_bytes(), NOW).err());
        assert!(matches!(refused, Some(Error::ManifestInvalid(_))));
        assert!(peak < KIB, "{peak}");
    }
}

/// A snapshot that is coarse, with the segment that confirms.
fn coarse() -> Built {
    let lines: Vec<Value> = (0..40).map(|n| outright(&["jti"], json!([format!("t-{n}")]))).collect();
    publisher(&lines).epsilon("2^-20".parse().unwrap()).finish(&authority_key()).unwrap()
}

#[test]
fn an_exact_segment_that_disagrees_with_the_coarse_one_is_refused_when_it_is_read() {
    let built = coarse();
    let by_bits = |exact: bool| {
        let is_exact = |bytes: &[u8]| Segment::open(bytes).unwrap().error_bits() == 64;
        built.segments.iter().find(|(_, bytes)| is_exact(bytes) == exact).unwrap()
    };
    let (coarse, exact) = (by_bits(false), by_bits(true));
    let fewer =
        publisher(&(0..39).map(|n| outright(&["jti"], json!([format!("t-{n}")]))).collect::<Vec<_>>())
            .epsilon("2^-64".parse().unwrap())
            .finish(&authority_key())
            .unwrap();
    let of_cutoffs = publisher(
        &(0..40).map(|n| cutoff(&["jti"], json!([format!("t-{n}")]), json!(1))).collect::<Vec<_>>(),
    )
    .epsilon("2^-64".parse().unwrap())
    .finish(&authority_key())
    .unwrap();
    let supplied = |(name, bytes): &(SegmentName, Vec<u8>), length: usize| {
        let claims = json!({
            "hash": coarse.0.to_string(), "entries": 40, "bytes": coarse.1.len(),
            "exact": { "hash": name.to_string(), "bytes": length },
        });
        let (mut verifier, mut incoming) =
            incoming(&good_with(json!({ "segments": [segment_with(claims)] })));
        assert_eq!(incoming.missing(), [coarse.0], "what confirms is read on demand only");
        incoming.supply(coarse.1.clone())?;
        lists(&mut verifier).accept(incoming, NOW).unwrap();
        lists(&mut verifier).supply(*name, SegmentName::of(bytes), bytes.clone())
    };
    assert_eq!(supplied(exact, exact.1.len()), Ok(()));
    says(supplied(exact, exact.1.len() + 1), exact.0, "its length is not the manifest's");
    let fewer = &fewer.segments[0];
    says(supplied(fewer, fewer.1.len()), fewer.0, "it has fewer entries than the segment it is to confirm");
    let other = &of_cutoffs.segments[0];
    says(supplied(other, other.1.len()), other.0, "its kind is not the manifest's");
    // The segment itself: whatever it found wrongly it would confirm.
    says(
        supplied(coarse, coarse.1.len()),
        coarse.0,
        "it is to confirm hits and is too coarse for that itself",
    );
}

#[test]
fn a_segment_given_on_demand_that_is_not_the_one_named_is_refused_and_says_which() {
    let built = coarse();
    let mut verifier = build(&config()).unwrap();
    install(&mut verifier, &built, NOW).unwrap();
    let decision = verifier.verify(&token(claims_of("t-1")), NOW);
    assert_eq!(decision.error(), Some(&Error::RevocationUnavailable(Unknown::NeedsConfirmation)));
    let [Lack::Confirmation(confirmation)] = decision.lacking() else { panic!("{:?}", decision.lacking()) };
    let exact = confirmation.exact.unwrap();
    let (_, bytes) = built.segments.iter().find(|(name, _)| *name == exact.name).unwrap();
    let mut changed = bytes.clone();
    changed[40] ^= 1;
    let digest = SegmentName::of(&changed);
    assert_eq!(
        lists(&mut verifier).supply(exact.name, digest, changed.clone()),
        Err(Error::SegmentHashMismatch)
    );
    // The host vouches for it all the same.
    let vouched = lists(&mut verifier).supply(exact.name, exact.name, vec![0; bytes.len()]);
    says(vouched, exact.name, "it does not begin with `RVOC`");
    assert_eq!(verdict(&verifier, &token(claims_of("t-1"))), "unavailable ERR_REVOCATION_UNAVAILABLE");
    lists(&mut verifier).supply(exact.name, SegmentName::of(bytes), bytes.clone()).unwrap();
    assert_eq!(verdict(&verifier, &token(claims_of("t-1"))), "deny ERR_JWT_REVOKED");
}

#[test]
fn a_token_lacks_each_segment_once_and_no_more_than_anybody_would_read() {
    // Sixteen audiences in each of forty tables, sharded: a limit of nothing leaves none of them at hand.
    let tables = (0..40).map(|n| json!({ "kind": "minimum", "claim": format!("c-{n}") }));
    let segments: Vec<Value> = tables
        .enumerate()
        .flat_map(|(n, table)| {
            (0..64_u32).map(move |shard| {
                let mut segment = segment_with(json!({
                    "hash": format!("{n:032x}{shard:032x}"), "bits": 6, "shard": shard, "bytes": 1000,
                }));
                segment.as_object_mut().unwrap().extend(table.as_object().unwrap().clone());
                segment
            })
        })
        .collect();
    let claims = good_with(json!({ "rules": [["aud"]], "segments": segments }));
    let mut lists = Revocations::new(Vec::new());
    let mut verifier = build(&config()).unwrap();
    std::mem::swap(verifier.revocations_mut().unwrap(), &mut lists);
    *verifier.revocations_mut().unwrap() = lists.resident_limit(0);
    let lists = verifier.revocations_mut().unwrap();
    let Ok(Offer::Newer(incoming)) = lists.offer(signed(&claims).as_bytes(), NOW) else { panic!("newer") };
    assert!(incoming.missing().is_empty(), "it is read on demand");
    lists.accept(*incoming, NOW).unwrap();
    let audiences: Vec<String> = (0..16).map(|n| format!("a-{n}")).collect();
    let decision = verifier.verify(&token(claims_with(json!({ "aud": audiences }))), NOW);
    assert_eq!(decision.error(), Some(&Error::RevocationUnavailable(Unknown::SegmentMissing)));
    assert_eq!(decision.lacking().len(), MAX_LACKING);
    let decision = verifier.verify(&token(claims_with(json!({ "aud": ["a", "a", "a"] }))), NOW);
    assert_eq!(decision.lacking().len(), 40, "one of each table, once");
}

#[test]
fn records_that_do_not_ascend_make_no_segment() {
    use revocable::publish::{Assembly, Record, TableKey, Tally, Terms};
    use revocable::{KeyRange, Kind, Rule};
    let put = |ids: &[u128]| {
        let table = TableKey::new(Rule::new(["jti"]).unwrap(), Kind::Outright, None).unwrap();
        let records: Vec<Record> =
            ids.iter().map(|id| Record::entry(Id::from_number(id << 100), 0, None)).collect();
        let mut tally = Tally::new(table);
        records.iter().for_each(|record| tally.add(record));
        let terms = Terms::new(AUTHORITY, SALT, NOW).cover(ISSUER);
        let mut assembly = Assembly::new(terms, std::collections::BTreeSet::new(), vec![tally]).unwrap();
        assembly.put(0, KeyRange::default(), &records).map(|stored| stored.len())
    };
    assert_eq!(put(&[1, 2, 3]), Ok(1));
    for wrong in [[1, 3, 2], [3, 2, 1], [1, 1, 2]] {
        assert!(matches!(put(&wrong), Err(Error::RevocationInvalid(_))), "{wrong:?}");
    }
}

#[test]
fn nothing_follows_a_manifest_that_is_no_manifest_or_another_authoritys() {
    let keys = revocable::Jwks::parse(authority_key().to_public_jwk().as_bytes(), revocable::Secrets::Ignore)
        .unwrap();
    let following =
        |manifest: &str, authority: &str| Update::following(manifest.as_bytes(), &keys, authority, NOW);
    let manifest = publish(1, &[]).manifest;
    assert!(following(&manifest, AUTHORITY).is_ok());
    assert!(matches!(following(&manifest, "https://other.example"), Err(Error::RevocationInvalid(_))));
    assert!(matches!(following(&manifest[1..], AUTHORITY), Err(Error::ManifestInvalid(_))));
    let last = publisher(&[]).seq((1 << 53) - 1).finish(&authority_key()).unwrap();
    assert!(matches!(following(&last.manifest, AUTHORITY), Err(Error::RevocationInvalid(_))));
    let theirs = publisher(&[]).finish(&revocable::publish::SigningKey::from_seed([8; 32])).unwrap();
    assert!(matches!(following(&theirs.manifest, AUTHORITY), Err(Error::ManifestUntrusted(_))));
}

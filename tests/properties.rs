//! Properties that hold for any revocations, any error asked for, any bytes.
//!
//! A failing input is kept in `tests/properties.regressions`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may stop at the first surprise"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::FileFailurePersistence;
use serde_json::{Value as Json, json};

use revocable::config::{GateConfig, VerifierConfig};
use revocable::publish::{Built, Epsilon, Revocation, SigningKey};
use revocable::{
    Discovery, Entry, Fetched, Freshness, Id, Jwks, KeyCache, Kind, Offer, Revocations, Rule, Secrets,
    Segment, SegmentRef, UnixTime, Unverified, Value, Verifier, engine,
};

use common::*;

fn config_of(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/properties.regressions"))),
        ..ProptestConfig::default()
    }
}

/// A revocation over one of four rules, with the members in the order of the rule.
#[derive(Clone, Debug)]
struct Target {
    rule: &'static [&'static str],
    values: Vec<String>,
    before: Option<u64>,
}

impl Target {
    fn line(&self) -> Json {
        match self.before {
            None => outright(self.rule, json!(self.values)),
            Some(before) => cutoff(self.rule, json!(self.values), json!(before)),
        }
    }

    fn id(&self) -> Id {
        id(self.rule, &self.values)
    }

    fn kind(&self) -> Kind {
        if self.before.is_some() { Kind::Cutoff } else { Kind::Outright }
    }
}

/// The id of a target; the rules above have their members in bytewise order.
fn id(rule: &[&str], values: &[String]) -> Id {
    let values: Vec<Value<'_>> = values.iter().map(|value| Value::Text(value)).collect();
    Id::new(SALT, &Rule::new(rule.iter().copied()).unwrap(), ISSUER, &values)
}

/// Any revocation whose values are texts of `value`.
fn target(value: &'static str) -> impl Strategy<Value = Target> {
    let rules: [&'static [&'static str]; 4] = [&["jti"], &["sub"], &["azp", "sub"], &[]];
    (prop::sample::select(rules.to_vec()), [value, value], option::of(SECONDS - 1000..SECONDS)).prop_map(
        |(rule, values, before)| Target {
            rule,
            values: values.into_iter().take(rule.len()).collect(),
            before,
        },
    )
}

fn epsilon() -> impl Strategy<Value = Epsilon> {
    (8_u8..=64).prop_map(|bits| Epsilon::from_bits(bits).unwrap())
}

fn built(targets: &[Target], epsilon: Epsilon) -> Built {
    let lines: Vec<Json> = targets.iter().map(Target::line).collect();
    publisher(&lines).epsilon(epsilon).finish(&authority_key()).unwrap()
}

/// A snapshot's segments, with what its manifest says of them and of their kind.
fn opened(built: &Built) -> Vec<(SegmentRef, Kind, Segment<&[u8]>)> {
    let mut verifier = build(&config()).unwrap();
    let Ok(Offer::Newer(incoming)) = offer(verifier.revocations_mut().unwrap(), built, NOW) else {
        panic!("newer")
    };
    let bytes: HashMap<_, _> = built.segments.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
    let manifest = incoming.manifest();
    let segments = manifest.segments().iter().map(|segment| {
        let opened = Segment::open(bytes[&segment.name]).unwrap();
        (*segment, manifest.tables()[segment.table].kind, opened)
    });
    segments.collect()
}

/// What all segments of a kind whose range fits say of an id.
fn found(segments: &[(SegmentRef, Kind, Segment<&[u8]>)], id: &Id, kind: Kind) -> Vec<Entry> {
    let fitting = segments.iter().filter(|(segment, of, _)| *of == kind && segment.range.contains(id));
    fitting.filter_map(|(_, _, segment)| segment.get(id)).collect()
}

proptest! {
    #![proptest_config(config_of(300))]

    #[test]
    fn whatever_was_revoked_is_found_at_any_error_asked_for(
        targets in vec(target("[a-f]{1,4}"), 1..300),
        epsilon in epsilon(),
    ) {
        let built = built(&targets, epsilon);
        let segments = opened(&built);
        let last: BTreeMap<(Id, Kind), Option<u64>> =
            targets.iter().map(|target| ((target.id(), target.kind()), target.before)).collect();
        for ((id, kind), before) in last {
            let entries = found(&segments, &id, kind);
            prop_assert!(!entries.is_empty(), "{id} is missing");
            // Truncated ids may fall together: then the later cutoff is kept, never the earlier.
            let late_enough = entries.iter().any(|entry| match (entry, before) {
                (Entry::Outright, None) => true,
                (Entry::Cutoff(cutoff), Some(before)) => cutoff.as_millis() >= before * 1000,
                _ => false,
            });
            prop_assert!(late_enough, "{id} is found with an earlier cutoff");
        }
    }

    #[test]
    fn whatever_was_not_revoked_is_not_found_at_the_default_error(
        targets in vec(target("[a-z]{1,8}"), 1..300),
        others in vec("[A-Z]{1,8}", 1..300),
    ) {
        let built = built(&targets, Epsilon::DEFAULT);
        let segments = opened(&built);
        for other in others {
            for rule in [["jti"], ["sub"]] {
                let id = id(&rule, std::slice::from_ref(&other));
                for kind in [Kind::Outright, Kind::Cutoff] {
                    prop_assert_eq!(found(&segments, &id, kind), []);
                }
            }
        }
    }

    #[test]
    fn a_snapshot_depends_on_its_revocations_and_not_on_their_order(
        targets in vec(target("[a-z]{1,6}"), 0..100),
        epsilon in epsilon(),
        seed in any::<u64>(),
    ) {
        let mut seen = BTreeSet::new();
        let distinct: Vec<Target> =
            targets.into_iter().filter(|target| seen.insert((target.id(), target.kind()))).collect();
        let mut shuffled = distinct.clone();
        let count = shuffled.len();
        for index in 1..count {
            shuffled.swap(index, usize::try_from(seed.rotate_left(u32::try_from(index % 64).unwrap()) % 97).unwrap() % count);
        }
        prop_assert_eq!(built(&distinct, epsilon), built(&distinct, epsilon));
        prop_assert_eq!(built(&distinct, epsilon), built(&shuffled, epsilon));
    }

    #[test]
    fn a_segment_with_a_changed_byte_never_takes_the_place_of_the_good_one(
        targets in vec(target("[a-z]{1,6}"), 1..40),
        index in any::<Index>(),
        change in 1_u8..=255,
        asked in any::<[u8; 16]>(),
    ) {
        let built = built(&targets, Epsilon::DEFAULT);
        let mut verifier = build(&config()).unwrap();
        let lists = verifier.revocations_mut().unwrap();
        let Ok(Offer::Newer(mut incoming)) = offer(lists, &built, NOW) else { panic!("newer") };
        for (name, bytes) in &built.segments {
            let mut changed = bytes.clone();
            changed[index.index(bytes.len())] ^= change;
            if let Ok(segment) = Segment::open(changed.as_slice()) {
                let _ = segment.get(&Id::from_bytes(asked));
            }
            prop_assert!(incoming.supply(changed).is_err());
            prop_assert!(incoming.missing().contains(name));
            prop_assert!(incoming.supply(bytes[..index.index(bytes.len())].to_vec()).is_err());
        }
        prop_assert!(lists.accept(*incoming, NOW).is_err());
        prop_assert!(lists.snapshot().is_none());
    }

    #[test]
    fn a_manifest_with_a_changed_byte_is_never_taken(
        index in any::<Index>(),
        change in 1_u8..=255,
        cut in any::<Index>(),
    ) {
        let built = publish(1, &[outright(&["jti"], json!(["t-1"])), outright(&["sub"], json!(["alice"]))]);
        let mut lists = lists();
        let mut changed = built.manifest.clone().into_bytes();
        let index = index.index(changed.len());
        changed[index] ^= change;
        prop_assert!(lists.offer(&changed, NOW).is_err(), "byte {} changed by {}", index, change);
        let cut = cut.index(built.manifest.len());
        prop_assert!(lists.offer(&built.manifest.as_bytes()[..cut], NOW).is_err());
        prop_assert!(lists.offer(built.manifest.as_bytes(), NOW).is_ok());
    }
}

proptest! {
    #![proptest_config(config_of(2000))]

    #[test]
    fn no_bytes_make_any_reader_panic(bytes in vec(any::<u8>(), 0..600), asked in any::<[u8; 16]>()) {
        let _ = Jwks::parse(&bytes, Secrets::Allow);
        let _ = SigningKey::from_jwk(&bytes);
        prop_assert!(lists().offer(&bytes, NOW).is_err());
        read_segment(&bytes, asked);
    }

    #[test]
    fn nothing_that_is_read_for_keys_makes_a_reader_panic(
        bytes in vec(any::<u8>(), 0..400),
        text in "\\PC{0,200}",
        header in "[a-z0-9=,\"\\\\ -]{0,60}",
        now in any::<u64>(),
        asked in any::<u64>(),
    ) {
        let (now, asked_at) = (UnixTime::from_millis(now), UnixTime::from_millis(asked));
        for how in [Discovery::OpenId, Discovery::OAuth] {
            let _ = how.metadata_uri(&text);
            let _ = how.metadata_uri(&format!("https://{text}"));
            let mut cache = KeyCache::discovered(ISSUER, how, Vec::new(), engine::DEFAULT).unwrap();
            let freshness = Freshness::from_headers(Some(&header), Some(&text));
            prop_assert!((60..=1800).contains(&freshness.lifetime_seconds()));
            for document in [&bytes, text.as_bytes()] {
                let fetch = cache.next_fetch(now).unwrap();
                let installed = cache.install(&fetch, &Fetched { document, asked_at, freshness }, now);
                prop_assert!(installed.is_err());
                prop_assert!(cache.seed(document, now).is_err());
            }
            cache.begin(asked_at);
            cache.fail(asked_at);
            let _ = (cache.wanted(now), cache.wanted_for_unknown_key(now), cache.failed_lately(now));
            prop_assert!(cache.current(now).is_err());
        }
    }

    #[test]
    fn keys_are_never_relied_on_for_longer_than_an_hour_after_they_were_asked_for(
        asked in 0_u64..20_000,
        answered in 0_u64..20_000,
        later in 0_u64..20_000,
        header in "(max-age=[0-9]{1,6}|no-store|)",
        age in "[0-9]{0,6}",
    ) {
        let at = |second: u64| NOW.plus_seconds(second);
        let mut cache = KeyCache::remote("https://issuer.example/jwks".into(), Vec::new(), engine::DEFAULT);
        let fetch = cache.next_fetch(at(answered)).unwrap();
        let document = json!({ "keys": [public_jwk(&issuer_key())] }).to_string();
        let freshness = Freshness::from_headers(Some(&header), Some(&age));
        let fetched = Fetched { document: document.as_bytes(), asked_at: at(asked), freshness };
        cache.install(&fetch, &fetched, at(answered)).unwrap();
        let relied_on = cache.current(at(later)).is_ok();
        let asked = asked.min(answered);
        prop_assert!(!relied_on || later < asked + 3600);
        prop_assert!(relied_on || later < asked || later >= asked + 600, "ten minutes are always left");
        let mut seeded = KeyCache::remote("https://issuer.example/jwks".into(), Vec::new(), engine::DEFAULT);
        let _ = seeded.seed(cache.export().unwrap().as_bytes(), at(later));
        prop_assert_eq!(seeded.current(at(later)).is_ok(), relied_on);
    }

    #[test]
    fn no_text_makes_any_reader_panic(text in "\\PC{0,200}") {
        let _ = Unverified::parse(&text);
        let _ = GateConfig::parse(&text);
        let _ = VerifierConfig::parse(&text);
        let _ = Revocation::from_json(&text);
    }

    #[test]
    fn no_json_makes_any_reader_panic(document in json_value(), header in json_value()) {
        let text = document.to_string();
        let _ = Jwks::parse(text.as_bytes(), Secrets::Allow);
        let _ = GateConfig::parse(&text).and_then(|config| config.build(|_| None));
        let _ = VerifierConfig::parse(&text).and_then(|config| config.build());
        let _ = Revocation::from_json(&text);
        let token = format!("{}.{}.{}", base64url(header.to_string()), base64url(&text), base64url("signature"));
        let _ = Unverified::parse(&token);
    }

    #[test]
    fn a_document_with_any_value_in_any_place_makes_no_reader_panic(
        place in any::<Index>(),
        value in json_value(),
    ) {
        for document in [config(), outright(&["sub", "azp"], json!(["alice", "app-1"])), public_jwk(&issuer_key())] {
            let mut places = Vec::new();
            pointers(&document, "", &mut places);
            let mut changed = document.clone();
            *changed.pointer_mut(&places[place.index(places.len())]).unwrap() = value.clone();
            let text = changed.to_string();
            let _ = Jwks::parse(text.as_bytes(), Secrets::Allow);
            let _ = GateConfig::parse(&text).and_then(|config| config.build(|_| None));
            let _ = Revocation::from_json(&text);
        }
    }

    #[test]
    fn a_segment_header_of_any_numbers_is_read_without_a_panic(
        kind in 0_u8..4,
        prefix in 0_u8..18,
        remainder in 0_u8..67,
        entries in prop_oneof![1_u32..40, any::<u32>()],
        more in prop_oneof![0_u32..40, any::<u32>()],
        shard in prop_oneof![Just(0), any::<u32>()],
        (value, base) in (0_u8..56, prop_oneof![Just(0), any::<i64>()]),
        is_long_enough in any::<bool>(),
        rest in vec(any::<u8>(), 0..400),
        asked in any::<[u8; 16]>(),
    ) {
        let mut bytes = [b"RVOC\x03".as_slice(), &[kind, prefix, remainder]].concat();
        let buckets = entries.saturating_add(more);
        [entries, buckets, shard].iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        bytes.extend([value, 0, 0, 0]);
        bytes.extend(base.to_le_bytes());
        if is_long_enough && entries < 40 && more < 40 {
            // As many as a count can say, in the first bucket or in the last: what is more, the remainders say.
            let bucket = if more % 2 == 0 { 0 } else { buckets - 1 };
            let mut block = [0_u8; 34];
            let at = usize::try_from(bucket / 4).unwrap();
            block[if at < 16 { at } else { at + 2 }] = u8::try_from(entries.min(3)).unwrap() << (bucket % 4 * 2);
            let middle = if bucket < 64 { entries.min(3) } else { 0 };
            let ratio = (u64::from(entries) << 32) / u64::from(buckets);
            let even = u32::try_from((64 * ratio) >> 32).unwrap();
            block[16..18].copy_from_slice(&i16::try_from(i64::from(middle) - i64::from(even)).unwrap().to_le_bytes());
            bytes.extend(block);
            let packed = (entries * u32::from(remainder)).div_ceil(8) + (entries * u32::from(value)).div_ceil(8);
            bytes.extend(rest.iter().copied().chain(std::iter::repeat(7)).take(usize::try_from(packed).unwrap()));
            bytes.extend([0; 8]);
        } else {
            bytes.extend(&rest);
        }
        read_segment(&bytes, asked);
    }
}

/// Asks all there is to ask of a segment, if it is one.
fn read_segment(bytes: &[u8], asked: [u8; 16]) {
    let Ok(segment) = Segment::open(bytes) else { return };
    let _ = segment.get(&Id::from_bytes(asked));
    let Some(entries) = segment.iter() else { return };
    let entries: Vec<_> = entries.collect();
    assert_eq!(u64::try_from(entries.len()).unwrap(), segment.entries());
    let is_good = segment.check().is_ok();
    for (interval, entry) in &entries {
        assert_eq!(entry.kind(), segment.kind());
        assert!(segment.get(&interval.from).is_some(), "whoever has written it, what is listed is found");
        if is_good {
            assert_eq!(segment.get(&interval.from), Some(*entry));
            assert_eq!(segment.get(&interval.to), Some(*entry));
        }
    }
}

fn lists() -> Revocations {
    let mut verifier: Verifier = build(&config()).unwrap();
    std::mem::replace(verifier.revocations_mut().unwrap(), Revocations::new(Vec::new()))
}

/// The JSON pointers (RFC 6901) of everything in a document.
fn pointers(document: &Json, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    match document {
        Json::Object(members) => {
            members.iter().for_each(|(name, value)| pointers(value, &format!("{at}/{name}"), into));
        }
        Json::Array(elements) => {
            elements
                .iter()
                .enumerate()
                .for_each(|(index, value)| pointers(value, &format!("{at}/{index}"), into));
        }
        _ => {}
    }
}

/// Any small JSON value; names that mean something to the readers are likely.
fn json_value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        "\\PC{0,12}".prop_map(Json::from),
        prop::sample::select(vec!["EC", "P-256", "ES256", "none", "@key", "header:", "oct", "", ISSUER])
            .prop_map(Json::from),
    ];
    let names = prop::sample::select(vec![
        "keys",
        "kty",
        "crv",
        "alg",
        "kid",
        "typ",
        "crit",
        "iss",
        "aud",
        "exp",
        "issuers",
        "lists",
        "issuer",
        "jwks",
        "for",
        "rule",
        "values",
        "before",
        "expires",
        "x",
        "y",
        "__proto__",
    ]);
    leaf.prop_recursive(4, 24, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Json::from),
            vec((names.clone(), inner), 0..6).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

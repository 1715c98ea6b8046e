//! Snapshots that say what changed since the one before: operations, folding them, and what falls away.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use revocable::publish::{Built, Publisher};
use revocable::{Error, Jwks, Kind, Manifest, Secrets, SegmentName, UnixTime, Verifier};

use crate::common::*;

const REVOKED: &str = "deny ERR_JWT_REVOKED";
const MOST: usize = 2048;

/// An authority: its newest manifest, every segment that it ever stored, and a verifier that follows it.
struct Authority {
    manifest: String,
    stored: HashMap<SegmentName, Vec<u8>>,
    verifier: Verifier,
    now: UnixTime,
}

impl Authority {
    fn new(first: &Built) -> Self {
        let config = config_with(json!({ "requireClaims": [] }));
        let (manifest, stored) = (String::new(), HashMap::new());
        let mut this = Self { manifest, stored, verifier: build(&config).unwrap(), now: NOW };
        this.take(first);
        this
    }

    fn take(&mut self, built: &Built) {
        self.stored.extend(built.segments.iter().cloned());
        let lists = self.verifier.revocations_mut().unwrap();
        let revocable::Offer::Newer(mut incoming) = offer(lists, built, self.now).unwrap() else {
            panic!("nothing new")
        };
        for name in incoming.missing() {
            incoming.supply(self.stored[&name].clone()).unwrap();
        }
        lists.accept(*incoming, self.now).unwrap();
        self.manifest = built.manifest.clone();
    }

    /// Publishes changes; says how many segments are new.
    fn say(&mut self, lines: &[Value]) -> Result<usize, Error> {
        let built = update_at(self.now, &self.manifest, lines, |name| self.stored.get(name).cloned())?;
        self.take(&built);
        Ok(built.segments.len())
    }

    fn read(&self) -> Manifest {
        let keys = Jwks::parse(authority_key().to_public_jwk().as_bytes(), Secrets::Ignore).unwrap();
        Manifest::inspect(self.manifest.as_bytes(), &keys).unwrap()
    }

    fn operations(&self) -> usize {
        self.read().recent().iter().map(|group| group.all().len()).sum()
    }

    fn layers(&self) -> Vec<u8> {
        self.read().segments().iter().map(|segment| segment.layer).collect()
    }

    /// What becomes of a token that is good but for the lists.
    fn ask(&self, changes: Value) -> String {
        let mut claims = claims_with(json!({ "exp": self.now.as_seconds() + 600 }));
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        outcome(&self.verifier.verify(&hs256(claims), self.now))
    }
}

fn session(n: usize) -> Value {
    outright(&["jti"], json!([format!("s-{n}")]))
}

fn until(mut line: Value, seconds: u64) -> Value {
    line["expires"] = json!(seconds);
    line
}

fn undo(mut line: Value) -> Value {
    let object = line.as_object_mut().unwrap();
    let kind = match (object.remove("before"), object.remove("minimum")) {
        (Some(_), _) => "cutoff",
        (_, Some(_)) => "minimum",
        _ => "outright",
    };
    object.remove("expires");
    object.insert("undo".into(), json!(true));
    object.insert("kind".into(), json!(kind));
    line
}

fn minimum(member: &str, value: &str, least: i64) -> Value {
    json!({ "rule": [member], "issuer": ISSUER, "values": [value], "claim": "pwd_ver", "minimum": least })
}

#[test]
fn what_is_said_after_a_full_build_is_known_without_a_new_segment() {
    let mut authority =
        Authority::new(&publish(1, &[session(1), cutoff(&["sub"], json!(["bob"]), json!(SECONDS))]));
    assert_eq!(authority.ask(json!({ "jti": "s-2" })), "allow");
    let new = authority.say(&[session(2), undo(session(1)), minimum("sub", "alice", 7)]).unwrap();
    assert_eq!((new, authority.operations(), authority.read().seq()), (0, 3, 2));
    assert_eq!(authority.ask(json!({ "sub": "carol", "jti": "s-1" })), "allow");
    assert_eq!(authority.ask(json!({ "sub": "carol", "jti": "s-2" })), REVOKED);
    assert_eq!(authority.ask(json!({ "pwd_ver": 6 })), REVOKED);
    assert_eq!(authority.ask(json!({ "pwd_ver": 7 })), "allow");
    assert_eq!(authority.ask(json!({ "sub": "bob" })), REVOKED);
    // What was said of an id is replaced by what is said of it next.
    authority.say(&[session(1), undo(session(2)), minimum("sub", "alice", 3)]).unwrap();
    assert_eq!(authority.operations(), 3);
    assert_eq!(authority.ask(json!({ "jti": "s-1", "pwd_ver": 3 })), REVOKED);
    assert_eq!(authority.ask(json!({ "jti": "s-2", "pwd_ver": 3 })), "allow");
}

#[test]
fn values_that_lie_far_apart_are_told_in_groups_of_their_own_where_that_is_shorter() {
    let far = 1_i64 << 52;
    let minima = |count: i64| -> Vec<Value> {
        (0..count)
            .flat_map(|n| {
                [minimum("sub", &format!("near-{n}"), n), minimum("sub", &format!("far-{n}"), far + n)]
            })
            .collect()
    };
    // 14 more bytes of values are fewer than a group takes; 1,400 are not.
    for (count, groups) in [(1, 1), (100, 2)] {
        let mut authority = Authority::new(&publish(1, &[session(1)]));
        authority.say(&minima(count)).unwrap();
        let payload = URL_SAFE_NO_PAD.decode(authority.manifest.split('.').nth(1).unwrap()).unwrap();
        let payload: Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(payload["recent"].as_array().unwrap().len(), groups);
        assert_eq!(authority.operations(), 2 * usize::try_from(count).unwrap());
        for (sub, least) in [("near-0", 0), ("far-0", far)] {
            assert_eq!(authority.ask(json!({ "sub": sub, "pwd_ver": least - 1 })), REVOKED, "{sub}");
            assert_eq!(authority.ask(json!({ "sub": sub, "pwd_ver": least })), "allow", "{sub}");
        }
        let last = format!("far-{}", count - 1);
        assert_eq!(authority.ask(json!({ "sub": last, "pwd_ver": far + count - 2 })), REVOKED);
        assert_eq!(authority.ask(json!({ "sub": last, "pwd_ver": far + count - 1 })), "allow");
    }
}

#[test]
fn more_operations_than_a_manifest_may_have_are_folded_into_a_layer_of_each_table() {
    let mut authority = Authority::new(&publish(1, &[session(0)]));
    let many: Vec<Value> = (1..=MOST).map(session).collect();
    assert_eq!(authority.say(&many).unwrap(), 0);
    assert_eq!((authority.operations(), authority.layers()), (MOST, vec![0]));
    let new = authority.say(&[cutoff(&["sub"], json!(["bob"]), json!(SECONDS))]).unwrap();
    assert_eq!((new, authority.operations(), authority.layers()), (2, 0, vec![0, 1, 0]));
    for n in [0, 1, 2, 777, MOST] {
        assert_eq!(authority.ask(json!({ "jti": format!("s-{n}") })), REVOKED, "{n}");
    }
    assert_eq!(authority.ask(json!({ "jti": "s-x" })), "allow");
    assert_eq!(authority.ask(json!({ "sub": "bob" })), REVOKED);
    let entries: u64 = authority.read().segments().iter().map(|segment| segment.entries).sum();
    assert_eq!(entries, 1 + MOST as u64 + 1);
}

#[test]
fn what_was_taken_back_stays_an_operation_when_others_are_folded() {
    let mut authority = Authority::new(&publish(1, &[session(0), session(1)]));
    authority.say(&[undo(session(0))]).unwrap();
    assert_eq!(authority.say(&(2..=MOST + 1).map(session).collect::<Vec<_>>()).unwrap(), 1);
    assert_eq!(authority.operations(), 1);
    assert_eq!(authority.ask(json!({ "jti": "s-0" })), "allow");
    assert_eq!(authority.ask(json!({ "jti": "s-1" })), REVOKED);
    // Taken back from the layer, and said once more.
    authority.say(&[undo(session(5))]).unwrap();
    assert_eq!(authority.ask(json!({ "jti": "s-5" })), "allow");
    authority.say(&[session(5), session(0)]).unwrap();
    assert_eq!(authority.ask(json!({ "jti": "s-5" })), REVOKED);
    assert_eq!(authority.ask(json!({ "jti": "s-0" })), REVOKED);
}

#[test]
fn a_value_that_was_lowered_stays_an_operation_and_one_that_was_raised_does_not() {
    let lines = [
        cutoff(&["sub"], json!(["alice"]), json!(SECONDS)),
        cutoff(&["sub"], json!(["bob"]), json!(SECONDS - 200)),
        minimum("sub", "alice", 9),
        minimum("sub", "bob", 5),
    ];
    let mut authority = Authority::new(&publish(1, &lines));
    let changed = [
        cutoff(&["sub"], json!(["alice"]), json!(SECONDS - 100)),
        cutoff(&["sub"], json!(["bob"]), json!(SECONDS - 100)),
        minimum("sub", "alice", 7),
        minimum("sub", "bob", 7),
    ];
    authority.say(&changed).unwrap();
    let new = authority.say(&(0..MOST).map(session).collect::<Vec<_>>()).unwrap();
    assert_eq!((new, authority.operations()), (3, 2), "alice's two");
    for sub in ["alice", "bob"] {
        for (iat, version, expected) in [
            (SECONDS - 100, 7, "allow"),
            (SECONDS - 101, 7, REVOKED),
            (SECONDS - 100, 6, REVOKED),
            (SECONDS - 99, 8, "allow"),
        ] {
            let token = json!({ "sub": sub, "iat": iat, "pwd_ver": version });
            assert_eq!(authority.ask(token.clone()), expected, "{token}");
        }
    }
}

#[test]
fn a_value_that_was_lowered_does_not_come_back_when_the_operation_that_lowered_it_expires() {
    let mut authority = Authority::new(&publish(1, &[cutoff(&["sub"], json!(["alice"]), json!(SECONDS))]));
    let lowered = cutoff(&["sub"], json!(["alice"]), json!(SECONDS - 100));
    authority.say(&[until(lowered, SECONDS + 60)]).unwrap();
    assert_eq!(authority.ask(json!({ "iat": SECONDS - 50 })), "allow");
    authority.now = NOW.plus_seconds(360);
    // Where the segment is not to be had, nothing is forgotten.
    let blind = update_at(authority.now, &authority.manifest, &[session(1)], |_| None).unwrap();
    assert_eq!(blind.expired, 0);
    authority.take(&blind);
    assert_eq!((authority.ask(json!({ "iat": SECONDS - 50 })), authority.operations()), ("allow".into(), 2));
    authority.say(&[session(2)]).unwrap();
    assert_eq!(authority.ask(json!({ "iat": SECONDS - 50 })), "allow");
    assert_eq!(authority.ask(json!({ "iat": SECONDS - 101 })), "allow", "it has expired");
}

#[test]
fn operations_and_segments_that_have_expired_fall_away_five_minutes_later() {
    let first =
        publish(1, &[until(session(1), SECONDS + 60), cutoff(&["sub"], json!(["bob"]), json!(SECONDS))]);
    let mut authority = Authority::new(&first);
    authority
        .say(&[
            until(session(2), SECONDS + 100),
            session(3),
            until(cutoff(&["sub"], json!(["carol"]), json!(SECONDS)), SECONDS + 100),
        ])
        .unwrap();
    let after = |authority: &mut Authority, seconds: u64| {
        authority.now = NOW.plus_seconds(seconds);
        let built =
            update_at(authority.now, &authority.manifest, &[], |name| authority.stored.get(name).cloned());
        let built = built.unwrap();
        authority.take(&built);
        (authority.read().segments().len(), authority.operations(), built.expired)
    };
    assert_eq!(after(&mut authority, 359), (2, 3, 0));
    assert_eq!(after(&mut authority, 360), (1, 3, 1), "the segment");
    assert_eq!(after(&mut authority, 399), (1, 3, 0));
    assert_eq!(after(&mut authority, 400), (1, 1, 2), "the operations");
    assert_eq!(authority.ask(json!({ "sub": "bob" })), REVOKED);
    assert_eq!(authority.ask(json!({ "jti": "s-3" })), REVOKED);
    // There is no segment of that table any more from which to take it.
    authority.say(&[undo(session(3))]).unwrap();
    assert_eq!((authority.operations(), authority.ask(json!({ "jti": "s-3" }))), (0, "allow".into()));
}

#[test]
fn a_layer_whose_segment_has_fallen_away_is_used_again() {
    let mut authority = Authority::new(&publish(1, &[session(0)]));
    let round = |n: usize, seconds: u64| -> Vec<Value> {
        (0..=MOST).map(|m| until(session(n * 10_000 + m), seconds)).collect()
    };
    for n in 1..40 {
        authority.now = NOW.plus_seconds(n as u64 * 400);
        let expires = authority.now.as_seconds() + 60;
        assert_eq!(authority.say(&round(n, expires)).unwrap(), 1, "round {n}");
        assert!(authority.layers().len() <= 3, "{:?}", authority.layers());
        assert_eq!(authority.ask(json!({ "jti": format!("s-{}", n * 10_000 + 7) })), REVOKED);
    }
    assert_eq!(authority.ask(json!({ "jti": "s-0" })), REVOKED);
}

#[test]
fn when_no_layer_is_left_or_too_much_was_taken_back_a_full_build_is_due_and_nothing_is_published() {
    let due = |refused: Result<usize, Error>| match refused {
        Err(Error::RevocationInvalid(reason)) => assert!(reason.contains("full build"), "{reason}"),
        other => panic!("{other:?}"),
    };
    let mut authority = Authority::new(&publish(1, &[session(0)]));
    let round = |n: usize| (0..=MOST).map(|m| session(n * 10_000 + m)).collect::<Vec<_>>();
    for n in 1..16 {
        assert_eq!(authority.say(&round(n)).unwrap(), 1);
    }
    assert_eq!(authority.layers(), (0..16).collect::<Vec<_>>());
    due(authority.say(&round(16)));
    authority.say(&[session(1)]).unwrap();
    assert_eq!(authority.ask(json!({ "jti": "s-150007" })), REVOKED);

    let mut authority = Authority::new(&publish(1, &[session(0)]));
    let undone: Vec<Value> = (0..=MOST).map(|n| undo(session(n))).collect();
    due(authority.say(&undone));
    authority.say(&undone[..MOST]).unwrap();
    assert_eq!(authority.operations(), MOST);
    due(authority.say(&[undo(session(MOST))]));

    // What it leaves for a full build is what `Publisher` makes of all that stands.
    let full = Publisher::following(authority.manifest.as_bytes(), &authority_key(), AUTHORITY, NOW).unwrap();
    let mut full = full;
    full.add(&revocable::publish::Revocation::from_json(&session(3).to_string()).unwrap());
    authority.take(&full.finish(&authority_key()).unwrap());
    assert_eq!((authority.operations(), authority.layers()), (0, vec![0]));
    assert_eq!(authority.ask(json!({ "jti": "s-3" })), REVOKED);
    assert_eq!(authority.ask(json!({ "jti": "s-0" })), "allow");
}

#[test]
fn folding_asks_for_the_segments_that_may_have_stricter_values_and_fails_without_them() {
    let lines: Vec<Value> =
        (0..20).map(|n| cutoff(&["sub"], json!([format!("u-{n}")]), json!(SECONDS))).collect();
    let authority = Authority::new(&publish(1, &lines));
    let many: Vec<Value> = (0..=MOST).map(session).collect();
    assert!(update_at(NOW, &authority.manifest, &many, |_| None).is_ok(), "none of them has values");
    let with_value = [many, vec![cutoff(&["sub"], json!(["u-1"]), json!(1))]].concat();
    assert_eq!(update_at(NOW, &authority.manifest, &with_value, |_| None).err(), Some(Error::SegmentMissing));
    let other = authority.stored.values().next().unwrap();
    let mut changed = other.clone();
    changed[4] = 9;
    let refused = update_at(NOW, &authority.manifest, &with_value, |_| Some(changed.clone()));
    assert!(matches!(refused, Err(Error::SegmentInvalid(_))));
}

/// What each operation of a manifest costs, in bytes of the signed manifest.
#[test]
fn an_operation_takes_at_most_forty_bytes_of_the_signed_manifest() {
    let base = publish(1, &[session(0)]);
    let cost = |lines: &[Value]| {
        let updated = update(&base.manifest, lines);
        let more = updated.manifest.len() - update(&base.manifest, &[]).manifest.len();
        (more as f64 / lines.len() as f64, lines.len())
    };
    let days = |n: usize| json!(SECONDS - 40 * 86_400 + n as u64 * 1_777);
    let kinds: [(&str, Vec<Value>); 6] = [
        ("tokens", (1..=MOST).map(|n| until(session(n), SECONDS + 3600)).collect()),
        (
            "tokens of many expiries",
            (1..=MOST).map(|n| until(session(n), SECONDS + 600 + n as u64 * 1_777)).collect(),
        ),
        ("undone", (1..=MOST).map(|n| undo(session(n))).collect()),
        (
            "cutoffs",
            (1..=MOST)
                .map(|n| until(cutoff(&["sub"], json!([format!("u-{n}")]), days(n)), SECONDS + n as u64 * 60))
                .collect(),
        ),
        ("minima", (1..=MOST).map(|n| minimum("sub", &format!("u-{n}"), n as i64 % 50)).collect()),
        (
            "some of each",
            (0..MOST)
                .map(|n| match n % 4 {
                    0 => session(n),
                    1 => undo(session(n)),
                    2 => cutoff(&["sub"], json!([format!("u-{n}")]), days(n)),
                    _ => minimum("sub", &format!("u-{n}"), n as i64 % 50),
                })
                .collect(),
        ),
    ];
    for (name, lines) in kinds {
        let (each, count) = cost(&lines);
        println!("{name}: {each:.2} bytes an operation, of {count}");
        assert!(each <= 40.0, "{name}: {each}");
    }
}

#[test]
fn operations_fall_away_while_others_that_expire_later_go_on_coming() {
    let mut authority = Authority::new(&publish(1, &[]));
    let mut most = 0;
    for n in 0..200 {
        // Twenty tokens of an hour, every minute for three hours.
        authority.now = NOW.plus_seconds(n as u64 * 60);
        let expires = authority.now.as_seconds() + 3600;
        let lines: Vec<Value> = (0..20).map(|m| until(session(n * 100 + m), expires)).collect();
        assert_eq!(authority.say(&lines).unwrap(), 0);
        most = most.max(authority.operations());
        assert!(authority.read().segments().is_empty());
        for (back, expected) in [(0, REVOKED), (59, REVOKED), (64, REVOKED)] {
            if let Some(n) = n.checked_sub(back) {
                assert_eq!(authority.ask(json!({ "jti": format!("s-{}", n * 100 + 7) })), expected);
            }
        }
    }
    let lasting = 20 * (3600 + 300) / 60;
    assert!((lasting..lasting * 3 / 2).contains(&most), "{most} operations at most");
}

#[test]
fn a_layer_that_would_be_larger_than_a_segment_may_be_is_made_of_several() {
    use revocable::publish::{Record, TableKey, Update};
    use revocable::{Id, Rule};
    let first = publish(1, &[session(0)]);
    let keys = Jwks::parse(authority_key().to_public_jwk().as_bytes(), Secrets::Ignore).unwrap();
    let update = Update::following(first.manifest.as_bytes(), &keys, AUTHORITY, NOW).unwrap();
    let mut update = update.terms(|terms| terms.max_segment(1 << 15));
    let table = TableKey::new(Rule::new(["jti"]).unwrap(), Kind::Outright, None).unwrap();
    let ids: Vec<Id> =
        (0..20_000_u128).map(|n| Id::from_number(n.wrapping_mul(0x9e37_79b9 << 96 | 77))).collect();
    for id in &ids {
        update.add_record(&table, &Record::entry(*id, 0, None)).unwrap();
    }
    let (signed, segments) = update.finish(&authority_key(), |_| None).unwrap();
    let manifest = Manifest::inspect(signed.manifest.as_bytes(), &keys).unwrap();
    assert!(segments.len() >= 5, "{}", segments.len());
    assert!(segments.iter().all(|(_, bytes)| bytes.len() <= 1 << 15));
    for id in ids {
        let here = manifest.segments().iter().filter(|one| one.layer == 1 && one.range.contains(&id));
        let names: Vec<SegmentName> = here.map(|one| one.name).collect();
        let [name] = names[..] else { panic!("{id} is in {} of them", names.len()) };
        let (_, bytes) = segments.iter().find(|(known, _)| *known == name).unwrap();
        assert!(revocable::Segment::open(bytes.as_slice()).unwrap().get(&id).is_some());
    }
}

#[test]
fn what_is_pruned_before_its_time_falls_away_in_updates_too() {
    use revocable::publish::Update;
    let first = publish(1, &[until(session(1), SECONDS + 1000)]);
    let next = update(&first.manifest, &[until(session(2), SECONDS + 1000), session(3)]);
    let keys = Jwks::parse(authority_key().to_public_jwk().as_bytes(), Secrets::Ignore).unwrap();
    let update = Update::following(next.manifest.as_bytes(), &keys, AUTHORITY, NOW).unwrap();
    let update = update.terms(|terms| terms.prune_before(NOW.plus_seconds(1001)));
    let (signed, _) = update.finish(&authority_key(), |_| None).unwrap();
    let manifest = Manifest::inspect(signed.manifest.as_bytes(), &keys).unwrap();
    let operations: usize = manifest.recent().iter().map(|group| group.all().len()).sum();
    assert_eq!((manifest.segments().len(), operations, signed.expired), (0, 1, 2));
}

#[test]
fn what_has_expired_does_not_make_many_small_segments_of_what_stays() {
    let lines = (0..6000).map(|n| until(session(n), SECONDS - 10_000)).chain((6000..6100).map(session));
    let mut publisher = publisher(&[]).terms(|terms| terms.max_segment(4096));
    for line in lines {
        publisher.add(&revocable::publish::Revocation::from_json(&line.to_string()).unwrap());
    }
    let built = publisher.finish(&authority_key()).unwrap();
    assert_eq!((built.segments.len(), built.entries, built.expired), (1, 100, 6000));
}

#[test]
fn an_update_with_values_keeps_the_kinds_of_one_rule_apart() {
    let mut authority = Authority::new(&publish(1, &[outright(&["sub"], json!(["alice"]))]));
    authority
        .say(&[
            undo(outright(&["sub"], json!(["alice"]))),
            cutoff(&["sub"], json!(["alice"]), json!(SECONDS - 100)),
        ])
        .unwrap();
    assert_eq!(authority.ask(json!({ "iat": SECONDS - 100 })), "allow");
    assert_eq!(authority.ask(json!({ "iat": SECONDS - 101 })), REVOKED);
    let kinds: Vec<Kind> = authority.read().tables().iter().map(|table| table.kind).collect();
    assert_eq!(kinds, [Kind::Outright, Kind::Cutoff]);
    authority.say(&[undo(cutoff(&["sub"], json!(["alice"]), json!(1)))]).unwrap();
    assert_eq!(authority.ask(json!({ "iat": 0 })), "allow");
}

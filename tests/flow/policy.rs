//! What becomes of a token of which the lists cannot tell, for each reason why; and lists whose keys are exchanged.

use serde_json::{Value, json};

use revocable::publish::{Built, Publisher, Revocation, SigningKey};
use revocable::{
    Action, Decision, Entry, Error, Lack, Offer, Policy, Remedy, Revocations, SegmentName, Status, UnixTime,
    Unknown, Verifier,
};

use crate::common::*;

const REVOKED: &str = "deny ERR_JWT_REVOKED";
const UNAVAILABLE: &str = "unavailable ERR_REVOCATION_UNAVAILABLE";

fn lists(verifier: &mut Verifier) -> &mut Revocations {
    verifier.revocations_mut().unwrap()
}

fn limited(config: &Value, bytes: u64) -> Verifier {
    let mut verifier = build(config).unwrap();
    let lists = lists(&mut verifier);
    *lists = std::mem::replace(lists, Revocations::new(Vec::new())).resident_limit(bytes);
    verifier
}

fn coarse(lines: &[Value]) -> Built {
    publisher(lines).epsilon("2^-20".parse().unwrap()).finish(&authority_key()).unwrap()
}

/// A verifier of which a token cannot be told for this reason, and when.
fn unknowing(why: Unknown) -> (Verifier, UnixTime) {
    let mut config = config();
    config["issuers"].as_array_mut().unwrap().push(json!({
        "issuer": OTHER_ISSUER, "jwks": public_jwk(&other_key()),
    }));
    config["lists"][0]["for"] = json!([ISSUER, OTHER_ISSUER]);
    let lines = [outright(&["jti"], json!(["t-1"]))];
    match why {
        Unknown::NoSnapshot => (build(&config).unwrap(), NOW),
        Unknown::TooOld => {
            let built = publisher(&lines).valid_for(60).finish(&authority_key()).unwrap();
            let mut verifier = build(&config).unwrap();
            install(&mut verifier, &built, NOW).unwrap();
            (verifier, NOW.plus_seconds(60))
        }
        Unknown::NotCovered => {
            let theirs = Publisher::new(AUTHORITY, SALT, NOW).cover(OTHER_ISSUER);
            let mut verifier = build(&config).unwrap();
            install(&mut verifier, &theirs.finish(&authority_key()).unwrap(), NOW).unwrap();
            (verifier, NOW)
        }
        Unknown::SegmentMissing => {
            let mut verifier = limited(&config, 0);
            install(&mut verifier, &publish(1, &lines), NOW).unwrap();
            (verifier, NOW)
        }
        Unknown::NeedsConfirmation => {
            let mut verifier = build(&config).unwrap();
            install(&mut verifier, &coarse(&lines), NOW).unwrap();
            (verifier, NOW)
        }
        other => panic!("{other:?} has no test"),
    }
}

#[test]
fn each_reason_why_the_lists_cannot_tell_has_an_action_of_its_own_and_is_unavailable_by_default() {
    let token = token(claims());
    for why in Unknown::ALL {
        let decide = |policy: Policy| {
            let (verifier, now) = unknowing(why);
            let decision = verifier.policy(policy).verify(&token, now);
            (outcome(&decision), decision)
        };
        let (default, decision) = decide(Policy::default());
        assert_eq!(
            (default.as_str(), decision.error()),
            (UNAVAILABLE, Some(&Error::RevocationUnavailable(why)))
        );
        for (action, expected) in [
            (Action::Unavailable, UNAVAILABLE),
            (Action::Deny, "deny ERR_REVOCATION_UNKNOWN"),
            (Action::Allow, "allow"),
        ] {
            let (here, decision) = decide(Policy::default().on(why, action));
            assert_eq!(here, expected, "{why}");
            if let Decision::Allow(allowed) = &decision {
                assert_eq!(allowed.status, Some(Status::Unknown(why)));
            }
            // It says how current the lists are, and what would have to be read.
            assert_eq!(decision.snapshot().is_some(), why != Unknown::NoSnapshot, "{why}");
            let is_partial = matches!(why, Unknown::SegmentMissing | Unknown::NeedsConfirmation);
            assert_eq!(!decision.lacking().is_empty(), is_partial, "{why}");
            // That of every other reason changes nothing here.
            let others = Unknown::ALL.into_iter().filter(|other| *other != why);
            let policy = others.fold(Policy::default(), |policy, other| policy.on(other, action));
            assert_eq!(decide(policy).0, UNAVAILABLE, "{why}");
            assert_eq!(decide(policy.on_unknown(action)).0, expected, "{why}");
        }
    }
}

#[test]
fn a_configuration_sets_the_action_of_each_reason_by_its_name() {
    let token = token(claims());
    for why in Unknown::ALL {
        for (action, expected) in
            [("deny", "deny ERR_REVOCATION_UNKNOWN"), ("allow", "allow"), ("unavailable", UNAVAILABLE)]
        {
            let policy = |unknown: Value| {
                let mut config = config();
                config["unknown"] = unknown;
                revocable::config::VerifierConfig::parse(&config.to_string()).unwrap().unknown
            };
            let (verifier, now) = unknowing(why);
            let by_name = policy(json!({ why.name(): action }));
            assert_eq!(outcome(&verifier.verify_under(&by_name, &token, now)), expected, "{why}");
            assert_eq!(
                outcome(&verifier.verify_under(&policy(json!(action)), &token, now)),
                expected,
                "{why}"
            );
        }
    }
}

#[test]
fn what_could_be_read_so_that_a_token_fares_otherwise_depends_on_the_reason_and_not_on_the_action() {
    let token = token(claims());
    for why in Unknown::ALL {
        for action in [Action::Deny, Action::Allow, Action::Unavailable] {
            let (verifier, now) = unknowing(why);
            let mut verifier = verifier.policy(Policy::default().on_unknown(action));
            let decision = verifier.verify(&token, now);
            let expected = match why {
                Unknown::NoSnapshot | Unknown::TooOld => Some(Remedy::Snapshot),
                Unknown::NotCovered => None,
                _ => Some(Remedy::Lacking),
            };
            assert_eq!(verifier.remedy(&token, &decision, now), expected, "{why}, {action:?}");
            verifier.begin(Remedy::Lacking, now);
            verifier.fail(Remedy::Lacking, now);
            verifier.fail(Remedy::Snapshot, now);
            let after = expected.filter(|remedy| *remedy == Remedy::Lacking);
            assert_eq!(verifier.remedy(&token, &decision, now), after, "{why}, {action:?}");
        }
    }
}

/// Reads everything that a decision lacks, as far as `what` takes it.
fn give(
    verifier: &mut Verifier,
    decision: &Decision,
    built: &Built,
    mut confirm: impl FnMut() -> Option<Option<Entry>>,
) {
    let bytes =
        |name: &SegmentName| built.segments.iter().find(|(known, _)| known == name).unwrap().1.clone();
    for lack in decision.lacking() {
        match lack {
            Lack::Segment { name, bytes: length } => {
                assert_eq!(bytes(name).len() as u64, *length);
                lists(verifier).supply(*name, *name, bytes(name)).unwrap();
            }
            Lack::Confirmation(hit) => match confirm() {
                Some(answer) => lists(verifier).confirm(hit, answer),
                None => {
                    let name = hit.exact.unwrap().name;
                    lists(verifier).supply(name, name, bytes(&name)).unwrap();
                }
            },
        }
    }
}

#[test]
fn segments_that_are_missing_are_named_and_with_them_the_token_is_decided() {
    let lines = [outright(&["jti"], json!(["t-1"])), cutoff(&["sub"], json!(["alice"]), json!(SECONDS))];
    let built = publish(1, &lines);
    let mut verifier = limited(&config(), 0);
    install(&mut verifier, &built, NOW).unwrap();
    // One fits, and the other takes its place: a token that is revoked by either is refused.
    let token = token(claims());
    let decision = verifier.verify(&token, NOW);
    assert_eq!(decision.lacking().len(), 2, "{:?}", decision.lacking());
    give(&mut verifier, &decision, &built, || None);
    assert_eq!(verdict(&verifier, &token), REVOKED);

    // A revoked token is refused also while another segment is missing: nothing makes it good.
    let Lack::Segment { name, .. } = &decision.lacking()[0] else { panic!("a segment") };
    let (_, bytes) = built.segments.iter().find(|(known, _)| known == name).unwrap();
    let mut verifier = limited(&config(), 0);
    install(&mut verifier, &built, NOW).unwrap();
    lists(&mut verifier).supply(*name, *name, bytes.clone()).unwrap();
    let decision = verifier.verify(&token, NOW);
    assert_eq!((outcome(&decision).as_str(), decision.lacking()), (REVOKED, &[][..]));
}

#[test]
fn a_coarse_hit_is_decided_by_the_exact_segment_or_by_whoever_has_the_ledger() {
    let lines = [outright(&["jti"], json!(["t-1"])), cutoff(&["sub"], json!(["bob"]), json!(SECONDS))];
    let built = coarse(&lines);
    let alice = token(claims());
    let bob = token(claims_with(json!({ "sub": "bob", "jti": "t-2" })));
    for (answer, expected) in [(None, REVOKED), (Some(Some(Entry::Outright)), REVOKED), (Some(None), "allow")]
    {
        let mut verifier = build(&config()).unwrap();
        install(&mut verifier, &built, NOW).unwrap();
        let decision = verifier.verify(&alice, NOW);
        assert_eq!(decision.error(), Some(&Error::RevocationUnavailable(Unknown::NeedsConfirmation)));
        let manifest = lists(&mut verifier).snapshot().unwrap().manifest().clone();
        let [Lack::Confirmation(hit)] = decision.lacking() else { panic!("{:?}", decision.lacking()) };
        let target = manifest.target(hit).unwrap();
        assert_eq!(
            (hit.seq, target.rule.to_string(), target.kind.name()),
            (1, r#"["jti"]"#.into(), "outright")
        );
        give(&mut verifier, &decision, &built, || answer);
        let decision = verifier.verify(&alice, NOW);
        assert_eq!((outcome(&decision).as_str(), decision.lacking()), (expected, &[][..]), "{answer:?}");
        // The answer about one id says nothing of another.
        assert_eq!(verdict(&verifier, &bob), UNAVAILABLE);
    }
    // A cutoff that the ledger knows to be earlier, and one that it does not know.
    for (millis, expected) in [(SECONDS * 1000 - 20_000, "allow"), (SECONDS * 1000, REVOKED)] {
        let mut verifier = build(&config()).unwrap();
        install(&mut verifier, &built, NOW).unwrap();
        let decision = verifier.verify(&bob, NOW);
        let cutoff = revocable::Cutoff::from_millis(millis).map(Entry::Cutoff);
        give(&mut verifier, &decision, &built, || Some(cutoff));
        assert_eq!(verdict(&verifier, &bob), expected);
    }
}

#[test]
fn a_confirmation_holds_for_the_snapshot_it_was_asked_about_and_for_no_other() {
    let lines = [outright(&["jti"], json!(["t-1"]))];
    let token = token(claims());
    let mut verifier = build(&config()).unwrap();
    install(&mut verifier, &coarse(&lines), NOW).unwrap();
    let decision = verifier.verify(&token, NOW);
    give(&mut verifier, &decision, &coarse(&lines), || Some(None));
    assert_eq!(verdict(&verifier, &token), "allow");
    // A newer one asks anew, and an answer about the one before comes too late.
    let next = publisher(&lines).seq(2).epsilon("2^-20".parse().unwrap()).finish(&authority_key()).unwrap();
    install(&mut verifier, &next, NOW).unwrap();
    assert_eq!(verdict(&verifier, &token), UNAVAILABLE);
    give(&mut verifier, &decision, &next, || Some(None));
    assert_eq!(verdict(&verifier, &token), UNAVAILABLE);
    let target = match &decision.lacking()[0] {
        Lack::Confirmation(hit) => lists(&mut verifier).snapshot().unwrap().manifest().target(hit),
        other => panic!("{other:?}"),
    };
    assert_eq!(target, None, "it is another manifest's");
}

#[test]
fn one_authoritys_confirmation_does_not_answer_for_another() {
    let second = SigningKey::from_seed([8; 32]);
    let mut config = config();
    config["lists"].as_array_mut().unwrap().push(list("https://second.example", &second, &[ISSUER]));
    let mut verifier = build(&config).unwrap();
    let lines = [outright(&["jti"], json!(["t-1"]))];
    // The same number, the same table, the same id.
    install(&mut verifier, &coarse(&lines), NOW).unwrap();
    let mut theirs =
        Publisher::new("https://second.example", SALT, NOW).epsilon("2^-20".parse().unwrap()).valid_for(3600);
    theirs.add(&Revocation::from_json(&lines[0].to_string()).unwrap());
    install(&mut verifier, &theirs.finish(&second).unwrap(), NOW).unwrap();
    let token = token(claims());
    let decision = verifier.verify(&token, NOW);
    let [Lack::Confirmation(first), Lack::Confirmation(other)] = decision.lacking() else {
        panic!("{:?}", decision.lacking())
    };
    assert_eq!((first.seq, first.table, first.id), (other.seq, other.table, other.id));
    lists(&mut verifier).confirm(first, None);
    assert!(!lists(&mut verifier).awaits(first) && lists(&mut verifier).awaits(other));
    assert_eq!(verdict(&verifier, &token), UNAVAILABLE, "the second has not said so");
    lists(&mut verifier).confirm(other, Some(Entry::Outright));
    assert_eq!(verdict(&verifier, &token), REVOKED);
}

#[test]
fn while_a_lists_keys_are_exchanged_it_is_believed_by_the_old_one_and_the_new() {
    let (old, new) = (authority_key(), SigningKey::from_seed([9; 32]));
    let both = |keys: &[&SigningKey]| {
        let keys = keys.iter().map(|key| serde_json::from_str(&key.to_public_jwk()).unwrap());
        let mut config = config();
        config["lists"][0]["keys"] = json!({ "keys": keys.collect::<Vec<Value>>() });
        config
    };
    let by = |key: &SigningKey, seq: u64, jti: &str| {
        publisher(&[outright(&["jti"], json!([jti]))]).seq(seq).finish(key).unwrap()
    };
    let mut verifier = build(&both(&[&old, &new])).unwrap();
    for (key, seq) in [(&old, 1), (&old, 2), (&new, 3), (&old, 4), (&new, 5)] {
        install(&mut verifier, &by(key, seq, &format!("t-{seq}")), NOW).unwrap();
        let revoked = token(claims_with(json!({ "jti": format!("t-{seq}") })));
        assert_eq!(verdict(&verifier, &revoked), REVOKED, "{seq}");
    }
    assert!(matches!(install(&mut verifier, &by(&old, 4, "t-4"), NOW), Err(Error::ManifestRollback { .. })));
    // The same text under another signature is another manifest of that number.
    assert_eq!(install(&mut verifier, &by(&old, 5, "t-5"), NOW), Err(Error::ManifestConflict { seq: 5 }));
    // A chain goes on over the exchange.
    let next = Publisher::following(by(&new, 5, "t-5").manifest.as_bytes(), &new, AUTHORITY, NOW);
    let next = next.unwrap().finish(&new).unwrap();
    assert!(matches!(offer(lists(&mut verifier), &next, NOW), Ok(Offer::Newer(_))));

    // Whoever has been told of the new one alone.
    let mut verifier = build(&both(&[&new])).unwrap();
    assert!(matches!(install(&mut verifier, &by(&old, 6, "t-1"), NOW), Err(Error::ManifestUntrusted(_))));
    assert_eq!(verdict(&verifier, &token(claims())), UNAVAILABLE);
    install(&mut verifier, &by(&new, 1, "t-1"), NOW).unwrap();
    assert_eq!(verdict(&verifier, &token(claims())), REVOKED);
    // And of the old one alone: it goes on with what it has.
    let mut verifier = build(&both(&[&old])).unwrap();
    install(&mut verifier, &by(&old, 1, "t-1"), NOW).unwrap();
    assert!(matches!(install(&mut verifier, &by(&new, 2, "t-2"), NOW), Err(Error::ManifestUntrusted(_))));
    assert_eq!(verdict(&verifier, &token(claims())), REVOKED);
}

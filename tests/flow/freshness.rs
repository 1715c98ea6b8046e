//! How a reader keeps up: what is wanted when, and that it never goes back.

use serde_json::json;

use revocable::publish::SigningKey;
use revocable::{Decision, Error, Incoming, Offer, Remedy, Revocations, Unknown, Urgency, Verifier};

use crate::common::*;

fn lists(verifier: &mut Verifier) -> &mut Revocations {
    verifier.revocations_mut().unwrap()
}

fn gathered(verifier: &mut Verifier, seq: u64, jti: &str) -> Incoming {
    let built = publish(seq, &[outright(&["jti"], json!([jti]))]);
    let Ok(Offer::Newer(mut incoming)) = offer(lists(verifier), &built, NOW) else { panic!("newer") };
    for (_, bytes) in built.segments {
        incoming.supply(bytes).unwrap();
    }
    *incoming
}

#[test]
fn without_a_snapshot_one_is_wanted_at_once_and_nothing_passes() {
    let verifier = build(&config()).unwrap();
    assert_eq!(verifier.revocations().unwrap().wanted(NOW), Urgency::Now);
    let decision = verifier.verify(&token(claims()), NOW);
    assert_eq!(decision.error(), Some(&Error::RevocationUnavailable(Unknown::NoSnapshot)));
    assert!(matches!(decision, Decision::Unavailable(_)));
    assert_eq!(verifier.remedy(&token(claims()), &decision, NOW), Some(Remedy::Snapshot));
    assert_eq!(decision.snapshot(), None);
}

#[test]
fn past_its_ttl_a_snapshot_goes_on_answering_and_a_newer_is_wanted_in_the_background() {
    let mut verifier = verifier(&[]);
    let due = |verifier: &Verifier, seconds: u64| verifier.due(NOW.plus_seconds(seconds));
    assert_eq!(due(&verifier, 59), []);
    assert_eq!(due(&verifier, 60), [Remedy::Snapshot]);
    assert_eq!(outcome(&verifier.verify(&token(claims()), NOW.plus_seconds(60))), "allow");
    lists(&mut verifier).begin(NOW.plus_seconds(60));
    assert_eq!(due(&verifier, 64), [], "one look at a time");
    assert_eq!(due(&verifier, 65), [Remedy::Snapshot], "a look that came to nothing is repeated");
    let unchanged =
        lists(&mut verifier).offer(publish(1, &[]).manifest.as_bytes(), NOW.plus_seconds(66)).unwrap();
    assert!(matches!(unchanged, Offer::Unchanged));
    assert_eq!(due(&verifier, 66 + 59), []);
    assert_eq!(due(&verifier, 66 + 60), [Remedy::Snapshot]);
}

#[test]
fn an_unchanged_manifest_renews_the_check_and_not_the_age() {
    let mut verifier = verifier(&[]);
    lists(&mut verifier).offer(publish(1, &[]).manifest.as_bytes(), NOW.plus_seconds(70)).unwrap();
    let info = lists(&mut verifier).info(NOW.plus_seconds(75)).unwrap();
    assert_eq!((info.seq, info.age_millis, info.checked_millis_ago), (1, 75_000, 5_000));
}

#[test]
fn past_its_exp_a_snapshot_is_too_old_and_the_answer_unavailable() {
    let mut verifier = build(&config()).unwrap();
    let built = publisher(&[]).valid_for(300).finish(&authority_key()).unwrap();
    install(&mut verifier, &built, NOW).unwrap();
    let token = token(claims());
    assert_eq!(outcome(&verifier.verify(&token, NOW.plus_seconds(299))), "allow");
    let decision = verifier.verify(&token, NOW.plus_seconds(300));
    assert_eq!(decision.error(), Some(&Error::RevocationUnavailable(Unknown::TooOld)));
    assert!(matches!(decision, Decision::Unavailable(_)));
    assert_eq!(decision.snapshot().unwrap().age_millis, 300_000, "the age is told all the same");
    assert_eq!(lists(&mut verifier).wanted(NOW.plus_seconds(300)), Urgency::Now);
    assert_eq!(verifier.remedy(&token, &decision, NOW.plus_seconds(300)), Some(Remedy::Snapshot));
}

#[test]
fn the_last_good_snapshot_outlives_bad_offers_until_its_hard_limit() {
    let mut verifier = verifier(&[outright(&["jti"], json!(["t-1"]))]);
    let newer = publish(2, &[]);
    let bad: [Vec<u8>; 5] = [
        Vec::new(),
        b"<html>".to_vec(),
        newer.manifest.replacen('.', "!", 1).into_bytes(),
        newer.manifest.as_bytes()[..newer.manifest.len() - 2].to_vec(),
        publisher(&[]).seq(2).finish(&SigningKey::from_seed([8; 32])).unwrap().manifest.into_bytes(),
    ];
    for manifest in bad {
        let now = NOW.plus_seconds(600);
        assert!(lists(&mut verifier).offer(&manifest, now).is_err());
        assert_eq!(lists(&mut verifier).info(now).unwrap().checked_millis_ago, 600_000);
        let mut fresh = claims();
        fresh["exp"] = json!(SECONDS + 3600);
        assert_eq!(outcome(&verifier.verify(&token(fresh.clone()), now)), "deny ERR_JWT_REVOKED");
        fresh["jti"] = json!("t-2");
        assert_eq!(outcome(&verifier.verify(&token(fresh), now)), "allow");
    }
}

#[test]
fn of_two_manifests_gathered_at_once_the_newer_stands_in_whichever_order_they_are_accepted() {
    for newer_first in [true, false] {
        let mut verifier = verifier(&[]);
        let second = gathered(&mut verifier, 2, "t-2");
        let third = gathered(&mut verifier, 3, "t-1");
        if newer_first {
            lists(&mut verifier).accept(third, NOW).unwrap();
            let late = lists(&mut verifier).accept(second, NOW);
            assert_eq!(late, Err(Error::ManifestRollback { seen: 3, offered: 2 }));
        } else {
            lists(&mut verifier).accept(second, NOW).unwrap();
            assert_eq!(verdict(&verifier, &token(claims())), "allow");
            lists(&mut verifier).accept(third, NOW).unwrap();
        }
        assert_eq!(lists(&mut verifier).info(NOW).unwrap().seq, 3);
        assert_eq!(verdict(&verifier, &token(claims())), "deny ERR_JWT_REVOKED");
    }
}

#[test]
fn of_two_different_manifests_of_one_seq_the_second_accepted_is_refused() {
    let mut verifier = verifier(&[]);
    let one = gathered(&mut verifier, 2, "t-1");
    let other = gathered(&mut verifier, 2, "t-2");
    lists(&mut verifier).accept(one, NOW).unwrap();
    assert_eq!(lists(&mut verifier).accept(other, NOW), Err(Error::ManifestConflict { seq: 2 }));
    assert_eq!(verdict(&verifier, &token(claims())), "deny ERR_JWT_REVOKED");
}

#[test]
fn a_manifest_that_was_refused_does_not_raise_the_seq_that_is_wanted() {
    let mut verifier = verifier(&[]);
    let forged = publisher(&[]).seq(1000).finish(&SigningKey::from_seed([8; 32])).unwrap();
    assert!(offer(lists(&mut verifier), &forged, NOW).is_err());
    let incomplete = publish(900, &[outright(&["jti"], json!(["t-1"]))]);
    let Ok(Offer::Newer(incoming)) = offer(lists(&mut verifier), &incomplete, NOW) else { panic!("newer") };
    assert_eq!(lists(&mut verifier).accept(*incoming, NOW), Err(Error::SegmentMissing));
    install(&mut verifier, &publish(2, &[]), NOW).unwrap();
}

#[test]
fn without_lists_nothing_is_asked_and_the_answer_says_so() {
    let mut config = config();
    config["lists"] = json!([]);
    let verifier = build(&config).unwrap();
    let Decision::Allow(allowed) = verifier.verify(&token(claims()), NOW) else { panic!("allowed") };
    assert_eq!((allowed.status, allowed.snapshot), (None, None));
    assert_eq!(verifier.due(NOW), []);
}

#[test]
fn a_policy_that_lets_tokens_pass_unasked_does_not_keep_the_snapshot_from_being_read() {
    use revocable::{Action, Policy};
    let verifier = build(&config()).unwrap().policy(Policy::default().on_unknown(Action::Allow));
    let decision = verifier.verify(&token(claims()), NOW);
    assert_eq!(outcome(&decision), "allow");
    assert_eq!(verifier.remedy(&token(claims()), &decision, NOW), Some(Remedy::Snapshot));
}

#[test]
fn a_look_that_came_to_nothing_is_not_repeated_for_every_request() {
    let mut verifier = build(&config()).unwrap();
    let remedy = |verifier: &Verifier, seconds: u64| {
        let now = NOW.plus_seconds(seconds);
        verifier.remedy(&token(claims()), &verifier.verify(&token(claims()), now), now)
    };
    verifier.begin(Remedy::Snapshot, NOW);
    assert_eq!(
        remedy(&verifier, 1),
        Some(Remedy::Snapshot),
        "one that is under way keeps nobody from his own"
    );
    verifier.fail(Remedy::Snapshot, NOW);
    assert_eq!(remedy(&verifier, 1), None);
    assert_eq!(remedy(&verifier, 2), Some(Remedy::Snapshot));
}

#[test]
fn a_snapshot_that_expired_while_it_was_gathered_does_not_replace_a_good_one() {
    let mut verifier = verifier(&[]);
    let built = publisher(&[]).seq(2).valid_for(10).finish(&authority_key()).unwrap();
    let Ok(Offer::Newer(incoming)) = offer(lists(&mut verifier), &built, NOW) else { panic!("newer") };
    let late = lists(&mut verifier).accept(*incoming, NOW.plus_seconds(10));
    assert!(matches!(late, Err(Error::ManifestInvalid(_))));
    assert_eq!(outcome(&verifier.verify(&token(claims()), NOW.plus_seconds(10))), "allow");
}

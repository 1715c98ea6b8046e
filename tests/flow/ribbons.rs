//! Coarse lists that are large enough to be kept as ribbons: every hit is confirmed before anybody is refused.

use serde_json::json;

use revocable::publish::{Built, Epsilon};
use revocable::source::{self, Memory};
use revocable::{Error, Lack, Remedy, Segment, Unknown, Verifier};

use crate::common::*;

const REVOKED_TOKENS: usize = 6000;

/// A list of so many revoked tokens, `r-0` and on, in which one in 256 others has a hit.
fn built() -> Built {
    let lines: Vec<_> = (0..REVOKED_TOKENS).map(|n| outright(&["jti"], json!([format!("r-{n}")]))).collect();
    publisher(&lines).epsilon(Epsilon::from_bits(8).unwrap()).finish(&authority_key()).unwrap()
}

fn jti(name: &str) -> String {
    hs256(claims_with(json!({ "jti": name })))
}

fn reading(objects: &Memory) -> Verifier {
    let mut verifier = build(&config()).unwrap();
    source::refresh(verifier.revocations_mut().unwrap(), objects, NOW).unwrap();
    verifier
}

/// The outcome once everything that it lacks has been read.
fn confirmed(verifier: &mut Verifier, objects: &Memory, token: &str) -> String {
    let decision = verifier.verify(token, NOW);
    if verifier.remedy(token, &decision, NOW) == Some(Remedy::Lacking) {
        source::complete(verifier.revocations_mut().unwrap(), objects, decision.lacking()).unwrap();
    }
    verdict(verifier, token)
}

#[test]
fn a_coarse_list_takes_under_nine_bits_an_entry_and_what_confirms_it_lists_every_one() {
    let built = built();
    let opened: Vec<_> =
        built.segments.iter().map(|(_, bytes)| Segment::open(bytes.as_slice()).unwrap()).collect();
    let (ribbons, exact): (Vec<_>, Vec<_>) = opened.iter().partition(|segment| segment.iter().is_none());
    assert!(!ribbons.is_empty() && ribbons.len() == exact.len());
    assert!(ribbons.iter().all(|ribbon| ribbon.error_bits() == 8 && ribbon.check().is_ok()));
    let bits: usize = ribbons.iter().map(|ribbon| ribbon.bytes().len() * 8).sum();
    assert!(bits < REVOKED_TOKENS * 9, "{bits} bits");
    let listed: usize = exact.iter().map(|exact| exact.iter().unwrap().count()).sum();
    assert_eq!(listed, REVOKED_TOKENS);
    assert_eq!(built.entries, u64::try_from(REVOKED_TOKENS).unwrap());
}

#[test]
fn a_revoked_token_is_refused_once_its_hit_is_confirmed_and_not_before() {
    let mut objects = Memory::default();
    objects.store(built());
    let mut verifier = reading(&objects);
    for n in (0..REVOKED_TOKENS).step_by(97) {
        let token = jti(&format!("r-{n}"));
        assert_eq!(confirmed(&mut verifier, &objects, &token), "deny ERR_JWT_REVOKED");
    }
    let fresh = reading(&objects);
    let decision = fresh.verify(&jti("r-1"), NOW);
    assert_eq!(decision.error(), Some(&Error::RevocationUnavailable(Unknown::NeedsConfirmation)));
    assert!(matches!(decision.lacking(), [Lack::Confirmation(one)] if one.exact.is_some()));
}

#[test]
fn a_token_that_only_looks_revoked_is_let_pass_once_its_hit_is_denied() {
    let mut objects = Memory::default();
    objects.store(built());
    let mut verifier = reading(&objects);
    let good: Vec<String> = (0..4000).map(|n| jti(&format!("g-{n}"))).collect();
    let suspects: Vec<&String> =
        good.iter().filter(|token| verifier.verify(token, NOW).error().is_some()).collect();
    assert!((2..40).contains(&suspects.len()), "{} of 4000 at one in 256", suspects.len());
    for token in suspects {
        assert_eq!(confirmed(&mut verifier, &objects, token), "allow");
    }
}

#[test]
fn of_two_reasons_why_nothing_is_known_the_one_counts_that_lets_nothing_pass() {
    let second = revocable::publish::SigningKey::from_seed([8; 32]);
    for (policy, wanted) in [
        (json!({ "noSnapshot": "allow", "needsConfirmation": "deny" }), "deny ERR_REVOCATION_UNKNOWN"),
        (json!({ "noSnapshot": "deny", "needsConfirmation": "allow" }), "deny ERR_REVOCATION_UNKNOWN"),
        (json!({ "noSnapshot": "allow" }), "unavailable ERR_REVOCATION_UNAVAILABLE"),
        (json!("allow"), "allow"),
    ] {
        for first_is_silent in [false, true] {
            let mut config = config();
            let silent = list("https://second.example", &second, &[ISSUER]);
            let at = if first_is_silent { 0 } else { 1 };
            config["lists"].as_array_mut().unwrap().insert(at, silent);
            config["unknown"] = policy.clone();
            let mut verifier = build(&config).unwrap();
            install(&mut verifier, &built(), NOW).unwrap();
            assert_eq!(verdict(&verifier, &jti("r-1")), wanted, "{policy}");
        }
    }
}

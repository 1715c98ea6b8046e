//! `revocable inspect`.

use std::fs;

use serde_json::{Value, json};

use crate::support::{AUTHORITY, Ended, ISSUER, NOW, SALT, Sandbox, line, manifest, publish_changed, revoke};

fn inspect(sandbox: &Sandbox, snapshot: &str, more: &[&str]) -> Ended {
    let now = (NOW + 90).to_string();
    let inspect = ["inspect", "--snapshot", snapshot, "--keys", "list.pub.jwk", "--now", &now, "--json"];
    sandbox.run(&[&inspect[..], more].concat())
}

fn tokens(count: usize) -> String {
    (0..count).map(|number| revoke(&["jti"], &[&format!("t-{number}")])).collect()
}

#[test]
fn entries_sizes_age_and_signer_are_told_beside_the_bound() {
    let sandbox = Sandbox::with_keys("inspect-all");
    let cutoff = line(
        json!({ "rule": ["sub"], "issuer": ISSUER, "values": ["bob"], "before": NOW, "expires": NOW + 5000 }),
    );
    sandbox.build("out", &(tokens(3000) + &cutoff), &["--salt", SALT]).succeeds();
    let undo = line(json!({ "rule": ["jti"], "issuer": ISSUER, "values": ["t-1"], "undo": true }));
    sandbox.build("out", &undo, &["--recent", "--previous", "out"]).succeeds();
    for more in [&[][..], &["--strict"]] {
        let report = inspect(&sandbox, "out", more).succeeds().json();
        assert_eq!((&report["authority"], &report["seq"]), (&json!(AUTHORITY), &json!(2)));
        assert_eq!((&report["ageSeconds"], &report["expired"]), (&json!(90), &json!(false)));
        let key: Value = serde_json::from_slice(&sandbox.read("list.pub.jwk")).unwrap();
        assert_eq!(report["kid"], key["kid"]);
        assert_eq!((&report["salt"], &report["epsilon"]), (&json!(SALT), &json!("2^-50")));
        assert_eq!((&report["entries"], &report["recent"]), (&json!(3001), &json!(1)));
        let table = &report["tables"][0];
        assert_eq!(
            (&table["rule"], &table["kind"], &table["removed"]),
            (&json!(["jti"]), &json!("outright"), &json!(1))
        );
        let (bits, bound) = (table["bitsPerEntry"].as_f64().unwrap(), table["bound"].as_f64().unwrap());
        assert!((51.0..51.2).contains(&bound), "two look-ups: {bound}");
        assert!(bits > bound + 2.0 && bits < bound + 2.5, "{bits} {bound}");
        let table = &report["tables"][1];
        assert_eq!(
            (&table["kind"], &table["expires"], &table["valueBits"]),
            (&json!("cutoff"), &json!(NOW + 5000), &json!(0.0))
        );
    }
    let inspect = ["inspect", "--snapshot", "out", "--keys", "list.pub.jwk", "--strict"];
    let text = sandbox.run(&inspect).succeeds().stdout;
    for part in [AUTHORITY, ISSUER, "number 2", "3001 in 2 segments", "the bound 51.", "checked again"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
}

#[test]
fn a_manifest_of_another_key_is_not_believed() {
    let sandbox = Sandbox::with_keys("inspect-foreign");
    sandbox.build("out", &tokens(1), &[]).succeeds();
    sandbox.run(&["keygen", "--out", "other.jwk"]).succeeds();
    let inspect = ["inspect", "--snapshot", "out", "--keys", "other.pub.jwk"];
    sandbox.run(&inspect).fails(1, "ERR_REVOCATION_MANIFEST_UNTRUSTED");
    sandbox.run(&[&inspect[..], &["--keys", "list.pub.jwk"]].concat()).succeeds();
    sandbox.run(&["inspect", "--snapshot", "nowhere", "--keys", "list.pub.jwk"]).fails(1, "ERR_FILE_READ");
}

#[test]
fn a_segment_that_is_damaged_or_missing_is_named() {
    let sandbox = Sandbox::with_keys("inspect-damaged");
    sandbox.build("out", &tokens(100), &[]).succeeds();
    let segment = sandbox.segment("out");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[40] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let ended = inspect(&sandbox, "out", &[]).fails(1, "ERR_REVOCATION_SEGMENT_HASH_MISMATCH");
    assert!(ended.stderr.contains(segment.file_name().unwrap().to_str().unwrap()), "{}", ended.stderr);
    fs::remove_file(&segment).unwrap();
    inspect(&sandbox, "out", &[]).fails(1, "ERR_REVOCATION_SEGMENT_MISSING");
}

#[test]
fn exact_segments_are_counted_apart_and_held_to_what_they_confirm() {
    let sandbox = Sandbox::with_keys("inspect-exact");
    let cutoffs: String = (0..2000)
        .map(|number| {
            let (user, before) = (format!("u-{number}"), NOW - number % 7);
            line(json!({ "rule": ["sub"], "issuer": ISSUER, "values": [user], "before": before }))
        })
        .collect();
    sandbox
        .build("out", &(tokens(3000) + &cutoffs), &["--epsilon", "2^-8", "--max-segment", "8KiB"])
        .succeeds();
    let report = inspect(&sandbox, "out", &["--strict"]).succeeds().json();
    assert!(report["exactBytes"].as_u64().unwrap() > report["bytes"].as_u64().unwrap());
    let manifest = manifest(&sandbox, "out");
    let exact = manifest["segments"][0]["exact"]["hash"].as_str().unwrap();
    fs::remove_file(sandbox.path(&format!("out/segments/{exact}"))).unwrap();
    for more in [&[][..], &["--strict"]] {
        inspect(&sandbox, "out", more).fails(1, "ERR_REVOCATION_SEGMENT_MISSING");
    }
}

#[test]
fn a_large_coarse_list_is_checked_again_compared_and_published_by_what_confirms_it() {
    let sandbox = Sandbox::with_keys("inspect-ribbon");
    sandbox.build("out", &tokens(5000), &["--salt", SALT, "--epsilon", "2^-8"]).succeeds();
    let report = inspect(&sandbox, "out", &["--strict"]).succeeds().json();
    let table = &report["tables"][0];
    assert_eq!((&table["entries"], &table["bound"]), (&json!(5000), &json!(8.0)));
    let bits = table["bitsPerEntry"].as_f64().unwrap();
    assert!(bits > 8.0 && bits < 9.0, "a ribbon: {bits}");
    let more = tokens(5000) + &revoke(&["jti"], &["t-more"]);
    sandbox.build("next", &more, &["--previous", "out", "--epsilon", "2^-8"]).succeeds();
    let diff = ["diff", "--from", "out", "--to", "next", "--keys", "list.pub.jwk", "--json"];
    let compared = sandbox.run(&diff).succeeds().json();
    assert_eq!(
        (&compared["entries"][0]["added"], &compared["entries"][0]["removed"]),
        (&json!(1), &json!(0))
    );
    let now = NOW.to_string();
    let publish = ["publish", "--snapshot", "next", "--keys", "list.pub.jwk", "--to", "published"];
    sandbox.run(&[&publish[..], &["--now", &now]].concat()).succeeds();
    for (jti, code) in [("t-4999", 1), ("t-more", 1), ("nobody", 0)] {
        let ended = sandbox.check("published", &crate::support::token(json!({ "jti": jti })));
        assert_eq!(ended.code, code, "{jti}: {}", ended.stderr);
    }
}

#[test]
fn a_ribbon_that_was_damaged_before_it_was_signed_is_found_out_by_strict_alone() {
    let sandbox = Sandbox::with_keys("inspect-ribbon-damaged");
    sandbox.build("out", &tokens(5000), &["--epsilon", "2^-8"]).succeeds();
    let mut claims = manifest(&sandbox, "out");
    let ribbon = claims["segments"][0]["hash"].as_str().unwrap();
    let mut bytes = sandbox.read(&format!("out/segments/{ribbon}"));
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let name = revocable::SegmentName::of(&bytes);
    sandbox.write(&format!("out/segments/{name}"), &bytes);
    claims["segments"][0]["hash"] = name.to_string().into();
    publish_changed(&sandbox, "out", &claims);
    inspect(&sandbox, "out", &[]).succeeds();
    let ended = inspect(&sandbox, "out", &["--strict"]).fails(1, "ERR_REVOCATION_SEGMENT_INVALID");
    assert!(
        ended.stderr.contains("it has not the entries of the segment that it confirms"),
        "{}",
        ended.stderr
    );
}

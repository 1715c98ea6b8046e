//! `revocable build --recent`, and following a manifest that another key signed.

use std::fs;

use serde_json::json;

use crate::support::{AUTHORITY, ISSUER, NOW, SALT, Sandbox, line, manifest, revoke, token};

fn undo(rule: &[&str], values: &[&str]) -> String {
    line(json!({ "rule": rule, "issuer": ISSUER, "values": values, "undo": true }))
}

#[test]
fn what_has_changed_goes_into_the_manifest_and_the_segments_before_stay_in_force() {
    let sandbox = Sandbox::with_keys("recent-operations");
    let lines = revoke(&["jti"], &["t-1"]) + &revoke(&["jti"], &["t-2"]);
    sandbox.build("out", &lines, &["--salt", SALT]).succeeds();
    let changes = revoke(&["jti"], &["t-3"])
        + &undo(&["jti"], &["t-1"])
        + &line(json!({ "rule": ["sub"], "issuer": ISSUER, "values": ["bob"], "before": NOW }));
    let summary = sandbox.build("out", &changes, &["--recent", "--previous", "out"]).succeeds().json();
    assert_eq!(
        (&summary["seq"], &summary["recent"], &summary["newSegments"]),
        (&json!(2), &json!(3), &json!(0))
    );
    sandbox.check("out", &token(json!({ "jti": "t-1" }))).succeeds();
    for revoked in [json!({ "jti": "t-2" }), json!({ "jti": "t-3" }), json!({ "sub": "bob", "jti": "t-9" })] {
        sandbox.check("out", &token(revoked)).denies_as_revoked();
    }
    // Into another folder, which then has everything.
    sandbox.build("other", &undo(&["jti"], &["t-2"]), &["--recent", "--previous", "out"]).succeeds();
    sandbox.check("other", &token(json!({ "jti": "t-2" }))).succeeds();
    sandbox.check("other", &token(json!({ "jti": "t-3" }))).denies_as_revoked();
}

#[test]
fn more_changes_than_a_manifest_takes_become_a_layer_and_without_a_layer_left_a_full_build_is_due() {
    let sandbox = Sandbox::with_keys("recent-layers");
    sandbox.build("out", &revoke(&["jti"], &["t-0"]), &["--salt", SALT]).succeeds();
    let changes = |round: usize| -> String {
        (0..2049).map(|number| revoke(&["jti"], &[&format!("{round}-{number}")])).collect()
    };
    for round in 1..16 {
        let options = ["--recent", "--previous", "out"];
        let summary = sandbox.build("out", &changes(round), &options).succeeds().json();
        assert_eq!((&summary["recent"], &summary["newSegments"]), (&json!(0), &json!(1)), "{round}");
    }
    let before = sandbox.tree("out");
    for jti in ["t-0", "1-0", "15-2048"] {
        sandbox.check("out", &token(json!({ "jti": jti }))).denies_as_revoked();
    }
    let ended = sandbox.build("out", &changes(16), &["--recent", "--previous", "out"]);
    let ended = ended.fails(1, "ERR_REVOCATION_INVALID");
    assert!(
        ended.stderr.contains("another one is due") && ended.stderr.contains("--recent"),
        "{}",
        ended.stderr
    );
    assert_eq!(sandbox.tree("out"), before);
}

#[test]
fn a_wrong_line_or_a_segment_that_is_missing_changes_nothing() {
    let sandbox = Sandbox::with_keys("recent-wrong");
    sandbox.build("out", &revoke(&["jti"], &["t-1"]), &["--salt", SALT]).succeeds();
    let before = sandbox.tree("out");
    let options = ["--recent", "--previous", "out"];
    sandbox.build("out", "x\n", &options).fails(1, "ERR_REVOCATION_INVALID");
    assert_eq!(sandbox.tree("out"), before);
    fs::remove_file(sandbox.segment("out")).unwrap();
    sandbox.build("out", &revoke(&["jti"], &["t-2"]), &options).fails(1, "ERR_REVOCATION_SEGMENT_MISSING");
    assert_eq!(sandbox.read("out/manifest.jwt"), before["manifest.jwt"]);
}

#[test]
fn a_manifest_that_another_key_of_the_authority_signed_is_followed_when_that_key_is_named() {
    let sandbox = Sandbox::with_keys("recent-rotation");
    sandbox.build("out", &revoke(&["jti"], &["t-1"]), &["--salt", SALT]).succeeds();
    sandbox.run(&["keygen", "--out", "new.jwk"]).succeeds();
    let now = NOW.to_string();
    let build =
        ["build", "--input", "-", "--key", "new.jwk", "--issuer", AUTHORITY, "--out", "out", "--now", &now];
    let follow = [&build[..], &["--previous", "out"]].concat();
    sandbox.run(&follow).fails(1, "ERR_REVOCATION_MANIFEST_UNTRUSTED");
    let named = [&follow[..], &["--previous-keys", "list.pub.jwk", "--json"]].concat();
    let summary = sandbox.run_with(&named, revoke(&["jti"], &["t-2"]).as_bytes()).succeeds().json();
    assert_eq!(summary["seq"], 2);
    let claims = manifest(&sandbox, "out");
    assert_eq!(claims["prev"].as_str().unwrap().len(), 64);
    let lists = format!("{AUTHORITY}=new.pub.jwk");
    sandbox.check_with("out", &token(json!({ "jti": "t-2" })), &["--lists", &lists]).denies_as_revoked();
    // The next one, of the new key alone.
    let recent = [&follow[..], &["--recent", "--json"]].concat();
    let summary = sandbox.run_with(&recent, revoke(&["jti"], &["t-3"]).as_bytes()).succeeds().json();
    assert_eq!(summary["seq"], 3);
}

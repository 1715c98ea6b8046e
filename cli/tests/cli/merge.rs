//! `revocable merge`.

use std::fs;

use serde_json::{Value, json};

use crate::support::{AUTHORITY, Ended, ISSUER, NOW, SALT, Sandbox, line, manifest, revoke, token};

fn merge(sandbox: &Sandbox, snapshots: &[&str], out: &str, more: &[&str]) -> Ended {
    let now = NOW.to_string();
    let mut merge = vec!["merge", "--keys", "list.pub.jwk", "--key", "list.jwk", "--issuer", AUTHORITY];
    merge.extend(["--out", out, "--now", &now, "--json"]);
    merge.extend(snapshots.iter().flat_map(|snapshot| ["--snapshot", snapshot]));
    merge.extend(more);
    sandbox.run(&merge)
}

fn tokens(name: &str, count: usize) -> String {
    (0..count).map(|number| revoke(&["jti"], &[&format!("{name}-{number}")])).collect()
}

fn undo(jti: &str) -> String {
    line(json!({ "rule": ["jti"], "issuer": ISSUER, "values": [jti], "undo": true }))
}

fn cutoff(user: &str, before: u64) -> String {
    line(json!({ "rule": ["sub"], "issuer": ISSUER, "values": [user], "before": before }))
}

fn is_denied(sandbox: &Sandbox, snapshot: &str, claims: Value) -> bool {
    let ended = sandbox.check(snapshot, &token(claims));
    assert!(ended.code < 2, "{}", ended.stderr);
    ended.code == 1
}

#[test]
fn whatever_one_of_them_says_to_be_revoked_is_revoked_and_nothing_else() {
    let sandbox = Sandbox::with_keys("merge-union");
    // Key ranges of one overlap with several of the other.
    let one = tokens("a", 1500) + &cutoff("bob", NOW - 600) + &cutoff("eve", NOW);
    let two = tokens("b", 700) + &cutoff("bob", NOW) + &revoke(&["sid"], &["s"]);
    sandbox.build("one", &one, &["--salt", SALT, "--max-segment", "4KiB"]).succeeds();
    sandbox
        .build("two", &two, &["--salt", SALT, "--covers", "https://o.example", "--valid-for", "600"])
        .succeeds();
    let summary = merge(&sandbox, &["one", "two"], "out", &[]).succeeds().json();
    assert_eq!(
        (&summary["seq"], &summary["entries"], &summary["expires"]),
        (&json!(2), &json!(2204), &json!(NOW + 600))
    );
    assert_eq!(summary["covers"], json!([ISSUER, "https://o.example"]));
    for claims in [
        json!({ "jti": "a-1499" }),
        json!({ "jti": "b-699" }),
        json!({ "jti": "c", "sub": "bob" }),
        json!({ "jti": "c", "sub": "eve" }),
        json!({ "jti": "c", "sid": "s" }),
    ] {
        assert!(is_denied(&sandbox, "out", claims.clone()), "{claims}");
    }
    assert!(!is_denied(&sandbox, "out", json!({ "jti": "a-1500" })));
    assert!(!is_denied(&sandbox, "out", json!({ "jti": "c", "sub": "bob", "iat": NOW })));
    // In whatever order.
    merge(&sandbox, &["two", "one"], "again", &[]).succeeds();
    assert_eq!(sandbox.tree("out"), sandbox.tree("again"));
    sandbox.run(&["inspect", "--snapshot", "out", "--keys", "list.pub.jwk", "--strict"]).succeeds();
}

#[test]
fn an_undoing_counts_only_where_no_other_says_the_target_to_be_revoked() {
    let sandbox = Sandbox::with_keys("merge-operations");
    sandbox.build("base", &(tokens("a", 4) + &cutoff("bob", NOW)), &["--salt", SALT]).succeeds();
    // Both have the same segments. The one takes back two tokens and weakens a cutoff, the other takes back one of them.
    let changes = undo("a-0") + &undo("a-1") + &cutoff("bob", NOW - 300);
    sandbox.build("one", &changes, &["--recent", "--previous", "base"]).succeeds();
    let changes = undo("a-0") + &revoke(&["jti"], &["b"]) + &undo("nobody");
    sandbox.build("two", &changes, &["--recent", "--previous", "base"]).succeeds();
    let summary = merge(&sandbox, &["one", "two"], "out", &[]).succeeds().json();
    assert_eq!(
        (&summary["segments"], &summary["layers"]),
        (&json!(2), &json!(2)),
        "they are shared: {summary}"
    );
    for (claims, denied) in [
        (json!({ "jti": "a-0" }), false),
        (json!({ "jti": "a-1" }), true),
        (json!({ "jti": "a-2" }), true),
        (json!({ "jti": "b" }), true),
        (json!({ "jti": "c", "sub": "bob", "iat": NOW - 1 }), true),
        (json!({ "jti": "c", "sub": "bob", "iat": NOW }), false),
    ] {
        assert_eq!(is_denied(&sandbox, "out", claims.clone()), denied, "{claims}");
    }
    // `nobody` is in no segment, so that nothing has to be taken back.
    assert_eq!(summary["recent"], 4);
}

#[test]
fn the_epsilon_is_what_the_layers_come_to() {
    let sandbox = Sandbox::with_keys("merge-epsilon");
    for (out, epsilon) in [("one", "2^-50"), ("two", "2^-50"), ("coarse", "2^-20")] {
        sandbox.build(out, &tokens(out, 500), &["--salt", SALT, "--epsilon", epsilon]).succeeds();
    }
    assert_eq!(merge(&sandbox, &["one"], "same", &[]).succeeds().json()["epsilon"], "2^-50");
    assert_eq!(merge(&sandbox, &["one", "two"], "fine", &[]).succeeds().json()["epsilon"], "2^-49");
    // A 128th of each is left over for what is added.
    assert_eq!(merge(&sandbox, &["one", "coarse"], "coarser", &[]).succeeds().json()["epsilon"], "2^-20");
    assert_eq!(manifest(&sandbox, "coarser")["epsilon"], "2^-20");
    assert!(is_denied(&sandbox, "coarser", json!({ "jti": "coarse-7" })));
    assert!(!is_denied(&sandbox, "coarser", json!({ "jti": "nobody" })));
}

#[test]
fn a_result_follows_another_by_number_and_hash() {
    let sandbox = Sandbox::with_keys("merge-previous");
    sandbox.build("all", &tokens("a", 5), &["--salt", SALT, "--seq", "7"]).succeeds();
    sandbox.build("more", &tokens("b", 5), &["--salt", SALT]).succeeds();
    let summary = merge(&sandbox, &["all", "more"], "all", &["--previous", "all"]).succeeds().json();
    assert_eq!(
        (&summary["seq"], &summary["segments"], &summary["newSegments"]),
        (&json!(8), &json!(2), &json!(1))
    );
    assert_eq!(manifest(&sandbox, "all")["prev"].as_str().unwrap().len(), 64);
    merge(&sandbox, &["more"], "all", &["--seq", "3"]).fails(1, "ERR_REVOCATION_MANIFEST_ROLLBACK");
}

#[test]
fn what_cannot_be_one_list_is_not_merged() {
    let sandbox = Sandbox::with_keys("merge-refused");
    sandbox.build("one", &tokens("a", 5), &["--salt", SALT]).succeeds();
    sandbox.build("salted", &tokens("a", 5), &[]).succeeds();
    let ended = merge(&sandbox, &["one", "salted"], "out", &[]).fails(1, "ERR_REVOCATION_INVALID");
    assert!(ended.stderr.contains("salt"), "{}", ended.stderr);
    let old = ["--salt", SALT, "--valid-for", "60"];
    sandbox.build("old", &tokens("b", 5), &old).succeeds();
    let later = (NOW + 60).to_string();
    let mut arguments =
        vec!["merge", "--keys", "list.pub.jwk", "--key", "list.jwk", "--issuer", AUTHORITY, "--out", "out"];
    arguments.extend(["--snapshot", "one", "--snapshot", "old", "--now", &later]);
    sandbox.run(&arguments).fails(1, "ERR_REVOCATION_MANIFEST_INVALID");
    // Sixteen layers and one more.
    let many: Vec<String> = (0..17).map(|number| format!("m{number}")).collect();
    for out in &many {
        sandbox.build(out, &tokens(out, 1), &["--salt", SALT]).succeeds();
    }
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let ended = merge(&sandbox, &many, "out", &[]).fails(1, "ERR_REVOCATION_INVALID");
    assert!(ended.stderr.contains("a full build is due"), "{}", ended.stderr);
    merge(&sandbox, &many[..16], "sixteen", &[]).succeeds();
    fs::remove_file(sandbox.segment("one")).unwrap();
    merge(&sandbox, &["one", "m0"], "out", &[]).fails(1, "ERR_REVOCATION_SEGMENT_MISSING");
    assert!(!sandbox.path("out").exists());
}

//! `revocable publish`.

use std::collections::BTreeMap;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{Ended, NOW, SALT, Sandbox, revoke, token};

fn publish(sandbox: &Sandbox, snapshot: &str, more: &[&str]) -> Ended {
    let now = NOW.to_string();
    let publish = ["publish", "--snapshot", snapshot, "--keys", "list.pub.jwk", "--now", &now, "--json"];
    sandbox.run(&[&publish[..], more].concat())
}

/// What a namespace holds once a file has been put into it.
fn put(namespace: &mut BTreeMap<String, Vec<u8>>, bulk: &[u8]) {
    for pair in serde_json::from_slice::<Vec<Value>>(bulk).unwrap() {
        let value = pair["value"].as_str().unwrap();
        let value = match pair["base64"] {
            Value::Bool(true) => STANDARD.decode(value).unwrap(),
            _ => value.as_bytes().to_vec(),
        };
        namespace.insert(pair["key"].as_str().unwrap().to_owned(), value);
    }
}

fn tokens(from: usize, to: usize) -> String {
    (from..to).map(|number| revoke(&["jti"], &[&format!("t-{number}")])).collect()
}

#[test]
fn a_bulk_file_puts_every_object_of_the_snapshot_and_the_manifest_last() {
    let sandbox = Sandbox::with_keys("publish-bulk");
    sandbox
        .build("out", &tokens(0, 2500), &["--salt", SALT, "--max-segment", "4KiB", "--epsilon", "2^-20"])
        .succeeds();
    let summary = publish(&sandbox, "out", &["--kv-bulk", "bulk.json"]).succeeds().json();
    assert_eq!(summary["files"], json!(["bulk.json"]));
    let mut namespace = BTreeMap::new();
    put(&mut namespace, &sandbox.read("bulk.json"));
    assert_eq!(namespace, sandbox.tree("out"));
    let pairs: Vec<Value> = serde_json::from_slice(&sandbox.read("bulk.json")).unwrap();
    assert_eq!(pairs.last().unwrap()["key"], "manifest.jwt");

    // What is there already need not be put again.
    fs::rename(sandbox.path("out"), sandbox.path("before")).unwrap();
    sandbox.build("out", &tokens(2500, 2501), &["--recent", "--previous", "before"]).succeeds();
    let more = ["--kv-bulk", "next.json", "--published", "before"];
    let summary = publish(&sandbox, "out", &more).succeeds().json();
    assert_eq!((&summary["newSegments"], &summary["seq"]), (&json!(0), &json!(2)));
    put(&mut namespace, &sandbox.read("next.json"));
    assert_eq!(namespace, sandbox.tree("out"));
}

#[test]
fn a_folder_gets_what_the_manifest_names_and_never_goes_back() {
    let sandbox = Sandbox::with_keys("publish-folder");
    sandbox.build("one", &tokens(0, 5), &["--salt", SALT]).succeeds();
    sandbox.build("two", &tokens(0, 6), &["--previous", "one"]).succeeds();
    publish(&sandbox, "one", &["--to", "public/lists"]).succeeds();
    assert_eq!(sandbox.tree("public/lists"), sandbox.tree("one"));
    let summary = publish(&sandbox, "two", &["--to", "public/lists"]).succeeds().json();
    assert_eq!((&summary["segments"], &summary["newSegments"]), (&json!(1), &json!(1)));
    sandbox.check("public/lists", &token(json!({ "jti": "t-5" }))).denies_as_revoked();
    publish(&sandbox, "two", &["--to", "public/lists"]).succeeds();
    publish(&sandbox, "one", &["--to", "public/lists"]).fails(1, "ERR_REVOCATION_MANIFEST_ROLLBACK");
    publish(&sandbox, "one", &["--to", "public/lists", "--force"]).succeeds();
}

#[test]
fn what_is_damaged_expired_or_foreign_is_not_published() {
    let sandbox = Sandbox::with_keys("publish-refused");
    sandbox.build("out", &tokens(0, 5), &["--valid-for", "60"]).succeeds();
    let later = (NOW + 60).to_string();
    let publish_at = ["publish", "--snapshot", "out", "--keys", "list.pub.jwk", "--now", &later];
    for to in [["--to", "public"], ["--kv-bulk", "bulk.json"]] {
        sandbox.run(&[&publish_at[..], &to].concat()).fails(1, "ERR_REVOCATION_MANIFEST_INVALID");
    }
    sandbox.run(&["keygen", "--out", "other.jwk"]).succeeds();
    let foreign = ["publish", "--snapshot", "out", "--keys", "other.pub.jwk", "--to", "public"];
    sandbox.run(&foreign).fails(1, "ERR_REVOCATION_MANIFEST_UNTRUSTED");
    fs::remove_file(sandbox.segment("out")).unwrap();
    for to in [["--to", "public"], ["--kv-bulk", "bulk.json"]] {
        publish(&sandbox, "out", &to).fails(1, "ERR_REVOCATION_SEGMENT_MISSING");
    }
    assert!(!sandbox.path("public").exists() && !sandbox.path("bulk.json").exists());
}

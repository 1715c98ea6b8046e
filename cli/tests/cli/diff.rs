//! `revocable diff`.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Ended, ISSUER, NOW, SALT, Sandbox, line, revoke};

fn diff(sandbox: &Sandbox, from: &str, to: &str, more: &[&str]) -> Ended {
    let diff = ["diff", "--from", from, "--to", to, "--keys", "list.pub.jwk"];
    sandbox.run(&[&diff[..], more].concat())
}

fn tokens(from: usize, to: usize) -> String {
    (from..to).map(|number| revoke(&["jti"], &[&format!("t-{number}")])).collect()
}

fn cutoff(user: &str, before: u64) -> String {
    line(json!({ "rule": ["sub"], "issuer": ISSUER, "values": [user], "before": before }))
}

#[test]
fn what_came_went_and_changed_is_counted_for_each_table() {
    let sandbox = Sandbox::with_keys("diff-counts");
    let before = tokens(0, 1000) + &cutoff("alice", NOW) + &cutoff("bob", NOW);
    sandbox.build("one", &before, &["--salt", SALT]).succeeds();
    let after =
        tokens(10, 1030) + &cutoff("alice", NOW) + &cutoff("bob", NOW + 1) + &revoke(&["sid"], &["s"]);
    sandbox
        .build(
            "two",
            &after,
            &["--previous", "one", "--covers", "https://o.example", "--max-segment", "4KiB"],
        )
        .succeeds();
    let report = diff(&sandbox, "one", "two", &["--json"]).succeeds().json();
    assert_eq!(
        (&report["from"]["seq"], &report["to"]["seq"], &report["follows"]),
        (&json!(1), &json!(2), &json!(true))
    );
    assert_eq!(report["covers"], json!({ "added": ["https://o.example"], "removed": [] }));
    assert_eq!(report["rules"], json!({ "added": [["sid"]], "removed": [] }));
    let counts = |added, removed, changed, kept| json!([added, removed, changed, kept]);
    for (index, wanted) in [counts(30, 10, 0, 990), counts(1, 0, 0, 0), counts(0, 0, 1, 1)].iter().enumerate()
    {
        let table = &report["entries"][index];
        let got = json!([table["added"], table["removed"], table["changed"], table["kept"]]);
        assert_eq!(&got, wanted, "{table}");
    }
    let back = diff(&sandbox, "two", "one", &["--json"]).succeeds().json();
    assert_eq!((&back["entries"][0]["added"], &back["entries"][0]["removed"]), (&json!(10), &json!(30)));
    let text = diff(&sandbox, "one", "two", &[]).succeeds().stdout;
    assert!(text.contains(r#"["jti"] outright: 30 added, 10 removed, 0 changed, 990 kept"#), "{text}");
}

#[test]
fn operations_in_the_manifest_count_as_what_they_do() {
    let sandbox = Sandbox::with_keys("diff-operations");
    sandbox.build("one", &(tokens(0, 100) + &cutoff("bob", NOW)), &["--salt", SALT]).succeeds();
    let undo = line(json!({ "rule": ["jti"], "issuer": ISSUER, "values": ["t-5"], "undo": true }));
    // Said again, said newly, taken back, and changed.
    let changes = tokens(7, 8) + &tokens(100, 102) + &undo + &cutoff("bob", NOW - 5);
    sandbox.build("two", &changes, &["--recent", "--previous", "one"]).succeeds();
    let ended = diff(&sandbox, "one", "two", &["--entries", "--json"]).succeeds();
    let lines: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (report, entries) = lines.split_last().unwrap();
    assert_eq!(report["segments"], json!({ "kept": 2, "added": 0, "removed": 0, "addedBytes": 0 }));
    assert_eq!(report["operations"], json!({ "from": 0, "to": 5 }));
    let words: Vec<&str> = entries.iter().map(|entry| entry["change"].as_str().unwrap()).collect();
    let count = |word| words.iter().filter(|known| **known == word).count();
    assert_eq!((count("added"), count("removed"), count("changed")), (2, 1, 1), "{}", ended.stdout);
    for entry in entries {
        let digits = entry["id"].as_str().unwrap().len();
        assert!(if entry["change"] == "removed" { digits >= 12 } else { digits == 32 }, "{entry}");
    }
    let changed = entries.iter().find(|entry| entry["change"] == "changed").unwrap();
    assert_eq!((&changed["before"], &changed["value"]), (&json!(NOW * 1000), &json!((NOW - 5) * 1000)));
    // The same as one list.
    let all = tokens(0, 5) + &tokens(6, 102) + &cutoff("bob", NOW - 5);
    sandbox.build("three", &all, &["--previous", "two", "--max-segment", "4KiB"]).succeeds();
    let report = diff(&sandbox, "two", "three", &["--json"]).succeeds().json();
    for table in report["entries"].as_array().unwrap() {
        assert_eq!(
            (&table["added"], &table["removed"], &table["changed"]),
            (&json!(0), &json!(0), &json!(0))
        );
    }
}

#[test]
fn segments_that_both_have_need_not_be_there_to_be_compared() {
    let sandbox = Sandbox::with_keys("diff-shared");
    let options = ["--salt", SALT, "--max-segment", "4KiB"];
    sandbox.build("one", &tokens(0, 3000), &options).succeeds();
    sandbox.build("two", &tokens(0, 3001), &["--previous", "one", "--max-segment", "4KiB"]).succeeds();
    let (one, two) = (sandbox.tree("one/segments"), sandbox.tree("two/segments"));
    let shared: Vec<&String> = one.keys().filter(|name| two.contains_key(*name)).collect();
    assert_eq!(shared.len() + 1, one.len(), "one key range has changed");
    shared.iter().for_each(|name| fs::remove_file(sandbox.path(&format!("two/segments/{name}"))).unwrap());
    let report = diff(&sandbox, "one", "two", &["--json"]).succeeds().json();
    let table = &report["entries"][0];
    assert_eq!((&table["added"], &table["removed"], &table["kept"]), (&json!(1), &json!(0), &json!(3000)));
}

#[test]
fn entries_of_coarse_lists_are_told_apart_by_the_exact_segments() {
    let sandbox = Sandbox::with_keys("diff-coarse");
    sandbox.build("one", &tokens(0, 5000), &["--salt", SALT, "--epsilon", "2^-8"]).succeeds();
    sandbox.build("two", &tokens(7, 5003), &["--previous", "one", "--epsilon", "2^-12"]).succeeds();
    let report = diff(&sandbox, "one", "two", &["--json"]).succeeds().json();
    let table = &report["entries"][0];
    assert_eq!((&table["added"], &table["removed"], &table["kept"]), (&json!(3), &json!(7), &json!(4993)));
    for snapshot in ["one", "two"] {
        sandbox.run(&["inspect", "--snapshot", snapshot, "--keys", "list.pub.jwk", "--strict"]).succeeds();
    }
}

#[test]
fn lists_of_another_salt_have_no_entry_in_common_that_can_be_told() {
    let sandbox = Sandbox::with_keys("diff-salt");
    for out in ["one", "two"] {
        sandbox.build(out, &tokens(0, 5), &[]).succeeds();
    }
    let report = diff(&sandbox, "one", "two", &["--json", "--entries"]).succeeds().json();
    assert_eq!(report["entries"], Value::Null);
    assert!(diff(&sandbox, "one", "two", &[]).succeeds().stdout.contains("the salt is another"));
}

#[test]
fn what_is_damaged_or_foreign_is_not_compared() {
    let sandbox = Sandbox::with_keys("diff-damaged");
    sandbox.build("one", &tokens(0, 5), &["--salt", SALT]).succeeds();
    sandbox.build("two", &tokens(0, 6), &["--salt", SALT]).succeeds();
    fs::write(sandbox.segment("two"), "x").unwrap();
    diff(&sandbox, "one", "two", &[]).fails(1, "ERR_REVOCATION_SEGMENT_HASH_MISMATCH");
    fs::remove_file(sandbox.segment("two")).unwrap();
    diff(&sandbox, "one", "two", &[]).fails(1, "ERR_REVOCATION_SEGMENT_MISSING");
    sandbox.run(&["keygen", "--out", "list.jwk", "--force"]).succeeds();
    diff(&sandbox, "one", "one", &[]).fails(1, "ERR_REVOCATION_MANIFEST_UNTRUSTED");
}

//! `revocable build`.

use std::fs;

use serde_json::{Value, json};

use crate::support::{AUTHORITY, ISSUER, NOW, SALT, Sandbox, line, manifest, revoke};

fn four_rules() -> [String; 4] {
    [
        line(json!({ "rule": ["jti"], "issuer": ISSUER, "values": ["t-1"], "expires": NOW + 600 })),
        line(json!({ "rule": ["sub"], "issuer": ISSUER, "values": ["bob"], "before": 1_789_999_999.5 })),
        revoke(&["sub", "azp"], &["alice", "app-2"]),
        revoke(&["@key"], &["NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"]),
    ]
}

#[test]
fn a_snapshot_is_segments_named_by_their_hash_and_a_manifest_that_names_them() {
    let sandbox = Sandbox::with_keys("build-snapshot");
    let summary = sandbox.build("out", &four_rules().concat(), &["--salt", SALT]).succeeds().json();
    assert_eq!(summary["seq"], 1);
    assert_eq!(summary["authority"], AUTHORITY);
    assert_eq!(
        (&summary["revocations"], &summary["entries"], &summary["expired"]),
        (&json!(4), &json!(4), &json!(0))
    );
    assert_eq!(summary["segments"], 4);
    assert_eq!(summary["expires"], NOW + 7 * 24 * 3600);

    let manifest = manifest(&sandbox, "out");
    assert_eq!(
        (&manifest["iss"], &manifest["iat"], &manifest["ttl"]),
        (&json!(AUTHORITY), &json!(NOW), &json!(60))
    );
    assert_eq!(manifest["covers"], json!([ISSUER]));
    let files = sandbox.tree("out");
    assert_eq!(files.len(), 5, "four segments, the manifest, and no temporary file");
    let mut bytes = 0;
    for segment in manifest["segments"].as_array().unwrap() {
        let file = &files[&format!("segments/{}", segment["hash"].as_str().unwrap())];
        assert_eq!(segment["bytes"], file.len());
        bytes += file.len();
    }
    assert_eq!(summary["bytes"], bytes);
    assert_eq!(summary["manifestBytes"], files["manifest.jwt"].len());
    let wanted = f64::from(u32::try_from(bytes).unwrap()) * 8.0 / 4.0;
    assert!((summary["bitsPerEntry"].as_f64().unwrap() - wanted).abs() < 0.01);
}

#[test]
fn the_summary_for_people_names_what_was_built() {
    let sandbox = Sandbox::with_keys("build-text");
    let arguments = ["build", "--input", "-", "--key", "list.jwk", "--issuer", AUTHORITY, "--out", "out"];
    let text = sandbox.run_with(&arguments, revoke(&["jti"], &["t-1"]).as_bytes()).succeeds().stdout;
    for part in [AUTHORITY, ISSUER, "number 1", "1 of 1", "bits an entry", "out/manifest.jwt"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
}

#[test]
fn the_same_input_and_options_make_the_same_bytes_in_whatever_order_the_lines_come() {
    let sandbox = Sandbox::with_keys("build-same");
    let lines = four_rules();
    let backwards: String = lines.iter().rev().map(String::as_str).collect();
    let options = ["--salt", SALT, "--seq", "7", "--epsilon", "2^-45", "--ttl", "5", "--valid-for", "600"];
    for (out, input) in [("a", lines.concat()), ("b", lines.concat()), ("c", backwards)] {
        sandbox.build(out, &input, &options).succeeds();
    }
    let first = sandbox.tree("a");
    assert_eq!(first.len(), 5);
    assert_eq!(first, sandbox.tree("b"));
    assert_eq!(first, sandbox.tree("c"));
    let claims = manifest(&sandbox, "a");
    assert_eq!((&claims["seq"], &claims["ttl"], &claims["epsilon"]), (&json!(7), &json!(5), &json!("2^-45")));
    assert_eq!(claims["exp"], NOW + 600);
}

#[test]
fn input_from_a_file_is_the_same_as_from_standard_input_and_blank_lines_are_nothing() {
    let sandbox = Sandbox::with_keys("build-file");
    sandbox.write("revoked.ndjson", format!("\r\n\n  \n{}\n", four_rules().join("\n").replace('\n', "\r\n")));
    let now = NOW.to_string();
    let mut arguments =
        vec!["build", "--input", "revoked.ndjson", "--key", "list.jwk", "--issuer", AUTHORITY];
    arguments.extend(["--out", "a", "--now", &now, "--salt", SALT]);
    sandbox.run(&arguments).succeeds();
    sandbox.build("b", &four_rules().concat(), &["--salt", SALT]).succeeds();
    assert_eq!(sandbox.tree("a"), sandbox.tree("b"));
}

#[test]
fn without_a_salt_two_builds_have_different_ones() {
    let sandbox = Sandbox::with_keys("build-salt");
    for out in ["a", "b"] {
        sandbox.build(out, "", &[]).succeeds();
    }
    assert_ne!(manifest(&sandbox, "a")["salt"], manifest(&sandbox, "b")["salt"]);
}

#[test]
fn of_two_lines_that_name_the_same_target_the_later_stands() {
    let sandbox = Sandbox::with_keys("build-later");
    let cutoff =
        |before| line(json!({ "rule": ["sub"], "issuer": ISSUER, "values": ["bob"], "before": before }));
    sandbox.build("both", &(cutoff(5) + &cutoff(NOW)), &["--salt", SALT]).succeeds();
    sandbox.build("last", &cutoff(NOW), &["--salt", SALT]).succeeds();
    assert_eq!(sandbox.tree("both"), sandbox.tree("last"));
}

#[test]
fn an_entry_whose_tokens_have_long_expired_is_left_out_and_counted() {
    let sandbox = Sandbox::with_keys("build-expired");
    let until =
        |expires| line(json!({ "rule": ["jti"], "issuer": ISSUER, "values": ["t"], "expires": expires }));
    let summary = sandbox.build("gone", &until(NOW - 300), &[]).succeeds().json();
    assert_eq!(
        (&summary["entries"], &summary["expired"], &summary["segments"]),
        (&json!(0), &json!(1), &json!(0))
    );
    assert_eq!(summary["bitsPerEntry"], Value::Null);
    let summary = sandbox.build("kept", &until(NOW - 299), &[]).succeeds().json();
    assert_eq!((&summary["entries"], &summary["expired"]), (&json!(1), &json!(0)));
}

#[test]
fn a_wrong_line_is_reported_with_its_number_and_code_and_nothing_is_written() {
    let cases = [
        ("not json", "expected"),
        ("[]", "expected"),
        (r#"{"rule":["jti"],"issuer":"i","values":[]}"#, "one value for each"),
        (r#"{"rule":["jti"],"issuer":"i","values":["a"],"expire":1}"#, "unknown field `expire`"),
        (r#"{"rule":["jti"],"issuer":"i","issuer":"i","values":["a"]}"#, "duplicate field `issuer`"),
        (r#"{"rule":["@key"],"issuer":"i","values":["a"],"before":1}"#, "`before`"),
        (r#"{"rule":["@kid"],"issuer":"i","values":["a"]}"#, "`@key`"),
        (r#"{"rule":["jti"],"issuer":"i","values":["a"]} {}"#, "trailing"),
    ];
    for (wrong, reason) in cases {
        let sandbox = Sandbox::with_keys("build-wrong-line");
        let input = format!("{}\n{wrong}\n{}", revoke(&["jti"], &["a"]), revoke(&["jti"], &["b"]));
        let ended = sandbox.build("out", &input, &[]).fails(1, "ERR_REVOCATION_INVALID");
        assert_eq!(ended.stdout, "");
        let error: Value = serde_json::from_str(&ended.stderr).unwrap();
        let lines = error["error"]["lines"].as_array().unwrap();
        assert_eq!((lines.len(), &error["error"]["wrongLines"]), (1, &json!(1)), "{wrong}");
        assert_eq!(lines[0]["line"], 3, "{wrong}");
        assert!(lines[0]["message"].as_str().unwrap().contains(reason), "{wrong}: {}", lines[0]);
        assert!(!sandbox.path("out").exists(), "{wrong}");
    }
}

#[test]
fn of_many_wrong_lines_the_first_ten_are_shown_and_all_are_counted() {
    let sandbox = Sandbox::with_keys("build-wrong-lines");
    let deep =
        format!(r#"{{"rule":["jti"],"issuer":"i","values":[{}{}]}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let long = format!(r#"{{"rule":["jti"],"issuer":"i","values":["{}"]}}"#, "x".repeat(1_000_000));
    let mut input = format!("{deep}\n{long}\n").into_bytes();
    input.extend(b"{\"rule\":[\"jti\"],\"issuer\":\"\xff\",\"values\":[\"a\"]}\n");
    input.extend("x\n".repeat(20).as_bytes());
    let arguments = ["build", "--input", "-", "--key", "list.jwk", "--issuer", AUTHORITY, "--out", "out"];
    let ended = sandbox.run_with(&arguments, &input).fails(1, "ERR_REVOCATION_INVALID");
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert_eq!(lines.len(), 11, "{}", ended.stderr);
    assert!(lines[1].contains("line 2: it is longer than 64 KiB"), "{}", lines[1]);
    assert!(lines[2].contains("line 3: it is not UTF-8"), "{}", lines[2]);
    assert!(lines[9].contains("line 10: "), "{}", lines[9]);
    assert!(lines[10].contains("23 lines"), "{}", lines[10]);
    assert!(!sandbox.path("out").exists());
}

#[test]
fn an_empty_list_has_to_cover_somebody() {
    let sandbox = Sandbox::with_keys("build-empty");
    let arguments = ["build", "--input", "-", "--key", "list.jwk", "--issuer", AUTHORITY, "--out", "out"];
    sandbox.run(&arguments).fails(1, "ERR_REVOCATION_INVALID");
    sandbox.run(&[&arguments[..], &["--covers", ISSUER]].concat()).succeeds();
    assert_eq!(manifest(&sandbox, "out")["segments"], json!([]));
}

#[test]
fn a_snapshot_that_no_reader_would_take_any_more_is_not_written() {
    let sandbox = Sandbox::with_keys("build-no-reader");
    // Where time ends, a snapshot ends too, however long it was to be valid.
    let last = "253402300799";
    let arguments = ["build", "--input", "-", "--key", "list.jwk", "--issuer", AUTHORITY, "--out", "out"];
    let ended = sandbox.run(&[&arguments[..], &["--covers", ISSUER, "--now", last]].concat());
    ended.fails(1, "ERR_REVOCATION_INVALID");
    assert!(!sandbox.path("out").exists());
}

#[test]
fn a_snapshot_follows_the_one_before_by_number_hash_salt_issuers_and_rules() {
    let sandbox = Sandbox::with_keys("build-chain");
    sandbox.build("one", &revoke(&["jti"], &["t-1"]), &["--covers", "https://other.example"]).succeeds();
    // The same folder and another one are both fine.
    sandbox.build("two", &revoke(&["sub"], &["bob"]), &["--previous", "one"]).succeeds();
    let summary = sandbox.build("two", &revoke(&["sub"], &["bob"]), &["--previous", "two"]).succeeds().json();
    assert_eq!(
        (&summary["seq"], &summary["segments"], &summary["newSegments"]),
        (&json!(3), &json!(1), &json!(0))
    );
    let (one, three) = (manifest(&sandbox, "one"), manifest(&sandbox, "two"));
    assert_eq!((&one["seq"], &one["prev"]), (&json!(1), &Value::Null));
    assert_eq!(three["prev"].as_str().unwrap().len(), 64);
    assert_eq!(one["salt"], three["salt"]);
    assert_eq!(three["covers"], json!([ISSUER, "https://other.example"]));
    assert_eq!(three["rules"], json!([["jti"], ["sub"]]));
}

#[test]
fn a_segment_that_is_no_longer_named_stays_for_those_who_still_read_it() {
    let sandbox = Sandbox::with_keys("build-old-segments");
    sandbox.build("out", &revoke(&["jti"], &["t-1"]), &[]).succeeds();
    let before = sandbox.tree("out");
    sandbox.build("out", &revoke(&["jti"], &["t-2"]), &["--previous", "out"]).succeeds();
    let after = sandbox.tree("out");
    assert_eq!(after.len(), 3);
    let (name, bytes) = before.iter().find(|(name, _)| name.starts_with("segments/")).unwrap();
    assert_eq!(&after[name], bytes);
}

#[test]
fn a_segment_that_was_damaged_is_written_anew() {
    let sandbox = Sandbox::with_keys("build-damaged");
    let build = || sandbox.build("out", &revoke(&["jti"], &["t-1"]), &["--salt", SALT]).succeeds().json();
    build();
    let segment = sandbox.segment("out");
    let whole = fs::read(&segment).unwrap();
    fs::write(&segment, &whole[1..]).unwrap();
    assert_eq!(build()["newSegments"], 1);
    assert_eq!(fs::read(&segment).unwrap(), whole);
    assert_eq!(build()["newSegments"], 0, "building the same again is no step at all");
}

#[test]
fn a_previous_manifest_of_another_key_or_authority_or_none_is_not_followed() {
    let sandbox = Sandbox::with_keys("build-foreign");
    sandbox.build("one", "", &[]).succeeds();
    sandbox.build("two", "", &["--previous", "nowhere"]).fails(1, "ERR_FILE_READ");
    sandbox.run(&["keygen", "--out", "other.jwk"]).succeeds();
    let follow = |key, authority| {
        let arguments = ["build", "--input", "-", "--key", key, "--issuer", authority, "--out", "two"];
        sandbox.run(&[&arguments[..], &["--previous", "one"]].concat())
    };
    follow("other.jwk", AUTHORITY).fails(1, "ERR_REVOCATION_MANIFEST_UNTRUSTED");
    follow("list.jwk", "https://another.example").fails(1, "ERR_REVOCATION_INVALID");
    sandbox.write("one/manifest.jwt", "<html>");
    follow("list.jwk", AUTHORITY).fails(1, "ERR_REVOCATION_MANIFEST_INVALID");
    assert!(!sandbox.path("two").exists());
}

#[test]
fn a_folder_never_goes_back_to_a_smaller_number_or_to_another_snapshot_of_the_same() {
    let sandbox = Sandbox::with_keys("build-back");
    let lines = revoke(&["jti"], &["t-1"]);
    sandbox.build("out", &lines, &["--seq", "5"]).succeeds();
    let before = sandbox.tree("out");
    for (seq, code) in [
        (None, "ERR_REVOCATION_MANIFEST_ROLLBACK"),
        (Some("4"), "ERR_REVOCATION_MANIFEST_ROLLBACK"),
        (Some("5"), "ERR_REVOCATION_MANIFEST_CONFLICT"),
    ] {
        let options: Vec<&str> = seq.into_iter().flat_map(|seq| ["--seq", seq]).collect();
        let ended = sandbox.build("out", &lines, &options).fails(1, code);
        assert!(ended.stderr.contains("--previous out"), "it says what to do: {}", ended.stderr);
        assert_eq!(sandbox.tree("out"), before);
    }
    sandbox.build("out", &lines, &["--seq", "6"]).succeeds();
    sandbox.build("out", &lines, &["--force"]).succeeds();
    assert_eq!(manifest(&sandbox, "out")["seq"], 1);
}

#[test]
fn a_manifest_that_is_not_ours_is_not_written_over_without_force() {
    let sandbox = Sandbox::with_keys("build-not-ours");
    fs::create_dir(sandbox.path("out")).unwrap();
    sandbox.write("out/manifest.jwt", "somebody else's");
    let ended = sandbox.build("out", "", &[]).fails(1, "ERR_REVOCATION_MANIFEST_INVALID");
    assert!(ended.stderr.contains("--force"), "{}", ended.stderr);
    assert_eq!(sandbox.read("out/manifest.jwt"), b"somebody else's");
    sandbox.build("out", "", &["--force"]).succeeds();
}

#[test]
fn what_cannot_be_read_or_written_is_named_and_a_public_or_foreign_key_does_not_sign() {
    let sandbox = Sandbox::with_keys("build-files");
    let build = |input: &str, key: &str, out: &str| {
        sandbox.run(&[
            "build", "--input", input, "--key", key, "--issuer", AUTHORITY, "--out", out, "--covers", ISSUER,
        ])
    };
    assert!(build("nothing", "list.jwk", "out").fails(1, "ERR_FILE_READ").stderr.contains("nothing"));
    assert!(build("-", "nothing", "out").fails(1, "ERR_FILE_READ").stderr.contains("nothing"));
    for wrong in ["list.pub.jwk", "jwks.json", "no-jwk"] {
        sandbox.write("no-jwk", "<html>");
        assert!(build("-", wrong, "out").fails(1, "ERR_JWK_INVALID").stderr.contains(wrong));
    }
    sandbox.write("file", "");
    assert!(build("-", "list.jwk", "file").fails(1, "ERR_FILE_WRITE").stderr.contains("file"));
    assert!(!sandbox.path("out").exists());
}

//! What `revocable build` reads, and how much of it.

use serde_json::{Value, json};

use crate::support::{AUTHORITY, ISSUER, NOW, SALT, Sandbox, line, manifest, revoke, token};

/// Many tokens and a few users, some of them revoked twice or taken back.
fn many() -> (String, String) {
    let (mut ndjson, mut csv) = (String::new(), "jti,expires\n".to_owned());
    for number in 0..6000 {
        let jti = format!("t-{}", number % 5000);
        let expires = NOW + 600 + number;
        ndjson += &line(json!({ "rule": ["jti"], "issuer": ISSUER, "values": [jti], "expires": expires }));
        csv += &format!("{jti},{expires}\n");
    }
    (ndjson, csv)
}

#[test]
fn csv_is_the_same_list_as_the_ndjson_that_says_the_same() {
    let sandbox = Sandbox::with_keys("build-csv");
    let ndjson = [
        line(
            json!({ "rule": ["azp", "sub"], "issuer": ISSUER, "values": ["app,1", "alice"], "before": NOW }),
        ),
        line(
            json!({ "rule": ["sub", "azp"], "issuer": "https://o.example", "values": ["bob", "é\""], "expires": NOW + 5 }),
        ),
        line(
            json!({ "rule": ["sub", "azp"], "issuer": ISSUER, "values": ["carol", "a"], "claim": "pwd_ver", "minimum": 7 }),
        ),
        line(json!({ "rule": ["sub", "azp"], "issuer": ISSUER, "values": ["dave", "a"], "before": 5.25 })),
        line(json!({ "rule": ["sub", "azp"], "issuer": ISSUER, "values": ["dave", "b"], "before": 5 })),
        line(
            json!({ "rule": ["sub", "azp"], "issuer": ISSUER, "values": ["dave", "b"], "undo": true, "kind": "cutoff" }),
        ),
    ];
    let csv = format!(
        "\u{feff}sub,azp,before,expires,issuer,claim,minimum,undo,kind\r\n\
         alice,\"app,1\",{NOW},,,,,,\r\n\r\n\
         bob,\"é\"\"\",,{},https://o.example,,,,\r\n\
         carol,a,,,,pwd_ver,7,false,\r\n\
         dave,a,5.25,,,,,,\r\n\
         dave,b,5,,,,,,\r\n\
         dave,b,,,,,,true,cutoff\r\n",
        NOW + 5
    );
    sandbox.build("ndjson", &ndjson.concat(), &["--salt", SALT]).succeeds();
    sandbox.write("revoked.CSV", &csv);
    let now = NOW.to_string();
    let build =
        ["build", "--input", "revoked.CSV", "--key", "list.jwk", "--issuer", AUTHORITY, "--out", "csv"];
    let more = ["--now", &now, "--salt", SALT, "--covers", ISSUER, "--token-issuer", ISSUER];
    sandbox.run(&[&build[..], &more].concat()).succeeds();
    assert_eq!(sandbox.tree("csv"), sandbox.tree("ndjson"));
    assert_eq!(manifest(&sandbox, "csv")["rules"], json!([["azp", "sub"]]));
    sandbox.build("stdin", &csv, &["--salt", SALT, "--format", "csv", "--token-issuer", ISSUER]).succeeds();
    assert_eq!(sandbox.tree("stdin"), sandbox.tree("ndjson"));
}

#[test]
fn typed_columns_name_the_same_targets_as_json_of_that_type() {
    let sandbox = Sandbox::with_keys("build-csv-types");
    let ndjson =
        line(json!({ "rule": ["admin", "issuer", "tenant"], "issuer": ISSUER, "values": [true, "x", -7] }));
    sandbox.build("ndjson", &ndjson, &["--salt", SALT]).succeeds();
    let csv = "tenant:integer,admin:boolean,issuer:string\n-7,true,x\n";
    let options = ["--salt", SALT, "--format", "csv", "--token-issuer", ISSUER];
    sandbox.build("csv", csv, &options).succeeds();
    assert_eq!(sandbox.tree("csv"), sandbox.tree("ndjson"));
}

#[test]
fn a_wrong_line_of_csv_is_reported_with_its_number_and_nothing_is_written() {
    let sandbox = Sandbox::with_keys("build-csv-wrong");
    for (csv, number, reason) in [
        ("jti,expires\na,5\nb\n", 3, "1 cells"),
        ("jti,expires\na,5\n\nb,soon\n", 4, "`expires`"),
        ("jti,undo\na,yes\n", 2, "`undo`"),
        ("jti,minimum\na,7\n", 2, "`claim`"),
        ("jti,before,minimum,claim\na,7,7,v\n", 2, "two lines"),
        ("@key,before\na,7\n", 2, "@key"),
        ("jti,jti\na,b\n", 1, "two columns"),
        ("", 1, "header"),
    ] {
        let options = ["--format", "csv", "--token-issuer", ISSUER];
        let ended = sandbox.build("out", csv, &options).fails(1, "ERR_REVOCATION_INVALID");
        let error: Value = serde_json::from_str(&ended.stderr).unwrap();
        let wrong = &error["error"]["lines"][0];
        assert_eq!(wrong["line"], number, "{csv}: {error}");
        assert!(wrong["message"].as_str().unwrap().contains(reason), "{csv}: {error}");
        assert!(!sandbox.path("out").exists(), "{csv}");
    }
    let ended = sandbox.build("out", "jti\na\n", &["--format", "csv"]).fails(1, "ERR_REVOCATION_INVALID");
    assert!(ended.stderr.contains("--token-issuer"), "{}", ended.stderr);
}

#[test]
fn however_little_memory_there_is_the_snapshot_is_the_same_and_no_temporary_file_stays() {
    let sandbox = Sandbox::with_keys("build-memory");
    std::fs::create_dir(sandbox.path("temp")).unwrap();
    let (ndjson, csv) = many();
    sandbox.build("roomy", &ndjson, &["--salt", SALT]).succeeds();
    let narrow = ["--salt", SALT, "--memory", "1KiB", "--temp-dir", "temp"];
    let summary = sandbox.build("narrow", &ndjson, &narrow).succeeds().json();
    assert_eq!((&summary["revocations"], &summary["entries"]), (&json!(6000), &json!(5000)));
    assert_eq!(sandbox.tree("narrow"), sandbox.tree("roomy"));
    sandbox.write("narrow.csv", csv);
    sandbox
        .build(
            "csv",
            &String::from_utf8(sandbox.read("narrow.csv")).unwrap(),
            &[&narrow[..], &["--format", "csv", "--token-issuer", ISSUER]].concat(),
        )
        .succeeds();
    assert_eq!(sandbox.tree("csv"), sandbox.tree("roomy"));
    assert!(sandbox.tree("temp").is_empty());
    // A wrong line at the end of what has already gone through a file.
    sandbox.build("wrong", &(ndjson + "x\n"), &narrow).fails(1, "ERR_REVOCATION_INVALID");
    assert!(sandbox.tree("temp").is_empty() && !sandbox.path("wrong").exists());
}

#[test]
fn a_folder_for_temporary_files_that_is_not_there_is_said_to_be_so() {
    let sandbox = Sandbox::with_keys("build-no-temp");
    let options = ["--memory", "0", "--temp-dir", "nowhere"];
    let ended = sandbox.build("out", &many().0, &options).fails(1, "ERR_FILE_WRITE");
    assert!(ended.stderr.contains("temporary files in nowhere"), "{}", ended.stderr);
    assert!(!sandbox.path("out").exists());
}

#[test]
fn no_segment_is_larger_than_asked_for_and_their_ranges_do_not_overlap() {
    let sandbox = Sandbox::with_keys("build-max-segment");
    let options = ["--salt", SALT, "--max-segment", "4KiB"];
    let summary = sandbox.build("out", &many().0, &options).succeeds().json();
    let claims = manifest(&sandbox, "out");
    let segments = claims["segments"].as_array().unwrap();
    assert!(segments.len() >= 8, "{}", segments.len());
    assert!(segments.iter().all(|segment| segment["bytes"].as_u64().unwrap() <= 4096));
    let entries: u64 = segments.iter().map(|segment| segment["entries"].as_u64().unwrap()).sum();
    assert_eq!((entries, summary["entries"].as_u64()), (5000, Some(5000)));
    sandbox.check("out", &token(json!({ "jti": "t-4999" }))).denies_as_revoked();
    sandbox.check("out", &token(json!({ "jti": "t-5000" }))).succeeds();
}

#[test]
fn entries_that_expire_before_the_time_given_are_left_out() {
    let sandbox = Sandbox::with_keys("build-prune");
    let until = |jti: &str, expires| {
        line(json!({ "rule": ["jti"], "issuer": ISSUER, "values": [jti], "expires": expires }))
    };
    let lines = until("a", NOW + 10) + &until("b", NOW + 20) + &revoke(&["jti"], &["c"]);
    let before = (NOW + 20).to_string();
    let summary = sandbox.build("out", &lines, &["--prune-before", &before]).succeeds().json();
    assert_eq!((&summary["entries"], &summary["expired"]), (&json!(2), &json!(1)));
}

#[test]
fn a_minimum_revokes_tokens_whose_claim_is_lower_missing_or_no_integer() {
    let sandbox = Sandbox::with_keys("build-minimum");
    let lines = line(json!({
        "rule": ["sub"], "issuer": ISSUER, "values": ["alice"], "claim": "pwd_ver", "minimum": 7,
    }));
    sandbox.build("out", &lines, &[]).succeeds();
    for version in [json!(6), Value::Null, json!("7"), json!(7.5)] {
        let denied = sandbox.check("out", &token(json!({ "pwd_ver": version }))).denies_as_revoked().json();
        assert_eq!(denied["kind"], "minimum", "{version}");
    }
    sandbox.check("out", &token(json!({ "pwd_ver": 7 }))).succeeds();
    sandbox.check("out", &token(json!({ "sub": "bob" }))).succeeds();
}

#[test]
fn windows_of_expiry_are_layers_of_their_own_and_every_entry_is_found_in_its() {
    let sandbox = Sandbox::with_keys("build-windows");
    let lines = many().0 + &revoke(&["jti"], &["for-ever"]);
    let summary = sandbox.build("out", &lines, &["--salt", SALT, "--expiry-windows", "3"]).succeeds().json();
    assert_eq!((&summary["entries"], &summary["segments"]), (&json!(5001), &json!(4)));
    let segments = manifest(&sandbox, "out")["segments"].clone();
    let expiries: Vec<bool> =
        segments.as_array().unwrap().iter().map(|one| one["expires"].is_u64()).collect();
    assert_eq!(expiries.iter().filter(|expires| **expires).count(), 3, "{segments}");
    for jti in ["t-0", "t-2500", "t-4999", "for-ever"] {
        sandbox.check("out", &token(json!({ "jti": jti }))).denies_as_revoked();
    }
}

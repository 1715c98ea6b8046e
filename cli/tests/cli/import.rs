//! `revocable import`.

use serde_json::{Value, json};

use crate::support::{ISSUER, NOW, SALT, Sandbox, token};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_redis_says_of_its_keys_becomes_lines_that_build_reads() {
    let sandbox = Sandbox::with_keys("import-redis");
    let dump = "revoked:t-1\t600\nrevoked:t-2 -1\nrevoked:gone -2\n";
    let now = NOW.to_string();
    let import =
        ["import", "redis", "--input", "-", "--prefix", "revoked:", "--token-issuer", ISSUER, "--now", &now];
    let printed = sandbox.run_with(&import, dump.as_bytes()).succeeds().stdout;
    let wanted = [
        json!({ "rule": ["jti"], "issuer": ISSUER, "values": ["t-1"], "expires": NOW + 601 }),
        json!({ "rule": ["jti"], "issuer": ISSUER, "values": ["t-2"] }),
    ];
    assert_eq!(lines(&printed), wanted);

    sandbox.write("dump.txt", dump);
    let to_file = [&import[..2], &["--input", "dump.txt", "--out", "revoked.ndjson", "--json"], &import[4..]];
    let summary = sandbox.run(&to_file.concat()).succeeds().json();
    assert_eq!(summary, json!({ "out": "revoked.ndjson", "revocations": 2, "skipped": 1 }));
    assert_eq!(sandbox.read("revoked.ndjson"), printed.as_bytes());

    sandbox.build("out", &printed, &["--salt", SALT]).succeeds();
    sandbox.check("out", &token(json!({ "jti": "t-2" }))).denies_as_revoked();
    sandbox.check("out", &token(json!({ "jti": "gone" }))).succeeds();
}

#[test]
fn milliseconds_and_instants_of_redis_are_read_and_any_claim_may_be_what_the_keys_hold() {
    let sandbox = Sandbox::new("import-redis-answers");
    for (answers, number) in
        [("pttl", "600000"), ("expiretime", "1790000600"), ("pexpiretime", "1790000600000")]
    {
        let now = NOW.to_string();
        let mut arguments =
            vec!["import", "redis", "--input", "-", "--token-issuer", ISSUER, "--claim", "sid"];
        arguments.extend(["--answers", answers, "--now", &now]);
        let printed = sandbox.run_with(&arguments, format!("s-1 {number}\n").as_bytes()).succeeds().stdout;
        let wanted = json!({ "rule": ["sid"], "issuer": ISSUER, "values": ["s-1"], "expires": NOW + 600 });
        assert_eq!(lines(&printed), [wanted], "{answers}");
    }
}

#[test]
fn a_table_of_ids_and_expiries_becomes_lines() {
    let sandbox = Sandbox::new("import-csv");
    let table = "id,jti,expires_at\r\n1,t-1,2026-09-21 14:13:20+00\r\n2,\"t,2\",\r\n3,t-3,1790000000.5\r\n";
    let import = ["import", "csv", "--input", "-", "--token-issuer", ISSUER];
    let printed = sandbox.run_with(&import, table.as_bytes()).succeeds().stdout;
    let wanted = [
        json!({ "rule": ["jti"], "issuer": ISSUER, "values": ["t-1"], "expires": NOW }),
        json!({ "rule": ["jti"], "issuer": ISSUER, "values": ["t,2"] }),
        json!({ "rule": ["jti"], "issuer": ISSUER, "values": ["t-3"], "expires": NOW + 1 }),
    ];
    assert_eq!(lines(&printed), wanted);
}

#[test]
fn a_realm_of_keycloak_becomes_cutoffs_that_revoke_what_was_issued_before() {
    let sandbox = Sandbox::with_keys("import-keycloak");
    let realm = json!({
        "id": "x", "realm": "shop", "notBefore": 0, "enabled": true,
        "users": [{ "id": "alice", "notBefore": NOW - 30 }, { "id": "bob", "notBefore": 0 }],
        "clients": [{ "id": "c", "clientId": "app-2", "notBefore": NOW - 30 }],
    });
    sandbox.write("shop-realm.json", realm.to_string());
    let import = ["import", "keycloak", "--input", "shop-realm.json", "--token-issuer", ISSUER];
    let printed = sandbox.run(&import).succeeds().stdout;
    sandbox.build("out", &printed, &["--salt", SALT]).succeeds();
    // The tokens are of a minute ago.
    sandbox.check("out", &token(json!({}))).denies_as_revoked();
    sandbox.check("out", &token(json!({ "sub": "bob" }))).succeeds();
    sandbox.check("out", &token(json!({ "sub": "bob", "azp": "app-2" }))).denies_as_revoked();
    sandbox.check("out", &token(json!({ "iat": NOW - 30 }))).succeeds();

    let by_url = ["import", "keycloak", "--input", "shop-realm.json", "--base-url", "https://kc.example/"];
    for line in lines(&sandbox.run(&by_url).succeeds().stdout) {
        assert_eq!(line["issuer"], "https://kc.example/realms/shop");
    }
}

#[test]
fn where_a_line_is_wrong_it_is_reported_with_its_number_and_nothing_is_written() {
    let sandbox = Sandbox::new("import-wrong");
    let before = sandbox.tree("");
    for (format, input, line) in [
        ("redis", "a 1\nb one\nc 1\n", 2),
        ("redis", "a 1\n\u{7f}\n", 2),
        ("csv", "jti,exp\na,5\nb,soon\n", 3),
        ("csv", "token,exp\na,5\n", 1),
    ] {
        for out in [None, Some("out.ndjson")] {
            let mut arguments = vec!["import", format, "--input", "-", "--token-issuer", ISSUER, "--json"];
            arguments.extend(out.into_iter().flat_map(|out| ["--out", out]));
            let ended = sandbox.run_with(&arguments, input.as_bytes()).fails(1, "ERR_REVOCATION_INVALID");
            assert_eq!(ended.stdout, "", "{input}");
            let error: Value = serde_json::from_str(&ended.stderr).unwrap();
            assert_eq!(error["error"]["lines"][0]["line"], line, "{input}: {error}");
            assert_eq!(sandbox.tree(""), before, "{input}");
        }
    }
}

#[test]
fn where_a_document_is_no_export_its_place_is_reported_and_nothing_is_written() {
    let sandbox = Sandbox::new("import-wrong-document");
    sandbox.write("realm.json", "{\"realm\":\"shop\",\n \"notBefore\":\"soon\"}");
    let import =
        ["import", "keycloak", "--input", "realm.json", "--base-url", "https://kc.example", "--json"];
    let ended = sandbox.run(&[&import[..], &["--out", "out.ndjson"]].concat());
    let ended = ended.fails(1, "ERR_REVOCATION_INVALID");
    let error: Value = serde_json::from_str(&ended.stderr).unwrap();
    assert_eq!(error["error"]["line"], 2, "{error}");
    assert!(error["error"]["message"].as_str().unwrap().starts_with("realm.json:2:"), "{error}");
    assert_eq!(sandbox.tree("").len(), 1);
    sandbox.run(&["import", "keycloak", "--input", "nowhere", "--base-url", "b"]).fails(1, "ERR_FILE_READ");
    let nowhere = ["import", "keycloak", "--input", "realm.json", "--base-url", "b", "--out", "no/where"];
    sandbox.run(&nowhere).fails(1, "ERR_FILE_WRITE");
}

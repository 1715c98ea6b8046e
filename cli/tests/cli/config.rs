//! `revocable config`.

use serde_json::{Value, json};

use crate::support::{AUTHORITY, ISSUER, Sandbox, issuer_key, jwks};

/// A sandbox with `list.jwk`, and a configuration that is good and wise.
fn sandbox(test: &str) -> (Sandbox, Value) {
    let sandbox = Sandbox::with_keys(test);
    let list: Value = serde_json::from_slice(&sandbox.read("list.pub.jwk")).unwrap();
    let key: Value = serde_json::from_str(&issuer_key().public_key().to_jwk()).unwrap();
    let config = json!({
        "issuers": [{ "issuer": ISSUER, "jwks": { "keys": [key] }, "audience": "api" }],
        "lists": [{ "issuer": AUTHORITY, "keys": list, "for": [ISSUER] }],
    });
    (sandbox, config)
}

/// The good configuration with a change, checked with `--json`.
fn check(test: &str, change: impl FnOnce(&mut Value)) -> crate::support::Ended {
    let (sandbox, mut config) = sandbox(test);
    change(&mut config);
    sandbox.run_with(&["config", "check", "-", "--json"], config.to_string().as_bytes())
}

#[test]
fn a_good_configuration_ends_with_0_and_says_so_from_a_file_and_from_standard_input() {
    let (sandbox, config) = sandbox("config-good");
    sandbox.write("gate.json", serde_json::to_string_pretty(&config).unwrap());
    assert_eq!(sandbox.run(&["config", "check", "gate.json"]).succeeds().stdout, "ok\n");
    let ended = sandbox.run_with(&["config", "check", "-"], config.to_string().as_bytes());
    assert_eq!(ended.succeeds().stdout, "ok\n");
    let summary = sandbox.run(&["config", "check", "gate.json", "--json"]).succeeds().json();
    assert_eq!(summary, json!({ "warnings": [], "secrets": [] }));
}

#[test]
fn a_wrong_configuration_ends_with_1_and_names_the_field_and_the_file() {
    let (sandbox, mut config) = sandbox("config-wrong");
    config["issuers"][0]["clockTolerance"] = json!(61);
    sandbox.write("gate.json", config.to_string());
    let ended = sandbox.run(&["config", "check", "gate.json"]).fails(1, "ERR_CONFIG_INVALID");
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.contains("gate.json: issuers[0].clockTolerance: "), "{}", ended.stderr);
    type Change = fn(&mut Value);
    let cases: [(&str, Change, &str); 6] = [
        ("unknown", |c| c["isuers"] = json!([]), "isuers"),
        ("nested", |c| c["lists"][0]["url"] = json!("x"), "lists[0].url"),
        ("missing", |c| drop(c.as_object_mut().unwrap().remove("lists")), ""),
        ("key", |c| c["issuers"][0]["jwks"]["keys"][0]["x"] = json!("AA"), "issuers[0].jwks"),
        ("semantic", |c| c["lists"][0]["for"] = json!([]), "issuers[0]"),
        ("profile", |c| c["issuers"][0]["profile"] = json!("oidc"), "issuers[0].profile"),
    ];
    for (test, change, path) in cases {
        let ended = check(&format!("config-wrong-{test}"), change).fails(1, "ERR_CONFIG_INVALID");
        let error: Value = serde_json::from_str(&ended.stderr).unwrap();
        assert_eq!(error["error"]["path"], path, "{test}");
        assert!(error["error"]["line"].is_null() && ended.stdout.is_empty());
    }
}

#[test]
fn what_is_no_json_is_refused_with_its_line_and_column() {
    let sandbox = Sandbox::new("config-syntax");
    let cases: [(&[u8], u64, u64); 5] = [
        (b"", 1, 0),
        (b"<html>", 1, 1),
        (b"{\n  \"issuers\": [,]\n}", 2, 15),
        (b"{} x", 1, 4),
        (b"{\n\"a\": \"\xff\"}", 2, 7),
    ];
    for (document, line, column) in cases {
        sandbox.write("gate.json", document);
        let text = sandbox.run(&["config", "check", "gate.json"]).fails(1, "ERR_CONFIG_INVALID").stderr;
        assert!(text.contains(&format!("gate.json:{line}:{column}: ")), "{text}");
        let ended = sandbox.run(&["config", "check", "gate.json", "--json"]).fails(1, "ERR_CONFIG_INVALID");
        let error: Value = serde_json::from_str(&ended.stderr).unwrap();
        assert_eq!((&error["error"]["line"], &error["error"]["column"]), (&json!(line), &json!(column)));
        assert!(error["error"]["path"].is_null());
    }
    for (document, why) in [("[]", "object"), ("{\"a\":1,\"a\":2}", "twice")] {
        let ended =
            sandbox.run_with(&["config", "check", "-"], document.as_bytes()).fails(1, "ERR_CONFIG_INVALID");
        assert!(ended.stderr.contains(why) && ended.stderr.contains("standard input: "), "{}", ended.stderr);
    }
}

#[test]
fn secrets_that_are_referred_to_are_listed_and_not_needed_and_one_that_stands_there_is_refused() {
    let reference =
        |name: &str, alg: &str| json!({ "kty": "oct", "kid": name, "alg": alg, "k": { "secret": name } });
    let ended = check("config-secrets", |config| {
        let keys = config["issuers"][0]["jwks"]["keys"].as_array_mut().unwrap();
        keys.extend([reference("HS_512", "HS512"), reference("HS_256", "HS256")]);
        config["readKey"] = json!({ "secret": "READ_KEY" });
        let url = "https://gate.example/_revocable/";
        config["source"] = json!({ "url": url, "readKey": { "secret": "SOURCE_KEY" } });
        config["fallback"] = json!({ "url": url, "readKey": { "secret": "FALLBACK_KEY" } });
        config["confirm"] = json!({ "url": url, "key": { "secret": "CONFIRM_KEY" } });
    });
    let secrets = ["CONFIRM_KEY", "FALLBACK_KEY", "HS_256", "HS_512", "READ_KEY", "SOURCE_KEY"];
    assert_eq!(ended.succeeds().json()["secrets"], json!(secrets));
    let (sandbox, mut config) = sandbox("config-secrets-text");
    config["readKey"] = json!({ "secret": "READ_KEY" });
    sandbox.write("gate.json", config.to_string());
    assert_eq!(sandbox.run(&["config", "check", "gate.json"]).succeeds().stdout, "ok\nsecret   READ_KEY\n");
    let ended = check("config-secrets-inline", |config| config["issuers"][0]["jwks"] = jwks());
    let ended = ended.fails(1, "ERR_CONFIG_INVALID");
    let secret = jwks()["keys"][1]["k"].as_str().unwrap().to_owned();
    assert!(ended.stderr.contains("issuers[0].jwks") && !ended.stderr.contains(&secret), "{}", ended.stderr);
}

#[test]
fn what_is_legal_and_unwise_is_warned_of_with_its_path_and_ends_with_0() {
    let fetched = |uri: &str, more: Value| {
        let mut issuer = json!({ "issuer": ISSUER, "audience": "api", "jwksUri": uri });
        issuer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        issuer
    };
    type Change = Box<dyn FnOnce(&mut Value)>;
    let remote = fetched("https://issuer.example/jwks.json", json!({ "algorithms": ["ES256"] }));
    let loopback = fetched("http://localhost:8787/jwks.json", json!({}));
    let hmac = fetched("https://issuer.example/jwks.json", json!({ "algorithms": ["ES256", "HS256"] }));
    let routes = json!([
        { "path": "/a", "unknown": { "tooOld": "allow" } },
        { "path": "/b", "unknown": "deny" },
        { "path": "/c", "unknown": {} },
    ]);
    let strict = json!([{ "path": "/a", "unknown": { "tooOld": "deny" } }, { "path": "/b", "unknown": {} }]);
    let cases: [(&str, Change, Vec<&str>); 10] = [
        ("good", Box::new(|_| ()), vec![]),
        ("remote", Box::new(|c| c["issuers"][0] = remote), vec![]),
        (
            "audience",
            Box::new(|c| drop(c["issuers"][0].as_object_mut().unwrap().remove("audience"))),
            vec!["issuers[0]"],
        ),
        ("lists", Box::new(|c| c["lists"] = json!([])), vec!["lists"]),
        ("loopback", Box::new(|c| c["issuers"][0] = loopback), vec!["issuers[0].jwksUri"]),
        ("hmac", Box::new(|c| c["issuers"][0] = hmac), vec!["issuers[0].algorithms"]),
        ("unknown", Box::new(|c| c["unknown"] = json!({ "notCovered": "allow" })), vec!["unknown"]),
        ("routes", Box::new(move |c| c["routes"] = routes), vec!["routes[0].unknown"]),
        (
            "routes-strict",
            Box::new(move |c| {
                c["unknown"] = json!("allow");
                c["routes"] = strict;
            }),
            vec!["unknown", "routes[0].unknown", "routes[0].path"],
        ),
        (
            "places",
            Box::new(|c| {
                c["source"] = json!({ "url": "http://localhost:8787/" });
                c["fallback"] = json!({ "url": "https://gate.example/_revocable/" });
                c["confirm"] = json!({ "url": "http://127.0.0.1:8787/confirm" });
            }),
            vec!["source.url", "confirm.url"],
        ),
    ];
    for (test, change, paths) in cases {
        let summary = check(&format!("config-unwise-{test}"), change).succeeds().json();
        let warnings = summary["warnings"].as_array().unwrap();
        let warned: Vec<&str> = warnings.iter().map(|warning| warning["path"].as_str().unwrap()).collect();
        assert_eq!(warned, paths, "{test}");
        assert!(warnings.iter().all(|warning| !warning["message"].as_str().unwrap().is_empty()));
    }
    let (sandbox, mut config) = sandbox("config-unwise-text");
    config["lists"] = json!([]);
    sandbox.write("gate.json", config.to_string());
    let text = sandbox.run(&["config", "check", "gate.json"]).succeeds().stdout;
    assert!(text.starts_with("ok\nwarning  lists: "), "{text}");
}

#[test]
fn a_file_that_is_not_there_or_too_long_is_an_error_that_names_it() {
    let sandbox = Sandbox::new("config-nowhere");
    let ended = sandbox.run(&["config", "check", "nowhere.json"]).fails(1, "ERR_FILE_READ");
    assert!(ended.stderr.contains("nowhere.json"), "{}", ended.stderr);
    sandbox.write("long.json", " ".repeat(2 * 1024 * 1024));
    let ended = sandbox.run(&["config", "check", "long.json"]).fails(1, "ERR_CONFIG_INVALID");
    assert!(ended.stderr.contains("long.json: it is longer than"), "{}", ended.stderr);
}

#[test]
fn the_schema_is_printed_as_json() {
    let schema = Sandbox::new("config-schema").run(&["config", "schema"]).succeeds().json();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(schema["properties"]["issuers"].is_object());
}

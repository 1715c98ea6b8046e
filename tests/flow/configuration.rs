//! Configurations that must be refused, each with the field that is wrong.

use serde_json::{Value, json};

use revocable::config::{GateConfig, VerifierConfig};
use revocable::{Error, Gate};

use crate::common::*;

/// The gate of a configuration. Secrets that stand in it are given by reference, as a gate wants them.
pub(crate) fn gate(document: &Value) -> Result<Gate, Error> {
    let mut document = document.clone();
    let issuers = document["issuers"].as_array_mut().into_iter().flatten();
    let keys = issuers.filter_map(|issuer| issuer.pointer_mut("/jwks/keys")?.as_array_mut()).flatten();
    for key in keys.filter(|key| key["kty"] == "oct") {
        key["k"] = json!({ "secret": key["k"] });
    }
    GateConfig::parse(&document.to_string())?.build(|name| Some(name.to_owned()))
}

/// Where and what a gate's configuration is refused for; a panic when it is not.
fn refusal(document: &Value) -> (String, String) {
    match gate(document) {
        Err(Error::ConfigInvalid { path, reason }) => (path, reason),
        other => panic!("{other:?}"),
    }
}

/// [`config`] with a change.
fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut config = config();
    change(&mut config);
    config
}

#[test]
fn the_configuration_of_these_tests_is_good_for_a_gate_too() {
    assert!(gate(&config()).is_ok());
}

#[test]
fn an_unknown_field_is_refused_and_named_at_every_level() {
    let cases = [
        (changed(|c| c["isuers"] = json!([])), "isuers", "isuers"),
        (changed(|c| c["issuers"][0]["audiences"] = json!("api")), "issuers[0].audiences", "audiences"),
        (
            changed(|c| c["issuers"][0]["clock_tolerance"] = json!(5)),
            "issuers[0].clock_tolerance",
            "clock_tolerance",
        ),
        (changed(|c| c["lists"][0]["url"] = json!("x")), "lists[0].url", "url"),
        (
            changed(|c| c["cors"] = json!({ "allowOrigins": [], "credentials": true })),
            "cors.credentials",
            "credentials",
        ),
        (changed(|c| c["readKey"] = json!({ "value": "x" })), "readKey.value", "value"),
    ];
    for (document, path, name) in cases {
        let (at, reason) = refusal(&document);
        assert!(reason.contains("unknown field") && reason.contains(name), "{reason}");
        assert_eq!(at, path);
    }
}

#[test]
fn a_missing_or_wrong_field_is_refused_with_its_path() {
    let cases = [
        (changed(|c| drop(c.as_object_mut().unwrap().remove("lists"))), ""),
        (changed(|c| drop(c["issuers"][0].as_object_mut().unwrap().remove("issuer"))), "issuers[0]"),
        (changed(|c| drop(c["issuers"][0].as_object_mut().unwrap().remove("jwks"))), "issuers[0]"),
        (changed(|c| c["issuers"] = json!([])), "issuers"),
        (changed(|c| c["issuers"] = json!({})), "issuers"),
        (changed(|c| c["issuers"][0]["jwksUri"] = json!("https://issuer.example/jwks")), "issuers[0]"),
        (changed(|c| c["issuers"][0]["jwks"] = json!({ "keys": [] })), "issuers[0].jwks"),
        (changed(|c| c["issuers"][0]["jwks"] = json!("<html>")), "issuers[0].jwks"),
        (changed(|c| c["issuers"][0]["algorithms"] = json!(["none"])), "issuers[0].algorithms"),
        (changed(|c| c["issuers"][0]["audience"] = json!(7)), "issuers[0].audience"),
        (changed(|c| c["issuers"][0]["clockTolerance"] = json!(61)), "issuers[0].clockTolerance"),
        (changed(|c| c["issuers"][0]["clockTolerance"] = json!(-1)), "issuers[0].clockTolerance"),
        (changed(|c| c["issuers"][0]["requireExp"] = json!("no")), "issuers[0].requireExp"),
        (changed(|c| c["lists"][0]["for"] = json!([])), "issuers[0]"),
        (changed(|c| c["lists"][0]["for"] = json!([ISSUER, OTHER_ISSUER])), "lists[0].for"),
        (changed(|c| c["lists"][0]["keys"] = json!({ "keys": [] })), "lists[0].keys"),
        (changed(|c| c["tokenFrom"] = json!([])), "tokenFrom"),
        (changed(|c| c["tokenFrom"] = json!(["header", "query:token"])), "tokenFrom[1]"),
        (
            changed(|c| (c["publicSnapshot"], c["readKey"]) = (json!(true), json!({ "secret": "K" }))),
            "readKey",
        ),
    ];
    for (document, path) in cases {
        assert_eq!(refusal(&document).0, path, "{document}");
    }
}

#[test]
fn what_is_expected_of_tokens_may_neither_contradict_itself_nor_mean_nothing() {
    let cases = [
        (json!({ "missingIss": "maybe" }), "missingIss", "expected `deny` or `accept`"),
        (json!({ "profile": "oidc", "audience": "api" }), "profile", "expected `rfc9068`"),
        (json!({ "profile": "rfc9068" }), "profile", "audience"),
        (json!({ "profile": "rfc9068", "audience": "api", "typ": "JWT" }), "typ", "profile"),
        (json!({ "profile": "rfc9068", "audience": "api", "requireExp": false }), "requireExp", "profile"),
        (json!({ "profile": "rfc9068", "audience": "api", "missingIss": "accept" }), "missingIss", "profile"),
        (json!({ "subject": [] }), "subject", "at least one"),
        (json!({ "typ": "" }), "typ", "empty"),
        (json!({ "typ": null }), "typ", "expected a string"),
        (json!({ "maxTokenAge": 253_402_300_800_u64 }), "maxTokenAge", "seconds"),
        (json!({ "maxTokenAge": 0.5 }), "maxTokenAge", "whole number"),
        (json!({ "requiredClaims": [] }), "requiredClaims", "at least one"),
        (json!({ "scopes": [] }), "scopes", "at least one"),
        (json!({ "scopes": ["read write"] }), "scopes", "space"),
        (json!({ "claims": {} }), "claims", "at least one"),
        (json!({ "claims": [] }), "claims", "an object"),
        (json!({ "crit": [] }), "crit", "at least one"),
        (json!({ "crit": ["b64"] }), "crit", "JOSE"),
        (json!({ "crit": ["exp", "kid"] }), "crit", "JOSE"),
    ];
    for (fields, field, why) in cases {
        let (path, reason) = refusal(&config_with(fields.clone()));
        assert_eq!(path, format!("issuers[0].{field}"), "{fields}");
        assert!(reason.contains(why), "{fields}: {reason}");
    }
}

#[test]
fn only_one_issuer_may_accept_tokens_that_name_none() {
    let mut document = config_with(json!({ "missingIss": "accept" }));
    let other = json!({ "issuer": OTHER_ISSUER, "jwks": public_jwk(&other_key()), "missingIss": "accept" });
    document["issuers"].as_array_mut().unwrap().push(other);
    document["lists"][0]["for"] = json!([ISSUER, OTHER_ISSUER]);
    assert_eq!(refusal(&document).0, "issuers[1].missingIss");
    document["issuers"][1]["missingIss"] = json!("deny");
    assert!(gate(&document).is_ok());
}

#[test]
fn a_list_where_an_object_belongs_is_refused_and_not_read_field_by_field() {
    let key = public_jwk(&issuer_key());
    for (document, path) in [
        (changed(|c| c["issuers"][0] = json!([ISSUER, key])), "issuers[0]"),
        (changed(|c| c["lists"][0] = json!([AUTHORITY, key, [ISSUER]])), "lists[0]"),
        (changed(|c| c["readKey"] = json!(["READ_KEY"])), "readKey"),
        (changed(|c| c["cors"] = json!([["*"]])), "cors"),
        (changed(|c| c["readKey"] = json!(null)), "readKey"),
    ] {
        assert_eq!(refusal(&document).0, path);
    }
    let nested = json!({ "kty": "oct", "kid": "s", "k": base64url([9; 32]), "keys": [] });
    let document = changed(|c| c["issuers"][0]["jwks"]["keys"] = json!([nested]));
    let refused = GateConfig::parse(&document.to_string()).unwrap().build(|_| None).map(|_| ());
    assert!(matches!(refused, Err(Error::ConfigInvalid { path, .. }) if path == "issuers[0].jwks"));
}

#[test]
fn an_issuer_or_authority_that_is_configured_twice_is_refused() {
    let twice = |list: &str| {
        changed(|config| {
            let first = config[list][0].clone();
            config[list].as_array_mut().unwrap().push(first);
        })
    };
    assert_eq!(refusal(&twice("issuers")).0, "issuers[1].issuer");
    assert_eq!(refusal(&twice("lists")).0, "lists", "KV holds one manifest");
    let lists = VerifierConfig::parse(&twice("lists").to_string()).and_then(|config| config.build());
    assert!(matches!(lists, Err(Error::ConfigInvalid { path, .. }) if path == "lists[1].issuer"));
}

#[test]
fn keys_are_fetched_over_tls_or_from_this_very_machine_only() {
    let uri = |uri: &str| {
        let mut config = config();
        config["issuers"][0] = json!({ "issuer": ISSUER, "jwksUri": uri });
        VerifierConfig::parse(&config.to_string()).unwrap().build().map(|_| ())
    };
    for good in [
        "https://issuer.example/jwks.json",
        "http://localhost/jwks",
        "http://localhost:8787/jwks",
        "http://127.0.0.1:1/",
        "http://[::1]:8080/jwks",
    ] {
        assert_eq!(uri(good), Ok(()), "{good}");
    }
    for wrong in [
        "",
        "jwks.json",
        "http://issuer.example/jwks",
        "ftp://issuer.example",
        "https://",
        "https:///jwks",
        "http://localhost.evil.example/",
        "http://localhost@evil.example/",
        "http://127.0.0.1.evil.example/",
        "http://evil.example/?localhost",
        "http://localhost\\evil.example",
        "https://issuer.example/ jwks",
        "javascript:alert(1)",
        "file:///etc/passwd",
    ] {
        assert!(uri(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_issuers_keys_are_given_in_exactly_one_way() {
    let issuer = |fields: Value| {
        let mut config = config();
        config["issuers"][0] = json!({ "issuer": ISSUER });
        config["issuers"][0].as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        match VerifierConfig::parse(&config.to_string()).and_then(|config| config.build()) {
            Ok(_) => Ok(()),
            Err(Error::ConfigInvalid { path, .. }) => Err(path),
            Err(other) => panic!("{other}"),
        }
    };
    let uri = "https://issuer.example/jwks.json";
    let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----";
    for good in [
        json!({ "jwksUri": uri }),
        json!({ "discovery": true }),
        json!({ "discovery": "openid" }),
        json!({ "discovery": "oauth" }),
        json!({ "pem": pem }),
        json!({ "pem": { "key": pem } }),
        json!({ "pem": { "key": pem, "kid": "k", "alg": "EdDSA" } }),
    ] {
        assert_eq!(issuer(good.clone()), Ok(()), "{good}");
    }
    for (wrong, path) in [
        (json!({}), "issuers[0]"),
        (json!({ "discovery": false }), "issuers[0].discovery"),
        (json!({ "discovery": true, "jwksUri": uri }), "issuers[0]"),
        (json!({ "discovery": true, "pem": pem }), "issuers[0]"),
        (json!({ "pem": pem, "jwksUri": uri }), "issuers[0]"),
        (json!({ "discovery": "saml" }), "issuers[0].discovery"),
        (json!({ "discovery": uri }), "issuers[0].discovery"),
        (json!({ "pem": "" }), "issuers[0].pem"),
        (json!({ "pem": { "kid": "k" } }), "issuers[0].pem"),
        (json!({ "pem": { "key": pem, "use": "sig" } }), "issuers[0].pem"),
        (json!({ "pem": { "key": pem, "alg": "none" } }), "issuers[0].pem.alg"),
        (json!({ "pem": { "key": pem, "alg": "ES256" } }), "issuers[0].pem"),
        (json!({ "pem": pem.replace("PUBLIC", "PRIVATE") }), "issuers[0].pem"),
        (json!({ "issuer": "issuer", "discovery": true }), "issuers[0]"),
    ] {
        assert_eq!(issuer(wrong.clone()), Err(path.to_owned()), "{wrong}");
    }
}

#[test]
fn discovery_asks_for_an_issuer_whose_name_is_a_url() {
    let mut config = config();
    config["issuers"][0] = json!({ "issuer": "issuer", "discovery": true });
    config["lists"] = json!([]);
    assert!(
        matches!(build(&config), Err(Error::ConfigInvalid { path, .. }) if path == "issuers[0].discovery")
    );
}

#[test]
fn a_private_key_in_a_configuration_is_refused() {
    let mut private = public_jwk(&issuer_key());
    private["d"] = json!("AQAB");
    for keys in
        [json!({ "keys": [private] }), json!({ "keys": [public_jwk(&other_key()), private] }), private]
    {
        let (path, reason) = refusal(&changed(|c| c["issuers"][0]["jwks"] = keys.clone()));
        assert_eq!(path, "issuers[0].jwks");
        assert!(reason.contains("private key"), "{reason}");
        assert_eq!(refusal(&changed(|c| c["lists"][0]["keys"] = keys.clone())).0, "lists[0].keys");
    }
}

#[test]
fn what_was_found_in_the_wrong_place_is_never_repeated() {
    let pasted = "s3cr3t-pasted-here";
    let cases = [
        changed(|c| c["issuers"] = json!(pasted)),
        changed(|c| c["issuers"][0]["issuer"] = json!([pasted])),
        changed(|c| c["issuers"][0]["jwks"] = json!(pasted)),
        changed(|c| c["issuers"][0]["clockTolerance"] = json!(pasted)),
        changed(|c| c["readKey"] = json!(pasted)),
        changed(|c| c["issuers"][0]["algorithms"] = json!([pasted])),
        changed(|c| c["issuers"][0]["jwks"] = json!({ "keys": [{ "kty": "oct", "k": pasted }] })),
        changed(|c| c["tokenFrom"] = json!([pasted])),
    ];
    for document in cases {
        let (path, reason) = refusal(&document);
        assert!(!path.contains(pasted) && !reason.contains(pasted), "{path}: {reason}");
    }
}

#[test]
fn what_is_no_json_is_refused_with_the_place() {
    for (document, place) in
        [("", "line 1"), ("<html>", "line 1"), ("{\n  \"issuers\": [,]\n}", "line 2"), ("{} {}", "")]
    {
        match GateConfig::parse(document) {
            Err(Error::ConfigInvalid { reason, .. }) => assert!(reason.contains(place), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_empty_list_of_audiences_is_refused_because_it_would_not_be_looked_at() {
    assert_eq!(refusal(&changed(|c| c["issuers"][0]["audience"] = json!([]))).0, "issuers[0].audience");
}

#[test]
fn a_revocation_whose_cutoff_is_null_is_refused_and_not_made_outright() {
    use revocable::publish::Revocation;
    for member in ["before", "expires"] {
        let mut line = outright(&["sub"], json!(["alice"]));
        line[member] = json!(null);
        assert!(
            matches!(Revocation::from_json(&line.to_string()), Err(Error::RevocationInvalid(_))),
            "{member}"
        );
    }
}

#[test]
fn a_secret_in_the_document_itself_is_refused_and_one_by_reference_is_the_platforms() {
    const SECRET: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T";
    let with = |k: Value| {
        changed(|c| c["issuers"][0]["jwks"] = json!({ "keys": [{ "kty": "oct", "kid": "s", "k": k }] }))
            .to_string()
    };
    let build = |k: Value| {
        GateConfig::parse(&with(k)).unwrap().build(|name| (name == "HS_KEY").then(|| SECRET.to_owned()))
    };
    assert!(build(json!({ "secret": "HS_KEY" })).is_ok());
    for k in [json!(SECRET), json!({ "secret": "OTHER" }), json!({ "secret": "HS_KEY", "x": 1 }), json!(null)]
    {
        match build(k) {
            Err(Error::ConfigInvalid { path, reason }) => {
                assert_eq!(path, "issuers[0].jwks");
                assert!(!reason.contains(SECRET));
            }
            other => panic!("{other:?}"),
        }
    }
    let debug = format!(
        "{:?}",
        VerifierConfig::parse(
            &json!({
                "issuers": [{ "issuer": ISSUER, "jwks": { "kty": "oct", "k": SECRET } }], "lists": [],
            })
            .to_string()
        )
        .unwrap()
    );
    assert!(!debug.contains(SECRET), "{debug}");
}

#[test]
fn a_secret_that_could_never_be_revoked_is_refused_where_lists_are_asked() {
    let secret = json!({ "kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T" });
    let with = |lists: Value| {
        let issuers = json!([{ "issuer": ISSUER, "jwks": secret }]);
        VerifierConfig::parse(&json!({ "issuers": issuers, "lists": lists }).to_string()).unwrap().build()
    };
    assert!(with(config()["lists"].clone()).is_err());
    assert!(with(json!([])).is_ok());
}

#[test]
fn what_would_silently_mean_nothing_is_refused() {
    let private = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A" });
    let cases = [
        (changed(|c| c["issuers"][0]["algorithms"] = json!([])), "issuers[0].algorithms"),
        (changed(|c| c["issuers"][0]["audience"] = json!([])), "issuers[0].audience"),
        (
            changed(|c| c["cors"] = json!({ "allowOrigins": ["*", "https://a.example/"] })),
            "cors.allowOrigins[1]",
        ),
        (changed(|c| c["cors"] = json!({ "allowOrigins": ["*.example"] })), "cors.allowOrigins[0]"),
        (changed(|c| c["lists"][0]["issuer"] = json!(ISSUER)), "lists[0].issuer"),
        (changed(|c| c["lists"][0]["issuer"] = json!("")), "lists[0].issuer"),
        (changed(|c| c["lists"][0]["keys"] = private.clone()), "lists[0].keys"),
        (changed(|c| c["lists"][0]["keys"] = json!({ "keys": [private] })), "lists[0].keys"),
        (
            changed(|c| {
                c["lists"].as_array_mut().unwrap().push(json!({ "issuer": "x", "keys": {}, "for": [ISSUER] }))
            }),
            "lists",
        ),
    ];
    for (document, path) in cases {
        assert_eq!(refusal(&document).0, path);
    }
}

#[test]
fn a_member_named_twice_anywhere_is_refused() {
    let text = config().to_string().replacen("\"kty\"", "\"kid\":\"other\",\"kid\":\"x\",\"kty\"", 1);
    match GateConfig::parse(&text) {
        Err(Error::ConfigInvalid { reason, .. }) => assert!(reason.contains("twice"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

//! The JSON Schema of the gate's configuration says what its parser says.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may stop at the first surprise"
)]

mod common;

use std::collections::BTreeSet;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};

use revocable::config::{GATE_SCHEMA, GateConfig};
use revocable::{Algorithm, Error};

use common::*;

/// A document as operators write it: the secret is referred to.
fn good() -> Value {
    let mut document = config();
    document["issuers"][0]["jwks"]["keys"][1]["k"] = json!({ "secret": "HS_KEY" });
    document
}

/// [`good`] with a change.
fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut document = good();
    change(&mut document);
    document
}

/// [`good`] with these fields of its issuer.
fn issuer(fields: Value) -> Value {
    changed(|document| document["issuers"][0].as_object_mut().unwrap().extend(object(fields)))
}

/// [`good`] with these fields of the document itself.
fn gate(fields: Value) -> Value {
    changed(|document| document.as_object_mut().unwrap().extend(object(fields)))
}

/// [`good`] with one route.
fn route(path: &str) -> Value {
    gate(json!({ "routes": [{ "path": path, "unknown": "allow" }] }))
}

/// [`good`], the issuer's keys being fetched.
fn fetched(uri: Value) -> Value {
    changed(|document| document["issuers"][0] = json!({ "issuer": ISSUER, "jwksUri": uri }))
}

fn without(pointer: &str, field: &str) -> Value {
    changed(|document| {
        document.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(field).unwrap();
    })
}

fn object(value: Value) -> serde_json::Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other}"),
    }
}

fn two_issuers(second: Value) -> Value {
    changed(|document| {
        let mut other = json!({ "issuer": OTHER_ISSUER, "jwks": public_jwk(&other_key()) });
        other.as_object_mut().unwrap().extend(object(second));
        document["issuers"].as_array_mut().unwrap().push(other);
        document["lists"][0]["for"] = json!([ISSUER, OTHER_ISSUER]);
    })
}

/// [`good`] as an authority, with these fields.
fn authority(fields: Value) -> Value {
    gate(json!({ "authority": authority_of(fields) }))
}

fn authority_of(fields: Value) -> Value {
    let mut authority = object(json!({ "signingKey": { "secret": "AUTHORITY_KEY" } }));
    authority.extend(object(fields));
    authority.into()
}

/// An admin key, with these fields.
fn admin_key(fields: Value) -> Value {
    let mut key = object(json!({ "id": "ops", "hash": "0".repeat(64), "may": "admin" }));
    key.extend(object(fields));
    key.into()
}

/// A client of the authority, with these fields; those that are `null` are left out.
fn client(fields: Value) -> Value {
    let client = json!({ "id": "app-1", "secretHashes": ["0".repeat(64)] });
    authority(json!({ "clients": [with(client, fields)] }))
}

/// How the tokens of the issuer are named.
fn tokens(fields: Value) -> Value {
    authority(json!({ "tokens": [with(json!({ "issuer": ISSUER }), fields)] }))
}

fn logout(fields: Value) -> Value {
    authority(json!({ "logout": fields }))
}

/// A sender of security events, with these fields.
fn sender(fields: Value) -> Value {
    let sender = json!({ "issuer": "https://idp.example", "audience": "a", "jwks": public_jwk(&other_key()), "map": {} });
    authority(json!({ "events": [with(sender, fields)] }))
}

/// What an event means, with these fields.
fn meaning(fields: Value) -> Value {
    let meaning =
        json!({ "rule": ["sub"], "kind": "outright", "tokenIssuer": ISSUER, "values": ["sub_id.sub"] });
    sender(json!({ "map": { "urn:event": with(meaning, fields) } }))
}

fn with(value: Value, fields: Value) -> Value {
    let mut value = object(value);
    for (field, fields) in object(fields) {
        match fields {
            Value::Null => drop(value.remove(&field)),
            fields => drop(value.insert(field, fields)),
        }
    }
    value.into()
}

/// What the parser, and the building of the gate, say.
fn parse(document: &str) -> Result<(), Error> {
    GateConfig::parse(document)?.build(secrets).map(drop)
}

/// The platform's secrets.
fn secrets(name: &str) -> Option<String> {
    Some(match name {
        "SHORT" => base64url([9; 8]),
        "SPACED" => "a b".to_owned(),
        "AUTHORITY_KEY" => authority_key().to_jwk(),
        _ => base64url([9; 64]),
    })
}

fn schema() -> Value {
    serde_json::from_str(GATE_SCHEMA).unwrap()
}

struct Validator {
    schemas: Schemas,
    gate: SchemaIndex,
}

impl Validator {
    /// Compiling holds a schema against the schema of schemas that it names.
    fn new() -> Self {
        Self::of(schema()).unwrap()
    }

    fn of(schema: Value) -> Result<Self, String> {
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        compiler.add_resource("gate.schema.json", schema).unwrap();
        let gate = compiler.compile("gate.schema.json", &mut schemas).map_err(|error| error.to_string())?;
        Ok(Self { schemas, gate })
    }

    /// What is wrong with a document.
    fn validate(&self, document: &Value) -> Result<(), String> {
        self.schemas.validate(document, self.gate).map_err(|error| error.to_string())
    }
}

#[test]
fn the_schema_is_one_itself_and_of_draft_2020_12() {
    assert_eq!(schema()["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(Validator::of(schema()).is_ok());
    let mut wrong = schema();
    wrong["properties"]["lists"]["maxItems"] = json!("one");
    assert!(Validator::of(wrong).is_err(), "it is looked at");
}

#[test]
fn documents_that_are_good_are_good_for_both() {
    let secret = || json!({ "kty": "oct", "kid": "s", "k": { "secret": "HS_KEY" } });
    let documents = [
        good(),
        gate(json!({ "lists": [] })),
        gate(json!({ "tokenFrom": ["header", "header:X-Token", "cookie:__Host-session"] })),
        gate(json!({ "publicSnapshot": true, "exposeReason": true })),
        gate(json!({ "publicSnapshot": false, "readKey": { "secret": "READ_KEY" } })),
        gate(json!({ "readKey": { "secret": "READ_KEY" } })),
        gate(json!({ "unknown": "allow" })),
        gate(json!({ "unknown": { "noSnapshot": "allow", "tooOld": "deny" } })),
        gate(json!({ "unknown": {} })),
        gate(json!({ "routes": [] })),
        gate(json!({ "routes": [
            { "path": "/reports/secret", "unknown": "deny" },
            { "path": "/reports/*", "unknown": { "needsConfirmation": "allow" } },
        ] })),
        route("/"),
        route("/*"),
        route("/reports*"),
        route("/a.b/.well-known/...x!$&'()+,:=@~-_"),
        gate(json!({ "source": { "url": "https://gate.example/_revocable/" } })),
        gate(json!({ "source": { "url": "http://127.0.0.1:8787/", "readKey": { "secret": "K" } } })),
        gate(
            json!({ "fallback": { "url": "https://gate.example/_revocable/", "readKey": { "secret": "K" } } }),
        ),
        gate(json!({ "confirm": { "url": "https://gate.example/_revocable/confirm?x=1" } })),
        gate(json!({ "confirm": { "url": "http://[::1]/confirm", "key": { "secret": "K" } } })),
        gate(json!({ "follow": { "url": "https://authority.example/_revocable/" } })),
        gate(
            json!({ "follow": { "url": "http://[::1]/", "readKey": { "secret": "K" }, "maxStaleness": 0.5 } }),
        ),
        gate(
            json!({ "follow": { "url": "https://authority.example/", "maxStaleness": 60 }, "check": "live" }),
        ),
        gate(json!({ "check": "list" })),
        gate(json!({ "follow": { "url": "https://authority.example/" }, "routes": [
            { "path": "/a", "check": "head" }, { "path": "/b", "check": "live", "unknown": "deny" },
        ] })),
        gate(json!({ "residentBytes": 65_536 })),
        gate(json!({ "residentBytes": 100_663_296 })),
        gate(json!({ "cors": { "allowOrigins": [] } })),
        gate(json!({ "cors": { "allowOrigins": ["*", "https://a.example", "http://[::1]:8080"] } })),
        authority(json!({})),
        authority(json!({ "epsilonBits": 8, "validFor": 900, "hashOnly": true, "kvWritesPerDay": 300 })),
        authority(json!({ "epsilonBits": 64, "validFor": 604_800, "kvWritesPerDay": 86_400 })),
        authority(json!({ "succeeds": 9_007_199_254_740_990_u64 })),
        gate(json!({ "readRate": {} })),
        gate(json!({ "publicSnapshot": true, "readRate": { "perSecond": 1, "burst": 100_000 } })),
        authority(json!({ "keys": [], "rate": {}, "logoutRate": {} })),
        authority(json!({ "keys": [
            admin_key(json!({ "until": 253_402_300_799_u64 })),
            admin_key(json!({ "hash": "1".repeat(64) })),
            admin_key(json!({ "id": "a.B-0_z", "hash": "2".repeat(64), "may": "read" })),
            admin_key(json!({ "id": "x".repeat(64), "hash": "3".repeat(64), "may": "revoke", "until": 0 })),
        ] })),
        authority(json!({ "rate": { "perSecond": 1, "burst": 1 } })),
        authority(json!({ "rate": { "perSecond": 10_000, "burst": 100_000 } })),
        authority(json!({ "logoutRate": { "perSecond": 10_000, "burst": 1 } })),
        authority(json!({ "clients": [], "tokens": [], "logout": {}, "events": [], "clockSkew": 300 })),
        client(json!({ "azp": [], "introspect": true })),
        client(json!({ "id": "https://app.example/?a=%C3%A9", "azp": ["app-1", "web"] })),
        client(json!({ "secretHashes": vec!["0".repeat(64); 8] })),
        client(json!({ "secretHashes": null, "jwks": public_jwk(&other_key()) })),
        client(
            json!({ "secretHashes": [], "jwks": { "keys": [public_jwk(&other_key()), { "kty": "later" }] } }),
        ),
        tokens(json!({})),
        tokens(
            json!({ "rule": ["sub", "header:kid"], "refreshRule": ["sid"], "clientClaim": "cid", "lifetime": 0 }),
        ),
        tokens(json!({ "lifetime": 253_402_300_799_u64 })),
        logout(json!({ "also": [], "everywhere": {}, "origins": [] })),
        logout(
            json!({ "also": [["sid"], ["sub", "device"]], "origins": ["https://app.example", "http://[::1]:80"] }),
        ),
        logout(
            json!({ "everywhere": { "rule": ["sub"], "clients": ["web"], "scope": "logout:everywhere" } }),
        ),
        sender(json!({})),
        sender(json!({ "jwks": { "keys": [public_jwk(&other_key())] } })),
        sender(json!({ "jwks": null, "jwksUri": "https://idp.example/jwks" })),
        sender(json!({ "jwks": null, "jwksUri": "http://127.0.0.1:8787/jwks" })),
        meaning(json!({})),
        meaning(json!({ "rule": ["@key"], "values": ["key"] })),
        meaning(json!({ "rule": ["sub", "azp"], "values": ["sub", "client.id"] })),
        meaning(json!({ "kind": "cutoff" })),
        meaning(json!({ "kind": "cutoff", "at": "event_timestamp" })),
        meaning(json!({ "kind": "minimum", "claim": "pwd_ver", "minimum": "version" })),
        issuer(json!({ "jwks": public_jwk(&issuer_key()) })),
        issuer(json!({ "jwks": secret() })),
        issuer(json!({ "jwks": { "keys": [{}, { "kty": "later" }, public_jwk(&issuer_key())] } })),
        issuer(json!({ "algorithms": ["HS256", "ES256"] })),
        issuer(json!({ "algorithms": ["Ed25519", "ES256"] })),
        issuer(json!({ "missingIss": "accept" })),
        issuer(json!({ "missingIss": "deny" })),
        issuer(json!({ "subject": "alice" })),
        issuer(json!({ "subject": ["alice", "bob"] })),
        issuer(json!({ "audience": "api" })),
        issuer(json!({ "audience": ["api", "admin"] })),
        issuer(json!({ "typ": "application/at+jwt" })),
        issuer(json!({ "profile": "rfc9068", "audience": "api" })),
        issuer(json!({ "profile": "rfc9068", "audience": "api", "requireExp": true, "missingIss": "deny" })),
        issuer(json!({ "maxTokenAge": 0 })),
        issuer(json!({ "maxTokenAge": 253_402_300_799_u64 })),
        issuer(json!({ "clockTolerance": 0 })),
        issuer(json!({ "clockTolerance": 60 })),
        issuer(json!({ "requireExp": false })),
        issuer(json!({ "requireClaims": [] })),
        issuer(json!({ "requireClaims": ["sid", "header:kid"] })),
        issuer(json!({ "requiredClaims": ["toString", "__proto__"] })),
        issuer(json!({ "scopes": ["read", "https://api.example/write"] })),
        issuer(json!({ "claims": { "tenant": 7, "roles": ["a"], "nothing": null, "nested": { "a": 1.5 } } })),
        issuer(json!({ "crit": ["exp", "https://example.com/extension"] })),
        fetched(json!("https://issuer.example/jwks.json")),
        fetched(json!("https://issuer.example:8443?set=1")),
        fetched(json!("http://localhost:8787/jwks")),
        fetched(json!("http://127.0.0.1")),
        fetched(json!("http://[::1]?jwks")),
        two_issuers(json!({})),
        two_issuers(json!({ "missingIss": "accept" })),
    ];
    let validator = Validator::new();
    for document in documents {
        assert_eq!(parse(&document.to_string()), Ok(()), "{document}");
        assert_eq!(validator.validate(&document), Ok(()), "{document}");
    }
}

#[test]
fn documents_with_one_fault_are_bad_for_both() {
    let private = json!({
        "kty": "OKP", "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    });
    let mut documents = vec![
        json!([]),
        json!(null),
        json!("x"),
        gate(json!({ "isuers": [] })),
        gate(json!({ "$schema": "gate.schema.json" })),
        without("", "issuers"),
        without("", "lists"),
        without("/issuers/0", "issuer"),
        without("/issuers/0", "jwks"),
        without("/lists/0", "issuer"),
        without("/lists/0", "keys"),
        without("/lists/0", "for"),
        gate(json!({ "issuers": [] })),
        gate(json!({ "issuers": [[ISSUER, { "keys": [] }]] })),
        gate(json!({ "issuers": [ISSUER] })),
        gate(json!({ "lists": [{ "issuer": AUTHORITY, "keys": {}, "for": [ISSUER] }] })),
        gate(json!({ "lists": [[AUTHORITY, public_jwk(&issuer_key()), [ISSUER]]] })),
        changed(|document| {
            let list = document["lists"][0].clone();
            document["lists"].as_array_mut().unwrap().push(list);
        }),
        changed(|document| document["lists"][0]["issuer"] = json!("")),
        changed(|document| document["lists"][0]["url"] = json!("x")),
        changed(|document| document["lists"][0]["for"] = json!(ISSUER)),
        changed(|document| document["lists"][0]["keys"] = json!({ "keys": [] })),
        changed(|document| document["lists"][0]["keys"] = json!({ "keys": {} })),
        changed(|document| document["lists"][0]["keys"] = json!([])),
        changed(|document| document["lists"][0]["keys"] = private.clone()),
        changed(|document| document["lists"][0]["keys"] = json!({ "keys": [private] })),
        gate(json!({ "tokenFrom": [] })),
        gate(json!({ "publicSnapshot": true, "readKey": { "secret": "K" } })),
        gate(json!({ "readKey": {} })),
        gate(json!({ "readKey": { "secret": 1 } })),
        gate(json!({ "readKey": { "secret": "K", "value": "V" } })),
        gate(json!({ "readKey": ["K"] })),
        gate(json!({ "readKey": "K" })),
        gate(json!({ "readRate": 500 })),
        gate(json!({ "readRate": { "perMinute": 50 } })),
        gate(json!({ "readRate": { "perSecond": 0 } })),
        gate(json!({ "readRate": { "burst": 100_001 } })),
        gate(json!({ "unknown": "pass" })),
        gate(json!({ "unknown": { "later": "allow" } })),
        gate(json!({ "unknown": { "tooOld": true } })),
        gate(json!({ "unknown": ["allow"] })),
        gate(json!({ "routes": {} })),
        gate(json!({ "routes": ["/a"] })),
        gate(json!({ "routes": [{ "path": "/a" }] })),
        gate(json!({ "routes": [{ "unknown": "allow" }] })),
        gate(json!({ "routes": [{ "path": 1, "unknown": "allow" }] })),
        gate(json!({ "routes": [{ "path": "/a", "unknown": null }] })),
        gate(json!({ "routes": [{ "path": "/a", "unknown": "pass" }] })),
        gate(json!({ "routes": [{ "path": "/a", "unknown": "allow", "method": "GET" }] })),
        gate(json!({ "source": {} })),
        gate(json!({ "source": "https://gate.example/" })),
        gate(json!({ "source": { "url": "https://gate.example/", "key": { "secret": "K" } } })),
        gate(json!({ "source": { "url": "https://gate.example/", "readKey": "K" } })),
        gate(json!({ "fallback": { "url": "https://gate.example" } })),
        gate(json!({ "confirm": {} })),
        gate(json!({ "confirm": { "url": "http://gate.example/confirm" } })),
        gate(json!({ "confirm": { "url": "https://gate.example/confirm#x" } })),
        gate(json!({ "confirm": { "url": "https://gate.example/confirm", "readKey": { "secret": "K" } } })),
        gate(json!({ "follow": "https://authority.example/" })),
        gate(json!({ "follow": { "url": "https://authority.example" } })),
        gate(json!({ "follow": { "url": "http://authority.example/" } })),
        gate(json!({ "follow": { "url": "https://authority.example/", "maxStaleness": 0.4 } })),
        gate(json!({ "follow": { "url": "https://authority.example/", "maxStaleness": 61 } })),
        gate(json!({ "follow": { "url": "https://authority.example/", "maxStaleness": "2s" } })),
        gate(json!({ "follow": { "url": "https://authority.example/", "key": { "secret": "K" } } })),
        gate(json!({ "check": "sometimes" })),
        gate(json!({ "check": ["head"] })),
        gate(json!({ "routes": [{ "path": "/a", "check": "Head" }] })),
        gate(json!({ "residentBytes": 65_535 })),
        gate(json!({ "residentBytes": 100_663_297 })),
        gate(json!({ "residentBytes": "48 MiB" })),
        gate(json!({ "residentBytes": 100_000.5 })),
        gate(json!({ "cors": {} })),
        gate(json!({ "cors": [["*"]] })),
        gate(json!({ "cors": { "allowOrigins": "*" } })),
        gate(json!({ "cors": { "allowOrigins": [], "credentials": true } })),
        gate(json!({ "authority": {} })),
        gate(json!({ "authority": [] })),
        gate(json!({ "lists": [], "authority": authority_of(json!({})) })),
        authority(json!({ "signingKey": "AUTHORITY_KEY" })),
        authority(json!({ "signing_key": { "secret": "K" } })),
        authority(json!({ "succeeds": -1 })),
        authority(json!({ "succeeds": 9_007_199_254_740_991_u64 })),
        authority(json!({ "epsilonBits": 7 })),
        authority(json!({ "epsilonBits": 65 })),
        authority(json!({ "epsilonBits": "50" })),
        authority(json!({ "validFor": 899 })),
        authority(json!({ "validFor": 604_801 })),
        authority(json!({ "hashOnly": "no" })),
        authority(json!({ "kvWritesPerDay": 299 })),
        authority(json!({ "kvWritesPerDay": 86_401 })),
        authority(json!({ "keys": {} })),
        authority(json!({ "keys": ["ops"] })),
        authority(json!({ "keys": vec![admin_key(json!({})); 65] })),
        authority(json!({ "keys": [{ "id": "ops", "hash": "0".repeat(64) }] })),
        authority(json!({ "keys": [{ "id": "ops", "may": "admin" }] })),
        authority(json!({ "keys": [{ "hash": "0".repeat(64), "may": "admin" }] })),
        authority(json!({ "keys": [admin_key(json!({ "key": "plain" }))] })),
        authority(json!({ "rate": 50 })),
        authority(json!({ "rate": { "perMinute": 50 } })),
        authority(json!({ "rate": { "perSecond": 0 } })),
        authority(json!({ "rate": { "perSecond": 10_001 } })),
        authority(json!({ "rate": { "perSecond": 0.5 } })),
        authority(json!({ "rate": { "burst": 0 } })),
        authority(json!({ "rate": { "burst": 100_001 } })),
        authority(json!({ "rate": { "burst": u64::MAX } })),
        authority(json!({ "logoutRate": [] })),
        authority(json!({ "logoutRate": { "perSecond": 10_001 } })),
        authority(json!({ "logoutRate": { "burst": 0 } })),
        authority(json!({ "clients": {} })),
        authority(json!({ "clients": ["app-1"] })),
        authority(json!({ "clients": vec![json!({ "id": "a", "secretHashes": ["0".repeat(64)] }); 901] })),
        authority(json!({ "tokens": [ISSUER] })),
        authority(json!({ "logout": [] })),
        authority(json!({ "events": {} })),
        authority(json!({ "clockSkew": 301 })),
        authority(json!({ "clockSkew": -1 })),
        client(json!({ "secretHashes": null })),
        client(json!({ "secretHashes": [] })),
        client(json!({ "secretHashes": vec!["0".repeat(64); 9] })),
        client(json!({ "secretHashes": ["A".repeat(64)] })),
        client(json!({ "secretHashes": ["0".repeat(63)] })),
        client(json!({ "secretHashes": "0".repeat(64) })),
        client(json!({ "secret": "plain" })),
        client(json!({ "id": null })),
        client(json!({ "id": "" })),
        client(json!({ "id": "a b" })),
        client(json!({ "id": "é" })),
        client(json!({ "id": "x".repeat(257) })),
        client(json!({ "jwks": {} })),
        client(json!({ "jwks": { "keys": [] } })),
        client(json!({ "jwks": private.clone() })),
        client(json!({ "jwks": { "keys": [private.clone()] } })),
        client(json!({ "azp": "app-1" })),
        client(json!({ "introspect": "yes" })),
        tokens(json!({ "issuer": null })),
        tokens(json!({ "clientClaim": "" })),
        tokens(json!({ "lifetime": -1 })),
        tokens(json!({ "lifetime": 1.5 })),
        tokens(json!({ "lifetime": 253_402_300_800_u64 })),
        tokens(json!({ "issuers": [ISSUER] })),
        logout(json!({ "also": ["sid"] })),
        logout(json!({ "also": [[7]] })),
        logout(json!({ "everywhere": "sub" })),
        logout(json!({ "everywhere": { "azp": ["web"] } })),
        logout(json!({ "everywhere": { "clients": "web" } })),
        logout(json!({ "everywhere": { "scope": "a b" } })),
        logout(json!({ "everywhere": { "scope": "" } })),
        logout(json!({ "origins": ["*"] })),
        logout(json!({ "origins": ["https://app.example/"] })),
        logout(json!({ "origins": ["null"] })),
        logout(json!({ "origin": [] })),
        sender(json!({ "issuer": null })),
        sender(json!({ "issuer": "" })),
        sender(json!({ "audience": null })),
        sender(json!({ "audience": ["a"] })),
        sender(json!({ "jwks": null })),
        sender(json!({ "jwks": private.clone() })),
        sender(json!({ "map": null })),
        sender(json!({ "map": [] })),
        sender(json!({ "map": { "urn:event": "cutoff" } })),
        sender(json!({ "jwksUri": "https://idp.example/jwks" })),
        sender(json!({ "jwks": null, "jwksUri": "http://idp.example/jwks" })),
        sender(json!({ "jwks": null, "jwksUri": "idp.example" })),
        sender(json!({ "jwks": null, "jwksUri": 1 })),
        meaning(json!({ "rule": null })),
        meaning(json!({ "rule": [], "values": [] })),
        meaning(json!({ "rule": ["@kid"] })),
        meaning(json!({ "kind": null })),
        meaning(json!({ "kind": "all" })),
        meaning(json!({ "values": null })),
        meaning(json!({ "values": "sub" })),
        meaning(json!({ "values": [""] })),
        meaning(json!({ "values": ["a..b"] })),
        meaning(json!({ "values": [".a"] })),
        meaning(json!({ "at": "toe" })),
        meaning(json!({ "kind": "cutoff", "at": "toe." })),
        meaning(json!({ "kind": "cutoff", "rule": ["@key"] })),
        meaning(json!({ "claim": "pwd_ver" })),
        meaning(json!({ "kind": "cutoff", "minimum": "version" })),
        meaning(json!({ "kind": "minimum" })),
        meaning(json!({ "kind": "minimum", "claim": "pwd_ver" })),
        meaning(json!({ "kind": "minimum", "minimum": "version" })),
        meaning(json!({ "kind": "minimum", "claim": "header:x", "minimum": "version" })),
        meaning(json!({ "kind": "minimum", "claim": "@key", "minimum": "version" })),
        meaning(json!({ "kind": "minimum", "claim": "pwd_ver", "minimum": "a..b" })),
        issuer(json!({ "issuer": "" })),
        issuer(json!({ "issuer": [ISSUER] })),
        issuer(json!({ "audiences": "api" })),
        issuer(json!({ "clock_tolerance": 5 })),
        issuer(json!({ "jwksUri": "https://issuer.example/jwks.json" })),
        issuer(json!({ "jwks": {} })),
        issuer(json!({ "jwks": [] })),
        issuer(json!({ "jwks": "<html>" })),
        issuer(json!({ "jwks": { "keys": [] } })),
        issuer(json!({ "jwks": { "keys": { "kty": "EC" } } })),
        issuer(json!({ "jwks": { "keys": [public_jwk(&issuer_key()), 1] } })),
        issuer(json!({ "jwks": { "keys": vec![public_jwk(&issuer_key()); 257] } })),
        issuer(json!({ "jwks": secret_jwk() })),
        issuer(json!({ "jwks": { "keys": [public_jwk(&issuer_key()), secret_jwk()] } })),
        issuer(json!({ "jwks": { "keys": [public_jwk(&issuer_key()), { "kty": "oct", "kid": "s" }] } })),
        issuer(json!({ "jwks": { "kty": "oct", "kid": "s", "k": ["HS_KEY"] } })),
        issuer(json!({ "jwks": { "kty": "oct", "kid": "s", "k": { "secret": "K", "x": 1 } } })),
        // Nested sets are none: what looks like one must not hide a secret.
        issuer(
            json!({ "jwks": { "keys": [{ "kty": "oct", "kid": "s", "k": base64url([9; 32]), "keys": [] }] } }),
        ),
        issuer(json!({ "algorithms": [] })),
        issuer(json!({ "algorithms": "ES256" })),
        issuer(json!({ "missingIss": "ignore" })),
        issuer(json!({ "missingIss": { "accept": null } })),
        {
            let mut both = two_issuers(json!({ "missingIss": "accept" }));
            both["issuers"][0]["missingIss"] = json!("accept");
            both
        },
        issuer(json!({ "typ": "" })),
        issuer(json!({ "typ": ["JWT"] })),
        issuer(json!({ "profile": "rfc9068" })),
        issuer(json!({ "profile": "RFC9068", "audience": "api" })),
        issuer(json!({ "profile": "rfc9068", "audience": "api", "typ": "at+jwt" })),
        issuer(json!({ "profile": "rfc9068", "audience": "api", "missingIss": "accept" })),
        issuer(json!({ "profile": "rfc9068", "audience": "api", "requireExp": false })),
        issuer(json!({ "maxTokenAge": -1 })),
        issuer(json!({ "maxTokenAge": 1.5 })),
        issuer(json!({ "maxTokenAge": "1h" })),
        issuer(json!({ "maxTokenAge": 253_402_300_800_u64 })),
        issuer(json!({ "clockTolerance": 61 })),
        issuer(json!({ "clockTolerance": -1 })),
        issuer(json!({ "clockTolerance": 0.5 })),
        issuer(json!({ "requireExp": "no" })),
        issuer(json!({ "requireClaims": "jti" })),
        issuer(json!({ "requireClaims": [1] })),
        issuer(json!({ "requiredClaims": [] })),
        issuer(json!({ "requiredClaims": "sid" })),
        issuer(json!({ "scopes": [] })),
        issuer(json!({ "scopes": "read write" })),
        issuer(json!({ "claims": {} })),
        issuer(json!({ "claims": [["tenant", 7]] })),
        issuer(json!({ "crit": [] })),
        issuer(json!({ "crit": "exp" })),
        issuer(json!({ "crit": [""] })),
    ];
    for (field, wrong) in [
        ("id", json!("")),
        ("id", json!("a b")),
        ("id", json!("é")),
        ("id", json!("x".repeat(65))),
        ("id", json!(7)),
        ("hash", json!("0".repeat(63))),
        ("hash", json!("A".repeat(64))),
        ("hash", json!({ "secret": "K" })),
        ("may", json!("write")),
        ("may", json!(["read"])),
        ("until", json!(-1)),
        ("until", json!(0.5)),
        ("until", json!("2027-01-01")),
        ("until", json!(253_402_300_800_u64)),
    ] {
        documents.push(authority(json!({ "keys": [admin_key(json!({ field: wrong }))] })));
    }
    for field in ["subject", "audience"] {
        documents.extend(
            [json!([]), json!(7), json!({}), json!(["a", 1])].map(|wrong| issuer(json!({ field: wrong }))),
        );
    }
    for source in
        ["", "Header", "query:token", "header:", "cookie:a b", "cookie:a=b", "header:é", "header:a:b"]
    {
        documents.push(gate(json!({ "tokenFrom": ["header", source] })));
    }
    for origin in
        ["", "null", "**", "*.example", "https://a.example/", "https://A.example", "ftp://a", "https://"]
    {
        documents.push(gate(json!({ "cors": { "allowOrigins": [origin] } })));
    }
    for path in [
        "",
        "*",
        "reports",
        "//",
        "/a//b",
        "/a//*",
        "/a/*/b",
        "/a**",
        "/.",
        "/./a",
        "/a/..",
        "/a/..*",
        "/a%2fb",
        "/a b",
        "/a\\b",
        "/a;b",
        "/a?b",
        "/a#b",
        "/\u{e9}",
        "/a\n",
        "https://gate.example/a",
    ] {
        documents.push(route(path));
    }
    for url in [
        "",
        "/_revocable/",
        "https://",
        "http://gate.example/",
        "https://user@gate.example/",
        "https://gate.example/a",
        "https://gate.example/?a/",
        "https://gate.example/#a/",
        "http://localhost.evil.example/",
    ] {
        documents.push(gate(json!({ "source": { "url": url } })));
        documents.push(gate(json!({ "fallback": { "url": url } })));
    }
    for uri in [
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
        "https://issuer.example/\n",
        "https://user@issuer.example/",
        "HTTPS://issuer.example",
        "file:///etc/passwd",
    ] {
        documents.push(fetched(json!(uri)));
    }
    for scope in ["", "a b", "a\"b", "a\\b", "é", "a\n", "\u{7f}"] {
        documents.push(issuer(json!({ "scopes": ["read", scope] })));
    }
    for algorithm in ["none", "es256", "RSA-OAEP", "", "MLDSA44"] {
        documents.push(issuer(json!({ "algorithms": ["ES256", algorithm] })));
    }
    for name in [
        "alg", "enc", "zip", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "typ", "cty", "crit",
        "epk", "apu", "apv", "iv", "tag", "p2s", "p2c", "b64",
    ] {
        documents.push(issuer(json!({ "crit": ["exp", name] })));
    }
    // Nobody can tell what a field was to be that is `null`.
    documents.extend(fields("").into_iter().map(|field| gate(json!({ field: null }))));
    documents.extend(fields("issuers[0].").into_iter().map(|field| issuer(json!({ field: null }))));
    documents.extend(fields("authority.").into_iter().map(|field| authority(json!({ field: null }))));
    for field in fields("authority.keys[0].") {
        documents.push(authority(json!({ "keys": [admin_key(json!({ field: null }))] })));
    }
    for rule in [
        json!([]),
        json!("sid"),
        json!(["@key"]),
        json!([""]),
        json!(["header:"]),
        json!(["a", "a"]),
        json!([7]),
    ] {
        documents.push(tokens(json!({ "rule": rule })));
        documents.push(tokens(json!({ "refreshRule": rule })));
        documents.push(logout(json!({ "also": [rule] })));
        documents.push(logout(json!({ "everywhere": { "rule": rule } })));
    }
    let validator = Validator::new();
    for document in documents {
        let parsed = parse(&document.to_string());
        assert!(matches!(parsed, Err(Error::ConfigInvalid { .. })), "{parsed:?}: {document}");
        assert!(validator.validate(&document).is_err(), "{document}");
    }
}

/// What no schema can say. The parser is the stricter of the two in each case, and never the laxer.
#[test]
fn what_the_schema_cannot_express_is_refused_by_the_parser_alone() {
    let short = json!({ "kty": "oct", "kid": "s", "k": { "secret": "SHORT" } });
    let nested = (0..40).fold(json!(1), |inner, _| json!([inner]));
    let cases = [
        ("an issuer is configured twice", two_issuers(json!({ "issuer": ISSUER }))),
        ("no list speaks for an issuer", changed(|document| document["lists"][0]["for"] = json!([]))),
        (
            "a list speaks for an issuer that is not configured",
            changed(|document| document["lists"][0]["for"] = json!([ISSUER, OTHER_ISSUER])),
        ),
        (
            "an authority is a token issuer",
            changed(|document| document["lists"][0]["issuer"] = json!(ISSUER)),
        ),
        (
            "no key of a set is usable",
            issuer(json!({ "jwks": { "keys": [{ "kty": "RSA", "n": "AQAB", "e": "AQAB" }] } })),
        ),
        (
            "no key of a list is usable",
            changed(|document| {
                document["lists"][0]["keys"] = json!({ "kty": "OKP", "crv": "Ed25519", "x": "" })
            }),
        ),
        (
            "a secret has no name by which it can be revoked",
            issuer(json!({ "jwks": { "kty": "oct", "k": { "secret": "HS_KEY" } } })),
        ),
        ("the platform does not have a secret, or too short a one", issuer(json!({ "jwks": short }))),
        (
            "no path reaches a route",
            gate(
                json!({ "routes": [{ "path": "/a/*", "unknown": "allow" }, { "path": "/a/b", "unknown": "deny" }] }),
            ),
        ),
        ("there is no head to follow", gate(json!({ "check": "head" }))),
        (
            "there is no head to follow for a route",
            gate(json!({ "routes": [{ "path": "/a", "check": "live" }] })),
        ),
        ("whose head is followed is not said", gate(json!({ "follow": { "maxStaleness": 2 } }))),
        (
            "a source's secret cannot be a bearer token",
            gate(json!({ "source": { "url": "https://gate.example/", "readKey": { "secret": "SPACED" } } })),
        ),
        (
            "a confirmer's secret cannot be a bearer token",
            gate(json!({ "confirm": { "url": "https://gate.example/", "key": { "secret": "SPACED" } } })),
        ),
        (
            "a secret is no key to sign with",
            gate(json!({ "authority": { "signingKey": { "secret": "SHORT" } } })),
        ),
        (
            "the list has no key that the signing key belongs to",
            changed(|document| {
                document["authority"] = authority_of(json!({}));
                document["lists"][0]["keys"] = public_jwk(&issuer_key());
            }),
        ),
        (
            "a key has two names",
            authority(json!({ "keys": [admin_key(json!({})), admin_key(json!({ "id": "other" }))] })),
        ),
        (
            "two keys of one holder may do different things",
            authority(json!({ "keys": [
                admin_key(json!({})),
                admin_key(json!({ "hash": "1".repeat(64), "may": "read" })),
            ] })),
        ),
        (
            "a client is configured twice",
            authority(json!({ "clients": vec![json!({ "id": "a", "secretHashes": ["0".repeat(64)] }); 2] })),
        ),
        (
            "no key of a client is usable",
            client(json!({ "jwks": { "kty": "OKP", "crv": "Ed25519", "x": "" } })),
        ),
        ("a client's key is a secret", client(json!({ "jwks": { "kty": "oct", "k": base64url([9; 32]) } }))),
        ("tokens of an issuer that the list does not speak for", tokens(json!({ "issuer": OTHER_ISSUER }))),
        (
            "tokens of an issuer twice",
            authority(json!({ "tokens": [{ "issuer": ISSUER }, { "issuer": ISSUER }] })),
        ),
        ("events about an issuer that the list does not speak for", meaning(json!({ "tokenIssuer": null }))),
        ("not one value for each member", meaning(json!({ "values": ["a", "b"] }))),
        ("a sender is configured twice", {
            let mut twice = sender(json!({}));
            let first = twice["authority"]["events"][0].clone();
            twice["authority"]["events"].as_array_mut().unwrap().push(first);
            twice
        }),
        ("the document is nested too deeply", issuer(json!({ "claims": { "deep": nested } }))),
        ("an integer is spelled with a fraction", issuer(json!({ "clockTolerance": 5.0 }))),
    ];
    let validator = Validator::new();
    for (name, document) in cases {
        let parsed = parse(&document.to_string());
        assert!(matches!(parsed, Err(Error::ConfigInvalid { .. })), "{name}: {parsed:?}");
        assert_eq!(validator.validate(&document), Ok(()), "{name}");
    }
    // A JSON reader has dropped one of the two before a schema sees the document.
    let twice = good().to_string().replacen("\"lists\"", "\"lists\":[],\"lists\"", 1);
    assert!(matches!(parse(&twice), Err(Error::ConfigInvalid { .. })), "a member is named twice");
    assert_eq!(validator.validate(&serde_json::from_str(&twice).unwrap()), Ok(()), "a member is named twice");
}

/// The fields that the parser knows at a place, as it lists them when it meets another.
fn fields(place: &str) -> BTreeSet<String> {
    let document = match place {
        "" => gate(json!({ "?": 1 })),
        "issuers[0]." => issuer(json!({ "?": 1 })),
        "lists[0]." => changed(|document| document["lists"][0]["?"] = json!(1)),
        "routes[0]." => gate(json!({ "routes": [{ "?": 1 }] })),
        "source." => gate(json!({ "source": { "?": 1 } })),
        "fallback." => gate(json!({ "fallback": { "?": 1 } })),
        "confirm." => gate(json!({ "confirm": { "?": 1 } })),
        "follow." => gate(json!({ "follow": { "?": 1 } })),
        "cors." => gate(json!({ "cors": { "?": 1 } })),
        "readKey." => gate(json!({ "readKey": { "?": 1 } })),
        "readRate." => gate(json!({ "readRate": { "?": 1 } })),
        "authority." => authority(json!({ "?": 1 })),
        "authority.keys[0]." => authority(json!({ "keys": [{ "?": 1 }] })),
        "authority.rate." => authority(json!({ "rate": { "?": 1 } })),
        "authority.logoutRate." => authority(json!({ "logoutRate": { "?": 1 } })),
        "authority.clients[0]." => client(json!({ "?": 1 })),
        "authority.tokens[0]." => tokens(json!({ "?": 1 })),
        "authority.logout." => logout(json!({ "?": 1 })),
        "authority.logout.everywhere." => logout(json!({ "everywhere": { "?": 1 } })),
        "authority.events[0]." => sender(json!({ "?": 1 })),
        "authority.events[0].map.urn:event." => meaning(json!({ "?": 1 })),
        other => panic!("{other}"),
    };
    match GateConfig::parse(&document.to_string()) {
        Err(Error::ConfigInvalid { path, reason }) => {
            assert_eq!(path, format!("{place}?"));
            let (_, known) = reason.split_once("expected ").unwrap();
            known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_field_that_the_parser_knows_is_in_the_schema_with_a_description_and_no_other() {
    let schema = schema();
    for (place, pointer, count) in [
        ("", "", 13),
        ("issuers[0].", "/$defs/issuer", 17),
        ("lists[0].", "/$defs/list", 3),
        ("routes[0].", "/properties/routes/items", 3),
        ("source.", "/$defs/source", 2),
        ("fallback.", "/$defs/source", 2),
        ("confirm.", "/properties/confirm", 2),
        ("follow.", "/properties/follow", 3),
        ("cors.", "/properties/cors", 1),
        ("readKey.", "/$defs/secret", 1),
        ("readRate.", "/properties/readRate", 2),
        ("authority.", "/$defs/authority", 9),
        ("authority.keys[0].", "/$defs/adminKey", 4),
        ("authority.rate.", "/$defs/authority/properties/rate", 2),
        ("authority.logoutRate.", "/$defs/authority/properties/logoutRate", 2),
        ("authority.clients[0].", "/$defs/client", 5),
        ("authority.tokens[0].", "/$defs/tokens", 5),
        ("authority.logout.", "/$defs/logout", 3),
        ("authority.logout.everywhere.", "/$defs/logout/properties/everywhere", 3),
        ("authority.events[0].", "/$defs/sender", 5),
        ("authority.events[0].map.urn:event.", "/$defs/meaning", 7),
    ] {
        let described = object(schema.pointer(&format!("{pointer}/properties")).unwrap().clone());
        for (field, field_schema) in &described {
            assert!(!field_schema["description"].as_str().unwrap_or_default().is_empty(), "{place}{field}");
        }
        let described: BTreeSet<String> = described.into_iter().map(|(field, _)| field).collect();
        assert_eq!(described, fields(place), "{place}");
        assert!(described.len() >= count, "{place}: {described:?}");
        assert_eq!(
            schema.pointer(&format!("{pointer}/additionalProperties")),
            Some(&json!(false)),
            "{place}"
        );
    }
}

#[test]
fn the_schema_has_every_algorithm_by_every_name_it_has() {
    let named = schema().pointer("/$defs/algorithm/enum").unwrap().clone();
    let named: Vec<String> = serde_json::from_value(named).unwrap();
    let known: BTreeSet<&str> = named.iter().map(|name| Algorithm::from_name(name).unwrap().name()).collect();
    assert_eq!(known, Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect());
}

#[test]
fn the_defaults_that_the_schema_states_are_those_of_the_parser() {
    let schema = schema();
    let defaults = |pointer: &str| {
        let properties = object(schema.pointer(pointer).unwrap().clone());
        properties.into_iter().filter_map(|(field, schema)| Some((field, schema.get("default")?.clone())))
    };
    let doors = || json!({ "rate": {}, "logoutRate": {}, "tokens": [{ "issuer": ISSUER }], "logout": { "everywhere": {} } });
    let with_read_rate = |mut document: Value| {
        document["readRate"] = json!({});
        document
    };
    let mut spelled_out = with_read_rate(authority(doors()));
    for (place, pointer) in [
        ("", "/properties"),
        ("/issuers/0", "/$defs/issuer/properties"),
        ("/readRate", "/properties/readRate/properties"),
        ("/authority/logoutRate", "/$defs/authority/properties/logoutRate/properties"),
        ("/authority", "/$defs/authority/properties"),
        ("/authority/rate", "/$defs/authority/properties/rate/properties"),
        ("/authority/tokens/0", "/$defs/tokens/properties"),
        ("/authority/logout", "/$defs/logout/properties"),
        ("/authority/logout/everywhere", "/$defs/logout/properties/everywhere/properties"),
    ] {
        let object = spelled_out.pointer_mut(place).unwrap().as_object_mut().unwrap();
        let before = object.len();
        for (field, default) in defaults(pointer) {
            object.entry(field).or_insert(default);
        }
        assert!(object.len() > before, "{pointer}");
    }
    let gate = |document: &Value| {
        let gate = GateConfig::parse(&document.to_string()).unwrap().build(secrets).unwrap();
        format!("{gate:?}")
    };
    assert_eq!(gate(&spelled_out), gate(&authority(doors())));
    assert_ne!(
        gate(&issuer(json!({ "clockTolerance": 6 }))),
        gate(&good()),
        "the comparison sees a difference"
    );
}

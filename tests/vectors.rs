//! The vectors in `tests/vectors` are what this code makes: ids, and a snapshot to the byte.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a test may stop at the first surprise"
)]

mod common;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{env, fs};

use serde_json::{Value as Json, json};

use jwt_simple::algorithms::{HS256Key, MACLike as _};
use revocable::publish::{Built, Epsilon, Publisher, Revocation, SigningKey, Terms, sign_head};
use revocable::{
    Heard, Id, Kind, OfferedHead, Rule, Salt, Segment, SegmentName, Snapshot, Target, UnixTime, Value,
};

use common::*;

const LEAKED: [u8; 32] = [5; 32];

#[test]
fn ids_are_those_of_an_independent_implementation() {
    let rows: Vec<Json> = serde_json::from_str(&read("ids.json")).unwrap();
    assert!(rows.len() > 30);
    for row in rows {
        let members = row["rule"].as_array().unwrap().iter().map(|member| member.as_str().unwrap());
        let mut named: Vec<(&str, &Json)> = members.zip(row["values"].as_array().unwrap()).collect();
        named.sort_by_key(|(member, _)| member.as_bytes());
        let values: Vec<Value<'_>> =
            named.iter().map(|(_, value)| Value::from_json(value).unwrap()).collect();
        let rule = Rule::new(named.iter().map(|(member, _)| *member)).unwrap();
        let salt = Salt::from_hex(row["salt"].as_str().unwrap()).unwrap();
        let id = Id::new(salt, &rule, row["issuer"].as_str().unwrap(), &values);
        assert_eq!(id.to_string(), row["id"], "{row}");
    }
}

#[test]
fn publishing_gives_these_very_bytes() {
    let built = built();
    let mut files: BTreeMap<String, Vec<u8>> = built
        .segments
        .iter()
        .map(|(name, bytes)| (format!("snapshot/{}", name.object_name()), bytes.clone()))
        .collect();
    files.insert("snapshot/manifest.jwt".into(), built.manifest.clone().into_bytes());
    files.insert("snapshot/config.json".into(), pretty(&vector_config()));
    files.insert("snapshot/tokens.json".into(), pretty(&tokens()));
    files.insert("heads.json".into(), pretty(&heads()));
    files.insert("snapshot/segments.in".into(), include_list(&built).into_bytes());
    if env::var_os("REVOCABLE_BLESS").is_some() {
        bless(&files);
    }
    for (path, made) in &files {
        assert!(
            fs::read(vectors().join(path)).unwrap() == *made,
            "{path} is not what is made now; see the README there"
        );
    }
    let stored = fs::read_dir(vectors().join("snapshot/segments")).unwrap().count();
    assert_eq!(stored, built.segments.len(), "there are segments that no manifest names");
}

#[test]
fn the_tokens_fare_as_they_say() {
    let mut verifier = build(&vector_config()).unwrap();
    install(&mut verifier, &built(), now()).unwrap();
    let document = tokens();
    for row in document["tokens"].as_array().unwrap() {
        let decision = verifier.verify(row["token"].as_str().unwrap(), now());
        assert_eq!(outcome(&decision), row["outcome"], "{}", row["name"]);
    }
}

#[test]
fn the_heads_say_of_the_snapshot_what_they_should() {
    let document = heads();
    let now = UnixTime::from_seconds(document["now"].as_u64().unwrap());
    let mut outcomes = Vec::new();
    for row in document["heads"].as_array().unwrap() {
        let mut verifier = build(&vector_config()).unwrap();
        install(&mut verifier, &built(), now).unwrap();
        let lists = verifier.revocations_mut().unwrap();
        let offered = lists.start_head(row["head"].as_str().unwrap().as_bytes());
        let head = offered.and_then(|offered| match offered {
            OfferedHead::Authentic(head) => head.read(now),
            OfferedHead::Asking(_) => panic!("the engine is at hand"),
        });
        let outcome = match head.and_then(|head| lists.heard(&head, now, now)) {
            Ok(Heard::Current) => "current".to_owned(),
            Ok(Heard::Older) => "older".to_owned(),
            Ok(Heard::Newer(wanted)) => ["newer ", &wanted.object_name()].concat(),
            Err(error) => error.code().as_str().to_owned(),
        };
        assert_eq!(outcome, row["outcome"], "{}", row["name"]);
        // Only the authority's word that this manifest is its newest makes what is known recent.
        assert_eq!(lists.heard_at(), (outcome == "current").then_some(now), "{}", row["name"]);
        outcomes.push(outcome);
    }
    for outcome in ["current", "older", "newer manifests/43.jwt"] {
        assert!(outcomes.iter().any(|one| one == outcome), "{outcome}");
    }
}

/// Every structure, shard and layer, and operations: published here, and read by a script of its own.
#[test]
fn the_lists_are_these_very_bytes_and_say_what_an_independent_reader_finds() {
    let cases = lists();
    if env::var_os("REVOCABLE_BLESS").is_some() {
        let folder = vectors().join("lists");
        let _ = fs::remove_dir_all(&folder);
        for (name, built) in &cases {
            let segments = folder.join(name).join("segments");
            fs::create_dir_all(&segments).unwrap();
            fs::write(folder.join(name).join("manifest.jwt"), &built.manifest).unwrap();
            for (hash, bytes) in &built.segments {
                fs::write(segments.join(hash.to_string()), bytes).unwrap();
            }
        }
    }
    let rows: Vec<Json> = serde_json::from_str(&read("lists.json")).unwrap();
    for (name, built) in &cases {
        let same = |path: &str, made: &[u8]| {
            let kept = fs::read(vectors().join("lists").join(name).join(path));
            assert!(kept.unwrap() == made, "{name}/{path} is not what is made now; see the README there");
        };
        same("manifest.jwt", built.manifest.as_bytes());
        built.segments.iter().for_each(|(hash, bytes)| same(&hash.object_name(), bytes));
        let mut reader = build(&config()).unwrap();
        install(&mut reader, built, NOW).unwrap();
        for (hash, bytes) in &built.segments {
            reader.revocations_mut().unwrap().supply(*hash, *hash, bytes.clone()).unwrap();
        }
        let snapshot = reader.revocations().unwrap().snapshot().unwrap();
        let rows: Vec<&Json> = rows.iter().filter(|row| row["list"] == *name).collect();
        assert!(rows.len() >= 80, "{name}: {}", rows.len());
        let hits = rows.iter().filter(|row| !row["certain"].is_null()).count();
        assert!(hits >= 10 && hits < rows.len(), "{name}: {hits}");
        for row in rows {
            let rule =
                Rule::new(row["rule"].as_array().unwrap().iter().map(|member| member.as_str().unwrap()))
                    .unwrap();
            let id = Id::new(SALT, &rule, ISSUER, &[Value::from_json(&row["value"]).unwrap()]);
            assert_eq!(id.to_string(), row["id"], "{row}");
            let kind = [Kind::Outright, Kind::Cutoff, Kind::Minimum]
                .into_iter()
                .find(|kind| row["kind"] == kind.name())
                .unwrap();
            let claim = row["claim"].as_str();
            let certain = snapshot.exactly(&Target { rule: &rule, kind, claim, id }).unwrap();
            assert_eq!(certain.map(|entry| entry.value()), row["certain"].as_i64(), "{row}");
            assert_eq!(found(snapshot, &rule, (kind, claim), id), row["found"].as_i64(), "{row}");
        }
    }
    assert!(rows.iter().all(|row| cases.iter().any(|(name, _)| row["list"] == *name)));
}

/// The strictest that the segments say of an id, or the operation that replaces it; whether it is certain or not.
fn found(snapshot: &Snapshot, rule: &Rule, (kind, claim): (Kind, Option<&str>), id: Id) -> Option<i64> {
    let manifest = snapshot.manifest();
    let table = manifest.tables().iter().position(|table| {
        (&manifest.rules()[table.rule], table.kind, table.claim.as_deref()) == (rule, kind, claim)
    })?;
    let operations = manifest.recent().iter().find(|operations| operations.table == table);
    if let Some(operation) = operations.and_then(|operations| operations.get(&id)) {
        return operation.map(|entry| entry.value());
    }
    let segments = manifest.segments().iter().filter(|one| one.table == table && one.range.contains(&id));
    let opened = segments.map(|one| Segment::open(snapshot.segment(&one.name).unwrap()).unwrap());
    opened.filter_map(|segment| Some(segment.get(&id)?.value())).max()
}

fn lists() -> Vec<(&'static str, Built)> {
    let tokens = |count: u64| (0..count).map(|n| outright(&["jti"], json!([format!("t-{n}")])));
    let user = |n: u64| json!([format!("u-{n}")]);
    let since = |n: u64| cutoff(&["sub"], user(n), json!(SECONDS as f64 - n as f64 * 37.5));
    let minimum = |n: u64, claim: &str, least: i64| json!({ "rule": ["sub"], "issuer": ISSUER, "values": user(n), "claim": claim, "minimum": least });
    let undo = |mut line: Json, kind: &str| {
        line.as_object_mut().unwrap().remove("before");
        line["undo"] = json!(true);
        line["kind"] = json!(kind);
        line
    };
    let of = |lines: Vec<Json>, bits: u8, change: fn(Terms) -> Terms| {
        let publisher = publisher(&lines).epsilon(Epsilon::from_bits(bits).unwrap()).terms(change);
        publisher.finish(&authority_key()).unwrap()
    };
    let versions = |n: u64| [minimum(n, "pwd_ver", n as i64 - 50), minimum(n, "api_ver", 3)];
    let expiring = tokens(300).enumerate().map(|(n, mut line)| {
        if n % 4 != 0 {
            line["expires"] = json!(SECONDS + 1000 * n as u64);
        }
        line
    });
    let first = of(tokens(10).chain((0..10).map(since)).collect(), 50, |terms| terms);
    let changes = (20..40)
        .map(|n| outright(&["jti"], json!([format!("t-{n}")])))
        .chain(tokens(3).map(|line| undo(line, "outright")))
        .chain([undo(since(4), "cutoff"), cutoff(&["sub"], user(5), json!(SECONDS - 9_000))])
        .chain((11..30).map(since))
        .chain((0..60).map(|n| minimum(n, "pwd_ver", n as i64 * 1_000_003 - 9)));
    let mut recent = update(&first.manifest, &changes.collect::<Vec<_>>());
    recent.segments = first.segments;
    vec![
        ("coarse", of(tokens(300).chain((0..120).map(since)).collect(), 20, |terms| terms)),
        ("cutoffs", of((0..200).map(since).collect(), 50, |terms| terms)),
        ("list", of(tokens(300).collect(), 50, |terms| terms)),
        ("minima", of((0..200).flat_map(versions).collect(), 50, |terms| terms)),
        ("recent", recent),
        ("ribbon", of(tokens(4200).collect(), 8, |terms| terms)),
        ("sharded", of(tokens(3000).collect(), 50, |terms| terms.max_segment(4096))),
        ("windows", of(expiring.collect(), 50, |terms| terms.expiry_windows(3))),
    ]
}

fn now() -> UnixTime {
    NOW.plus_seconds(5)
}

fn built() -> Built {
    let salt = Salt::from_hex("000102030405060708090a0b0c0d0e0f").unwrap();
    let mut publisher = Publisher::new(AUTHORITY, salt, NOW).cover(ISSUER).seq(42);
    for line in read("snapshot/revocations.ndjson").lines() {
        publisher.add(&Revocation::from_json(line).unwrap());
    }
    publisher.finish(&authority_key()).unwrap()
}

fn vector_config() -> Json {
    let mut config = config();
    let leaked = json!({ "kty": "oct", "kid": "leaked-secret", "k": base64url(LEAKED) });
    config["issuers"][0]["jwks"]["keys"].as_array_mut().unwrap().push(leaked);
    config["issuers"][0]["audience"] = json!("api");
    config["issuers"].as_array_mut().unwrap().push(json!({
        "issuer": OTHER_ISSUER, "jwks": public_jwk(&other_key()),
    }));
    config["lists"][0]["for"] = json!([ISSUER, OTHER_ISSUER]);
    config
}

/// Tokens signed in ways that give the same bytes every time, and what becomes of each.
fn tokens() -> Json {
    let api = |changes: Json| {
        let mut claims = claims_with(json!({ "aud": "api" }));
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        claims
    };
    let es256 = |claims: Json| raw(r#"{"alg":"ES256","kid":"issuer-1"}"#, claims.to_string(), &issuer_key());
    let theirs = |claims: Json| raw(r#"{"alg":"ES256","kid":"issuer-1"}"#, claims.to_string(), &other_key());
    let mac = |secret: [u8; 32], kid: &str, claims: Json| {
        let header = json!({ "alg": "HS256", "kid": kid });
        let input = format!("{}.{}", base64url(header.to_string()), base64url(claims.to_string()));
        let tag = HS256Key::from_bytes(&secret).authentication_tag(input.as_bytes());
        format!("{input}.{}", base64url(tag))
    };
    let good = es256(api(json!({})));
    let other = |iat: u64| theirs(api(json!({ "iss": OTHER_ISSUER, "iat": iat })));
    let unsigned = format!("{}.{}.", base64url(r#"{"alg":"none"}"#), base64url(api(json!({})).to_string()));
    let (revoked, claim) = ("deny ERR_JWT_REVOKED", "deny ERR_JWT_CLAIM_VALIDATION_FAILED");
    let rows = [
        ("good", good.clone(), "allow"),
        ("good, HS256", mac([9; 32], "secret-1", api(json!({}))), "allow"),
        ("good, without kid", raw(r#"{"alg":"ES256"}"#, api(json!({})).to_string(), &issuer_key()), "allow"),
        ("good, of the other issuer", other(SECONDS - 100), "allow"),
        ("revoked by jti", es256(api(json!({ "jti": "revoked" }))), revoked),
        ("revoked by sub", es256(api(json!({ "sub": "mallory" }))), revoked),
        ("revoked by a sub of Unicode", es256(api(json!({ "sub": "Zo\u{eb} \u{1f511}" }))), revoked),
        ("revoked by a number", es256(api(json!({ "tenant": 7 }))), revoked),
        ("not revoked: a text like that number", es256(api(json!({ "tenant": "7" }))), "allow"),
        ("issued before the user's cutoff", es256(api(json!({ "iat": SECONDS - 1000 }))), revoked),
        ("issued at the user's cutoff", es256(api(json!({ "iat": seconds(-999.5) }))), "allow"),
        ("without iat, of a user with a cutoff", es256(without(api(json!({})), "iat")), revoked),
        (
            "issued before the app's cutoff",
            es256(api(json!({ "azp": "app-2", "iat": SECONDS - 101 }))),
            revoked,
        ),
        (
            "issued after the app's cutoff",
            es256(api(json!({ "azp": "app-2", "iat": SECONDS - 99 }))),
            "allow",
        ),
        ("below the user's minimum", es256(api(json!({ "sub": "bob", "pwd_ver": 6 }))), revoked),
        ("without the claim of the user's minimum", es256(api(json!({ "sub": "bob" }))), revoked),
        ("at the user's minimum", es256(api(json!({ "sub": "bob", "pwd_ver": 7 }))), "allow"),
        ("of a revoked session", es256(api(json!({ "sid": "s-2" }))), revoked),
        ("of a session whose revocation was taken back", es256(api(json!({ "sid": "s-1" }))), "allow"),
        ("signed with a revoked key", mac(LEAKED, "leaked-secret", api(json!({}))), revoked),
        ("issued before the other issuer's cutoff", other(SECONDS - 101), revoked),
        ("expired", es256(api(json!({ "exp": SECONDS }))), "deny ERR_JWT_EXPIRED"),
        ("for another audience", es256(api(json!({ "aud": ["web"] }))), claim),
        ("without jti", es256(without(api(json!({})), "jti")), claim),
        ("not yet valid", es256(api(json!({ "nbf": SECONDS + 60 }))), claim),
        (
            "of an unknown issuer",
            es256(api(json!({ "iss": "https://stranger.example" }))),
            "deny ERR_JWT_ISSUER_UNKNOWN",
        ),
        ("signed with another key", theirs(api(json!({}))), "deny ERR_JWS_SIGNATURE_VERIFICATION_FAILED"),
        (
            "of an unknown kid",
            raw(r#"{"alg":"ES256","kid":"issuer-9"}"#, api(json!({})).to_string(), &issuer_key()),
            "deny ERR_JWKS_NO_MATCHING_KEY",
        ),
        ("unsigned", unsigned, "deny ERR_JOSE_ALG_NOT_ALLOWED"),
        ("not a token", "not a token".to_owned(), "deny ERR_JWS_INVALID"),
        ("padded", format!("{good}="), "deny ERR_JWS_INVALID"),
        ("with a fourth part", format!("{good}.AAAA"), "deny ERR_JWS_INVALID"),
        ("of invalid UTF-8", raw_payload(b"{\"iss\":\"\xff\"}"), "deny ERR_JWT_INVALID"),
        ("with a claim named twice", raw_payload(r#"{"iss":"a","iss":"b"}"#), "deny ERR_JWT_INVALID"),
        (
            "with a critical extension",
            raw(r#"{"alg":"ES256","crit":["x"],"x":1}"#, api(json!({})).to_string(), &issuer_key()),
            "deny ERR_JOSE_NOT_SUPPORTED",
        ),
        (
            "of the manifest's typ",
            raw(
                r#"{"alg":"ES256","typ":"application/Revocations+JWT"}"#,
                api(json!({})).to_string(),
                &issuer_key(),
            ),
            claim,
        ),
    ];
    let rows: Vec<Json> = rows
        .into_iter()
        .map(|(name, token, outcome)| json!({ "name": name, "token": token, "outcome": outcome }))
        .collect();
    json!({ "now": now().as_seconds(), "tokens": rows })
}

/// Heads, and what each is to whoever has the snapshot and has just asked.
fn heads() -> Json {
    let (seq, hash) = (built().seq, *SegmentName::of(built().manifest.as_bytes()).as_bytes());
    let hex = SegmentName::from_digest(hash).to_string();
    let signed =
        |seq: u64, hash: [u8; 32], at: UnixTime| sign_head(&authority_key(), AUTHORITY, seq, hash, at);
    let header = json!({ "alg": "EdDSA", "kid": authority_key().kid(), "typ": "revocations-head+jwt" });
    let (iat, exp) = (SECONDS, SECONDS + 60);
    let claims = |changes: Json| {
        let mut claims = json!({ "iss": AUTHORITY, "seq": seq, "manifest": hex, "iat": iat, "exp": exp });
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        claims
    };
    let said = |changes: Json| raw_eddsa(&header, &claims(changes), [7; 32]);
    let typed = |typ: &str| {
        let header = json!({ "alg": "EdDSA", "kid": authority_key().kid(), "typ": typ });
        raw_eddsa(&header, &claims(json!({})), [7; 32])
    };
    let impostor = sign_head(&SigningKey::from_seed([8; 32]), AUTHORITY, seq, hash, NOW);
    let (invalid, untrusted) = ("ERR_REVOCATION_MANIFEST_INVALID", "ERR_REVOCATION_MANIFEST_UNTRUSTED");
    let rows = [
        ("of the snapshot's manifest", signed(seq, hash, NOW), "current"),
        ("with the longest media type", typed("application/Revocations-Head+JWT"), "current"),
        ("with a claim that nobody knows", said(json!({ "unknown": [1] })), "current"),
        ("of a newer manifest", signed(seq + 1, [1; 32], NOW), "newer manifests/43.jwt"),
        ("of an older manifest", signed(seq - 1, [1; 32], NOW), "older"),
        (
            "of another manifest with the number",
            signed(seq, [1; 32], NOW),
            "ERR_REVOCATION_MANIFEST_CONFLICT",
        ),
        ("in its last second", signed(seq, hash, now().minus_seconds(59)), "current"),
        ("expired", signed(seq, hash, now().minus_seconds(60)), invalid),
        ("from a clock a minute ahead", signed(seq, hash, now().plus_seconds(60)), "current"),
        ("from the future", signed(seq, hash, now().plus_seconds(61)), invalid),
        ("good for longer than a minute", said(json!({ "exp": exp + 1 })), invalid),
        ("without a number", said(json!({ "seq": null })), invalid),
        ("with a hash in capitals", said(json!({ "manifest": hex.to_uppercase() })), invalid),
        ("of another authority's name", said(json!({ "iss": ISSUER })), untrusted),
        ("signed with another key", impostor, untrusted),
        ("a manifest", built().manifest, invalid),
        ("of a bearer token's typ", typed("JWT"), invalid),
        ("with a fourth part", format!("{}.AAAA", signed(seq, hash, NOW)), invalid),
    ];
    let rows: Vec<Json> = rows
        .into_iter()
        .map(|(name, head, outcome)| json!({ "name": name, "head": head, "outcome": outcome }))
        .collect();
    json!({ "now": now().as_seconds(), "heads": rows })
}

fn without(mut claims: Json, claim: &str) -> Json {
    claims.as_object_mut().unwrap().remove(claim).unwrap();
    claims
}

fn include_list(built: &Built) -> String {
    let lines: String = built
        .segments
        .iter()
        .map(|(name, _)| format!("    include_bytes!(\"{}\"),\n", name.object_name()))
        .collect();
    format!("[\n{lines}]\n")
}

fn bless(files: &BTreeMap<String, Vec<u8>>) {
    let segments = vectors().join("snapshot/segments");
    if segments.exists() {
        fs::remove_dir_all(&segments).unwrap();
    }
    fs::create_dir_all(&segments).unwrap();
    for (path, bytes) in files {
        fs::write(vectors().join(path), bytes).unwrap();
    }
}

fn pretty(document: &Json) -> Vec<u8> {
    format!("{document:#}\n").into_bytes()
}

fn read(path: &str) -> String {
    fs::read_to_string(vectors().join(path)).unwrap()
}

fn vectors() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

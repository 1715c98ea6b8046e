//! Writes what the fuzz targets and `tests/fuzz.rs` start from into `fuzz/corpus/`: a token of every algorithm, the set of
//! their keys, and two keys as PEM. Every run makes another RSA key, so that all of it changes together.
//!
//! With the argument `lists`, it writes manifests and segments instead, from those in `tests/vectors/lists`.
//!
//! What is nasty about claims, key sets and configurations was written by hand and stands in the same folders.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "whoever makes seeds reads what went wrong")]

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::algorithms::{
    ECDSAP256KeyPairLike as _, ECDSAP256kKeyPairLike as _, ECDSAP384KeyPairLike as _, ES256KeyPair,
    ES256kKeyPair, ES384KeyPair, Ed25519KeyPair, EdDSAKeyPairLike as _, HS256Key, HS384Key, HS512Key,
    MACLike as _, PS256KeyPair, PS384KeyPair, PS512KeyPair, RS256KeyPair, RS384KeyPair, RS512KeyPair,
    RSAKeyPairLike as _,
};
use jwt_simple::claims::JWTClaims;
use ml_dsa::signature::{Keypair as _, Signer as _};
use ml_dsa::{KeyExport as _, MlDsa44, MlDsa65, MlDsa87, MlDsaParams};
use revocable::Algorithm;
use serde_json::{Map, Value, json};

fn main() {
    if std::env::args().nth(1).as_deref() == Some("lists") {
        return lists();
    }
    let rsa = RS256KeyPair::generate(2048).unwrap().to_pem().unwrap();
    let mut keys = Vec::new();
    for algorithm in Algorithm::ALL {
        let name = algorithm.name();
        let (token, mut jwk) = sign(*algorithm, &rsa);
        write(&format!("token/{name}.jwt"), &token);
        jwk["kid"] = json!(name);
        jwk["alg"] = json!(name);
        keys.push(jwk);
    }
    write("jwks/every-algorithm.json", &format!("{:#}\n", json!({ "keys": keys })));
    write("pem/rsa.pem", &RS256KeyPair::from_pem(&rsa).unwrap().public_key().to_pem().unwrap());
    write("pem/ed25519.pem", &ed25519().public_key().to_pem());
}

/// Every list of the vectors: the manifest's payload, and the segments that are small; then some that break a rule.
fn lists() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/lists");
    let sorted = |folder: &Path| {
        let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    for list in sorted(&folder) {
        let name = list.file_name().unwrap().to_str().unwrap().to_owned();
        let manifest = fs::read_to_string(list.join("manifest.jwt")).unwrap();
        let payload = URL_SAFE_NO_PAD.decode(manifest.split('.').nth(1).unwrap()).unwrap();
        write_bytes(&format!("manifest/{name}.json"), &payload);
        let mut without: Value = serde_json::from_slice(&payload).unwrap();
        without["segments"] = json!([]);
        write_bytes(&format!("manifest/{name}-without-segments.json"), without.to_string().as_bytes());
        let segments = sorted(&list.join("segments")).into_iter().map(|path| fs::read(path).unwrap());
        let small = segments.filter(|bytes| bytes.len() < 5000).enumerate().take(2);
        small.for_each(|(nth, bytes)| write_bytes(&format!("segment/{name}-{nth}.bin"), &bytes));
    }
    let good = json!({
        "iss": "https://authority.example", "iat": 1_790_000_000_u64, "exp": 1_790_003_600_u64, "ttl": 60, "seq": 1,
        "hash": "sha-256-128", "salt": base64url([1; 16]), "epsilon": "2^-50", "covers": ["https://issuer.example"],
        "rules": [["jti"], ["aud", "sub"], ["@key"]], "segments": [], "recent": [],
    });
    let segment =
        json!({ "hash": "00".repeat(32), "rule": 0, "kind": "outright", "entries": 1, "bytes": 64 });
    let group = json!({ "rule": 0, "kind": "outright", "op": "add", "data": base64url([1; 16]) });
    let removes = json!({ "rule": 1, "kind": "cutoff", "op": "remove", "data": base64url([1; 16]) });
    let wrong = [
        ("overlap", "segments", json!([segment, segment])),
        ("twice-on-one-id", "recent", json!([group, group])),
        ("operations", "recent", json!([group, removes])),
        ("rule-twice", "rules", json!([["jti"], ["jti"]])),
        ("crit", "crit", json!(["recent"])),
        ("prev", "prev", json!("00".repeat(32))),
    ];
    for (name, member, value) in wrong {
        let mut changed = good.clone();
        changed[member] = value;
        write_bytes(&format!("manifest/{name}.json"), changed.to_string().as_bytes());
    }
    let header = |structure: u8, entries: u32, cells: u32| {
        let mut bytes =
            [b"RVOC\x03\0\0\x08".as_slice(), &entries.to_le_bytes(), &cells.to_le_bytes()].concat();
        bytes.extend([0, 0, 0, 0, 0, structure, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes
    };
    write_bytes("segment/zeros.bin", &[0; 512]);
    write_bytes("segment/huge-counts.bin", &[header(0, u32::MAX, u32::MAX), vec![0; 64]].concat());
    // A bucket of the first half has the count; evenly spread entries would be 64 before the middle.
    let block = |count: u8, middle: i16| {
        [vec![count], vec![0; 15], middle.to_le_bytes().to_vec(), vec![0; 16]].concat()
    };
    write_bytes("segment/no-entries-anywhere.bin", &[header(0, 2, 2), block(0, -64), vec![0; 10]].concat());
    write_bytes(
        "segment/all-in-one-bucket.bin",
        &[header(0, 2, 2), block(2, -62), vec![1, 2], vec![0; 8]].concat(),
    );
    write_bytes(
        "segment/one-more-than-counted.bin",
        &[header(0, 4, 4), block(3, -61), vec![1, 3, 2, 4], vec![0; 8]].concat(),
    );
    let crowd = [0, 0, 0, 0, 8, 0, 0, 0];
    write_bytes(
        "segment/crowd.bin",
        &[header(0, 8, 8), block(3, -61), vec![3, 2, 1, 4, 5, 6, 7, 8], crowd.to_vec(), vec![0; 8]].concat(),
    );
    write_bytes("segment/any-ribbon.bin", &[header(1, 127, 128), vec![0xa5; 128]].concat());
}

fn write_bytes(name: &str, bytes: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn write(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A good token whose `kid` is the algorithm's name, and the key that verifies it.
fn sign(algorithm: Algorithm, rsa: &str) -> (String, Value) {
    macro_rules! pair {
        ($pair:expr) => {{
            let pair = $pair.with_key_id(algorithm.name());
            (pair.sign(claims()).unwrap(), serde_json::from_str(&pair.public_key().to_jwk()).unwrap())
        }};
    }
    macro_rules! secret {
        ($key:ident) => {{
            let key = $key::from_bytes(&SECRET).with_key_id(algorithm.name());
            (key.authenticate(claims()).unwrap(), json!({ "kty": "oct", "k": base64url(SECRET) }))
        }};
    }
    match algorithm {
        Algorithm::HS256 => secret!(HS256Key),
        Algorithm::HS384 => secret!(HS384Key),
        Algorithm::HS512 => secret!(HS512Key),
        Algorithm::RS256 => pair!(RS256KeyPair::from_pem(rsa).unwrap()),
        Algorithm::RS384 => pair!(RS384KeyPair::from_pem(rsa).unwrap()),
        Algorithm::RS512 => pair!(RS512KeyPair::from_pem(rsa).unwrap()),
        Algorithm::PS256 => pair!(PS256KeyPair::from_pem(rsa).unwrap()),
        Algorithm::PS384 => pair!(PS384KeyPair::from_pem(rsa).unwrap()),
        Algorithm::PS512 => pair!(PS512KeyPair::from_pem(rsa).unwrap()),
        Algorithm::ES256 => pair!(ES256KeyPair::from_bytes(&SEED).unwrap()),
        Algorithm::ES384 => {
            pair!(ES384KeyPair::from_bytes(&[SEED.as_slice(), &SEED[..16]].concat()).unwrap())
        }
        Algorithm::ES256K => pair!(ES256kKeyPair::from_bytes(&SEED).unwrap()),
        Algorithm::EdDSA => pair!(ed25519()),
        Algorithm::ES512 => es512(),
        Algorithm::MLDSA44 => ml_dsa::<MlDsa44>(algorithm),
        Algorithm::MLDSA65 => ml_dsa::<MlDsa65>(algorithm),
        Algorithm::MLDSA87 => ml_dsa::<MlDsa87>(algorithm),
        other => unreachable!("{other:?} has no signer here"),
    }
}

fn ed25519() -> Ed25519KeyPair {
    let pair = ed25519_dalek::SigningKey::from_bytes(&SEED).to_keypair_bytes();
    Ed25519KeyPair::from_bytes(&pair).unwrap()
}

/// jwt-simple has no P-521.
fn es512() -> (String, Value) {
    let mut scalar = [1; 66];
    scalar[0] = 0;
    let key = p521::ecdsa::SigningKey::from_slice(&scalar).unwrap();
    let point = key.verifying_key().to_sec1_point(false);
    let jwk = json!({
        "kty": "EC", "crv": "P-521", "x": base64url(point.x().unwrap()), "y": base64url(point.y().unwrap()),
    });
    let input = signing_input(Algorithm::ES512);
    let signature: p521::ecdsa::Signature = key.sign(input.as_bytes());
    (format!("{input}.{}", base64url(signature.to_bytes())), jwk)
}

fn ml_dsa<P: MlDsaParams>(algorithm: Algorithm) -> (String, Value) {
    let key = ml_dsa::SigningKey::<P>::from_seed(&SEED.into());
    let input = signing_input(algorithm);
    let signature = base64url(key.sign(input.as_bytes()).encode());
    let jwk = json!({ "kty": "AKP", "pub": base64url(key.verifying_key().to_bytes()) });
    (format!("{input}.{signature}"), jwk)
}

fn signing_input(algorithm: Algorithm) -> String {
    let header = json!({ "alg": algorithm.name(), "kid": algorithm.name(), "typ": "JWT" });
    format!("{}.{}", base64url(header.to_string()), base64url(payload().to_string()))
}

/// For jwt-simple to sign, word for word.
fn claims() -> JWTClaims<Map<String, Value>> {
    JWTClaims {
        issued_at: None,
        expires_at: None,
        invalid_before: None,
        issuer: None,
        subject: None,
        audiences: None,
        jwt_id: None,
        nonce: None,
        custom: payload().as_object().unwrap().clone(),
    }
}

fn payload() -> Value {
    json!({
        "iss": "https://issuer.example", "aud": ["api", "admin"], "sub": "alice", "client_id": "app-1",
        "jti": "t-1", "scope": "read write", "iat": 1_789_999_990, "nbf": 1_789_999_990.5, "exp": 1_790_000_600,
    })
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

const SEED: [u8; 32] = [7; 32];
const SECRET: [u8; 64] = [9; 64];

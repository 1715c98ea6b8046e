//! What several suites share: issuers and their keys, tokens by an independent signer, snapshots, outcomes as text.

#![allow(dead_code, reason = "no suite uses all of it")]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::algorithms::{
    ECDSAP256KeyPairLike, ES256KeyPair, Ed25519KeyPair, EdDSAKeyPairLike, HS256Key, MACLike,
};
use jwt_simple::claims::JWTClaims;
use p256::ecdsa::signature::Signer as _;
use revocable::config::VerifierConfig;
use revocable::publish::{Built, Publisher, Revocation, Signed, SigningKey, Update};
use revocable::{Decision, Error, Jwks, Offer, Revocations, Salt, Secrets, SegmentName, UnixTime, Verifier};
use serde_json::{Map, Value, json};

/// The second at which every test takes place.
pub(crate) const SECONDS: u64 = 1_790_000_000;
pub(crate) const NOW: UnixTime = UnixTime::from_seconds(SECONDS);
pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const OTHER_ISSUER: &str = "https://other.example";
pub(crate) const AUTHORITY: &str = "https://authority.example";
pub(crate) const SALT: Salt = Salt::from_bytes([1; 16]);

/// So many seconds after [`NOW`], or before.
pub(crate) fn seconds(after: f64) -> f64 {
    1_790_000_000.0 + after
}

/// The issuer's signing key; its `kid` is `issuer-1`.
pub(crate) fn issuer_key() -> ES256KeyPair {
    ES256KeyPair::from_bytes(&[7; 32]).unwrap().with_key_id("issuer-1")
}

/// Somebody else's key, with the same `kid` as the issuer's.
pub(crate) fn other_key() -> ES256KeyPair {
    ES256KeyPair::from_bytes(&[8; 32]).unwrap().with_key_id("issuer-1")
}

/// A shared secret; its `kid` is `secret-1`.
pub(crate) fn secret() -> HS256Key {
    HS256Key::from_bytes(&[9; 32]).with_key_id("secret-1")
}

/// The key that signs the lists of [`AUTHORITY`].
pub(crate) fn authority_key() -> SigningKey {
    SigningKey::from_seed([7; 32])
}

pub(crate) fn public_jwk(key: &ES256KeyPair) -> Value {
    serde_json::from_str(&key.public_key().to_jwk()).unwrap()
}

pub(crate) fn secret_jwk() -> Value {
    json!({ "kty": "oct", "kid": "secret-1", "k": base64url([9; 32]) })
}

/// What the rule `["@key"]` calls a key, computed by jwt-simple (RFC 7638).
pub(crate) fn thumbprint(key: &ES256KeyPair) -> String {
    key.public_key().jwk_thumbprint()
}

/// One issuer with an ES256 key and a secret, and one authority that may speak for it.
pub(crate) fn config() -> Value {
    json!({
        "issuers": [{ "issuer": ISSUER, "jwks": { "keys": [public_jwk(&issuer_key()), secret_jwk()] } }],
        "lists": [list(AUTHORITY, &authority_key(), &[ISSUER])],
    })
}

/// The same, with these fields of the issuer set.
pub(crate) fn config_with(fields: Value) -> Value {
    let mut config = config();
    merge(&mut config["issuers"][0], fields);
    config
}

pub(crate) fn list(authority: &str, key: &SigningKey, speaks_for: &[&str]) -> Value {
    let key: Value = serde_json::from_str(&key.to_public_jwk()).unwrap();
    json!({ "issuer": authority, "keys": { "keys": [key] }, "for": speaks_for })
}

pub(crate) fn build(config: &Value) -> Result<Verifier, Error> {
    VerifierConfig::parse(&config.to_string())?.build()
}

/// A verifier of [`config`] that has a snapshot with these revocations.
pub(crate) fn verifier(lines: &[Value]) -> Verifier {
    verifier_of(&config(), lines)
}

pub(crate) fn verifier_of(config: &Value, lines: &[Value]) -> Verifier {
    let mut verifier = build(config).unwrap();
    install(&mut verifier, &publish(1, lines), NOW).unwrap();
    verifier
}

/// Claims of a good token: its `jti` is `t-1`, it is `alice`'s for `app-1`, ten seconds old and good for ten minutes.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "alice", "azp": "app-1", "jti": "t-1", "iat": SECONDS - 10, "exp": SECONDS + 600,
    })
}

pub(crate) fn claims_with(changes: Value) -> Value {
    let mut claims = claims();
    merge(&mut claims, changes);
    claims
}

pub(crate) fn claims_without(claim: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(claim).unwrap();
    claims
}

fn merge(into: &mut Value, changes: Value) {
    let Value::Object(changes) = changes else { panic!("changes are an object") };
    into.as_object_mut().unwrap().extend(changes);
}

/// A token signed by the issuer through jwt-simple's own calls.
pub(crate) fn token(claims: Value) -> String {
    issuer_key().sign(jwt_claims(claims)).unwrap()
}

pub(crate) fn hs256(claims: Value) -> String {
    secret().authenticate(jwt_claims(claims)).unwrap()
}

/// Claims for jwt-simple to sign, word for word.
pub(crate) fn jwt_claims(claims: Value) -> JWTClaims<Map<String, Value>> {
    let Value::Object(custom) = claims else { panic!("claims are an object") };
    JWTClaims {
        issued_at: None,
        expires_at: None,
        invalid_before: None,
        issuer: None,
        subject: None,
        audiences: None,
        jwt_id: None,
        nonce: None,
        custom,
    }
}

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token whose header and payload jwt-simple would not write, with a good signature.
pub(crate) fn raw(header: &str, payload: impl AsRef<[u8]>, key: &ES256KeyPair) -> String {
    let input = format!("{}.{}", base64url(header), base64url(payload));
    let signature: p256::ecdsa::Signature = key.key_pair().as_ref().sign(input.as_bytes());
    format!("{input}.{}", base64url(signature.to_bytes()))
}

/// [`raw`] with the header of a good token.
pub(crate) fn raw_payload(payload: impl AsRef<[u8]>) -> String {
    raw(r#"{"alg":"ES256","kid":"issuer-1"}"#, payload, &issuer_key())
}

/// A JWS signed with an Ed25519 key of this seed.
pub(crate) fn raw_eddsa(header: &Value, payload: &Value, seed: [u8; 32]) -> String {
    let pair = ed25519_dalek::SigningKey::from_bytes(&seed);
    let input = format!("{}.{}", base64url(header.to_string()), base64url(payload.to_string()));
    format!("{input}.{}", base64url(pair.sign(input.as_bytes()).to_bytes()))
}

/// A token signed by jwt-simple's Ed25519.
pub(crate) fn eddsa(claims: Value, seed: [u8; 32], kid: &str) -> String {
    let pair = ed25519_dalek::SigningKey::from_bytes(&seed);
    Ed25519KeyPair::from_bytes(&pair.to_keypair_bytes())
        .unwrap()
        .with_key_id(kid)
        .sign(jwt_claims(claims))
        .unwrap()
}

/// A revocation of the issuer's, outright.
pub(crate) fn outright(rule: &[&str], values: Value) -> Value {
    json!({ "rule": rule, "issuer": ISSUER, "values": values })
}

/// A revocation of the issuer's tokens issued before an instant.
pub(crate) fn cutoff(rule: &[&str], values: Value, before: Value) -> Value {
    json!({ "rule": rule, "issuer": ISSUER, "values": values, "before": before })
}

/// A publisher of [`AUTHORITY`] that covers the issuer and knows these revocations.
pub(crate) fn publisher(lines: &[Value]) -> Publisher {
    let mut publisher = Publisher::new(AUTHORITY, SALT, NOW).cover(ISSUER);
    for line in lines {
        publisher.add(&Revocation::from_json(&line.to_string()).unwrap());
    }
    publisher
}

pub(crate) fn publish(seq: u64, lines: &[Value]) -> Built {
    publisher(lines).seq(seq).finish(&authority_key()).unwrap()
}

/// The snapshot after the one of a manifest, made of what changed: with the segments that are new.
pub(crate) fn update(previous: &str, lines: &[Value]) -> Built {
    update_at(NOW, previous, lines, |_| None).unwrap()
}

pub(crate) fn update_at(
    now: UnixTime,
    previous: &str,
    lines: &[Value],
    segment: impl FnMut(&SegmentName) -> Option<Vec<u8>>,
) -> Result<Built, Error> {
    let keys = Jwks::parse(authority_key().to_public_jwk().as_bytes(), Secrets::Ignore)?;
    let mut update = Update::following(previous.as_bytes(), &keys, AUTHORITY, now)?;
    for line in lines {
        update.add(&Revocation::from_json(&line.to_string())?)?;
    }
    let (signed, segments) = update.finish(&authority_key(), segment)?;
    let Signed { manifest, seq, entries, expired, .. } = signed;
    // Of a kind that only the publisher makes.
    let mut built = publish(0, &[]);
    (built.manifest, built.segments) = (manifest, segments);
    (built.seq, built.entries, built.expired) = (seq, entries, expired);
    Ok(built)
}

/// Puts a snapshot in force.
pub(crate) fn install(verifier: &mut Verifier, built: &Built, now: UnixTime) -> Result<(), Error> {
    let lists = verifier.revocations_mut().unwrap();
    match offer(lists, built, now)? {
        Offer::Unchanged => Ok(()),
        Offer::Newer(mut incoming) => {
            for (name, bytes) in &built.segments {
                // Those that confirm are read when they are needed.
                if incoming.length(name).is_some() {
                    incoming.supply(bytes.clone())?;
                }
            }
            lists.accept(*incoming, now)
        }
    }
}

pub(crate) fn offer(lists: &mut Revocations, built: &Built, now: UnixTime) -> Result<Offer, Error> {
    lists.offer(built.manifest.as_bytes(), now)
}

/// `allow`, `deny ERR_…` or `unavailable ERR_…`.
pub(crate) fn outcome(decision: &Decision) -> String {
    match decision {
        Decision::Allow(_) => "allow".to_owned(),
        Decision::Deny(refused) => format!("deny {}", refused.error.code().as_str()),
        Decision::Unavailable(refused) => format!("unavailable {}", refused.error.code().as_str()),
    }
}

/// The outcome of a token at [`NOW`].
pub(crate) fn verdict(verifier: &Verifier, token: &str) -> String {
    outcome(&verifier.verify(token, NOW))
}

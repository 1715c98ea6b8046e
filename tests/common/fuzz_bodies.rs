//! What each fuzz target does with its bytes, and what must hold of any bytes. `fuzz/` gives them libFuzzer's,
//! `tests/fuzz.rs` a corpus and random changes of it.
//!
//! A body that returns has found nothing wrong; one that panics has. How much memory it may take, `tests/fuzz.rs` checks.

#![allow(dead_code, reason = "each fuzz target uses one")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a surprise is what is looked for"
)]

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use revocable::config::{GateConfig, VerifierConfig};
use revocable::engine::{self, Engines};
use revocable::{
    Algorithm, Answer, Claims, Decision, Discovery, Error, Expectations, Fetched, Freshness, Jwks, KeyCache,
    KeyOptions, Material, MissingIssuer, Profile, Progress, Secrets, UnixTime, Unverified, Verifier, danger,
};
use serde_json::{Value, json};
use sha2::Sha256;

/// The time at which every body runs: the corpus's tokens are good then.
pub(crate) const NOW: UnixTime = UnixTime::from_seconds(1_790_000_000);
pub(crate) const ISSUER: &str = "https://issuer.example";

/// A token: read, given to the key it names, held to its issuer's expectations.
///
/// Both readings agree on what is a token; one that is read has this spelling alone; one that is allowed has the claims that
/// were read, and is in force. A host that says of no signature that it fits lets none pass.
pub(crate) fn token(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let decoded = danger::decode_unverified(text);
    let parsed = Unverified::parse(text);
    if let Ok((header, payload)) = &decoded {
        let (spelled, signature) = text.rsplit_once('.').expect("three parts");
        let (_, claims) = spelled.split_once('.').expect("three parts");
        assert!(text.starts_with(&format!("{}.", base64url(header.text()))), "a second spelling");
        assert_eq!(base64url(URL_SAFE_NO_PAD.decode(claims).expect("base64url")), claims);
        assert_eq!(base64url(URL_SAFE_NO_PAD.decode(signature).expect("base64url")), signature);
        let (text, claims) = (header.text(), URL_SAFE_NO_PAD.decode(claims).expect("base64url"));
        for (text, read) in [(text, header.members()), (&claims, payload)] {
            let another: Value = serde_json::from_slice(text).expect("another reader reads it too");
            assert_eq!(another.as_object(), Some(read), "and finds the same");
        }
    }
    match (&parsed, &decoded) {
        (Ok(parsed), Ok((header, _))) => assert_eq!(parsed.header(), header),
        // Whether it has extensions that nobody understands is all that the two readings may differ in.
        (Err(parsed), Ok((header, _))) => {
            assert!(
                header.members().contains_key("crit") || header.members().contains_key("b64"),
                "{parsed}"
            );
        }
        (Err(parsed), Err(decoded)) => assert_eq!(parsed, decoded),
        (Ok(_), Err(decoded)) => panic!("what cannot be read was parsed: {decoded}"),
    }
    let verifier = verifier();
    let decision = verifier.verify(text, NOW);
    match &decision {
        Decision::Allow(allowed) => {
            assert_eq!(Some(allowed.claims.payload()), decoded.as_ref().ok().map(|(_, payload)| payload));
            is_in_force(&allowed.claims);
        }
        refused => coded(refused.error().expect("a refusal has a reason")),
    }
    let _ = verifier.remedy(text, &decision, NOW);

    let asking = asking_verifier();
    for answer in [Answer::DoesNotFit, Answer::KeyUnusable, Answer::UnknownAlgorithm, Answer::Unavailable] {
        let mut progress = asking.start(text, NOW);
        while let Progress::Asking(question) = progress {
            assert!(question.question().key().is_some());
            progress = asking.resume(*question, answer, NOW);
            assert!(!matches!(&progress, Progress::Decided(Decision::Allow(_))), "nobody said that it fits");
        }
    }
}

/// The payload of a token that is signed: it is read and held to three sets of expectations.
///
/// Whatever passes is in force, is from whom it may be from, and says the same to another reader of its text.
pub(crate) fn claims(payload: &[u8]) {
    let token = signed(r#"{"alg":"HS256","kid":"HS256","typ":"at+jwt"}"#, payload);
    let jwks = keys();
    let everything = Expectations::any_issuer()
        .missing_issuer(MissingIssuer::Accept)
        .require_exp(false)
        .subject(["alice"])
        .audience(["api"])
        .typ("application/at+jwt")
        .max_token_age(3600)
        .clock_tolerance(60)
        .required_claims(["sub", "toString"])
        .scopes(["read"])
        .equal_claims([("tenant", json!({ "a": [1, 1.5, null] }))]);
    let lax = Expectations::any_issuer().missing_issuer(MissingIssuer::Accept).require_exp(false);
    let profile = Expectations::new(ISSUER).audience(["api"]).profile(Profile::Rfc9068);
    for expected in [Expectations::new(ISSUER), everything, lax, profile] {
        let Ok(unverified) = Unverified::parse(&token) else { return };
        let authentic = unverified.select(jwks, &[]).and_then(|selected| selected.verify());
        match authentic.expect("it is signed").check_claims(&expected, NOW) {
            Ok(claims) => {
                assert_eq!(claims.text(), payload);
                assert_eq!(
                    serde_json::from_slice::<Value>(payload).expect("JSON").as_object(),
                    Some(claims.payload())
                );
                if expected.issuers().is_some() {
                    assert_eq!(claims.issuer(), ISSUER);
                    is_in_force(&claims);
                }
                let _ = (claims.scopes(), claims.client(), claims.subject(), claims.token_id());
                let _ = claims.deserialize::<Registered>();
            }
            Err(error) => coded(&error),
        }
    }
    let _ = verifier().verify(&token, NOW);
}

/// A key set, a single key, a metadata document, or keys that were saved.
///
/// A set that is taken has a key, each key stands for an algorithm, and none fits a signature of zeros.
pub(crate) fn jwks(document: &[u8]) {
    for secrets in [Secrets::Ignore, Secrets::Allow] {
        for algorithms in [&[][..], Algorithm::ALL] {
            match Jwks::parse_with(document, &KeyOptions { algorithms, ..KeyOptions::new(secrets) }) {
                Ok(jwks) => is_usable(&jwks),
                Err(error) => coded(&error),
            }
        }
    }
    if let Err(error) = Material::parse(document) {
        coded(&error);
    }
    for how in [Discovery::OpenId, Discovery::OAuth] {
        let cache = KeyCache::discovered(ISSUER, how, Vec::new(), engine::DEFAULT).expect("a good name");
        take(cache, document);
    }
    take(KeyCache::remote("https://issuer.example/jwks".to_owned(), Vec::new(), engine::DEFAULT), document);
}

/// A PEM text.
pub(crate) fn pem(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for alg in Algorithm::ALL.iter().copied().map(Some).chain([None]) {
        match Jwks::from_pem(text, Some("k"), alg, &KeyOptions::new(Secrets::Allow)) {
            Ok(jwks) => is_usable(&jwks),
            Err(error) => coded(&error),
        }
    }
}

/// A configuration document, of a verifier and of a gate.
pub(crate) fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // It is the operator's own document, so that what is wrong in it is named as he wrote it.
    let named = |error: Error| {
        assert!(error.code().as_str().starts_with("ERR_"), "{error}");
        assert!(error.to_string().len() < 400 + 2 * text.len(), "{error}");
    };
    let _ = VerifierConfig::parse(text).and_then(|config| config.build()).map_err(named);
    let secret = |name: &str| (name == "HMAC").then(|| "a secret that is as long as the hash".to_owned());
    let _ = GateConfig::parse(text).and_then(|config| config.build(secret)).map_err(named);
}

/// The claims as a type of the caller's.
#[derive(serde::Deserialize)]
struct Registered {
    #[serde(rename = "sub")]
    _sub: String,
    #[serde(rename = "aud", default)]
    _aud: Vec<String>,
}

fn take(mut cache: KeyCache, document: &[u8]) {
    let fetch = cache.next_fetch(NOW).expect("there is a URL");
    let fetched = Fetched { document, asked_at: NOW, freshness: Freshness::default() };
    match cache.install(&fetch, &fetched, NOW) {
        Ok(Some(next)) => assert!(next.url().starts_with("https://") || next.url().starts_with("http://")),
        Ok(None) => is_usable(cache.current(NOW).expect("just installed")),
        Err(error) => coded(&error),
    }
    let _ = cache.seed(document, NOW);
}

fn is_usable(jwks: &Jwks) {
    assert!(jwks.len() > 0);
    // Four are as good as all: libFuzzer wants many runs a second.
    for key in jwks.iter().take(4) {
        let algorithms: Vec<Algorithm> = key.algorithms().collect();
        assert!(!algorithms.is_empty());
        for algorithm in algorithms {
            for length in [0, 64, 132, 256] {
                assert_eq!(key.verify(algorithm, b"signed", &vec![0; length]), Some(false), "{key:?}");
            }
        }
    }
}

/// What the expectations say by default.
fn is_in_force(claims: &Claims) {
    let (exp, nbf, iat) = (claims.expires_at(), claims.not_before(), claims.issued_at());
    assert!(exp.is_some_and(|exp| exp > NOW.minus_seconds(5)), "{exp:?}");
    assert!(nbf.is_none_or(|nbf| nbf <= NOW.plus_seconds(5)), "{nbf:?}");
    assert!(iat.is_none_or(|iat| iat <= NOW.plus_seconds(5)), "{iat:?}");
    assert_eq!(claims.get("iss"), Some(&Value::from(ISSUER)));
}

fn coded(error: &Error) {
    assert!(error.code().as_str().starts_with("ERR_"), "{error}");
    assert!(error.to_string().len() < 400, "a message is short, whatever was sent: {error}");
}

/// The keys of the corpus, one of every algorithm.
pub(crate) const KEYS: &str = include_str!("../../fuzz/corpus/jwks/every-algorithm.json");

fn keys() -> &'static Jwks {
    static KEPT: OnceLock<Jwks> = OnceLock::new();
    KEPT.get_or_init(|| Jwks::parse(KEYS.as_bytes(), Secrets::Allow).expect("the corpus's own keys"))
}

/// A verifier that trusts the corpus's keys.
pub(crate) fn verifier() -> &'static Verifier {
    static KEPT: OnceLock<Verifier> = OnceLock::new();
    KEPT.get_or_init(|| build(engine::DEFAULT))
}

/// One that leaves all signatures but HMACs to the host.
pub(crate) fn asking_verifier() -> &'static Verifier {
    static KEPT: OnceLock<Verifier> = OnceLock::new();
    KEPT.get_or_init(|| build(engine::SMALL))
}

fn build(engines: Engines) -> Verifier {
    let jwks: Value = serde_json::from_str(KEYS).expect("JSON");
    let config = json!({ "issuers": [{ "issuer": ISSUER, "jwks": jwks }], "lists": [] });
    let config = VerifierConfig::parse(&config.to_string()).expect("a good configuration");
    config.build_with(engines).expect("the corpus's own keys")
}

/// A token signed with the corpus's secret.
pub(crate) fn signed(header: &str, payload: &[u8]) -> String {
    let input = format!("{}.{}", base64url(header), base64url(payload));
    let mut mac = Hmac::<Sha256>::new_from_slice(&[9; 64]).expect("of any length");
    mac.update(input.as_bytes());
    format!("{input}.{}", base64url(mac.finalize().into_bytes()))
}

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

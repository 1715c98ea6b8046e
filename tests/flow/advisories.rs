//! What other libraries had to mend, each with a test: why the same does not work here.
//!
//! A number is given where the advisory has one that is known for certain; the others are described.

use std::collections::BTreeSet;

use hmac::{Hmac, KeyInit as _, Mac as _};
use jwt_simple::algorithms::{ECDSAP256KeyPairLike as _, MACLike as _};
use p256::ecdsa::signature::Signer as _;
use serde_json::{Value, json};
use sha2::Sha256;

use revocable::config::GateConfig;
use revocable::{ClaimFault, Code, Decision, Error, Jwks, Secrets, Verifier};

use crate::common::*;

const SIGNATURE: &str = "deny ERR_JWS_SIGNATURE_VERIFICATION_FAILED";
const NOT_ALLOWED: &str = "deny ERR_JOSE_ALG_NOT_ALLOWED";
const NO_KEY: &str = "deny ERR_JWKS_NO_MATCHING_KEY";
const UNREADABLE: &str = "deny ERR_JWS_INVALID";
const CLAIM: &str = "deny ERR_JWT_CLAIM_VALIDATION_FAILED";
const HEADER: &str = r#"{"alg":"ES256","kid":"issuer-1"}"#;
/// A key of every algorithm; their `kid` is its name.
const EVERY_KEY: &str = include_str!("../../fuzz/corpus/jwks/every-algorithm.json");
/// The same key in several spellings.
const PEMS: &str = include_str!("../pem/keys.json");

/// An HS256 token, by any bytes as the secret: jwt-simple refuses weak ones.
fn hmac_by(secret: &[u8], kid: Option<&str>) -> String {
    let mut header = json!({ "alg": "HS256" });
    if let Some(kid) = kid {
        header["kid"] = json!(kid);
    }
    let input = format!("{}.{}", base64url(header.to_string()), base64url(claims().to_string()));
    let mac = Hmac::<Sha256>::new_from_slice(secret).unwrap().chain_update(&input);
    format!("{input}.{}", base64url(mac.finalize().into_bytes()))
}

/// A header of any kind before the good claims, with any bytes as the signature.
fn with_signature(header: &Value, signature: impl AsRef<[u8]>) -> String {
    format!("{}.{}.{}", base64url(header.to_string()), base64url(claims().to_string()), base64url(signature))
}

/// A verifier of these keys alone, with these fields of its issuer.
fn verifier_with(keys: &Value, fields: Value) -> Result<Verifier, Error> {
    let mut config = json!({ "issuers": [{ "issuer": ISSUER, "jwks": keys }], "lists": [] });
    config["issuers"][0].as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    build(&config)
}

fn pem(name: &str, spelling: &str) -> String {
    let keys: Value = serde_json::from_str(PEMS).unwrap();
    keys["keys"][name][spelling].as_str().unwrap().to_owned()
}

/// fast-jwt's cache, under a key that two tokens share: the second got the first one's claims. Nothing of a token is recognised
/// here but its header, and that by all of its characters.
#[test]
fn cache_key_collision() {
    let verifier = verifier(&[]);
    let (alice, bob) = (token(claims()), token(claims_with(json!({ "sub": "bob" }))));
    let forged = raw(HEADER, claims().to_string(), &other_key());
    let of_another = format!("{}.{}", bob.rsplit_once('.').unwrap().0, alice.rsplit_once('.').unwrap().1);
    for _ in 0..3 {
        for (token, subject) in [(&alice, "alice"), (&bob, "bob")] {
            let Decision::Allow(allowed) = verifier.verify(token, NOW) else { panic!("a good token") };
            assert_eq!(allowed.claims.subject(), Some(subject));
        }
        assert_eq!(verdict(&verifier, &forged), SIGNATURE);
        assert_eq!(verdict(&verifier, &of_another), SIGNATURE);
        let expired = verifier.verify(&alice, NOW.plus_seconds(1000));
        assert_eq!(outcome(&expired), "deny ERR_JWT_EXPIRED", "what was good is not good for ever");
        // Headers that differ in one character, between which nothing is confused.
        for (kid, expected) in [("issuer-1", "allow"), ("issuer-2", "deny ERR_JWKS_NO_MATCHING_KEY")] {
            let header = json!({ "alg": "ES256", "kid": kid, "typ": "JWT" }).to_string();
            assert_eq!(verdict(&verifier, &raw(&header, claims().to_string(), &issuer_key())), expected);
        }
    }
}

/// fast-jwt's `allowedIss`, `allowedAud` and their like as regular expressions: a claim could keep one busy for minutes, and
/// one without anchors matched a part. A value is a text here, and never a pattern.
#[test]
fn redos_by_claim_patterns() {
    let slow = "(a+)+$";
    let verifier =
        verifier_of(&config_with(json!({ "audience": [slow, ".*", "api"], "subject": "alice" })), &[]);
    let with = |aud: &str| verdict(&verifier, &token(claims_with(json!({ "aud": aud }))));
    assert_eq!(with(&format!("{}!", "a".repeat(8000))), CLAIM);
    for other in ["aaaa", "", "an api", "api.evil.example", "apI"] {
        assert_eq!(with(other), CLAIM, "{other}");
    }
    for same in [slow, ".*", "api"] {
        assert_eq!(with(same), "allow", "{same}");
    }
}

/// CVE-2015-9235 (jsonwebtoken), CVE-2022-29217 (PyJWT), CVE-2023-48223 (fast-jwt), and fast-jwt's after it, which a line
/// break before the PEM text led back to: a public key, told from a secret by how its text begins, verified HMACs.
#[test]
fn rsa_to_hmac_by_key_prefix() {
    let keys: Value = serde_json::from_str(PEMS).unwrap();
    let jwk = &keys["keys"]["rsa"]["jwk"];
    let mut secrets: Vec<Vec<u8>> =
        ["spki", "pkcs1", "certificate"].map(|spelling| pem("rsa", spelling).into_bytes()).to_vec();
    for text in secrets.clone() {
        let text = String::from_utf8(text).unwrap();
        secrets.extend(
            [text.trim().to_owned(), format!("\n{text}"), format!(" {text}"), text.replace('\n', "\r\n")]
                .map(String::into_bytes),
        );
    }
    secrets.extend([jwk.to_string().into_bytes(), jwk["n"].as_str().unwrap().as_bytes().to_vec()]);

    let fields = [json!({}), json!({ "algorithms": ["RS256", "HS256"] }), json!({ "algorithms": ["RS256"] })];
    let mut verifiers: Vec<Verifier> =
        fields.into_iter().map(|fields| verifier_with(jwk, fields).unwrap()).collect();
    for before in ["", "\n", "   \n", "Bag Attributes\n"] {
        for spelling in ["spki", "pkcs1", "certificate"] {
            let text = format!("{before}{}", pem("rsa", spelling));
            let issuer = json!({ "issuer": ISSUER, "pem": { "key": text, "kid": "rsa" } });
            verifiers.push(build(&json!({ "issuers": [issuer], "lists": [] })).unwrap());
        }
    }
    for verifier in &verifiers {
        for secret in &secrets {
            for kid in [None, Some("rsa"), Some("issuer-1")] {
                let verdict = verdict(verifier, &hmac_by(secret, kid));
                assert!([NOT_ALLOWED, NO_KEY].contains(&verdict.as_str()), "{verdict}");
            }
        }
    }
}

/// CVE-2022-23540 (jsonwebtoken): without a key, `null` for example, a token without a signature was verified.
#[test]
fn null_key() {
    for k in [json!(null), json!(false), json!(0), json!([]), json!({})] {
        assert!(verifier_with(&json!({ "kty": "oct", "k": k }), json!({})).is_err(), "{k}");
    }
    for keys in [
        json!(null),
        json!({}),
        json!([]),
        json!({ "keys": null }),
        json!({ "keys": [] }),
        json!({ "keys": [null] }),
    ] {
        assert!(verifier_with(&keys, json!({})).is_err(), "{keys}");
    }
    let config = json!({ "issuers": [{ "issuer": ISSUER }], "lists": [] });
    assert!(build(&config).is_err(), "no keys at all");
}

/// Several libraries: an empty secret, such as that of a variable that nobody set, verifies what anybody signs with it.
#[test]
fn empty_secret() {
    for k in ["", "AA", "c2hvcnQ"] {
        assert!(verifier_with(&json!({ "kty": "oct", "kid": "s", "k": k }), json!({})).is_err(), "{k}");
    }
    assert!(verifier_with(&json!({ "kty": "oct", "kid": "s" }), json!({})).is_err());
    for kid in [None, Some("secret-1"), Some("issuer-1")] {
        let refused = verdict(&verifier(&[]), &hmac_by(b"", kid));
        assert!([SIGNATURE, NOT_ALLOWED].contains(&refused.as_str()), "{refused}");
    }
    let by_reference = json!({ "kty": "oct", "kid": "s", "k": { "secret": "HMAC" } });
    let gate = json!({ "issuers": [{ "issuer": ISSUER, "jwks": by_reference }], "lists": [] }).to_string();
    for secret in [None, Some(String::new()), Some("short".to_owned())] {
        assert!(GateConfig::parse(&gate).unwrap().build(|_| secret.clone()).is_err(), "{secret:?}");
    }
    assert!(GateConfig::parse(&gate).unwrap().build(|_| Some(base64url([9; 32]))).is_ok());
}

/// CVE-2022-25898 (jsrsasign): characters that are not of base64url, and escaped ones, were skipped, so that a signed token
/// had any number of spellings.
#[test]
fn lax_base64url() {
    let verifier = verifier(&[]);
    let good = token(claims());
    assert_eq!(verdict(&verifier, &good), "allow");
    let parts: Vec<&str> = good.split('.').collect();
    for part in 0..3 {
        for strange in ["=", "==", "\n", " ", "\t", "!", "\\u0041", "%41", "\0", "\u{200b}", "+", "/"] {
            for at in [0, parts[part].len() / 2, parts[part].len()] {
                let mut changed: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
                changed[part].insert_str(at, strange);
                assert_eq!(verdict(&verifier, &changed.join(".")), UNREADABLE, "{strange:?}");
            }
        }
    }
}

/// CVE-2025-59420 (Authlib) and others: a critical extension that nobody understood was ignored.
#[test]
fn crit_ignored() {
    let signed = |header: &str| raw(header, claims().to_string(), &issuer_key());
    let unknown = signed(r#"{"alg":"ES256","kid":"issuer-1","crit":["x"],"x":1}"#);
    assert_eq!(verdict(&verifier(&[]), &unknown), "deny ERR_JOSE_NOT_SUPPORTED");
    let understanding = verifier_of(&config_with(json!({ "crit": ["y"] })), &[]);
    assert_eq!(verdict(&understanding, &unknown), "deny ERR_JOSE_NOT_SUPPORTED");
    let both = signed(r#"{"alg":"ES256","kid":"issuer-1","crit":["y","x"],"x":1,"y":1}"#);
    assert_eq!(verdict(&understanding, &both), "deny ERR_JOSE_NOT_SUPPORTED");
    let known = signed(r#"{"alg":"ES256","kid":"issuer-1","crit":["y"],"y":1}"#);
    assert_eq!(verdict(&understanding, &known), "allow");
    let detached = signed(r#"{"alg":"ES256","kid":"issuer-1","crit":["b64"],"b64":false}"#);
    assert_eq!(verdict(&verifier(&[]), &detached), "deny ERR_JWT_INVALID");
}

/// cloudflare-worker-jwt: what came after the third part was ignored.
#[test]
fn extra_segment() {
    let good = token(claims());
    for extra in [".", "..", ".x", ".AAAA", ".eyJhbGciOiJub25lIn0", ".AAAA.AAAA"] {
        assert_eq!(verdict(&verifier(&[]), &format!("{good}{extra}")), UNREADABLE, "{extra}");
        assert_eq!(verdict(&verifier(&[]), &format!("{extra}{good}")), UNREADABLE, "{extra}");
    }
}

/// Libraries in JavaScript that ask `name in claims`: every object has a `toString`, so that it was never missing.
#[test]
fn inherited_names_as_required_claims() {
    for name in ["toString", "constructor", "hasOwnProperty", "valueOf", "__proto__", "length"] {
        for field in ["requiredClaims", "requireClaims"] {
            let verifier = verifier_of(&config_with(json!({ field: [name] })), &[]);
            assert_eq!(verdict(&verifier, &token(claims())), CLAIM, "{name}");
            assert_eq!(verdict(&verifier, &token(claims_with(json!({ name: "x" })))), "allow", "{name}");
        }
    }
}

/// CVE-2022-21449 (Java): an ECDSA signature of `r` = `s` = 0 fitted everything.
#[test]
fn psychic_signatures() {
    let keys = serde_json::from_str(EVERY_KEY).unwrap();
    let verifier = verifier_with(&keys, json!({})).unwrap();
    for (alg, bytes) in [("ES256", 32), ("ES384", 48), ("ES512", 66), ("ES256K", 32)] {
        let header = json!({ "alg": alg, "kid": alg });
        let (zero, one) = (vec![0; bytes], [vec![0; bytes - 1], vec![1]].concat());
        for (r, s) in [(&zero, &zero), (&zero, &one), (&one, &zero), (&one, &one)] {
            assert_eq!(
                verdict(&verifier, &with_signature(&header, [&r[..], s].concat())),
                SIGNATURE,
                "{alg}"
            );
        }
        let der_of_zeros = [0x30, 6, 2, 1, 0, 2, 1, 0];
        assert_eq!(verdict(&verifier, &with_signature(&header, der_of_zeros)), SIGNATURE, "{alg}");
    }
}

/// Many libraries, one spelling of `none` after the other.
#[test]
fn alg_none_in_any_spelling() {
    let verifiers =
        [verifier(&[]), verifier_with(&serde_json::from_str(EVERY_KEY).unwrap(), json!({})).unwrap()];
    let spellings =
        ["none", "None", "NONE", "nOnE", "none ", " none", "none\0", "n\u{0585}ne", "ｎｏｎｅ", "null", ""];
    for alg in spellings {
        for verifier in &verifiers {
            for header in [json!({ "alg": alg }), json!({ "alg": alg, "kid": "issuer-1" })] {
                for signature in [&b""[..], &[0; 32], &[0; 64]] {
                    let verdict = verdict(verifier, &with_signature(&header, signature));
                    assert!(
                        [NOT_ALLOWED, NO_KEY, UNREADABLE].contains(&verdict.as_str()),
                        "{alg:?}: {verdict}"
                    );
                }
            }
        }
    }
    let allowed = verifier_with(&secret_jwk(), json!({ "algorithms": ["none"] }));
    assert!(allowed.is_err(), "nobody can allow it");
}

/// A `kid` that is put into a path, a query or a command (`/dev/null` as the file of an empty secret is the classic): it is
/// compared with names here, and reaches no message.
#[test]
fn kid_injection() {
    let verifier = verifier(&[]);
    for kid in [
        "../../../dev/null",
        "/dev/null",
        "x' UNION SELECT 'key",
        "$(id)",
        "|id",
        "\0",
        "issuer-1\0",
        "https://evil.example/jwks",
        "*",
        ".*",
        "ISSUER-1",
        "issuer-1 ",
        "__proto__",
    ] {
        let decision = verifier.verify(&hmac_by(b"", Some(kid)), NOW);
        assert_eq!(outcome(&decision), NO_KEY, "{kid:?}");
        assert!(!decision.error().unwrap().to_string().contains(kid), "{kid:?}");
    }
}

/// CVE-2018-0114 (node-jose): the key in the header verified the token that brought it along.
#[test]
fn keys_in_the_header() {
    let verifier = verifier(&[]);
    let jwk = public_jwk(&other_key());
    let url = "https://evil.example/keys";
    for (brought, value) in [
        ("jwk", jwk.clone()),
        ("jwk", public_jwk(&issuer_key())),
        ("jku", json!(url)),
        ("x5u", json!(url)),
        ("x5c", json!([pem("p256", "certificate")])),
        ("x5t#S256", json!(thumbprint(&other_key()))),
    ] {
        let mut header = json!({ "alg": "ES256", brought: value });
        let forged = raw(&header.to_string(), claims().to_string(), &other_key());
        let decision = verifier.verify(&forged, NOW);
        assert_eq!(outcome(&decision), SIGNATURE, "{brought}");
        assert_eq!(
            verifier.remedy(&forged, &decision, NOW),
            None,
            "nothing is fetched from where a token says"
        );
        header["kid"] = json!("evil");
        assert_eq!(verdict(&verifier, &raw(&header.to_string(), claims().to_string(), &other_key())), NO_KEY);
    }
}

/// Libraries that take ECDSA signatures raw and in DER: two spellings, and a parser of DER more to trust.
#[test]
fn ecdsa_signature_in_der() {
    let good = raw(HEADER, claims().to_string(), &issuer_key());
    let input = good.rsplit_once('.').unwrap().0;
    let signature: p256::ecdsa::Signature = issuer_key().key_pair().as_ref().sign(input.as_bytes());
    let der = format!("{input}.{}", base64url(signature.to_der()));
    assert_eq!(verdict(&verifier(&[]), &format!("{input}.{}", base64url(signature.to_bytes()))), "allow");
    assert_eq!(verdict(&verifier(&[]), &der), SIGNATURE);
}

/// CVE-2017-15361 (ROCA): a generator in smart cards made RSA keys whose moduli can be factored, and bear a mark.
#[test]
fn roca_keys() {
    const SUITE: &str = include_str!("../vectors/suites/json_web_key.json");
    let suite: Value = serde_json::from_str(SUITE).unwrap();
    let groups = suite["groups"].as_array().unwrap();
    let marked = groups.iter().find(|group| group["comment"] == "jws_rsa_roca_key").unwrap();
    let key = &marked["jwks"]["keys"][0];
    let Err(error) = Jwks::parse(key.to_string().as_bytes(), Secrets::Ignore) else { panic!("taken in") };
    assert_eq!(error.code(), Code::JwkInvalid);
    assert!(error.to_string().contains("generator"), "{error}");
}

/// Weak RSA keys: short ones, small exponents (Bleichenbacher's forgery of 2006), even moduli. Two moduli that share a factor
/// are not recognised: nothing here factors.
#[test]
fn weak_rsa_keys() {
    let keys: Value = serde_json::from_str(PEMS).unwrap();
    let good = keys["keys"]["rsa"]["jwk"].clone();
    assert!(verifier_with(&good, json!({})).is_ok());
    let n = good["n"].as_str().unwrap();
    let even = format!("{}g", &n[..n.len() - 1]);
    let changes = [
        json!({ "n": &n[..n.len() / 2] }),
        json!({ "n": even }),
        json!({ "n": "" }),
        json!({ "n": "AQ" }),
        json!({ "n": format!("AAAA{}", &n[..n.len() / 2 - 1]) }),
        json!({ "n": "_".repeat(11_000) }),
        json!({ "e": "AQ" }),
        json!({ "e": "Aw" }),
        json!({ "e": "AQAC" }),
        json!({ "e": "AAAA" }),
        json!({ "e": "" }),
        json!({ "e": n }),
    ];
    for change in changes {
        let mut weak = good.clone();
        weak.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        assert!(verifier_with(&weak, json!({})).is_err(), "{change}");
    }
}

/// One verifier of many issuers, where the key was found by `kid` alone: who held one issuer's key signed for the others.
#[test]
fn algorithm_confusion_between_issuers() {
    let config = json!({
        "issuers": [
            { "issuer": ISSUER, "jwks": public_jwk(&issuer_key()) },
            { "issuer": OTHER_ISSUER, "jwks": { "kty": "oct", "kid": "issuer-1", "k": base64url([9; 32]) } },
        ],
        "lists": [],
    });
    let verifier = build(&config).unwrap();
    let of = |issuer: &str| claims_with(json!({ "iss": issuer }));
    let by_secret =
        |issuer: &str| secret().with_key_id("issuer-1").authenticate(jwt_claims(of(issuer))).unwrap();
    assert_eq!(verdict(&verifier, &token(of(ISSUER))), "allow");
    assert_eq!(verdict(&verifier, &by_secret(OTHER_ISSUER)), "allow");
    assert_eq!(verdict(&verifier, &by_secret(ISSUER)), NOT_ALLOWED);
    assert_eq!(verdict(&verifier, &token(of(OTHER_ISSUER))), NOT_ALLOWED);
    assert_eq!(verdict(&verifier, &hs256(claims_without("iss"))), "deny ERR_JWT_ISSUER_UNKNOWN");
}

/// Comparisons with what is no number are false, so that `exp < now` never came true, and a negative or huge date wrapped.
#[test]
fn dates_that_are_no_dates() {
    let verifier = verifier_of(&config_with(json!({ "requireExp": false })), &[]);
    for date in [
        "-1",
        "-1e300",
        "1e300",
        "253402300800",
        "18446744073709551616",
        "\"1790000600\"",
        "\"NaN\"",
        "null",
        "true",
        "[1790000600]",
        "{}",
    ] {
        for claim in ["exp", "nbf", "iat"] {
            let payload = format!(r#"{{"iss":"{ISSUER}","jti":"t-1","{claim}":{date}}}"#);
            let decision = verifier.verify(&raw_payload(payload), NOW);
            let malformed = Error::ClaimInvalid { claim: claim.into(), reason: ClaimFault::Malformed };
            assert_eq!(decision.error(), Some(&malformed), "{claim}: {date}");
        }
    }
    for date in ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "0x6AB1A2C0", "+1790000600"] {
        let payload = format!(r#"{{"iss":"{ISSUER}","jti":"t-1","exp":{date}}}"#);
        assert_eq!(verdict(&verifier, &raw_payload(payload)), "deny ERR_JWT_INVALID", "{date}");
    }
}

/// Comparing tags byte by byte tells by the time how many are right. Tags are compared in constant time by the library
/// (`Mac::verify_slice`), and one that is right as far as it goes is none: that much can be seen without a clock.
#[test]
fn partly_right_tags() {
    let good = hs256(claims());
    let (input, tag) = good.rsplit_once('.').unwrap();
    let tag = base64_decoded(tag);
    let verifier = verifier(&[]);
    let mut verdicts = BTreeSet::new();
    for at in 0..tag.len() {
        let mut wrong = tag.clone();
        wrong[at] ^= 1;
        verdicts.insert(verdict(&verifier, &format!("{input}.{}", base64url(wrong))));
        if at > 0 {
            verdicts.insert(verdict(&verifier, &format!("{input}.{}", base64url(&tag[..at]))));
        }
    }
    assert_eq!(verdicts, BTreeSet::from([SIGNATURE.to_owned()]));
    assert_eq!(verdict(&verifier, &good), "allow");
}

fn base64_decoded(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// CVE-2024-53861 (PyJWT): a part of the issuer's name was enough. CVE-2025-30144 (fast-jwt): so was a list with it.
#[test]
fn issuer_by_a_part_or_in_a_list() {
    let verifier = verifier(&[]);
    let others = [
        json!("https://"),
        json!("issuer.example"),
        json!(""),
        json!(format!("{ISSUER}.evil.example")),
        json!([ISSUER]),
        json!(["https://evil.example", ISSUER]),
        json!({ ISSUER: true }),
        json!(null),
    ];
    for iss in others {
        assert_eq!(
            verdict(&verifier, &token(claims_with(json!({ "iss": iss })))),
            "deny ERR_JWT_ISSUER_UNKNOWN",
            "{iss}"
        );
    }
}

/// CVE-2020-26160 (jwt-go): a list where a text was expected became an empty text, and that passed for no audience.
#[test]
fn audience_of_another_type() {
    let verifier = verifier_of(&config_with(json!({ "audience": "api" })), &[]);
    for aud in [
        json!([]),
        json!([""]),
        json!(""),
        json!(null),
        json!([["api"]]),
        json!([null]),
        json!({ "api": "api" }),
    ] {
        assert_eq!(verdict(&verifier, &token(claims_with(json!({ "aud": aud })))), CLAIM, "{aud}");
    }
}

/// CVE-2025-30204 (golang-jwt): a token of nothing but dots was split into all of its parts before they were counted.
#[test]
fn a_million_segments() {
    for dots in [3, 1000, 16 * 1024, 1_000_000] {
        assert_eq!(verdict(&verifier(&[]), &".".repeat(dots)), UNREADABLE, "{dots}");
    }
}

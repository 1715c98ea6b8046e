//! What each fuzz target does with its bytes, and what must hold of any bytes. `fuzz/` gives them libFuzzer's,
//! `tests/fuzz.rs` a corpus and random changes of it.
//!
//! A body that returns has found nothing wrong; one that panics has. How much memory it may take, `tests/fuzz.rs` checks.

#![allow(dead_code, reason = "each fuzz target uses one")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a surprise is what is looked for"
)]

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use revocable::authority::{
    Authority, Credentials, EventRefusal, Fault, Form, Introspector, Listing, Order, Permission, Posted,
    Refusal, Retraction, RevokeRequest,
};
use revocable::config::{GateConfig, VerifierConfig};
use revocable::engine::{self, Engines};
use revocable::gate::{Gate, RequestHeaders};
use revocable::limits::{MAX_LAYERS, MAX_RECENT, MAX_RULES, MAX_SEGMENT_BYTES, MAX_SEQ, MAX_TABLES};
use revocable::publish::SigningKey;
use revocable::{
    Algorithm, Answer, Claims, Decision, Discovery, Entry, Error, Expectations, Fetched, Freshness, Heard,
    Id, Interval, Jwks, KeyCache, KeyOptions, Kind, Manifest, Material, MissingIssuer, Offer, Offered,
    OfferedHead, Profile, Progress, Rule, Salt, Secrets, Segment, SegmentRef, UnixTime, Unverified, Verifier,
    Wanted, danger,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The time at which every body runs: the corpus's tokens are good then.
pub(crate) const NOW: UnixTime = UnixTime::from_seconds(1_790_000_000);
pub(crate) const ISSUER: &str = "https://issuer.example";
const AUTHORITY: &str = "https://authority.example";

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
    let secret = |name: &str| match name {
        "HMAC" => Some("a secret that is as long as the hash".to_owned()),
        "AUTHORITY_KEY" => Some(signing_key().to_jwk()),
        _ => None,
    };
    let _ = GateConfig::parse(text).and_then(|config| config.build(secret)).map_err(named);
}

/// The payload of a manifest whose signature the host vouches for.
///
/// One that is taken keeps every limit, names no id twice and no key range twice in a layer; put in force, it answers.
pub(crate) fn manifest(payload: &[u8]) {
    let header = r#"{"alg":"EdDSA","kid":"EdDSA","typ":"revocations+jwt"}"#;
    let text = format!("{}.{}.{}", base64url(header), base64url(payload), base64url([0; 64]));
    let config = json!({
        "issuers": [{ "issuer": ISSUER, "jwks": serde_json::from_str::<Value>(KEYS).expect("JSON") }],
        "lists": [{ "issuer": AUTHORITY, "keys": list_key(), "for": [ISSUER] }],
    });
    let config = VerifierConfig::parse(&config.to_string()).expect("a good configuration");
    let mut verifier = config.build_with(engine::SMALL).expect("the corpus's own keys");
    let lists = verifier.revocations_mut().expect("one list");
    let offered = match lists.start(text.as_bytes()) {
        Ok(Offered::Asking(asking)) => asking.answer(Answer::Fits),
        Ok(Offered::Authentic(_)) => panic!("a signature of zeros"),
        Err(error) => return coded(&error),
    };
    let Ok(Offered::Authentic(authentic)) = offered else { panic!("the host said that it fits") };
    let incoming = match lists.consider(authentic, NOW) {
        Ok(Offer::Newer(incoming)) => incoming,
        Ok(Offer::Unchanged) => panic!("there is none yet"),
        Err(error) => return coded(&error),
    };
    is_within_limits(incoming.manifest());
    let has_segments = !incoming.manifest().segments().is_empty();
    let missing = incoming.missing();
    assert!(
        missing.iter().all(|name| incoming.length(name).is_some_and(|length| length <= MAX_SEGMENT_BYTES))
    );
    match lists.accept(*incoming, NOW) {
        Ok(()) => assert!(missing.is_empty()),
        Err(error) => return coded(&error),
    }
    let token = signed(
        r#"{"alg":"HS256","kid":"HS256"}"#,
        br#"{"iss":"https://issuer.example","sub":"alice","jti":"t-1","aud":["a","b"],"exp":1790000600}"#,
    );
    let decision = verifier.verify(&token, NOW);
    assert!(decision.snapshot().is_some(), "{decision:?}");
    assert!(has_segments || decision.lacking().is_empty(), "it is whole");
}

/// A head, as it is and as the payload of one whose signature the host vouches for.
///
/// One that is taken keeps every limit, and without a list in force it wants the manifest that it names.
pub(crate) fn head(bytes: &[u8]) {
    let config = json!({
        "issuers": [{ "issuer": ISSUER, "jwks": serde_json::from_str::<Value>(KEYS).expect("JSON") }],
        "lists": [{ "issuer": AUTHORITY, "keys": list_key(), "for": [ISSUER] }],
    });
    let config = VerifierConfig::parse(&config.to_string()).expect("a good configuration");
    let mut verifier = config.build_with(engine::SMALL).expect("the corpus's own keys");
    let lists = verifier.revocations_mut().expect("one list");
    if let Err(error) = lists.start_head(bytes) {
        coded(&error);
    }
    let header = r#"{"alg":"EdDSA","kid":"EdDSA","typ":"revocations-head+jwt"}"#;
    let text = format!("{}.{}.{}", base64url(header), base64url(bytes), base64url([0; 64]));
    assert!(lists.start(text.as_bytes()).is_err(), "a head is no manifest");
    let asking = match lists.start_head(text.as_bytes()) {
        Ok(OfferedHead::Asking(asking)) => asking,
        Ok(OfferedHead::Authentic(_)) => panic!("a signature of zeros"),
        Err(error) => return coded(&error),
    };
    let Ok(OfferedHead::Authentic(authentic)) = asking.answer(Answer::Fits) else {
        panic!("the host said that it fits")
    };
    match authentic.read(NOW) {
        Ok(head) => {
            assert!(head.seq() <= MAX_SEQ && head.expires_at() > NOW);
            assert!(head.expires_at() <= head.issued_at().plus_seconds(60));
            let wanted = Wanted { seq: head.seq(), hash: *head.manifest() };
            assert_eq!(lists.heard(&head, NOW, NOW), Ok(Heard::Newer(wanted)));
            assert_eq!(lists.heard_at(), None);
        }
        Err(error) => coded(&error),
    }
}

fn is_within_limits(manifest: &Manifest) {
    assert!(manifest.covers(ISSUER) && manifest.authority() == AUTHORITY && manifest.seq() <= MAX_SEQ);
    assert!(manifest.rules().len() <= MAX_RULES && manifest.tables().len() <= MAX_TABLES);
    let segments = manifest.segments();
    for (index, segment) in segments.iter().enumerate() {
        assert!(segment.layer < MAX_LAYERS && segment.table < manifest.tables().len());
        let alike = |other: &&SegmentRef| (other.table, other.layer) == (segment.table, segment.layer);
        // As many as libFuzzer has patience for.
        for other in segments.iter().skip(index + 1).take(50).filter(alike) {
            assert!(!segment.range.overlaps(&other.range));
        }
    }
    for table in manifest.tables() {
        let rule = &manifest.rules()[table.rule];
        assert_eq!(table.claim.is_some(), table.kind == Kind::Minimum);
        assert!(!rule.names_key() || table.kind == Kind::Outright);
    }
    let operations = || manifest.recent().iter();
    assert!(operations().map(|group| group.all().len()).sum::<usize>() <= MAX_RECENT);
    for group in operations() {
        assert!(group.all().windows(2).all(|pair| pair[0].0 < pair[1].0));
        let kind = manifest.tables()[group.table].kind;
        for (id, entry) in group.all() {
            assert_eq!(group.get(id), Some(*entry));
            assert!(entry.is_none_or(|entry| entry.kind() == kind));
        }
    }
}

/// The bytes of a segment.
///
/// One that opens answers of any id, and of those that lie outside of its key range with no. Where it lists its entries, there are
/// as many as it says; where it keeps every rule of its layout, each is found where it lies.
pub(crate) fn segment(bytes: &[u8]) {
    let segment = match Segment::open(bytes) {
        Ok(segment) => segment,
        Err(error) => return coded(&error),
    };
    let (bits, shard) = segment.range();
    for number in [0, 1, u128::MAX, u128::MAX / 3, 0x0123_4567_89ab_cdef << 64] {
        let id = Id::from_number(number);
        assert!(
            segment.get(&id).is_none_or(|entry| id.leading(bits) == shard && entry.kind() == segment.kind())
        );
    }
    let is_canonical = segment.check().is_ok();
    let Some(entries) = segment.iter() else { return };
    let mut count = 0;
    let mut before = None;
    for (Interval { from, to }, entry) in entries {
        count += 1;
        if is_canonical {
            assert!(before < Some(from) && from <= to);
            assert_eq!((segment.get(&from), segment.get(&to)), (Some(entry), Some(entry)));
            before = Some(to);
        }
    }
    assert_eq!(count, segment.entries());
}

/// What strangers send to the endpoints for tokens: a form, a query, the payload of a client's assertion and that of a security
/// event, whose signatures the host vouches for, and the claims of a token that is taken back.
///
/// Whatever is refused is refused with a status that is no fault of ours, in few words; whatever is to be recorded is read as it was
/// written, and is the sender's own.
pub(crate) fn door(bytes: &[u8]) {
    let _ = taken(bytes);
}

/// How much of it was taken: orders that were made of it, and clients that it proved.
pub(crate) fn taken(bytes: &[u8]) -> usize {
    let mut taken = 0;
    let gate = authority();
    let authority = gate.authority().expect("it is one");
    let type_of_forms = Some("application/x-www-form-urlencoded");
    match Form::parse(type_of_forms, bytes) {
        Ok(form) => {
            taken += form_of_client(authority, &form);
            for authorization in ["Basic YXBwLTE6c2Vjb25k", "Basic", "Bearer a"] {
                drop(authority.identify(Some(authorization), &form).map_err(|refusal| refused(&refusal)));
            }
        }
        Err(refusal) => refused(&refusal),
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Authority::logout_everywhere(Some(text)).map_err(|refusal| refused(&refusal));
        drop(authority.identify(Some(text), &Form::query("").expect("it is empty")));
        drop(authority.identify(
            Some(&format!("Basic {}", STANDARD.encode(text))),
            &Form::query("").expect("it is empty"),
        ));
    }
    let _ =
        Authority::event_token(Some("application/secevent+jwt"), bytes).map_err(|refusal| unheard(&refusal));

    let decision = vouched(authority.senders(), "secevent+jwt", bytes);
    match authority.event(&decision, NOW) {
        Ok(Some(order)) => {
            assert_eq!(order.actor, format!("events:{SENDER}"));
            assert!(order.once.is_some() && !order.changes.is_empty());
            recordable(&order);
            taken += 1;
        }
        Ok(None) => {}
        Err(refusal) => unheard(&refusal),
    }

    let header = base64url(r#"{"alg":"EdDSA","kid":"EdDSA","typ":"JWT"}"#);
    let assertion = format!("{header}.{}.{}", base64url(bytes), base64url([1; 64]));
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let form = format!("client_assertion={assertion}&client_assertion_type={kind}");
    if let Ok(Ok(Credentials::Asserted(asserted))) =
        Form::parse(type_of_forms, form.as_bytes()).map(|form| authority.identify(None, &form))
    {
        let decision = vouched(authority.assertions(), "JWT", bytes);
        match authority.asserted(&asserted, &decision, "https://gate.example/_revocable/revoke", NOW) {
            Ok(who) => {
                let once = who.once().expect("it is good for one request");
                assert_eq!((once.sender.as_str(), who.actor().as_str()), ("client:app-3", "client:app-3"));
                taken += 1;
                assert!(once.until >= NOW.as_seconds() && once.until <= NOW.as_seconds() + 311);
            }
            Err(refusal) => refused(&refusal),
        }
    }

    let token = signed(r#"{"alg":"HS256","kid":"HS256"}"#, bytes);
    let form = format!("client_id=app-1&client_secret=second&token={token}");
    if let Ok(form) = Form::parse(type_of_forms, form.as_bytes()) {
        taken += form_of_client(authority, &form);
    }
    if let Decision::Allow(allowed) = verifier().verify(&token, NOW) {
        for everywhere in [false, true] {
            match authority.logout(&allowed.claims, everywhere, NOW) {
                Ok(order) => {
                    recordable(&order);
                    taken += 1;
                }
                Err(error) => coded(&error),
            }
        }
    }
    taken
}

/// A form, as the endpoints for clients take it.
fn form_of_client(authority: &Authority, form: &Form) -> usize {
    let who = match authority.identify(None, form) {
        Ok(Credentials::Proved(who)) => who,
        Ok(Credentials::Asserted(_)) => return 0,
        Err(refusal) => {
            refused(&refusal);
            return 0;
        }
    };
    assert_eq!(who.actor(), "client:app-1", "it is the only one with a secret");
    let request = match RevokeRequest::of(form) {
        Ok(request) => request,
        Err(refusal) => {
            refused(&refusal);
            return 0;
        }
    };
    let verifier = verifier();
    let Progress::Decided(recognised) = verifier.start_recognising(request.token(), NOW) else {
        panic!("every engine is at hand")
    };
    let mut taken = 0;
    match authority.revoke(&who, &request, recognised, NOW) {
        Ok(Some(order)) => {
            recordable(&order);
            taken = 1;
        }
        Ok(None) => {}
        Err(refusal) => refused(&refusal),
    }
    let decision = verifier.verify(request.token(), NOW);
    let body = Authority::introspection(&Introspector::Client(who), &decision).expect("nothing is lacking");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert!(body["active"].is_boolean());
    assert!(body["active"] == true || body.as_object().is_some_and(|body| body.len() == 1));
    taken
}

fn refused(refusal: &Refusal) {
    assert!([400, 401, 413, 415].contains(&refusal.status()), "{refusal:?}");
    assert!(serde_json::from_str::<Value>(&refusal.answer(Vec::new()).body).is_ok());
}

fn unheard(refusal: &EventRefusal) {
    assert!([400, 413].contains(&refusal.status()), "{refusal:?}");
    assert!(refusal.description().len() < 400, "{refusal:?}");
}

fn recordable(order: &Order) {
    assert_eq!(Order::from_json(&order.to_json()).as_ref(), Ok(order));
    let latest = NOW.plus_seconds(1).as_millis();
    for wanted in &order.changes {
        assert_eq!(wanted.revocation.issuer(), ISSUER);
        let entry = wanted.revocation.entry().expect("nothing is taken back here");
        assert!(entry.kind() != Kind::Cutoff || entry.value() <= i64::try_from(latest).expect("of this age"));
    }
}

/// What becomes of a payload whose signature the host vouches for.
fn vouched(verifier: &Verifier, typ: &str, payload: &[u8]) -> Decision {
    let header = format!(r#"{{"alg":"EdDSA","kid":"EdDSA","typ":"{typ}"}}"#);
    let token = format!("{}.{}.{}", base64url(header), base64url(payload), base64url([1; 64]));
    let mut progress = verifier.start(&token, NOW);
    loop {
        match progress {
            Progress::Decided(decision) => return decision,
            Progress::Asking(asking) => progress = verifier.resume(*asking, Answer::Fits, NOW),
        }
    }
}

const SENDER: &str = "https://idp.example";

/// A gate that is an authority, leaves all signatures but HMACs to the host, and has two clients and a sender of events.
fn authority() -> &'static Gate {
    static KEPT: OnceLock<Gate> = OnceLock::new();
    KEPT.get_or_init(|| {
        let key = SigningKey::from_seed([7; 32]);
        let list: Value = serde_json::from_str(&key.to_public_jwk()).expect("JSON");
        let hash: String = Sha256::digest(b"second").iter().map(|byte| format!("{byte:02x}")).collect();
        let mut jwks: Value = serde_json::from_str(KEYS).expect("JSON");
        for jwk in jwks["keys"].as_array_mut().expect("keys").iter_mut().filter(|jwk| jwk["kty"] == "oct") {
            let name = jwk["k"].clone();
            jwk["k"] = json!({ "secret": name });
        }
        let config = json!({
            "issuers": [{ "issuer": ISSUER, "jwks": jwks }],
            "lists": [{ "issuer": AUTHORITY, "keys": list, "for": [ISSUER] }],
            "authority": {
                "signingKey": { "secret": "AUTHORITY_KEY" },
                "clients": [{ "id": "app-1", "secretHashes": [hash] }, { "id": "app-3", "jwks": list_key() }],
                "logout": { "everywhere": { "clients": ["app-1"] } },
                "events": [{
                    "issuer": SENDER, "audience": "https://gate.example", "jwks": list_key(),
                    "map": {
                        "urn:cutoff": {
                            "rule": ["sub"], "kind": "cutoff", "tokenIssuer": ISSUER, "values": ["sub_id.sub"], "at": "toe",
                        },
                        "urn:ended": { "rule": ["sid"], "kind": "outright", "tokenIssuer": ISSUER, "values": ["a.b"] },
                        "urn:version": {
                            "rule": ["sub"], "kind": "minimum", "tokenIssuer": ISSUER, "values": ["sub"],
                            "claim": "pwd_ver", "minimum": "version",
                        },
                    },
                }],
            },
        });
        let config = GateConfig::parse(&config.to_string()).expect("a good configuration");
        let secret = |name: &str| {
            Some(if name == "AUTHORITY_KEY" { key.to_jwk() } else { name.to_owned() })
        };
        config.build_with(engine::SMALL, secret).expect("the corpus's own keys")
    })
}

/// What names a target: `{ "rule": […], "issuer": "…", "values": […] }`.
///
/// Its id is the one that the table at `Id` makes, worked out here once more, and the order of the rule's members is nothing to it.
pub(crate) fn id(bytes: &[u8]) {
    let Ok(line) = serde_json::from_slice::<Value>(bytes) else { return };
    let texts = |list: &Value| {
        let list = list.as_array()?.iter().map(|one| one.as_str().map(str::to_owned));
        list.collect::<Option<Vec<String>>>()
    };
    let (Some(members), Some(issuer), Some(values)) =
        (texts(&line["rule"]), line["issuer"].as_str(), line["values"].as_array())
    else {
        return;
    };
    let rule = match Rule::new(members.clone()) {
        Ok(rule) => rule,
        Err(error) => return coded(&error),
    };
    let mut named: Vec<(String, &Value)> = members.into_iter().zip(values).collect();
    let backwards: Vec<String> = named.iter().rev().map(|(member, _)| member.clone()).collect();
    if named.len() == rule.members().len() {
        assert_eq!(Rule::new(backwards).expect("the same members"), rule);
    }
    named.sort_by(|(one, _), (other, _)| one.as_bytes().cmp(other.as_bytes()));
    let values: Option<Vec<revocable::Value<'_>>> =
        named.iter().map(|(_, value)| revocable::Value::from_json(value)).collect();
    let Some(values) = values.filter(|values| values.len() == rule.members().len()) else { return };
    let salt = Salt::from_bytes([3; 16]);
    let id = Id::new(salt, &rule, issuer, &values);
    let mut input = [b"s\x0b\0\0\0revocable/1x\x10\0\0\0".as_slice(), &[3; 16]].concat();
    let mut field = |tag: u8, length: usize, bytes: &[u8]| {
        input.push(tag);
        input.extend(u32::try_from(length).expect("a short one").to_le_bytes());
        input.extend(bytes);
    };
    field(b'l', named.len(), b"");
    named.iter().for_each(|(member, _)| field(b's', member.len(), member.as_bytes()));
    field(b's', issuer.len(), issuer.as_bytes());
    for value in &values {
        match value {
            revocable::Value::Text(text) => field(b's', text.len(), text.as_bytes()),
            revocable::Value::Integer(integer) => field(b'i', 8, &integer.to_le_bytes()),
            revocable::Value::Boolean(boolean) => field(b'b', 1, &[u8::from(*boolean)]),
        }
    }
    assert_eq!(id.as_bytes()[..], Sha256::digest(&input)[..16]);
    assert_eq!((Id::from_hex(&id.to_string()), Id::from_number(id.as_number())), (Some(id), id));
    for bits in 0..=16 {
        let leading = id.as_number().checked_shr(128 - u32::from(bits)).unwrap_or(0);
        assert_eq!(u128::from(id.leading(bits)), leading);
    }
}

/// What is sent to the admin API: a body, a query, the rest of a path, a header.
///
/// What is taken is of an issuer that the authority speaks for and cuts nothing off that is to come; the ledger reads it as it was
/// read; and no key is made up. What is refused names a place.
pub(crate) fn admin(bytes: &[u8]) {
    let authority = admin_authority();
    for (content_type, query) in
        [("application/json", ""), ("application/x-ndjson", ""), ("application/x-ndjson", "partial")]
    {
        let posted = Posted { content_type: Some(content_type), idempotency_key: None, query, body: bytes };
        let mut intake = match authority.intake(&posted, NOW) {
            Ok(intake) => intake,
            Err(fault) => {
                named(&fault);
                continue;
            }
        };
        let _ = (intake.wants(), intake.cost());
        let Some(order) = intake.order("key:ops") else {
            let answer = intake.answer(None, Vec::new());
            let body: Value = serde_json::from_str(&answer.body).expect("JSON");
            assert_eq!((body["recorded"].as_u64(), &body["seq"]), (Some(0), &Value::Null));
            continue;
        };
        for wanted in &order.changes {
            assert_eq!(wanted.revocation.issuer(), ISSUER);
            if let Some(Entry::Cutoff(before)) = wanted.revocation.entry() {
                assert!(before.as_millis() <= NOW.as_millis());
            }
        }
        assert_eq!(Order::from_json(&order.to_json()).as_ref(), Ok(&order));
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for log in [true, false] {
        match authority.listing(text, log) {
            Ok(listing) => assert_eq!(Listing::parse(&listing.to_query(), log).as_ref(), Ok(&listing)),
            Err(fault) => named(&fault),
        }
    }
    for (path, query, key) in [(text, "", None), ("7", text, None), ("7", "", Some(text))] {
        match authority.retraction("key:ops", path, query, key) {
            Ok(None) => {}
            Ok(Some(retraction)) => {
                assert_eq!(Retraction::from_json(&retraction.to_json()).as_ref(), Ok(&retraction));
                assert!((1..=MAX_SEQ).contains(&retraction.seq));
            }
            Err(fault) => named(&fault),
        }
    }
    let admitted = [
        authority.admit(Some(text), Permission::Read, NOW),
        authority.admit_request(&Authorization(text), Permission::Admin, NOW),
    ];
    for admitted in admitted {
        coded(&admitted.expect_err("nobody can know a key of ours"));
    }
}

/// A request with this `Authorization`, and nothing else.
struct Authorization<'a>(&'a str);

impl RequestHeaders for Authorization<'_> {
    fn header(&self, name: &str) -> Option<String> {
        (name == "authorization").then(|| self.0.to_owned())
    }
}

fn named(fault: &Fault) {
    assert!(matches!(fault.status(), 400 | 422) && !fault.field().is_empty(), "{fault:?}");
    let answer = fault.answer(Vec::new());
    assert!(serde_json::from_str::<Value>(&answer.body).is_ok() && answer.body.len() < 1000, "{fault:?}");
}

/// An authority for the corpus's issuer, with a key that nobody knows.
fn admin_authority() -> &'static Authority {
    static KEPT: OnceLock<Gate> = OnceLock::new();
    let gate = KEPT.get_or_init(|| {
        let jwks: Value = serde_json::from_str(KEYS).expect("JSON");
        let keys = jwks["keys"].as_array().expect("keys").iter().filter(|key| key["kty"] != "oct");
        let public: Value = serde_json::from_str(&signing_key().to_public_jwk()).expect("JSON");
        let config = json!({
            "issuers": [{ "issuer": ISSUER, "jwks": { "keys": keys.collect::<Vec<_>>() } }],
            "lists": [{ "issuer": AUTHORITY, "keys": public, "for": [ISSUER] }],
            "authority": {
                "signingKey": { "secret": "AUTHORITY_KEY" },
                "keys": [{ "id": "ops", "hash": "0".repeat(64), "may": "admin" }],
            },
        });
        let config = GateConfig::parse(&config.to_string()).expect("a good configuration");
        config.build(|_| Some(signing_key().to_jwk())).expect("the corpus's own keys")
    });
    gate.authority().expect("it is one")
}

fn signing_key() -> SigningKey {
    SigningKey::from_seed([7; 32])
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

/// The corpus's Ed25519 key, as that of a list.
fn list_key() -> Value {
    let keys: Value = serde_json::from_str(KEYS).expect("JSON");
    let keys = keys["keys"].as_array().expect("keys");
    json!({ "keys": keys.iter().filter(|key| key["alg"] == "EdDSA").collect::<Vec<_>>() })
}

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

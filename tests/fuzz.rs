//! The bodies of the fuzz targets (`fuzz/`) on the stable toolchain: over a corpus that is kept, and over random changes of
//! it. No bytes make them panic or take more memory than is written down here.
//!
//! A failing input is kept in `tests/fuzz.regressions`. That it takes bounded time follows from the limits on input
//! ([`revocable::limits`]), each of which is tested where it is applied; nothing here is timed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a test may stop at the first surprise"
)]

#[path = "common/fuzz_bodies.rs"]
mod bodies;
#[path = "common/memory.rs"]
mod memory;

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::FileFailurePersistence;
use revocable::limits::{MAX_JWKS_BYTES, MAX_PEM_BYTES, MAX_TOKEN_BYTES};
use revocable::{Algorithm, Decision};

use bodies::{NOW, verifier};

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// A target: what reads the bytes, how many of them it reads at most, and how much memory one call may take beyond what was
/// taken before it.
///
/// The memory was measured with what costs the most of all that is known, and rounded up: see
/// `what_takes_the_most_memory_stays_within_its_bound`. It took 3.3 MiB, 1.9 MiB, 16.1 MiB, 190 KiB and 7.1 MiB. Most of it
/// is room in objects of one member: an object has room for eleven from its first one on.
#[derive(Clone, Copy, Debug)]
struct Target {
    name: &'static str,
    body: fn(&[u8]),
    input: usize,
    memory: usize,
}

const TOKEN: Target = Target { name: "token", body: bodies::token, input: MAX_TOKEN_BYTES, memory: 4 * MIB };
/// What is left of a token for its payload.
const CLAIMS: Target = Target { name: "claims", body: bodies::claims, input: 12_000, memory: 3 * MIB };
const JWKS: Target = Target { name: "jwks", body: bodies::jwks, input: MAX_JWKS_BYTES, memory: 24 * MIB };
const PEM: Target = Target { name: "pem", body: bodies::pem, input: MAX_PEM_BYTES, memory: 512 * KIB };
/// Nobody but the operator writes one, so it has no limit of its own but those of JSON.
const CONFIG: Target = Target { name: "config", body: bodies::config, input: 64 * KIB, memory: 12 * MIB };

/// What is left of a manifest for its payload.
const MANIFEST: Target =
    Target { name: "manifest", body: bodies::manifest, input: 128 * KIB, memory: 24 * MIB };
/// More than it may have, as the payload of one that is signed.
const HEAD: Target = Target { name: "head", body: bodies::head, input: 6000, memory: 3 * MIB };
/// As it stands, so that nothing is taken for it.
const SEGMENT: Target = Target { name: "segment", body: bodies::segment, input: 64 * KIB, memory: KIB };
const ID: Target = Target { name: "id", body: bodies::id, input: 16 * KIB, memory: 4 * MIB };

/// A form is the longest of what it is.
const DOOR: Target = Target { name: "door", body: bodies::door, input: 64 * KIB, memory: 16 * MIB };

/// Less than its bodies may have: what ten thousand lines take is measured here, and each of them is read by itself.
const ADMIN: Target = Target { name: "admin", body: bodies::admin, input: 64 * KIB, memory: 24 * MIB };

const TARGETS: [Target; 11] = [TOKEN, CLAIMS, JWKS, PEM, CONFIG, MANIFEST, HEAD, SEGMENT, ID, DOOR, ADMIN];

/// The files of a corpus, by name.
type Corpus = Vec<(String, Vec<u8>)>;

impl Target {
    /// Gives it bytes, more than it reads included, and holds it to its bound.
    fn run(self, bytes: &[u8]) -> usize {
        let peak = memory::peak_of(|| (self.body)(bytes));
        assert!(peak <= self.memory, "{} took {peak} bytes for {} bytes", self.name, bytes.len());
        peak
    }

    /// The files of its corpus.
    fn corpus(self) -> &'static [(String, Vec<u8>)] {
        static KEPT: [OnceLock<Corpus>; TARGETS.len()] = [const { OnceLock::new() }; TARGETS.len()];
        let place = TARGETS.iter().position(|target| target.name == self.name);
        KEPT[place.unwrap()].get_or_init(|| {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(self.name);
            let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            let mut files: Corpus = files
                .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap()))
                .collect();
            files.sort();
            assert!(files.len() >= 5, "{} has a corpus", self.name);
            files
        })
    }

    /// Random changes of a file of its corpus, some of them larger than it reads.
    fn changed(self) -> impl Strategy<Value = Vec<u8>> {
        let seed = any::<Index>().prop_map(move |index| index.get(self.corpus()).1.clone());
        (seed, vec(change(self), 1..6)).prop_map(move |(mut bytes, changes)| {
            for change in changes {
                change.apply(&mut bytes, self);
            }
            bytes.truncate(self.input + 100);
            bytes
        })
    }
}

/// One change of some bytes.
#[derive(Clone, Debug)]
enum Change {
    FlipBit(Index, u8),
    Set(Index, u8),
    Truncate(Index),
    Remove(Index, Index),
    Insert(Index, &'static [u8]),
    /// A part of another file of the corpus.
    Splice(Index, Index, Index, Index),
    /// A part of the bytes, again and again; up to more than the target reads.
    Repeat(Index, Index, Index),
    /// Of a token: this change within what a part spells.
    Within(usize, Box<Change>),
}

/// What means something to the readers.
const WORDS: &[&[u8]] = &[
    b"\0",
    b"\"",
    b"\\",
    b"{",
    b"[",
    b"]}",
    b",",
    b".",
    b"=",
    b"-",
    b"\n",
    b"e999",
    b"-1",
    b"1.7900006e9",
    b"18446744073709551616",
    b"null",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\\ud800",
    b"\\u0000",
    b"\"crit\":[\"exp\"],",
    b"\"b64\":false,",
    b"\"kid\":\"HS256\",",
    b"\"alg\":\"none\",",
    b"\"alg\":\"HS256\",",
    b"\"__proto__\":{},",
    b"-----BEGIN CERTIFICATE-----",
    b"-----END PUBLIC KEY-----",
    b"{\"\":0},",
    b"[[",
    b"{\"keys\":[",
    b"\"recent\":[",
    b"\"segments\":[",
    b"\"exact\":{",
    b",\"bits\":16,\"shard\":65535",
    b",\"kind\":\"minimum\",\"claim\":\"a\"",
    b"RVOC\x03",
    b"\xff\xff\xff\xff",
];

fn change(target: Target) -> impl Strategy<Value = Change> {
    let simple = prop_oneof![
        (any::<Index>(), 0_u8..8).prop_map(|(at, bit)| Change::FlipBit(at, bit)),
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        any::<Index>().prop_map(Change::Truncate),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Change::Remove(from, to)),
        (any::<Index>(), prop::sample::select(WORDS)).prop_map(|(at, word)| Change::Insert(at, word)),
        (any::<Index>(), any::<Index>(), any::<Index>(), any::<Index>())
            .prop_map(|(at, file, from, to)| Change::Splice(at, file, from, to)),
        (any::<Index>(), any::<Index>(), any::<Index>())
            .prop_map(|(from, to, times)| Change::Repeat(from, to, times)),
    ];
    (simple, 0_usize..4).prop_map(move |(simple, part)| match part {
        3 => simple,
        part if target.name == "token" => Change::Within(part, Box::new(simple)),
        _ => simple,
    })
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>, target: Target) {
        if let Self::Within(part, change) = self {
            return change_part(bytes, *part, |decoded| change.apply(decoded, target));
        }
        if bytes.is_empty() {
            bytes.extend_from_slice(&target.corpus()[0].1);
        }
        match self {
            Self::FlipBit(at, bit) => {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            Self::Set(at, byte) => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Self::Truncate(at) => bytes.truncate(at.index(bytes.len())),
            Self::Remove(from, to) => {
                bytes.drain(range(bytes, *from, *to));
            }
            Self::Insert(at, word) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, word.iter().copied());
            }
            Self::Splice(at, file, from, to) => {
                let other = &file.get(target.corpus()).1;
                let at = at.index(bytes.len());
                bytes.splice(at..at, other[range(other, *from, *to)].iter().copied());
            }
            Self::Repeat(from, to, times) => {
                let range = range(bytes, *from, *to);
                let part = bytes[range.clone()].to_vec();
                let most = (target.input + 100) / part.len().max(1);
                let again = part.repeat(times.index(most.max(1)));
                bytes.splice(range.end..range.end, again);
            }
            Self::Within(..) => {}
        }
    }
}

/// Changes what one of a token's parts spells; a part that spells nothing stays as it is.
fn change_part(token: &mut Vec<u8>, part: usize, change: impl FnOnce(&mut Vec<u8>)) {
    use base64::Engine as _;
    let mut parts: Vec<Vec<u8>> = token.split(|byte| *byte == b'.').map(<[u8]>::to_vec).collect();
    let Some(text) = parts.get_mut(part) else { return };
    if let Ok(mut decoded) = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&*text) {
        change(&mut decoded);
        *text = bodies::base64url(decoded).into_bytes();
    }
    *token = parts.join(&b'.');
}

fn range(bytes: &[u8], one: Index, other: Index) -> std::ops::Range<usize> {
    let (one, other) = (one.index(bytes.len()), other.index(bytes.len()));
    one.min(other)..one.max(other)
}

fn config_of(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/fuzz.regressions"))),
        ..ProptestConfig::default()
    }
}

#[test]
fn the_corpus_makes_no_target_panic_or_take_more_memory_than_it_may() {
    for target in TARGETS {
        for (_, bytes) in target.corpus() {
            target.run(bytes);
        }
    }
}

#[test]
fn the_corpus_has_what_each_endpoint_takes() {
    for (name, most) in [
        ("cutoff.json", 1),
        ("ended.json", 1),
        ("later.json", 1),
        ("assertion.json", 1),
        ("token.json", 3),
        ("twice.form", 0),
    ] {
        let (_, bytes) = DOOR.corpus().iter().find(|(file, _)| file == name).unwrap();
        assert_eq!(bodies::taken(bytes), most, "{name}");
    }
}

#[test]
fn the_corpus_has_a_token_of_every_algorithm_that_is_allowed() {
    for algorithm in Algorithm::ALL {
        let decision = verifier().verify(&token_of(*algorithm), NOW);
        assert!(matches!(decision, Decision::Allow(_)), "{algorithm:?}: {decision:?}");
    }
}

fn token_of(algorithm: Algorithm) -> String {
    let name = format!("{}.jwt", algorithm.name());
    let file = TOKEN.corpus().iter().find(|(file, _)| *file == name);
    String::from_utf8(file.unwrap_or_else(|| panic!("no {name}")).1.clone()).unwrap()
}

#[test]
fn what_takes_the_most_memory_stays_within_its_bound() {
    let filled = |open: &str, part: &str, close: &str, bytes: usize| {
        let parts = (bytes - open.len() - close.len()) / part.len();
        format!("{open}{}{close}", part.repeat(parts)).into_bytes()
    };
    for (part, end) in [
        (r#"{"":0},"#, "0"),
        ("{},", "0"),
        ("0,", "0"),
        ("[0],", "0"),
        (r#"[{"":""}],"#, "0"),
        (r#""","#, "0"),
    ] {
        let close = format!("{end}]}}");
        CLAIMS.run(&filled(r#"{"a":["#, part, &close, CLAIMS.input));
        JWKS.run(&filled(r#"{"keys":["#, part, &close, JWKS.input));
        JWKS.run(&filled(r#"{"keys":["#, part, &close, 100_000));
        MANIFEST.run(&filled(r#"{"segments":["#, part, &close, MANIFEST.input));
        ID.run(&filled(r#"{"values":["#, part, &close, ID.input));
        DOOR.run(&filled(r#"{"events":{"urn:ended":["#, part, &format!("{end}]}}}}"), 12_000));
        ADMIN.run(&filled(r#"{"values":["#, part, &close, ADMIN.input));
        CONFIG.run(&filled(r#"{"issuers":["#, part, r#"{}],"lists":[]}"#, CONFIG.input));
        let header = filled(r#"{"alg":"HS256","kid":"HS256","a":["#, part, &close, 6000);
        let payload = filled(r#"{"a":["#, part, &close, 6000);
        TOKEN.run(bodies::signed(std::str::from_utf8(&header).unwrap(), &payload).as_bytes());
    }
    DOOR.run(&(0..8_000).flat_map(|number| format!("{number:x}=&").into_bytes()).collect::<Vec<u8>>());
    // As many keys as are read, each for as many algorithms as it can have.
    let key = r#"{"kty":"oct","k":"CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQ"},"#;
    JWKS.run(format!(r#"{{"keys":[{}{}]}}"#, key.repeat(254), key.trim_end_matches(',')).as_bytes());
    let every: serde_json::Value = serde_json::from_str(bodies::KEYS).unwrap();
    let rsa = every["keys"].as_array().unwrap().iter().find(|key| key["kty"] == "RSA").unwrap();
    let mut rsa = rsa.clone();
    rsa.as_object_mut().unwrap().remove("alg");
    JWKS.run(serde_json::json!({ "keys": vec![rsa; 256] }).to_string().as_bytes());
    // As many lines as are read, and a query of as many parameters as there is room for.
    ADMIN.run("x\n".repeat(10_000).as_bytes());
    ADMIN.run("{}\n".repeat(10_000).as_bytes());
    ADMIN.run(&filled("", "value=x&", "", ADMIN.input));
    PEM.run(&filled("-----BEGIN PUBLIC KEY-----", "AAAA", "-----END PUBLIC KEY-----", PEM.input));
    PEM.run(&filled("-----BEGIN CERTIFICATE-----", "MIIB", "-----END CERTIFICATE-----", PEM.input));
    PEM.run(&"-----BEGIN ".repeat(PEM.input / 11).into_bytes());
}

#[test]
fn what_is_longer_than_it_may_be_is_refused_for_hardly_any_memory() {
    // Nothing is kept of it but an error's text.
    for part in ["a", ".", "{", "eyJhbGciOiJIUzI1NiJ9."] {
        let token = part.repeat(16 * MIB / part.len());
        assert!(memory::peak_of(|| drop(verifier().verify(&token, NOW))) < KIB);
    }
    for part in ["{\"\":[", " ", "[0],"] {
        let document = part.repeat(16 * MIB / part.len()).into_bytes();
        assert!(
            memory::peak_of(|| drop(revocable::Jwks::parse(&document, revocable::Secrets::Ignore))) < KIB
        );
    }
    let pem = "-----BEGIN PUBLIC KEY-----\n".repeat(MIB);
    assert!(memory::peak_of(|| drop(revocable::Material::from_pem(&pem))) < KIB);
}

#[test]
fn memory_that_is_taken_is_counted() {
    let peak = memory::peak_of(|| {
        let first = std::hint::black_box(vec![1_u8; MIB]);
        drop(first);
        let mut second = std::hint::black_box(vec![1_u8; MIB]);
        second.reserve_exact(2 * MIB);
        drop(second);
    });
    assert!((3 * MIB..5 * MIB).contains(&peak), "{peak}");
    assert!(memory::peak_of(|| ()) == 0);
}

proptest! {
    #![proptest_config(config_of(1500))]

    #[test]
    fn no_change_of_a_token_makes_it_panic_or_take_more_memory(bytes in TOKEN.changed()) {
        TOKEN.run(&bytes);
    }

    #[test]
    fn no_change_of_claims_makes_them_panic_or_take_more_memory(bytes in CLAIMS.changed()) {
        CLAIMS.run(&bytes);
    }

    #[test]
    fn no_change_of_a_pem_text_makes_it_panic_or_take_more_memory(bytes in PEM.changed()) {
        PEM.run(&bytes);
    }

    #[test]
    fn no_change_of_a_manifest_makes_it_panic_or_take_more_memory(bytes in MANIFEST.changed()) {
        MANIFEST.run(&bytes);
    }

    #[test]
    fn no_change_of_a_head_makes_it_panic_or_take_more_memory(bytes in HEAD.changed()) {
        HEAD.run(&bytes);
    }

    #[test]
    fn no_change_of_a_segment_makes_it_panic_or_take_more_memory(bytes in SEGMENT.changed()) {
        SEGMENT.run(&bytes);
    }

    #[test]
    fn no_change_of_what_names_a_target_makes_it_panic_or_take_more_memory(bytes in ID.changed()) {
        ID.run(&bytes);
    }

    #[test]
    fn no_change_of_what_is_sent_to_the_endpoints_makes_them_panic_or_take_more_memory(bytes in DOOR.changed()) {
        DOOR.run(&bytes);
    }

    #[test]
    fn no_change_of_what_is_sent_to_the_admin_api_makes_it_panic_or_take_more_memory(bytes in ADMIN.changed()) {
        ADMIN.run(&bytes);
    }

    #[test]
    fn no_change_of_a_configuration_makes_it_panic_or_take_more_memory(bytes in CONFIG.changed()) {
        CONFIG.run(&bytes);
    }
}

proptest! {
    #![proptest_config(config_of(300))]

    #[test]
    fn no_change_of_a_key_set_makes_it_panic_or_take_more_memory(bytes in JWKS.changed()) {
        JWKS.run(&bytes);
    }
}

proptest! {
    // Each case verifies 68 signatures.
    #![proptest_config(config_of(100))]

    #[test]
    fn a_token_of_any_algorithm_with_any_byte_changed_is_refused(at in any::<Index>(), change in 1_u8..=255) {
        for algorithm in Algorithm::ALL {
            let token = token_of(*algorithm);
            // A byte of the text, and of what each part spells.
            let mut changed = vec![token.clone().into_bytes(); 4];
            let at_text = at.index(token.len());
            changed[3][at_text] ^= change;
            for (part, changed) in changed.iter_mut().take(3).enumerate() {
                change_part(changed, part, |decoded| {
                    let at = at.index(decoded.len());
                    decoded[at] ^= change;
                });
            }
            for changed in changed {
                prop_assert_ne!(&changed, token.as_bytes());
                let Ok(changed) = String::from_utf8(changed) else { continue };
                let decision = verifier().verify(&changed, NOW);
                prop_assert!(matches!(decision, Decision::Deny(_)), "{:?}: {}", algorithm, changed);
            }
        }
    }
}

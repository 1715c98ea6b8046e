//! The body of the fuzz target `input` on the stable toolchain: over a corpus that is kept, and over random changes of it. No
//! bytes make it panic or take more memory than is written down here.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may stop at the first surprise"
)]

mod bodies;
#[path = "../../../tests/common/memory.rs"]
mod memory;

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::FileFailurePersistence;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

/// Two lines of the greatest length.
const INPUT: usize = 128 * 1024;
/// Measured with what costs the most of all that is known, 6.2 MiB, and rounded up: a line full of small JSON values, each of
/// which takes many times its text.
const MEMORY: usize = 8 * 1024 * 1024;

fn corpus() -> &'static [Vec<u8>] {
    static KEPT: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    KEPT.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/input");
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(files.len() >= 5, "there is a corpus");
        files.into_iter().map(|file| fs::read(file).unwrap()).collect()
    })
}

fn run(bytes: &[u8]) {
    let peak = memory::peak_of(|| bodies::input(bytes));
    assert!(peak <= MEMORY, "it took {peak} bytes for {} bytes", bytes.len());
}

/// What means something to the readers.
const WORDS: &[&[u8]] = &[
    b"\n",
    b"\r\n",
    b",",
    b"\"",
    b"\"\"",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b" -1\n",
    b" -2\n",
    b"(integer) ",
    b"revoked:",
    b"jti,expires\n",
    b"before",
    b"minimum",
    b"claim",
    b"undo",
    b"true",
    b":integer",
    b":boolean",
    b"@key",
    b"1e400",
    b"9007199254740993",
    b"253402300800",
    b"-0",
    b"2026-09-21 14:13:20+00",
    b"{",
    b"[",
    b"]}",
    b"null",
    b"\\ud800",
    b"\"notBefore\":5,",
    b"\"realm\":\"r\",",
    b"{\"rule\":[],\"issuer\":\"i\",\"values\":[]}\n",
];

fn changed() -> impl Strategy<Value = Vec<u8>> {
    let change = (0_usize..5, any::<Index>(), any::<Index>(), any::<Index>());
    (any::<Index>(), vec(change, 1..8)).prop_map(|(seed, changes)| {
        let mut bytes = seed.get(corpus()).clone();
        for (what, one, other, third) in changes {
            if bytes.is_empty() {
                bytes.push(b'\n');
            }
            let (at, end) = (one.index(bytes.len()), other.index(bytes.len()));
            let range = at.min(end)..at.max(end);
            match what {
                0 => bytes[at] ^= 1 << third.index(8),
                1 => drop(bytes.drain(range)),
                2 => drop(bytes.splice(at..at, third.get(WORDS).iter().copied())),
                3 => {
                    let part = bytes[range.clone()].to_vec();
                    let again = part.repeat(third.index(INPUT / part.len().max(1) + 1));
                    bytes.splice(range.end..range.end, again);
                }
                _ => {
                    let file = third.get(corpus());
                    let from = other.index(file.len());
                    bytes.splice(at..at, file[from..].iter().copied());
                }
            }
        }
        bytes.truncate(INPUT + 100);
        bytes
    })
}

#[test]
fn the_corpus_does_not_make_it_panic_or_take_more_memory_than_it_may() {
    corpus().iter().for_each(|bytes| run(bytes));
}

#[test]
fn what_takes_the_most_memory_stays_within_its_bound() {
    let line = |inner: &str| {
        let (start, end) = (r#"{"rule":["jti"],"issuer":"i","values":["#, "0]}\n");
        let times = (65_536 - start.len() - end.len()) / inner.len();
        format!("{start}{}{end}", inner.repeat(times))
    };
    let realm = |inner: &str| {
        format!(r#"{{"realm":"r","users":[{}{{}}]}}"#, inner.repeat((INPUT - 40) / inner.len()))
    };
    for text in [
        line("0,"),
        line("[],"),
        line("{},"),
        line(r#"{"":0},"#),
        line(r#""","#),
        realm(r#"{"id":"u","notBefore":5},"#),
        realm("{},"),
        "0\n".repeat(INPUT / 2),
        format!("jti\n{}", "\"\"\n".repeat(INPUT / 3)),
        format!("jti\n{}", "\"".repeat(INPUT)),
    ] {
        run(text.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 128,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/fuzz.regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_change_of_the_corpus_makes_it_panic_or_take_more_memory_than_it_may(bytes in changed()) {
        run(&bytes);
    }
}

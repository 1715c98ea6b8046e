//! The list's look-up as a Wasm of its own: what `benches/list/run.mjs` measures in workerd and in Chromium.
//!
//! Nothing here holds a clock: whoever calls does.

#[path = "../../src/ranges.rs"]
mod ranges;
#[path = "../../src/sorted.rs"]
mod sorted;

use std::hint::black_box;
use std::rc::Rc;

use revocable::{Id, IdPrefix, Rule, Salt, Segment, Value};
use wasm_bindgen::prelude::*;

use crate::ranges::Ranges;
use crate::sorted::Sorted;

/// What is looked up in, and what is looked up.
#[wasm_bindgen]
pub struct Bench {
    bytes: Vec<Bytes>,
    ours: Ranges<Bytes>,
    sorted: Sorted,
    hits: Vec<Id>,
    misses: Vec<Id>,
}

/// A segment's bytes, which stay where they are however often it is opened.
#[derive(Clone)]
struct Bytes(Rc<Vec<u8>>);

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[wasm_bindgen]
impl Bench {
    /// Nothing yet.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        let sorted = Sorted::from_bytes(Vec::new(), 1);
        Self {
            bytes: Vec::new(),
            ours: Ranges::new(Vec::new()),
            sorted,
            hits: Vec::new(),
            misses: Vec::new(),
        }
    }

    /// Takes in a segment, unopened.
    pub fn put(&mut self, segment: Vec<u8>) {
        self.bytes.push(Bytes(Rc::new(segment)));
    }

    /// Takes in a sorted list of ids that were cut to so many bytes.
    #[wasm_bindgen(js_name = putSorted)]
    pub fn put_sorted(&mut self, ids: Vec<u8>, width: usize) {
        self.sorted = Sorted::from_bytes(ids, width);
    }

    /// Takes in ids that are in the list, and ids that are not: 16 bytes each.
    #[wasm_bindgen(js_name = putQuestions)]
    pub fn put_questions(&mut self, hits: &[u8], misses: &[u8]) {
        let ids = |bytes: &[u8]| bytes.as_chunks().0.iter().map(|id| Id::from_bytes(*id)).collect();
        (self.hits, self.misses) = (ids(hits), ids(misses));
    }

    /// Opens all segments, so many times, and says how many entries they have.
    pub fn open(&mut self, times: u32) -> f64 {
        for _ in 0..times {
            let open = |bytes: &Bytes| Segment::open(bytes.clone()).expect("a segment that opens");
            self.ours = Ranges::new(self.bytes.iter().map(open).collect());
        }
        self.ours.segments().iter().map(|segment| segment.entries() as f64).sum()
    }

    /// Looks all ids up that are in the list, or all that are not, so many times; says how many were found.
    #[wasm_bindgen(js_name = lookUp)]
    #[must_use]
    pub fn look_up(&self, hits: bool, times: u32) -> u32 {
        ask(if hits { &self.hits } else { &self.misses }, times, |id| self.ours.has(id))
    }

    /// The same in the sorted list.
    #[wasm_bindgen(js_name = lookUpSorted)]
    #[must_use]
    pub fn look_up_sorted(&self, hits: bool, times: u32) -> u32 {
        ask(if hits { &self.hits } else { &self.misses }, times, |id| self.sorted.has(id.as_bytes()))
    }
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

/// Makes so many ids of values that are UUIDs, salt, rule and issuer being hashed already.
#[wasm_bindgen(js_name = makeIds)]
#[must_use]
pub fn make_ids(times: u32) -> u32 {
    let rule = Rule::new(["jti"]).expect("a rule");
    let prefix = IdPrefix::new(Salt::from_bytes([7; 16]), &rule, "https://issuer.example");
    let values: Vec<String> = (0..1024).map(|at| format!("4c1b4a8e-1c1b-4e55-8f5c-{at:012x}")).collect();
    let texts = values.iter().cycle().take(times as usize);
    let even = texts.filter(|text| prefix.id([Value::Text(text)]).as_bytes()[15] & 1 == 0);
    even.count() as u32
}

fn ask(ids: &[Id], times: u32, has: impl Fn(&Id) -> bool) -> u32 {
    let all = |_| ids.iter().filter(|id| has(black_box(id))).count() as u32;
    (0..times).map(all).sum()
}

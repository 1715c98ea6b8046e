//! Contestants take turns, and each round starts with another one, so that a machine that slows down slows all of them.
//! What counts is the median.

use std::hint::black_box;
use std::time::Duration;

use serde::Serialize;

use crate::clock::Started;
use crate::ids::Ids;

/// A list of ids.
pub(crate) trait List {
    fn contains(&self, id: u128) -> bool;
    /// All that would have to be stored.
    fn bits(&self) -> u64;
}

/// A structure for one error.
pub(crate) struct Contestant {
    pub(crate) structure: &'static str,
    /// log2(1/ε); none for one that does not err.
    pub(crate) error_bits: Option<u32>,
    run: Box<dyn Fn(&Ids) -> Turn>,
}

/// What one turn of a contestant came to.
struct Turn {
    bits: u64,
    build: Duration,
    hit: Duration,
    hit_in_turn: Duration,
    miss: Duration,
    wrong: usize,
}

/// The medians of a contestant.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    pub(crate) structure: &'static str,
    pub(crate) entries: usize,
    pub(crate) error_bits: Option<u32>,
    pub(crate) bits_per_entry: f64,
    pub(crate) built_per_second: f64,
    pub(crate) hit_nanos: f64,
    /// When each look-up waits for the one before it.
    pub(crate) hit_in_turn_nanos: f64,
    pub(crate) miss_nanos: f64,
    /// How many of the ids that are not there were found.
    pub(crate) wrong: usize,
    pub(crate) asked: usize,
}

impl Contestant {
    pub(crate) fn new<L: List + 'static>(
        structure: &'static str,
        error_bits: Option<u32>,
        build: impl Fn(&[u128]) -> L + 'static,
    ) -> Self {
        let run = move |ids: &Ids| {
            let started = Started::now();
            let list = black_box(build(&ids.sorted));
            let build = started.elapsed();
            let (hit, missed) = ask(&list, &ids.hits, true);
            assert_eq!(missed, 0, "{structure} has lost an entry");
            let hit_in_turn = ask_in_turn(&list, &ids.hits);
            let (miss, wrong) = ask(&list, &ids.misses, false);
            Turn { bits: list.bits(), build, hit, hit_in_turn, miss, wrong }
        };
        Self { structure, error_bits, run: Box::new(run) }
    }
}

/// Holds the contest over these ids.
pub(crate) fn hold(contestants: &[Contestant], ids: &Ids, rounds: usize) -> Vec<Row> {
    let mut turns: Vec<Vec<Turn>> = contestants.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        for place in 0..contestants.len() {
            let at = (round + place) % contestants.len();
            turns[at].push((contestants[at].run)(ids));
        }
    }
    contestants.iter().zip(&turns).map(|(contestant, turns)| Row::new(contestant, ids, turns)).collect()
}

impl Row {
    fn new(contestant: &Contestant, ids: &Ids, turns: &[Turn]) -> Self {
        let entries = ids.sorted.len();
        let nanos = |of: fn(&Turn) -> Duration, ids: &[u128]| {
            median(turns.iter().map(|turn| of(turn).as_secs_f64())) * 1e9 / ids.len() as f64
        };
        Self {
            structure: contestant.structure,
            entries,
            error_bits: contestant.error_bits,
            bits_per_entry: turns[0].bits as f64 / entries as f64,
            built_per_second: entries as f64 / median(turns.iter().map(|turn| turn.build.as_secs_f64())),
            hit_nanos: nanos(|turn| turn.hit, &ids.hits),
            hit_in_turn_nanos: nanos(|turn| turn.hit_in_turn, &ids.hits),
            miss_nanos: nanos(|turn| turn.miss, &ids.misses),
            wrong: turns[0].wrong,
            asked: ids.misses.len(),
        }
    }
}

/// How long all of the questions take, and how many answers are not as expected.
fn ask<L: List>(list: &L, ids: &[u128], expected: bool) -> (Duration, usize) {
    let started = Started::now();
    let unexpected = ids.iter().filter(|id| list.contains(**id) != expected).count();
    (started.elapsed(), black_box(unexpected))
}

/// How long all of the questions take if none is looked up before the one before it is answered: the processor cannot work
/// on several at once.
fn ask_in_turn<L: List>(list: &L, ids: &[u128]) -> Duration {
    let last = ids.len() - 1;
    let mut found = 0;
    let started = Started::now();
    for at in 0..ids.len() {
        // There are never more answers than questions, which the processor does not know: what comes next depends on all
        // answers so far.
        let id = ids[(at + usize::from(found > black_box(usize::MAX))).min(last)];
        found += usize::from(list.contains(id));
    }
    black_box(found);
    started.elapsed()
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

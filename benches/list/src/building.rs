//! How quickly ids become a snapshot, and what an operation takes in a manifest.

use anyhow::Result;
use revocable::publish::{Record, TableKey, Update};
use revocable::{Id, Kind, Rule};
use serde::Serialize;

use crate::clock::Started;
use crate::ids::Numbers;
use crate::ours::{self, AUTHORITY, NOW};
use crate::table;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    builds: Vec<Build>,
    operations: Vec<Operations>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Build {
    entries: usize,
    entries_per_second: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Operations {
    what: &'static str,
    operations: usize,
    bytes_each: f64,
}

pub(crate) fn measure(rounds: usize, json: bool) -> Result<()> {
    let sizes = [1_000_000, 10_000_000];
    let builds = sizes.into_iter().map(|entries| build(entries, rounds)).collect::<Result<_>>()?;
    let report = Report { builds, operations: operations()? };
    if json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print(&report);
    }
    Ok(())
}

/// From ids in no order to signed manifest and segments at 2^-50; the median.
fn build(entries: usize, rounds: usize) -> Result<Build> {
    let mut numbers = Numbers::new(entries as u64);
    let ids: Vec<u128> = (0..entries).map(|_| numbers.id()).collect();
    let mut seconds = Vec::new();
    for _ in 0..rounds {
        let started = Started::now();
        std::hint::black_box(ours::publish(&ids, 50)?);
        seconds.push(started.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    Ok(Build { entries, entries_per_second: entries as f64 / seconds[rounds / 2] })
}

/// As many operations as a manifest may have, of each sort.
fn operations() -> Result<Vec<Operations>> {
    let jti = || TableKey::new(Rule::new(["jti"])?, Kind::Outright, None);
    let cutoffs = || TableKey::new(Rule::new(["sub"])?, Kind::Cutoff, None);
    let minima = || TableKey::new(Rule::new(["sub"])?, Kind::Minimum, Some("pwd_ver".to_owned()));
    let a_day = |numbers: &mut Numbers| (1_790_000_000_000 - numbers.next() % 86_400_000) as i64;
    Ok(vec![
        operation("outright, added", &jti()?, |id, _| Record::entry(id, 0, None))?,
        operation("outright, taken back", &jti()?, |id, _| Record::undone(id))?,
        operation("cutoff within a day, added", &cutoffs()?, |id, numbers| {
            Record::entry(id, a_day(numbers), None)
        })?,
        operation("cutoff since 1970, added", &cutoffs()?, |id, numbers| {
            Record::entry(id, (numbers.next() % 1_790_000_000_000) as i64, None)
        })?,
        operation("minimum, microseconds or none", &minima()?, |id, numbers| {
            let is_none = numbers.next().is_multiple_of(2);
            let micros = 1_790_000_000_000_000 - numbers.next() % 86_400_000_000_000;
            Record::entry(id, if is_none { 0 } else { micros as i64 }, None)
        })?,
        operation("minimum, anything up to 2^53", &minima()?, |id, numbers| {
            Record::entry(id, (numbers.next() >> 10) as i64 - (1 << 53), None)
        })?,
    ])
}

fn operation(
    what: &'static str,
    table: &TableKey,
    record: impl Fn(Id, &mut Numbers) -> Record,
) -> Result<Operations> {
    let before = ours::publish(&[1], 50)?.manifest;
    let mut numbers = Numbers::new(1);
    let mut update = Update::following(before.as_bytes(), &ours::keys()?, AUTHORITY, NOW)?;
    for _ in 0..MOST {
        let id = Id::from_number(numbers.id());
        update.add_record(table, &record(id, &mut numbers))?;
    }
    let (after, _) = update.finish(&ours::signing_key(), |_| None)?;
    let bytes = after.manifest.len() - before.len();
    Ok(Operations { what, operations: MOST, bytes_each: bytes as f64 / MOST as f64 })
}

fn print(report: &Report) {
    let build =
        |build: &Build| vec![build.entries.to_string(), format!("{:.1}", build.entries_per_second / 1e6)];
    table::print(
        "From ids in no order to segments, named by their hash, and a signed manifest, on one core:",
        &["entries", "10^6 entries/s"],
        &report.builds.iter().map(build).collect::<Vec<_>>(),
    );
    let operations = |one: &Operations| {
        vec![one.what.into(), one.operations.to_string(), format!("{:.2}", one.bytes_each)]
    };
    table::print(
        "`recent` in the signed manifest:",
        &["what", "operations", "bytes each"],
        &report.operations.iter().map(operations).collect::<Vec<_>>(),
    );
}

/// As [`revocable::limits`] has it.
const MOST: usize = revocable::limits::MAX_RECENT;

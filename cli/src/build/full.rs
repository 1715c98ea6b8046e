//! The whole list: sorted, cut into key ranges, and made into segments one range at a time.

use std::collections::BTreeSet;

use revocable::publish::{Assembly, Record, Signed, SigningKey, Tally, Terms};
use revocable::{Jwks, KeyRange, Manifest, Rule, Salt, SegmentName, UnixTime};

use crate::input;
use crate::outgoing::Outgoing;
use crate::output::Failure;
use crate::progress::Progress;
use crate::spool::{self, Sorted, Spool};

use super::gather::Gather;
use super::{Args, Made, Previous};

pub(super) fn make(
    args: &Args,
    previous: Option<&Previous>,
    (key, keys): (&SigningKey, &Jwks),
    now: UnixTime,
    outgoing: &mut Outgoing<'_>,
    progress: &Progress,
) -> Result<Made, Failure> {
    let (terms, previous) = match previous {
        Some(Previous { path, text }) => {
            let following = Terms::following(text, keys, &args.issuer, now);
            let (terms, manifest) = following.map_err(|error| Failure::about(path.display(), &error))?;
            (terms, Some(manifest))
        }
        None => {
            let salt = args.salt.map_or_else(|| input::random().map(Salt::from_bytes), Ok)?;
            (Terms::new(&args.issuer, salt, now), None)
        }
    };
    args.refuse_to_go_back(keys, previous.as_ref())?;
    let terms = args.terms(terms);

    let temp_dir = args.temp_dir();
    let spooling = |error| Failure::writing(spool::temporary(&temp_dir), &error);
    let mut gather = Gather::new(terms.salt());
    let mut spool = Spool::new(usize::try_from(args.memory).unwrap_or(usize::MAX), &temp_dir);
    let revocations = super::read(args, progress, |item| {
        let (table, record) = gather.record(item)?;
        if table >= spool.tables() {
            spool.table(gather.tables.get(table).is_some_and(|table| table.kind().has_values()));
        }
        spool.push(table, &record).map_err(spooling)
    })?;
    progress.stage_of("sorting", revocations);
    let mut tallies: Vec<Tally> = gather.tables.iter().cloned().map(Tally::new).collect();
    // So that what has expired neither takes memory nor makes many small segments of what stays.
    let sorted = spool.sort(&mut tallies, |record| terms.keeps(record), progress).map_err(spooling)?;
    let expired = sorted.expired;
    let terms = gather.covers.into_iter().fold(terms, Terms::cover);
    let rules = previous.as_ref().map(Manifest::rules).unwrap_or_default().iter().cloned().collect();
    let entries = tallies.iter().fold(0_u64, |sum, tally| sum.saturating_add(tally.entries));
    progress.stage_of("making segments", entries);
    let store = |name, bytes: &[u8]| outgoing.segment(name, bytes);
    let signed = assemble(terms, rules, tallies, sorted, key, store, progress)?;
    Ok(Made {
        manifest: signed.manifest,
        revocations,
        entries: signed.entries,
        expired: signed.expired.saturating_add(expired),
    })
}

/// Makes segments of everything, which `store` takes as they come, and signs the manifest.
pub(crate) fn assemble(
    terms: Terms,
    rules: BTreeSet<Rule>,
    tallies: Vec<Tally>,
    mut sorted: Sorted,
    key: &SigningKey,
    mut store: impl FnMut(SegmentName, &[u8]) -> Result<(), Failure>,
    progress: &Progress,
) -> Result<Signed, Failure> {
    // In an order that does not depend on that of the lines.
    let mut ordered: Vec<(usize, Tally)> = tallies.into_iter().enumerate().collect();
    ordered.sort_by(|(_, one), (_, other)| one.table.cmp(&other.table));
    let (places, tallies): (Vec<usize>, Vec<Tally>) = ordered.into_iter().unzip();
    let mut assembly = Assembly::new(terms, rules, tallies)?;
    for (table, place) in places.into_iter().enumerate() {
        let bits = assembly.range_bits(table);
        let mut range = KeyRange { bits, shard: 0 };
        let mut records: Vec<Record> = Vec::new();
        let mut put = |range: KeyRange, records: &mut Vec<Record>| {
            if !records.is_empty() {
                for (name, bytes) in assembly.put(table, range, records)? {
                    store(name, &bytes)?;
                }
                progress.advance_by(u64::try_from(records.len()).unwrap_or(u64::MAX));
                records.clear();
            }
            Ok::<(), Failure>(())
        };
        sorted.each(place, |record| {
            let shard = record.id().leading(bits);
            if shard != range.shard {
                put(range, &mut records)?;
                range.shard = shard;
            }
            records.push(record);
            Ok(())
        })?;
        put(range, &mut records)?;
    }
    progress.stage("signing");
    Ok(assembly.finish(key)?)
}

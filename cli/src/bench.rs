//! `revocable bench`: how fast lists are built and asked on this machine, and what they take.
//!
//! Everything is done by what the other commands do it with, on one thread.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::hint::black_box;
use std::io::{BufReader, BufWriter, Seek, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use revocable::publish::{Epsilon, SigningKey, Tally, Terms};
use revocable::{
    Id, IdPrefix, Jwks, KeyRange, Manifest, Rule, Salt, Secrets, Segment, SegmentName, UnixTime, Value,
};
use revocable_cli::formats::csv;
use serde::Serialize;

use crate::build::full;
use crate::build::gather::Gather;
use crate::output::{self, Exit, Failure, Ui, code};
use crate::progress::Progress;
use crate::sizes::{self, hundredths, number};
use crate::spool::{self, Spool};

/// Measure how fast lists are built and asked here
///
/// Of made-up token ids, as CSV. Nothing is left behind.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// How many entries
    #[arg(long, value_name = "N", default_value_t = 1_000_000,
          value_parser = clap::value_parser!(u32).range(1..=200_000_000))]
    entries: u32,
    /// How seldom a valid token may be refused
    #[arg(long, value_name = "2^-N", default_value = "2^-50", value_parser = crate::build::epsilon)]
    epsilon: Epsilon,
    /// How much memory the entries may take before they go through a temporary file
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = sizes::bytes)]
    memory: u64,
    /// Where temporary files are made [default: the system's folder for them]
    #[arg(long, value_name = "DIR")]
    temp_dir: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    entries: u64,
    epsilon: String,
    bytes: u64,
    segments: usize,
    bits_per_entry: f64,
    /// log2(1/ε) of one look-up.
    bound: f64,
    /// From CSV text to a signed manifest.
    build: Rate,
    read: Rate,
    sort: Rate,
    encode: Rate,
    open: Rate,
    /// From the id, nanoseconds each.
    hit_nanos: f64,
    miss_nanos: f64,
    /// From the text of a value to its id, nanoseconds each.
    id_nanos: f64,
    asked: usize,
    /// Of those that were not put in.
    false_hits: usize,
    /// Of a coarse list, the segments that confirm; none of them is in the figures above but those of the build.
    #[serde(skip_serializing_if = "Option::is_none")]
    exact: Option<Exact>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Exact {
    bytes: u64,
    segments: usize,
    bits_per_entry: f64,
    open: Rate,
    /// From the id, nanoseconds each: a hit that is confirmed, and one that is not, as nearly all are that are asked about.
    confirmed_nanos: f64,
    denied_nanos: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rate {
    seconds: f64,
    entries_per_second: f64,
}

/// The segments of one layer, by key range.
struct Asked {
    segments: Vec<(KeyRange, Segment<Vec<u8>>)>,
    bits: u8,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Result<Exit, Failure> {
    let progress = Progress::begin("making up token ids", ui);
    let temp_dir = args.temp_dir.clone().unwrap_or_else(std::env::temp_dir);
    let spooling = |error: std::io::Error| Failure::writing(spool::temporary(&temp_dir), &error);
    let text = made_up(args.entries, &temp_dir).map_err(spooling)?;
    let (key, salt) = (SigningKey::from_seed([7; 32]), Salt::from_bytes([7; 16]));
    let entries = u64::from(args.entries);

    progress.stage_of("reading", entries);
    let began = Instant::now();
    let mut gather = Gather::new(salt);
    let mut spool = Spool::new(usize::try_from(args.memory).unwrap_or(usize::MAX), &temp_dir);
    let mut failed = None;
    let read = csv::read(BufReader::with_capacity(256 * 1024, text), Some(ISSUER), |item| {
        progress.advance();
        let taken = gather.record(item).and_then(|(table, record)| {
            if table >= spool.tables() {
                spool.table(false);
            }
            spool.push(table, &record).map_err(spooling)
        });
        taken.map_err(|failure| {
            failed = Some(failure);
            std::io::Error::from(std::io::ErrorKind::Other)
        })
    });
    if let Some(failure) = failed {
        return Err(failure);
    }
    read.map_err(spooling)?;
    let read = began.elapsed();

    progress.stage_of("sorting", entries);
    let mut tallies: Vec<Tally> = gather.tables.iter().cloned().map(Tally::new).collect();
    let sorted = spool.sort(&mut tallies, |_| true, &progress).map_err(spooling)?;
    let sort = began.elapsed().saturating_sub(read);

    progress.stage_of("making segments", entries);
    let terms = Terms::new("https://authority.example", salt, NOW).epsilon(args.epsilon).cover(ISSUER);
    let mut stored = Vec::new();
    let store = |name, bytes: &[u8]| {
        stored.push((name, bytes.to_vec()));
        Ok(())
    };
    let signed = full::assemble(terms, BTreeSet::new(), tallies, sorted, &key, store, &progress)?;
    let build = began.elapsed();
    let encode = build.saturating_sub(read).saturating_sub(sort);

    progress.stage("opening");
    let keys = Jwks::parse(key.to_public_jwk().as_bytes(), Secrets::Ignore)?;
    let manifest = Manifest::inspect(signed.manifest.as_bytes(), &keys)?;
    let mut stored: HashMap<SegmentName, Vec<u8>> = stored.into_iter().collect();
    let answering = manifest.segments().iter().map(|one| (one.range, one.name));
    let (asked, open) = Asked::open(answering, &mut stored)?;
    let exact = manifest.segments().iter().filter_map(|one| Some((one.range, one.exact?)));
    let (confirming, open_exact) =
        Asked::open(exact.clone().map(|(range, exact)| (range, exact.name)), &mut stored)?;

    progress.stage("asking");
    let count = usize::try_from(args.entries).unwrap_or(usize::MAX).min(MOST_ASKED);
    let prefix = IdPrefix::new(salt, &Rule::new(["jti"])?, ISSUER);
    let (hits, id_nanos) = ids(&prefix, 0, args.entries, count);
    let (misses, _) = ids(&prefix, 1 << 40, args.entries, count);
    let (found, hit_nanos) = asked.ask(&hits);
    let (false_hits, miss_nanos) = asked.ask(&misses);
    let is_coarse = !confirming.segments.is_empty();
    let (confirmed, confirmed_nanos) = if is_coarse { confirming.ask(&hits) } else { (hits.len(), 0.0) };
    let (_, denied_nanos) = if is_coarse { confirming.ask(&misses) } else { (0, 0.0) };
    drop(progress);
    if found != hits.len() || confirmed != hits.len() {
        return Err(Failure::new(code::BENCH, "an entry that was put in was not found"));
    }
    let bytes = manifest.segments().iter().fold(0_u64, |sum, one| sum.saturating_add(one.bytes));
    let bits_of = |bytes| hundredths(f64::from(args.entries.max(1)).recip() * 8.0 * number(bytes));
    let exact = is_coarse.then(|| {
        let bytes = exact.fold(0_u64, |sum, (_, exact)| sum.saturating_add(exact.bytes));
        Exact {
            bytes,
            segments: confirming.segments.len(),
            bits_per_entry: bits_of(bytes),
            open: Rate::new(args.entries, open_exact),
            confirmed_nanos,
            denied_nanos,
        }
    });
    let report = Report {
        entries,
        epsilon: args.epsilon.to_string(),
        bytes,
        segments: manifest.segments().len(),
        bits_per_entry: bits_of(bytes),
        bound: hundredths(asked.bound()),
        build: Rate::new(args.entries, build),
        read: Rate::new(args.entries, read),
        sort: Rate::new(args.entries, sort),
        encode: Rate::new(args.entries, encode),
        open: Rate::new(args.entries, open),
        hit_nanos,
        miss_nanos,
        id_nanos,
        asked: count,
        false_hits,
        exact,
    };
    if ui.json {
        output::print_json(&report)?;
    } else {
        output::print(&report.to_text())?;
    }
    Ok(Exit::Ok)
}

impl Asked {
    /// Opens these, and says how long that took.
    fn open(
        names: impl Iterator<Item = (KeyRange, SegmentName)>,
        stored: &mut HashMap<SegmentName, Vec<u8>>,
    ) -> Result<(Self, Duration), Failure> {
        let began = Instant::now();
        let mut segments = Vec::new();
        for (range, name) in names {
            segments.push((range, Segment::open(stored.remove(&name).unwrap_or_default())?));
        }
        let elapsed = began.elapsed();
        segments.sort_by_key(|(range, _)| *range);
        let bits = segments.first().map_or(0, |(range, _)| range.bits);
        Ok((Self { segments, bits }, elapsed))
    }

    /// How many of these are found, and how many nanoseconds each took.
    fn ask(&self, ids: &[Id]) -> (usize, f64) {
        let began = Instant::now();
        let found = ids.iter().filter(|id| self.get(black_box(id))).count();
        (black_box(found), each(began.elapsed(), ids.len()))
    }

    fn get(&self, id: &Id) -> bool {
        let place = usize::try_from(id.leading(self.bits)).unwrap_or(usize::MAX);
        let segment = self.segments.get(place).filter(|(range, _)| range.contains(id)).or_else(|| {
            // Ranges that are not all of one size, or of which one is empty.
            self.segments.iter().find(|(range, _)| range.contains(id))
        });
        segment.is_some_and(|(_, segment)| segment.get(id).is_some())
    }

    fn bound(&self) -> f64 {
        let sum = |of: fn(&Segment<Vec<u8>>) -> f64| {
            self.segments.iter().map(|(_, segment)| of(segment)).sum::<f64>()
        };
        sum(|segment| segment.bound() * number(segment.entries())) / sum(|segment| number(segment.entries()))
    }
}

impl Rate {
    fn new(entries: u32, time: Duration) -> Self {
        let seconds = time.as_secs_f64();
        Self { seconds, entries_per_second: (f64::from(entries) / seconds.max(f64::EPSILON)).round() }
    }
}

impl Report {
    fn to_text(&self) -> String {
        let rate = |name: &str, rate: &Rate| {
            format!("{name:9} {:>12.0} entries a second, {:.3} s\n", rate.entries_per_second, rate.seconds)
        };
        let parts = [
            ("build", &self.build),
            ("- read", &self.read),
            ("- sort", &self.sort),
            ("- encode", &self.encode),
            ("open", &self.open),
        ];
        let rates: String = parts.into_iter().map(|(name, of)| rate(name, of)).collect();
        let exact = self.exact.as_ref().map_or_else(String::new, |exact| {
            format!(
                "\nexact     {} more in {} segments, which confirm: {:.2} bits an entry\n\
                 {}confirm   hit {:.0} ns, miss {:.0} ns",
                sizes::shown(exact.bytes),
                exact.segments,
                exact.bits_per_entry,
                rate("- open", &exact.open),
                exact.confirmed_nanos,
                exact.denied_nanos,
            )
        });
        format!(
            "list      {} entries, epsilon {}: {} segments, {}\n\
             size      {:.2} bits an entry: the bound {:.2} and {:.2}\n\
             {rates}\
             id        {:.0} ns\n\
             look-up   hit {:.0} ns, miss {:.0} ns; {} false hits of {}{exact}",
            self.entries,
            self.epsilon,
            self.segments,
            sizes::shown(self.bytes),
            self.bits_per_entry,
            self.bound,
            self.bits_per_entry - self.bound,
            self.id_nanos,
            self.hit_nanos,
            self.miss_nanos,
            self.false_hits,
            self.asked,
        )
    }
}

/// Token ids and expiries as CSV, in a file without a name.
fn made_up(entries: u32, folder: &std::path::Path) -> std::io::Result<File> {
    let mut file = BufWriter::new(tempfile::tempfile_in(folder)?);
    file.write_all(b"jti,expires\n")?;
    for number in 0..entries {
        let expires = NOW.as_seconds().saturating_add(u64::from(number % 86_400));
        writeln!(file, "{},{expires}", jti(u64::from(number)))?;
    }
    let mut file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.rewind()?;
    Ok(file)
}

/// In the shape of a UUID.
fn jti(number: u64) -> String {
    let (high, low) = (mixed(number), mixed(!number));
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

/// The ids of `count` token ids of all, and how many nanoseconds making each took.
fn ids(prefix: &IdPrefix, from: u64, entries: u32, count: usize) -> (Vec<Id>, f64) {
    let of = |nth: usize| {
        let nth = mixed(u64::try_from(nth).unwrap_or(0)).checked_rem(u64::from(entries));
        from.saturating_add(nth.unwrap_or(0))
    };
    let texts: Vec<String> = (0..count).map(|nth| jti(of(nth))).collect();
    let began = Instant::now();
    let ids: Vec<Id> = texts.iter().map(|text| prefix.id([Value::Text(text)])).collect();
    let nanos = each(began.elapsed(), count);
    (ids, nanos)
}

/// SplitMix64's way to make equal steps look like chance.
const fn mixed(number: u64) -> u64 {
    let number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn each(time: Duration, count: usize) -> f64 {
    let nanos = time.as_secs_f64() * 1e9 / f64::from(u32::try_from(count.max(1)).unwrap_or(u32::MAX));
    (nanos * 10.0).round() / 10.0
}

const ISSUER: &str = "https://issuer.example";
const NOW: UnixTime = UnixTime::from_seconds(1_790_000_000);
const MOST_ASKED: usize = 1_000_000;

const AFTER_HELP: &str = "\
`build` is the whole way from CSV text to a signed manifest, on one thread. The time of a machine that does other things
beside this says little: compare the lines with each other, and run it several times.

Of a coarse list, whose hits have to be confirmed, the segments that confirm stand apart: they are read for a hit alone.
`build` and `encode` are of both.

Examples:
  revocable bench --quiet
  revocable bench --entries 10000000 --epsilon 2^-32 --json

Exit codes:
  0   done
  1   failed: no room for temporary files, or an entry that was put in is not found
  64  the command line is wrong";

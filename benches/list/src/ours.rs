//! `revocable`'s own list, as its publisher makes it and its readers have it.

use anyhow::{Context, Result};
use revocable::publish::{Built, Epsilon, Publisher, Record, SigningKey, TableKey, Terms};
use revocable::{Id, Jwks, Kind, Manifest, Rule, Salt, Secrets, Segment, SegmentRef, UnixTime};

use crate::contest::List;

/// A snapshot of one table, opened.
pub(crate) struct Ours {
    segments: Vec<Segment<Vec<u8>>>,
    /// The segment of every key range, by as many leading bits as the narrowest of them has.
    ranges: Vec<usize>,
    leading: u8,
    /// Segments and manifest, without those that only confirm.
    pub(crate) bytes: u64,
    /// The manifest alone.
    pub(crate) manifest: u64,
    /// The segments that only confirm, and that nobody reads before there is a hit.
    pub(crate) confirming: u64,
}

impl Ours {
    /// From ids, in whatever order.
    pub(crate) fn new(ids: &[u128], error_bits: u32) -> Self {
        let snapshot = publish(ids, error_bits).expect("a snapshot");
        Self::open(snapshot).expect("a snapshot that opens")
    }

    pub(crate) fn open(snapshot: Built) -> Result<Self> {
        let manifest = Manifest::inspect(snapshot.manifest.as_bytes(), &keys()?)?;
        let references = manifest.segments();
        let leading = references.iter().map(|one| one.range.bits).max().context("no segment")?;
        let mut ranges = vec![usize::MAX; 1 << leading];
        let mut segments = Vec::new();
        let mut by_name = snapshot.segments;
        for (at, SegmentRef { name, range, .. }) in references.iter().enumerate() {
            let finer = leading - range.bits;
            let first = (range.shard as usize) << finer;
            ranges[first..first + (1 << finer)].fill(at);
            let place =
                by_name.iter().position(|(other, _)| other == name).context("a segment is missing")?;
            segments.push(Segment::open(by_name.swap_remove(place).1)?);
        }
        let text = snapshot.manifest.len() as u64;
        let confirming = references.iter().filter_map(|one| one.exact).map(|exact| exact.bytes).sum();
        let bytes = references.iter().map(|one| one.bytes).sum::<u64>() + text;
        Ok(Self { segments, ranges, leading, bytes, manifest: text, confirming })
    }

    pub(crate) fn segments(&self) -> &[Segment<Vec<u8>>] {
        &self.segments
    }
}

impl List for Ours {
    #[inline]
    fn contains(&self, id: u128) -> bool {
        let id = Id::from_number(id);
        let segment = self.ranges[id.leading(self.leading) as usize];
        self.segments.get(segment).is_some_and(|segment| segment.get(&id).is_some())
    }

    fn bits(&self) -> u64 {
        self.bytes * 8
    }
}

/// All that the publisher does: sort, cut to segments, name them by their hash, sign.
pub(crate) fn publish(ids: &[u128], error_bits: u32) -> Result<Built> {
    let epsilon = u8::try_from(error_bits).ok().and_then(Epsilon::from_bits).context("no such epsilon")?;
    let mut publisher = Publisher::with(terms().epsilon(epsilon));
    let table = TableKey::new(Rule::new(["jti"])?, Kind::Outright, None)?;
    publisher.add_records(table, ids.iter().map(|id| Record::entry(Id::from_number(*id), 0, None)));
    Ok(publisher.finish(&signing_key())?)
}

pub(crate) fn terms() -> Terms {
    Terms::new(AUTHORITY, Salt::from_bytes([7; 16]), NOW).cover(ISSUER)
}

pub(crate) fn signing_key() -> SigningKey {
    SigningKey::from_seed([7; 32])
}

pub(crate) fn keys() -> Result<Jwks> {
    Ok(Jwks::parse(signing_key().to_public_jwk().as_bytes(), Secrets::Ignore)?)
}

pub(crate) const NOW: UnixTime = UnixTime::from_seconds(1_790_000_000);
pub(crate) const AUTHORITY: &str = "https://authority.example";
pub(crate) const ISSUER: &str = "https://issuer.example";

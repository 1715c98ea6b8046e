//! `revocable`'s own list, as its publisher makes it and its readers have it.

use std::collections::HashMap;

use anyhow::{Context, Result};
use revocable::publish::{Built, Epsilon, Publisher, Record, SigningKey, TableKey, Terms};
use revocable::{Id, Jwks, Kind, Manifest, Rule, Salt, Secrets, Segment, SegmentRef, UnixTime};

use crate::contest::List;
use crate::ranges::Ranges;

/// A snapshot of one table, opened.
pub(crate) struct Ours {
    ranges: Ranges<Vec<u8>>,
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

    fn open(snapshot: Built) -> Result<Self> {
        let manifest = Manifest::inspect(snapshot.manifest.as_bytes(), &keys()?)?;
        let references = manifest.segments();
        let mut by_name: HashMap<_, _> = snapshot.segments.into_iter().collect();
        let open = |one: &SegmentRef| {
            let bytes = by_name.remove(&one.name).context("a segment is missing")?;
            Ok(Segment::open(bytes)?)
        };
        let segments = references.iter().map(open).collect::<Result<_>>()?;
        let text = snapshot.manifest.len() as u64;
        let confirming = references.iter().filter_map(|one| one.exact).map(|exact| exact.bytes).sum();
        let bytes = references.iter().map(|one| one.bytes).sum::<u64>() + text;
        Ok(Self { ranges: Ranges::new(segments), bytes, manifest: text, confirming })
    }

    pub(crate) fn segments(&self) -> &[Segment<Vec<u8>>] {
        self.ranges.segments()
    }
}

impl List for Ours {
    #[inline]
    fn contains(&self, id: u128) -> bool {
        self.ranges.has(&Id::from_number(id))
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

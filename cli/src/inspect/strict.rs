//! Checks again what readers leave to writers.

use revocable::limits::COARSEST_SURE_EPSILON_BITS;
use revocable::{Entry, Error, Interval, Jwks, List, Manifest, Offer, Revocations, Segment, SegmentRef};

use crate::folder::Folder;
use crate::output::Failure;

/// Checks one segment, and the one that confirms it.
pub(super) fn segment(
    folder: &Folder<'_>,
    manifest: &Manifest,
    reference: &SegmentRef,
    segment: &Segment<Vec<u8>>,
) -> Result<(), Failure> {
    let about = |error| Failure::about(folder.segment_path(&reference.name).display(), &error);
    let wrong = |reason: &'static str| about(Error::SegmentInvalid(reason.into()));
    let kind = manifest.tables().get(reference.table).map(|table| table.kind);
    let range = (reference.range.bits, reference.range.shard);
    segment.check().map_err(about)?;
    if Some(segment.kind()) != kind || segment.range() != range {
        return Err(wrong("its kind or its key range is not what the manifest says"));
    }
    if segment.entries() != reference.entries || length(segment.bytes()) != reference.bytes {
        return Err(wrong("it has not as many entries or bytes as the manifest says"));
    }
    let Some(exact) = &reference.exact else { return Ok(()) };
    let about = |error| Failure::about(folder.segment_path(&exact.name).display(), &error);
    let wrong = |reason: &'static str| about(Error::SegmentInvalid(reason.into()));
    let confirming = Segment::open(folder.segment(&exact.name)?).map_err(about)?;
    confirming.check().map_err(about)?;
    if Some(confirming.kind()) != kind
        || confirming.range() != range
        || length(confirming.bytes()) != exact.bytes
    {
        return Err(wrong("its kind, its key range or its length is not what the manifest says"));
    }
    if confirming.error_bits() < COARSEST_SURE_EPSILON_BITS {
        return Err(wrong("it is to confirm, and too coarse for that"));
    }
    if !same_entries(segment, &confirming) {
        return Err(wrong("it has not the entries of the segment that it confirms"));
    }
    Ok(())
}

/// Checks that a reader takes the whole of it, as of when it was made.
pub(super) fn reader(folder: &Folder<'_>, manifest: &Manifest, keys: Jwks) -> Result<(), Failure> {
    let list = List::new(manifest.authority(), keys, manifest.covered());
    let mut reader = Revocations::new(vec![list]);
    if let Offer::Newer(mut incoming) = reader.offer(manifest.text(), manifest.issued_at())? {
        for name in incoming.missing() {
            incoming.supply(folder.segment(&name)?)?;
        }
        reader.accept(*incoming, manifest.issued_at())?;
    }
    Ok(())
}

/// Whether every entry of one has a counterpart in the other, and the coarser has of those that it takes for one the
/// strictest value. An exact entry that lies astride the border of two coarse ones may be either's.
fn same_entries(coarse: &Segment<Vec<u8>>, exact: &Segment<Vec<u8>>) -> bool {
    let Some(fine) = exact.iter() else { return false };
    let Some(listed) = coarse.iter() else {
        // A ribbon is asked: it knows an id by bits that one end of its interval has. What it has besides cannot be seen but by
        // its number of ids, and whose confirmation is lost would pass. That two ids have all bits in common that the exact one
        // keeps happens in no list: once in 2^45 lists of a million.
        let mut fine = fine.map(|(interval, _)| interval);
        return coarse.entries() == exact.entries()
            && fine.all(|Interval { from, to }| [from, to].iter().any(|id| coarse.get(id).is_some()));
    };
    let mut fine = fine.peekable();
    let mut astride = None;
    for (interval, entry) in listed {
        let mut found = astride
            .take()
            .is_some_and(|(finer, value): (Interval, Entry)| finer.to >= interval.from && value == entry);
        while let Some((finer, value)) = fine.next_if(|(finer, _)| finer.from <= interval.to) {
            if finer.to < interval.from {
                return false;
            }
            found |= value == entry;
            let is_within = finer.from >= interval.from && finer.to <= interval.to;
            if is_within && value.value() > entry.value() {
                return false;
            }
            if finer.to > interval.to {
                astride = Some((finer, value));
            }
        }
        if !found {
            return false;
        }
    }
    fine.next().is_none()
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use revocable::publish::{Epsilon, Publisher, Revocation, SigningKey};
    use revocable::{Salt, Secrets, UnixTime};

    const AUTHORITY: &str = "https://authority.example";

    /// A coarse list of so many tokens, in this folder.
    fn build(folder: &std::path::Path, tokens: usize) -> Manifest {
        let key = SigningKey::from_seed([7; 32]);
        let now = UnixTime::from_seconds(1_790_000_000);
        let mut publisher =
            Publisher::new(AUTHORITY, Salt::from_bytes([7; 16]), now).epsilon(Epsilon::from_bits(8).unwrap());
        for token in 0..tokens {
            let line =
                format!(r#"{{"rule":["jti"],"issuer":"https://issuer.example","values":["t-{token}"]}}"#);
            publisher.add(&Revocation::from_json(&line).unwrap());
        }
        let built = publisher.finish(&key).unwrap();
        std::fs::create_dir_all(folder.join("segments")).unwrap();
        for (name, bytes) in built.segments {
            std::fs::write(folder.join(name.object_name()), bytes).unwrap();
        }
        let keys = Jwks::parse(key.to_public_jwk().as_bytes(), Secrets::Ignore).unwrap();
        Manifest::inspect(built.manifest.as_bytes(), &keys).unwrap()
    }

    #[test]
    fn a_ribbon_that_lacks_an_id_of_what_confirms_it_or_has_one_more_is_found_out() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::new(temporary.path());
        let (manifest, fewer) = (build(temporary.path(), 5000), build(temporary.path(), 4999));
        let [reference] = manifest.segments() else { panic!("one segment") };
        let bytes = folder.segment(&reference.name).unwrap();
        let checked = |reference: &SegmentRef, bytes: &[u8]| {
            let ribbon = Segment::open(bytes.to_vec()).unwrap();
            assert!(ribbon.iter().is_none(), "it cannot be listed");
            segment(&folder, &manifest, reference, &ribbon).map_err(|failure| failure.message)
        };
        assert_eq!(checked(reference, &bytes), Ok(()));
        for place in [32, bytes.len() / 2, bytes.len() - 300] {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1;
            let message = checked(reference, &damaged).unwrap_err();
            assert!(message.contains("it has not the entries"), "{place}: {message}");
        }
        let lost = SegmentRef { exact: fewer.segments()[0].exact, ..*reference };
        let message = checked(&lost, &bytes).unwrap_err();
        assert!(message.contains("it has not the entries"), "{message}");
    }
}

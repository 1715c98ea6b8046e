//! Where a snapshot's objects are: one interface for whatever can give bytes by name, for programs that wait for them.
//!
//! The names are the same everywhere: `manifest.jwt`, and `segments/` with 64 hexadecimal digits. Whoever reads without
//! waiting, as a Worker or a page does, calls [`Revocations`] by himself, in the order that is written down here.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::limits::MAX_MANIFEST_BYTES;
use crate::revocation::{Lack, Offer, Revocations, SegmentName};
use crate::time::UnixTime;

/// The object that says which others there are.
pub const MANIFEST: &str = "manifest.jwt";

/// Gives objects by their names.
pub trait Source {
    /// Reads an object; `None` when there is none. Of one that is longer than `limit` bytes, no more than one byte more has to
    /// be given for it to be refused.
    ///
    /// # Errors
    /// [`Error::SourceUnavailable`] when it cannot be told whether there is one, or it cannot be read.
    fn get(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, Error>;
}

/// Any function that reads by name.
impl<F: Fn(&str) -> Result<Option<Vec<u8>>, Error>> Source for F {
    fn get(&self, name: &str, _: u64) -> Result<Option<Vec<u8>>, Error> {
        self(name)
    }
}

/// Looks for a newer snapshot, reads what is missing of it, and puts it in force; false when there is none. Call it when
/// [`Revocations::wanted`] says so. When it fails, what was in force stays.
///
/// # Errors
/// [`Error::SourceUnavailable`] when there is no manifest or it cannot be read; [`Error::SegmentMissing`] when the source does
/// not show a segment yet; whatever [`Revocations::offer`], [`crate::Incoming::supply`] and [`Revocations::accept`] refuse.
pub fn refresh(lists: &mut Revocations, source: &impl Source, now: UnixTime) -> Result<bool, Error> {
    lists.begin(now);
    let read = try_refresh(lists, source, now);
    if read.is_err() {
        lists.fail(now);
    }
    read
}

fn try_refresh(lists: &mut Revocations, source: &impl Source, now: UnixTime) -> Result<bool, Error> {
    let limit = u64::try_from(MAX_MANIFEST_BYTES).unwrap_or(u64::MAX);
    let manifest = source.get(MANIFEST, limit)?.ok_or(Error::SourceUnavailable)?;
    let Offer::Newer(mut incoming) = lists.offer(&manifest, now)? else { return Ok(false) };
    for name in incoming.missing() {
        let length = incoming.length(&name).unwrap_or(0);
        incoming.supply(segment(source, &name, length)?)?;
    }
    lists.accept(*incoming, now)?;
    Ok(true)
}

/// Reads what a decision lacks ([`crate::Decision::lacking`]), as far as the source has it, so that the token, verified
/// again, fares as it should. What only the holder of the ledger can say stays lacking.
///
/// # Errors
/// [`Error::SegmentMissing`] when the source does not have one; [`Error::SourceUnavailable`] when it cannot be read;
/// whatever [`Revocations::supply`] refuses.
pub fn complete(lists: &mut Revocations, source: &impl Source, lacking: &[Lack]) -> Result<(), Error> {
    for lack in lacking {
        let (name, length) = match lack {
            Lack::Segment { name, bytes } => (*name, *bytes),
            Lack::Confirmation(confirmation) => match confirmation.exact {
                Some(exact) => (exact.name, exact.bytes),
                None => continue,
            },
        };
        let bytes = segment(source, &name, length)?;
        let digest = SegmentName::of(&bytes);
        lists.supply(name, digest, bytes)?;
    }
    Ok(())
}

fn segment(source: &impl Source, name: &SegmentName, length: u64) -> Result<Vec<u8>, Error> {
    source.get(&name.object_name(), length)?.ok_or(Error::SegmentMissing)
}

/// Objects in memory.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    objects: BTreeMap<String, Vec<u8>>,
}

impl Memory {
    /// Puts a snapshot in the place of the one before, of which no segment is removed.
    ///
    /// ```
    /// use revocable::publish::{Publisher, Revocation, SigningKey};
    /// use revocable::source::{self, Memory};
    /// use revocable::{Jwks, List, Revocations, Salt, Secrets, UnixTime};
    ///
    /// let (key, now) = (SigningKey::from_seed([7; 32]), UnixTime::from_seconds(1_790_000_000));
    /// let mut publisher = Publisher::new("https://authority.example", Salt::from_bytes([1; 16]), now);
    /// publisher.add(&Revocation::from_json(
    ///     r#"{"rule":["jti"],"issuer":"https://issuer.example","values":["t-1"]}"#,
    /// )?);
    /// let mut objects = Memory::default();
    /// objects.store(publisher.finish(&key)?);
    ///
    /// let keys = Jwks::parse(key.to_public_jwk().as_bytes(), Secrets::Ignore)?;
    /// let list = List::new("https://authority.example", keys, ["https://issuer.example"]);
    /// let mut lists = Revocations::new(vec![list]);
    /// assert!(source::refresh(&mut lists, &objects, now)?, "there is a newer snapshot");
    /// assert!(!source::refresh(&mut lists, &objects, now)?, "and now there is none");
    /// # Ok::<(), revocable::Error>(())
    /// ```
    #[cfg(feature = "publish")]
    pub fn store(&mut self, built: crate::publish::Built) {
        for (name, bytes) in built.segments {
            self.objects.insert(name.object_name(), bytes);
        }
        self.objects.insert(MANIFEST.to_owned(), built.manifest.into_bytes());
    }

    /// Its objects, by name.
    pub const fn objects_mut(&mut self) -> &mut BTreeMap<String, Vec<u8>> {
        &mut self.objects
    }
}

impl Source for Memory {
    fn get(&self, name: &str, _: u64) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.objects.get(name).cloned())
    }
}

/// Objects in a folder, as `revocable build` writes them.
#[cfg(feature = "fs")]
#[derive(Clone, Debug)]
pub struct Folder {
    path: std::path::PathBuf,
}

#[cfg(feature = "fs")]
impl Folder {
    /// The objects in this folder. Whether it is there is seen when it is read.
    #[must_use]
    pub fn new(path: impl Into<std::path::PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

#[cfg(feature = "fs")]
impl Source for Folder {
    fn get(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        use std::io::{ErrorKind, Read};
        let mut bytes = Vec::with_capacity(usize::try_from(limit.min(MAX_RESERVED)).unwrap_or(0));
        let read = std::fs::File::open(self.path.join(name))
            .and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut bytes));
        match read {
            Ok(_) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(_) => Err(Error::SourceUnavailable),
        }
    }
}

/// What a manifest says of a segment is no reason to reserve more than any segment may have.
#[cfg(feature = "fs")]
const MAX_RESERVED: u64 = crate::limits::MAX_SEGMENT_BYTES;

#[cfg(all(test, feature = "fs", not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_what_is_there_no_more_than_it_is_asked_for_and_says_what_is_not() {
        let path = std::env::temp_dir().join(format!("revocable-source-{}", std::process::id()));
        std::fs::create_dir_all(path.join("segments")).unwrap();
        std::fs::write(path.join("segments/a"), [1, 2, 3, 4]).unwrap();
        let folder = Folder::new(&path);
        assert_eq!(folder.get("segments/a", 4), Ok(Some(vec![1, 2, 3, 4])));
        assert_eq!(folder.get("segments/a", 2), Ok(Some(vec![1, 2, 3])), "one more, to be refused by");
        assert_eq!(folder.get("segments/b", 4), Ok(None));
        assert_eq!(folder.get("segments", 4), Err(Error::SourceUnavailable), "a folder is no object");
        std::fs::remove_dir_all(path).unwrap();
    }
}

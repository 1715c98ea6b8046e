//! A snapshot in a folder, as it lies there.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use revocable::limits::MAX_SEGMENT_BYTES;
use revocable::{Error, Jwks, Manifest, SegmentName};

use crate::input;
use crate::outgoing::{self, MANIFEST};
use crate::output::Failure;

/// The folder.
pub(crate) struct Folder<'p> {
    path: &'p Path,
}

impl<'p> Folder<'p> {
    pub(crate) const fn new(path: &'p Path) -> Self {
        Self { path }
    }

    /// Its manifest, which one of these keys must have signed; it may have expired.
    pub(crate) fn manifest(&self, keys: &Jwks) -> Result<Manifest, Failure> {
        let text = outgoing::read_manifest(self.path)?;
        let path = self.path.join(MANIFEST);
        Manifest::inspect(&text, keys).map_err(|error| Failure::about(path.display(), &error))
    }

    /// Where a segment is.
    pub(crate) fn segment_path(&self, name: &SegmentName) -> PathBuf {
        self.path.join(name.object_name())
    }

    /// A segment's bytes, which are those of its name.
    pub(crate) fn segment(&self, name: &SegmentName) -> Result<Vec<u8>, Failure> {
        let path = self.segment_path(name);
        let limit = usize::try_from(MAX_SEGMENT_BYTES).unwrap_or(usize::MAX);
        let bytes = input::read(&path, limit).map_err(|error| {
            let ours = match error.kind() {
                ErrorKind::NotFound => Error::SegmentMissing,
                _ => Error::SourceUnavailable,
            };
            Failure::new(ours.code().as_str(), format!("{}: {ours}: {error}", path.display()))
        })?;
        if SegmentName::of(&bytes) != *name {
            return Err(Failure::about(path.display(), &Error::SegmentHashMismatch));
        }
        Ok(bytes)
    }
}

/// Every segment that a manifest names, those that confirm included.
pub(crate) fn names(manifest: &Manifest) -> impl Iterator<Item = SegmentName> {
    sized_names(manifest).map(|(name, _)| name)
}

/// The same, with how long each is.
pub(crate) fn sized_names(manifest: &Manifest) -> impl Iterator<Item = (SegmentName, u64)> {
    let segments = manifest.segments().iter();
    let both =
        segments.map(|one| [Some((one.name, one.bytes)), one.exact.map(|exact| (exact.name, exact.bytes))]);
    both.flatten().flatten()
}

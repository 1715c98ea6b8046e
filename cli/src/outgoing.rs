//! A snapshot on its way into a folder.
//!
//! Segments are written beside their places as they come. Only when the manifest that names them is there and a reader
//! would take it do they move in, and the manifest last, so that whoever reads the folder meanwhile finds the snapshot
//! before or this one, and never half of either.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use revocable::limits::{MAX_MANIFEST_BYTES, MAX_SEGMENT_BYTES};
use revocable::{Jwks, List, Manifest, Offer, Revocations, Segment, SegmentName, UnixTime};

use crate::input;
use crate::output::{Failure, code};
use crate::store::{self, Access, Staged};

pub(crate) const MANIFEST: &str = "manifest.jwt";

/// The folder, and what is to be in it.
pub(crate) struct Outgoing<'p> {
    folder: &'p Path,
    /// Folders that were made for it, outermost first.
    made: Vec<PathBuf>,
    segments: HashMap<SegmentName, Option<Staged>>,
    /// All segments together.
    bytes: u64,
}

/// What became of it.
pub(crate) struct Written {
    pub(crate) segments: usize,
    pub(crate) new_segments: usize,
    /// All segments together.
    pub(crate) bytes: u64,
}

impl<'p> Outgoing<'p> {
    pub(crate) fn new(folder: &'p Path) -> Self {
        Self { folder, made: Vec::new(), segments: HashMap::new(), bytes: 0 }
    }

    /// Takes a segment, which is opened as a reader would, down to the last bit.
    pub(crate) fn segment(&mut self, name: SegmentName, bytes: &[u8]) -> Result<(), Failure> {
        if self.segments.contains_key(&name) {
            return Ok(());
        }
        Segment::open(bytes).and_then(|segment| segment.check())?;
        let segments = self.folder.join(SEGMENTS);
        let path = segments.join(name.to_string());
        let writing = |error| Failure::writing(path.display(), &error);
        // One of this name that was damaged is written anew.
        let is_there = input::read(&path, bytes.len()).is_ok_and(|there| there == bytes);
        let staged = match is_there {
            true => None,
            false => {
                self.make(&segments).map_err(writing)?;
                Some(Staged::new(&path, bytes, Access::Usual).map_err(writing)?)
            }
        };
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.segments.insert(name, staged);
        Ok(())
    }

    /// Keeps a segment that an earlier snapshot has put there, by its length alone, so that a small change of a large list
    /// does not read all of it. Says whether it is there.
    pub(crate) fn keep(&mut self, name: SegmentName, length: u64) -> bool {
        let path = self.folder.join(name.object_name());
        let is_there = input::size(&path) == Some(length);
        if is_there && self.segments.insert(name, None).is_none() {
            self.bytes = self.bytes.saturating_add(length);
        }
        is_there
    }

    /// Opens what the manifest says as a reader would, and as of now, so that a snapshot that readers refuse is never
    /// published.
    pub(crate) fn read_back(&self, manifest: &Manifest, keys: Jwks, now: UnixTime) -> Result<(), Failure> {
        let list = List::new(manifest.authority(), keys, manifest.covered());
        let mut reader = Revocations::new(vec![list]);
        if let Offer::Newer(mut incoming) = reader.offer(manifest.text(), now)? {
            for name in incoming.missing() {
                let place = self.folder.join(name.object_name());
                let path = match self.segments.get(&name) {
                    Some(Some(staged)) => staged.path(),
                    _ => &place,
                };
                let limit = usize::try_from(MAX_SEGMENT_BYTES).unwrap_or(usize::MAX);
                let bytes =
                    input::read(path, limit).map_err(|error| Failure::reading(path.display(), &error))?;
                incoming.supply(bytes)?;
            }
            reader.accept(*incoming, now)?;
        }
        Ok(())
    }

    /// Moves everything into its place.
    pub(crate) fn finish(mut self, manifest: &[u8]) -> Result<Written, Failure> {
        let segments = self.folder.join(SEGMENTS);
        let writing = |error| Failure::writing(segments.display(), &error);
        // Without segments of its own too, so that a reader finds a folder and not nothing.
        self.make(&segments).map_err(writing)?;
        let mut written = Written { segments: self.segments.len(), new_segments: 0, bytes: self.bytes };
        for staged in std::mem::take(&mut self.segments).into_values().flatten() {
            staged.replace().map_err(writing)?;
            written.new_segments = written.new_segments.saturating_add(1);
        }
        store::flush_folder(&segments).map_err(writing)?;
        let path = self.folder.join(MANIFEST);
        let writing = |error| Failure::writing(path.display(), &error);
        Staged::new(&path, manifest, Access::Usual).and_then(Staged::replace).map_err(writing)?;
        store::flush_folder(self.folder).map_err(writing)?;
        self.made.clear();
        Ok(written)
    }

    fn make(&mut self, folder: &Path) -> std::io::Result<()> {
        let missing: Vec<PathBuf> = folder
            .ancestors()
            .take_while(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())
            .map(Path::to_owned)
            .collect();
        for folder in missing.into_iter().rev() {
            match fs::create_dir(&folder) {
                Ok(()) => self.made.push(folder),
                // Somebody else has made it meanwhile.
                Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Drop for Outgoing<'_> {
    fn drop(&mut self) {
        // Files that were not moved, then the folders that were made for them, unless something else is in them.
        self.segments.clear();
        for folder in self.made.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Readers keep the greatest number they have seen from an authority and refuse anything older, so a folder never goes
/// back. Building the same snapshot again is no step at all. `manifest` is what is to be there, as soon as it is known.
pub(crate) fn refuse_to_go_back(
    folder: &Path,
    (authority, keys): (&str, &Jwks),
    seq: u64,
    manifest: Option<&[u8]>,
) -> Result<(), Failure> {
    let path = folder.join(MANIFEST);
    let there = match input::read(&path, MAX_MANIFEST_BYTES) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
        there => there.map_err(|error| Failure::reading(path.display(), &error))?,
    };
    // Only what this authority signed says where it stands.
    let in_the_way = |failure: Failure| {
        let message = format!("{} (this file is in the way; --force writes over it)", failure.message);
        Failure { message, ..failure }
    };
    let seen = Manifest::inspect(&there, keys)
        .map_err(|error| in_the_way(Failure::about(path.display(), &error)))?;
    if seen.authority() != authority {
        let message = format!("{}: it is another authority's", path.display());
        return Err(in_the_way(Failure::new(revocable::Code::RevocationInvalid.as_str(), message)));
    }
    let seen = seen.seq();
    let same = match manifest {
        Some(manifest) => manifest == there,
        None => seq == seen,
    };
    if seq > seen || same {
        return Ok(());
    }
    let error = if seq == seen {
        revocable::Error::ManifestConflict { seq: seen }
    } else {
        revocable::Error::ManifestRollback { seen, offered: seq }
    };
    Err(Failure::new(
        error.code().as_str(),
        format!(
            "{} is number {seen} and this would be number {seq}, which readers refuse: pass `--previous {}` to follow it, \
             `--seq` with a greater number to begin anew, with ids that are made anew unless --salt says how, or --force to \
             write over it",
            path.display(),
            folder.display(),
        ),
    ))
}

/// The keys that files hold, all together.
pub(crate) fn public_keys(own: Option<&str>, files: &[PathBuf]) -> Result<Jwks, Failure> {
    let mut keys: Vec<serde_json::Value> = Vec::new();
    let mut add = |what: &str, document: &[u8]| {
        let parsed = Jwks::parse(document, revocable::Secrets::Ignore);
        parsed.map_err(|error| Failure::about(what, &error))?;
        let value: serde_json::Value = serde_json::from_slice(document).unwrap_or_default();
        match value.get("keys").and_then(serde_json::Value::as_array) {
            Some(list) => keys.extend(list.iter().cloned()),
            None => keys.push(value),
        }
        Ok::<(), Failure>(())
    };
    if let Some(own) = own {
        add("--key", own.as_bytes())?;
    }
    for file in files {
        let document = input::read(file, revocable::limits::MAX_JWKS_BYTES)
            .map_err(|error| Failure::reading(file.display(), &error))?;
        add(&file.display().to_string(), &document)?;
    }
    let together = serde_json::json!({ "keys": keys }).to_string();
    Ok(Jwks::parse(together.as_bytes(), revocable::Secrets::Ignore)?)
}

/// How large a file that holds a manifest may be is checked by whoever reads it.
pub(crate) fn read_manifest(folder: &Path) -> Result<Vec<u8>, Failure> {
    let path = folder.join(MANIFEST);
    input::read(&path, MAX_MANIFEST_BYTES).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::new(code::FILE_READ, format!("{}: {error}", path.display())),
        _ => Failure::reading(path.display(), &error),
    })
}

const SEGMENTS: &str = "segments";

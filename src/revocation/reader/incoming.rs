//! A manifest on its way into force: its signature, then its segments.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::Error;
use crate::flow::{Answer, Authentic, Question, Verification};
use crate::revocation::manifest::{self, Manifest};
use crate::revocation::resident::Held;
use crate::revocation::snapshot::Snapshot;
use crate::revocation::{SegmentName, segment};

/// How far an offered manifest has come.
#[derive(Debug)]
pub enum Offered {
    /// Its authority signed it; nothing else is known of it.
    Authentic(AuthenticManifest),
    /// The host is to be asked about its signature.
    Asking(AskingManifest),
}

/// A manifest that a configured authority signed.
#[derive(Debug)]
pub struct AuthenticManifest {
    pub(super) text: Box<[u8]>,
    pub(super) list: usize,
    pub(super) authentic: Authentic,
}

/// A manifest about whose signature the host is asked.
#[derive(Debug)]
pub struct AskingManifest {
    pub(super) text: Box<[u8]>,
    pub(super) list: usize,
    question: Question,
}

/// What an offered manifest turned out to be.
#[derive(Debug)]
pub enum Offer {
    /// The one that is already in force: there is nothing newer.
    Unchanged,
    /// A newer one.
    Newer(Box<Incoming>),
}

/// A newer manifest whose segments are being gathered.
#[derive(Debug)]
pub struct Incoming {
    pub(super) list: usize,
    pub(super) snapshot: Snapshot,
    /// What must be at hand before it comes into force, and how long each is.
    pub(super) wanted: BTreeMap<SegmentName, u64>,
    /// All that it will have, as long as somebody gathers it.
    pub(super) _gathering: Arc<BTreeMap<SegmentName, u64>>,
}

impl Offered {
    pub(super) fn of(
        text: Box<[u8]>,
        list: usize,
        verified: Result<Verification, Error>,
    ) -> Result<Self, Error> {
        let verified = verified.map_err(|error| match error {
            // It may be a good one.
            Error::EngineUnavailable => error,
            _ => manifest::UNFIT,
        });
        match verified? {
            Verification::Authentic(authentic) => {
                Ok(Self::Authentic(AuthenticManifest { text, list, authentic }))
            }
            Verification::Asking(question) => Ok(Self::Asking(AskingManifest { text, list, question })),
        }
    }
}

impl AskingManifest {
    /// What to ask.
    #[must_use]
    pub const fn question(&self) -> &Question {
        &self.question
    }

    /// Goes on with what the host said. Its word is believed, as [`Question::answer`] says.
    ///
    /// # Errors
    /// [`Error::ManifestUntrusted`]; [`Error::EngineUnavailable`] when the host could not be asked.
    pub fn answer(self, answer: Answer) -> Result<Offered, Error> {
        Offered::of(self.text, self.list, self.question.answer(answer))
    }
}

impl Incoming {
    /// The manifest.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        self.snapshot.manifest()
    }

    /// The segments that are to be gathered before it comes into force, each once. Of a snapshot that is larger than what may
    /// be held ([`super::Revocations::resident_limit`]), these are those of the key ranges that are at hand now: others are
    /// read when a token asks for them.
    #[must_use]
    pub fn missing(&self) -> Vec<SegmentName> {
        self.wanted.keys().copied().collect()
    }

    /// How long a segment that is missing is, as the manifest says.
    #[must_use]
    pub fn length(&self, name: &SegmentName) -> Option<u64> {
        self.wanted.get(name).copied()
    }

    /// Gives a segment's bytes, whose hash is computed here.
    ///
    /// # Errors
    /// [`Error::SegmentHashMismatch`] when they are not the bytes of any segment wanted; [`Error::SegmentInvalid`] when
    /// they are, but are malformed.
    pub fn supply(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        let name = SegmentName::of(&bytes);
        self.supply_hashed(name, bytes)
    }

    /// Gives a segment's bytes together with the name made from a digest the host computed *over these very bytes*;
    /// `crypto.subtle` hashes many times faster than Wasm that has just started.
    ///
    /// # Errors
    /// As [`Incoming::supply`].
    pub fn supply_hashed(&mut self, name: SegmentName, bytes: Vec<u8>) -> Result<(), Error> {
        let Some(length) = self.wanted.get(&name) else { return Err(Error::SegmentHashMismatch) };
        let held = open(&name, *length, bytes)?;
        self.snapshot.supply(name, &held).map_err(|error| named(error, &name))?;
        self.wanted.remove(&name);
        Ok(())
    }
}

/// Opens a segment, no longer than its manifest says. What is wrong is said with its name.
pub(super) fn open(name: &SegmentName, length: u64, bytes: Vec<u8>) -> Result<Arc<Held>, Error> {
    // Before anything is read.
    if u64::try_from(bytes.len()) != Ok(length) {
        return Err(named(segment::invalid("its length is not the manifest's"), name));
    }
    Held::open(bytes).map(Arc::new).map_err(|error| named(error, name))
}

pub(super) fn named(error: Error, name: &SegmentName) -> Error {
    match error {
        Error::SegmentInvalid(reason) => {
            Error::SegmentInvalid([&name.object_name(), ": ", &reason].concat().into())
        }
        other => other,
    }
}

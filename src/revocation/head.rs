//! The head: the smaller signed pointer to the newest manifest, by which a reader knows whether it has that one.

use crate::error::Error;
use crate::flow::{Answer, Authentic, Question, Verification};
use crate::json::Object;
use crate::limits::{MAX_CLOCK_TOLERANCE_SECONDS, MAX_HEAD_VALIDITY_SECONDS, MAX_SEQ};
use crate::time::UnixTime;

use super::SegmentName;
use super::id::hex;
use super::manifest::{self, integer, string};

/// What an authority said of its newest manifest, and has not yet expired.
///
/// A compact JWS, read as strictly as every token, whose header has `typ: revocations-head+jwt` and the `kid` of one of the
/// list's keys; that `typ` is neither a manifest nor a bearer token. Its claims are:
///
/// | claim | type | what |
/// |---|---|---|
/// | `iss` | string | the authority |
/// | `seq` | integer | the number of its newest manifest |
/// | `manifest` | 64 hex digits | SHA-256 of that manifest's text |
/// | `iat` | seconds | said when |
/// | `exp` | seconds, at most `iat` + 60 | not to be relied on after |
///
/// How current a list is never goes by `iat`: that is another's clock, in whole seconds. It goes by the instant at which the reader
/// asked ([`super::Revocations::heard`]). `exp` bounds for how long somebody on the way could go on showing an old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which of the reader's lists.
    pub(super) list: usize,
    pub(super) seq: u64,
    pub(super) manifest: [u8; 32],
    issued_at: UnixTime,
    expires_at: UnixTime,
}

/// How far an offered head has come.
#[derive(Debug)]
pub enum OfferedHead {
    /// Its authority signed it; nothing else is known of it.
    Authentic(AuthenticHead),
    /// The host is to be asked about its signature.
    Asking(AskingHead),
}

/// A head that a configured authority signed.
#[derive(Debug)]
pub struct AuthenticHead {
    list: usize,
    authentic: Authentic,
}

/// A head about whose signature the host is asked.
#[derive(Debug)]
pub struct AskingHead {
    list: usize,
    question: Question,
}

/// What a head says beside what a reader has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Heard {
    /// The manifest in force is the authority's newest.
    Current,
    /// The manifest in force is newer than the head: whoever showed it is behind. It says nothing of how current the list is.
    Older,
    /// The authority has a newer manifest.
    Newer(Wanted),
}

/// A manifest that is to be read: `manifests/<seq>.jwt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its number.
    pub seq: u64,
    /// SHA-256 of its text.
    pub hash: [u8; 32],
}

impl Wanted {
    /// Takes a manifest's bytes for the one that is wanted, or does not.
    ///
    /// # Errors
    /// [`Error::ManifestConflict`] when they are others: there are two manifests of that number.
    pub fn admit(&self, manifest: &[u8]) -> Result<(), Error> {
        if SegmentName::of(manifest).as_bytes() == &self.hash {
            Ok(())
        } else {
            Err(Error::ManifestConflict { seq: self.seq })
        }
    }

    /// The name of its object.
    #[must_use]
    pub fn object_name(&self) -> String {
        ["manifests/", &self.seq.to_string(), ".jwt"].concat()
    }
}

impl Head {
    /// The number of the newest manifest.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// SHA-256 of the newest manifest's text.
    #[must_use]
    pub const fn manifest(&self) -> &[u8; 32] {
        &self.manifest
    }

    /// When it was said.
    #[must_use]
    pub const fn issued_at(&self) -> UnixTime {
        self.issued_at
    }

    /// After this it is not to be relied on.
    #[must_use]
    pub const fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    fn understand(list: usize, claims: &Object, now: UnixTime) -> Result<Self, Error> {
        const INVALID: fn(&'static str) -> Error = manifest::invalid;
        let number = |name: &str| integer(claims, name).map_err(Error::ManifestInvalid);
        let seq = number("seq")?;
        if seq > MAX_SEQ {
            return Err(INVALID("its `seq` is no integer that every reader can hold"));
        }
        let manifest = string(claims, "manifest").map_err(Error::ManifestInvalid)?;
        let manifest = hex(manifest).ok_or(INVALID("its `manifest` is not a SHA-256 hash"))?;
        let (iat, exp) = (number("iat")?, number("exp")?);
        if exp > iat.saturating_add(MAX_HEAD_VALIDITY_SECONDS) {
            return Err(INVALID("its `exp` is more than 60 seconds after its `iat`"));
        }
        let (issued_at, expires_at) = (UnixTime::from_seconds(iat), UnixTime::from_seconds(exp));
        if now >= expires_at {
            return Err(INVALID("it has expired"));
        }
        if issued_at > now.plus_seconds(MAX_CLOCK_TOLERANCE_SECONDS) {
            return Err(INVALID("its `iat` lies in the future"));
        }
        Ok(Self { list, seq, manifest, issued_at, expires_at })
    }
}

impl OfferedHead {
    pub(super) fn of(list: usize, verified: Result<Verification, Error>) -> Result<Self, Error> {
        let verified = verified.map_err(|error| match error {
            // It may be a good one.
            Error::EngineUnavailable => error,
            _ => manifest::UNFIT,
        });
        Ok(match verified? {
            Verification::Authentic(authentic) => Self::Authentic(AuthenticHead { list, authentic }),
            Verification::Asking(question) => Self::Asking(AskingHead { list, question }),
        })
    }
}

impl AuthenticHead {
    /// What it says.
    ///
    /// # Errors
    /// [`Error::ManifestInvalid`] when a claim is missing or malformed, it has expired or says that it holds for longer than it
    /// may, or its `iat` lies in the future.
    pub fn read(&self, now: UnixTime) -> Result<Head, Error> {
        Head::understand(self.list, self.authentic.payload(), now)
    }
}

impl AskingHead {
    /// What to ask.
    #[must_use]
    pub const fn question(&self) -> &Question {
        &self.question
    }

    /// Goes on with what the host said. Its word is believed, as [`Question::answer`] says.
    ///
    /// # Errors
    /// [`Error::ManifestUntrusted`]; [`Error::EngineUnavailable`] when the host could not be asked.
    pub fn answer(self, answer: Answer) -> Result<OfferedHead, Error> {
        OfferedHead::of(self.list, self.question.answer(answer))
    }
}

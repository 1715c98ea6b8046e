//! How urgently something should be read from its source.

/// Between two attempts at a refresh that keeps failing there are at least so many seconds.
pub(crate) const RETRY_SECONDS: u64 = 5;
/// After a reading of a snapshot that came to nothing, nobody waits for another one within so many seconds.
pub(crate) const FAILURE_PAUSE_SECONDS: u64 = 2;

/// How urgently something should be read from its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// What there is will do.
    No,
    /// It is time to look again; what there is may answer meanwhile.
    Background,
    /// There is nothing to answer with.
    Now,
}

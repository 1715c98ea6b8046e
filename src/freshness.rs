//! How urgently something should be read from its source.

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

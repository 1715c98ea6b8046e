//! The gate, as far as it is the same on every platform: which token a request carries, what is answered, what the
//! origin is told. Whoever moves the bytes decides nothing.

mod answer;
mod confirm;
mod cors;
mod identity;
mod rate;
mod remote;
mod routes;
mod token_source;

#[cfg(feature = "authority")]
use crate::authority::Authority;
use crate::error::Error;
use crate::flow::Allowed;
use crate::verifier::Verifier;

pub use answer::Answer;
pub use confirm::{ConfirmQuestion, ConfirmReply};
pub use cors::Cors;
pub use identity::is_identity_header;
pub use rate::{Buckets, Rate, network};
pub use remote::Remote;
pub(crate) use routes::DEFAULT_MAX_STALENESS_MILLIS;
pub use routes::{PathPattern, Routes};
pub(crate) use token_source::is_token68;
pub use token_source::{RequestHeaders, TokenSource};

/// A verifier, and how requests are read and answered.
#[derive(Debug)]
pub struct Gate {
    verifier: Verifier,
    routes: Routes,
    places: Places,
    sources: Vec<TokenSource>,
    readers: Readers,
    read_rate: Rate,
    cors: Cors,
    expose_reason: bool,
    #[cfg(feature = "authority")]
    pub(crate) authority: Option<Authority>,
}

/// Where a gate reads what it does not have, each where it is configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Places {
    /// The manifest and the segments; left out, the platform's own store.
    pub source: Option<Remote>,
    /// Segments that the source does not show.
    pub fallback: Option<Remote>,
    /// Confirmations.
    pub confirm: Option<Remote>,
    /// The authority: its head, and by number or hash what the other places do not show yet.
    pub follow: Option<Remote>,
}

/// Who may read the manifest and the segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Nobody.
    Nobody,
    /// Whoever presents a secret as a bearer token.
    KeyHolders {
        /// The name under which the platform keeps the secret.
        secret: String,
    },
    /// Anybody.
    Anybody,
}

impl Gate {
    pub(crate) const fn new(
        verifier: Verifier,
        routes: Routes,
        places: Places,
        sources: Vec<TokenSource>,
        readers: Readers,
        cors: Cors,
        expose_reason: bool,
    ) -> Self {
        Self {
            verifier,
            routes,
            places,
            sources,
            readers,
            read_rate: Rate::READERS,
            cors,
            expose_reason,
            #[cfg(feature = "authority")]
            authority: None,
        }
    }

    /// Counts readers otherwise than by default.
    pub(crate) const fn with_read_rate(mut self, rate: Rate) -> Self {
        self.read_rate = rate;
        self
    }

    /// Makes it an authority too.
    #[cfg(feature = "authority")]
    pub(crate) fn with_authority(mut self, authority: Option<Authority>) -> Self {
        self.authority = authority;
        self
    }

    /// The write side, where it is an authority too.
    #[cfg(feature = "authority")]
    #[must_use]
    pub const fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    /// The write side, so that the keys of those who send it events can be refreshed.
    #[cfg(feature = "authority")]
    pub const fn authority_mut(&mut self) -> Option<&mut Authority> {
        self.authority.as_mut()
    }

    /// Has this gate look for a newer manifest a little earlier than others. See [`crate::Revocations::jitter`].
    #[must_use]
    pub fn jitter(mut self, fraction: f64) -> Self {
        self.verifier = self.verifier.lists(|lists| lists.jitter(fraction));
        self
    }

    /// The verifier.
    #[must_use]
    pub const fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The verifier, to be refreshed.
    pub const fn verifier_mut(&mut self) -> &mut Verifier {
        &mut self.verifier
    }

    /// Under which policies requests are decided.
    #[must_use]
    pub const fn routes(&self) -> &Routes {
        &self.routes
    }

    /// Whether it may ask an authority for its head: another, or the one that it is itself.
    #[must_use]
    pub const fn follows(&self) -> bool {
        #[cfg(feature = "authority")]
        if self.authority.is_some() {
            return true;
        }
        self.places.follow.is_some()
    }

    /// Where it reads what it does not have.
    #[must_use]
    pub const fn places(&self) -> &Places {
        &self.places
    }

    /// Whether a request is a CORS preflight. A browser sends it without credentials or a body, so it goes to the origin
    /// unchecked, without a body, and without any header that is not of a preflight ([`Gate::is_of_preflight`]).
    #[must_use]
    pub fn is_preflight(method: &str, request: &impl RequestHeaders) -> bool {
        method == "OPTIONS"
            && ["origin", "access-control-request-method"].iter().all(|name| request.header(name).is_some())
    }

    /// Whether a header belongs to a preflight: what browsers and the proxies on the way put there, and nothing that an
    /// origin might act upon.
    #[must_use]
    pub fn is_of_preflight(header: &str) -> bool {
        ["host", "origin", "referer", "user-agent"].contains(&header)
            || ["accept", "access-control-request-", "cf-", "sec-", "x-forwarded-"]
                .iter()
                .any(|start| header.starts_with(start))
    }

    /// The token of a request: of the first configured source that is present.
    ///
    /// # Errors
    /// [`Error::TokenMissing`], or [`Error::RequestInvalid`] when the source is given twice or malformed.
    pub fn token(&self, request: &impl RequestHeaders) -> Result<String, Error> {
        self.presented(request).map(|(token, _)| token)
    }

    /// [`Gate::token`], and the source that gave it.
    ///
    /// # Errors
    /// As there.
    pub fn presented(&self, request: &impl RequestHeaders) -> Result<(String, &TokenSource), Error> {
        for source in &self.sources {
            if let Some(token) = source.token(request)? {
                return Ok((token, source));
            }
        }
        Err(Error::TokenMissing)
    }

    /// What to answer instead of forwarding a request.
    #[must_use]
    pub fn refusal(&self, error: &Error, origin: Option<&str>) -> Answer {
        Answer::refusal(error, self.expose_reason).with(self.cors.headers(origin))
    }

    /// What to answer to a request to one of our own endpoints that cannot be understood, with the reason: whoever may ask may
    /// know what is wrong with what he sent.
    #[must_use]
    pub fn malformed(&self, status: u16, reason: &str, origin: Option<&str>) -> Answer {
        Answer::malformed(status, reason).with(self.cors.headers(origin))
    }

    /// The headers that tell the origin whose request it is.
    #[must_use]
    pub fn identity(&self, allowed: &Allowed) -> Vec<(&'static str, String)> {
        identity::headers(allowed)
    }

    /// Who may read the manifest and the segments.
    #[must_use]
    pub const fn readers(&self) -> &Readers {
        &self.readers
    }

    /// How often each [`network`] may ask to read them, with the right key or without it.
    #[must_use]
    pub const fn read_rate(&self) -> Rate {
        self.read_rate
    }

    /// The headers by which pages of other origins may read our own answers.
    #[must_use]
    pub const fn cors(&self) -> &Cors {
        &self.cors
    }
}

impl Readers {
    /// Whether a request may read the snapshot. `secret` fetches a secret by its name.
    ///
    /// # Errors
    /// [`Error::NotFound`] where nobody may; [`Error::TokenMissing`] or [`Error::SignatureInvalid`], both of which answer
    /// 401; [`Error::ConfigInvalid`] when the platform does not have the secret.
    pub fn admit(
        &self,
        request: &impl RequestHeaders,
        secret: impl FnOnce(&str) -> Option<String>,
    ) -> Result<(), Error> {
        let Self::KeyHolders { secret: name } = self else {
            return if *self == Self::Anybody { Ok(()) } else { Err(Error::NotFound) };
        };
        let expected =
            secret(name).filter(|secret| is_token68(secret)).ok_or_else(|| Error::ConfigInvalid {
                path: "readKey.secret".to_owned(),
                reason: "the platform has no secret of that name that can be sent as a bearer token"
                    .to_owned(),
            })?;
        let presented = TokenSource::Bearer.token(request)?.ok_or(Error::TokenMissing)?;
        // Compared as hashes, so that neither the time nor the length says how much was right.
        let hash = crate::revocation::SegmentName::of;
        if ct_codecs::verify(hash(expected.as_bytes()).as_bytes(), hash(presented.as_bytes()).as_bytes()) {
            Ok(())
        } else {
            Err(Error::SignatureInvalid)
        }
    }
}

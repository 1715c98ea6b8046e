//! The verifier: every stage of the flow in order, for many issuers, over keys and lists that change.

use crate::error::Error;
use crate::flow::{
    Answer, Authentic, Decision, Expectations, Policy, Question, Recognised, Selected, Unverified,
    Verification,
};
use crate::freshness::Urgency;
use crate::key::{Algorithm, KeyCache};
use crate::limits::MAX_TOKEN_BYTES;
use crate::revocation::{Revocations, SnapshotInfo, Status, Unknown};
use crate::time::UnixTime;

/// A trusted issuer of tokens.
#[derive(Debug)]
pub struct Issuer {
    expectations: Expectations,
    algorithms: Vec<Algorithm>,
    required: Option<Vec<String>>,
    critical: Vec<String>,
    keys: KeyCache,
}

impl Issuer {
    /// Trusts tokens that meet `expectations` and are signed with one of `keys`.
    #[must_use]
    pub const fn new(expectations: Expectations, keys: KeyCache) -> Self {
        Self { expectations, algorithms: Vec::new(), required: None, critical: Vec::new(), keys }
    }

    /// Narrows the algorithms; by default each key stands for its own.
    #[must_use]
    pub fn algorithms(mut self, allowed: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = allowed.into_iter().collect();
        self
    }

    /// Refuses tokens without these members, each of them with a value that a revocation can name: a claim, or `header:`
    /// and a header field, that is a string, an integer, a boolean, or a list with one of those. By default, `jti` is
    /// required as soon as the lists have a rule that names it.
    ///
    /// [`Expectations::required_claims`] wants a claim to be there and does not look at its value.
    #[must_use]
    pub fn require_claims<S: Into<String>>(mut self, claims: impl IntoIterator<Item = S>) -> Self {
        self.required = Some(claims.into_iter().map(Into::into).collect());
        self
    }

    /// Understands these extensions: header members that `crit` may list (RFC 7515 §4.1.11). By default, none.
    #[must_use]
    pub fn understood_critical<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.critical = names.into_iter().map(Into::into).collect();
        self
    }

    /// Its name; the first of several, and empty where tokens of any issuer are expected.
    #[must_use]
    pub fn name(&self) -> &str {
        self.expectations.issuers().and_then(<[String]>::first).map_or("", String::as_str)
    }

    fn understands(&self, extension: &str) -> bool {
        self.critical.iter().any(|known| known == extension)
    }

    /// Its keys.
    #[must_use]
    pub const fn keys(&self) -> &KeyCache {
        &self.keys
    }

    /// Its keys, to be refreshed.
    pub const fn keys_mut(&mut self) -> &mut KeyCache {
        &mut self.keys
    }
}

/// Something that must be read before a decision can be another one. See [`Verifier::remedy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Remedy {
    /// The keys of the issuer with this index.
    Keys(usize),
    /// The manifest, and the segments it names.
    Snapshot,
    /// The authority's head, and where it names a newer manifest that one and its segments ([`Revocations::heard`]).
    Head,
    /// What the decision says that the lists lack ([`Decision::lacking`]): single segments, and confirmations.
    Lacking,
}

/// How far a token has come: to its end, which for most is a decision, or not yet.
#[derive(Debug)]
#[must_use]
pub enum Progress<T = Decision> {
    /// To the end.
    Decided(T),
    /// To a signature that the host is to be asked about.
    Asking(Box<Asking>),
}

/// A token whose signature the host is asked about; [`Verifier::resume`] takes it further.
#[derive(Debug)]
pub struct Asking {
    issuer: usize,
    question: Question,
}

impl Asking {
    /// What to ask.
    #[must_use]
    pub const fn question(&self) -> &Question {
        &self.question
    }
}

/// Verifies tokens. It makes no I/O and calls no clock: [`Verifier::due`] and [`Verifier::remedy`] say what is to be
/// read, and whoever reads it hands it in.
#[derive(Debug)]
pub struct Verifier {
    issuers: Vec<Issuer>,
    revocations: Option<Revocations>,
    policy: Policy,
}

impl Verifier {
    /// Trusts these issuers and asks these lists. Until a snapshot is in force, nothing passes.
    #[must_use]
    pub fn new(issuers: Vec<Issuer>, revocations: Revocations) -> Self {
        Self { issuers, revocations: Some(revocations), policy: Policy::default() }
    }

    /// Trusts these issuers and asks no list: a revoked token passes until it expires.
    #[must_use]
    pub fn without_revocation(issuers: Vec<Issuer>) -> Self {
        Self { issuers, revocations: None, policy: Policy::default() }
    }

    /// What to do with a token of which the lists cannot tell; by default, [`crate::Action::Unavailable`].
    #[must_use]
    pub const fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Changes how its lists are kept, where it asks any: how much of them is held, how early they are looked for again.
    #[must_use]
    pub fn lists(mut self, change: impl FnOnce(Revocations) -> Revocations) -> Self {
        self.revocations = self.revocations.map(change);
        self
    }

    /// Takes a token the whole way, with engines that answer at once; one that is left to the host is refused.
    pub fn verify(&self, token: &str, now: UnixTime) -> Decision {
        self.verify_under(&self.policy, token, now)
    }

    /// [`Verifier::verify`] under another policy than the verifier's own.
    pub fn verify_under(&self, policy: &Policy, token: &str, now: UnixTime) -> Decision {
        self.try_verify(policy, token, now)
            .unwrap_or_else(|error| Decision::refuse(error, self.info(policy, now)))
    }

    fn try_verify(&self, policy: &Policy, token: &str, now: UnixTime) -> Result<Decision, Error> {
        let (issuer, selected) = self.select(token, now)?;
        self.judge(policy, selected.verify()?, issuer, now)
    }

    /// Takes a token the whole way, or as far as the host is to be asked about its signature.
    pub fn start(&self, token: &str, now: UnixTime) -> Progress {
        self.start_under(&self.policy, token, now)
    }

    /// [`Verifier::start`] under another policy than the verifier's own.
    pub fn start_under(&self, policy: &Policy, token: &str, now: UnixTime) -> Progress {
        self.progress(policy, now, || {
            let (issuer, selected) = self.select(token, now)?;
            Ok((issuer, selected.start()?))
        })
    }

    /// Takes a token further with what the host said of its signature.
    pub fn resume(&self, asking: Asking, answer: Answer, now: UnixTime) -> Progress {
        self.resume_under(&self.policy, asking, answer, now)
    }

    /// [`Verifier::resume`] under another policy than the verifier's own: that with which it started.
    pub fn resume_under(&self, policy: &Policy, asking: Asking, answer: Answer, now: UnixTime) -> Progress {
        let Asking { issuer, question } = asking;
        self.progress(policy, now, || Ok((issuer, question.answer(answer)?)))
    }

    /// Takes a token to where it can be taken back, whatever the lists say of it and however current they are: revoking must not
    /// wait for them. See [`Authentic::recognise`].
    pub fn start_recognising(&self, token: &str, now: UnixTime) -> Progress<Result<Recognised, Error>> {
        self.recognition(now, || {
            let (issuer, selected) = self.select(token, now)?;
            Ok((issuer, selected.start()?))
        })
    }

    /// Takes a token further that [`Verifier::start_recognising`] has started.
    pub fn resume_recognising(
        &self,
        asking: Asking,
        answer: Answer,
        now: UnixTime,
    ) -> Progress<Result<Recognised, Error>> {
        let Asking { issuer, question } = asking;
        self.recognition(now, || Ok((issuer, question.answer(answer)?)))
    }

    fn recognition(
        &self,
        now: UnixTime,
        verify: impl FnOnce() -> Result<(usize, Verification), Error>,
    ) -> Progress<Result<Recognised, Error>> {
        let verified = match verify() {
            Ok((issuer, Verification::Asking(question))) => {
                return Progress::Asking(Box::new(Asking { issuer, question }));
            }
            Ok((issuer, Verification::Authentic(authentic))) => Ok((issuer, authentic)),
            Err(error) => Err(error),
        };
        Progress::Decided(verified.and_then(|(issuer, authentic)| {
            let issuer = self.issuers.get(issuer).ok_or(Error::IssuerUnknown)?;
            authentic.recognise(&issuer.expectations, now)
        }))
    }

    fn progress(
        &self,
        policy: &Policy,
        now: UnixTime,
        verify: impl FnOnce() -> Result<(usize, Verification), Error>,
    ) -> Progress {
        let decided = match verify() {
            Ok((issuer, Verification::Asking(question))) => {
                return Progress::Asking(Box::new(Asking { issuer, question }));
            }
            Ok((issuer, Verification::Authentic(authentic))) => self.judge(policy, authentic, issuer, now),
            Err(error) => Err(error),
        };
        Progress::Decided(decided.unwrap_or_else(|error| Decision::refuse(error, self.info(policy, now))))
    }

    /// The first two stages.
    fn select<'t>(&self, token: &'t str, now: UnixTime) -> Result<(usize, Selected<'t, '_>), Error> {
        let (index, issuer, unverified) = self.parse(token)?;
        Ok((index, unverified.select(issuer.keys.current(now)?, &issuer.algorithms)?))
    }

    /// The last three.
    fn judge(
        &self,
        policy: &Policy,
        authentic: Authentic,
        issuer: usize,
        now: UnixTime,
    ) -> Result<Decision, Error> {
        let issuer = self.issuers.get(issuer).ok_or(Error::IssuerUnknown)?;
        let claims = authentic.check_claims(&issuer.expectations, now)?;
        // Whatever the lists know, and also where none is asked.
        claims.require(issuer.required.as_deref().unwrap_or_default())?;
        match &self.revocations {
            None => Ok(Decision::allow(claims, None, None)),
            Some(lists) => {
                let (required, since) = (issuer.required.as_deref(), policy.since());
                Ok(claims.check_revocation_since(lists, required, since, now)?.apply(policy))
            }
        }
    }

    fn info(&self, policy: &Policy, now: UnixTime) -> Option<SnapshotInfo> {
        let info = self.revocations.as_ref().and_then(|lists| lists.info(now))?;
        Some(SnapshotInfo { source: policy.how_sure(), ..info })
    }

    /// The first stage, and whose token it says to be.
    fn parse<'t>(&self, token: &'t str) -> Result<(usize, &Issuer, Unverified<'t>), Error> {
        let anybody = |extension: &str| self.issuers.iter().any(|issuer| issuer.understands(extension));
        let unverified = Unverified::parse_within(token, MAX_TOKEN_BYTES, anybody)?;
        let index = self.issuer_of(&unverified).ok_or(Error::IssuerUnknown)?;
        let issuer = self.issuers.get(index).ok_or(Error::IssuerUnknown)?;
        // What another issuer's tokens may ask for, this one's may not.
        if !unverified.header().critical().all(|extension| issuer.understands(extension)) {
            return Err(Error::NotSupported("the header has a critical extension that is not understood"));
        }
        Ok((index, issuer, unverified))
    }

    /// The issuer that a token names, before one that takes tokens of anybody. A token that names none is for the only
    /// issuer that accepts those: were there two, whoever signs for one could sign for the other.
    fn issuer_of(&self, token: &Unverified<'_>) -> Option<usize> {
        let expected = || self.issuers.iter().map(|issuer| &issuer.expectations);
        if !token.names_issuer() {
            let mut accepting = expected().enumerate().filter(|(_, issuer)| issuer.accepts_missing_issuer());
            let (index, _) = accepting.next()?;
            return accepting.next().is_none().then_some(index);
        }
        let claimed = token.claimed_issuer()?;
        let is_named = |issuer: &Expectations| {
            issuer.issuers().is_some_and(|names| names.iter().any(|name| name == claimed))
        };
        expected().position(is_named).or_else(|| expected().position(|issuer| issuer.issuers().is_none()))
    }

    /// What should be read while answers go on: whatever has passed its soft limit.
    #[must_use]
    pub fn due(&self, now: UnixTime) -> Vec<Remedy> {
        let keys = self
            .issuers
            .iter()
            .enumerate()
            .filter(|(_, issuer)| issuer.keys.wanted(now) == Urgency::Background);
        let snapshot = self.revocations.iter().filter(|lists| lists.wanted(now) == Urgency::Background);
        keys.map(|(index, _)| Remedy::Keys(index)).chain(snapshot.map(|_| Remedy::Snapshot)).collect()
    }

    /// What could be read now so that this token, decided again, might fare otherwise.
    #[must_use]
    pub fn remedy(&self, token: &str, decision: &Decision, now: UnixTime) -> Option<Remedy> {
        self.remedy_under(&self.policy, token, decision, now)
    }

    /// [`Verifier::remedy`] under another policy than the verifier's own: that under which it was decided.
    ///
    /// [`Remedy::Head`] comes before what single decisions lack: a newer list may lack nothing. It comes after the snapshot, though,
    /// which can be had from more places than the authority. A token that an old list knows to be revoked is worth asking for,
    /// too: that may have been taken back.
    #[must_use]
    pub fn remedy_under(
        &self,
        policy: &Policy,
        token: &str,
        decision: &Decision,
        now: UnixTime,
    ) -> Option<Remedy> {
        let unheard = || {
            let lists = self.revocations.as_ref().zip(policy.since());
            lists.is_some_and(|(lists, since)| !lists.has_heard(since, now)).then_some(Remedy::Head)
        };
        let has_list = || self.revocations.as_ref().is_some_and(|lists| lists.wanted(now) != Urgency::Now);
        let issuer = || self.parse(token).ok().map(|(index, ..)| index);
        let snapshot = |why: Unknown| match why {
            Unknown::NoSnapshot | Unknown::TooOld if !has_list() => {
                let failed = self.revocations.as_ref().is_none_or(|lists| lists.failed_lately(now));
                if failed { unheard() } else { Some(Remedy::Snapshot) }
            }
            Unknown::NoSnapshot | Unknown::TooOld => unheard(),
            Unknown::SegmentMissing | Unknown::NeedsConfirmation if unheard().is_some() => unheard(),
            Unknown::SegmentMissing | Unknown::NeedsConfirmation => {
                (!decision.lacking().is_empty()).then_some(Remedy::Lacking)
            }
            Unknown::NotCovered => None,
        };
        // A policy that lets such tokens pass needs the snapshot no less.
        if let Decision::Allow(allowed) = decision {
            return match allowed.status {
                Some(Status::Unknown(why)) => snapshot(why),
                _ => None,
            };
        }
        match decision.error()? {
            Error::JwksUnavailable => issuer()
                .filter(|index| {
                    self.issuers.get(*index).is_some_and(|issuer| !issuer.keys.failed_lately(now))
                })
                .map(Remedy::Keys),
            Error::NoMatchingKey | Error::SignatureInvalid | Error::AlgNotAllowed => {
                self.for_unknown_key(token, decision.error()?, now).map(Remedy::Keys)
            }
            Error::RevocationUnavailable(why) | Error::RevocationUnknown(why) => snapshot(*why),
            Error::Revoked { .. } => unheard(),
            _ => None,
        }
    }

    /// The issuer whose keys are to be read again, because this token may be signed with one that is not among them.
    ///
    /// Anybody can make up such a token, with or without `kid`. Whatever it looks like, it makes the keys be read at most
    /// once in the cool-down that they share ([`KeyCache::wanted_for_unknown_key`]): ten thousand of them cost the issuer no
    /// more than one does, and their sender no less than before.
    fn for_unknown_key(&self, token: &str, error: &Error, now: UnixTime) -> Option<usize> {
        let token = Unverified::parse(token).ok()?;
        let index = self.issuer_of(&token)?;
        let issuer = self.issuers.get(index)?;
        let may_be_signed_with_one = match error {
            Error::NoMatchingKey => true,
            // A key that it names is at hand: either it signed the token, or nobody did.
            _ if token.header().kid().is_some() => false,
            Error::SignatureInvalid => true,
            // Secrets are never read, and what the configuration refuses no key makes good.
            _ => Algorithm::from_name(token.header().alg()).is_some_and(|algorithm| {
                !algorithm.has_secrets()
                    && (issuer.algorithms.is_empty() || issuer.algorithms.contains(&algorithm))
            }),
        };
        (may_be_signed_with_one && issuer.keys.wanted_for_unknown_key(now)).then_some(index)
    }

    /// Says that something is being read, so that nobody else begins to read it too.
    pub fn begin(&mut self, remedy: Remedy, now: UnixTime) {
        match remedy {
            Remedy::Keys(index) => {
                if let Some(issuer) = self.issuers.get_mut(index) {
                    issuer.keys.begin(now);
                }
            }
            Remedy::Snapshot => {
                if let Some(lists) = &mut self.revocations {
                    lists.begin(now);
                }
            }
            // Each token may lack something else, and be in another hurry to hear of the newest list.
            Remedy::Lacking | Remedy::Head => {}
        }
    }

    /// Says that a reading came to nothing, so that the requests of the next seconds do not each begin another.
    pub fn fail(&mut self, remedy: Remedy, now: UnixTime) {
        match remedy {
            Remedy::Keys(index) => {
                if let Some(issuer) = self.issuers.get_mut(index) {
                    issuer.keys.fail(now);
                }
            }
            Remedy::Snapshot => {
                if let Some(lists) = &mut self.revocations {
                    lists.fail(now);
                }
            }
            Remedy::Lacking | Remedy::Head => {}
        }
    }

    /// The issuers, in the order that [`Remedy::Keys`] counts them.
    #[must_use]
    pub fn issuers(&self) -> &[Issuer] {
        &self.issuers
    }

    /// An issuer, so that its keys can be refreshed.
    pub fn issuer_mut(&mut self, index: usize) -> Option<&mut Issuer> {
        self.issuers.get_mut(index)
    }

    /// The lists.
    #[must_use]
    pub const fn revocations(&self) -> Option<&Revocations> {
        self.revocations.as_ref()
    }

    /// The lists, to be refreshed.
    pub const fn revocations_mut(&mut self) -> Option<&mut Revocations> {
        self.revocations.as_mut()
    }
}

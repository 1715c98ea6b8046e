//! Fifth and sixth stage: what the lists say of checked claims, and what to do about it.

use crate::error::Error;
use crate::revocation::{Finding, Lack, Revocations, SnapshotInfo, Status, Unknown, require};
use crate::time::UnixTime;

use super::Claims;

/// Claims together with what the lists say of them.
#[derive(Clone, Debug)]
pub struct Checked {
    claims: Claims,
    status: Status,
    /// Every reason why the lists cannot tell, where they cannot.
    reasons: Vec<Unknown>,
    lacking: Vec<Lack>,
    snapshot: Option<SnapshotInfo>,
}

/// What to do with a token of which the lists cannot tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Refuse it: [`Error::RevocationUnknown`].
    Deny,
    /// Let it pass. That holds for a snapshot past its hard limit, too: what it knew to be revoked passes.
    Allow,
    /// Say that the answer is not to be had now.
    Unavailable,
}

/// How sure a decision is to be that nothing newer has been revoked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// As sure as the list in force, which is looked for again when its soft limit has passed.
    #[default]
    List,
    /// The list in force has been compared with the authority's newest a moment ago
    /// ([`crate::gate::Routes::max_staleness`]).
    Head,
    /// It has been compared since the request came.
    Live,
}

impl Check {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::List, Self::Head, Self::Live];

    /// Its name in configurations and answers: `list`, `head` or `live`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Head => "head",
            Self::Live => "live",
        }
    }

    /// The way of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|check| check.name() == name)
    }
}

impl Action {
    /// The action of this name: `deny`, `allow` or `unavailable`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "deny" => Some(Self::Deny),
            "allow" => Some(Self::Allow),
            "unavailable" => Some(Self::Unavailable),
            _ => None,
        }
    }
}

/// What to do when the lists cannot tell, for each reason why ([`Unknown`]). By default always [`Action::Unavailable`]:
/// nothing passes unchecked, and no user is told that his token is bad when our own data is.
///
/// ```
/// use revocable::{Action, Policy, Unknown};
/// let policy = Policy::default().on(Unknown::NotCovered, Action::Allow);
/// assert_eq!(policy.action(Unknown::NotCovered), Action::Allow);
/// assert_eq!(policy.action(Unknown::TooOld), Action::Unavailable);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    no_snapshot: Action,
    too_old: Action,
    not_covered: Action,
    segment_missing: Action,
    needs_confirmation: Action,
    check: Check,
    heard_since: Option<UnixTime>,
}

impl Default for Policy {
    fn default() -> Self {
        Self::all(Action::Unavailable)
    }
}

impl Policy {
    const fn all(action: Action) -> Self {
        Self {
            no_snapshot: action,
            too_old: action,
            not_covered: action,
            segment_missing: action,
            needs_confirmation: action,
            check: Check::List,
            heard_since: None,
        }
    }

    /// What to do with a token whose status is unknown, whatever the reason.
    #[must_use]
    pub const fn on_unknown(self, action: Action) -> Self {
        Self { check: self.check, heard_since: self.heard_since, ..Self::all(action) }
    }

    /// How sure a decision is to be that nothing newer has been revoked. For the single decision, [`Policy::heard_since`] says
    /// what that means.
    #[must_use]
    pub const fn check(mut self, check: Check) -> Self {
        self.check = check;
        self
    }

    /// How sure a decision is to be.
    #[must_use]
    pub const fn how_sure(&self) -> Check {
        self.check
    }

    /// Believes no list that a token stands which has not been compared with its authority's newest since that instant
    /// ([`crate::Revocations::heard`]): the status is [`Unknown::TooOld`] then. What such a list knows to be revoked is revoked all
    /// the same.
    #[must_use]
    pub const fn heard_since(mut self, instant: UnixTime) -> Self {
        self.heard_since = Some(instant);
        self
    }

    /// For a request that came at an instant: by its [`Check`], lists must have been compared since then, at most so long before,
    /// or at any time.
    #[must_use]
    pub const fn at(self, arrival: UnixTime, max_staleness_millis: u64) -> Self {
        match self.check {
            Check::List => self,
            Check::Head => self.heard_since(arrival.minus_millis(max_staleness_millis)),
            Check::Live => self.heard_since(arrival),
        }
    }

    /// Since when lists must have been compared with their authority's newest, where they must at all.
    #[must_use]
    pub const fn since(&self) -> Option<UnixTime> {
        self.heard_since
    }

    /// What to do with a token whose status is unknown for this reason.
    #[must_use]
    pub const fn on(mut self, why: Unknown, action: Action) -> Self {
        *self.of(why) = action;
        self
    }

    /// What is done with a token whose status is unknown for this reason.
    #[must_use]
    pub const fn action(mut self, why: Unknown) -> Action {
        *self.of(why)
    }

    /// Of several reasons why the lists cannot tell, one that does not let the token pass, if there is one.
    fn gravest(&self, why: Unknown, reasons: &[Unknown]) -> Unknown {
        let grave = |one: &&Unknown| self.action(**one) != Action::Allow;
        if self.action(why) == Action::Allow { *reasons.iter().find(grave).unwrap_or(&why) } else { why }
    }

    const fn of(&mut self, why: Unknown) -> &mut Action {
        match why {
            Unknown::NoSnapshot => &mut self.no_snapshot,
            Unknown::TooOld => &mut self.too_old,
            Unknown::NotCovered => &mut self.not_covered,
            Unknown::SegmentMissing => &mut self.segment_missing,
            Unknown::NeedsConfirmation => &mut self.needs_confirmation,
        }
    }
}

/// What the gate does.
#[derive(Clone, Debug)]
#[must_use]
pub enum Decision {
    /// The token stands.
    Allow(Box<Allowed>),
    /// The token is at fault: 401.
    Deny(Refused),
    /// Our own data is at fault: 503.
    Unavailable(Refused),
}

/// A token that stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Allowed {
    /// Its claims.
    pub claims: Claims,
    /// What the lists said of it; `None` where none was asked.
    pub status: Option<Status>,
    /// How current the lists were.
    pub snapshot: Option<SnapshotInfo>,
    /// What the lists would have to be given to tell, or to be sure.
    pub lacking: Vec<Lack>,
}

/// Why a token was not let through.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refused {
    /// The reason.
    pub error: Error,
    /// How current the lists were.
    pub snapshot: Option<SnapshotInfo>,
    /// What the lists would have to be given to tell, or to be sure.
    pub lacking: Vec<Lack>,
}

impl Claims {
    /// Refuses a token without these members (claims, or `header:` and a field), each with a value that can name a
    /// target.
    ///
    /// # Errors
    /// [`Error::ClaimInvalid`] with the first that is missing.
    pub(crate) fn require(&self, members: &[String]) -> Result<(), Error> {
        members.iter().try_for_each(|member| require(self, member))
    }

    /// Fifth stage: asks the lists. `required` are members whose absence refuses the token; `None` stands for `jti` as
    /// soon as a rule names it.
    ///
    /// # Errors
    /// [`Error::ClaimInvalid`] when a required member is missing, or has too many values to look up.
    pub fn check_revocation(
        self,
        lists: &Revocations,
        required: Option<&[String]>,
        now: UnixTime,
    ) -> Result<Checked, Error> {
        self.check_revocation_since(lists, required, None, now)
    }

    /// [`Claims::check_revocation`], for whoever believes no list that has not been compared with its authority's newest since
    /// an instant ([`Policy::heard_since`]).
    pub(crate) fn check_revocation_since(
        self,
        lists: &Revocations,
        required: Option<&[String]>,
        since: Option<UnixTime>,
        now: UnixTime,
    ) -> Result<Checked, Error> {
        let Finding { status, reasons, lacking } = lists.find(&self, required, since, now)?;
        Ok(Checked { claims: self, status, reasons, lacking, snapshot: lists.info(now) })
    }
}

impl Checked {
    /// What the lists say.
    pub const fn status(&self) -> &Status {
        &self.status
    }

    /// Sixth stage: what to do.
    pub fn apply(self, policy: &Policy) -> Decision {
        let Self { claims, status, reasons, lacking, snapshot } = self;
        let snapshot = snapshot.map(|info| SnapshotInfo { source: policy.check, ..info });
        let mut decision = match status {
            Status::Revoked { rule, kind } => {
                Decision::Deny(Refused::new(Error::Revoked { rule, kind }, snapshot))
            }
            Status::Unknown(why) => {
                let why = policy.gravest(why, &reasons);
                match policy.action(why) {
                    Action::Allow => Decision::allow(claims, Some(Status::Unknown(why)), snapshot),
                    Action::Deny => Decision::refuse(Error::RevocationUnknown(why), snapshot),
                    Action::Unavailable => Decision::refuse(Error::RevocationUnavailable(why), snapshot),
                }
            }
            Status::NotRevoked => Decision::allow(claims, Some(status), snapshot),
        };
        match &mut decision {
            Decision::Allow(allowed) => allowed.lacking = lacking,
            Decision::Deny(refused) | Decision::Unavailable(refused) => refused.lacking = lacking,
        }
        decision
    }
}

impl Refused {
    const fn new(error: Error, snapshot: Option<SnapshotInfo>) -> Self {
        Self { error, snapshot, lacking: Vec::new() }
    }
}

impl Decision {
    pub(crate) fn allow(claims: Claims, status: Option<Status>, snapshot: Option<SnapshotInfo>) -> Self {
        Self::Allow(Box::new(Allowed { claims, status, snapshot, lacking: Vec::new() }))
    }

    /// Whose fault an error is decides between denying and being unavailable.
    pub(crate) fn refuse(error: Error, snapshot: Option<SnapshotInfo>) -> Self {
        let refused = Refused::new(error, snapshot);
        if refused.error.is_ours() { Self::Unavailable(refused) } else { Self::Deny(refused) }
    }

    /// The decision to which an error leads before any list has been asked.
    pub fn refused(error: Error) -> Self {
        Self::refuse(error, None)
    }

    /// The reason it was not let through.
    #[must_use]
    pub const fn error(&self) -> Option<&Error> {
        match self {
            Self::Allow(_) => None,
            Self::Deny(refused) | Self::Unavailable(refused) => Some(&refused.error),
        }
    }

    /// What the lists would have to be given to tell, or to be sure: segments that are not at hand, and hits that are too
    /// coarse to be believed. Empty where nothing of the kind would change the decision.
    #[must_use]
    pub fn lacking(&self) -> &[Lack] {
        match self {
            Self::Allow(allowed) => &allowed.lacking,
            Self::Deny(refused) | Self::Unavailable(refused) => &refused.lacking,
        }
    }

    /// How current the lists were; `None` where none was asked, or there is no snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Option<&SnapshotInfo> {
        match self {
            Self::Allow(allowed) => allowed.snapshot.as_ref(),
            Self::Deny(refused) | Self::Unavailable(refused) => refused.snapshot.as_ref(),
        }
    }
}

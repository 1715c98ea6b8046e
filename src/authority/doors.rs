//! What the endpoints for tokens need: whose they are for, and how what is wanted there is named.

use crate::flow::Decision;
use crate::time::{Cutoff, UnixTime};
use crate::verifier::Verifier;

use super::clients::Clients;
use super::events::Events;
use super::logout::Logout;
use super::tokens::Tokens;
use super::{Assertion, Authority, Credentials, Form, Identified, Refusal};

/// The configuration of the endpoints for tokens.
#[derive(Debug)]
pub(crate) struct Doors {
    pub(crate) clients: Clients,
    pub(crate) tokens: Tokens,
    pub(crate) logout: Logout,
    pub(crate) events: Events,
    /// Seconds that are added to "now" for cutoffs.
    pub(crate) clock_skew: u64,
}

impl Doors {
    /// "Now" as a cutoff: the next whole second and the clock skew, so that a login in the very second of its own logout is
    /// refused.
    pub(super) fn cutoff(&self, now: UnixTime) -> Cutoff {
        let seconds = now.as_seconds().saturating_add(1).saturating_add(self.clock_skew);
        Cutoff::saturating_from_millis(UnixTime::from_seconds(seconds).as_millis())
    }
}

impl Authority {
    /// Which client asks. `authorization` is the header of that name.
    ///
    /// | how (RFC 6749 §2.3.1, RFC 7523 §2.2) | where |
    /// |---|---|
    /// | `client_secret_basic` | `Authorization: Basic`, identifier and secret form-encoded before they are put together |
    /// | `client_secret_post` | `client_id` and `client_secret` in the form |
    /// | `private_key_jwt` | `client_assertion`, and `client_assertion_type` |
    ///
    /// # Errors
    /// 401 `invalid_client`, which does not say more; 400 `invalid_request` where two are used at once.
    pub fn identify(&self, authorization: Option<&str>, form: &Form) -> Result<Credentials, Refusal> {
        self.doors.clients.identify(authorization, form)
    }

    /// What verifies clients' assertions: its issuers are the clients that have keys. It asks no list.
    #[must_use]
    pub const fn assertions(&self) -> &Verifier {
        &self.doors.clients.assertions
    }

    /// What a client's assertion proves, once [`Authority::assertions`] has verified it. `endpoint` is the URL of the endpoint that
    /// is asked.
    ///
    /// | claim (RFC 7523 §3) | what it must be |
    /// |---|---|
    /// | `iss`, `sub` | the client's identifier, both; and `client_id`, where the form has it |
    /// | `aud` | `endpoint`, or the authority's name; among others, too |
    /// | `exp` | not over, and at most 5 minutes ahead |
    /// | `jti` | a text of at most 256 bytes that no other of the client's assertions has |
    ///
    /// # Errors
    /// 401 `invalid_client`, which does not say more; 503 where it could not be verified now.
    pub fn asserted(
        &self,
        assertion: &Assertion,
        decision: &Decision,
        endpoint: &str,
        now: UnixTime,
    ) -> Result<Identified, Refusal> {
        self.doors.clients.asserted(assertion, decision, &[endpoint, &self.name], now)
    }
}

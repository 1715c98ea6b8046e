//! The endpoints for tokens: whose they are for, and how what is wanted there is named.

use crate::authority::Doors;
use crate::config::fields::Fields;
use crate::config::{Wrong, member, wrong};
use crate::engine::Engines;

use super::{ClientConfig, LogoutConfig, SenderConfig, TokenConfig};

/// The endpoints for tokens; fields of the authority itself.
#[derive(Debug)]
pub struct DoorsConfig {
    /// Who may revoke its own tokens, or have tokens introspected; by default, nobody.
    pub clients: Vec<ClientConfig>,
    /// How tokens are named, for each issuer that does it otherwise than most.
    pub tokens: Vec<TokenConfig>,
    /// Logging out.
    pub logout: LogoutConfig,
    /// Whose security events are heard; by default, nobody's.
    pub events: Vec<SenderConfig>,
    /// How many seconds the issuers' clocks may be ahead of ours: they are added to "now" for cutoffs. By default 0, at most 300.
    pub clock_skew: Option<u64>,
}

impl DoorsConfig {
    pub(super) const FIELDS: [&'static str; 5] = ["clients", "tokens", "logout", "events", "clockSkew"];

    pub(super) fn of(authority: &Fields<'_>) -> Self {
        Self {
            clients: ClientConfig::read_all(authority),
            tokens: TokenConfig::read_all(authority),
            logout: authority.nested("logout", LogoutConfig::read).unwrap_or_default(),
            events: SenderConfig::read_all(authority),
            clock_skew: authority.seconds("clockSkew"),
        }
    }

    pub(super) fn build(self, path: &str, covered: &[String], engines: Engines) -> Result<Doors, Wrong> {
        let clock_skew = self.clock_skew.unwrap_or(0);
        if clock_skew > MOST_CLOCK_SKEW_SECONDS {
            return Err(wrong(member(path, "clockSkew"), "expected at most 300 seconds"));
        }
        Ok(Doors {
            clients: ClientConfig::build_all(self.clients, &member(path, "clients"), engines)?,
            tokens: TokenConfig::build_all(self.tokens, &member(path, "tokens"), covered)?,
            logout: self.logout.build(&member(path, "logout"))?,
            events: SenderConfig::build_all(self.events, &member(path, "events"), covered, engines)?,
            clock_skew,
        })
    }
}

/// Whoever logs in again waits for so long until he is let in.
const MOST_CLOCK_SKEW_SECONDS: u64 = 300;

//! How seldom a decision may be wrong, and what that asks of each look-up.

use std::str::FromStr;

use crate::error::Error;
use crate::limits::{COARSEST_SURE_EPSILON_BITS, MAX_LIST_VALUES};
use crate::revocation::Rule;

/// How seldom a decision about a valid token may be wrong: at most once in 2^`bits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epsilon {
    bits: u8,
}

impl Epsilon {
    /// 2^-50, about one in 10^15: what is used unless another is asked for.
    pub const DEFAULT: Self = Self { bits: 50 };
    const COARSEST_BITS: u8 = 8;
    pub(super) const FINEST_BITS: u8 = 64;

    /// 2^-`bits`; `None` outside 8 to 64.
    #[must_use]
    pub fn from_bits(bits: u8) -> Option<Self> {
        (Self::COARSEST_BITS..=Self::FINEST_BITS).contains(&bits).then_some(Self { bits })
    }

    /// The exponent.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.bits
    }

    /// `n`/ε for a segment of `n` entries when a decision takes `lookups`: how many fingerprints there must be. A 128th of ε is
    /// left for the layers that are added before the next full build.
    pub(super) fn fingerprints(self, entries: u32, lookups: u64) -> u128 {
        let all = u128::from(entries).saturating_mul(u128::from(lookups.max(1)));
        let spread = all.saturating_mul(128).div_ceil(127);
        scale(spread, self.bits)
    }

    /// What can be had of it where a decision takes so many look-ups: a segment keeps at most 64 bits of an id beside its bucket.
    pub(super) fn reachable(self, lookups: u64) -> Self {
        let doublings = lookups.max(1).next_power_of_two().trailing_zeros();
        let most = Self::FINEST_BITS.saturating_sub(u8::try_from(doublings).unwrap_or(u8::MAX));
        Self { bits: self.bits.min(most).max(Self::COARSEST_BITS) }
    }

    /// The bits of a ribbon's fingerprints. Nothing of ε is left for layers there: a layer beside coarse segments adds less than
    /// 2^-17 of it.
    pub(super) fn fingerprint_bits(self, lookups: u64) -> u8 {
        let doublings = lookups.max(1).next_power_of_two().trailing_zeros();
        self.bits.saturating_add(u8::try_from(doublings).unwrap_or(u8::MAX))
    }

    /// The same for a layer that is added: so much finer that as many as there may be take no more than was left, and fine enough
    /// that no hit needs confirmation.
    pub(super) fn fingerprints_of_layer(self, entries: u32, lookups: u64) -> u128 {
        let all = u128::from(entries).saturating_mul(u128::from(lookups.max(1)));
        scale(all, self.bits.saturating_add(LAYER_BITS).max(LEAST_LAYER_BITS))
    }
}

/// 64 tables with 16 layers each are 2^10, and a 128th is 2^-7.
const LAYER_BITS: u8 = 17;
/// A byte more than hits that are believed must have.
const LEAST_LAYER_BITS: u8 = COARSEST_SURE_EPSILON_BITS + 8;

/// `number` × 2^`bits`, or as much of it as there is room for.
fn scale(number: u128, bits: u8) -> u128 {
    let room = number.leading_zeros();
    if u32::from(bits) > room { u128::MAX } else { number.checked_shl(u32::from(bits)).unwrap_or(u128::MAX) }
}

/// How often one decision asks one layer of this rule: once, or once for each audience. A list in a claim that usually has one
/// value is not allowed for; [`crate::manual::lists`] says so.
pub(super) fn lookups(rule: &Rule) -> u64 {
    let is_list = rule.members().iter().any(|member| member.as_str() == "aud");
    if is_list { u64::try_from(MAX_LIST_VALUES).unwrap_or(u64::MAX) } else { 1 }
}

impl FromStr for Epsilon {
    type Err = Error;

    /// Reads `2^-50`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let bits = text.strip_prefix("2^-").and_then(|bits| bits.parse().ok()).and_then(Self::from_bits);
        bits.ok_or_else(|| Error::RevocationInvalid("expected an epsilon from `2^-64` to `2^-8`".to_owned()))
    }
}

impl std::fmt::Display for Epsilon {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "2^-{}", self.bits)
    }
}

//! How often anybody may ask.

use serde_json::Value;

use crate::gate::Rate;

use super::fields::Fields;
use super::{Wrong, member, wrong};

/// How often each may ask; what is left out is as by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct RateConfig {
    /// How often in a second, in the long run; 1 to 10000.
    pub per_second: Option<u64>,
    /// How often at once; 1 to 100000.
    pub burst: Option<u64>,
}

impl RateConfig {
    pub(super) fn read(value: &Value, path: String) -> Result<Self, Wrong> {
        Fields::read(value, path, &["perSecond", "burst"], |fields| Self {
            per_second: fields.whole_number("perSecond"),
            burst: fields.whole_number("burst"),
        })
    }

    pub(super) fn build(self, path: &str, default: Rate) -> Result<Rate, Wrong> {
        let within = |value: Option<u64>, default: u32, most: u32| match value {
            None => Some(default),
            Some(value) => u32::try_from(value).ok().filter(|value| (1..=most).contains(value)),
        };
        let per_second = within(self.per_second, default.per_second, MOST_PER_SECOND)
            .ok_or_else(|| wrong(member(path, "perSecond"), "expected a whole number, 1 to 10000"))?;
        let burst = within(self.burst, default.burst, MOST_AT_ONCE)
            .ok_or_else(|| wrong(member(path, "burst"), "expected a whole number, 1 to 100000"))?;
        Ok(Rate { per_second, burst })
    }
}

const MOST_PER_SECOND: u32 = 10_000;
const MOST_AT_ONCE: u32 = 100_000;

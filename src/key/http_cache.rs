//! What an HTTP answer says of its own freshness (RFC 9111), within bounds of ours, so that every host reads it alike.

/// A key set whose answer does not say for how long it is fresh: 10 minutes.
const DEFAULT_FRESH_SECONDS: u64 = 600;
/// The shortest time that a key set is fresh, whatever its answer says, `no-store` included: otherwise an issuer's
/// header, and not ours, would decide how often every gate asks.
pub(super) const MIN_FRESH_SECONDS: u64 = 60;
/// The longest: half of the hour in which it is relied on, so that the other half is left to read it again in.
pub(super) const MAX_FRESH_SECONDS: u64 = 1800;
/// The most that `Age` counts: 50 minutes. Large issuers answer out of caches of their own whose copies are hours old,
/// and there is no newer answer to be had: at least 10 minutes must be left in which to use what they say.
const MAX_AGE_SECONDS: u64 = 3000;

/// For how long an answer is fresh, and how old it was when it came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freshness {
    /// As the answer states it.
    max_age: Option<u64>,
    age: u64,
}

impl Freshness {
    /// Reads the values of the headers `Cache-Control` and `Age`, each as the host joins several of that name.
    ///
    /// `max-age` counts (RFC 9111 §5.2.2.1), the least one where there are several; one that is no number, `no-cache` and
    /// `no-store` count as 0. `s-maxage` and all else is ignored. `Age` (§5.1) is how old the answer was when a cache gave
    /// it; one that is no number is ignored. `Date` is not looked at: it says something only where two clocks agree, while
    /// every cache must send `Age`.
    ///
    /// ```
    /// use revocable::Freshness;
    /// let freshness = Freshness::from_headers(Some("public, max-age=300"), Some("20"));
    /// assert_eq!((freshness.lifetime_seconds(), freshness.age_seconds()), (300, 20));
    /// ```
    #[must_use]
    pub fn from_headers(cache_control: Option<&str>, age: Option<&str>) -> Self {
        let lifetimes = cache_control.into_iter().flat_map(directives).filter_map(lifetime);
        let age = age.and_then(|age| age.split(',').next()).and_then(delta_seconds);
        Self { max_age: lifetimes.min(), age: age.unwrap_or(0) }
    }

    /// For how many seconds after the origin's answer it is fresh: what it says, within 1 and 30 minutes; 10 minutes where
    /// it says nothing.
    #[must_use]
    pub fn lifetime_seconds(self) -> u64 {
        self.max_age.unwrap_or(DEFAULT_FRESH_SECONDS).clamp(MIN_FRESH_SECONDS, MAX_FRESH_SECONDS)
    }

    /// How many seconds before it was asked for the origin gave the answer, as far as caches on the way say. No more than
    /// 50 minutes are counted.
    #[must_use]
    pub fn age_seconds(self) -> u64 {
        self.age.min(MAX_AGE_SECONDS)
    }
}

fn lifetime(directive: &str) -> Option<u64> {
    let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
    let name = name.trim();
    if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
        return Some(0);
    }
    let value = value.trim();
    // A quoted number is to be read like a bare one (§5.2).
    let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    name.eq_ignore_ascii_case("max-age").then(|| delta_seconds(bare).unwrap_or(0))
}

/// The parts between commas, except those in quoted strings (RFC 9110 §5.6.4).
fn directives(header: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    header.split(move |character| {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ',' => return !is_quoted,
            _ => {}
        }
        false
    })
}

/// RFC 9111 §1.2.2. One too large for us is as large as can be.
fn delta_seconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_age_counts_within_one_and_thirty_minutes_and_ten_are_the_default() {
        let cases = [
            (None, 600),
            (Some(""), 600),
            (Some("public"), 600),
            (Some("max-age=300"), 300),
            (Some("public, MAX-AGE = \"300\" , must-revalidate"), 300),
            (Some("max-age=1"), 60),
            (Some("max-age=86400"), 1800),
            (Some("max-age=99999999999999999999999999"), 1800),
            (Some("no-store"), 60),
            (Some("max-age=600, no-cache"), 60),
            (Some("no-cache=\"set-cookie\", max-age=600"), 60),
            (Some("max-age=600, max-age=300"), 300),
            (Some("max-age=soon"), 60),
            (Some("max-age=-1"), 60),
            (Some("max-age"), 60),
            (Some("s-maxage=900"), 600),
            (Some("private=\"x, max-age=90\""), 600),
            (Some("private=\"x\\\", max-age=90"), 600),
        ];
        for (header, seconds) in cases {
            assert_eq!(Freshness::from_headers(header, None).lifetime_seconds(), seconds, "{header:?}");
        }
    }

    #[test]
    fn age_is_a_number_of_seconds_and_counts_up_to_fifty_minutes() {
        let cases = [
            (None, 0),
            (Some(""), 0),
            (Some("20"), 20),
            (Some(" 20 , 4000"), 20),
            (Some("-1"), 0),
            (Some("1.5"), 0),
            (Some("3000"), 3000),
            (Some("20000"), 3000),
            (Some("99999999999999999999999999"), 3000),
        ];
        for (header, seconds) in cases {
            assert_eq!(Freshness::from_headers(None, header).age_seconds(), seconds, "{header:?}");
        }
    }
}

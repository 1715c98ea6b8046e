//! Which policy a request is decided under: that of its path, as far as there is no doubt which path it is.

use crate::flow::{Action, Check, Policy};
use crate::revocation::Unknown;
use crate::time::UnixTime;

/// A path, or all that begin alike.
///
/// ```
/// use revocable::gate::PathPattern;
/// assert!(PathPattern::parse("/reports/*").is_some());
/// for refused in ["reports", "/a/*/b", "/a%2fb", "/a/../b", "/a//b", "/a?b", "/a;b", "/é"] {
///     assert!(PathPattern::parse(refused).is_none(), "{refused}");
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    /// Without the `*`.
    text: String,
    is_prefix: bool,
}

/// The policies of a gate: its own, and those of paths.
///
/// # Which path a request has
///
/// A path is compared byte for byte, as the gate forwards it: after the URL's dot segments have been resolved, and with
/// nothing decoded. The first pattern that fits counts.
///
/// An origin may see another path than the gate does: it may decode `%2f`, drop `;x`, join slashes, or take `/Admin/` for
/// `/admin`. So where there is any doubt the strictest policy of all holds, reason by reason: that of the gate, or that of the
/// first route which does not let the token pass where the gate's would; and the surest [`Check`] of all. There is doubt about a path that
///
/// * holds a percent-encoding, a backslash, a semicolon, an empty segment, a dot segment, or anything but visible ASCII;
/// * would get another route if upper and lower case, or a slash at the end, made no difference.
///
/// What an origin does beside that (`/admin.json` for `/admin`, or a rewriting of its own) the gate cannot know: have the
/// strict policy be the gate's and relax it by route, and not the other way around.
///
/// ```
/// use revocable::gate::{PathPattern, Routes};
/// use revocable::{Action, Policy};
/// let (strict, relaxed) = (Policy::default(), Policy::default().on_unknown(Action::Allow));
/// let routes = Routes::new(vec![(PathPattern::parse("/reports/*").unwrap(), relaxed)], strict);
/// assert_eq!(*routes.policy("/reports/2026"), relaxed);
/// assert_eq!(*routes.policy("/reports/..%2fadmin"), strict);
/// ```
#[derive(Clone, Debug)]
pub struct Routes {
    routes: Vec<(PathPattern, Policy)>,
    otherwise: Policy,
    in_doubt: Policy,
    max_staleness_millis: u64,
}

impl PathPattern {
    /// Reads a path, or one with `*` for anything at its end.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (text, is_prefix) = text.strip_suffix('*').map_or((text, false), |prefix| (prefix, true));
        let is_clear = is_plain(text) && text.bytes().all(|byte| !b"*?#".contains(&byte));
        is_clear.then(|| Self { text: text.to_owned(), is_prefix })
    }

    /// Whether a path is this one, or begins with it.
    #[must_use]
    pub fn fits(&self, path: &str) -> bool {
        if self.is_prefix { path.starts_with(&self.text) } else { path == self.text }
    }

    /// Whether every path that fits `other` fits this one too.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.fits(&other.text) && (self.is_prefix || !other.is_prefix)
    }

    /// [`PathPattern::fits`] for an origin that knows neither case nor slashes at the end.
    fn fits_loosely(&self, path: &str) -> bool {
        let [ours, theirs] = [self.text.as_str(), path].map(str::to_ascii_lowercase);
        if self.is_prefix {
            theirs.starts_with(&ours) || [theirs.as_str(), "/"].concat().starts_with(&ours)
        } else {
            theirs.trim_end_matches('/') == ours.trim_end_matches('/')
        }
    }
}

impl Routes {
    /// The policies of paths, the first that fits counting, and that of all others.
    #[must_use]
    pub fn new(routes: Vec<(PathPattern, Policy)>, otherwise: Policy) -> Self {
        let in_doubt = Unknown::ALL.into_iter().fold(otherwise, |policy, why| {
            let mut all = std::iter::once(&otherwise).chain(routes.iter().map(|(_, policy)| policy));
            let strict = all.find(|one| one.action(why) != Action::Allow);
            policy.on(why, strict.map_or(Action::Allow, |one| one.action(why)))
        });
        let all = std::iter::once(&otherwise).chain(routes.iter().map(|(_, policy)| policy));
        let surest = all.map(Policy::how_sure).max().unwrap_or_default();
        let in_doubt = in_doubt.check(surest);
        Self { routes, otherwise, in_doubt, max_staleness_millis: DEFAULT_MAX_STALENESS_MILLIS }
    }

    /// Sets how long ago, in milliseconds, lists may have been compared with their authority's newest where the policy says
    /// [`Check::Head`]; two seconds if left alone.
    #[must_use]
    pub const fn max_staleness(mut self, millis: u64) -> Self {
        self.max_staleness_millis = millis;
        self
    }

    /// The policy for a request with this path that came at this instant, with how new a list it needs.
    #[must_use]
    pub fn policy_at(&self, path: &str, arrival: UnixTime) -> Policy {
        self.policy(path).at(arrival, self.max_staleness_millis)
    }

    /// The surest check that any request may need.
    #[must_use]
    pub const fn surest(&self) -> Check {
        self.in_doubt.how_sure()
    }

    /// The policy for a request with this path, as it is forwarded.
    #[must_use]
    pub fn policy(&self, path: &str) -> &Policy {
        let first = |fits: fn(&PathPattern, &str) -> bool| {
            self.routes.iter().position(|(pattern, _)| fits(pattern, path))
        };
        if self.routes.is_empty() {
            return &self.otherwise;
        }
        let route = first(PathPattern::fits);
        if !is_plain(path) || route != first(PathPattern::fits_loosely) {
            return &self.in_doubt;
        }
        route.and_then(|route| self.routes.get(route)).map_or(&self.otherwise, |(_, policy)| policy)
    }
}

pub(crate) const DEFAULT_MAX_STALENESS_MILLIS: u64 = 2000;

/// Whether everybody reads a path alike.
fn is_plain(path: &str) -> bool {
    let is_clear = |byte: u8| byte.is_ascii_graphic() && !b"%\\;".contains(&byte);
    path.starts_with('/')
        && path.bytes().all(is_clear)
        && !path.contains("//")
        && !path.split('/').any(|segment| matches!(segment, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow() -> Policy {
        Policy::default().on_unknown(Action::Allow)
    }

    fn routes(routes: &[(&str, Policy)], otherwise: Policy) -> Routes {
        let parse = |path: &str| PathPattern::parse(path).unwrap();
        Routes::new(routes.iter().map(|(path, policy)| (parse(path), *policy)).collect(), otherwise)
    }

    #[test]
    fn a_path_gets_the_policy_of_the_first_route_that_fits_and_others_that_of_the_gate() {
        let deny = Policy::default().on_unknown(Action::Deny);
        let routes =
            routes(&[("/reports/secret", deny), ("/reports/*", allow()), ("/", allow())], Policy::default());
        for (path, policy) in [
            ("/reports/secret", deny),
            ("/reports/", allow()),
            ("/reports/2026/q1", allow()),
            ("/reports/secrets", allow()),
            ("/", allow()),
            ("/x", Policy::default()),
            ("/x/reports/a", Policy::default()),
        ] {
            assert_eq!(*routes.policy(path), policy, "{path}");
        }
    }

    #[test]
    fn a_relaxed_policy_is_not_reached_by_a_path_that_others_may_read_otherwise() {
        let routes = routes(&[("/reports/*", allow())], Policy::default());
        assert_eq!(*routes.policy("/reports/a"), allow());
        for path in [
            "/reports/..%2fadmin",
            "/reports/%2e%2e/admin",
            "/reports/%2E./admin",
            "/reports/..\\admin",
            "/reports/..%5cadmin",
            "/reports/../admin",
            "/reports/./a",
            "/reports//a",
            "//reports/a",
            "/reports/..;/admin",
            "/reports/a%00b",
            "/reports/%61",
            "/reports/%252e",
            "/reports/\u{ff0f}..",
            "/reports/a b",
            "/reports/%",
            "/Reports/a",
            "/reports",
            "reports/a",
            "",
        ] {
            assert_eq!(*routes.policy(path), Policy::default(), "{path}");
        }
    }

    #[test]
    fn where_the_gate_is_the_relaxed_one_a_path_in_doubt_gets_the_strict_policy_of_a_route() {
        let routes = routes(&[("/admin", Policy::default()), ("/admin/*", Policy::default())], allow());
        assert_eq!(*routes.policy("/shop"), allow());
        for path in
            ["/admin", "/admin/", "/admin/x", "/Admin", "/ADMIN/x", "/%61dmin", "/x/..%2fadmin", "//admin"]
        {
            assert_eq!(*routes.policy(path), Policy::default(), "{path}");
        }
    }

    #[test]
    fn in_doubt_each_reason_has_the_strictest_action_that_any_policy_has_for_it() {
        let partly = allow().on(Unknown::TooOld, Action::Deny);
        let policy =
            *routes(&[("/a", partly)], allow().on(Unknown::NoSnapshot, Action::Unavailable)).policy("/%61");
        assert_eq!(policy.action(Unknown::TooOld), Action::Deny);
        assert_eq!(policy.action(Unknown::NoSnapshot), Action::Unavailable);
        assert_eq!(policy.action(Unknown::SegmentMissing), Action::Allow);
    }

    #[test]
    fn in_doubt_the_surest_check_of_all_holds() {
        let (head, live) = (allow().check(Check::Head), allow().check(Check::Live));
        let routes = routes(&[("/public/*", allow()), ("/pay/*", live)], head);
        for (path, check) in [
            ("/public/a", Check::List),
            ("/", Check::Head),
            ("/pay/a", Check::Live),
            ("/Pay/a", Check::Live),
            ("/public/..%2fpay/a", Check::Live),
        ] {
            assert_eq!(routes.policy(path).how_sure(), check, "{path}");
        }
        assert_eq!(routes.surest(), Check::Live);
    }

    #[test]
    fn how_new_a_list_is_needed_goes_by_when_the_request_came() {
        let arrival = UnixTime::from_seconds(1_790_000_000);
        let all = routes(
            &[("/head", allow().check(Check::Head)), ("/live", allow().check(Check::Live))],
            Policy::default(),
        );
        assert_eq!(all.policy_at("/list", arrival).since(), None);
        assert_eq!(all.policy_at("/head", arrival).since(), Some(arrival.minus_seconds(2)));
        assert_eq!(all.policy_at("/live", arrival).since(), Some(arrival));
        let all = all.max_staleness(500);
        assert_eq!(all.policy_at("/head", arrival).since(), Some(arrival.minus_millis(500)));
        assert_eq!(
            all.policy_at("/head", UnixTime::from_seconds(0)).since(),
            Some(UnixTime::from_seconds(0))
        );
    }

    #[test]
    fn without_routes_every_path_gets_the_policy_of_the_gate() {
        assert_eq!(*routes(&[], allow()).policy("/a%2fb"), allow());
    }

    #[test]
    fn a_pattern_covers_what_it_makes_unreachable() {
        let pattern = |text| PathPattern::parse(text).unwrap();
        assert!(pattern("/a/*").covers(&pattern("/a/b")));
        assert!(pattern("/a/*").covers(&pattern("/a/b*")));
        assert!(pattern("/a").covers(&pattern("/a")));
        assert!(!pattern("/a").covers(&pattern("/a*")));
        assert!(!pattern("/a/*").covers(&pattern("/a")));
    }
}

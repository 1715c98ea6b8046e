//! How lists are to be kept and asked, as `Terms` of `pkg/ts/revocation_options.ts` says.

use revocable::{Action, Policy, Revocations, Unknown};

/// What to do for each reason why lists cannot tell, by the names of the actions in the order of the reasons. What is no
/// action's name leaves the default, which lets nothing pass.
pub(crate) fn policy(actions: &[String]) -> Policy {
    let named = Unknown::ALL.into_iter().zip(actions);
    named.fold(Policy::default(), |policy, (why, action)| match Action::from_name(action) {
        Some(action) => policy.on(why, action),
        None => policy,
    })
}

/// These lists, which hold so many bytes of segments, and look so much earlier than others for a newer snapshot.
pub(crate) fn kept(lists: Revocations, resident_bytes: Option<u32>, jitter: f64) -> Revocations {
    let lists = lists.jitter(jitter);
    match resident_bytes {
        Some(bytes) => lists.resident_limit(u64::from(bytes)),
        None => lists,
    }
}

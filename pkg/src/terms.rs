//! How lists are to be kept and asked, as `Terms` of `pkg/ts/revocation_options.ts` says.

use std::mem;

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

/// How many bytes of segments to hold, and how much earlier than others to look for a newer snapshot.
pub(crate) fn keep(lists: &mut Revocations, resident_limit: Option<u32>, jitter: f64) {
    let own = mem::replace(lists, Revocations::new(Vec::new())).jitter(jitter);
    *lists = match resident_limit {
        Some(bytes) => own.resident_limit(u64::from(bytes)),
        None => own,
    };
}

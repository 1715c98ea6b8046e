//! The log: one JSON object a line, with codes and reasons, never with a token or a claim's value.

use revocable::{Error, SnapshotInfo, Unknown};
use serde_json::json;
use worker::{console_error, console_log};

/// A request was not forwarded. `list` is how current the list was that was asked, where one was.
pub(crate) fn refused(error: &Error, list: Option<&SnapshotInfo>) {
    let (code, reason, (seq, age, source)) = (error.code().as_str(), error.to_string(), told(list));
    console_log!(
        "{}",
        json!({ "event": "refused", "code": code, "reason": reason, "seq": seq, "ageSeconds": age, "source": source })
    );
}

/// An endpoint of ours did not do what it was asked. The reason is one of the library's own.
pub(crate) fn door(door: &str, status: u16, code: &str, reason: &str) {
    console_log!(
        "{}",
        json!({ "event": "refused", "endpoint": door, "status": status, "code": code, "reason": reason })
    );
}

/// A request was forwarded although the list could not tell, because the policy says so.
pub(crate) fn unchecked(why: Unknown, list: Option<&SnapshotInfo>) {
    let (reason, (seq, age, source)) = (why.name(), told(list));
    console_log!(
        "{}",
        json!({ "event": "unchecked", "reason": reason, "seq": seq, "ageSeconds": age, "source": source })
    );
}

/// The number of a list, how old it was in whole seconds, and how sure it was to be the newest.
fn told(list: Option<&SnapshotInfo>) -> (Option<u64>, Option<u64>, Option<&'static str>) {
    (list.map(|list| list.seq), list.map(|list| list.age_millis / 1000), list.map(|list| list.source.name()))
}

/// Something of our own did not succeed. `detail` is what the platform said of it.
pub(crate) fn failed(what: &str, error: &Error, detail: Option<&str>) {
    let (code, reason) = (error.code().as_str(), error.to_string());
    console_error!(
        "{}",
        json!({ "event": "failed", "what": what, "code": code, "reason": reason, "detail": detail })
    );
}

/// The platform did something that it should not.
pub(crate) fn fault(fault: &worker::Error) {
    console_error!("{}", json!({ "event": "fault", "reason": fault.to_string() }));
}

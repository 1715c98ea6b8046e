//! The log: one JSON object a line, with codes and reasons, never with a token or a claim's value.

use revocable::Error;
use serde_json::json;
use worker::{console_error, console_log};

/// A request was not forwarded.
pub(crate) fn refused(error: &Error) {
    console_log!(
        "{}",
        json!({ "event": "refused", "code": error.code().as_str(), "reason": error.to_string() })
    );
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

//! Answers of our own, as the platform wants them.

use revocable::Error;
use revocable::gate::Answer;
use serde_json::json;
use worker::{Headers, Response};

use crate::state;

/// Refuses a request as the library says.
pub(crate) fn refusal(error: &Error, origin: Option<&str>) -> worker::Result<Response> {
    match state::with(|gate| gate.refusal(error, origin)) {
        Some(refusal) => answer(refusal),
        None => unconfigured(error),
    }
}

/// Says what is wrong with a request to one of our own endpoints.
pub(crate) fn malformed(status: u16, reason: &str, origin: Option<&str>) -> worker::Result<Response> {
    match state::with(|gate| gate.malformed(status, reason, origin)) {
        Some(refusal) => answer(refusal),
        None => empty(status, &[]),
    }
}

/// Says what to do next when there is no usable configuration. What is wrong with one is the log's alone.
pub(crate) fn unconfigured(error: &Error) -> worker::Result<Response> {
    let body = json!({
        "error": "temporarily_unavailable",
        "error_description": "this gate is not configured: nothing passes",
        "code": error.code().as_str(),
        "next": "type `cargo xtask dev` for a gate with a demo issuer and origin, or set REVOCABLE_CONFIG and see the log",
    });
    let headers = [
        ("content-type", "application/json; charset=utf-8"),
        ("cache-control", "no-store"),
        ("retry-after", "2"),
    ];
    bytes(503, &headers.map(|(name, value)| (name, value.to_owned())), body.to_string().into_bytes())
}

/// 405: what may be asked of this path instead.
pub(crate) fn not_allowed(allow: &str, headers: Vec<(&'static str, String)>) -> worker::Result<Response> {
    let mut headers = headers;
    headers.extend([("allow", allow.to_owned()), ("cache-control", "no-store".to_owned())]);
    empty(405, &headers)
}

/// An answer with a body.
pub(crate) fn bytes(status: u16, headers: &[(&str, String)], body: Vec<u8>) -> worker::Result<Response> {
    Ok(Response::from_bytes(body)?.with_status(status).with_headers(fields(headers)?))
}

/// An answer whose body is the host's.
pub(crate) fn array(
    status: u16,
    headers: &[(&str, String)],
    body: &js_sys::Uint8Array,
) -> worker::Result<Response> {
    let response = web_sys::Response::new_with_opt_js_u8_array(Some(body))?;
    Ok(Response::from(response).with_status(status).with_headers(fields(headers)?))
}

/// An answer without one.
pub(crate) fn empty(status: u16, headers: &[(&str, String)]) -> worker::Result<Response> {
    Ok(Response::empty()?.with_status(status).with_headers(fields(headers)?))
}

/// An answer of the library's.
pub(crate) fn answer(answer: Answer) -> worker::Result<Response> {
    bytes(answer.status, &answer.headers, answer.body.into_bytes())
}

fn fields(headers: &[(&str, String)]) -> worker::Result<Headers> {
    let fields = Headers::new();
    for (name, value) in headers {
        fields.append(name, value)?;
    }
    Ok(fields)
}

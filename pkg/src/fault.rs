//! Errors into JavaScript: a stable `code`, the claim where there is one, and never a value of a token.

use js_sys::{Array, Object};
use revocable::{ClaimFault, Code, Error};
use wasm_bindgen::JsValue;

use crate::plain::set;

/// An error as plain data: a `Fault` of `pkg/ts/core.ts`.
pub(crate) fn plain(error: &Error) -> Object {
    let fault = Object::new();
    describe(&fault, error.code(), &error.to_string());
    if let Some(claim) = error.claim() {
        set(&fault, "claim", claim);
    }
    if let Some(reason) = reason(error) {
        set(&fault, "reason", reason);
    }
    if let Error::Revoked { rule, kind } = error {
        let members: Array = rule.members().iter().map(|member| JsValue::from(member.as_str())).collect();
        set(&fault, "rule", members);
        set(&fault, "kind", kind.name());
    }
    fault
}

/// What is wrong with a claim, in the words of `jose`; why lists could not tell, in those of the option `unknown`.
fn reason(error: &Error) -> Option<&'static str> {
    match error {
        Error::ClaimInvalid { claim, reason } => Some(match reason {
            // A `typ` that is missing is one that is not the one wanted.
            ClaimFault::Missing if claim != "typ" => "missing",
            ClaimFault::Malformed if matches!(claim.as_str(), "exp" | "nbf" | "iat") => "invalid",
            _ => "check_failed",
        }),
        Error::Expired { .. } | Error::TooOld { .. } => Some("check_failed"),
        Error::RevocationUnavailable(why) | Error::RevocationUnknown(why) => Some(why.name()),
        _ => None,
    }
}

/// An error to be thrown: an `Error` that bears a fault's members.
pub(crate) fn thrown(error: &Error) -> JsValue {
    throwable(&error.to_string(), &plain(error))
}

/// An error that JavaScript found, such as an answer from a source that is not 200.
pub(crate) fn found_by_javascript(code: &str, detail: Option<&str>) -> JsValue {
    let code = Code::ALL.iter().find(|known| known.as_str() == code).copied().unwrap_or(Code::ConfigInvalid);
    let message = match detail {
        None => code.meaning().to_owned(),
        Some(detail) => [code.meaning(), ": ", detail].concat(),
    };
    let fault = Object::new();
    describe(&fault, code, &message);
    throwable(&message, &fault)
}

fn describe(fault: &Object, code: Code, message: &str) {
    set(fault, "code", code.as_str());
    set(fault, "message", message);
    if let Some(stage) = code.stage() {
        set(fault, "stage", stage);
    }
}

fn throwable(message: &str, fault: &Object) -> JsValue {
    let error = js_sys::Error::new(message);
    Object::assign(&error, fault);
    error.into()
}

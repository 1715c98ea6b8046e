//! Errors into JavaScript: a stable `code`, the claim where there is one, and never a value of a token.

use js_sys::{Object, Reflect};
use revocable::{ClaimFault, Code, Error};
use serde::Serialize;
use wasm_bindgen::JsValue;

/// An error as plain data: `Fault` of `pkg/ts/core.ts`.
#[derive(Serialize)]
pub(crate) struct Fault {
    code: &'static str,
    message: String,
    stage: Option<&'static str>,
    claim: Option<String>,
    reason: Option<&'static str>,
    rule: Option<Vec<String>>,
    kind: Option<&'static str>,
}

impl Fault {
    pub(crate) fn new(error: &Error) -> Self {
        let (rule, kind) = match error {
            Error::Revoked { rule, kind } => {
                let members = rule.members().iter().map(|member| member.as_str().to_owned()).collect();
                (Some(members), Some(kind.name()))
            }
            _ => (None, None),
        };
        Self {
            code: error.code().as_str(),
            message: error.to_string(),
            stage: error.code().stage(),
            claim: error.claim().map(str::to_owned),
            reason: reason(error),
            rule,
            kind,
        }
    }
}

/// What is wrong with a claim, in the words of `jose`.
fn reason(error: &Error) -> Option<&'static str> {
    match error {
        Error::ClaimInvalid { claim, reason } => Some(match reason {
            // A `typ` that is missing is one that is not the one wanted.
            ClaimFault::Missing if claim != "typ" => "missing",
            ClaimFault::Malformed if matches!(claim.as_str(), "exp" | "nbf" | "iat") => "invalid",
            _ => "check_failed",
        }),
        Error::Expired { .. } | Error::TooOld { .. } => Some("check_failed"),
        _ => None,
    }
}

/// An error to be thrown: an `Error` that bears a fault's members.
pub(crate) fn thrown(error: &Error) -> JsValue {
    throwable(&Fault::new(error))
}

/// An error that JavaScript found, such as an answer from a source that is not 200.
pub(crate) fn found_by_javascript(code: &str, detail: Option<&str>) -> JsValue {
    let code = Code::ALL.iter().find(|known| known.as_str() == code).copied().unwrap_or(Code::ConfigInvalid);
    let message = match detail {
        None => code.meaning().to_owned(),
        Some(detail) => format!("{}: {detail}", code.meaning()),
    };
    let fault = Fault {
        code: code.as_str(),
        message,
        stage: code.stage(),
        claim: None,
        reason: None,
        rule: None,
        kind: None,
    };
    throwable(&fault)
}

fn throwable(fault: &Fault) -> JsValue {
    let error = js_sys::Error::new(&fault.message);
    if let Ok(members) = serde_wasm_bindgen::to_value(fault) {
        Object::assign(&error, &Object::from(members));
    } else {
        // Cannot happen to strings; the code is what callers rely on.
        let _ = Reflect::set(&error, &"code".into(), &fault.code.into());
    }
    error.into()
}

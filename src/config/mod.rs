//! Configuration: JSON documents into verifiers and gates, every unknown, missing or wrong field named.

mod gate;
mod keys;
mod verifier;

use serde::de::{DeserializeOwned, IgnoredAny};

use crate::error::Error;
use crate::json;

pub use gate::{CorsConfig, GateConfig, SecretRef};
pub use keys::PemConfig;
pub use verifier::{IssuerConfig, ListConfig, VerifierConfig};

/// Reads a document. The reason in the error names fields and what was expected, and never repeats what was found:
/// a secret may have been pasted into the wrong place.
fn read<C: DeserializeOwned>(document: &str) -> Result<C, Error> {
    if let Err(error) = serde_json::from_str::<IgnoredAny>(document) {
        return Err(wrong("", &format!("not JSON, at line {} column {}", error.line(), error.column())));
    }
    // Read as strictly as a token: no two readers may disagree about what was configured.
    let object = json::object(document.as_bytes());
    let object = object.ok_or_else(|| wrong("", "expected an object in which no member is named twice"))?;
    serde_path_to_error::deserialize(serde_json::Value::from(object)).map_err(|error| {
        let path = error.path().to_string();
        wrong(if path == "." { String::new() } else { path }, &reason(error.inner()))
    })
}

fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.as_str();
    let names_field =
        ["unknown field", "missing field", "duplicate field"].iter().any(|start| text.starts_with(start));
    match text.rsplit_once("expected ") {
        _ if names_field => text.to_owned(),
        Some((_, expected)) => format!("expected {expected}"),
        None => "not the value expected here".to_owned(),
    }
}

fn wrong(path: impl Into<String>, reason: &str) -> Error {
    Error::ConfigInvalid { path: path.into(), reason: reason.to_owned() }
}

//! Configuration: JSON documents into verifiers and gates, every unknown, missing or wrong field named.

mod expectations;
mod gate;
mod keys;
mod verifier;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use crate::error::Error;
use crate::json::{self, Object};

/// The JSON Schema (draft 2020-12) of [`GateConfig`]'s document. What it cannot say, such as that a name is configured
/// once, building the gate says.
pub const GATE_SCHEMA: &str = include_str!("../../schema/gate.schema.json");

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
    structures(&object)?;
    serde_path_to_error::deserialize(Value::from(object)).map_err(|error| {
        let path = error.path().to_string();
        wrong(if path == "." { String::new() } else { path }, &reason(error.inner()))
    })
}

/// Refuses lists where objects belong: serde would take their elements for the fields in the order of their declaration.
fn structures(document: &Object) -> Result<(), Error> {
    const EXPECTED: &str = "expected an object";
    for field in ["readKey", "cors"] {
        if document.get(field).is_some_and(|value| !value.is_object()) {
            return Err(wrong(field, EXPECTED));
        }
    }
    for field in ["issuers", "lists"] {
        let elements = document.get(field).and_then(Value::as_array);
        if let Some(index) =
            elements.and_then(|elements| elements.iter().position(|value| !value.is_object()))
        {
            return Err(wrong(format!("{field}[{index}]"), EXPECTED));
        }
    }
    Ok(())
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

//! Configuration: JSON documents into verifiers and gates, every unknown, missing or wrong field named.

mod gate;
mod verifier;

use serde::de::DeserializeOwned;

use crate::error::Error;

pub use gate::{CorsConfig, GateConfig, SecretRef};
pub use verifier::{IssuerConfig, ListConfig, VerifierConfig};

/// Reads a document. The reason in the error names fields and what was expected, and never repeats what was found:
/// a secret may have been pasted into the wrong place.
fn read<C: DeserializeOwned>(document: &str) -> Result<C, Error> {
    let mut reader = serde_json::Deserializer::from_str(document);
    let config: C = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        wrong(if path == "." { String::new() } else { path }, &reason(&error.into_inner()))
    })?;
    reader.end().map_err(|_| wrong(String::new(), "something follows the document"))?;
    Ok(config)
}

fn reason(error: &serde_json::Error) -> String {
    if error.is_syntax() || error.is_eof() {
        return format!("not JSON, at line {} column {}", error.line(), error.column());
    }
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
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

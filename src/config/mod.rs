//! Configuration: JSON documents into verifiers and gates, every unknown, missing or wrong field named.

#[cfg(feature = "authority")]
mod authority;
mod expectations;
mod fields;
mod gate;
mod keys;
mod policy;
mod rate;
mod remote;
mod verifier;

use crate::error::Error;
use crate::json::{self, Fault, Object};

/// The JSON Schema (draft 2020-12) of [`GateConfig`]'s document. What it cannot say, such as that a name is configured
/// once, building the gate says.
pub const GATE_SCHEMA: &str = include_str!("../../schema/gate.schema.json");

#[cfg(feature = "authority")]
pub use authority::{
    AdminKeyConfig, AuthorityConfig, ClientConfig, DoorsConfig, EverywhereConfig, LogoutConfig,
    MeaningConfig, SenderConfig, TokenConfig,
};
pub(crate) use fields::Fields;
pub use gate::{CorsConfig, GateConfig, RouteConfig, SecretRef};
pub use keys::PemConfig;
pub use rate::RateConfig;
pub use remote::{ConfirmConfig, FollowConfig, SourceConfig};
pub use verifier::{IssuerConfig, ListConfig, VerifierConfig};

/// Reads a document as strictly as a token: no two readers may disagree about what was configured.
fn read(document: &str) -> Result<Object, Wrong> {
    json::read(document.as_bytes()).map_err(|fault| match fault {
        Fault::Syntax { line, column } => {
            wrong("", &["not JSON, at line ", &line.to_string(), " column ", &column.to_string()].concat())
        }
        Fault::Refused => wrong("", "expected an object in which no member is named twice"),
    })
}

/// [`Error::ConfigInvalid`] as it is handed on here: an error of five words for each of a hundred checks is a fifth of their
/// Wasm.
pub(crate) type Wrong = Box<Error>;

pub(crate) fn wrong(path: impl Into<String>, reason: &str) -> Wrong {
    Box::new(Error::ConfigInvalid { path: path.into(), reason: reason.to_owned() })
}

/// Where a member of an object is; the document itself is nowhere.
fn member(object: &str, name: &str) -> String {
    if object.is_empty() { name.to_owned() } else { [object, ".", name].concat() }
}

/// Where an element of a list is.
fn element(list: &str, index: usize) -> String {
    [list, "[", &index.to_string(), "]"].concat()
}

//! `revocable config`: whether a gate's configuration is one, and the schema of those.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use revocable::config::{GATE_SCHEMA, GateConfig};
use revocable::{Action, Error, Policy, Unknown};
use serde::Serialize;
use serde::de::IgnoredAny;

use crate::input;
use crate::output::{self, Exit, Failure, Place, Ui};

/// Check a gate's configuration, or show the schema of those
#[derive(clap::Args)]
#[command(arg_required_else_help = true, after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Say what is wrong with a configuration and where, or what is unwise
    ///
    /// It is read as the gate reads it. Secrets that it refers to are listed and not needed. Nothing is fetched.
    #[command(after_help = AFTER_HELP)]
    Check {
        /// The document that is to be REVOCABLE_CONFIG; `-` for standard input
        #[arg(value_name = "FILE|-")]
        file: PathBuf,
    },
    /// Print the JSON Schema (draft 2020-12) of the configuration
    #[command(after_help = AFTER_HELP)]
    Schema,
}

#[derive(Serialize)]
struct Summary {
    warnings: Vec<Warning>,
    /// The names of the platform's secrets that the document refers to.
    secrets: BTreeSet<String>,
}

/// Something that is legal and unwise.
#[derive(Serialize)]
struct Warning {
    path: String,
    message: &'static str,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Result<Exit, Failure> {
    match &args.command {
        Command::Check { file } => check(file, ui),
        Command::Schema => output::print(GATE_SCHEMA.trim_end()).map(|()| Exit::Ok),
    }
}

fn check(file: &Path, ui: Ui) -> Result<Exit, Failure> {
    let name = if input::is_stdin(file) { "standard input".to_owned() } else { file.display().to_string() };
    let bytes = input::read(file, MAX_CONFIG_BYTES).map_err(|error| Failure::reading(&name, &error))?;
    let summary = examine(&bytes).map_err(|(message, place)| {
        let path = place.path.as_deref().filter(|path| !path.is_empty());
        let at = match (place.line, path) {
            (Some(line), _) => format!("{name}:{line}:{}: ", place.column.unwrap_or(1)),
            (None, Some(path)) => format!("{name}: {path}: "),
            (None, None) => format!("{name}: "),
        };
        Failure { place: Some(Box::new(place)), ..Failure::new(INVALID, format!("{at}{message}")) }
    })?;
    if ui.json {
        output::print_json(&summary)?;
    } else {
        output::print(&summary.to_string())?;
    }
    Ok(Exit::Ok)
}

/// What the document is like, or what is wrong with it and where.
fn examine(bytes: &[u8]) -> Result<Summary, (String, Place)> {
    if bytes.len() > MAX_CONFIG_BYTES {
        return Err((format!("it is longer than {MAX_CONFIG_BYTES} bytes"), Place::default()));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        ("it is not UTF-8".to_owned(), Place::after(before))
    })?;
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        let place = Place { line: Some(error.line()), column: Some(error.column()), path: None };
        return Err((format!("it is not JSON: {}", what(&error)), place));
    }
    let secrets = RefCell::new(BTreeSet::new());
    let wrong = |error: Error| match error {
        Error::ConfigInvalid { path, reason } => (reason, Place { path: Some(path), ..Place::default() }),
        other => (other.to_string(), Place::default()),
    };
    let config = GateConfig::parse(text).map_err(wrong)?;
    let warnings = warnings(&config);
    secrets.borrow_mut().extend(config.read_key.as_ref().map(|key| key.secret.clone()));
    let present = |name: &str| {
        secrets.borrow_mut().insert(name.to_owned());
        Some(DUMMY_SECRET.to_owned())
    };
    config.build(present).map_err(wrong)?;
    Ok(Summary { warnings, secrets: secrets.into_inner() })
}

/// serde_json's word for a syntax error, which never holds any of the text, without the place that it puts after it.
fn what(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split_once(" at line ").map_or(text.as_str(), |(what, _)| what).to_owned()
}

fn warnings(config: &GateConfig) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |path: String, message| warnings.push(Warning { path, message });
    for (index, issuer) in config.issuers.iter().enumerate() {
        let at = |field: &str| format!("issuers[{index}]{field}");
        if issuer.audience.is_empty() {
            warn(at(""), "without `audience`, tokens that it issues for others pass too");
        }
        if issuer.jwks_uri.as_deref().is_some_and(|uri| uri.starts_with("http://")) {
            warn(
                at(".jwksUri"),
                "keys from this machine without TLS: for development, and no deployed gate reaches them",
            );
        }
        let secret = |names: &Vec<String>| names.iter().any(|name| name.starts_with("HS"));
        if issuer.jwks_uri.is_some() && issuer.algorithms.as_ref().is_some_and(secret) {
            warn(
                at(".algorithms"),
                "an HMAC secret that is published is none: tokens signed with one are refused",
            );
        }
    }
    if config.lists.is_empty() {
        warn("lists".to_owned(), "no list is asked: a revoked token passes until it expires");
        return warnings;
    }
    let lets_pass = |policy: &Policy| Unknown::ALL.into_iter().any(|why| policy.action(why) == Action::Allow);
    if lets_pass(&config.unknown) {
        warn("unknown".to_owned(), LETS_PASS);
    }
    for (index, route) in config.routes.iter().enumerate() {
        let at = |field: &str| format!("routes[{index}].{field}");
        if route.unknown != config.unknown && lets_pass(&route.unknown) {
            warn(at("unknown"), LETS_PASS);
        }
        let is_stricter = |why: &Unknown| {
            config.unknown.action(*why) == Action::Allow && route.unknown.action(*why) != Action::Allow
        };
        if Unknown::ALL.iter().any(is_stricter) {
            warn(
                at("path"),
                "it is stricter than the gate, and the origin may know it by other paths too: let the gate be strict, and \
                 relax it by route",
            );
        }
    }
    let places = [
        ("source.url", config.source.as_ref().map(|source| &source.url)),
        ("fallback.url", config.fallback.as_ref().map(|fallback| &fallback.url)),
        ("confirm.url", config.confirm.as_ref().map(|confirm| &confirm.url)),
    ];
    for (path, _) in places.iter().filter(|(_, url)| url.is_some_and(|url| url.starts_with("http://"))) {
        warn(
            (*path).to_owned(),
            "from this machine without TLS: for development, and no deployed gate reaches it",
        );
    }
    warnings
}

impl std::fmt::Display for Summary {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ok")?;
        for Warning { path, message } in &self.warnings {
            write!(formatter, "\nwarning  {path}: {message}")?;
        }
        for name in &self.secrets {
            write!(formatter, "\nsecret   {name}")?;
        }
        Ok(())
    }
}

/// A Worker's variables may have 5 KB each; whoever runs the gate elsewhere has room for large key sets.
const MAX_CONFIG_BYTES: usize = 1024 * 1024;
/// 64 bytes in base64url, which is long enough for every algorithm.
const DUMMY_SECRET: &str =
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const LETS_PASS: &str = "tokens of which the list cannot tell pass, revoked ones among them";
const INVALID: &str = revocable::Code::ConfigInvalid.as_str();

const AFTER_HELP: &str = "\
Examples:
  revocable config check gate.json
  revocable config check - --json < gate.json
  revocable config schema > gate.schema.json

With --json, `check` prints {\"warnings\":[{\"path\":\"lists\",\"message\":\"…\"}],\"secrets\":[\"HS_KEY\"]}, or on standard
error {\"error\":{\"code\":\"ERR_CONFIG_INVALID\",\"message\":\"…\",\"path\":\"issuers[0].jwksUri\"}}; of what is no JSON, with
\"line\" and \"column\" instead of \"path\".

Exit codes:
  0   the gate takes it, with or without warnings
  1   the gate refuses it, or it cannot be read
  64  the command line is wrong";

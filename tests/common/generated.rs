//! Writes what is generated from the code: the README's tables of error codes and of engines, and the npm package's codes.

use revocable::engine::{self, Engines};
use revocable::{Algorithm, Code};

/// A table of the README's, between two lines that name it.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// With a line break at its end.
    pub(crate) markdown: fn() -> String,
}

pub(crate) const TABLES: [Table; 2] =
    [Table { name: "engines", markdown: engines }, Table { name: "codes", markdown: codes }];

impl Table {
    fn marks(&self) -> (String, String) {
        (format!("<!-- {}:begin -->", self.name), format!("<!-- {}:end -->", self.name))
    }

    /// What stands between the two marks; `None` without exactly one of each, in their order.
    fn of<'r>(&self, readme: &'r str) -> Option<&'r str> {
        let (begin, end) = self.marks();
        let (_, rest) = readme.split_once(&begin)?;
        let (inside, after) = rest.split_once(&end)?;
        (!after.contains(&begin) && !after.contains(&end)).then_some(inside)
    }

    /// A README with the table as it should be.
    pub(crate) fn written_into(&self, readme: &str) -> Option<String> {
        let (begin, end) = self.marks();
        let old = format!("{begin}{}{end}", self.of(readme)?);
        Some(readme.replace(&old, &format!("{begin}\n{}{end}", (self.markdown)())))
    }
}

/// Who verifies which algorithm where. What a host has is its own matter: `tests/npm/host.test.mjs` asks.
fn engines() -> String {
    let mut table = "| Algorithm | Rust | Worker | npm: Node, Deno, Bun | npm: Workers, browsers |\n|---|---|---|---|---|\n"
        .to_owned();
    for algorithm in Algorithm::ALL {
        let name = algorithm.name();
        let native = engine::serving(engine::DEFAULT, *algorithm).map_or("–", |engine| engine.name());
        let worker = cell(engine::EDGE, *algorithm, "WebCrypto");
        let node = cell(engine::SMALL, *algorithm, host(name, &["`node:crypto`", "WebCrypto"]));
        let others = cell(engine::SMALL, *algorithm, host(name, &["WebCrypto"]));
        let name = if *algorithm == Algorithm::EdDSA { "EdDSA (`Ed25519`)" } else { name };
        table.push_str(&format!("| {name} | {native} | {worker} | {node} | {others} |\n"));
    }
    table
}

fn cell(engines: Engines, algorithm: Algorithm, host: impl Into<String>) -> String {
    match engine::serving(engines, algorithm).map(|engine| engine.name()) {
        None => "–".to_owned(),
        Some("host") => host.into(),
        Some(_) => "Wasm".to_owned(),
    }
}

/// Those of a runtime's own that may know the algorithm, and the second Wasm for when they do not.
fn host(name: &str, own: &[&str]) -> String {
    let knows = |engine: &&&str| name != "ES256K" || **engine != "WebCrypto";
    let mut all: Vec<&str> = own.iter().filter(knows).copied().collect();
    all.push("Wasm on demand");
    all.join(", else ")
}

fn codes() -> String {
    let mut table =
        "| Code | HTTP | OAuth error | Meaning | Verified before |\n|---|---|---|---|---|\n".to_owned();
    for code in Code::ALL {
        let status = match code.http_status() {
            0 => "–".to_owned(),
            status => status.to_string(),
        };
        let oauth = code.oauth_error().map_or_else(|| "–".to_owned(), |error| format!("`{error}`"));
        let (name, meaning, verified) = (code.as_str(), code.meaning(), code.verified_before());
        table.push_str(&format!("| `{name}` | {status} | {oauth} | {meaning} | {verified} |\n"));
    }
    table
}

/// `pkg/ts/codes.ts`.
pub(crate) fn typescript() -> String {
    let mut module =
        "// Generated from src/error/table.rs by `cargo xtask codes`; do not edit.\n\nexport const CODES = [\n"
            .to_owned();
    for code in Code::ALL {
        module.push_str(&format!("  \"{}\",\n", code.as_str()));
    }
    module.push_str("] as const;\n");
    module
}

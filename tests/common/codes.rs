//! Writes the table of error codes as the README and the npm package have it.

use revocable::Code;

/// The README's table stands between these lines.
pub(crate) const BEGIN: &str = "<!-- codes:begin -->";
pub(crate) const END: &str = "<!-- codes:end -->";

/// The README's table, with a line break at its end.
pub(crate) fn markdown() -> String {
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

/// What stands between the two marks of a README; `None` without exactly one of each, in their order.
pub(crate) fn between_marks(readme: &str) -> Option<&str> {
    let (_, rest) = readme.split_once(BEGIN)?;
    let (inside, after) = rest.split_once(END)?;
    (!after.contains(BEGIN) && !after.contains(END)).then_some(inside)
}

//! What the commands say: results on standard output, errors with their code on standard error, and the exit code.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use revocable_cli::formats::{Tally, WrongLine};
use serde::Serialize;
use serde_json::{Value, json};

/// How to talk to whoever started the command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ui {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
}

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Ok,
    /// The operation failed, or the token was denied.
    Failed,
    /// The token could not be judged, or the authority could not be asked.
    Unavailable,
    /// `EX_USAGE` of BSD's sysexits.
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::Failed => 1,
            Exit::Unavailable => 2,
            Exit::Usage => 64,
        })
    }
}

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// How many lines of the input are wrong, where lines are at fault, and the first of them.
    pub(crate) wrong_lines: u64,
    pub(crate) lines: Vec<WrongLine>,
    /// Where in a document the fault is.
    pub(crate) place: Option<Box<Place>>,
    /// The HTTP status of what an authority answered.
    pub(crate) status: Option<u16>,
}

/// A place in a JSON document: of a value, or, where the text is no JSON, of a character.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Place {
    /// Such as `issuers[0].jwksUri`; empty for the document as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    /// From 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<usize>,
    /// From 1, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) column: Option<usize>,
}

impl Place {
    /// The place of the byte that comes after these.
    pub(crate) fn after(text: &[u8]) -> Self {
        let line = text.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
        let column = text.iter().rev().take_while(|byte| **byte != b'\n').count().saturating_add(1);
        Self { path: None, line: Some(line), column: Some(column) }
    }
}

/// Codes of what only a command line can get wrong; all others are the library's.
pub(crate) mod code {
    pub(crate) const USAGE: &str = "ERR_USAGE";
    pub(crate) const FILE_READ: &str = "ERR_FILE_READ";
    pub(crate) const FILE_WRITE: &str = "ERR_FILE_WRITE";
    pub(crate) const FILE_EXISTS: &str = "ERR_FILE_EXISTS";
    pub(crate) const CLOCK: &str = "ERR_CLOCK_UNAVAILABLE";
    pub(crate) const BENCH: &str = "ERR_BENCH_FAILED";
    pub(crate) const RANDOMNESS: &str = "ERR_RANDOMNESS_UNAVAILABLE";
    pub(crate) const SIGNAL: &str = "ERR_SIGNAL_UNAVAILABLE";
    pub(crate) const AUTHORITY: &str = "ERR_AUTHORITY_UNAVAILABLE";
}

impl Failure {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Failed,
            code,
            message: message.into(),
            wrong_lines: 0,
            lines: Vec::new(),
            place: None,
            status: None,
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, ..Self::new(code::USAGE, message) }
    }

    /// What is wrong with lines of the input; `None` where nothing is.
    pub(crate) fn of_lines(tally: Tally) -> Option<Self> {
        let message = match tally.wrong {
            0 => return None,
            1 => "1 line is no revocation; nothing was written".to_owned(),
            wrong => format!("{wrong} lines are no revocations; nothing was written"),
        };
        let failure = Self::new(revocable::Code::RevocationInvalid.as_str(), message);
        Some(Self { wrong_lines: tally.wrong, lines: tally.first_wrong, ..failure })
    }

    /// An error of the library, and which file or option it is about.
    pub(crate) fn about(what: impl fmt::Display, error: &revocable::Error) -> Self {
        Self::new(error.code().as_str(), format!("{what}: {error}"))
    }

    pub(crate) fn reading(what: impl fmt::Display, error: &io::Error) -> Self {
        Self::new(code::FILE_READ, format!("{what}: {error}"))
    }

    pub(crate) fn writing(what: impl fmt::Display, error: &io::Error) -> Self {
        Self::new(code::FILE_WRITE, format!("{what}: {error}"))
    }
}

impl From<revocable::Error> for Failure {
    fn from(error: revocable::Error) -> Self {
        Self::new(error.code().as_str(), error.to_string())
    }
}

/// Writes a result as one line of JSON.
pub(crate) fn print_json(result: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(result).map_err(|error| Failure::writing(STDOUT, &error.into()))?;
    print(&text)
}

/// Writes a result.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(|error| Failure::writing(STDOUT, &error))
}

/// Writes a failure, with its code.
pub(crate) fn report(failure: &Failure, as_json: bool) {
    let Failure { code, message, wrong_lines, lines, place, status, .. } = failure;
    if as_json {
        let mut error = json!({ "code": code, "message": without_tokens(message) });
        if let (Some(error), false) = (error.as_object_mut(), lines.is_empty()) {
            error.insert("wrongLines".to_owned(), json!(wrong_lines));
            error.insert("lines".to_owned(), json!(lines));
        }
        if let (Some(error), Some(status)) = (error.as_object_mut(), status) {
            error.insert("status".to_owned(), json!(status));
        }
        if let (Some(error), Ok(Value::Object(place))) = (error.as_object_mut(), serde_json::to_value(place))
        {
            error.extend(place);
        }
        return say(&json!({ "error": error }).to_string());
    }
    for WrongLine { line, message } in lines {
        say(&format!("error[{code}]: line {line}: {}", without_tokens(message)));
    }
    say(&format!("error[{code}]: {}", without_tokens(message)));
}

/// Writes what whoever waits should know while a command goes on.
pub(crate) fn note(text: &str, ui: Ui) {
    if !ui.quiet && !ui.json {
        say(&without_tokens(text));
    }
}

/// Writes what clap says of a wrong command line.
pub(crate) fn report_usage(text: &str) {
    let text = text.trim_end();
    match text.strip_prefix("error: ") {
        Some(rest) => say(&format!("error[{}]: {}", code::USAGE, without_tokens(rest))),
        None => say(text),
    }
}

fn say(text: &str) {
    // There is nobody left to tell when standard error is closed.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A usage error repeats the argument it does not understand, which may be a token that was pasted in the wrong place.
/// Every run of a compact JWS's characters that begins as a JSON header does, and has a dot, is left out.
fn without_tokens(text: &str) -> String {
    let in_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(HEADER_START) {
        let (before, from) = rest.split_at(start);
        let (run, after) = from.split_at(from.find(|c| !in_token(c)).unwrap_or(from.len()));
        kept.push_str(before);
        kept.push_str(if run.contains('.') { "[token]" } else { run });
        rest = after;
    }
    kept.push_str(rest);
    kept
}

const STDOUT: &str = "standard output";
/// `{"` in base64url.
const HEADER_START: &str = "eyJ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_a_message_is_left_out_and_everything_else_is_kept() {
        assert_eq!(without_tokens("unexpected 'eyJh.eyJp.c-_' found"), "unexpected '[token]' found");
        assert_eq!(without_tokens("--toke=eyJh.eyJp. and eyJa.b"), "--toke=[token] and [token]");
        for plain in ["", "list.jwk: é", "the file eyJ is none", "a.b.c"] {
            assert_eq!(without_tokens(plain), plain);
        }
    }
}

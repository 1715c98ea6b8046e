//! What comes in: files and standard input, never more of them than there may be, the clock, and randomness.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use revocable::UnixTime;
use revocable::limits::MAX_JWKS_BYTES;
use revocable::publish::SigningKey;

use crate::output::{Failure, code};

/// How large an input is, where that can be told beforehand.
pub(crate) fn size(path: &Path) -> Option<u64> {
    let metadata = (!is_stdin(path)).then(|| std::fs::metadata(path).ok()).flatten();
    metadata.filter(std::fs::Metadata::is_file).map(|metadata| metadata.len())
}

/// Opens a file, or standard input for `-`.
pub(crate) fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    if is_stdin(path) { Ok(Box::new(io::stdin().lock())) } else { Ok(Box::new(File::open(path)?)) }
}

/// Reads all of a file, or of standard input for `-`, up to one byte more than `limit`: enough for the reader of it to
/// see that it is too long.
pub(crate) fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// An authority's private key.
pub(crate) fn signing_key(path: &Path) -> Result<SigningKey, Failure> {
    let document = read(path, MAX_JWKS_BYTES).map_err(|error| Failure::reading(path.display(), &error))?;
    SigningKey::from_jwk(&document).map_err(|error| Failure::about(path.display(), &error))
}

pub(crate) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Standard input can be read once only.
pub(crate) fn at_most_one_stdin<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Result<(), Failure> {
    match paths.into_iter().filter(|path| is_stdin(path)).count() {
        0 | 1 => Ok(()),
        _ => Err(Failure::usage("`-` stands for standard input, which can be read only once")),
    }
}

/// The instant asked for, or else the clock's.
pub(crate) fn now(asked: Option<UnixTime>) -> Result<UnixTime, Failure> {
    let read = || {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        Some(UnixTime::from_millis(u64::try_from(since.as_millis()).ok()?))
    };
    asked
        .or_else(read)
        .ok_or_else(|| Failure::new(code::CLOCK, "the clock shows a time before 1970; pass --now"))
}

/// Reads a value of `--now`.
pub(crate) fn instant(text: &str) -> Result<UnixTime, &'static str> {
    let seconds = text.parse().ok().and_then(UnixTime::from_numeric_date);
    seconds.ok_or("expected seconds since 1970-01-01T00:00:00Z")
}

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::new(code::RANDOMNESS, format!("the system gives no random bytes: {error}"))
    })?;
    Ok(bytes)
}

//! Revocations as NDJSON, one on a line, read as they come.

use std::io::{self, BufRead, Read};

use revocable::Error;
use revocable::publish::{Publisher, Revocation};

use crate::output::WrongLine;
use crate::progress::Progress;

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Revocations.
    pub(crate) read: u64,
    /// Lines that are none.
    pub(crate) wrong: u64,
    /// The first of them.
    pub(crate) first_wrong: Vec<WrongLine>,
}

/// Reads to the end, also past wrong lines, so that all of them can be mended at once. Blank lines are skipped.
pub(crate) fn read(
    mut input: impl BufRead,
    publisher: &mut Publisher,
    progress: &Progress,
) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let mut number: u64 = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
            return Ok(tally);
        }
        number = number.saturating_add(1);
        let cut =
            !line.ends_with(b"\n") && u64::try_from(line.len()).is_ok_and(|length| length >= MAX_LINE_BYTES);
        let cut = cut && skip_line(&mut input)?;
        match if cut { Err("it is longer than 64 KiB".to_owned()) } else { revocation(&line) } {
            Ok(None) => {}
            Ok(Some(revocation)) => {
                publisher.add(&revocation);
                tally.read = tally.read.saturating_add(1);
            }
            Err(message) => {
                tally.wrong = tally.wrong.saturating_add(1);
                if tally.first_wrong.len() < SHOWN_WRONG_LINES {
                    tally.first_wrong.push(WrongLine { line: number, message });
                }
            }
        }
        progress.advance();
    }
}

/// Reads past the end of the line, and says whether there was anything before it.
fn skip_line(input: &mut impl BufRead) -> io::Result<bool> {
    let mut any = false;
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(any);
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        any = any || end != Some(0);
        let used = end.map_or(buffer.len(), |end| end.saturating_add(1));
        input.consume(used);
        if end.is_some() {
            return Ok(any);
        }
    }
}

fn revocation(line: &[u8]) -> Result<Option<Revocation>, String> {
    let text = std::str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?.trim();
    if text.is_empty() {
        return Ok(None);
    }
    Revocation::from_json(text).map(Some).map_err(|error| match error {
        Error::RevocationInvalid(reason) => reason,
        other => other.to_string(),
    })
}

/// The longest line: a rule of 8 members, and 8 values of 1 KiB, each byte written as `\u00xx`.
const MAX_LINE_BYTES: u64 = 64 * 1024;
/// Enough to see what is systematically wrong.
const SHOWN_WRONG_LINES: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Ui;
    use revocable::{Salt, UnixTime};

    fn tally(input: &[u8]) -> Tally {
        let now = UnixTime::from_seconds(1_790_000_000);
        let mut publisher = Publisher::new("https://authority.example", Salt::from_bytes([0; 16]), now);
        let progress = Progress::begin("reading", Ui { json: false, quiet: true });
        read(input, &mut publisher, &progress).unwrap()
    }

    fn padded(length: usize) -> String {
        let line = r#"{"rule":["jti"],"issuer":"i","values":["a"]}"#;
        format!("{line}{}", " ".repeat(length.saturating_sub(line.len())))
    }

    #[test]
    fn a_line_at_the_limit_is_read_and_a_longer_one_is_wrong_and_skipped_whole() {
        for ending in ["", "\n", "\r\n"] {
            let at = tally(format!("{}{ending}", padded(65_536 - ending.len().saturating_sub(1))).as_bytes());
            assert_eq!((at.read, at.wrong), (1, 0), "{ending:?}");
        }
        let over = tally(format!("{}\n{}\n", padded(200_000), padded(100)).as_bytes());
        assert_eq!((over.read, over.wrong, over.first_wrong[0].line), (1, 1, 1));
    }

    #[test]
    fn blank_lines_count_as_lines_and_the_last_needs_no_ending() {
        let tally = tally(b"\n  \r\n\n{}");
        assert_eq!((tally.read, tally.wrong, tally.first_wrong[0].line), (0, 1, 4));
    }

    #[test]
    fn every_wrong_line_is_counted_and_the_first_ten_are_shown() {
        let tally = tally("x\n\u{feff}{}\n".repeat(20).as_bytes());
        assert_eq!((tally.wrong, tally.first_wrong.len(), tally.first_wrong[9].line), (40, 10, 10));
    }
}

//! Revocations as NDJSON, one JSON object on a line, in the shape of [`Revocation::from_json`].

use std::io::{self, BufRead};

use revocable::publish::Revocation;

use super::lines::{Line, Lines};
use super::{Item, Tally, reason};

/// Gives every revocation to `take`, in order. Blank lines are skipped.
///
/// # Errors
/// The reader's, and those of `take`.
pub fn read(input: impl BufRead, mut take: impl FnMut(Item<'_>) -> io::Result<()>) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let mut lines = Lines::new(input);
    while let Some(Line { number, text }) = lines.next_line()? {
        match text.map(str::trim) {
            Ok("") => {}
            Ok(text) => match Revocation::from_json(text) {
                Ok(revocation) => {
                    take(Item::Whole(revocation))?;
                    tally.right();
                }
                Err(error) => tally.wrong(number, reason(error)),
            },
            Err(message) => tally.wrong(number, message),
        }
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(input: &[u8]) -> Tally {
        read(input, |_| Ok(())).unwrap()
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

    #[test]
    fn a_line_that_is_too_long_is_wrong_and_the_next_is_read() {
        let line = r#"{"rule":["jti"],"issuer":"i","values":["a"]}"#;
        let tally = tally(format!("{line}{}\n{line}\n", " ".repeat(200_000)).as_bytes());
        assert_eq!((tally.read, tally.wrong, tally.first_wrong[0].line), (1, 1, 1));
    }
}

//! Lines, one after the other, without copying where the reader's buffer holds them whole.

use std::io::{self, BufRead};

/// The longest line, in bytes, its ending included: a rule of 8 members, and 8 values of 1 KiB, each byte written as
/// `\u00xx`.
pub const MAX_LINE_BYTES: usize = 64 * 1024;

/// Reads lines. Its input's buffer should be larger than most of them.
#[derive(Debug)]
pub struct Lines<R> {
    input: R,
    /// A line that the buffer did not hold whole.
    held: Vec<u8>,
    /// How much of the buffer the line given last takes.
    used: usize,
    number: u64,
}

/// A line that was read.
#[derive(Debug)]
pub struct Line<'a> {
    /// Its number, from 1.
    pub number: u64,
    /// Its text, without the `\n`, `\r\n` or nothing that ends it; or why there is none.
    pub text: Result<&'a str, &'static str>,
}

impl<R: BufRead> Lines<R> {
    /// Begins before the first line.
    pub fn new(input: R) -> Self {
        Self { input, held: Vec::new(), used: 0, number: 0 }
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// The reader's. That a line is too long or no UTF-8 is the line's own.
    pub fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        self.input.consume(std::mem::take(&mut self.used));
        self.held.clear();
        let buffer = self.input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(None);
        }
        self.number = self.number.saturating_add(1);
        let number = self.number;
        let bytes = match memchr::memchr(b'\n', buffer) {
            Some(end) if end < MAX_LINE_BYTES => {
                self.used = end.saturating_add(1);
                // Not filled again: there is something in it.
                Some(self.input.fill_buf()?.get(..end).unwrap_or_default())
            }
            _ => self.gather()?.then_some(self.held.as_slice()),
        };
        let text = match bytes.map(|bytes| std::str::from_utf8(bytes.strip_suffix(b"\r").unwrap_or(bytes))) {
            None => Err("it is longer than 64 KiB"),
            Some(Err(_)) => Err("it is not UTF-8"),
            // Some programs begin their files with a mark that is no part of the text.
            Some(Ok(text)) if number == 1 => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
            Some(Ok(text)) => Ok(text),
        };
        Ok(Some(Line { number, text }))
    }

    /// Reads a line of several buffers into `held`. Says whether it is short enough; one that is not is read past.
    fn gather(&mut self) -> io::Result<bool> {
        let mut fits = true;
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                return Ok(fits);
            }
            let end = memchr::memchr(b'\n', buffer);
            let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
            let ending = usize::from(end.is_some());
            fits =
                fits && self.held.len().saturating_add(part.len()).saturating_add(ending) <= MAX_LINE_BYTES;
            if fits {
                self.held.extend_from_slice(part);
            }
            let used = part.len().saturating_add(ending);
            self.input.consume(used);
            if end.is_some() {
                return Ok(fits);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines as the reader gives them, with a buffer of so many bytes.
    fn read(input: &[u8], buffer: usize) -> Vec<(u64, Result<String, &'static str>)> {
        let mut lines = Lines::new(io::BufReader::with_capacity(buffer, input));
        let mut all = Vec::new();
        while let Some(Line { number, text }) = lines.next_line().unwrap() {
            all.push((number, text.map(str::to_owned)));
        }
        all
    }

    #[test]
    fn lines_are_the_same_however_large_the_buffer_and_however_they_end() {
        let input = b"\xef\xbb\xbfa\r\n\nbc\n\xff\n\xef\xbb\xbfd";
        let wanted = vec![
            (1, Ok("a".to_owned())),
            (2, Ok(String::new())),
            (3, Ok("bc".to_owned())),
            (4, Err("it is not UTF-8")),
            (5, Ok("\u{feff}d".to_owned())),
        ];
        for buffer in [1, 2, 3, 7, 100] {
            assert_eq!(read(input, buffer), wanted, "{buffer}");
        }
        assert_eq!(read(b"", 8), []);
    }

    #[test]
    fn a_line_at_the_limit_is_read_and_a_longer_one_is_read_past() {
        for ending in ["", "\n", "\r\n"] {
            let at = "x".repeat(MAX_LINE_BYTES - ending.len());
            for buffer in [1000, 1 << 20] {
                let lines = read(format!("{at}{ending}").as_bytes(), buffer);
                assert_eq!(lines, [(1, Ok(at.clone()))], "{ending:?}");
                let lines = read(format!("{at}x{ending}").as_bytes(), buffer);
                assert_eq!(lines, [(1, Err("it is longer than 64 KiB"))], "{ending:?}");
            }
        }
        let lines = read(format!("{}\nb", "x".repeat(500_000)).as_bytes(), 1000);
        assert_eq!(lines[1], (2, Ok("b".to_owned())));
    }
}

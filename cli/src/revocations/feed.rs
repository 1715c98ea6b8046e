//! Server-sent events (WHATWG HTML §9.2), as far as a feed of JSON messages has them.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};

/// Reads events one after the other. Their names and ids are left aside: the messages have both inside.
pub(super) struct Events<R> {
    input: BufReader<R>,
}

impl<R: Read> Events<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input: BufReader::new(input) }
    }

    /// The data of the next event; `None` where the stream ends, also within one.
    ///
    /// # Errors
    /// The reader's, and `InvalidData` for what is too long.
    pub(super) fn next_data(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut data: Option<Vec<u8>> = None;
        loop {
            let mut line = Vec::new();
            let held = data.as_ref().map_or(0, Vec::len);
            let room = MOST_BYTES.saturating_sub(held).saturating_add(1);
            let room = u64::try_from(room).unwrap_or(u64::MAX);
            self.input.by_ref().take(room).read_until(b'\n', &mut line)?;
            if line.pop() != Some(b'\n') {
                if held.saturating_add(line.len()) >= MOST_BYTES {
                    return Err(io::Error::new(ErrorKind::InvalidData, "an event is too long"));
                }
                return Ok(None);
            }
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            if line.is_empty() {
                match data {
                    Some(data) => return Ok(Some(data)),
                    None => continue,
                }
            }
            let Some(text) = line.strip_prefix(b"data:") else { continue };
            let text = text.strip_prefix(b" ").unwrap_or(text);
            match &mut data {
                None => data = Some(text.to_vec()),
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(text);
                }
            }
        }
    }
}

/// A message of ten thousand changes has some 3 MB.
const MOST_BYTES: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn all(stream: &[u8]) -> Vec<String> {
        let mut events = Events::new(stream);
        let mut all = Vec::new();
        while let Some(data) = events.next_data().unwrap() {
            all.push(String::from_utf8(data).unwrap());
        }
        all
    }

    #[test]
    fn events_are_their_data_and_everything_else_is_passed_over() {
        let stream = b":hello\n\nid: 7\nevent: change\ndata: {\"a\":1}\n\nretry: 5\n\ndata:one\r\ndata:  two\r\n\r\ndata\n\n";
        assert_eq!(all(stream), ["{\"a\":1}", "one\n two"]);
    }

    #[test]
    fn what_ends_within_an_event_is_none() {
        assert_eq!(all(b"data: a\n\ndata: b"), ["a"]);
        assert_eq!(all(b"data: a\n\ndata: b\n"), ["a"]);
        assert!(all(b"").is_empty());
    }

    #[test]
    fn an_event_that_never_ends_is_refused() {
        let endless = b"data: ".chain(io::repeat(b'x'));
        assert_eq!(Events::new(endless).next_data().unwrap_err().kind(), ErrorKind::InvalidData);
        let line = [b"data: ".as_slice(), &[b'x'; 1 << 20], b"\n"].concat();
        let lines = line.repeat(20);
        assert_eq!(Events::new(lines.as_slice()).next_data().unwrap_err().kind(), ErrorKind::InvalidData);
    }
}

//! Cuts the lines of a CSV file into cells (RFC 4180). A line is a line: a quoted cell may hold commas and quotes, and no line
//! break.

use csv_core::{ReadRecordResult, Terminator};
use revocable::limits::MAX_RULE_MEMBERS;

use super::lines::MAX_LINE_BYTES;

/// Cuts lines into cells.
pub(super) struct Cutter {
    reader: csv_core::Reader,
    /// The cells of a line with quotes, without them, one after the other.
    unquoted: Vec<u8>,
}

impl Cutter {
    pub(super) fn new() -> Self {
        // Within a line nothing ends one.
        let reader = csv_core::ReaderBuilder::new().terminator(Terminator::Any(b'\n')).build();
        Self { reader, unquoted: vec![0; MAX_LINE_BYTES] }
    }

    pub(super) fn cut<'a>(&'a mut self, line: &'a str) -> Result<Cut<'a>, String> {
        let mut cut = Cut { cells: [""; MAX_COLUMNS], count: 0 };
        if memchr::memchr(b'"', line.as_bytes()).is_none() {
            line.split(',').try_for_each(|cell| cut.push(cell))?;
            return Ok(cut);
        }
        let mut ends = [0; MAX_COLUMNS];
        let (mut length, mut count) = (0_usize, 0_usize);
        for part in [line.as_bytes(), b"\n"] {
            let room = self.unquoted.get_mut(length..).unwrap_or_default();
            let ends = ends.get_mut(count..).unwrap_or_default();
            let (result, _, wrote, ended) = self.reader.read_record(part, room, ends);
            (length, count) = (length.saturating_add(wrote), count.saturating_add(ended));
            let wrong = match result {
                ReadRecordResult::InputEmpty if part != b"\n" => continue,
                ReadRecordResult::Record => break,
                ReadRecordResult::OutputEndsFull => TOO_MANY,
                _ => "a quoted cell does not end on its line",
            };
            self.reader.reset();
            return Err(wrong.to_owned());
        }
        let text = self.unquoted.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok());
        let text = text.unwrap_or_default();
        let mut start = 0;
        for end in ends.iter().take(count) {
            cut.push(text.get(start..*end).unwrap_or_default())?;
            start = *end;
        }
        Ok(cut)
    }
}

/// A line's cells.
pub(super) struct Cut<'a> {
    cells: [&'a str; MAX_COLUMNS],
    count: usize,
}

impl<'a> Cut<'a> {
    fn push(&mut self, cell: &'a str) -> Result<(), String> {
        let slot = self.cells.get_mut(self.count).ok_or_else(|| TOO_MANY.to_owned())?;
        *slot = cell;
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    pub(super) fn as_slice(&self) -> &[&'a str] {
        self.cells.get(..self.count).unwrap_or_default()
    }
}

/// As many members as a rule may have, and every other column.
const MAX_COLUMNS: usize = MAX_RULE_MEMBERS + 7;
const TOO_MANY: &str = "it has more than 15 cells";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_at_its_commas_and_quotes_hide_them() {
        let mut cutter = Cutter::new();
        for (line, cells) in [
            ("", &[""][..]),
            ("a,b", &["a", "b"]),
            ("a,,", &["a", "", ""]),
            (r#""a,1",b"#, &["a,1", "b"]),
            (r#""a""1""",b"#, &["a\"1\"", "b"]),
            (r#"",""#, &[","]),
            (r#""","#, &["", ""]),
            (r#""ä",é"#, &["ä", "é"]),
            // As long with quotes as a line without may be.
            (
                r#""1",2,3,4,5,6,7,8,9,10,11,12,13,14,15"#,
                &["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"],
            ),
        ] {
            let cut = cutter.cut(line).map(|cut| cut.as_slice().to_vec());
            assert_eq!(cut.as_deref(), Ok(cells), "{line}");
        }
    }

    #[test]
    fn a_line_that_cannot_be_cut_does_not_spoil_the_next() {
        let mut cutter = Cutter::new();
        let many = ["x"; MAX_COLUMNS + 1].join(",");
        let many_quoted = format!("\"x\"{}", &many[1..]);
        for (line, reason) in [
            ("\"a,b", "a quoted cell does not end on its line"),
            ("a,\"", "a quoted cell does not end on its line"),
            (&many, TOO_MANY),
            (&many_quoted, TOO_MANY),
        ] {
            assert_eq!(cutter.cut(line).err().as_deref(), Some(reason), "{line}");
            let cut = cutter.cut("\"a\",b").map(|cut| cut.as_slice().to_vec());
            assert_eq!(cut.as_deref(), Ok(&["a", "b"][..]), "after {line}");
        }
    }
}

//! Records in whatever order they come, read back sorted, in bounded memory.
//!
//! They are kept by the first byte of their ids, in memory up to a budget and beyond it in a file that has no name: nobody
//! else can open it, and it is gone however the program ends. Then one part after the other is sorted. Of equal ids the one
//! that came last stands, so what comes out does not depend on the budget. Memory: the budget, and some three times the
//! bytes of the largest part, which for ids, being hashes, is a 256th of all.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use revocable::publish::{Record, Tally, settle};
use revocable::{Id, UnixTime};

use crate::output::Failure;
use crate::progress::Progress;

/// Gathers records.
pub(crate) struct Spool {
    tables: Vec<Table>,
    /// How much memory the parts may take.
    budget: usize,
    /// How much they take.
    reserved: usize,
    disk: Disk,
}

/// Records of one kind, by the first bytes of their ids.
struct Table {
    values: bool,
    parts: Vec<Part>,
}

/// Those whose ids begin with one byte, oldest first.
#[derive(Default)]
struct Part {
    extents: Vec<Extent>,
    held: Vec<u8>,
}

/// Where in the file bytes are.
#[derive(Clone, Copy)]
struct Extent {
    start: u64,
    length: usize,
}

/// The records that stand, sorted by id.
pub(crate) struct Sorted {
    tables: Vec<Table>,
    disk: Disk,
    /// How many were not wanted.
    pub(crate) expired: u64,
}

/// A file without a name, made when it is first needed.
struct Disk {
    folder: PathBuf,
    file: Option<BufWriter<File>>,
    length: u64,
}

impl Spool {
    /// For tables of which each says whether its records have values.
    pub(crate) fn new(budget: usize, folder: &Path) -> Self {
        Self { tables: Vec::new(), budget, reserved: 0, disk: Disk::new(folder) }
    }

    /// Adds a table, and says by which number it goes.
    pub(crate) fn table(&mut self, values: bool) -> usize {
        let parts = std::iter::repeat_with(Part::default).take(PARTS).collect();
        self.tables.push(Table { values, parts });
        self.tables.len().saturating_sub(1)
    }

    /// How many there are.
    pub(crate) fn tables(&self) -> usize {
        self.tables.len()
    }

    /// Keeps a record of a table.
    pub(crate) fn push(&mut self, table: usize, record: &Record) -> io::Result<()> {
        let bytes = to_bytes(record);
        let [first, ..] = bytes;
        for attempt in 0..2 {
            let Some(Table { values, parts }) = self.tables.get_mut(table) else { break };
            let Some(part) = parts.get_mut(usize::from(first)) else { break };
            let size = size(*values);
            if part.held.capacity().saturating_sub(part.held.len()) < size {
                let more = (part.held.len() / 2).max(FIRST_RECORDS.saturating_mul(size));
                // A budget of less than that is passed rather than not kept to by standing still.
                if attempt == 0 && self.reserved > 0 && self.reserved.saturating_add(more) > self.budget {
                    self.spill()?;
                    continue;
                }
                part.held.reserve_exact(more);
                self.reserved = self.reserved.saturating_add(more);
            }
            part.held.extend_from_slice(bytes.get(..size).unwrap_or_default());
            break;
        }
        Ok(())
    }

    /// Sorts every part, leaves out what was taken back, what a later record replaces and what `keeps` does not want, and
    /// counts the rest of each table in its tally.
    pub(crate) fn sort(
        self,
        tallies: &mut [Tally],
        keeps: impl Fn(&Record) -> bool,
        progress: &Progress,
    ) -> io::Result<Sorted> {
        let Self { mut tables, disk: mut from, .. } = self;
        let mut to = Disk::new(&from.folder);
        let spilled = from.length > 0;
        let mut records = Vec::new();
        let mut bytes = Vec::new();
        let mut expired = 0_u64;
        for (Table { values, parts }, tally) in tables.iter_mut().zip(tallies) {
            for part in parts {
                from.load(part, &mut bytes)?;
                records.clear();
                records.reserve(bytes.len().checked_div(size(*values)).unwrap_or(0));
                records.extend(all(&bytes, *values));
                progress.advance_by(count(records.len()));
                settle(&mut records);
                let settled = records.len();
                records.retain(&keeps);
                expired = expired.saturating_add(count(settled.saturating_sub(records.len())));
                bytes.clear();
                for record in &records {
                    tally.add(record);
                    bytes.extend_from_slice(to_bytes(record).get(..size(*values)).unwrap_or_default());
                }
                part.extents.clear();
                if spilled {
                    part.extents.push(to.append(&bytes)?);
                    part.held = Vec::new();
                } else {
                    part.held.clear();
                    part.held.extend_from_slice(&bytes);
                }
            }
        }
        Ok(Sorted { tables, disk: to, expired })
    }

    fn spill(&mut self) -> io::Result<()> {
        for part in self.tables.iter_mut().flat_map(|table| &mut table.parts) {
            if !part.held.is_empty() {
                part.extents.push(self.disk.append(&part.held)?);
            }
            part.held = Vec::new();
        }
        self.reserved = 0;
        Ok(())
    }
}

impl Sorted {
    /// Gives a table's records to `take`, in the order of their ids.
    pub(crate) fn each(
        &mut self,
        table: usize,
        mut take: impl FnMut(Record) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Some(Table { values, parts }) = self.tables.get(table) else { return Ok(()) };
        let mut bytes = Vec::new();
        for part in parts {
            let loaded = self.disk.load(part, &mut bytes);
            loaded.map_err(|error| Failure::reading(temporary(&self.disk.folder), &error))?;
            for record in all(&bytes, *values) {
                take(record)?;
            }
        }
        Ok(())
    }
}

/// What the files are called in errors: they have no names.
pub(crate) fn temporary(folder: &Path) -> String {
    format!("temporary files in {}", folder.display())
}

/// What a record takes here: the id, 6 bytes for the expiry, and, in tables with values, the value.
const fn size(values: bool) -> usize {
    if values { Id::BYTES + EXPIRY_BYTES + 8 } else { Id::BYTES + EXPIRY_BYTES }
}

fn to_bytes(record: &Record) -> [u8; size(true)] {
    let expires = match (record.value(), record.expires()) {
        (None, _) => UNDONE,
        (Some(_), None) => NEVER,
        (Some(_), Some(expires)) => expires.as_millis(),
    };
    let [a, b, c, d, e, f, ..] = expires.to_le_bytes();
    let mut bytes = [0; size(true)];
    // Of constant sizes, which compile to three moves.
    if let Some((id, rest)) = bytes.split_first_chunk_mut::<{ Id::BYTES }>()
        && let Some((expires, value)) = rest.split_first_chunk_mut::<EXPIRY_BYTES>()
        && let Some(value) = value.first_chunk_mut()
    {
        *id = *record.id().as_bytes();
        *expires = [a, b, c, d, e, f];
        *value = record.value().unwrap_or(0).to_le_bytes();
    }
    bytes
}

/// The records that these bytes hold.
fn all(bytes: &[u8], values: bool) -> impl Iterator<Item = Record> {
    bytes.chunks_exact(size(values)).filter_map(|record| {
        let (id, rest) = record.split_first_chunk()?;
        let ([a, b, c, d, e, f], value) = rest.split_first_chunk::<EXPIRY_BYTES>()?;
        let id = Id::from_bytes(*id);
        let value = value.first_chunk().map_or(0, |value| i64::from_le_bytes(*value));
        Some(match u64::from_le_bytes([*a, *b, *c, *d, *e, *f, 0, 0]) {
            UNDONE => Record::undone(id),
            NEVER => Record::entry(id, value, None),
            expires => Record::entry(id, value, Some(UnixTime::from_millis(expires))),
        })
    })
}

impl Disk {
    fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), file: None, length: 0 }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<Extent> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(BufWriter::with_capacity(DISK_BUFFER, tempfile::tempfile_in(&self.folder)?)),
        };
        file.write_all(bytes)?;
        let extent = Extent { start: self.length, length: bytes.len() };
        self.length = self.length.saturating_add(count(bytes.len()));
        Ok(extent)
    }

    /// All bytes of a part, oldest first. Nothing is appended after the first of these.
    fn load(&mut self, part: &Part, bytes: &mut Vec<u8>) -> io::Result<()> {
        bytes.clear();
        for Extent { start, length } in &part.extents {
            let Some(file) = &mut self.file else { break };
            file.flush()?;
            let mut file = file.get_ref();
            file.seek(SeekFrom::Start(*start))?;
            let had = bytes.len();
            file.take(count(*length)).read_to_end(bytes)?;
            if bytes.len().saturating_sub(had) != *length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        bytes.extend_from_slice(&part.held);
        Ok(())
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

const PARTS: usize = 256;
/// A part has room for so many records at first.
const FIRST_RECORDS: usize = 64;
const EXPIRY_BYTES: usize = 6;
/// Both later than any instant, which is before the year 10000.
const NEVER: u64 = (1 << 48) - 1;
const UNDONE: u64 = (1 << 48) - 2;
const DISK_BUFFER: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Ui;
    use revocable::publish::TableKey;
    use revocable::{Kind, Rule};

    fn id(first: u8, last: u8) -> Id {
        let mut id = [0; 16];
        (id[0], id[15]) = (first, last);
        Id::from_bytes(id)
    }

    fn entry(first: u8, last: u8, value: i64) -> Record {
        Record::entry(id(first, last), value, None)
    }

    /// What comes out of these, with a budget; beside them there is a table in which everything is taken back.
    fn sorted(budget: usize, values: bool, records: &[Record]) -> Vec<Record> {
        let progress = Progress::begin("sorting", Ui { json: false, quiet: true });
        let mut spool = Spool::new(budget, &std::env::temp_dir());
        let other = spool.table(!values);
        let table = spool.table(values);
        for record in records {
            spool.push(table, record).unwrap();
            spool.push(other, &Record::undone(record.id())).unwrap();
        }
        assert_eq!(spool.disk.length > 0, budget < 1000, "a small budget spills");
        let key = TableKey::new(Rule::new(["sub"]).unwrap(), Kind::Cutoff, None).unwrap();
        let mut tallies = [Tally::new(key.clone()), Tally::new(key)];
        let mut sorted = spool.sort(&mut tallies, |_| true, &progress).unwrap();
        let mut all = Vec::new();
        let take = |record| {
            all.push(record);
            Ok(())
        };
        sorted.each(table, take).unwrap();
        let entries = tallies.map(|tally| tally.entries);
        assert_eq!(entries, [0, count(all.len())]);
        all
    }

    #[test]
    fn of_equal_ids_the_last_stands_whatever_the_budget() {
        let expiring =
            |last, expires| Record::entry(id(8, last), i64::MIN + 1, Some(UnixTime::from_millis(expires)));
        let records = [
            entry(9, 1, 5),
            entry(200, 1, -3),
            Record::undone(id(9, 1)),
            entry(9, 2, i64::MAX),
            entry(200, 1, -4),
            entry(0, 0, 1),
            expiring(1, 0),
            expiring(2, u64::MAX),
        ];
        let wanted = [records[5], records[6], records[7], records[3], records[4]];
        for budget in [0, 100, 1 << 20] {
            assert_eq!(sorted(budget, true, &records), wanted, "{budget}");
        }
        let again = [&records[..], &[entry(9, 1, 6)]].concat();
        assert_eq!(sorted(1, true, &again).len(), 6, "what was taken back may come again");
    }

    #[test]
    fn without_values_nothing_else_is_lost() {
        let until = |last: u8| Some(UnixTime::from_millis(1_790_000_000_123 + u64::from(last)));
        let records: Vec<Record> = (0..=255)
            .flat_map(|first| (0..20).map(move |last| Record::entry(id(first, 19 - last), 0, until(last))))
            .collect();
        let mut wanted = records.clone();
        wanted.sort_by_key(Record::id);
        for budget in [500, 1 << 20] {
            assert_eq!(sorted(budget, false, &records), wanted);
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_only_once_it_is_needed() {
        let mut spool = Spool::new(0, Path::new("/nowhere/at/all"));
        let table = spool.table(false);
        spool.push(table, &entry(1, 1, 0)).unwrap();
        assert!(spool.push(table, &entry(2, 1, 0)).is_err());
    }
}

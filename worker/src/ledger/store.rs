//! The ledger's tables in the object's SQLite, and transactions over them.

use js_sys::{Function, Reflect};
use revocable::SegmentName;
use wasm_bindgen::closure::ScopedClosure;
use wasm_bindgen::{JsCast, JsValue};
use worker::{SqlStorage, SqlStorageValue as Sql, State};

use super::Fault;

/// What the object keeps.
///
/// | table | a row is | goes |
/// |---|---|---|
/// | `meta` | a number or text by name | never |
/// | `tables` | a rule and a kind | never: what a rule requires of tokens must not depend on what is revoked now |
/// | `events` | one change, as it was recorded | when it is older than the log and no longer in force |
/// | `entries` | what is revoked now: one row a target | when no token that it could match can pass any more |
/// | `manifests` | one that was signed | two minutes after a newer one |
/// | `segments` | one that a manifest names or named | when none has named it for longer than the hard limit |
/// | `compaction` | a table that is made anew in key ranges, and which is next | when all are made |
/// | `replaced` | a segment that the compaction under way is to replace | the same |
/// | `orders` | the answer to an order with an idempotency key | after a day |
/// | `onces` | a message that may be acted on once | when its sender's proof has expired |
/// | `written` | the hash of a manifest that was written to KV | after a week |
const SCHEMA: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS tables (number INTEGER PRIMARY KEY, rule TEXT NOT NULL, kind TEXT NOT NULL, \
     claim TEXT NOT NULL, UNIQUE (rule, kind, claim))",
    "CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, \
     tbl INTEGER NOT NULL, id BLOB NOT NULL, issuer TEXT NOT NULL, vals TEXT, undo INTEGER NOT NULL, \
     value INTEGER NOT NULL, expires INTEGER, reason TEXT)",
    "CREATE INDEX IF NOT EXISTS events_id ON events (id)",
    "CREATE TABLE IF NOT EXISTS entries (tbl INTEGER NOT NULL, id BLOB NOT NULL, seq INTEGER NOT NULL, \
     value INTEGER NOT NULL, expires INTEGER, PRIMARY KEY (tbl, id)) WITHOUT ROWID",
    "CREATE UNIQUE INDEX IF NOT EXISTS entries_seq ON entries (seq)",
    "CREATE INDEX IF NOT EXISTS entries_expires ON entries (expires) WHERE expires IS NOT NULL",
    "CREATE TABLE IF NOT EXISTS manifests (seq INTEGER PRIMARY KEY, text TEXT NOT NULL, hash BLOB NOT NULL, \
     at INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS segments (hash BLOB PRIMARY KEY, bytes BLOB NOT NULL, in_kv INTEGER NOT NULL \
     DEFAULT 0, unused_since INTEGER) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS compaction (tbl INTEGER PRIMARY KEY, bits INTEGER NOT NULL, shard INTEGER NOT NULL, \
     entries INTEGER NOT NULL, bytes INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS replaced (hash BLOB PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS orders (actor TEXT NOT NULL, name TEXT NOT NULL, digest BLOB NOT NULL, \
     receipt TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (actor, name)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS onces (sender TEXT NOT NULL, jti TEXT NOT NULL, until INTEGER NOT NULL, \
     PRIMARY KEY (sender, jti)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS written (hash BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID",
];

/// The object's SQLite.
pub(super) struct Store {
    sql: SqlStorage,
    storage: JsValue,
}

/// One row.
pub(super) struct Row(Vec<Sql>);

impl Store {
    /// Opens it, with its tables.
    pub(super) fn open(state: &State) -> Result<Self, Fault> {
        let storage = state.storage();
        let raw: &JsValue = storage.as_raw().as_ref();
        let store = Self { sql: storage.sql(), storage: raw.clone() };
        for statement in SCHEMA {
            store.run(statement, vec![])?;
        }
        Ok(store)
    }

    /// Does all of something or nothing. It must not wait for anything.
    pub(super) fn atomically<T>(&self, work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
        let begin: Function = Reflect::get(&self.storage, &"transactionSync".into())?.dyn_into()?;
        let mut work = Some(work);
        let mut outcome = None;
        let mut run = || -> Result<(), JsValue> {
            let Some(work) = work.take() else { return Ok(()) };
            let done = work();
            // What is thrown rolls it back.
            let thrown = done.as_ref().err().map(|_| JsValue::from("the transaction is given up"));
            outcome = Some(done);
            thrown.map_or(Ok(()), Err)
        };
        let called = {
            let run =
                ScopedClosure::<dyn FnMut() -> Result<(), JsValue>>::borrow_mut_assert_unwind_safe(&mut run);
            begin.call1(&self.storage, run.as_js_value())
        };
        match (outcome, called) {
            (Some(Err(fault)), _) => Err(fault),
            (Some(Ok(done)), Ok(_)) => Ok(done),
            (_, Err(thrown)) => Err(thrown.into()),
            (None, Ok(_)) => Err(Fault::odd("a transaction")),
        }
    }

    /// Runs a statement whose rows are of no interest.
    pub(super) fn run(&self, statement: &str, values: Vec<Sql>) -> Result<(), Fault> {
        self.sql.exec(statement, values)?;
        Ok(())
    }

    /// Runs a statement and says how many rows it changed.
    pub(super) fn count(&self, statement: &str, values: Vec<Sql>) -> Result<u64, Fault> {
        self.run(statement, values)?;
        self.row("SELECT changes()", vec![])?.map_or(Ok(0), |row| row.number(0))
    }

    /// The first row.
    pub(super) fn row(&self, statement: &str, values: Vec<Sql>) -> Result<Option<Row>, Fault> {
        let first = self.sql.exec(statement, values)?.raw().next();
        Ok(first.transpose()?.map(Row))
    }

    /// All rows.
    pub(super) fn rows(&self, statement: &str, values: Vec<Sql>) -> Result<Vec<Row>, Fault> {
        self.each(statement, values)?.collect()
    }

    /// The rows, one after the other.
    pub(super) fn each(
        &self,
        statement: &str,
        values: Vec<Sql>,
    ) -> Result<impl Iterator<Item = Result<Row, Fault>> + use<>, Fault> {
        let rows = self.sql.exec(statement, values)?.raw();
        Ok(rows.map(|row| Ok(Row(row?))))
    }

    /// A number that is kept by name.
    pub(super) fn meta(&self, name: &str) -> Result<Option<u64>, Fault> {
        let row = self.row("SELECT value FROM meta WHERE name = ?", vec![name.into()])?;
        row.map(|row| row.number(0)).transpose()
    }

    /// Keeps a number by name.
    pub(super) fn set_meta(&self, name: &str, value: u64) -> Result<(), Fault> {
        self.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", vec![name.into(), number(value)])
    }

    /// Bytes that are kept by name.
    pub(super) fn meta_bytes(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        let row = self.row("SELECT value FROM meta WHERE name = ?", vec![name.into()])?;
        row.map(|row| row.bytes(0).map(<[u8]>::to_vec)).transpose()
    }

    /// A segment.
    pub(super) fn segment(&self, name: &SegmentName) -> Result<Option<Vec<u8>>, Fault> {
        let hash = Sql::Blob(name.as_bytes().to_vec());
        let row = self.row("SELECT bytes FROM segments WHERE hash = ?", vec![hash])?;
        row.map(|row| row.bytes(0).map(<[u8]>::to_vec)).transpose()
    }

    /// How large all of it is, in bytes.
    pub(super) fn size(&self) -> u64 {
        u64::try_from(self.sql.database_size()).unwrap_or(u64::MAX)
    }
}

impl Row {
    pub(super) fn integer(&self, column: usize) -> Result<i64, Fault> {
        match self.0.get(column) {
            Some(Sql::Integer(number)) => Ok(*number),
            _ => Err(Fault::odd("a number")),
        }
    }

    pub(super) fn number(&self, column: usize) -> Result<u64, Fault> {
        u64::try_from(self.integer(column)?).map_err(|_| Fault::odd("a number above zero"))
    }

    pub(super) fn number_if_any(&self, column: usize) -> Result<Option<u64>, Fault> {
        if self.is_null(column) { Ok(None) } else { self.number(column).map(Some) }
    }

    pub(super) fn integer_if_any(&self, column: usize) -> Result<Option<i64>, Fault> {
        if self.is_null(column) { Ok(None) } else { self.integer(column).map(Some) }
    }

    pub(super) fn text(&self, column: usize) -> Result<&str, Fault> {
        match self.0.get(column) {
            Some(Sql::String(text)) => Ok(text),
            _ => Err(Fault::odd("a text")),
        }
    }

    pub(super) fn text_if_any(&self, column: usize) -> Result<Option<&str>, Fault> {
        if self.is_null(column) { Ok(None) } else { self.text(column).map(Some) }
    }

    pub(super) fn bytes(&self, column: usize) -> Result<&[u8], Fault> {
        match self.0.get(column) {
            Some(Sql::Blob(bytes)) => Ok(bytes),
            _ => Err(Fault::odd("bytes")),
        }
    }

    fn is_null(&self, column: usize) -> bool {
        matches!(self.0.get(column), None | Some(Sql::Null))
    }
}

/// A number for a statement. Those of the ledger are below 2^53.
pub(super) fn number(number: u64) -> Sql {
    i64::try_from(number).map_or(Sql::Null, Sql::Integer)
}

//! Operations newer than the segments, packed.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::base64url;
use crate::json::Object;
use crate::limits::MAX_RECENT;
use crate::revocation::{Entry, Id, Kind, Rule};
use crate::time::UnixTime;

use super::Table;
use super::read::{At, Reason, Wrong, integer, list, string, table};

/// The most bytes that a value takes beyond the group's least: 2^56 is more than any two values are apart.
const MAX_WIDTH: usize = 7;

/// Operations on one table: at most one for each id.
#[derive(Clone, Debug)]
pub struct Operations {
    /// Which of the manifest's tables, as an index.
    pub table: usize,
    /// In ascending order of id, each as [kept](Id::kept).
    operations: Vec<(Id, Option<Entry>)>,
    /// In the same order.
    expiries: Vec<Option<UnixTime>>,
}

impl Operations {
    /// What was done to an id, if anything: `Some(None)` when its entry was taken back.
    #[must_use]
    pub fn get(&self, id: &Id) -> Option<Option<Entry>> {
        self.operations.get(self.place(id)?).map(|(_, entry)| *entry)
    }

    /// When the last token expires that the entry added for an id could match; `None` where that is not known.
    #[must_use]
    pub fn expiry(&self, id: &Id) -> Option<UnixTime> {
        self.expiries.get(self.place(id)?).copied().flatten()
    }

    fn place(&self, id: &Id) -> Option<usize> {
        self.operations.binary_search_by(|(other, _)| other.cmp(&id.kept())).ok()
    }

    /// All of them, in ascending order of id, each as [kept](Id::kept).
    #[must_use]
    pub fn all(&self) -> &[(Id, Option<Entry>)] {
        &self.operations
    }

    /// When the last token expires that each could match, in the same order; `None` where that is not known, and where an entry
    /// was taken back.
    #[must_use]
    pub fn expiries(&self) -> &[Option<UnixTime>] {
        &self.expiries
    }
}

/// One operation, and when the last token that it could match expires.
type Read = (Id, Option<Entry>, Option<UnixTime>);

/// Reads the groups.
pub(super) fn read(
    groups: &[Value],
    rules: &[Rule],
    tables: &mut Vec<Table>,
) -> Result<Vec<Operations>, Wrong> {
    let mut all: Vec<(usize, Vec<Read>)> = Vec::new();
    let mut count = 0_usize;
    let mut named = BTreeSet::new();
    for (index, group) in groups.iter().enumerate() {
        let at = At { list: "recent", index };
        let group = group.as_object().ok_or_else(|| at.wrong("it is no object"))?;
        let read = read_group(group, rules, tables, MAX_RECENT.saturating_sub(count));
        let (table, read) = read.map_err(|reason| at.wrong(&reason))?;
        count = count.saturating_add(read.len());
        if !read.iter().all(|(id, ..)| named.insert((table, *id))) {
            return Err(at.wrong("an operation before is on one of its ids"));
        }
        match all.iter_mut().find(|(known, _)| *known == table) {
            None => all.push((table, read)),
            Some((_, known)) => known.extend(read),
        }
    }
    let operations = |(table, mut all): (usize, Vec<Read>)| {
        all.sort_unstable_by_key(|(id, ..)| *id);
        let (operations, expiries) = all.into_iter().map(|(id, entry, until)| ((id, entry), until)).unzip();
        Operations { table, operations, expiries }
    };
    Ok(all.into_iter().map(operations).collect())
}

fn read_group(
    group: &Object,
    rules: &[Rule],
    tables: &mut Vec<Table>,
    most: usize,
) -> Result<(usize, Vec<Read>), Reason> {
    const LENGTH: &str = "its `data` is not whole operations, or has more than 2,048 together with others";
    let index = table(group, rules, tables)?;
    let kind = tables.get(index).map_or(Kind::Outright, |table| table.kind);
    let adds = match string(group, "op")? {
        "add" => true,
        "remove" => false,
        _ => return Err("its `op` is not understood".into()),
    };
    let (base, width) = if adds && kind.has_values() {
        let base = group.get("base").and_then(Value::as_i64).ok_or("its `base` is no integer")?;
        (base, usize::try_from(integer(group, "width")?).unwrap_or(usize::MAX))
    } else {
        (0, 0)
    };
    if width > MAX_WIDTH {
        return Err("its `width` is more than 7".into());
    }
    let each = Id::KEPT_BYTES.saturating_add(width);
    let text = string(group, "data")?;
    if text.len() > most.saturating_mul(each).div_ceil(3).saturating_mul(4) {
        return Err(LENGTH.into());
    }
    let data = base64url::decode(text).ok_or("its `data` is not base64url")?;
    let chunks = data.chunks_exact(each);
    if !chunks.remainder().is_empty() || chunks.len() > most || chunks.len() == 0 {
        return Err(LENGTH.into());
    }
    let expires = match group.contains_key("expires") {
        true => Some(UnixTime::from_seconds(integer(group, "expires")?)).filter(|_| adds),
        false => None,
    };
    let mut operations: Vec<Read> = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        let (kept, value) = chunk.split_first_chunk::<{ Id::KEPT_BYTES }>().ok_or(LENGTH)?;
        let mut id = [0; Id::BYTES];
        for (into, from) in id.iter_mut().zip(kept) {
            *into = *from;
        }
        let id = Id::from_bytes(id);
        if operations.last().is_some_and(|(before, ..)| *before >= id) {
            return Err("its ids do not ascend strictly".into());
        }
        let mut more = [0; 8];
        for (into, from) in more.iter_mut().zip(value) {
            *into = *from;
        }
        let value = base.saturating_add(i64::try_from(u64::from_le_bytes(more)).unwrap_or(i64::MAX));
        let entry = kind.entry(value);
        if adds && kind.has_values() && (entry.value() != value || !kind.allows(value)) {
            return Err("a value is out of range".into());
        }
        operations.push((id, adds.then_some(entry), expires));
    }
    Ok((index, operations))
}

/// Writes operations of one table, all adding or all removing, in ascending order of id: base, width and data.
#[cfg(feature = "publish")]
pub(crate) fn pack(operations: &[(Id, i64)], has_values: bool) -> (i64, usize, String) {
    let values = || operations.iter().map(|(_, value)| *value);
    let (base, most) =
        if has_values { (values().min().unwrap_or(0), values().max().unwrap_or(0)) } else { (0, 0) };
    let bits = u64::BITS.saturating_sub(most.abs_diff(base).leading_zeros());
    let width = usize::try_from(bits.div_ceil(8)).unwrap_or(MAX_WIDTH);
    let mut data = Vec::with_capacity(operations.len().saturating_mul(Id::KEPT_BYTES.saturating_add(width)));
    for (id, value) in operations {
        data.extend(id.as_bytes().iter().take(Id::KEPT_BYTES));
        let more = if has_values { value.abs_diff(base) } else { 0 };
        data.extend(more.to_le_bytes().into_iter().take(width));
    }
    (base, width, base64url::encode(&data))
}

/// The groups of a manifest's `recent`, which may be left out.
pub(super) fn groups(claims: &Object) -> Result<&[Value], Reason> {
    if claims.contains_key("recent") { list(claims, "recent") } else { Ok(&[]) }
}

//! What is to be published, by what it is of.

use crate::revocation::{Id, Kind, Rule};
use crate::time::UnixTime;

use super::invalid;
use crate::error::Error;

/// What entries are of: a rule and a kind, and for minima the claim that must not be lower.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableKey {
    rule: Rule,
    kind: Kind,
    claim: Option<String>,
}

impl TableKey {
    /// Entries of this rule and kind.
    ///
    /// # Errors
    /// [`Error::RevocationInvalid`] when a rule over `@key` is to be revoked otherwise than outright, a minimum is of no claim,
    /// or another kind is of one.
    pub fn new(rule: Rule, kind: Kind, claim: Option<String>) -> Result<Self, Error> {
        if rule.names_key() && kind != Kind::Outright {
            return Err(invalid(
                "a rule over `@key` takes no `before` and no `minimum`: whoever holds the key chooses the claims",
            ));
        }
        match (&claim, kind) {
            (Some(claim), Kind::Minimum) if Rule::is_claim(claim) => {}
            (Some(_), Kind::Minimum) => return Err(invalid("`claim` is not a claim's name")),
            (None, Kind::Minimum) => {
                return Err(invalid("`minimum` wants `claim`, the claim that must not be lower"));
            }
            (Some(_), _) => return Err(invalid("`claim` goes with `minimum` only")),
            (None, _) => {}
        }
        Ok(Self { rule, kind, claim })
    }

    /// The rule.
    #[must_use]
    pub const fn rule(&self) -> &Rule {
        &self.rule
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The claim of minima.
    #[must_use]
    pub fn claim(&self) -> Option<&str> {
        self.claim.as_deref()
    }
}

/// One change of one target of a table: 32 bytes, of which a publisher may hold a hundred million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    high: u64,
    low: u64,
    value: i64,
    /// Milliseconds since the epoch; the greatest number where it never expires.
    expires: u64,
}

/// What no value is: the target's entry is taken back.
const UNDONE: i64 = i64::MIN;

impl Record {
    /// How many bytes [`Record::to_bytes`] gives.
    pub const BYTES: usize = 32;

    /// A target's entry: 0, milliseconds since the epoch or the minimum, and when the last token that it could match expires. A
    /// value that its kind does not allow is refused once it is to be published; the least number there is takes back.
    #[must_use]
    pub fn entry(id: Id, value: i64, expires: Option<UnixTime>) -> Self {
        Self::new(id, value, expires.map_or(u64::MAX, UnixTime::as_millis))
    }

    /// That a target's entry is taken back.
    #[must_use]
    pub fn undone(id: Id) -> Self {
        Self::new(id, UNDONE, u64::MAX)
    }

    fn new(id: Id, value: i64, expires: u64) -> Self {
        let (high, low) = halves(&id);
        Self { high, low, value, expires }
    }

    /// Its target's id.
    #[must_use]
    pub fn id(&self) -> Id {
        Id::from_number(u128::from(self.high) << 64 | u128::from(self.low))
    }

    /// The entry's value; `None` where it is taken back.
    #[must_use]
    pub const fn value(&self) -> Option<i64> {
        if self.value == UNDONE { None } else { Some(self.value) }
    }

    /// When the last token that it could match expires.
    #[must_use]
    pub fn expires(&self) -> Option<UnixTime> {
        (self.expires != u64::MAX).then(|| UnixTime::from_millis(self.expires))
    }

    /// What sorts records by id.
    #[must_use]
    pub const fn key(&self) -> (u64, u64) {
        (self.high, self.low)
    }

    /// Its first bits.
    fn part(&self) -> usize {
        usize::try_from(self.high >> u64::BITS.saturating_sub(PART_BITS)).unwrap_or(0)
    }

    /// For keeping it elsewhere meanwhile.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let words = [self.high, self.low, u64::from_le_bytes(self.value.to_le_bytes()), self.expires];
        for (into, word) in bytes.chunks_exact_mut(8).zip(words) {
            into.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The record that [`Record::to_bytes`] gave.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let (words, _) = bytes.as_chunks::<8>();
        let word = |index: usize| words.get(index).map_or(0, |word| u64::from_le_bytes(*word));
        Self {
            high: word(0),
            low: word(1),
            value: i64::from_le_bytes(word(2).to_le_bytes()),
            expires: word(3),
        }
    }
}

/// Sorts records and leaves of those with one id the last; those that are taken back go. What comes is in the order in which
/// it was said.
pub fn settle(records: &mut Vec<Record>) {
    sort(records);
    let mut kept = 0_usize;
    for index in 0..records.len() {
        let next = records.get(index.saturating_add(1)).map(Record::key);
        let Some(record) = records.get(index).copied() else { continue };
        if next == Some(record.key()) || record.value().is_none() {
            continue;
        }
        if let Some(place) = records.get_mut(kept) {
            *place = record;
            kept = kept.saturating_add(1);
        }
    }
    records.truncate(kept);
}

/// Sorts records by id; those of one id stay in order.
///
/// Many are spread over parts by the first bits of their ids. What is sorted of a part, in a cache, is where each record lies and the
/// 64 bits that its id begins with; then the records are brought into that order. All of a build of ten million takes 1.1 seconds so,
/// and 1.3 where each part's records themselves are sorted.
fn sort(records: &mut [Record]) {
    if records.len() < LEAST_SPREAD || records.is_sorted_by_key(Record::key) {
        records.sort_by_key(Record::key);
        return;
    }
    let mut lengths = vec![0_usize; PARTS];
    for record in records.iter() {
        if let Some(length) = lengths.get_mut(record.part()) {
            *length = length.saturating_add(1);
        }
    }
    let mut next = Vec::with_capacity(PARTS);
    let mut start = 0_usize;
    for length in &lengths {
        next.push(start);
        start = start.saturating_add(*length);
    }
    let mut spread = records.to_vec();
    for record in records.iter() {
        let Some(place) = next.get_mut(record.part()) else { continue };
        if let Some(slot) = spread.get_mut(*place) {
            *slot = *record;
        }
        *place = place.saturating_add(1);
    }
    let mut order: Vec<(u64, usize)> = Vec::new();
    let (mut from, mut into) = (spread.as_slice(), records);
    for length in lengths {
        // The lengths come to that of the whole.
        let (part, rest) = from.split_at(length.min(from.len()));
        let (sorted, others) = into.split_at_mut(part.len().min(into.len()));
        order.clear();
        order.extend(part.iter().zip(0..).map(|(record, place)| (record.high, place)));
        order.sort_unstable();
        for (slot, (_, place)) in sorted.iter_mut().zip(&order) {
            if let Some(record) = part.get(*place) {
                *slot = *record;
            }
        }
        // As good as never do two ids begin with the same 64 bits and go on otherwise.
        if !sorted.is_sorted_by_key(Record::key) {
            sorted.sort_by_key(Record::key);
        }
        (from, into) = (rest, others);
    }
}

/// How many leading bits say which part a record is in.
const PART_BITS: u32 = 12;
const PARTS: usize = 1 << PART_BITS;
/// Fewer are in a cache as they are.
const LEAST_SPREAD: usize = 1 << 16;

fn halves(id: &Id) -> (u64, u64) {
    let number = id.as_number();
    let low = u64::try_from(number & u128::from(u64::MAX)).unwrap_or(0);
    (u64::try_from(number >> 64).unwrap_or(0), low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_being_kept_as_bytes() {
        let id = Id::from_number(0x0123_4567_89ab_cdef_fedc_ba98_7654_3210);
        let until = UnixTime::from_seconds(1_790_000_000);
        for record in [Record::entry(id, -7, Some(until)), Record::entry(id, 0, None), Record::undone(id)] {
            let again = Record::from_bytes(&record.to_bytes());
            assert_eq!(again, record);
            assert_eq!(again.id(), id);
        }
        assert_eq!(Record::undone(id).value(), None);
        assert_eq!(Record::entry(id, -7, Some(until)).expires(), Some(until));
    }

    #[test]
    fn of_records_with_one_id_the_last_stands_and_what_is_taken_back_is_gone() {
        let [a, b, c] = [1, 2, 3].map(Id::from_number);
        let mut records = vec![
            Record::entry(b, 1, None),
            Record::entry(a, 1, None),
            Record::entry(b, 2, None),
            Record::entry(c, 5, None),
            Record::undone(c),
            Record::undone(a),
            Record::entry(a, 4, None),
        ];
        settle(&mut records);
        assert_eq!(records, [Record::entry(a, 4, None), Record::entry(b, 2, None)]);
    }

    #[test]
    fn many_records_are_settled_as_few_are() {
        // Ids in every part, each of them twice, and two that begin with the same 64 bits, the greater one first.
        let begin = |at: u64| u128::from((at / 2).wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64;
        let id = |at: u64| Id::from_number(begin(at) | u128::from(at.is_multiple_of(2)));
        let many = u64::try_from(LEAST_SPREAD).unwrap();
        let mut records: Vec<Record> = (0..many).map(|at| Record::entry(id(at), 1, None)).collect();
        records.extend((0..many).map(|at| match at % 3 {
            0 => Record::undone(id(at)),
            _ => Record::entry(id(at), 2, None),
        }));
        let mut expected: Vec<Record> =
            (0..many).filter(|at| at % 3 != 0).map(|at| Record::entry(id(at), 2, None)).collect();
        expected.sort_by_key(Record::key);
        settle(&mut records);
        assert_eq!(records, expected);
    }
}

//! What a manifest says: every claim checked, and every limit before anything is made of what exceeds it.

use std::borrow::Cow;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::base64url;
use crate::error::Error;
use crate::flow::Authentic;
use crate::json::Object;
use crate::limits::{
    MAX_COVERED_ISSUERS, MAX_LAYERS, MAX_RULES, MAX_SEGMENT_BYTES, MAX_SEGMENTS, MAX_SEQ, MAX_SHARD_BITS,
    MAX_TABLES,
};
use crate::revocation::id::hex;
use crate::revocation::{Kind, Rule, Salt, SegmentName};
use crate::time::UnixTime;

use super::{ExactRef, ID_HASH, KeyRange, Manifest, SegmentRef, Table, recent};

/// What is wrong, and where.
pub(super) struct Wrong(Reason);

/// What is wrong.
pub(in crate::revocation) type Reason = Cow<'static, str>;

/// An element of one of the manifest's lists.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub(super) list: &'static str,
    pub(super) index: usize,
}

impl At {
    pub(super) fn wrong(self, reason: &str) -> Wrong {
        let Self { list, index } = self;
        Wrong([list, "[", &index.to_string(), "]: ", reason].concat().into())
    }
}

impl<R: Into<Reason>> From<R> for Wrong {
    fn from(reason: R) -> Self {
        Self(reason.into())
    }
}

impl Manifest {
    pub(super) fn understand(authentic: &Authentic, text: &[u8]) -> Result<Self, Error> {
        Self::try_understand(authentic, text).map_err(|Wrong(reason)| Error::ManifestInvalid(reason))
    }

    fn try_understand(authentic: &Authentic, text: &[u8]) -> Result<Self, Wrong> {
        let claims = authentic.payload();
        if claims.contains_key("crit") && !list(claims, "crit")?.is_empty() {
            return Err("it has a critical member that is not understood".into());
        }
        let seq = integer(claims, "seq")?;
        if seq > MAX_SEQ {
            return Err("its `seq` is no integer that every reader can hold".into());
        }
        if string(claims, "hash")? != ID_HASH {
            return Err("its ids are made in a way that is not understood".into());
        }
        let salt = base64url::decode_array(string(claims, "salt")?).ok_or("its salt is not 16 bytes")?;
        let epsilon = string(claims, "epsilon")?.strip_prefix("2^-").and_then(|bits| bits.parse().ok());
        let (rules, covers, segments) =
            (list(claims, "rules")?, list(claims, "covers")?, list(claims, "segments")?);
        let groups = recent::groups(claims)?;
        if rules.len() > MAX_RULES || covers.len() > MAX_COVERED_ISSUERS || segments.len() > MAX_SEGMENTS {
            return Err("it has too many rules, issuers or segments".into());
        }
        let prev = match claims.contains_key("prev") {
            true => Some(hex::<32>(string(claims, "prev")?).ok_or("its `prev` is not a SHA-256 hash")?),
            false => None,
        };
        let rules = understand_rules(rules)?;
        let mut tables = Vec::new();
        let segments = understand_segments(segments, &rules, &mut tables)?;
        let recent = recent::read(groups, &rules, &mut tables)?;
        let hash: [u8; 32] = Sha256::digest(text).into();
        Ok(Self {
            text: text.into(),
            authority: string(claims, "iss")?.to_owned(),
            seq,
            prev,
            hash,
            issued_at: UnixTime::from_seconds(integer(claims, "iat")?),
            expires_at: UnixTime::from_seconds(integer(claims, "exp")?),
            // With 0, every request would begin a look.
            ttl: integer(claims, "ttl")?.max(1),
            salt: Salt::from_bytes(salt),
            epsilon_bits: epsilon.ok_or("its `epsilon` is not understood")?,
            covers: strings(covers).ok_or("its `covers` is no list of strings")?,
            rules,
            tables,
            segments,
            recent,
        })
    }
}

fn understand_rules(lists: &[Value]) -> Result<Vec<Rule>, Wrong> {
    let mut rules: Vec<Rule> = Vec::with_capacity(lists.len());
    for (index, members) in lists.iter().enumerate() {
        let at = At { list: "rules", index };
        let members = members.as_array().and_then(|members| strings(members));
        let rule = Rule::new(members.ok_or_else(|| at.wrong("it is no list of strings"))?);
        let rule = rule.map_err(|_| at.wrong("the rule is malformed"))?;
        if rules.contains(&rule) {
            return Err(at.wrong("the rule is named twice"));
        }
        rules.push(rule);
    }
    Ok(rules)
}

fn understand_segments(
    segments: &[Value],
    rules: &[Rule],
    tables: &mut Vec<Table>,
) -> Result<Vec<SegmentRef>, Wrong> {
    let mut understood = Vec::with_capacity(segments.len());
    for (index, segment) in segments.iter().enumerate() {
        let at = At { list: "segments", index };
        let members = segment.as_object().ok_or_else(|| at.wrong("it is no object"))?;
        let read = SegmentRef::understand(members, rules, tables);
        understood.push(read.map_err(|reason| at.wrong(&reason))?);
    }
    refuse_overlaps(&understood)?;
    Ok(understood)
}

/// Within a layer of a table an id lies in one key range at most, so that what a look-up costs is known.
fn refuse_overlaps(segments: &[SegmentRef]) -> Result<(), Wrong> {
    for pair in in_order(segments).windows(2) {
        if let [(table, layer, (_, end), _), (other, other_layer, (begin, _), index)] = pair
            && (table, layer) == (other, other_layer)
            && begin <= end
        {
            return Err(At { list: "segments", index: *index }
                .wrong("its key range overlaps with that of another in its layer"));
        }
    }
    Ok(())
}

/// Segments by table, layer and key range, and at last by their place in the manifest. There is one sort for whoever wants
/// them so: each weighs several kilobytes in a page's Wasm.
pub(in crate::revocation) fn in_order(segments: &[SegmentRef]) -> Vec<(usize, u8, (u32, u32), usize)> {
    let mut order: Vec<_> = segments
        .iter()
        .enumerate()
        .map(|(index, segment)| (segment.table, segment.layer, segment.range.ends(), index))
        .collect();
    order.sort_unstable();
    order
}

impl SegmentRef {
    fn understand(members: &Object, rules: &[Rule], tables: &mut Vec<Table>) -> Result<Self, Reason> {
        let name = SegmentName::from_hex(string(members, "hash")?).ok_or(HASH)?;
        let table = table(members, rules, tables)?;
        let optional = |name: &str| if members.contains_key(name) { integer(members, name) } else { Ok(0) };
        let layer = u8::try_from(optional("layer")?).ok().filter(|layer| *layer < MAX_LAYERS);
        let layer = layer.ok_or("its layer is above 15")?;
        let bits = u8::try_from(optional("bits")?).ok().filter(|bits| *bits <= MAX_SHARD_BITS);
        let shard = u32::try_from(optional("shard")?).ok();
        let range = bits.zip(shard).map(|(bits, shard)| KeyRange { bits, shard });
        let range = range.filter(|range| range.shard.checked_shr(u32::from(range.bits)) == Some(0));
        let range = range.ok_or("its key range is malformed")?;
        let expires = match members.contains_key("expires") {
            true => Some(UnixTime::from_seconds(integer(members, "expires")?)),
            false => None,
        };
        let (entries, bytes) = (integer(members, "entries")?, integer(members, "bytes")?);
        if entries == 0 || bytes > MAX_SEGMENT_BYTES {
            return Err("it is empty or too large".into());
        }
        let exact = match members.get("exact") {
            None => None,
            Some(exact) => Some(ExactRef::understand(exact.as_object().ok_or("its `exact` is no object")?)?),
        };
        Ok(Self { name, table, layer, range, expires, entries, bytes, exact })
    }
}

impl ExactRef {
    fn understand(members: &Object) -> Result<Self, Reason> {
        let name = SegmentName::from_hex(string(members, "hash")?).ok_or(HASH)?;
        let bytes = integer(members, "bytes")?;
        if bytes > MAX_SEGMENT_BYTES {
            Err("its exact segment is too large".into())
        } else {
            Ok(Self { name, bytes })
        }
    }
}

/// The index of the table that a segment or a group of operations is of.
pub(super) fn table(members: &Object, rules: &[Rule], tables: &mut Vec<Table>) -> Result<usize, Reason> {
    let index = usize::try_from(integer(members, "rule")?).unwrap_or(usize::MAX);
    let rule = rules.get(index).ok_or("it is of a rule that is not listed")?;
    let kind = Kind::from_name(string(members, "kind")?).ok_or("its kind is not understood")?;
    if rule.names_key() && kind != Kind::Outright {
        return Err("a rule over `@key` takes outright revocations only".into());
    }
    let claim = match (kind, members.contains_key("claim")) {
        (Kind::Minimum, true) => Some(string(members, "claim")?).filter(|claim| Rule::is_claim(claim)),
        (Kind::Minimum, false) => None,
        (_, false) => Some(""),
        (_, true) => return Err("only a minimum is of a claim".into()),
    };
    let claim = claim.ok_or("a minimum is of a claim, and this one names none")?;
    let wanted = Table { rule: index, kind, claim: (kind == Kind::Minimum).then(|| claim.to_owned()) };
    if let Some(known) = tables.iter().position(|table| *table == wanted) {
        return Ok(known);
    }
    if tables.len() >= MAX_TABLES {
        return Err("it is of another rule or kind than the 64 before".into());
    }
    tables.push(wanted);
    Ok(tables.len().saturating_sub(1))
}

const HASH: &str = "its hash is malformed";

/// Which member is missing or no such thing.
fn not(name: &str, what: &str) -> Reason {
    ["its `", name, "` is missing or no ", what].concat().into()
}

pub(in crate::revocation) fn string<'a>(members: &'a Object, name: &str) -> Result<&'a str, Reason> {
    members.get(name).and_then(Value::as_str).ok_or_else(|| not(name, "string"))
}

pub(in crate::revocation) fn integer(members: &Object, name: &str) -> Result<u64, Reason> {
    members.get(name).and_then(Value::as_u64).ok_or_else(|| not(name, "integer of 0 or more"))
}

pub(super) fn list<'a>(members: &'a Object, name: &str) -> Result<&'a [Value], Reason> {
    members.get(name).and_then(Value::as_array).map(Vec::as_slice).ok_or_else(|| not(name, "list"))
}

fn strings(list: &[Value]) -> Option<Vec<String>> {
    list.iter().map(|element| element.as_str().map(str::to_owned)).collect()
}

//! What the fuzz target `input` does with its bytes, and what must hold of any bytes. `fuzz/` gives it libFuzzer's, `main.rs`
//! a corpus and random changes of it.
//!
//! A body that returns has found nothing wrong; one that panics has.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a surprise is what is looked for"
)]

use std::io;

use revocable::publish::{Record, Revocation};
use revocable::{Id, Salt, UnixTime, Value};
use revocable_cli::formats::import::{Target, keycloak, redis, table};
use revocable_cli::formats::{Item, Tally, csv, ndjson};
use serde_json::{Value as Json, json};

const SALT: Salt = Salt::from_bytes([7; 16]);
const NOW: UnixTime = UnixTime::from_seconds(1_790_000_000);
const ISSUER: &str = "https://issuer.example";

/// Bytes as what `build` and `import` read, in every format.
///
/// What is read counts, and what is wrong has the number of a line. A line of CSV is what the JSON that says the same is, and
/// a line that an import gives is one that `build` takes.
pub(crate) fn input(bytes: &[u8]) {
    let mut read = 0;
    let tally = ndjson::read(bytes, |item| {
        read += 1;
        record(&item);
        Ok(())
    });
    counted(bytes, &tally.unwrap(), read);
    for issuer in [None, Some(ISSUER)] {
        let mut read = 0;
        let tally = csv::read(bytes, issuer, |item| {
            read += 1;
            let ours = record(&item);
            if let Some(json) = plain(&item) {
                let theirs = Revocation::from_json(&json.to_string()).expect("JSON that says the same");
                assert_eq!(theirs.record(SALT), ours, "{json}");
            }
            Ok(())
        });
        counted(bytes, &tally.unwrap(), read);
    }
    import(bytes);
}

fn import(bytes: &[u8]) {
    let target = Target { issuer: ISSUER.to_owned(), claim: "jti".to_owned() };
    use redis::Answer::{ExpireTime, PexpireTime, Pttl, Ttl};
    for (answer, prefix) in [(Ttl, ""), (Pttl, "revoked:"), (ExpireTime, ""), (PexpireTime, "")] {
        let mut given = 0;
        let tally = redis::read(bytes, &target, prefix, answer, || NOW, |line| taken(line, &mut given));
        counted(bytes, &tally.unwrap(), given);
    }
    for flag in [false, true] {
        let columns = table::Columns {
            id: "jti".to_owned(),
            expires: None,
            without_expiry: flag,
            millis: flag,
            utc: flag,
        };
        let mut given = 0;
        let tally = table::read(bytes, &target, &columns, |line| taken(line, &mut given));
        counted(bytes, &tally.unwrap(), given);
    }
    for issuer in
        [keycloak::Issuer::Base("https://kc.example/".to_owned()), keycloak::Issuer::Only(ISSUER.to_owned())]
    {
        let mut given = 0;
        match keycloak::read(bytes, &issuer, |line| taken(line, &mut given)) {
            Ok(tally) => assert_eq!((tally.read, tally.wrong), (given, 0)),
            Err(keycloak::Fault::Document { message, .. }) => assert!(!message.is_empty() && given == 0),
            Err(keycloak::Fault::Io(error)) => panic!("bytes can be read: {error}"),
        }
    }
}

/// A line that an import gave.
fn taken(line: &str, given: &mut u64) -> io::Result<()> {
    *given += 1;
    assert!(!line.contains('\n'), "one line");
    Revocation::from_json(line).expect("a line that `build` takes");
    Ok(())
}

fn record(item: &Item<'_>) -> Record {
    match item {
        Item::Plain { rule, issuer, values, before, expires } => {
            let id = Id::new(SALT, rule, issuer, values);
            Record::entry(id, before.map_or(0, |before| before.as_millis().try_into().unwrap()), *expires)
        }
        Item::Whole(revocation) => revocation.record(SALT),
    }
}

fn plain(item: &Item<'_>) -> Option<Json> {
    let Item::Plain { rule, issuer, values, before, expires } = item else { return None };
    let members: Vec<&str> = rule.members().iter().map(revocable::Member::as_str).collect();
    let values = values.iter().map(|value| match value {
        Value::Text(text) => json!(text),
        Value::Integer(integer) => json!(integer),
        Value::Boolean(boolean) => json!(boolean),
    });
    let mut line = json!({ "rule": members, "issuer": issuer, "values": values.collect::<Vec<Json>>() });
    if let Some(before) = before {
        line["before"] = json!(before.as_millis() / 1000);
    }
    if let Some(expires) = expires {
        line["expires"] = json!(expires.as_seconds());
    }
    Some(line)
}

fn counted(bytes: &[u8], tally: &Tally, read: u64) {
    let lines = u64::try_from(bytes.split(|byte| *byte == b'\n').count()).unwrap();
    assert_eq!(tally.read, read);
    assert!(tally.read + tally.wrong + tally.skipped <= lines);
    assert_eq!(u64::try_from(tally.first_wrong.len()).unwrap(), tally.wrong.min(10));
    let mut last = 0;
    for wrong in &tally.first_wrong {
        assert!(last < wrong.line && wrong.line <= lines && !wrong.message.is_empty());
        last = wrong.line;
    }
}

//! The same revocations as people publish them today: total bytes.

use std::io::Write;

use anyhow::Result;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde::Serialize;

use crate::ids::Numbers;
use crate::ours::Ours;
use crate::table;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    what: String,
    error: String,
    entries: usize,
    bytes: u64,
}

pub(crate) fn measure(entries: &[usize], json: bool) -> Result<()> {
    let mut rows = Vec::new();
    for &entries in entries {
        let mut add = |what: &str, error: &str, bytes: u64| {
            rows.push(Row { what: what.into(), error: error.into(), entries, bytes });
        };
        let mut numbers = Numbers::new(entries as u64);
        let ids: Vec<u128> = (0..entries).map(|_| numbers.id()).collect();
        for error_bits in [50, 30, 8] {
            let error = format!("2^-{error_bits}");
            add("our snapshot", &error, Ours::new(&ids, error_bits).bytes);
        }
        for (share, in_words) in [(1000, "0.1 %"), (100, "1 %"), (20, "5 %")] {
            let what = format!("Token Status List, {in_words} of the issued");
            add(&what, "0", status_list(entries, entries * share, &mut numbers)?);
        }
        add("KrakenD's Bloom filter", "10^-9", bloom_bits(entries).div_ceil(8));
        add("UUIDs, 16 bytes each", "0", entries as u64 * 16);
        add("UUIDs as text, a line each", "0", entries as u64 * 37);
    }
    if json {
        println!("{}", serde_json::to_string(&rows)?);
    } else {
        print(&rows);
    }
    Ok(())
}

/// A list with one bit for each of the issued tokens, compressed as the IETF's draft says: DEFLATE in zlib's format, at the
/// highest level. Which tokens were revoked has nothing to do with their places. Its JWT, which would add a third for base64,
/// is left out.
fn status_list(revoked: usize, issued: usize, numbers: &mut Numbers) -> Result<u64> {
    let mut bits = vec![0_u8; issued.div_ceil(8)];
    let mut left = revoked;
    while left > 0 {
        let token = numbers.next() as usize % issued;
        let (byte, bit) = (&mut bits[token / 8], 1 << (token % 8));
        left -= usize::from(*byte & bit == 0);
        *byte |= bit;
    }
    let mut encoder = ZlibEncoder::new(Counted(0), Compression::best());
    encoder.write_all(&bits)?;
    Ok(encoder.finish()?.0)
}

/// The bits that KrakenD's filter has for so many entries: the least with this error, −n ln ε / (ln 2)².
fn bloom_bits(entries: usize) -> u64 {
    let ln_2 = std::f64::consts::LN_2;
    (-(entries as f64) * 1e-9_f64.ln() / (ln_2 * ln_2)).ceil() as u64
}

/// Keeps nothing of what is written but how much it was.
struct Counted(u64);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn print(rows: &[Row]) {
    let cells = |row: &Row| {
        vec![
            row.what.clone(),
            row.entries.to_string(),
            row.error.clone(),
            row.bytes.to_string(),
            format!("{:.2}", row.bytes as f64 * 8.0 / row.entries as f64),
        ]
    };
    table::print(
        "The same revocations otherwise:",
        &["what", "revoked", "ε", "bytes", "bits/entry"],
        &rows.iter().map(cells).collect::<Vec<_>>(),
    );
}

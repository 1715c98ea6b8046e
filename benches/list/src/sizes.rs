//! How large a snapshot is, all told, beside the least that a set with its error can take.

use anyhow::Result;
use serde::Serialize;

use crate::ids::Numbers;
use crate::ours::Ours;
use crate::table;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    entries: usize,
    error_bits: u32,
    segments: usize,
    manifest_bytes: u64,
    bits_per_entry: f64,
    confirming_bits_per_entry: f64,
}

pub(crate) fn measure(json: bool) -> Result<()> {
    let mut rows = Vec::new();
    for entries in [1_000, 10_000, 100_000, 1_000_000, 10_000_000] {
        let mut numbers = Numbers::new(entries as u64);
        let ids: Vec<u128> = (0..entries).map(|_| numbers.id()).collect();
        for error_bits in [8, 20, 32, 50] {
            let ours = Ours::new(&ids, error_bits);
            let each = |bytes: u64| bytes as f64 * 8.0 / entries as f64;
            rows.push(Row {
                entries,
                error_bits,
                segments: ours.segments().len(),
                manifest_bytes: ours.manifest,
                bits_per_entry: each(ours.bytes),
                confirming_bits_per_entry: each(ours.confirming),
            });
        }
    }
    if json {
        println!("{}", serde_json::to_string(&rows)?);
    } else {
        print(&rows);
    }
    Ok(())
}

fn print(rows: &[Row]) {
    let cells = |row: &Row| {
        vec![
            row.entries.to_string(),
            format!("2^-{}", row.error_bits),
            row.segments.to_string(),
            row.manifest_bytes.to_string(),
            format!("{:.2}", row.bits_per_entry),
            format!("{:+.2}", row.bits_per_entry - f64::from(row.error_bits)),
            match row.confirming_bits_per_entry {
                0.0 => "–".into(),
                bits => format!("{bits:.2}"),
            },
        ]
    };
    table::print(
        "A snapshot of one rule, manifest and all:",
        &[
            "entries",
            "ε",
            "segments",
            "manifest, bytes",
            "bits/entry",
            "beside log2(1/ε)",
            "to confirm, bits/entry",
        ],
        &rows.iter().map(cells).collect::<Vec<_>>(),
    );
}

//! Who takes part in the contest of structures, and its table.

use anyhow::Result;
use xorf::{BinaryFuse8, BinaryFuse16, BinaryFuse32};

use crate::contest::{self, Contestant, Row};
use crate::elias_fano::EliasFano;
use crate::ids::Ids;
use crate::ours::Ours;
use crate::peers::{Bitmap, Bloom, Fuse, Hashed};
use crate::ribbon::Ribbon;
use crate::rice::Rice;
use crate::sorted::Sorted;
use crate::table;

pub(crate) fn measure(entries: &[usize], rounds: usize, json: bool) -> Result<()> {
    let contestants = contestants();
    let mut rows = Vec::new();
    for &entries in entries {
        rows.extend(contest::hold(&contestants, &Ids::new(entries), rounds));
    }
    if json {
        println!("{}", serde_json::to_string(&rows)?);
    } else {
        print(&rows);
    }
    Ok(())
}

fn contestants() -> Vec<Contestant> {
    let mut all = Vec::new();
    for bits in [8, 20, 32, 50] {
        let error = Some(bits);
        // The publisher chooses; below 2^-16 it makes both, since quotients confirm and list what the ribbon has.
        let ours = if bits < 16 { "revocable, ribbon" } else { "revocable, quotients" };
        all.push(Contestant::new(ours, error, move |ids| Ours::new(ids, bits)));
        all.push(Contestant::new("Elias and Fano", error, move |ids| EliasFano::new(ids, bits)));
        all.push(Contestant::new("Rice gaps", error, move |ids| Rice::new(ids, bits)));
        all.push(Contestant::new("bumped ribbon", error, move |ids| Ribbon::new(ids, bits)));
        match bits {
            8 => all.push(Contestant::new("binary fuse", error, Fuse::<BinaryFuse8>::new)),
            32 => all.push(Contestant::new("binary fuse", error, Fuse::<BinaryFuse32>::new)),
            _ => {}
        }
        if bits < 50 {
            all.push(Contestant::new("Bloom filter", error, move |ids| Bloom::new(ids, bits)));
        }
        all.push(Contestant::new("sorted `Vec`", error, move |ids| Sorted::new(ids, bits)));
    }
    // Of a width that is between two of the errors.
    all.push(Contestant::new("binary fuse", Some(16), Fuse::<BinaryFuse16>::new));
    // As large as ours at 2^-50, and as sure as that makes it: the measure for how far away the bytes are.
    all.push(Contestant::new("bitmap, one read", Some(5), |ids| Bitmap::new(ids, 52)));
    all.push(Contestant::new("`HashSet<u128>`", None, Hashed::<u128>::new));
    all.push(Contestant::new("`HashSet<[u8; 16]>`", None, Hashed::<[u8; 16]>::new));
    all
}

fn print(rows: &[Row]) {
    let cells = |row: &Row| {
        let error = row.error_bits.map_or("0".into(), |bits| format!("2^-{bits}"));
        let over = |bits| format!("+{:.2}", row.bits_per_entry - f64::from(bits));
        vec![
            row.structure.into(),
            row.entries.to_string(),
            error,
            format!("{:.2}", row.bits_per_entry),
            row.error_bits.map_or("–".into(), over),
            format!("{:.1}", row.built_per_second / 1e6),
            format!("{:.0}", row.hit_nanos),
            format!("{:.0}", row.miss_nanos),
            format!("{:.0}", row.hit_in_turn_nanos),
            format!("{} of 2^{}", row.wrong, row.asked.ilog2()),
        ]
    };
    table::print(
        "Structures for a list of ids, on one core:",
        &[
            "structure",
            "entries",
            "ε",
            "bits/entry",
            "beside log2(1/ε)",
            "build, 10^6/s",
            "hit, ns",
            "miss, ns",
            "hit in turn, ns",
            "found wrongly",
        ],
        &rows.iter().map(cells).collect::<Vec<_>>(),
    );
}

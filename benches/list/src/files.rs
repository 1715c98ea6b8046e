//! What is measured in Wasm, as files: the same list, and the same ids to look up.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;

use crate::ids::Ids;
use crate::ours::Ours;
use crate::sorted::Sorted;

/// Writes a list at 2^-50: its segments, the same ids cut and sorted, the same ids whole, and which to look up.
pub(crate) fn write(entries: usize, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    let put = |name: &str, bytes: &[u8]| {
        fs::write(to.join(name), bytes).with_context(|| format!("cannot write {name} in {}", to.display()))
    };
    let ids = Ids::new(entries);
    let ours = Ours::new(&ids.sorted, 50);
    let segments = ours.segments();
    for (at, segment) in segments.iter().enumerate() {
        put(&format!("{at}.segment"), segment.bytes())?;
    }
    let sorted = Sorted::new(&ids.sorted, 50);
    put("sorted", sorted.bytes())?;
    put("hits", &whole(&ids.hits))?;
    put("misses", &whole(&ids.misses))?;
    put("ids", &whole(&ids.sorted))?;
    let bytes: usize = segments.iter().map(|segment| segment.bytes().len()).sum();
    let width = sorted.bytes().len() / ids.sorted.len();
    let about =
        json!({ "entries": ids.sorted.len(), "segments": segments.len(), "bytes": bytes, "width": width });
    put("about.json", about.to_string().as_bytes())
}

fn whole(ids: &[u128]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.to_be_bytes()).collect()
}

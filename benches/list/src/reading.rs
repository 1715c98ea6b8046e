//! How quickly the command-line tool makes a snapshot of text, and in how much memory.

use std::env;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{Usage, UsageWho, getrusage};
use serde::Serialize;

use crate::ids::Numbers;
use crate::ours::{AUTHORITY, ISSUER};
use crate::table;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    entries: usize,
    csv_bytes: u64,
    seconds: f64,
    entries_per_second: f64,
    /// Of this build and of those before it: nothing of less would be seen after a larger one.
    most_memory_bytes: u64,
}

/// Builds lists of so many entries, the smallest first.
pub(crate) fn measure(entries: &[usize], json: bool) -> Result<()> {
    let folder = env::temp_dir().join(format!("bench-list-{}", std::process::id()));
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let measured = builds(entries, &folder);
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    let rows = measured?;
    if json {
        println!("{}", serde_json::to_string(&rows)?);
    } else {
        print(&rows);
    }
    Ok(())
}

fn builds(entries: &[usize], folder: &Path) -> Result<Vec<Row>> {
    let key = folder.join("list.jwk");
    let status =
        tool().arg("keygen").arg("--out").arg(&key).stdout(Stdio::null()).stderr(Stdio::null()).status();
    ensure!(status.context("cannot start the command-line tool")?.success(), "no key was made");
    let mut entries = entries.to_vec();
    entries.sort_unstable();
    entries.into_iter().map(|entries| build(entries, &key, folder)).collect()
}

/// The time counts that the tool itself works; writing its input costs another process.
fn build(entries: usize, key: &Path, folder: &Path) -> Result<Row> {
    let before = seconds(&getrusage(UsageWho::RUSAGE_CHILDREN)?);
    let mut tool = tool();
    tool.args(["build", "--quiet", "--format", "csv", "--input", "-", "--issuer", AUTHORITY]);
    tool.args(["--token-issuer", ISSUER, "--key"])
        .arg(key)
        .arg("--out")
        .arg(folder.join(entries.to_string()));
    let mut child =
        tool.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().context("cannot start the tool")?;
    let csv_bytes = write_csv(&mut child, entries).context("cannot write the tool's input")?;
    ensure!(child.wait()?.success(), "the list was not built");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = seconds(&usage) - before;
    let entries_per_second = entries as f64 / seconds;
    // In kilobytes, as Linux has it.
    let most_memory_bytes = usage.max_rss() as u64 * 1024;
    Ok(Row { entries, csv_bytes, seconds, entries_per_second, most_memory_bytes })
}

/// UUIDs, a line each, in no order.
fn write_csv(child: &mut Child, entries: usize) -> Result<u64> {
    let mut input = BufWriter::with_capacity(1 << 20, child.stdin.take().context("the input is taken")?);
    input.write_all(b"jti\n")?;
    let mut numbers = Numbers::new(entries as u64);
    for _ in 0..entries {
        let id = format!("{:032x}", numbers.id());
        for (at, digits) in [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)] {
            if at > 0 {
                input.write_all(b"-")?;
            }
            input.write_all(&id.as_bytes()[at..digits])?;
        }
        input.write_all(b"\n")?;
    }
    input.flush()?;
    Ok(4 + entries as u64 * 37)
}

fn tool() -> Command {
    let path = env::var_os("REVOCABLE_CLI").map_or_else(|| "target/release/revocable".into(), PathBuf::from);
    Command::new(path)
}

fn seconds(usage: &Usage) -> f64 {
    let [user, system] = [usage.user_time(), usage.system_time()];
    [user, system].iter().map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6).sum()
}

fn print(rows: &[Row]) {
    let cells = |row: &Row| {
        vec![
            row.entries.to_string(),
            row.csv_bytes.to_string(),
            format!("{:.1}", row.seconds),
            format!("{:.2}", row.entries_per_second / 1e6),
            format!("{:.0}", row.most_memory_bytes as f64 / (1024.0 * 1024.0)),
        ]
    };
    table::print(
        "`revocable build` from CSV with a UUID on each line, at 2^-50:",
        &["entries", "CSV, bytes", "processor, s", "10^6 entries/s", "memory at most, MiB"],
        &rows.iter().map(cells).collect::<Vec<_>>(),
    );
}

//! Measures the compact list: `cargo xtask bench list` runs this and what has to run elsewhere.

mod beside;
mod bits;
mod building;
mod clock;
mod contest;
mod elias_fano;
mod files;
mod ids;
mod ours;
mod peers;
mod ranges;
mod reading;
mod ribbon;
mod rice;
mod sizes;
mod sorted;
mod structures;
mod table;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Measures the compact list. What is printed is of this machine; read the ratios.
#[derive(Parser)]
#[command(name = "bench-list")]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum What {
    /// Structures for a list of ids beside each other: size, build, look-up.
    Structures {
        /// How many entries; may be given several times.
        #[arg(long, default_values_t = [100_000, 1_000_000, 10_000_000])]
        entries: Vec<usize>,
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// Snapshots beside the least number of bits.
    Sizes,
    /// The same revocations in other forms.
    Beside {
        /// How many are revoked; may be given several times.
        #[arg(long, default_values_t = [100_000, 1_000_000])]
        entries: Vec<usize>,
    },
    /// Writes files for what is measured in Wasm.
    Files {
        #[arg(long)]
        entries: usize,
        /// The folder; made if it is not there.
        #[arg(long)]
        to: PathBuf,
    },
    /// How quickly the command-line tool, which `REVOCABLE_CLI` names, makes a snapshot of text, and in how much memory.
    Reading {
        /// How many entries; may be given several times.
        #[arg(long, default_values_t = [1_000_000, 10_000_000])]
        entries: Vec<usize>,
    },
    /// How quickly a snapshot is made of ids, and what an operation takes.
    Building {
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
}

fn main() -> anyhow::Result<()> {
    let Arguments { what, json } = Arguments::parse();
    match what {
        What::Structures { entries, rounds } => structures::measure(&entries, rounds, json),
        What::Sizes => sizes::measure(json),
        What::Beside { entries } => beside::measure(&entries, json),
        What::Files { entries, to } => files::write(entries, &to),
        What::Reading { entries } => reading::measure(&entries, json),
        What::Building { rounds } => building::measure(rounds, json),
    }
}

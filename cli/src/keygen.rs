//! `revocable keygen`: the key an authority signs its lists with.

use std::fs;
use std::path::{Path, PathBuf};

use revocable::publish::SigningKey;
use serde::Serialize;

use crate::input;
use crate::output::{self, Exit, Failure, Ui, code};
use crate::store::{self, Access, Staged};

/// Make the key that an authority signs its lists with
///
/// Ed25519, as a JWK. The private key is readable by its owner only; the public one, which readers of the lists are
/// configured with, is written beside it.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Where to write the private key; `list.jwk` has its public key in `list.pub.jwk`
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Write over files that exist: what was signed with the key before is then no longer believed
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    kid: &'a str,
    private_key: &'a Path,
    public_key: &'a Path,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Result<Exit, Failure> {
    let private = args.out.as_path();
    if input::is_stdin(private) {
        return Err(Failure::usage("--out wants a file: two keys are written"));
    }
    let public = private.with_extension("pub.jwk");
    if !args.force {
        for path in [private, &public] {
            if fs::symlink_metadata(path).is_ok() {
                return Err(exists(path));
            }
        }
    }
    let key = SigningKey::from_seed(input::random()?);
    write(&key, private, &public, args.force)?;
    let summary = Summary { kid: key.kid(), private_key: private, public_key: &public };
    if ui.json {
        output::print_json(&summary)?;
    } else {
        output::print(&format!(
            "private key  {}  (keep it secret)\npublic key   {}\nkid          {}",
            private.display(),
            public.display(),
            key.kid()
        ))?;
    }
    Ok(Exit::Ok)
}

/// Both files or none: the private key takes its place last.
fn write(key: &SigningKey, private: &Path, public: &Path, force: bool) -> Result<(), Failure> {
    let stage = |path: &Path, text: String, access| {
        Staged::new(path, text.as_bytes(), access).map_err(|error| Failure::writing(path.display(), &error))
    };
    let staged_private = stage(private, key.to_jwk(), Access::Owner)?;
    let staged_public = stage(public, key.to_public_jwk(), Access::Usual)?;
    move_in(staged_public, public, force)?;
    if let Err(failure) = move_in(staged_private, private, force) {
        if !force {
            // Ours, from a moment ago. If it cannot be removed it does no harm: a public key that signed nothing.
            let _ = fs::remove_file(public);
        }
        return Err(failure);
    }
    store::flush_folder(store::folder(private)).map_err(|error| Failure::writing(private.display(), &error))
}

fn move_in(staged: Staged, path: &Path, force: bool) -> Result<(), Failure> {
    let moved = if force { staged.replace() } else { staged.place() };
    moved.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => exists(path),
        _ => Failure::writing(path.display(), &error),
    })
}

fn exists(path: &Path) -> Failure {
    Failure::new(code::FILE_EXISTS, format!("{} exists already; --force writes over it", path.display()))
}

const AFTER_HELP: &str = "\
Examples:
  revocable keygen --out list.jwk
  revocable keygen --out keys/2026.jwk --json

Exit codes:
  0   done
  1   failed: a file exists already, or cannot be written
  64  the command line is wrong";

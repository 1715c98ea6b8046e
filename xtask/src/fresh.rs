//! Whether what was built is still what would be built now.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Whether a file was written after everything in all of these places. Something that is missing is never up to date.
pub(crate) fn is_up_to_date(made: &Path, from: &[PathBuf]) -> bool {
    let Ok(written) = written(made) else { return false };
    from.iter().all(|path| newest(path).is_ok_and(|newest| newest <= written))
}

/// When the newest file at or below a path was written; a folder without files counts as missing.
fn newest(path: &Path) -> io::Result<SystemTime> {
    if path.is_file() {
        return written(path);
    }
    let mut newest_so_far = Err(io::ErrorKind::NotFound.into());
    for entry in fs::read_dir(path)? {
        let found = newest(&entry?.path())?;
        newest_so_far = Ok(newest_so_far.map_or(found, |newest: SystemTime| newest.max(found)));
    }
    newest_so_far
}

fn written(path: &Path) -> io::Result<SystemTime> {
    path.metadata()?.modified()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_file_is_up_to_date_until_one_of_its_sources_is_newer_or_gone() {
        let folder = std::env::temp_dir().join(format!("revocable-fresh-{}", std::process::id()));
        let sources = folder.join("sources/deep");
        fs::create_dir_all(&sources).unwrap();
        let (made, source) = (folder.join("made"), sources.join("source"));
        fs::write(&source, "").unwrap();
        let made_file = fs::File::create(&made).unwrap();
        let from = [folder.join("sources")];

        assert!(is_up_to_date(&made, &from));
        made_file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
        assert!(!is_up_to_date(&made, &from));
        fs::remove_file(&source).unwrap();
        assert!(!is_up_to_date(&made, &from));
        fs::remove_dir_all(&folder).unwrap();
    }
}

//! Files that are whole or not there: written beside their place, flushed to disk, and only then moved into it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::input;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Whoever the user's umask lets.
    Usual,
    /// Its owner only, from the moment it exists.
    Owner,
}

/// A file that is being written, beside its place; gone when dropped before it is finished.
pub(crate) struct Writing {
    file: BufWriter<File>,
    staged: Staged,
}

/// A file that is on disk but not in its place yet; gone when dropped before.
pub(crate) struct Staged {
    temporary: PathBuf,
    target: PathBuf,
}

impl Writing {
    pub(crate) fn begin(target: &Path, access: Access) -> io::Result<Self> {
        let name = target.file_name().ok_or(ErrorKind::InvalidInput)?;
        let random = input::random().map_err(|failure| io::Error::other(failure.message))?;
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{:016x}.tmp", u64::from_le_bytes(random)));
        let temporary = folder(target).join(temporary);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        restrict(&mut options, access);
        let file = BufWriter::new(options.open(&temporary)?);
        Ok(Self { file, staged: Staged { temporary, target: target.to_owned() } })
    }

    pub(crate) fn finish(self) -> io::Result<Staged> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(self.staged)
    }
}

impl Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Staged {
    pub(crate) fn new(target: &Path, bytes: &[u8], access: Access) -> io::Result<Self> {
        let mut writing = Writing::begin(target, access)?;
        writing.write_all(bytes)?;
        writing.finish()
    }

    /// Where it is meanwhile.
    pub(crate) fn path(&self) -> &Path {
        &self.temporary
    }

    /// Moves it into its place, over whatever is there.
    pub(crate) fn replace(self) -> io::Result<()> {
        fs::rename(&self.temporary, &self.target)
    }

    /// Moves it into its place, unless something is there.
    pub(crate) fn place(self) -> io::Result<()> {
        match fs::hard_link(&self.temporary, &self.target) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
            // A file system without links: looking first is the best there is.
            Err(_) if fs::symlink_metadata(&self.target).is_ok() => Err(ErrorKind::AlreadyExists.into()),
            Err(_) => fs::rename(&self.temporary, &self.target),
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After a move there is nothing to remove.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Waits until a folder's names are on disk, where that can be asked for.
pub(crate) fn flush_folder(folder: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(folder)?.sync_all() {
        Err(error) if !matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Err(error),
        _ => Ok(()),
    }
}

/// The folder a file is in.
pub(crate) fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(unix)]
fn restrict(options: &mut OpenOptions, access: Access) {
    use std::os::unix::fs::OpenOptionsExt;
    if access == Access::Owner {
        options.mode(0o600);
    }
}

#[cfg(not(unix))]
fn restrict(_: &mut OpenOptions, _: Access) {}

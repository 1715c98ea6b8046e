//! A sign of life for what takes longer than two seconds: one line on a terminal, rewritten, and gone at the end.
//! Nothing where standard error is no terminal.

use std::io::{self, IsTerminal, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::output::Ui;

/// What is being done, shown until it is dropped.
pub(crate) struct Progress {
    shared: Arc<Shared>,
    line: Option<(Sender<()>, JoinHandle<()>)>,
}

struct Shared {
    stage: Mutex<Stage>,
    /// Things done.
    done: AtomicU64,
    /// Bytes read.
    read: AtomicU64,
}

#[derive(Clone, Copy)]
struct Stage {
    name: &'static str,
    began: Instant,
    /// How many things there are, where that is known.
    things: Option<u64>,
    /// How many bytes there are to read, where that is known.
    bytes: Option<u64>,
}

/// What is read through it counts as progress.
pub(crate) struct Watched<R> {
    input: R,
    shared: Arc<Shared>,
}

impl Progress {
    pub(crate) fn begin(stage: &'static str, ui: Ui) -> Self {
        let shared = Arc::new(Shared {
            stage: Mutex::new(Stage::new(stage)),
            done: AtomicU64::new(0),
            read: AtomicU64::new(0),
        });
        let line = (!ui.quiet && io::stderr().is_terminal()).then(|| {
            let (stop, stopped) = mpsc::channel();
            let shared = Arc::clone(&shared);
            let thread = thread::spawn(move || {
                let mut wait = FIRST_SIGN;
                while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                    shared.show();
                    wait = REWRITE;
                }
                if wait == REWRITE {
                    write(CLEAR_LINE);
                }
            });
            (stop, thread)
        });
        Self { shared, line }
    }

    /// Goes on to another stage, with nothing of it done.
    pub(crate) fn stage(&self, name: &'static str) {
        self.begin_stage(Stage::new(name));
    }

    /// Goes on to another stage, of so many things.
    pub(crate) fn stage_of(&self, name: &'static str, things: u64) {
        self.begin_stage(Stage { things: Some(things), ..Stage::new(name) });
    }

    /// Counts what is read of an input, whose size is told where it is known.
    pub(crate) fn watch<R: Read>(&self, input: R, size: Option<u64>) -> Watched<R> {
        self.shared.stage().bytes = size;
        Watched { input, shared: Arc::clone(&self.shared) }
    }

    /// Counts one more thing done.
    pub(crate) fn advance(&self) {
        self.advance_by(1);
    }

    /// Counts more things done.
    pub(crate) fn advance_by(&self, things: u64) {
        self.shared.done.fetch_add(things, Ordering::Relaxed);
    }

    fn begin_stage(&self, stage: Stage) {
        *self.shared.stage() = stage;
        self.shared.done.store(0, Ordering::Relaxed);
        self.shared.read.store(0, Ordering::Relaxed);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.line.take() {
            drop(stop);
            // It only writes to the terminal; if it failed there is nothing to undo.
            let _ = thread.join();
        }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(into)?;
        self.shared.read.fetch_add(u64::try_from(length).unwrap_or(u64::MAX), Ordering::Relaxed);
        Ok(length)
    }
}

impl Shared {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self) {
        let stage = *self.stage();
        let (done, read) = (self.done.load(Ordering::Relaxed), self.read.load(Ordering::Relaxed));
        write(&format!("{CLEAR_LINE}{}", stage.line(done, read, stage.began.elapsed())));
    }
}

impl Stage {
    fn new(name: &'static str) -> Self {
        Self { name, began: Instant::now(), things: None, bytes: None }
    }

    /// Such as `reading revocations: 42 %, 1234567, 2345678 a second (12 s)`: as much of it as is known.
    fn line(&self, done: u64, read: u64, elapsed: Duration) -> String {
        let percent = |part: u64, whole: Option<u64>| {
            whole.and_then(|whole| part.checked_mul(100)?.checked_div(whole)).map(|percent| percent.min(100))
        };
        let percent = percent(read, self.bytes).or_else(|| percent(done, self.things));
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let rate = done.saturating_mul(1000).checked_div(millis).filter(|rate| *rate > 0);
        let known = [
            percent.map(|percent| format!("{percent} %")),
            (done > 0).then(|| done.to_string()),
            rate.map(|rate| format!("{rate} a second")),
        ];
        let known: Vec<String> = known.into_iter().flatten().collect();
        let colon = if known.is_empty() { "" } else { ": " };
        format!("{}{colon}{} ({} s)", self.name, known.join(", "), elapsed.as_secs())
    }
}

fn write(text: &str) {
    let mut stderr = io::stderr().lock();
    // A terminal that is gone costs a sign of life and nothing else.
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

const FIRST_SIGN: Duration = Duration::from_secs(2);
const REWRITE: Duration = Duration::from_millis(200);
/// To the first column, then erase to the end of the line.
const CLEAR_LINE: &str = "\r\x1b[K";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_as_much_as_is_known() {
        let stage = Stage::new("reading");
        let after = |stage: Stage, done, read| stage.line(done, read, Duration::from_secs(4));
        assert_eq!(after(stage, 0, 0), "reading (4 s)");
        assert_eq!(after(stage, 800, 5000), "reading: 800, 200 a second (4 s)");
        let sized = Stage { bytes: Some(20_000), ..stage };
        assert_eq!(after(sized, 800, 5000), "reading: 25 %, 800, 200 a second (4 s)");
        assert_eq!(
            after(sized, 800, 30_000),
            "reading: 100 %, 800, 200 a second (4 s)",
            "it has grown meanwhile"
        );
        assert_eq!(after(Stage { bytes: Some(0), ..stage }, 0, 0), "reading (4 s)");
        assert_eq!(after(Stage { things: Some(10), ..stage }, 9, 0), "reading: 90 %, 9, 2 a second (4 s)");
    }
}

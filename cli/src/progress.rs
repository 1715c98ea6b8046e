//! A sign of life for what takes longer than two seconds: one line on a terminal, rewritten, and gone at the end.
//! Nothing where standard error is no terminal.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::output::Ui;

/// What is being done, shown until it is dropped.
pub(crate) struct Progress {
    shared: Arc<Shared>,
    line: Option<(Sender<()>, JoinHandle<()>)>,
}

struct Shared {
    stage: Mutex<&'static str>,
    done: AtomicU64,
}

impl Progress {
    pub(crate) fn begin(stage: &'static str, ui: Ui) -> Self {
        let shared = Arc::new(Shared { stage: Mutex::new(stage), done: AtomicU64::new(0) });
        let line = (!ui.quiet && io::stderr().is_terminal()).then(|| {
            let (stop, stopped) = mpsc::channel();
            let shared = Arc::clone(&shared);
            let thread = thread::spawn(move || {
                let started = Instant::now();
                let mut wait = FIRST_SIGN;
                while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                    shared.show(started.elapsed());
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
    pub(crate) fn stage(&self, stage: &'static str) {
        *self.shared.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
        self.shared.done.store(0, Ordering::Relaxed);
    }

    /// Counts one more thing done.
    pub(crate) fn advance(&self) {
        self.shared.done.fetch_add(1, Ordering::Relaxed);
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

impl Shared {
    fn show(&self, elapsed: Duration) {
        let stage = *self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = elapsed.as_secs();
        match self.done.load(Ordering::Relaxed) {
            0 => write(&format!("{CLEAR_LINE}{stage} ({seconds} s)")),
            done => write(&format!("{CLEAR_LINE}{stage}: {done} ({seconds} s)")),
        }
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

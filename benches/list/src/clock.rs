//! The clock of all measurements: the time that the processor has worked for this thread. What else a machine does slows its
//! caches down, but does not count as waiting.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// An instant of this thread's time.
pub(crate) struct Started(Duration);

impl Started {
    pub(crate) fn now() -> Self {
        Self(thread_time())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        thread_time().saturating_sub(self.0)
    }
}

fn thread_time() -> Duration {
    Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a clock that every Unix has"))
}

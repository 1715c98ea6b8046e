//! The feed: every change, as it is published.

use super::{Fault, Ledger};

impl Ledger {
    /// Tells subscribers that all is well.
    pub(super) fn feed_heartbeat(&self) -> Result<(), Fault> {
        Ok(())
    }

    /// How many there are.
    pub(super) fn subscribers(&self) -> usize {
        self.state.get_websockets().len()
    }
}

//! What this isolate has counted since it started, and data points for whoever has bound a place for them.

use std::cell::RefCell;

use revocable::authority::{Counted, Counters};
use worker::{AnalyticsEngineDataPointBuilder, Env};

/// Where data points go, if it is bound.
const DATASET: &str = "DECISIONS";

thread_local! {
    static COUNTERS: RefCell<Counters> = const { RefCell::new(Counters::new()) };
}

/// Counts what became of a request. A data point has its name alone: no token, no claim and no path.
pub(crate) fn decided(what: Counted, env: &Env) {
    COUNTERS.with_borrow_mut(|counters| counters.decided(what));
    if let Ok(dataset) = env.analytics_engine(DATASET) {
        let point = AnalyticsEngineDataPointBuilder::new().indexes([what.name()]).add_blob(what.name());
        // A request does not fail for want of statistics.
        let _ = dataset.write_data_point(&point.add_double(1).build());
    }
}

/// Counts that something could not be read.
pub(crate) fn failed(what: &'static str) {
    COUNTERS.with_borrow_mut(|counters| counters.failed(what));
}

/// Counts that somebody asked too often.
pub(crate) fn limited(limit: &'static str) {
    COUNTERS.with_borrow_mut(|counters| counters.limited(limit));
}

/// Looks at them.
pub(crate) fn with<T>(look: impl FnOnce(&Counters) -> T) -> T {
    COUNTERS.with_borrow(look)
}

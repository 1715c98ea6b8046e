//! What an isolate keeps between requests: the gate, with its keys and its snapshot.

use std::cell::RefCell;

use revocable::config::GateConfig;
use revocable::engine::EDGE;
use revocable::{Error, Gate};
use worker::Env;

use crate::log;

thread_local! {
    // The environment arrives with the first request, so that is when it is configured. An isolate's environment never
    // changes: an error stays one, too.
    static GATE: RefCell<Option<Result<Gate, Error>>> = const { RefCell::new(None) };
}

/// Reads the configuration when this is the isolate's first request.
pub(crate) fn configure(env: &Env) -> Result<(), Error> {
    GATE.with_borrow_mut(|gate| {
        let gate = gate.get_or_insert_with(|| {
            let gate = read(env);
            if let Err(error) = &gate {
                log::failed("configure", error, None);
            }
            gate
        });
        gate.as_ref().map(|_| ()).map_err(Clone::clone)
    })
}

/// Looks at the gate; `None` when it is not configured. Never across an `await`.
pub(crate) fn with<T>(look: impl FnOnce(&Gate) -> T) -> Option<T> {
    GATE.with_borrow(|gate| gate.as_ref().and_then(|gate| gate.as_ref().ok()).map(look))
}

/// Changes the gate; `None` when it is not configured. Never across an `await`.
pub(crate) fn with_mut<T>(change: impl FnOnce(&mut Gate) -> T) -> Option<T> {
    GATE.with_borrow_mut(|gate| gate.as_mut().and_then(|gate| gate.as_mut().ok()).map(change))
}

fn read(env: &Env) -> Result<Gate, Error> {
    let missing = || Error::ConfigInvalid {
        path: "REVOCABLE_CONFIG".to_owned(),
        reason: "the variable is missing".to_owned(),
    };
    let document = env.var("REVOCABLE_CONFIG").map_err(|_| missing())?.to_string();
    let gate = GateConfig::parse(&document)?
        .build_with(EDGE, |name| env.secret(name).ok().map(|secret| secret.to_string()))?;
    // Isolates that started together do not all look at once.
    Ok(gate.jitter(js_sys::Math::random()))
}

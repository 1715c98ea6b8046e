//! Who may read what the endpoints of the list say, and how a browser is told so.

use revocable::Error;
use revocable::gate::Readers;
use worker::{Env, Request, Response};

use crate::gate_fetch::RequestFields;
use crate::{log, rate, reply, state};

/// What becomes of a request to such an endpoint.
pub(crate) enum Reader {
    /// It is to be answered; the answer is for everybody, or for whoever holds the key.
    Admitted { is_public: bool },
    /// It has its answer.
    Answered(Response),
}

/// Admits a request with one of these methods, the first of which is not `OPTIONS`.
pub(crate) fn admit(request: &Request, env: &Env, methods: &[&str]) -> worker::Result<Reader> {
    let origin = request.headers().get("origin")?;
    let method = request.method();
    if method.as_ref() == "OPTIONS" {
        let headers = state::with(|gate| gate.cors().preflight(origin.as_deref(), &methods.join(", ")));
        return Ok(Reader::Answered(reply::empty(204, &headers.unwrap_or_default())?));
    }
    if !methods.contains(&method.as_ref()) {
        let allow = [methods, &["OPTIONS"]].concat().join(", ");
        return Ok(Reader::Answered(reply::not_allowed(&allow, cors(origin.as_deref()))?));
    }
    // Before the key is looked at: whoever guesses at it is told nothing by being let in past the limit.
    if let Err(error) = rate::reader(request) {
        log::refused(&error, None);
        return Ok(Reader::Answered(reply::refusal(&error, origin.as_deref())?));
    }
    let admitted = state::with(|gate| {
        let secret = |name: &str| env.secret(name).ok().map(|secret| secret.to_string());
        let admitted = gate.readers().admit(&RequestFields(request.headers()), secret);
        admitted.map(|()| gate.readers() == &Readers::Anybody)
    });
    match admitted.unwrap_or(Err(Error::TokenMissing)) {
        Ok(is_public) => Ok(Reader::Admitted { is_public }),
        Err(error) => {
            log::refused(&error, None);
            Ok(Reader::Answered(reply::refusal(&error, origin.as_deref())?))
        }
    }
}

/// The headers by which pages of other origins may read an answer.
pub(crate) fn cors(origin: Option<&str>) -> Vec<(&'static str, String)> {
    state::with(|gate| gate.cors().headers(origin)).unwrap_or_default()
}

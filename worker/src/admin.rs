//! Who asks by an admin key, and how such requests begin.

use revocable::Error;
use revocable::authority::{Authority, Permission};
use worker::{Request, Response};

use crate::gate_fetch::RequestFields;
use crate::{host, log, rate, reply, state};

/// What becomes of a request to such an endpoint.
pub(crate) enum Admin {
    /// It is to be answered; who asks.
    Admitted(String),
    /// It has its answer.
    Answered(Response),
}

/// Admits a request with one of these methods, the first of which is not `OPTIONS`, by a key that may do what is wanted.
pub(crate) fn admit(
    request: &Request,
    methods: &[&str],
    wanted: impl FnOnce(&str) -> Permission,
) -> worker::Result<Admin> {
    let origin = request.headers().get("origin")?;
    let method = request.method();
    if state::with(|gate| gate.authority().is_some()) != Some(true) {
        return Ok(Admin::Answered(reply::refusal(&Error::NotFound, origin.as_deref())?));
    }
    if method.as_ref() == "OPTIONS" {
        let headers = state::with(|gate| gate.cors().preflight(origin.as_deref(), &methods.join(", ")));
        return Ok(Admin::Answered(reply::empty(204, &headers.unwrap_or_default())?));
    }
    if !methods.contains(&method.as_ref()) {
        let allow = [methods, &["OPTIONS"]].concat().join(", ");
        let headers = crate::readers::cors(origin.as_deref());
        return Ok(Admin::Answered(reply::not_allowed(&allow, headers)?));
    }
    let admitted = may(request, wanted(method.as_ref())).and_then(|actor| {
        rate::take(&actor, 1)?;
        Ok(actor)
    });
    match admitted {
        Ok(actor) => Ok(Admin::Admitted(actor)),
        Err(error) => Ok(Admin::Answered(refuse(&error, request)?)),
    }
}

/// Who asks, if it may do what is wanted: `key:` and the key's id.
///
/// # Errors
/// As the library says; and that too many have come from there who may not.
pub(crate) fn may(request: &Request, wanted: Permission) -> Result<String, Error> {
    let attempt = rate::attempt(request)?;
    let actor = proved(request, wanted)?;
    attempt.succeeded();
    Ok(actor)
}

/// [`may`] for a request that is counted already.
pub(crate) fn proved(request: &Request, wanted: Permission) -> Result<String, Error> {
    of(|authority| {
        let id = authority.admit_request(&RequestFields(request.headers()), wanted, host::now())?;
        Ok(format!("key:{id}"))
    })
}

/// Looks at the authority.
pub(crate) fn of<T>(look: impl FnOnce(&Authority) -> Result<T, Error>) -> Result<T, Error> {
    state::with(|gate| gate.authority().map(look)).flatten().unwrap_or(Err(Error::NotFound))
}

pub(crate) fn refuse(error: &Error, request: &Request) -> worker::Result<Response> {
    log::refused(error, None);
    reply::refusal(error, request.headers().get("origin")?.as_deref())
}

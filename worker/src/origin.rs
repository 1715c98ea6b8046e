//! Forwards a request to the origin, its body untouched, with the identity headers and without any that a client made up.

use js_sys::Reflect;
use js_sys::futures::JsFuture;
use revocable::gate::is_identity_header;
use revocable::{Error, Gate};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{RequestCache, RequestInit, RequestRedirect, WorkerGlobalScope};
use worker::{Env, Headers, Request, Response, Url};

use crate::{log, reply};

const BINDING: &str = "ORIGIN";

/// Forwards an admitted request with the identity of its token.
pub(crate) async fn forward(
    request: &Request,
    env: &Env,
    identity: &[(&str, String)],
) -> worker::Result<Response> {
    // Made from the request itself, so that method, body stream and `redirect: manual` come along as they are.
    let original: &RequestInit = request.inner().unchecked_ref();
    send(request, original, env, identity, |_| false).await
}

/// Forwards a preflight, and nothing that a browser would not have sent with it.
pub(crate) async fn forward_preflight(request: &Request, env: &Env) -> worker::Result<Response> {
    let bare = RequestInit::new();
    bare.set_method("OPTIONS");
    bare.set_headers(&request.inner().headers());
    bare.set_redirect(RequestRedirect::Manual);
    send(request, &bare, env, &[], |name| !Gate::is_of_preflight(name)).await
}

async fn send(
    request: &Request,
    init: &RequestInit,
    env: &Env,
    identity: &[(&str, String)],
    is_left_out: impl Fn(&str) -> bool,
) -> worker::Result<Response> {
    let binding = Reflect::get(env, &JsValue::from(BINDING))?;
    let url = match binding.as_string() {
        Some(base) => rebase(&base, &request.url()?),
        // A service binding routes by itself; the URL stays what the client asked for.
        None if binding.is_object() => Ok(request.url()?),
        None => Err("neither a URL nor a service binding"),
    };
    let url = match url {
        Ok(url) => url,
        Err(reason) => return misconfigured(reason, request),
    };
    let sent = async {
        let forwarded = web_sys::Request::new_with_str_and_init(url.as_str(), init)?;
        let fields = Headers(forwarded.headers());
        let left_out: Vec<String> =
            fields.keys().filter(|name| is_identity_header(name) || is_left_out(name)).collect();
        for name in left_out {
            fields.delete(&name)?;
        }
        for (name, value) in identity {
            fields.set(name, value)?;
        }
        if binding.is_object() {
            return env.service(BINDING)?.fetch_request(Request::from(forwarded)).await;
        }
        let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
        let uncached = RequestInit::new();
        // The edge's cache knows nothing of identities: it could give one user's answer to another.
        uncached.set_cache(RequestCache::NoStore);
        let response = JsFuture::from(scope.fetch_with_request_and_init(&forwarded, &uncached)).await?;
        Ok(Response::from(response.dyn_into::<web_sys::Response>()?))
    };
    let answer: worker::Result<Response> = sent.await;
    answer.or_else(|_| {
        // Without what the platform said of it: that may hold the client's URL, and people put tokens there.
        log::failed("forward", &Error::OriginUnavailable, None);
        reply::refusal(&Error::OriginUnavailable, request.headers().get("origin")?.as_deref())
    })
}

/// The client's path and query, below the origin's URL.
fn rebase(base: &str, asked: &Url) -> Result<Url, &'static str> {
    let mut url = Url::parse(base).map_err(|_| "not a URL")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("not an http URL");
    }
    let path = format!("{}{}", url.path().trim_end_matches('/'), asked.path());
    url.set_path(&path);
    url.set_query(asked.query());
    Ok(url)
}

fn misconfigured(reason: &str, request: &Request) -> worker::Result<Response> {
    let error = Error::ConfigInvalid { path: BINDING.to_owned(), reason: reason.to_owned() };
    log::failed("forward", &error, None);
    reply::refusal(&error, request.headers().get("origin")?.as_deref())
}

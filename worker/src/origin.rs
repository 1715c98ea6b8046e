//! Forwards a request to the origin, its body untouched, with the identity headers and without any that a client made up.

use js_sys::Reflect;
use js_sys::futures::JsFuture;
use revocable::Error;
use revocable::gate::is_identity_header;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{RequestInit, WorkerGlobalScope};
use worker::{Env, Headers, Request, Response, Url};

use crate::{log, reply};

const BINDING: &str = "ORIGIN";

pub(crate) async fn forward(
    request: &Request,
    env: &Env,
    identity: &[(&str, String)],
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
        Err(reason) => return misconfigured(reason),
    };
    // Made from the request itself, so that method, body stream and `redirect: manual` come along as they are.
    let original: &RequestInit = request.inner().unchecked_ref();
    let forwarded = web_sys::Request::new_with_str_and_init(url.as_str(), original)?;
    let fields = Headers(forwarded.headers());
    let made_up: Vec<String> = fields.keys().filter(|name| is_identity_header(name)).collect();
    for name in made_up {
        fields.delete(&name)?;
    }
    for (name, value) in identity {
        fields.set(name, value)?;
    }
    if binding.is_object() {
        return env.service(BINDING)?.fetch_request(Request::from(forwarded)).await;
    }
    let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
    let response: web_sys::Response =
        JsFuture::from(scope.fetch_with_request(&forwarded)).await?.dyn_into()?;
    Ok(Response::from(response))
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

fn misconfigured(reason: &str) -> worker::Result<Response> {
    let error = Error::ConfigInvalid { path: BINDING.to_owned(), reason: reason.to_owned() };
    log::failed("forward", &error);
    reply::refusal(&error, None)
}

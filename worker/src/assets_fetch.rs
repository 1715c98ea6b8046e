//! The playground: static files from the `ASSETS` binding, below our own namespace.

use revocable::Error;
use worker::{Env, Request, Response};

use crate::{log, rate, reply};

pub(crate) async fn asset(request: &Request, env: &Env, path: &str) -> worker::Result<Response> {
    if !matches!(request.method().as_ref(), "GET" | "HEAD") {
        return reply::not_allowed("GET, HEAD", Vec::new());
    }
    if let Err(error) = rate::reader(request) {
        log::refused(&error, None);
        return reply::refusal(&error, None);
    }
    let Ok(assets) = env.assets("ASSETS") else { return reply::refusal(&Error::NotFound, None) };
    let mut url = request.url()?;
    url.set_path(if path.is_empty() { "index.html" } else { path });
    let file = web_sys::Request::new_with_str_and_init(url.as_str(), &{
        let init = web_sys::RequestInit::new();
        init.set_method(request.method().as_ref());
        init.set_headers(&request.inner().headers());
        init
    })?;
    assets.fetch_request(Request::from(file)).await
}

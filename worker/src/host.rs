//! What JavaScript does for us: the time, hashing, fetching.

use js_sys::futures::JsFuture;
use js_sys::{Promise, Reflect, Uint8Array};
use revocable::{SegmentName, UnixTime};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    AbortSignal, ReadableStream, ReadableStreamDefaultReader, RequestCache, RequestInit, RequestRedirect,
    Response, WorkerGlobalScope,
};

/// What time it is, as far as the runtime says: in production it stands still between I/O.
pub(crate) fn now() -> UnixTime {
    UnixTime::from_millis(worker::Date::now().as_millis())
}

/// The name of a segment with these bytes. The host hashes many times faster than Wasm that has just started.
pub(crate) async fn segment_name(bytes: &[u8]) -> Result<SegmentName, JsValue> {
    let subtle = scope().crypto()?.subtle();
    let digest = JsFuture::from(subtle.digest_with_str_and_u8_array("SHA-256", bytes)?).await?;
    let digest: Result<[u8; 32], _> = Uint8Array::new(&digest).to_vec().try_into();
    digest.map(SegmentName::from_digest).map_err(|_| JsValue::from("SHA-256 is not 32 bytes long"))
}

/// Reads a document of at most `limit` bytes: a redirect, any status but 200, more bytes or more time is a failure.
pub(crate) async fn get(url: &str, limit: usize, timeout_millis: u32) -> Result<Vec<u8>, JsValue> {
    let init = RequestInit::new();
    // Keys come from where the configuration says, and from nowhere that place may point to.
    init.set_redirect(RequestRedirect::Manual);
    // A key that has been removed must not come back out of a cache on the way.
    init.set_cache(RequestCache::NoStore);
    init.set_signal(Some(&AbortSignal::timeout_with_u32(timeout_millis)));
    let response: Response = JsFuture::from(scope().fetch_with_str_and_init(url, &init)).await?.dyn_into()?;
    if response.status() != 200 {
        return Err(JsValue::from(format!("the answer has status {}", response.status())));
    }
    match response.body() {
        Some(body) => read(&body, limit).await,
        None => Ok(Vec::new()),
    }
}

/// Reads a stream to its end; more than `limit` bytes are a failure.
pub(crate) async fn read(stream: &ReadableStream, limit: usize) -> Result<Vec<u8>, JsValue> {
    let reader: ReadableStreamDefaultReader = stream.get_reader().dyn_into()?;
    let mut bytes = Vec::new();
    loop {
        let chunk = JsFuture::from(reader.read()).await?;
        if Reflect::get(&chunk, &"done".into())?.is_truthy() {
            return Ok(bytes);
        }
        let chunk: Uint8Array = Reflect::get(&chunk, &"value".into())?.dyn_into()?;
        let length = usize::try_from(chunk.length()).unwrap_or(usize::MAX);
        if bytes.len().saturating_add(length) > limit {
            abandon(&reader.cancel());
            return Err(JsValue::from("there is more of it than is allowed"));
        }
        bytes.extend(chunk.to_vec());
    }
}

/// What the platform says of a fault. It names URLs of the configuration at most, never anything of a request.
pub(crate) fn describe(fault: &JsValue) -> String {
    let message = || Reflect::get(fault, &"message".into()).ok()?.as_string();
    fault.as_string().or_else(message).unwrap_or_else(|| "a fault without a message".to_owned())
}

/// Nobody waits for it, and its failure means nothing.
fn abandon(_: &Promise) {}

fn scope() -> WorkerGlobalScope {
    js_sys::global().unchecked_into()
}

//! What JavaScript does for us: the time, hashing, fetching.

use js_sys::futures::JsFuture;
use js_sys::{JSON, Promise, Reflect, Uint8Array};
use revocable::gate::Remote;
use revocable::{Fetch, Freshness, SegmentName, UnixTime};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    AbortController, AbortSignal, Headers, ReadableStream, ReadableStreamDefaultReader, RequestCache,
    RequestInit, RequestRedirect, Response, SubtleCrypto, WorkerGlobalScope,
};

/// What time it is, as far as the runtime says: in production it stands still between I/O.
pub(crate) fn now() -> UnixTime {
    UnixTime::from_millis(worker::Date::now().as_millis())
}

/// The name of a segment with these bytes. The host hashes many times faster than Wasm that has just started.
pub(crate) async fn segment_name(bytes: &Uint8Array) -> Result<SegmentName, JsValue> {
    let digest = JsFuture::from(subtle()?.digest_with_str_and_js_u8_array("SHA-256", bytes)?).await?;
    let digest: Result<[u8; 32], _> = Uint8Array::new(&digest).to_vec().try_into();
    digest.map(SegmentName::from_digest).map_err(|_| JsValue::from("SHA-256 is not 32 bytes long"))
}

/// A request to a place that the configuration names. A redirect is an answer like any other status but 200.
pub(crate) struct Call<'a> {
    /// What `Authorization` is to be.
    pub(crate) authorization: Option<String>,
    /// The ETag of what is known already.
    pub(crate) known: Option<&'a str>,
    /// What `Accept` is to be.
    pub(crate) accept: Option<&'a str>,
    pub(crate) caching: Caching,
    /// Ends it.
    pub(crate) signal: AbortSignal,
}

/// What caches may have to do with an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caching {
    /// What its headers say.
    AsSaid,
    /// It must be the place's own, and no cache's.
    Fresh,
    /// Nor one that the place itself keeps for a moment.
    Live,
    /// The isolates of a data centre share it for a minute.
    Shared,
}

/// Ends a request whose answer takes longer.
pub(crate) fn after(millis: u32) -> AbortSignal {
    AbortSignal::timeout_with_u32(millis)
}

/// Ends a request when this is dropped, because nobody waits for its answer any more.
pub(crate) struct Abort(AbortController);

impl Abort {
    pub(crate) fn new() -> Result<Self, JsValue> {
        AbortController::new().map(Self)
    }

    pub(crate) fn signal(&self) -> AbortSignal {
        self.0.signal()
    }
}

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Call<'_> {
    pub(crate) fn to(place: &Remote, signal: AbortSignal) -> Self {
        let authorization = place.authorization();
        Self { authorization, known: None, accept: None, caching: Caching::AsSaid, signal }
    }

    pub(crate) async fn get(&self, url: &str) -> Result<Response, JsValue> {
        self.send(url, None).await
    }

    /// Posts JSON.
    pub(crate) async fn post(&self, url: &str, body: &str) -> Result<Response, JsValue> {
        self.send(url, Some(body)).await
    }

    async fn send(&self, url: &str, body: Option<&str>) -> Result<Response, JsValue> {
        let (init, headers) = (RequestInit::new(), Headers::new()?);
        // The key is for this place, and what comes of it is believed because it is this place: it may point to no other.
        init.set_redirect(RequestRedirect::Manual);
        init.set_signal(Some(&self.signal));
        if let Some(authorization) = &self.authorization {
            headers.set("authorization", authorization)?;
        }
        if let Some(known) = self.known {
            headers.set("if-none-match", known)?;
        }
        if let Some(accept) = self.accept {
            headers.set("accept", accept)?;
        }
        if let Some(body) = body {
            init.set_method("POST");
            init.set_body(&body.into());
            headers.set("content-type", "application/json")?;
        }
        init.set_headers(&headers);
        match self.caching {
            Caching::AsSaid => {}
            // Not "no-cache", which would renew the shared copy as well: it throws where the compatibility date is older.
            Caching::Fresh => init.set_cache(RequestCache::NoStore),
            // Said to whoever answers as well: an authority that keeps a head for a moment then asks its ledger.
            Caching::Live => {
                init.set_cache(RequestCache::NoStore);
                headers.set("cache-control", "no-cache")?;
            }
            Caching::Shared => {
                Reflect::set(&init, &"cf".into(), &JSON::parse(SHARED_TIER)?)?;
            }
        }
        JsFuture::from(scope().fetch_with_str_and_init(url, &init)).await?.dyn_into()
    }
}

/// A document, and what its headers say of its freshness.
pub(crate) struct Got {
    pub(crate) body: Vec<u8>,
    pub(crate) freshness: Freshness,
}

/// Reads what the library asks for: a redirect, any status but 200, more bytes than allowed or more time is a failure.
pub(crate) async fn get(fetch: &Fetch, timeout_millis: u32) -> Result<Got, JsValue> {
    let call = Call {
        authorization: None,
        known: None,
        accept: Some(fetch.accept()),
        caching: if fetch.passes_caches_by() { Caching::Fresh } else { Caching::Shared },
        signal: after(timeout_millis),
    };
    let response = call.get(fetch.url()).await?;
    let body = response.body();
    if response.status() != 200 {
        if let Some(body) = body {
            abandon(&body.cancel());
        }
        return Err(JsValue::from(format!("the answer has status {}", response.status())));
    }
    let header = |name: &str| response.headers().get(name).ok().flatten();
    let freshness = Freshness::from_headers(header("cache-control").as_deref(), header("age").as_deref());
    let body = match body {
        Some(body) => read(&body, fetch.limit_bytes()).await?,
        None => Vec::new(),
    };
    Ok(Got { body, freshness })
}

/// Reads a stream to its end; more than `limit` bytes are a failure.
pub(crate) async fn read(stream: &ReadableStream, limit: usize) -> Result<Vec<u8>, JsValue> {
    let read = read_at_most(stream, limit).await?;
    read.ok_or_else(|| JsValue::from("there is more of it than is allowed"))
}

/// Reads a stream to its end; `None` when it has more than `limit` bytes.
pub(crate) async fn read_at_most(stream: &ReadableStream, limit: usize) -> Result<Option<Vec<u8>>, JsValue> {
    read_within(stream, limit, 0).await
}

/// [`read_at_most`] for what somebody sends us: a little that is too much is read to its end all the same. Where it is not, the
/// connection is closed, and he may never see what is wrong.
pub(crate) async fn read_body(stream: &ReadableStream, limit: usize) -> Result<Option<Vec<u8>>, JsValue> {
    read_within(stream, limit, MOST_DRAINED_BYTES).await
}

async fn read_within(
    stream: &ReadableStream,
    limit: usize,
    patience: usize,
) -> Result<Option<Vec<u8>>, JsValue> {
    let reader: ReadableStreamDefaultReader = stream.get_reader().dyn_into()?;
    let (mut bytes, mut length) = (Vec::new(), 0_usize);
    while let Some(chunk) = next(&reader).await? {
        length = length.saturating_add(usize::try_from(chunk.length()).unwrap_or(usize::MAX));
        if length > limit.saturating_add(patience) {
            abandon(&reader.cancel());
            return Ok(None);
        }
        if length <= limit {
            bytes.extend(chunk.to_vec());
        }
    }
    Ok((length <= limit).then_some(bytes))
}

/// How much of a body that nobody wants is read.
const MOST_DRAINED_BYTES: usize = 1024 * 1024;

/// Reads a stream that has exactly so many bytes, into a buffer of that length; `None` when it has more or fewer. Whenever some
/// come, `came` is told.
pub(crate) async fn read_exactly(
    stream: &ReadableStream,
    length: u64,
    came: impl Fn(),
) -> Result<Option<Uint8Array>, JsValue> {
    let Ok(length) = u32::try_from(length) else { return Ok(None) };
    let reader: ReadableStreamDefaultReader = stream.get_reader().dyn_into()?;
    let (bytes, mut filled) = (Uint8Array::new_with_length(length), 0_u32);
    while let Some(chunk) = next(&reader).await? {
        let end = filled.saturating_add(chunk.length());
        if end > length {
            abandon(&reader.cancel());
            return Ok(None);
        }
        came();
        bytes.set(&chunk, filled);
        filled = end;
    }
    Ok((filled == length).then_some(bytes))
}

async fn next(reader: &ReadableStreamDefaultReader) -> Result<Option<Uint8Array>, JsValue> {
    let chunk = JsFuture::from(reader.read()).await?;
    if Reflect::get(&chunk, &"done".into())?.is_truthy() {
        return Ok(None);
    }
    Reflect::get(&chunk, &"value".into())?.dyn_into().map(Some)
}

/// What the platform says of a fault. It names URLs of the configuration at most, never anything of a request.
pub(crate) fn describe(fault: &JsValue) -> String {
    let message = || Reflect::get(fault, &"message".into()).ok()?.as_string();
    fault.as_string().or_else(message).unwrap_or_else(|| "a fault without a message".to_owned())
}

/// What kind of fault the platform says it is, such as `DataError`; empty when it does not say.
pub(crate) fn name_of(fault: &JsValue) -> String {
    Reflect::get(fault, &"name".into()).ok().and_then(|name| name.as_string()).unwrap_or_default()
}

/// Nobody waits for it, and its failure means nothing.
pub(crate) fn abandon(_: &Promise) {}

/// The edge's HTTP cache keeps good answers for a minute, whatever their own headers say: the isolates of a data centre
/// share them, so that an issuer is asked once a minute and not once for each. Even where a copy came without its `Age`, the
/// bounds of the library would be off by no more than that minute.
const SHARED_TIER: &str = r#"{"cacheEverything":true,"cacheTtlByStatus":{"200":60,"201-599":-1}}"#;

/// The host's cryptography.
pub(crate) fn subtle() -> Result<SubtleCrypto, JsValue> {
    Ok(scope().crypto()?.subtle())
}

fn scope() -> WorkerGlobalScope {
    js_sys::global().unchecked_into()
}

//! Reading an issuer's keys: the core says what to read and what becomes of it, JavaScript reads.

use revocable::{Fetch, Fetched, Freshness, KeyCache};
use wasm_bindgen::prelude::*;

use crate::{fault, instant};

/// Something to be read, with `GET` and without following redirects.
#[wasm_bindgen]
pub struct KeysFetch {
    fetch: Fetch,
}

#[wasm_bindgen]
impl KeysFetch {
    /// Where.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn url(&self) -> String {
        self.fetch.url().to_owned()
    }

    /// The request's `Accept`.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn accept(&self) -> String {
        self.fetch.accept().to_owned()
    }

    /// How many bytes to read at most.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn limit(&self) -> usize {
        self.fetch.limit_bytes()
    }

    /// Whether every cache on the way is to be passed by.
    #[wasm_bindgen(getter, js_name = passesCachesBy)]
    #[must_use]
    pub fn passes_caches_by(&self) -> bool {
        self.fetch.passes_caches_by()
    }
}

/// What to read to have these keys anew; nothing for keys that do not change.
pub(crate) fn next(keys: &KeyCache, now: f64) -> Result<Option<KeysFetch>, JsValue> {
    Ok(keys.next_fetch(instant(now)?).map(|fetch| KeysFetch { fetch }))
}

/// What JavaScript has read: the body, when it asked for it, and the values of `Cache-Control` and `Age`.
pub(crate) struct Answer<'a> {
    pub(crate) document: &'a [u8],
    pub(crate) asked_at: f64,
    pub(crate) cache_control: Option<&'a str>,
    pub(crate) age: Option<&'a str>,
}

/// Takes what was read, and says what to read next.
pub(crate) fn install(
    keys: &mut KeyCache,
    fetch: &KeysFetch,
    answer: &Answer<'_>,
    now: f64,
) -> Result<Option<KeysFetch>, JsValue> {
    let fetched = Fetched {
        document: answer.document,
        asked_at: instant(answer.asked_at)?,
        freshness: Freshness::from_headers(answer.cache_control, answer.age),
    };
    let next = keys.install(&fetch.fetch, &fetched, instant(now)?);
    Ok(next.map_err(|error| fault::thrown(&error))?.map(|fetch| KeysFetch { fetch }))
}

//! A snapshot on its way into force: its manifest, whose signature JavaScript may have to check, then its segments.

use js_sys::Array;
use revocable::{Offer, Offered, Revocations};
use wasm_bindgen::prelude::*;

use crate::{fault, instant, lacking, question};

/// A manifest whose signature is being verified.
#[wasm_bindgen]
pub struct Offering {
    /// Nothing once it has been refused.
    offered: Option<Offered>,
}

/// A newer snapshot whose segments are being gathered.
#[wasm_bindgen]
pub struct Incoming {
    incoming: Box<revocable::Incoming>,
}

#[wasm_bindgen]
impl Offering {
    /// What JavaScript is asked about the manifest's signature: a `PlainQuestion` of `pkg/ts/core.ts`; nothing when it has
    /// been verified.
    #[must_use]
    pub fn question(&self) -> JsValue {
        match &self.offered {
            Some(Offered::Asking(manifest)) => question::plain(manifest.question()),
            _ => JsValue::UNDEFINED,
        }
    }

    /// Takes JavaScript's answer, as [`crate::Core::resume`] does. There may be another question.
    ///
    /// # Errors
    /// `ERR_REVOCATION_MANIFEST_UNTRUSTED`.
    pub fn answer(&mut self, answer: u32) -> Result<(), JsValue> {
        if let Some(Offered::Asking(manifest)) = self.offered.take() {
            let answered = manifest.answer(question::answer(answer));
            self.offered = Some(answered.map_err(|error| fault::thrown(&error))?);
        }
        Ok(())
    }
}

#[wasm_bindgen]
impl Incoming {
    /// The names and lengths of the segments that are not at hand yet: a list of `WantedSegment` of `pkg/ts/core.ts`.
    #[must_use]
    pub fn missing(&self) -> Array {
        let described = |name| Some(lacking::segment(&name, self.incoming.length(&name)?));
        self.incoming.missing().into_iter().filter_map(described).collect()
    }

    /// Gives a segment's bytes. `digest`, where the host could compute it faster, is the SHA-256 of these very bytes.
    ///
    /// # Errors
    /// `ERR_REVOCATION_SEGMENT_HASH_MISMATCH` or `ERR_REVOCATION_SEGMENT_INVALID`.
    pub fn supply(&mut self, bytes: Vec<u8>, digest: Option<Box<[u8]>>) -> Result<(), JsValue> {
        let name = lacking::named(&bytes, digest);
        self.incoming.supply_hashed(name, bytes).map_err(|error| fault::thrown(&error))
    }
}

pub(crate) fn start_offer(lists: &Revocations, manifest: &[u8]) -> Result<Offering, JsValue> {
    let offered = lists.start(manifest).map_err(|error| fault::thrown(&error))?;
    Ok(Offering { offered: Some(offered) })
}

pub(crate) fn offer(
    lists: &mut Revocations,
    offering: Offering,
    now: f64,
) -> Result<Option<Incoming>, JsValue> {
    let now = instant(now)?;
    let Some(Offered::Authentic(manifest)) = offering.offered else { return Ok(None) };
    match lists.consider(manifest, now).map_err(|error| fault::thrown(&error))? {
        Offer::Unchanged => Ok(None),
        Offer::Newer(incoming) => Ok(Some(Incoming { incoming })),
    }
}

pub(crate) fn accept(lists: &mut Revocations, incoming: Incoming, now: f64) -> Result<(), JsValue> {
    lists.accept(*incoming.incoming, instant(now)?).map_err(|error| fault::thrown(&error))
}

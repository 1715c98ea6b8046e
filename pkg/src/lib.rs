//! The Wasm inside the npm package `revocable`: the core verifier, as JavaScript calls it.
//!
//! ```text
//! JavaScript (pkg/ts)                     here                          the core
//! options        ── JSON text ──▶  Core::new                     ──▶  VerifierConfig
//! a token        ── on the desk ▶  Core::start                   ──▶  Verifier::start
//! an answer      ── a number ───▶  Core::resume                  ──▶  Verifier::resume
//! bytes it read  ── Uint8Array ─▶  install_keys, offer, supply   ──▶  KeyCache, Revocations, Incoming
//! ```
//!
//! HMAC is verified here. Every other signature is JavaScript's to check, with the host's own cryptography
//! or with a second Wasm: [`Core::start`] then ends with a question, and [`Core::resume`] takes the answer.
//!
//! Everything that reads, waits or keeps time is on the JavaScript side; everything that decides is in the core.
//! Instants are milliseconds since the Unix epoch, as `Date.now()` gives them.

pub mod desk;
mod fault;
pub mod fetch;
pub mod incoming;
pub mod jose;
pub mod keys;
mod lacking;
pub mod lists;
mod number;
mod plain;
pub mod question;
mod snapshot;
mod terms;

use js_sys::{Array, Object};
use revocable::config::VerifierConfig;
use revocable::{Decision, Error, Progress, Remedy, UnixTime, Verifier, engine, limits};
use wasm_bindgen::prelude::*;

use fetch::KeysFetch;
use incoming::{Incoming, Offering};
use plain::set;

/// What [`Core::due`] and [`Core::remedy`] say when it is the snapshot that should be read. Any other number is the
/// index of the issuer whose keys should be.
const SNAPSHOT: i32 = -1;
/// What [`Core::remedy`] says when it is what the decision lacks ([`Core::lacking`]).
const LACKING: i32 = -2;

/// A verifier, with the keys and the snapshot it has been given so far.
#[wasm_bindgen]
pub struct Core {
    verifier: Verifier,
}

#[wasm_bindgen]
impl Core {
    /// Makes a verifier from the JSON text of `{ issuers, lists }`. The rest are `Terms` of `pkg/ts/revocation_options.ts`.
    ///
    /// # Errors
    /// `ERR_CONFIG_INVALID`, naming the field as the npm package's options call it.
    #[wasm_bindgen(constructor)]
    pub fn new(
        config: &str,
        unknown: Vec<String>,
        resident_bytes: Option<u32>,
        jitter: f64,
    ) -> Result<Core, JsValue> {
        let verifier = VerifierConfig::parse(config).and_then(|config| config.build_with(engine::SMALL));
        let verifier = verifier.map_err(|error| fault::thrown(&as_option(error)))?;
        let verifier = verifier.policy(terms::policy(&unknown));
        Ok(Self { verifier: verifier.lists(|lists| terms::kept(lists, resident_bytes, jitter)) })
    }

    /// Takes the token on the desk, `length` bytes long, as far as it comes: an `OUTCOME` of `pkg/ts/core.ts`, whose
    /// details are on the desk.
    ///
    /// # Errors
    /// `ERR_CONFIG_INVALID` when `now` is not an instant.
    pub fn start(&self, length: usize, now: f64) -> Result<u32, JsValue> {
        let now = instant(now)?;
        Ok(self.put(desk::with_token(length, |token| self.verifier.start(token, now)), now))
    }

    /// Takes a token further with JavaScript's answer about its signature: 0 it fits, 1 it does not, 2 the key cannot be
    /// used, 3 the algorithm is not known, 4 it cannot be told now. What comes back is as of [`Core::start`].
    ///
    /// # Errors
    /// `ERR_CONFIG_INVALID` when `now` is not an instant.
    pub fn resume(&self, ticket: u32, answer: u32, now: f64) -> Result<u32, JsValue> {
        let now = instant(now)?;
        let progress = match question::take(ticket) {
            Some(asking) => self.verifier.resume(asking, question::answer(answer), now),
            // Too many waited, or the caller came twice. Nothing has been verified.
            None => Progress::Decided(Decision::refused(Error::JwksUnavailable)),
        };
        Ok(self.put(progress, now))
    }

    /// What could be read so that the decision on the desk, about the token of this length there, might be another one:
    /// an issuer's index, −1 for the snapshot, or −2 for what [`Core::lacking`] says.
    ///
    /// # Errors
    /// `ERR_CONFIG_INVALID` when `now` is not an instant.
    pub fn remedy(&self, length: usize, now: f64) -> Result<Option<i32>, JsValue> {
        let now = instant(now)?;
        let remedy = desk::with_token(length, |token| {
            desk::with_decision(|decision| self.verifier.remedy(token, decision, now)).flatten()
        });
        Ok(remedy.and_then(as_number))
    }

    /// What should be read in the background: issuers' indices, and −1 for the snapshot.
    ///
    /// # Errors
    /// `ERR_CONFIG_INVALID` when `now` is not an instant.
    pub fn due(&self, now: f64) -> Result<Vec<i32>, JsValue> {
        Ok(self.verifier.due(instant(now)?).into_iter().filter_map(as_number).collect())
    }

    /// How many issuers there are.
    #[wasm_bindgen(getter)]
    pub fn issuers(&self) -> usize {
        self.verifier.issuers().len()
    }

    /// Where an issuer's keys are read from; nothing when they were given inline.
    #[wasm_bindgen(js_name = keysUri)]
    pub fn keys_uri(&self, issuer: usize) -> Option<String> {
        self.verifier.issuers().get(issuer)?.keys().uri().map(str::to_owned)
    }

    /// Says that reading an issuer's keys has begun.
    ///
    /// # Errors
    /// `ERR_CONFIG_INVALID` when `now` is not an instant.
    #[wasm_bindgen(js_name = beginKeys)]
    pub fn begin_keys(&mut self, issuer: usize, now: f64) -> Result<(), JsValue> {
        let now = instant(now)?;
        if let Some(issuer) = self.verifier.issuer_mut(issuer) {
            issuer.keys_mut().begin(now);
        }
        Ok(())
    }

    /// What to read to have an issuer's keys anew; nothing for keys that were given inline.
    ///
    /// # Errors
    /// `ERR_CONFIG_INVALID` when `now` is not an instant.
    #[wasm_bindgen(js_name = nextFetch)]
    pub fn next_fetch(&self, issuer: usize, now: f64) -> Result<Option<KeysFetch>, JsValue> {
        self.verifier.issuers().get(issuer).map_or(Ok(None), |issuer| fetch::next(issuer.keys(), now))
    }

    /// Takes what was read of an issuer's keys, with the values of `Cache-Control` and `Age`, and says what to read next, if
    /// anything.
    ///
    /// # Errors
    /// `ERR_JWKS_INVALID` or `ERR_JWK_INVALID`; the keys before stay.
    #[wasm_bindgen(js_name = installKeys)]
    #[expect(
        clippy::too_many_arguments,
        reason = "an object for them would cross more expensively than they do"
    )]
    pub fn install_keys(
        &mut self,
        issuer: usize,
        fetch: &KeysFetch,
        document: &[u8],
        asked_at: f64,
        cache_control: Option<String>,
        age: Option<String>,
        now: f64,
    ) -> Result<Option<KeysFetch>, JsValue> {
        let (cache_control, age) = (cache_control.as_deref(), age.as_deref());
        let answer = fetch::Answer { document, asked_at, cache_control, age };
        let Some(issuer) = self.verifier.issuer_mut(issuer) else { return Ok(None) };
        fetch::install(issuer.keys_mut(), fetch, &answer, now)
    }

    /// Says that reading an issuer's keys came to nothing.
    ///
    /// # Errors
    /// `ERR_CONFIG_INVALID` when `now` is not an instant.
    #[wasm_bindgen(js_name = failKeys)]
    pub fn fail_keys(&mut self, issuer: usize, now: f64) -> Result<(), JsValue> {
        let now = instant(now)?;
        if let Some(issuer) = self.verifier.issuer_mut(issuer) {
            issuer.keys_mut().fail(now);
        }
        Ok(())
    }

    /// An issuer's keys as another process can be seeded with them.
    #[wasm_bindgen(js_name = exportKeys)]
    #[must_use]
    pub fn export_keys(&self, issuer: usize) -> Option<String> {
        self.verifier.issuers().get(issuer)?.keys().export()
    }

    /// Takes keys of an issuer that another process exported.
    ///
    /// # Errors
    /// `ERR_JWKS_INVALID` or `ERR_JWK_INVALID`; the keys before stay.
    #[wasm_bindgen(js_name = seedKeys)]
    pub fn seed_keys(&mut self, issuer: usize, saved: &str, now: f64) -> Result<(), JsValue> {
        let now = instant(now)?;
        let Some(issuer) = self.verifier.issuer_mut(issuer) else { return Ok(()) };
        issuer.keys_mut().seed(saved.as_bytes(), now).map_err(|error| fault::thrown(&error))
    }

    /// An issuer's name.
    #[wasm_bindgen(js_name = issuerName)]
    #[must_use]
    pub fn issuer_name(&self, issuer: usize) -> Option<String> {
        Some(self.verifier.issuers().get(issuer)?.name().to_owned())
    }

    /// Says that reading an issuer's keys has ended, however it did.
    #[wasm_bindgen(js_name = endKeys)]
    pub fn end_keys(&mut self, issuer: usize) {
        if let Some(issuer) = self.verifier.issuer_mut(issuer) {
            issuer.keys_mut().end();
        }
    }

    /// Says that looking for a newer snapshot has begun.
    ///
    /// # Errors
    /// `ERR_CONFIG_INVALID` when `now` is not an instant.
    #[wasm_bindgen(js_name = beginSnapshot)]
    pub fn begin_snapshot(&mut self, now: f64) -> Result<(), JsValue> {
        let now = instant(now)?;
        if let Some(lists) = self.verifier.revocations_mut() {
            lists.begin(now);
        }
        Ok(())
    }

    /// Takes a manifest's bytes.
    ///
    /// # Errors
    /// `ERR_REVOCATION_MANIFEST_…`; the snapshot before stays.
    #[wasm_bindgen(js_name = startOffer)]
    pub fn start_offer(&self, manifest: &[u8]) -> Result<Option<Offering>, JsValue> {
        self.verifier.revocations().map(|lists| incoming::start_offer(lists, manifest)).transpose()
    }

    /// Takes a manifest about which there is no question left. What comes back wants segments; nothing does when there is
    /// nothing newer.
    ///
    /// # Errors
    /// `ERR_REVOCATION_MANIFEST_…`; the snapshot before stays.
    pub fn offer(&mut self, offering: Offering, now: f64) -> Result<Option<Incoming>, JsValue> {
        self.verifier.revocations_mut().map_or(Ok(None), |lists| incoming::offer(lists, offering, now))
    }

    /// Puts a gathered snapshot in force.
    ///
    /// # Errors
    /// `ERR_REVOCATION_SEGMENT_MISSING` or `ERR_REVOCATION_MANIFEST_…`; the snapshot before stays.
    pub fn accept(&mut self, incoming: Incoming, now: f64) -> Result<(), JsValue> {
        self.verifier.revocations_mut().map_or(Ok(()), |lists| incoming::accept(lists, incoming, now))
    }

    /// What the decision on the desk lacks: a list of `Lack` of `pkg/ts/core.ts`.
    #[must_use]
    pub fn lacking(&self) -> Array {
        self.verifier.revocations().map_or_else(Array::new, lacking::plain)
    }

    /// Gives the segment `name` that a decision lacked. `digest`, where the host could compute it faster, is the SHA-256 of
    /// these very bytes.
    ///
    /// # Errors
    /// `ERR_REVOCATION_SEGMENT_HASH_MISMATCH` or `ERR_REVOCATION_SEGMENT_INVALID`.
    pub fn supply(&mut self, name: &str, bytes: Vec<u8>, digest: Option<Box<[u8]>>) -> Result<(), JsValue> {
        let lists = self.verifier.revocations_mut();
        lists.map_or(Ok(()), |lists| lacking::supply(lists, name, bytes, digest))
    }

    /// Gives an exact answer about an id that a decision lacked: revoked, and with which value where the table has any, or not.
    pub fn confirm(&mut self, seq: u64, table: usize, id: &str, revoked: bool, value: Option<i64>) {
        if let Some(lists) = self.verifier.revocations_mut() {
            lacking::confirm(lists, seq, (table, id), revoked.then_some(value));
        }
    }

    /// How current the snapshot in force is: a `SnapshotInfo` of `pkg/ts/decision.ts`, or nothing without one.
    ///
    /// # Errors
    /// `ERR_CONFIG_INVALID` when `now` is not an instant.
    pub fn snapshot(&self, now: f64) -> Result<JsValue, JsValue> {
        self.verifier.revocations().map_or(Ok(JsValue::UNDEFINED), |lists| snapshot::of(lists, now))
    }
}

impl Core {
    fn put(&self, progress: Progress, now: UnixTime) -> u32 {
        match progress {
            Progress::Decided(decision) => desk::put_decision(decision, !self.verifier.due(now).is_empty()),
            Progress::Asking(asking) => question::ask(asking, desk::put_question),
        }
    }
}

/// An error that JavaScript found, in the words of the one table.
#[wasm_bindgen]
#[must_use]
pub fn failure(code: &str, detail: Option<String>) -> JsValue {
    fault::found_by_javascript(code, detail.as_deref())
}

/// How much JavaScript should read at most before it hands it in: `Limits` of `pkg/ts/core.ts`.
#[wasm_bindgen(js_name = limits)]
#[must_use]
pub fn size_limits() -> Object {
    let sizes = Object::new();
    for (document, bytes) in [
        ("token", limits::MAX_TOKEN_BYTES),
        ("jwks", limits::MAX_JWKS_BYTES),
        ("manifest", limits::MAX_MANIFEST_BYTES),
    ] {
        set(&sizes, document, u32::try_from(bytes).unwrap_or(u32::MAX));
    }
    sizes
}

fn instant(millis: f64) -> Result<UnixTime, JsValue> {
    let instant = UnixTime::from_numeric_date(millis / 1000.0);
    instant.ok_or_else(|| {
        let reason = "expected milliseconds since 1970, as Date.now() gives them".to_owned();
        fault::thrown(&Error::ConfigInvalid { path: "now".to_owned(), reason })
    })
}

fn as_number(remedy: Remedy) -> Option<i32> {
    match remedy {
        Remedy::Keys(issuer) => i32::try_from(issuer).ok(),
        Remedy::Snapshot => Some(SNAPSHOT),
        Remedy::Lacking => Some(LACKING),
        // No decision here is told to go by a head.
        Remedy::Head => None,
    }
}

/// The npm package keeps the lists under `revocations`, beside their source.
fn as_option(error: Error) -> Error {
    match error {
        Error::ConfigInvalid { path, reason } if path.starts_with("lists") => {
            Error::ConfigInvalid { path: ["revocations.", &path].concat(), reason }
        }
        other => other,
    }
}

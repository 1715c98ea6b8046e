//! Every limit of the library, named, with the reason for its value.
//!
//! Nothing a stranger sends is read past these; a value over its limit is a coded refusal before any memory is
//! spent on it.

/// The longest token, in bytes. HTTP servers commonly cap all headers together at 16 KiB, and the largest signatures
/// in JOSE (ML-DSA-87, 4,627 bytes) fit four times over.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The longest manifest, in bytes: room for three thousand segments.
pub const MAX_MANIFEST_BYTES: usize = 1024 * 1024;

/// The longest head, in bytes: five claims, of which the authority's name is the only one that is not short.
pub const MAX_HEAD_BYTES: usize = 4096;

/// For how long a head may say that it holds, in seconds: whoever keeps one back can hide no more than that from a reader whose
/// clock is right.
pub const MAX_HEAD_VALIDITY_SECONDS: u64 = 60;

/// The largest JWKS document, in bytes. Large identity providers publish under 20 KiB.
pub const MAX_JWKS_BYTES: usize = 256 * 1024;

/// The largest document of an issuer's metadata, in bytes. Large identity providers publish under 8 KiB.
pub const MAX_METADATA_BYTES: usize = 64 * 1024;

/// The longest URL that keys are read from, in bytes: what servers commonly take (RFC 9110 §4.1 asks for 8,000).
pub const MAX_URL_BYTES: usize = 8000;

/// The largest saved key set, in bytes: a JWKS as a JSON string, in which every quote takes two bytes, and what stands
/// beside it.
pub const MAX_SAVED_KEYS_BYTES: usize = 2 * (MAX_JWKS_BYTES + MAX_URL_BYTES) + 1024;

/// The largest PEM text, in bytes: room for a chain of certificates. One with an RSA key of 8192 bits has under 8 KiB, one
/// with keys and signature of ML-DSA-87 under 12 KiB.
pub const MAX_PEM_BYTES: usize = 64 * 1024;

/// The most keys in one JWKS.
pub const MAX_JWKS_KEYS: usize = 256;

/// The most keys tried for one token that names no `kid`: each costs a signature verification.
pub const MAX_KEY_CANDIDATES: usize = 16;

/// The fewest bits of an RSA modulus (RFC 7518 §3.3).
pub const MIN_RSA_BITS: usize = 2048;

/// The most bits of an RSA modulus: verifying takes time with the square of it, and no issuer is known to use more.
pub const MAX_RSA_BITS: usize = 8192;

/// The deepest nesting of JSON, counting the outermost object as one.
pub const MAX_JSON_DEPTH: usize = 32;

/// The most members and elements of one JSON document, all levels together. The largest document is a manifest: fourteen
/// members for each of [`MAX_SEGMENTS`].
pub const MAX_JSON_MEMBERS: usize = 64_000;

/// The largest clock tolerance, in seconds. Tolerance widens `exp` and `nbf`; it never applies to a cutoff.
pub const MAX_CLOCK_TOLERANCE_SECONDS: u64 = 60;

/// The latest instant a NumericDate may name: the last second of the year 9999, where RFC 3339 dates end.
pub const MAX_UNIX_SECONDS: u64 = 253_402_300_799;

/// The largest integer that every JSON implementation reads alike (RFC 8259 §6).
pub const MAX_SAFE_INTEGER: i64 = (1 << 53) - 1;

/// The greatest number of a manifest: the largest integer that every JSON implementation reads alike.
pub const MAX_SEQ: u64 = (1 << 53) - 1;

/// The longest single value (or claim name) of a revocation target, in bytes.
pub const MAX_TARGET_VALUE_BYTES: usize = 1024;

/// The most members of one rule.
pub const MAX_RULE_MEMBERS: usize = 8;

/// The most rules of one manifest: every rule may cost a look-up on every request.
pub const MAX_RULES: usize = 32;

/// The most values a list-valued member (such as `aud`) may have where a rule names it.
pub const MAX_LIST_VALUES: usize = 16;

/// The most token issuers one manifest may cover.
pub const MAX_COVERED_ISSUERS: usize = 1024;

/// The most segments of one manifest.
pub const MAX_SEGMENTS: usize = 4096;

/// The largest segment: a value in Cloudflare KV may have 25 MiB.
pub const MAX_SEGMENT_BYTES: u64 = 25 * 1024 * 1024;

/// How many leading bits of their ids the segments of one layer may share: more ranges than [`MAX_SEGMENTS`] are of no use.
pub const MAX_SHARD_BITS: u8 = 16;

/// The most pairs of a rule and a way to revoke in one manifest: each may cost a look-up on every request, and so may each of
/// its layers.
pub const MAX_TABLES: usize = 64;

/// The most layers of one table: each costs a look-up on every request.
pub const MAX_LAYERS: u8 = 16;

/// The most operations that a manifest may have beside its segments: at 40 bytes each, 80 KiB that everybody reads anew with
/// every manifest.
pub const MAX_RECENT: usize = 2048;

/// How many bytes of segments a reader holds unless it is told otherwise: an isolate has 128 MiB, and a new snapshot is
/// opened while the one before still answers.
pub const DEFAULT_RESIDENT_BYTES: u64 = 48 * 1024 * 1024;

/// The fewest bytes of segments that a gate may be told to hold: room for what one decision asks of small segments.
pub const MIN_RESIDENT_BYTES: u64 = 64 * 1024;

/// The most bytes of segments that a gate may be told to hold: a quarter more while a newer snapshot is gathered, and all else,
/// must find room in the 128 MiB of an isolate.
pub const MAX_RESIDENT_BYTES: u64 = 96 * 1024 * 1024;

/// The most targets about which a confirmation is asked at once: as many as a token may have values where a rule names a list.
pub const MAX_CONFIRM_TARGETS: usize = MAX_LIST_VALUES;

/// The longest question about confirmations, and the longest answer, in bytes: [`MAX_CONFIRM_TARGETS`] with long rules.
pub const MAX_CONFIRM_BYTES: usize = 64 * 1024;

/// The most answers to confirmations that a reader keeps for one snapshot.
pub const MAX_CONFIRMATIONS: usize = 4096;

/// The most things that one decision says it lacks: each is a reading. A token with sixteen audiences, in two tables of four
/// layers each, lacks 128 at most.
pub const MAX_LACKING: usize = 256;

/// How long an entry outlives the last moment its token could pass, in seconds: the largest clock tolerance, and room
/// for verifiers whose clock is behind.
pub const EXPIRED_ENTRY_GRACE_SECONDS: u64 = 300;

/// A hit in a segment whose error is coarser than 2^-40 is not believed without confirmation.
pub const COARSEST_SURE_EPSILON_BITS: u8 = 40;

/// The most admin keys of one authority: each is compared with every key that is presented.
pub const MAX_ADMIN_KEYS: usize = 64;

/// The longest body with one revocation, in bytes: eight members and values of [`MAX_TARGET_VALUE_BYTES`], each byte escaped.
pub const MAX_ADMIN_BYTES: usize = 128 * 1024;

/// The longest body with many revocations, in bytes.
pub const MAX_BULK_BYTES: usize = 8 * 1024 * 1024;

/// The most revocations of one body.
pub const MAX_BULK_LINES: usize = 10_000;

/// The most entries of one page of a listing.
pub const MAX_LISTING: u32 = 1000;

/// The longest reason for a revocation, in bytes.
pub const MAX_REASON_BYTES: usize = 512;

/// The longest idempotency key, in bytes.
pub const MAX_IDEMPOTENCY_KEY_BYTES: usize = 128;

/// The most clients of one authority: with the admin keys, fewer than there are buckets for how often each may ask.
pub const MAX_CLIENTS: usize = 900;

/// The most secrets of one client: each is compared with the one that is presented.
pub const MAX_CLIENT_SECRETS: usize = 8;

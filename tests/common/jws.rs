//! Reads a published compact JWS as the library reads tokens, whatever its payload.
//!
//! The library takes tokens whose payload is a JSON object and no others, while most that are published say "foo" or the
//! like. So where nothing but the payload is at fault, the library is asked about the same header and signature with
//! another payload in its place: whether they are readable, and which keys it would select.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use revocable::{Algorithm, Error, Jwks, Unverified};

/// What is left to ask of a token that is no reason for refusing it.
pub(crate) struct Reading<'t> {
    pub(crate) algorithm: Algorithm,
    /// The bytes that are signed.
    pub(crate) signing_input: &'t [u8],
    pub(crate) signature: Vec<u8>,
    /// The keys that may have signed it, by their place in the set.
    pub(crate) keys: Vec<usize>,
}

/// Nothing if the library refuses the token whatever its payload and its signature are.
pub(crate) fn read<'t>(keys: &Jwks, token: &'t str) -> Option<Reading<'t>> {
    let (signing_input, signature) = token.rsplit_once('.')?;
    let (header, _) = signing_input.split_once('.')?;
    let with_an_object = format!("{header}.e30.{signature}");
    let readable = match Unverified::parse(token) {
        Ok(readable) => readable,
        Err(Error::JwtInvalid(_)) => Unverified::parse(&with_an_object).ok()?,
        Err(_) => return None,
    };
    let algorithm = Algorithm::from_name(readable.header().alg())?;
    let kid = readable.header().kid().map(str::to_owned);
    readable.select(keys, &[]).ok()?;
    let is_named = |id: Option<&str>| kid.is_none() || id == kid.as_deref();
    let keys =
        keys.iter().enumerate().filter(|(_, key)| is_named(key.id())).map(|(index, _)| index).collect();
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    Some(Reading { algorithm, signing_input: signing_input.as_bytes(), signature, keys })
}

//! The one way around verification.
//!
//! What is read here was written by whoever sent it. It says who a token *claims* to be from and for whom: good for showing
//! a token to the person it belongs to, for a log, or for choosing where to ask; never for letting anybody do anything.

use std::sync::Arc;

use crate::error::Error;
use crate::json::Object;
use crate::limits::MAX_TOKEN_BYTES;

use super::{Header, Unverified};

/// Reads a token's header and payload without verifying anything: no signature, no claim, no date, no revocation, and no
/// critical extension. The reading itself is as strict as anywhere ([`Unverified::parse`]).
///
/// ```
/// use revocable::danger::decode_unverified;
/// let (header, payload) = decode_unverified("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbnlib2R5In0.")?;
/// assert_eq!(header.alg(), "none", "anybody can write this");
/// assert_eq!(payload["sub"], "anybody");
/// # Ok::<(), revocable::Error>(())
/// ```
///
/// # Errors
/// [`Error::JwsInvalid`] or [`Error::JwtInvalid`] when it is no compact JWS of two strict JSON objects.
pub fn decode_unverified(token: &str) -> Result<(Header, Object), Error> {
    let Unverified { header, payload, .. } = Unverified::read(token, MAX_TOKEN_BYTES)?;
    Ok((Arc::unwrap_or_clone(header), payload.members))
}

/// [`decode_unverified`], with the payload as the text that was read: whoever reads it again with another parser finds the
/// same.
///
/// # Errors
/// As [`decode_unverified`].
pub fn decode_unverified_texts(token: &str) -> Result<(Header, Vec<u8>), Error> {
    let Unverified { header, payload, .. } = Unverified::read(token, MAX_TOKEN_BYTES)?;
    Ok((Arc::unwrap_or_clone(header), payload.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payloads_text_is_the_one_that_was_read() {
        // {"alg":"none"} and { "sub" : "a" }
        let token = "eyJhbGciOiJub25lIn0.eyAic3ViIiA6ICJhIiB9.";
        let (header, payload) = decode_unverified_texts(token).unwrap();
        assert_eq!((header.alg(), payload.as_slice()), ("none", br#"{ "sub" : "a" }"#.as_slice()));
        assert_eq!(decode_unverified(token).unwrap().1["sub"], "a");
        assert!(decode_unverified_texts("eyJhbGciOiJub25lIn0.W10.").is_err());
    }
}

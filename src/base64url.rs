//! Base64url as JOSE wants it (RFC 7515 §2): URL-safe alphabet, no padding, and one spelling for each byte string.
//!
//! A lax reader accepts several texts for the same bytes (padding, the other alphabet, non-zero trailing bits). Two
//! texts for one token are one too many for whoever compares or logs them, so only the canonical one is read.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The bytes that `text` spells, or `None` when it is not the canonical spelling of any.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The bytes that `text` spells when there are exactly `N` of them.
pub(crate) fn decode_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    decode(text)?.try_into().ok()
}

/// The canonical spelling of `bytes`.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_but_the_canonical_one_is_refused() {
        assert_eq!(decode("-_8").unwrap(), [0xfb, 0xff]);
        for other in ["-_8=", "+/8", "-_9", "-_8 ", " -_8", "-_8\n", "-", "-_\u{e9}"] {
            assert_eq!(decode(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_spelling_of_the_wrong_length_is_no_array() {
        assert_eq!(decode_array::<2>("-_8"), Some([0xfb, 0xff]));
        assert_eq!(decode_array::<3>("-_8"), None);
    }
}

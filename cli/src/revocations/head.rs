//! A feed's heads: small JWTs in which the authority signs how far it has come.

use revocable::danger::decode_unverified;
use revocable::{Algorithm, Error, Jwks, UnixTime, Unverified};
use serde_json::Value;

/// The number that a head says, once one of the keys has signed it and it holds now.
pub(super) fn check(head: &str, keys: &Jwks, now: UnixTime) -> Result<u64, Error> {
    let authentic = Unverified::parse(head)?.select(keys, &[Algorithm::EdDSA])?.verify()?;
    if authentic.header().typ() != Some(HEAD) {
        return Err(Error::ManifestInvalid("it is no head".into()));
    }
    // The very bytes whose signature fits.
    let (_, claims) = decode_unverified(head)?;
    let number = |name: &str| claims.get(name).and_then(Value::as_u64);
    let (Some(seq), Some(issued), Some(expires)) = (number("seq"), number("iat"), number("exp")) else {
        return Err(Error::ManifestInvalid("the head lacks `seq`, `iat` or `exp`".into()));
    };
    let tolerated = now.minus_seconds(CLOCK_TOLERANCE_SECONDS);
    if expires > issued.saturating_add(MOST_VALID_SECONDS) || UnixTime::from_seconds(expires) <= tolerated {
        return Err(Error::ManifestInvalid("the head has expired".into()));
    }
    Ok(seq)
}

const HEAD: &str = "revocations-head+jwt";
const MOST_VALID_SECONDS: u64 = 60;
const CLOCK_TOLERANCE_SECONDS: u64 = 5;

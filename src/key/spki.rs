//! Public keys in DER: SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), alone or in a certificate, and PKCS #1 (RFC 8017 A.1.1).
//!
//! They become the same [`Material`] as a JWK would, so that the same checks hold.

use der::asn1::{AnyRef, ObjectIdentifier, UintRef};
use der::{Decode, Reader, Tag, Tagged};
use spki::SubjectPublicKeyInfoRef;

use super::{Algorithm, Curve, Material};
use crate::error::Error;
use crate::limits::MAX_PEM_BYTES;

impl Material {
    /// Reads a SubjectPublicKeyInfo in DER, as WebCrypto and Node export it (`spki`):
    ///
    /// - `rsaEncryption` (RFC 3279 §2.3.1). `id-RSASSA-PSS` is refused: such a key is bound to parameters of its own, which
    ///   no JWK has and not every engine knows;
    /// - `id-ecPublicKey` (RFC 5480 §2.1) on a named curve, as an uncompressed point;
    /// - `id-Ed25519` (RFC 8410 §3);
    /// - `id-ml-dsa-44`, `-65` and `-87` (RFC 9881).
    ///
    /// # Errors
    /// [`Error::JwkInvalid`] when it is something else, malformed, too weak or followed by anything.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, Error> {
        check_length(der)?;
        Self::from_spki(&SubjectPublicKeyInfoRef::from_der(der).map_err(|_| MALFORMED)?)
    }

    /// The public key of an X.509 certificate in DER. Neither its signature nor its dates, names or extensions are looked
    /// at: whoever configures a certificate vouches for the key himself.
    pub(super) fn from_certificate_der(der: &[u8]) -> Result<Self, Error> {
        check_length(der)?;
        Self::from_spki(&key_of_certificate(der).map_err(|_| MALFORMED)?)
    }

    /// An `RSAPublicKey`: modulus and public exponent.
    pub(super) fn from_pkcs1_der(der: &[u8]) -> Result<Self, Error> {
        check_length(der)?;
        let numbers = AnyRef::from_der(der).and_then(|key| {
            key.sequence(|members| {
                Ok::<_, der::Error>((UintRef::decode(members)?, UintRef::decode(members)?))
            })
        });
        let (n, e) = numbers.map_err(|_| MALFORMED)?;
        Self::rsa(n.as_bytes(), e.as_bytes())
    }

    fn from_spki(spki: &SubjectPublicKeyInfoRef<'_>) -> Result<Self, Error> {
        let (oid, parameters) = (spki.algorithm.oid, spki.algorithm.parameters);
        let key = spki.subject_public_key.as_bytes().ok_or(MALFORMED)?;
        if oid == RSA_ENCRYPTION {
            return match parameters {
                Some(parameters) if parameters.is_null() => Self::from_pkcs1_der(key),
                _ => Err(MALFORMED),
            };
        }
        if oid == RSASSA_PSS {
            return Err(Error::JwkInvalid("a key of `id-RSASSA-PSS`: give it as `rsaEncryption`"));
        }
        if oid == EC_PUBLIC_KEY {
            let named = parameters.and_then(|parameters| parameters.decode_as::<ObjectIdentifier>().ok());
            let curve = CURVES.iter().find(|(oid, _)| Some(*oid) == named).map(|(_, curve)| *curve);
            return Self::from_point(curve.ok_or(UNSUPPORTED)?, key);
        }
        if parameters.is_some() {
            return Err(UNSUPPORTED);
        }
        if oid == ED25519 {
            return Self::ed25519(key);
        }
        let algorithm = ML_DSA.iter().find(|(known, _)| *known == oid).map(|(_, algorithm)| *algorithm);
        Self::ml_dsa(algorithm.ok_or(UNSUPPORTED)?, key.to_vec())
    }

    /// An uncompressed point (SEC 1 §2.3.3).
    fn from_point(curve: Curve, point: &[u8]) -> Result<Self, Error> {
        let Some((4, coordinates)) = point.split_first() else {
            return Err(Error::JwkInvalid("the point of an elliptic curve is not uncompressed"));
        };
        let (x, y) = coordinates.split_at_checked(curve.field_bytes()).ok_or(MALFORMED)?;
        Self::ec(curve, x.to_vec(), y.to_vec())
    }
}

/// Walks a certificate to its key (RFC 5280 §4.1).
fn key_of_certificate(der: &[u8]) -> Result<SubjectPublicKeyInfoRef<'_>, der::Error> {
    AnyRef::from_der(der)?.sequence(|certificate| {
        let to_be_signed = AnyRef::decode(certificate)?;
        // How it is signed, and the signature.
        expect(AnyRef::decode(certificate)?, Tag::Sequence)?;
        expect(AnyRef::decode(certificate)?, Tag::BitString)?;
        to_be_signed.sequence(|members| {
            let mut serial = AnyRef::decode(members)?;
            // Version 1 is left out; any other stands before the serial number.
            if matches!(serial.tag(), Tag::ContextSpecific { .. }) {
                serial = AnyRef::decode(members)?;
            }
            expect(serial, Tag::Integer)?;
            // How it is signed, by whom, when it is valid, whose it is.
            for _ in 0..4 {
                expect(AnyRef::decode(members)?, Tag::Sequence)?;
            }
            let key = SubjectPublicKeyInfoRef::decode(members)?;
            while !members.is_finished() {
                AnyRef::decode(members)?;
            }
            Ok(key)
        })
    })
}

fn expect(value: AnyRef<'_>, tag: Tag) -> Result<(), der::Error> {
    value.tag().assert_eq(tag).map(|_| ())
}

const fn check_length(der: &[u8]) -> Result<(), Error> {
    if der.len() > MAX_PEM_BYTES { Err(Error::JwkInvalid("it is too large")) } else { Ok(()) }
}

const MALFORMED: Error = Error::JwkInvalid("not a public key in DER");
const UNSUPPORTED: Error = Error::JwkInvalid("a public key of no supported type");

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const CURVES: [(ObjectIdentifier, Curve); 4] = [
    (ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"), Curve::P256),
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), Curve::P384),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), Curve::P521),
    (ObjectIdentifier::new_unwrap("1.3.132.0.10"), Curve::Secp256k1),
];
const ML_DSA: [(ObjectIdentifier, Algorithm); 3] = [
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17"), Algorithm::MLDSA44),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18"), Algorithm::MLDSA65),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19"), Algorithm::MLDSA87),
];

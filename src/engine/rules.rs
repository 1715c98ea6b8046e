//! What holds whoever verifies: settled here, before any engine is asked, so that no two engines disagree. The rules are
//! stated in [`crate::engine`]; this says why.
//!
//! A public key of small order makes one signature fit many messages. An `S` that is not reduced, and an encoding that is
//! not the one of its point, give a signature a second spelling (RFC 8032 §8.4). An `R` of small order tells cofactor and
//! no cofactor apart, as does a part of small order in either point; no honest signer makes one.

use crate::key::{Algorithm, Material};

/// How many bytes a signature has: none but these are asked about. `None` for an algorithm that does not fit the key.
pub(crate) fn signature_bytes(algorithm: Algorithm, material: &Material) -> Option<usize> {
    if !material.fits(algorithm) {
        return None;
    }
    match material {
        Material::Rsa { n, .. } => Some(n.len()),
        _ => signature_bytes_of(algorithm),
    }
}

/// How many bytes a signature has where the algorithm says it; `None` for RSA, where the key does.
pub(crate) const fn signature_bytes_of(algorithm: Algorithm) -> Option<usize> {
    use Algorithm as A;
    match algorithm {
        A::RS256 | A::RS384 | A::RS512 | A::PS256 | A::PS384 | A::PS512 => None,
        A::HS256 => Some(32),
        A::HS384 => Some(48),
        A::HS512 | A::ES256 | A::ES256K | A::EdDSA => Some(64),
        A::ES384 => Some(96),
        A::ES512 => Some(132),
        A::MLDSA44 => Some(2420),
        A::MLDSA65 => Some(3309),
        A::MLDSA87 => Some(4627),
    }
}

/// Whether the numbers in a signature of the right length are in range.
pub(crate) fn in_range(algorithm: Algorithm, signature: &[u8]) -> bool {
    let order: &[u8] = match algorithm {
        Algorithm::ES256 => &P256_ORDER,
        Algorithm::ES384 => &P384_ORDER,
        Algorithm::ES512 => &P521_ORDER,
        Algorithm::ES256K => &SECP256K1_ORDER,
        Algorithm::EdDSA => {
            return signature
                .split_first_chunk::<32>()
                .is_some_and(|(r, s)| ed25519_point(r) && s.iter().rev().lt(ED25519_ORDER.iter().rev()));
        }
        _ => return true,
    };
    let mut numbers = signature.chunks_exact(order.len());
    numbers.all(|number| number < order && number.iter().any(|byte| *byte != 0))
}

/// Whether these bytes may be the encoding of a point: the one that it has, and not of small order. Whether there is such
/// a point, the engine finds out.
pub(crate) fn ed25519_point(encoded: &[u8; 32]) -> bool {
    let mut y = *encoded;
    y[31] &= 0x7f;
    y.iter().rev().lt(ED25519_FIELD.iter().rev()) && !ED25519_SMALL_ORDER.contains(&y)
}

/// The orders of the groups, big-endian (FIPS 186-5, SEC 2).
#[rustfmt::skip]
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
#[rustfmt::skip]
const P384_ORDER: [u8; 48] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
    0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73,
];
#[rustfmt::skip]
const P521_ORDER: [u8; 66] = [
    0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xfa, 0x51, 0x86, 0x87, 0x83, 0xbf, 0x2f, 0x96, 0x6b, 0x7f, 0xcc, 0x01, 0x48, 0xf7, 0x09,
    0xa5, 0xd0, 0x3b, 0xb5, 0xc9, 0xb8, 0x89, 0x9c, 0x47, 0xae, 0xbb, 0x6f, 0xb7, 0x1e, 0x91, 0x38,
    0x64, 0x09,
];
#[rustfmt::skip]
const SECP256K1_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
    0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];

/// 2^252 + 27742317777372353535851937790883648493, little-endian (RFC 8032 §5.1).
#[rustfmt::skip]
const ED25519_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10,
];

/// 2^255 - 19, little-endian (RFC 8032 §5.1).
#[rustfmt::skip]
const ED25519_FIELD: [u8; 32] = [
    0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
];

/// The `y` of the eight points whose order divides eight, little-endian: those of order 1, 2, 4, 8 and 8. Five are enough, as
/// a point and its negative share theirs.
#[rustfmt::skip]
const ED25519_SMALL_ORDER: [[u8; 32]; 5] = [
    [
        0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
    [
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
        0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
        0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

#[cfg(test)]
mod tests {
    use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT as B, EIGHT_TORSION};
    use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
    use curve25519_dalek::scalar::Scalar;
    use curve25519_dalek::traits::IsIdentity;
    use sha2::{Digest, Sha512};

    use super::*;
    use crate::engine::{EDDSA, Engine, Imported};

    /// `k` of RFC 8032 §5.1.7, over these encodings.
    fn challenge(r: &[u8; 32], a: &[u8; 32], message: &[u8]) -> Scalar {
        let hash = Sha512::new().chain_update(r).chain_update(a).chain_update(message).finalize();
        Scalar::from_bytes_mod_order_wide(&hash.into())
    }

    /// Whether the rules let the engine be asked, and what it says then.
    fn fits(a: [u8; 32], r: [u8; 32], s: [u8; 32], message: &[u8]) -> Option<bool> {
        let signature = [r, s].concat();
        if !ed25519_point(&a) || !in_range(Algorithm::EdDSA, &signature) {
            return None;
        }
        match EDDSA.import(Algorithm::EdDSA, &Material::Ed25519 { x: a }) {
            Ok(Imported::Here(key)) => Some(key.verify(message, &signature)),
            _ => panic!("a point that is none"),
        }
    }

    fn plus_one(number: [u8; 32]) -> [u8; 32] {
        plus(number, {
            let mut one = [0; 32];
            one[0] = 1;
            one
        })
    }

    /// Little-endian; what is carried over the end is lost.
    fn plus(left: [u8; 32], right: [u8; 32]) -> [u8; 32] {
        let mut carry = false;
        std::array::from_fn(|at| {
            let (sum, first) = left[at].overflowing_add(right[at]);
            let (sum, second) = sum.overflowing_add(u8::from(carry));
            carry = first || second;
            sum
        })
    }

    #[test]
    fn the_equation_is_checked_without_the_cofactor_and_nothing_of_small_order_is_asked_about() {
        let (secret, nonce) = (Scalar::from(7u8).invert(), Scalar::from(9u8).invert());
        let (mut fitting, mut not_fitting, mut not_asked) = (0, 0, 0);
        for (of_a, of_r) in
            [(secret, nonce), (Scalar::ZERO, nonce), (secret, Scalar::ZERO), (Scalar::ZERO, Scalar::ZERO)]
        {
            for in_a in EIGHT_TORSION {
                for in_r in EIGHT_TORSION {
                    for message in 0..8u8 {
                        let a = (B * of_a + in_a).compress().to_bytes();
                        let r = (B * of_r + in_r).compress().to_bytes();
                        let k = challenge(&r, &a, &[message]);
                        let s = of_r + k * of_a;
                        let without_cofactor = (in_r + in_a * k).is_identity();
                        let asked = of_a != Scalar::ZERO && of_r != Scalar::ZERO;
                        assert_eq!(fits(a, r, s.to_bytes(), &[message]), asked.then_some(without_cofactor));
                        match (asked, without_cofactor) {
                            (true, true) => fitting += 1,
                            (true, false) => not_fitting += 1,
                            (false, _) => not_asked += 1,
                        }
                    }
                }
            }
        }
        assert!(fitting > 30 && not_fitting > 300 && not_asked == 3 * 512, "{fitting} {not_fitting}");
    }

    #[test]
    fn an_s_that_is_not_less_than_the_order_is_not_asked_about() {
        let (a, r) = (B * Scalar::from(7u8), B * Scalar::from(9u8));
        let (a, r) = (a.compress().to_bytes(), r.compress().to_bytes());
        let largest = (-Scalar::ONE).to_bytes();
        assert_eq!(plus_one(largest), ED25519_ORDER);
        assert_eq!(fits(a, r, largest, b""), Some(false));
        for s in [ED25519_ORDER, plus_one(ED25519_ORDER), plus(ED25519_ORDER, largest), [0xff; 32]] {
            assert_eq!(fits(a, r, s, b""), None);
        }
        let s = Scalar::from(9u8) + challenge(&r, &a, b"") * Scalar::from(7u8);
        assert_eq!(fits(a, r, s.to_bytes(), b""), Some(true));
        assert_eq!(fits(a, r, plus(s.to_bytes(), ED25519_ORDER), b""), None);
    }

    #[test]
    fn every_encoding_of_every_point_of_small_order_is_refused() {
        for point in EIGHT_TORSION {
            let encoded = point.compress().to_bytes();
            assert!(
                ED25519_SMALL_ORDER.contains(&encoded)
                    || ED25519_SMALL_ORDER.contains(&(-point).compress().to_bytes())
            );
            let mut other_sign = encoded;
            other_sign[31] ^= 0x80;
            assert!(!ed25519_point(&encoded) && !ed25519_point(&other_sign));
        }
        for y in ED25519_SMALL_ORDER {
            let point = CompressedEdwardsY(y).decompress().unwrap();
            assert!(point.is_small_order());
        }
    }

    #[test]
    fn a_second_encoding_of_a_point_is_refused() {
        assert_eq!(
            plus(ED25519_FIELD, {
                let mut nineteen = [0; 32];
                nineteen[0] = 19;
                nineteen
            }),
            {
                let mut top = [0; 32];
                top[31] = 0x80;
                top
            }
        );
        let mut points = 0;
        let mut y = ED25519_FIELD;
        while y[31] == 0x7f {
            for sign in [0, 0x80] {
                let mut encoded = y;
                encoded[31] |= sign;
                assert!(!ed25519_point(&encoded));
                let point: Option<EdwardsPoint> = CompressedEdwardsY(encoded).decompress();
                points += usize::from(point.is_some_and(|point| point.compress().0 != encoded));
            }
            y = plus_one(y);
        }
        assert!(points > 10, "{points}");
        assert!(ed25519_point(&B.compress().to_bytes()) && ed25519_point(&(-B).compress().to_bytes()));
    }

    #[test]
    fn r_and_s_are_from_one_to_the_order_less_one() {
        fn check(algorithm: Algorithm, order: &[u8], library_takes: fn(&[u8]) -> bool) {
            let length = order.len();
            let zero = vec![0; length];
            let mut one = zero.clone();
            one[length - 1] = 1;
            // The orders are odd.
            let mut largest = order.to_vec();
            largest[length - 1] ^= 1;
            let mut above = order.to_vec();
            above[length - 2] += 1;
            for (r, s, expected) in [
                (&one, &one, true),
                (&largest, &largest, true),
                (&zero, &one, false),
                (&one, &zero, false),
                (&order.to_vec(), &one, false),
                (&one, &order.to_vec(), false),
                (&above, &one, false),
                (&one, &vec![0xff; length], false),
            ] {
                let signature = [r.as_slice(), s].concat();
                assert_eq!(in_range(algorithm, &signature), expected, "{algorithm:?} {r:x?} {s:x?}");
                assert_eq!(library_takes(&signature), expected, "{algorithm:?} {r:x?} {s:x?}");
            }
        }
        check(Algorithm::ES256, &P256_ORDER, |signature| {
            p256::ecdsa::Signature::from_slice(signature).is_ok()
        });
        check(Algorithm::ES384, &P384_ORDER, |signature| {
            p384::ecdsa::Signature::from_slice(signature).is_ok()
        });
        check(Algorithm::ES512, &P521_ORDER, |signature| {
            p521::ecdsa::Signature::from_slice(signature).is_ok()
        });
        check(Algorithm::ES256K, &SECP256K1_ORDER, |signature| {
            k256::ecdsa::Signature::from_slice(signature).is_ok()
        });
    }
}

// The engines that the vectors are run through in a JavaScript runtime, behind the question of runner.mjs.

import { bytes } from "./runner.mjs";

/** `crypto.subtle`, which browsers, workerd and Node have. */
export function webCrypto(name, subtle = globalThis.crypto.subtle) {
  const taken = new WeakMap();
  const takeIn = async ({ algorithm, jwk }) => {
    if (!taken.has(jwk)) taken.set(jwk, await importKey(subtle, WEB_CRYPTO[algorithm], jwk));
    return taken.get(jwk);
  };
  return {
    name,
    async knows(question) {
      return (await takeIn(question)) !== undefined;
    },
    async check(question) {
      const key = await takeIn(question);
      if (typeof key !== "object") return key;
      try {
        return await subtle.verify(WEB_CRYPTO[question.algorithm].verify, key, question.signature, question.message);
      } catch (error) {
        // Some hosts fail at signatures of a wrong length, where others say that they do not fit.
        if (error.name === "OperationError" || error.name === "DataError") return false;
        throw error;
      }
    },
  };
}

/** `node:crypto`. */
export function nodeCrypto(name, crypto) {
  const taken = new WeakMap();
  const takeIn = ({ algorithm, jwk }) => {
    if (!taken.has(jwk)) taken.set(jwk, createKey(crypto, NODE_CRYPTO[algorithm], jwk));
    return taken.get(jwk);
  };
  return {
    name,
    knows: (question) => takeIn(question) !== undefined,
    check(question) {
      const key = takeIn(question);
      if (typeof key !== "object") return key;
      const { hash, ...rest } = NODE_CRYPTO[question.algorithm];
      return crypto.verify(hash, question.message, { key, ...rest }, question.signature);
    },
  };
}

/**
 * An engine that is asked as the package's core asks: about keys that are strong enough and signatures of the right
 * length, whose numbers are those of their group (RFC 7518 §3.2 to §3.5, RFC 8032 §5.1.7).
 */
export function checkedFirst(engine) {
  return {
    ...engine,
    async check(question) {
      if (!(await engine.knows(question))) return undefined;
      return mayBeAsked(question) ? engine.check(question) : false;
    },
  };
}

/** A key, or `false` when it is none, or `undefined` when the host does not know its kind. */
async function importKey(subtle, method, jwk) {
  if (method === undefined) return undefined;
  try {
    return await subtle.importKey("jwk", jwk, method.import, false, ["verify"]);
  } catch (error) {
    if (error.name === "NotSupportedError") return undefined;
    if (error.name === "DataError") return false;
    throw error;
  }
}

function createKey(crypto, method, jwk) {
  if (method === undefined) return undefined;
  try {
    return crypto.createPublicKey({ key: jwk, format: "jwk" });
  } catch (error) {
    // What is wrong with a key of a kind that this Node does not know says nothing about the key.
    return error.code === "ERR_CRYPTO_INVALID_JWK" ? false : undefined;
  }
}

function mayBeAsked({ algorithm, jwk, signature }) {
  switch (jwk.kty) {
    case "oct":
      return bytes(jwk.k).length >= HASH[algorithm] && signature.length === HASH[algorithm];
    case "RSA":
      return jwk.e === "AQAB" && bytes(jwk.n).length >= 256 && signature.length === bytes(jwk.n).length;
    case "EC": {
      const { size, order } = ORDERS[jwk.crv];
      const [r, s] = [signature.subarray(0, size), signature.subarray(size)].map(bigEndian);
      return signature.length === 2 * size && r > 0n && r < order && s > 0n && s < order;
    }
    case "OKP":
      return signature.length === 64 && bigEndian(signature.subarray(32).toReversed()) < ED25519_ORDER;
    default:
      return signature.length === ML_DSA[algorithm].signature && bytes(jwk.pub).length === ML_DSA[algorithm].key;
  }
}

function bigEndian(bytes) {
  return bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
}

const HASH = { HS256: 32, HS384: 48, HS512: 64 };
const ML_DSA = {
  "ML-DSA-44": { key: 1312, signature: 2420 },
  "ML-DSA-65": { key: 1952, signature: 3309 },
  "ML-DSA-87": { key: 2592, signature: 4627 },
};
const ORDERS = {
  "P-256": { size: 32, order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n },
  "P-384": {
    size: 48,
    order: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  },
  "P-521": {
    size: 66,
    order:
      0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
  },
  secp256k1: { size: 32, order: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n },
};
const ED25519_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

const WEB_CRYPTO = {
  HS256: named("HMAC", { hash: "SHA-256" }),
  HS384: named("HMAC", { hash: "SHA-384" }),
  HS512: named("HMAC", { hash: "SHA-512" }),
  RS256: named("RSASSA-PKCS1-v1_5", { hash: "SHA-256" }),
  RS384: named("RSASSA-PKCS1-v1_5", { hash: "SHA-384" }),
  RS512: named("RSASSA-PKCS1-v1_5", { hash: "SHA-512" }),
  PS256: named("RSA-PSS", { hash: "SHA-256" }, { saltLength: 32 }),
  PS384: named("RSA-PSS", { hash: "SHA-384" }, { saltLength: 48 }),
  PS512: named("RSA-PSS", { hash: "SHA-512" }, { saltLength: 64 }),
  ES256: named("ECDSA", { namedCurve: "P-256" }, { hash: "SHA-256" }),
  ES384: named("ECDSA", { namedCurve: "P-384" }, { hash: "SHA-384" }),
  ES512: named("ECDSA", { namedCurve: "P-521" }, { hash: "SHA-512" }),
  EdDSA: named("Ed25519"),
  "ML-DSA-44": named("ML-DSA-44"),
  "ML-DSA-65": named("ML-DSA-65"),
  "ML-DSA-87": named("ML-DSA-87"),
};

function named(name, toImport = {}, toVerify = {}) {
  return { import: { name, ...toImport }, verify: { name, ...toVerify } };
}

const PSS = { padding: 6 };
const RAW = { dsaEncoding: "ieee-p1363" };
const NODE_CRYPTO = {
  RS256: { hash: "sha256" },
  RS384: { hash: "sha384" },
  RS512: { hash: "sha512" },
  PS256: { hash: "sha256", saltLength: 32, ...PSS },
  PS384: { hash: "sha384", saltLength: 48, ...PSS },
  PS512: { hash: "sha512", saltLength: 64, ...PSS },
  ES256: { hash: "sha256", ...RAW },
  ES384: { hash: "sha384", ...RAW },
  ES512: { hash: "sha512", ...RAW },
  ES256K: { hash: "sha256", ...RAW },
  EdDSA: { hash: null },
  "ML-DSA-44": { hash: null },
  "ML-DSA-65": { hash: null },
  "ML-DSA-87": { hash: null },
};

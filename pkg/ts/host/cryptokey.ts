// Keys as callers have them: secrets, PEM, JWKs, Node's `KeyObject`s, `CryptoKey`s. What can be said as JWK is said as
// JWK, so that the core looks at all of them in the same way; what cannot be exported stays where it is.

import { InvalidArgument } from "../error.js";
import type { Algorithm, Answer } from "./question.js";
import { METHODS, verifyWith } from "./webcrypto.js";

/** A key as a caller gives it. */
export type GivenKey = CryptoKey | NodeKeyObject | Uint8Array | object | string;

/** What is used of Node's `KeyObject`. */
export interface NodeKeyObject {
  readonly type: "public" | "private" | "secret";
  export(options: { format: "jwk" }): object;
}

/** A key in one of the forms that the core understands, or with one who verifies with it. */
export type ReadyKey =
  | { readonly kind: "secret"; readonly secret: Uint8Array }
  | { readonly kind: "jwk"; readonly jwk: object }
  | { readonly kind: "pem"; readonly pem: string }
  | { readonly kind: "opaque"; readonly key: OpaqueKey };

/** A key whose bytes its host does not hand out. It has been found to be as strong as the core would have it. */
export interface OpaqueKey {
  /** The one algorithm that the key was imported for. */
  readonly algorithm: Algorithm;
  /** How many bits the modulus of an RSA key has; otherwise 0. */
  readonly modulusBits: number;
  /** Verifies with it. The bytes are copied before this returns. It rejects when the host fails. */
  verify(signingInput: Uint8Array, signature: Uint8Array): Promise<Answer>;
}

/** A key that verifies nothing: private, of a wrong kind, or too weak. */
export class KeyRefused extends InvalidArgument {
  override readonly name = "KeyRefused";

  constructor(message: string) {
    super("ERR_JWK_INVALID", message);
  }
}

/**
 * Looks at a key. A `CryptoKey` or a `KeyObject` is exported once, however often it is given.
 *
 * Throws, or rejects with, [`KeyRefused`]. Of a JWK, a PEM and a secret the core says the rest.
 */
export function readyKey(given: GivenKey): ReadyKey | Promise<ReadyKey> {
  if (typeof given === "string") return { kind: "pem", pem: given };
  if (given instanceof Uint8Array) return { kind: "secret", secret: given };
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new KeyRefused("expected a CryptoKey, a KeyObject, a Uint8Array, a JWK or a PEM");
  }
  const known = exported.get(given);
  if (known !== undefined) return known;
  if (isCryptoKey(given)) return readyCryptoKey(given);
  if (isKeyObject(given)) return remembered(given, readyKeyObject(given));
  refusePrivateJwk(given);
  return { kind: "jwk", jwk: given };
}

/** Only what is there; a promise of one request is nothing that another may wait for. */
const exported = new WeakMap<object, ReadyKey>();

function remembered(given: object, ready: ReadyKey): ReadyKey {
  exported.set(given, ready);
  return ready;
}

function isCryptoKey(given: object): given is CryptoKey {
  return typeof CryptoKey !== "undefined" && given instanceof CryptoKey;
}

/** `KeyObject` itself is not to be had without importing `node:crypto`. */
function isKeyObject(given: object): given is NodeKeyObject {
  return "type" in given && "export" in given && typeof given.export === "function";
}

function readyKeyObject(key: NodeKeyObject): ReadyKey {
  if (key.type === "private") throw new KeyRefused(PRIVATE);
  try {
    return { kind: "jwk", jwk: key.export({ format: "jwk" }) };
  } catch {
    // Such as one of type `rsa-pss` or `dsa`.
    throw new KeyRefused("a KeyObject of a type that no JWK can hold");
  }
}

function refusePrivateJwk(jwk: object): void {
  const isSecret = "kty" in jwk && jwk.kty === "oct";
  if (!isSecret && ("d" in jwk || "priv" in jwk)) throw new KeyRefused(PRIVATE);
}

async function readyCryptoKey(key: CryptoKey): Promise<ReadyKey> {
  try {
    return await takenOut(key);
  } catch (error) {
    // What has merely got a CryptoKey's prototype is refused by its runtime in the runtime's own way.
    throw error instanceof InvalidArgument ? error : new KeyRefused("a CryptoKey that its runtime does not know");
  }
}

async function takenOut(key: CryptoKey): Promise<ReadyKey> {
  if (key.type === "private") throw new KeyRefused(PRIVATE);
  if (!key.usages.includes("verify")) throw new KeyRefused("a CryptoKey whose usages do not hold `verify`");
  if (!key.extractable) return remembered(key, { kind: "opaque", key: opaqueKey(key) });
  const jwk = await crypto.subtle.exportKey("jwk", key);
  // For one algorithm, and no other (Web Cryptography API §11): without it, an RSA key would stand for any.
  return remembered(key, { kind: "jwk", jwk: { ...jwk, alg: algorithmOf(key) } });
}

/**
 * A `CryptoKey` that verifies, as it is. Its strength is checked here, by the rules that `src/key/jwk.rs` has for all
 * others.
 *
 * Throws [`KeyRefused`].
 */
export function opaqueKey(key: CryptoKey): OpaqueKey {
  const algorithm = algorithmOf(key);
  refuseWeak(key.algorithm as Parameters);
  const method = algorithm in HMAC ? { verify: { name: "HMAC" } } : METHODS[algorithm];
  if (method === undefined) throw new KeyRefused(UNKNOWN);
  return {
    algorithm,
    modulusBits: (key.algorithm as Parameters).modulusLength ?? 0,
    verify: (signingInput, signature) =>
      verifyWith(crypto.subtle, method, key, signingInput.slice(), signature.slice()),
  };
}

/** What a `CryptoKey` says of itself, as far as it is asked here. */
interface Parameters {
  name: string;
  hash?: { name: string };
  namedCurve?: string;
  /** Of an RSA modulus, in bits. */
  modulusLength?: number;
  /** Big-endian. */
  publicExponent?: Uint8Array;
  /** Of an HMAC key, in bits. */
  length?: number;
}

/** By an algorithm's name in WebCrypto, and its hash or curve. */
const NAMES: { readonly [name: string]: Algorithm } = {
  "HMAC SHA-256": "HS256",
  "HMAC SHA-384": "HS384",
  "HMAC SHA-512": "HS512",
  "RSASSA-PKCS1-v1_5 SHA-256": "RS256",
  "RSASSA-PKCS1-v1_5 SHA-384": "RS384",
  "RSASSA-PKCS1-v1_5 SHA-512": "RS512",
  "RSA-PSS SHA-256": "PS256",
  "RSA-PSS SHA-384": "PS384",
  "RSA-PSS SHA-512": "PS512",
  "ECDSA P-256": "ES256",
  "ECDSA P-384": "ES384",
  "ECDSA P-521": "ES512",
  Ed25519: "EdDSA",
  "ML-DSA-44": "ML-DSA-44",
  "ML-DSA-65": "ML-DSA-65",
  "ML-DSA-87": "ML-DSA-87",
};

/** How long a secret has to be, in bits: as long as the hash (RFC 7518 §3.2). */
const HMAC: { readonly [algorithm: string]: number } = { HS256: 256, HS384: 384, HS512: 512 };

function algorithmOf(key: CryptoKey): Algorithm {
  const { name, hash, namedCurve } = key.algorithm as Parameters;
  const full = [name, hash?.name ?? namedCurve].filter((part) => part !== undefined).join(" ");
  const algorithm = Object.hasOwn(NAMES, full) ? NAMES[full] : undefined;
  if (algorithm === undefined) throw new KeyRefused(UNKNOWN);
  const expected = algorithm in HMAC ? "secret" : "public";
  if (key.type !== expected) throw new KeyRefused(`a CryptoKey for ${algorithm} is of type "${expected}"`);
  return algorithm;
}

function refuseWeak({ name, hash, length, modulusLength, publicExponent }: Parameters): void {
  // Points of small order are told by their bytes, and WebCrypto takes them.
  if (name === "Ed25519") throw new KeyRefused("an Ed25519 CryptoKey is to be extractable: which point it is has to be seen");
  if (name === "HMAC") {
    const least = HMAC[NAMES[`HMAC ${hash?.name}`] ?? ""];
    // Both are there in every key for HMAC; where one is not, nothing shows that the key is strong.
    if (least === undefined || length === undefined || length < least) {
      throw new KeyRefused("a secret is at least as long as the hash of its algorithm");
    }
  }
  if (name.startsWith("RSA")) {
    if (typeof modulusLength !== "number" || modulusLength < 2048 || modulusLength > 8192) {
      throw new KeyRefused("an RSA modulus has 2048 to 8192 bits");
    }
    const digits = [...(publicExponent ?? [])];
    while (digits[0] === 0) digits.shift();
    if (digits.join() !== "1,0,1") throw new KeyRefused("the public exponent of an RSA key is 65537");
  }
}

const PRIVATE = "a private key verifies nothing: expected the public one";
const UNKNOWN = "a CryptoKey for an algorithm that signs no JWT";

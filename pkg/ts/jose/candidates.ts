// Keys of a JWKS by a token's header, for whoever calls a key set as a function.

import { KeySet } from "../core.js";
import type { Header } from "../decision.js";
import { failure } from "../core.js";
import { importPublic } from "./import_key.js";
import { Made, remember } from "./key_source.js";
import type { JSONWebKeySet, JWK } from "./types.js";

/** What `jose` calls a JWKS: an object with a list of objects. What each of them is worth is seen when it is used. */
export function isJwks(value: unknown): value is JSONWebKeySet {
  if (typeof value !== "object" || value === null || !("keys" in value) || !Array.isArray(value.keys)) return false;
  return value.keys.every((key) => typeof key === "object" && key !== null && !Array.isArray(key));
}

/** By `kty` and `crv`, the algorithms that a key can be for. */
const FITTING: { readonly [type: string]: readonly string[] } = {
  RSA: ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  "EC P-256": ["ES256"],
  "EC P-384": ["ES384"],
  "EC P-521": ["ES512"],
  "EC secp256k1": ["ES256K"],
  "OKP Ed25519": ["EdDSA", "Ed25519"],
  AKP: ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"],
};

const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"];

/** Those that a token with this header may have been signed with. */
function candidates(jwks: JSONWebKeySet, { alg, kid }: Partial<Header>): JWK[] {
  return jwks.keys.filter((key) => {
    const { kty, crv, alg: stated, use, key_ops: operations, kid: name } = key;
    const type = crv === undefined ? `${kty}` : `${kty} ${crv}`;
    const fits = Object.hasOwn(FITTING, type) && FITTING[type]?.includes(alg ?? "");
    const isForIt = stated === undefined ? kty !== "AKP" : stated === alg;
    const mayVerify = operations === undefined || (Array.isArray(operations) && operations.includes("verify"));
    // Whoever can read the set could sign with it. src/key/jwk.rs has the same list.
    const isPrivate = PRIVATE_MEMBERS.some((member) => member in key);
    return fits && isForIt && mayVerify && !isPrivate && (use === undefined || use === "sig") && (kid === undefined || kid === name);
  });
}

/** The key for a token with this header; where several fit, one that stands for all of them, which `jwtVerify` takes. */
export async function choose(jwks: JSONWebKeySet, header: Partial<Header>): Promise<CryptoKey> {
  const { alg } = header;
  const isKnown = typeof alg === "string" && Object.values(FITTING).some((algorithms) => algorithms.includes(alg));
  if (!isKnown) throw failure("ERR_JOSE_NOT_SUPPORTED", "an `alg` that no public key is for");
  const fitting = candidates(jwks, header);
  const [first] = fitting;
  if (first === undefined) throw failure("ERR_JWKS_NO_MATCHING_KEY");
  if (fitting.length > 1) return severalOf(fitting, alg);
  const text = JSON.stringify({ ...first, alg });
  return importPublic(() => KeySet.jwk(text));
}

/** It has WebCrypto's looks, so that it can be shown, and is of use here alone. */
export function severalOf(jwks: readonly object[], alg: string): CryptoKey {
  const text = JSON.stringify({ keys: jwks.map((jwk) => ({ ...jwk, alg })) });
  const key = Object.freeze({ type: "public", algorithm: { name: alg }, extractable: true, usages: ["verify"] });
  remember(key, new Made(() => KeySet.local(text)));
  return key as unknown as CryptoKey;
}

/** What `key` of a result is: made for a header, and kept for those that are like it. */
export class Chosen {
  readonly #jwks: () => JSONWebKeySet | undefined;
  readonly #keys = new Map<string, unknown>();

  constructor(jwks: () => JSONWebKeySet | undefined) {
    this.#jwks = jwks;
  }

  /** Of a token that has been verified, so that nobody can have as many made as he likes. */
  of(header: Header): unknown {
    const name = `${header.alg} ${header.kid ?? ""}`;
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const jwks = this.#jwks();
    if (jwks === undefined) return undefined;
    const key = severalOf(candidates(jwks, header), header.alg);
    this.#keys.set(name, key);
    return key;
  }

  /** The keys are others now. */
  clear(): void {
    this.#keys.clear();
  }
}

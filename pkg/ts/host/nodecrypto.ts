// `node:crypto` of Node, Deno and Bun: it answers at once, without a way through another thread.

import type { Taken } from "./keys.js";
import { ELSEWHERE, Keys, UNUSABLE, answerWithout, isKey } from "./keys.js";
import type { Algorithm, Answer, HostEngine, OwnQuestion } from "./question.js";
import { answerOf } from "./question.js";

/** What is used of `node:crypto`. */
export interface NodeCryptoModule {
  createPublicKey(key: { key: object; format: "jwk" }): object;
  verify(hash: string | null, data: Uint8Array, key: { key: object } & Padding, signature: Uint8Array): boolean;
}

interface Padding {
  padding?: number;
  saltLength?: number;
  dsaEncoding?: "ieee-p1363";
}

/** An engine over `node:crypto`, or over what a runtime has under that name. */
export function nodeCrypto(crypto: NodeCryptoModule | undefined): HostEngine {
  return new NodeCrypto(crypto);
}

/** `RSA_PKCS1_PSS_PADDING` of `node:crypto`. */
const PSS_PADDING = 6;

const METHODS: { readonly [algorithm in Algorithm]?: { hash: string | null } & Padding } = {
  RS256: { hash: "sha256" },
  RS384: { hash: "sha384" },
  RS512: { hash: "sha512" },
  PS256: { hash: "sha256", padding: PSS_PADDING, saltLength: 32 },
  PS384: { hash: "sha384", padding: PSS_PADDING, saltLength: 48 },
  PS512: { hash: "sha512", padding: PSS_PADDING, saltLength: 64 },
  ES256: { hash: "sha256", dsaEncoding: "ieee-p1363" },
  ES384: { hash: "sha384", dsaEncoding: "ieee-p1363" },
  ES512: { hash: "sha512", dsaEncoding: "ieee-p1363" },
  ES256K: { hash: "sha256", dsaEncoding: "ieee-p1363" },
  EdDSA: { hash: null },
  "ML-DSA-44": { hash: null },
  "ML-DSA-65": { hash: null },
  "ML-DSA-87": { hash: null },
};

/** What the runtimes' errors say when it is not the key that is wrong. Whatever else they say is about this one key. */
const LACKING: ReadonlySet<unknown> = new Set([
  // The key's type or its curve is none of those known.
  "ERR_INVALID_ARG_VALUE",
  "ERR_CRYPTO_INVALID_CURVE",
  "ERR_CRYPTO_UNSUPPORTED_OPERATION",
  "ERR_METHOD_NOT_IMPLEMENTED",
  "ERR_NOT_IMPLEMENTED",
]);

/** How a key is verified with: what `verify` takes as its third argument, made once. */
interface Ready {
  hash: string | null;
  key: { key: object } & Padding;
}

class NodeCrypto implements HostEngine {
  readonly name = "nodecrypto";
  readonly #crypto: NodeCryptoModule | undefined;
  readonly #keys = new Keys<Ready>();
  /** Whether an algorithm has turned out to be there. */
  readonly #known = new Map<Algorithm, boolean>();

  constructor(crypto: NodeCryptoModule | undefined) {
    this.#crypto = crypto;
  }

  knows(algorithm: Algorithm): boolean | undefined {
    return this.#crypto !== undefined && METHODS[algorithm] !== undefined ? this.#known.get(algorithm) : false;
  }

  verify({ keyNumber, algorithm, jwk, signingInput, signature }: OwnQuestion): Answer | undefined {
    if (this.#crypto === undefined) return undefined;
    let taken = this.#keys.get(keyNumber);
    if (taken === undefined) {
      taken = this.#takeIn(this.#crypto, algorithm, jwk());
      this.#keys.set(keyNumber, taken);
    }
    if (!isKey(taken)) return answerWithout(taken);
    return answerOf(this.#crypto.verify(taken.hash, signingInput, taken.key, signature));
  }

  #takeIn(crypto: NodeCryptoModule, algorithm: Algorithm, jwk: string): Taken<Ready> {
    const method = METHODS[algorithm];
    if (method === undefined) return ELSEWHERE;
    try {
      const { hash, ...padding } = method;
      const key = crypto.createPublicKey({ key: JSON.parse(jwk) as object, format: "jwk" });
      this.#known.set(algorithm, true);
      return { hash, key: { key, ...padding } };
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "ERR_CRYPTO_INVALID_JWK") return UNUSABLE;
      if (LACKING.has(code)) this.#known.set(algorithm, false);
      return ELSEWHERE;
    }
  }
}

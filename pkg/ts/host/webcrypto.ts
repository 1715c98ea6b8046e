// WebCrypto: native speed, and a promise for every answer.
//
// No promise is kept: on Workers one that a request has made may never settle once that request is gone. So two
// requests that meet a new key at once both take it in, and what the later one got stays.

import type { Taken } from "./keys.js";
import { ELSEWHERE, Keys, UNUSABLE, answerWithout, isKey } from "./keys.js";
import type { Algorithm, Answer, HostEngine, OwnQuestion } from "./question.js";
import { DOES_NOT_FIT, answerOf } from "./question.js";

/** An engine over `crypto.subtle`, which is missing on pages without a secure context. */
export function webCrypto(crypto: { subtle?: SubtleCrypto } | undefined = globalThis.crypto): HostEngine {
  return new WebCrypto(crypto?.subtle);
}

/** What WebCrypto calls an algorithm when a key is taken in and when a signature is verified. */
export interface Method {
  readonly import: RsaHashedImportParams | EcKeyImportParams | Named;
  readonly verify: RsaPssParams | EcdsaParams | Named;
}

type Named = { name: string };

/** How WebCrypto is asked; of ES256K it knows nothing, and secrets never get here as JWKs. */
export const METHODS: { readonly [algorithm in Algorithm]?: Method } = {
  RS256: pkcs1("SHA-256"),
  RS384: pkcs1("SHA-384"),
  RS512: pkcs1("SHA-512"),
  PS256: pss("SHA-256", 32),
  PS384: pss("SHA-384", 48),
  PS512: pss("SHA-512", 64),
  ES256: ecdsa("P-256", "SHA-256"),
  ES384: ecdsa("P-384", "SHA-384"),
  ES512: ecdsa("P-521", "SHA-512"),
  EdDSA: plain("Ed25519"),
  "ML-DSA-44": plain("ML-DSA-44"),
  "ML-DSA-65": plain("ML-DSA-65"),
  "ML-DSA-87": plain("ML-DSA-87"),
};

/**
 * Here it is the key that is wrong when it cannot be taken in. Elsewhere it may be the host: workerd fails at a modulus
 * of 2049 bits, and not every host says of a curve it lacks that it lacks it.
 */
const IN_EVERY_WEBCRYPTO: ReadonlySet<Algorithm> = new Set<Algorithm>(["ES256", "ES384"]);

class WebCrypto implements HostEngine {
  readonly name = "webcrypto";
  readonly #subtle: SubtleCrypto | undefined;
  readonly #keys = new Keys<CryptoKey>();
  /** Whether an algorithm has turned out to be there. */
  readonly #known = new Map<Algorithm, boolean>();

  constructor(subtle: SubtleCrypto | undefined) {
    this.#subtle = subtle;
  }

  knows(algorithm: Algorithm): boolean | undefined {
    return this.#subtle !== undefined && METHODS[algorithm] !== undefined ? this.#known.get(algorithm) : false;
  }

  verify(question: OwnQuestion): Answer | undefined | Promise<Answer | undefined> {
    const method = METHODS[question.algorithm];
    const subtle = this.#subtle;
    if (subtle === undefined || method === undefined) return undefined;
    const taken = this.#keys.get(question.keyNumber);
    if (taken === undefined) return this.#takeInAndVerify(subtle, method, question);
    if (!isKey(taken)) return answerWithout(taken);
    return verifyWith(subtle, method, taken, question.signingInput, question.signature);
  }

  async #takeInAndVerify(subtle: SubtleCrypto, method: Method, question: OwnQuestion): Promise<Answer | undefined> {
    const { keyNumber, algorithm, jwk, signingInput, signature } = question;
    const taken = await this.#takeIn(subtle, method, algorithm, jwk());
    this.#keys.set(keyNumber, taken);
    return isKey(taken) ? verifyWith(subtle, method, taken, signingInput, signature) : answerWithout(taken);
  }

  async #takeIn(subtle: SubtleCrypto, method: Method, algorithm: Algorithm, jwk: string): Promise<Taken<CryptoKey>> {
    try {
      const key = await subtle.importKey("jwk", JSON.parse(jwk) as JsonWebKey, method.import, false, ["verify"]);
      this.#known.set(algorithm, true);
      return key;
    } catch (error) {
      const name = nameOf(error);
      if (name === "NotSupportedError") this.#known.set(algorithm, false);
      const isNoPoint = IN_EVERY_WEBCRYPTO.has(algorithm) && (name === "DataError" || name === "OperationError");
      return isNoPoint ? UNUSABLE : ELSEWHERE;
    }
  }
}

/** Asks once, without waiting for anything else. */
export function verifyWith(
  subtle: SubtleCrypto,
  method: Pick<Method, "verify">,
  key: CryptoKey,
  signingInput: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
): Promise<Answer> {
  return subtle.verify(method.verify, key, signature, signingInput).then(answerOf, refused);
}

/** Some hosts fail at signatures of a wrong length, where others say that they do not fit. */
function refused(error: unknown): Answer {
  if (nameOf(error) === "OperationError" || nameOf(error) === "DataError") return DOES_NOT_FIT;
  throw error;
}

function nameOf(error: unknown): unknown {
  return error instanceof Error ? error.name : undefined;
}

function pkcs1(hash: string): Method {
  const name = "RSASSA-PKCS1-v1_5";
  return { import: { name, hash }, verify: { name } };
}

function pss(hash: string, saltLength: number): Method {
  const name = "RSA-PSS";
  return { import: { name, hash }, verify: { name, saltLength } };
}

function ecdsa(namedCurve: string, hash: string): Method {
  const name = "ECDSA";
  return { import: { name, namedCurve }, verify: { name, hash } };
}

function plain(name: string): Method {
  return { import: { name }, verify: { name } };
}

// Public keys into `CryptoKey`s, found good by the core first.

import { KeySet, typed } from "../core.js";
import { errorOf } from "../error_of.js";
import type { Algorithm } from "../host/question.js";
import { METHODS } from "../host/webcrypto.js";
import { Made, remember } from "./key_source.js";

/** What an import may be given. */
export interface KeyImportOptions {
  /** Whether the `CryptoKey` can be exported. By default `true`, as it is public. */
  extractable?: boolean;
}

/** A public key for an algorithm that this runtime's WebCrypto lacks: `jwtVerify` takes it, and nobody else does. */
export interface ImportedKey {
  readonly type: "public";
  readonly algorithm: { readonly name: string };
  readonly extractable: boolean;
  readonly usages: readonly ["verify"];
}

/**
 * The key that this makes; a `CryptoKey` where WebCrypto knows its algorithm.
 * @internal
 */
export async function importPublic(make: () => KeySet, options?: KeyImportOptions): Promise<CryptoKey> {
  const source = new Made(make);
  const jwk = source.set.publicJwk();
  if (jwk === undefined) throw new TypeError("the core takes a key that it cannot say");
  const { alg, ...members } = JSON.parse(jwk) as JsonWebKey & { alg: Algorithm };
  const extractable = options?.extractable ?? true;
  const key = (await asCryptoKey(alg, { ...members, ...(members.kty === "AKP" && { alg }) }, extractable)) ?? {
    type: "public",
    algorithm: Object.freeze({ name: alg }),
    extractable,
    usages: ["verify"],
  };
  // What it is made of is known: nobody has to export it. It stands for this one algorithm.
  remember(key, new Made(() => typed(() => KeySet.jwk(jwk))));
  return key as CryptoKey;
}

async function asCryptoKey(alg: Algorithm, jwk: JsonWebKey, extractable: boolean): Promise<CryptoKey | undefined> {
  const method = METHODS[alg];
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle;
  if (method === undefined || subtle === undefined) return undefined;
  try {
    return await subtle.importKey("jwk", jwk, method.import, extractable, ["verify"]);
  } catch (error) {
    const name = error instanceof Error ? error.name : undefined;
    if (name !== "DataError") return undefined;
    const message = "a key is malformed or too weak: WebCrypto cannot take it in";
    throw errorOf({ ...BLANK, code: "ERR_JWK_INVALID", message }, error);
  }
}

const BLANK = { stage: undefined, claim: undefined, reason: undefined, rule: undefined, kind: undefined };

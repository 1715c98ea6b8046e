// `importJWK`: a JWK into a key.

import type { Platform } from "../core.js";
import { KeySet, failure, loadWasm, typed } from "../core.js";
import { InvalidArgument } from "../error.js";
import { jsonOf } from "../given.js";
import { readyKey } from "../host/cryptokey.js";
import type { KeyImportOptions } from "./import_key.js";
import { importPublic } from "./import_key.js";
import type { JWK } from "./types.js";

/**
 * The key that a JWK holds: a `CryptoKey`, or the bytes of a secret. `alg` is what it is for, where the JWK does not say
 * it. Private keys are refused: nothing is signed here.
 */
export type ImportJWK = <Given extends JWK>(
  jwk: Given,
  alg?: string,
  options?: KeyImportOptions,
) => Promise<ImportedJWK<Given>>;

/** What a JWK is imported as, as far as its type says it. */
export type ImportedJWK<Given extends JWK> = Given extends { kty: "oct" }
  ? Uint8Array
  : Given extends { kty: "AKP" | "EC" | "OKP" | "RSA" }
    ? CryptoKey
    : CryptoKey | Uint8Array;

/**
 * `importJWK` of a runtime.
 * @internal
 */
export function importJWKOn(platform: Platform): ImportJWK {
  const importJwk = async (jwk: unknown, alg?: string, options?: KeyImportOptions): Promise<CryptoKey | Uint8Array> => {
    if (typeof jwk !== "object" || jwk === null || Array.isArray(jwk)) {
      throw new InvalidArgument("ERR_JWK_INVALID", "expected a JWK");
    }
    await loadWasm(platform);
    const { kty, alg: stated } = jwk as { kty?: unknown; alg?: unknown };
    if (kty === "oct") return secretOf(jwk);
    if (!["RSA", "EC", "OKP", "AKP"].includes(kty as string)) {
      throw failure("ERR_JOSE_NOT_SUPPORTED", "a JWK of another `kty` than `RSA`, `EC`, `OKP`, `AKP` and `oct`");
    }
    const name = alg ?? stated;
    if (typeof name !== "string") throw new InvalidArgument("ERR_JWK_INVALID", "it is not said what the key is for: `alg`");
    if (kty === "AKP" && stated !== name) throw new InvalidArgument("ERR_JWK_INVALID", "`alg` is not that of the JWK");
    await readyKey(jwk);
    // One spelling says the same as the other, and a JWK may say it for itself.
    const text = jsonOf({ ...jwk, alg: name }, "ERR_JWK_INVALID", "a JWK that JSON cannot say");
    return importPublic(() => KeySet.jwk(text), options);
  };
  return importJwk as ImportJWK;
}

/** The bytes of a secret, strictly read. */
function secretOf(jwk: object): Uint8Array {
  const { k } = jwk as { k?: unknown };
  if (typeof k !== "string") throw new InvalidArgument("ERR_JWK_INVALID", "a secret without `k`");
  typed(() => KeySet.jwk(JSON.stringify({ kty: "oct", k }))).free();
  return Uint8Array.from(atob(k.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
}

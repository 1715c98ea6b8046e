// `importSPKI`: a public key as PEM into a key.

import type { Platform } from "../core.js";
import { KeySet, loadWasm } from "../core.js";
import { InvalidArgument } from "../error.js";
import type { KeyImportOptions } from "./import_key.js";
import { importPublic } from "./import_key.js";

/** The key that a PEM text with `PUBLIC KEY` holds (RFC 7468 §13), for this algorithm. */
export type ImportSPKI = (spki: string, alg: string, options?: KeyImportOptions) => Promise<CryptoKey>;

/**
 * `importSPKI` of a runtime.
 * @internal
 */
export function importSPKIOn(platform: Platform): ImportSPKI {
  return async (spki, alg, options) => {
    if (typeof spki !== "string" || !spki.startsWith("-----BEGIN PUBLIC KEY-----")) {
      throw new InvalidArgument("ERR_JWK_INVALID", "expected a PEM text that begins with `-----BEGIN PUBLIC KEY-----`");
    }
    if (typeof alg !== "string") throw new InvalidArgument("ERR_JWK_INVALID", "it is not said what the key is for: `alg`");
    await loadWasm(platform);
    return importPublic(() => KeySet.pem(spki, alg), options);
  };
}

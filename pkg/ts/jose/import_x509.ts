// `importX509`: the public key of a certificate into a key.

import type { Platform } from "../core.js";
import { KeySet, loadWasm } from "../core.js";
import { InvalidArgument } from "../error.js";
import type { KeyImportOptions } from "./import_key.js";
import { importPublic } from "./import_key.js";

/**
 * The public key that a certificate as PEM holds, for this algorithm. Nothing else of the certificate is looked at: who
 * configures it vouches for the key himself.
 */
export type ImportX509 = (x509: string, alg: string, options?: KeyImportOptions) => Promise<CryptoKey>;

/**
 * `importX509` of a runtime.
 * @internal
 */
export function importX509On(platform: Platform): ImportX509 {
  return async (x509, alg, options) => {
    if (typeof x509 !== "string" || !x509.startsWith("-----BEGIN CERTIFICATE-----")) {
      throw new InvalidArgument("ERR_JWK_INVALID", "expected a PEM text that begins with `-----BEGIN CERTIFICATE-----`");
    }
    if (typeof alg !== "string") throw new InvalidArgument("ERR_JWK_INVALID", "it is not said what the key is for: `alg`");
    await loadWasm(platform);
    return importPublic(() => KeySet.pem(x509, alg), options);
  };
}

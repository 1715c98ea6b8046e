// Browsers, and whatever else has `fetch` and `import.meta.url`: the Wasm is a URL beside this one.
import { loadWasm } from "./core.js";
import { decodeJwtOn } from "./jose/decode_jwt.js";
import { decodeProtectedHeaderOn } from "./jose/decode_protected_header.js";
import { importJWKOn } from "./jose/import_jwk.js";
import { importSPKIOn } from "./jose/import_spki.js";
import { importX509On } from "./jose/import_x509.js";
import { jwtVerifyOn } from "./jose/jwt_verify.js";
import { createLocalJWKSetOn } from "./jose/local_jwk_set.js";
import { createRemoteJWKSetOn } from "./jose/remote_jwk_set.js";
import { createRevocationsOn } from "./jose/revocations.js";
import { platform } from "./browser_platform.js";
import { httpSourceOn } from "./source/http_source.js";
import { createVerifierOn } from "./verifier.js";

export * from "./api.js";

/** Makes a verifier. It reads keys and snapshot when the first token comes. */
export const createVerifier = createVerifierOn(platform);

/** Makes a source of snapshots of a folder's URL; with headers, where a read key is asked for. */
export const httpSource = httpSourceOn(platform);

/** Loads the Wasm, so that what answers at once can: `decodeJwt`, `decodeProtectedHeader` and the entry `revocable/sync`. */
export const init = (): Promise<void> => loadWasm(platform);

export const jwtVerify = jwtVerifyOn(platform);
export const createLocalJWKSet = createLocalJWKSetOn(platform);
export const createRemoteJWKSet = createRemoteJWKSetOn(platform);
export const createRevocations = createRevocationsOn(platform);
export const importJWK = importJWKOn(platform);
export const importSPKI = importSPKIOn(platform);
export const importX509 = importX509On(platform);
export const decodeJwt = decodeJwtOn(platform);
export const decodeProtectedHeader = decodeProtectedHeaderOn(platform);

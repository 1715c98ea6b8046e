// The entry `revocable/sync` for Node, Deno and Bun.
import { loadWasm } from "../core.js";
import { decodeJwtOn } from "../jose/decode_jwt.js";
import { decodeProtectedHeaderOn } from "../jose/decode_protected_header.js";
import { createRemoteJWKSetOn } from "../jose/remote_jwk_set.js";
import { createLocalJWKSetOn } from "../jose/local_jwk_set.js";
import { createRevocationsOn } from "../jose/revocations.js";
import { importJWKOn } from "../jose/import_jwk.js";
import { importSPKIOn } from "../jose/import_spki.js";
import { importX509On } from "../jose/import_x509.js";
import { httpSourceOn } from "../source/http_source.js";
import { jwtVerifySyncOn } from "./jwt_verify_sync.js";
import { platform } from "./node_sync_platform.js";
import { createVerifierSyncOn } from "./verifier_sync.js";

export * from "../api.js";
export type { GetKeySync, JWTVerifySync } from "./jwt_verify_sync.js";
export type { CreateVerifierSync, SyncVerifier } from "./verifier_sync.js";

/** Loads the Wasm; where it can be loaded at once, nobody has to. */
export const init = (): Promise<void> => loadWasm(platform);

/** Makes a verifier that answers at once. */
export const createVerifierSync = createVerifierSyncOn(platform);
/** Makes a source of snapshots of a folder's URL; with headers, where a read key is asked for. */
export const httpSource = httpSourceOn(platform);

export const jwtVerifySync = jwtVerifySyncOn(platform);
export const createLocalJWKSet = createLocalJWKSetOn(platform);
export const createRemoteJWKSet = createRemoteJWKSetOn(platform);
export const createRevocations = createRevocationsOn(platform);
export const importJWK = importJWKOn(platform);
export const importSPKI = importSPKIOn(platform);
export const importX509 = importX509On(platform);
export const decodeJwt = decodeJwtOn(platform);
export const decodeProtectedHeader = decodeProtectedHeaderOn(platform);

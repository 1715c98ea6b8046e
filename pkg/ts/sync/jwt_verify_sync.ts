// `jwtVerifySync`: as `jwtVerify`, at once.

import { answering } from "../answering.js";
import type { Platform } from "../core.js";
import { loadWasmNow } from "../core.js";
import { ALLOW, ASK, headerOnDesk, questionOnDesk } from "../desk.js";
import { InvalidArgument } from "../error.js";
import type { Host } from "../host/host.js";
import type { EngineName } from "../host/question.js";
import type { JWTVerifyOptions } from "../jose/expected.js";
import { expectedOf } from "../jose/expected.js";
import type { FlattenedToken } from "../jose/jwt_verify.js";
import { endWith, flattened } from "../jose/jwt_verify.js";
import type { KeySource } from "../jose/key_source.js";
import { keySource, knownSource } from "../jose/key_source.js";
import type { LocalJWKSet } from "../jose/local_jwk_set.js";
import type { RemoteJWKSet } from "../jose/remote_jwk_set.js";
import type { Call, Stands } from "../jose/steps.js";
import type {
  CompactJWSHeaderParameters,
  JWTPayload,
  JWTVerifyResult,
  ResolvedKey,
  VerificationKey,
} from "../jose/types.js";
import { KEYS, LACKING, SNAPSHOT, isUnknown, put, refusalOf, remedyOf, resume, stands, start } from "../jose/steps.js";

/** Chooses a key by a token of which nothing has been verified, at once. */
export type GetKeySync = (protectedHeader: CompactJWSHeaderParameters, token: FlattenedToken) => VerificationKey;

/**
 * Verifies a token; throws one of `errors`. Keys that are read from a URL and lists are taken as they are at hand: what is
 * lacking is read in the background, and `ERR_JWKS_UNAVAILABLE` or `ERR_REVOCATION_UNAVAILABLE` thrown.
 *
 * A `CryptoKey` has to be one that `importJWK`, `importSPKI` or `importX509` has made: others answer later.
 */
export interface JWTVerifySync {
  <Payload = JWTPayload>(
    token: string | Uint8Array,
    key: VerificationKey,
    options?: JWTVerifyOptions,
  ): JWTVerifyResult<Payload>;
  <Payload = JWTPayload>(
    token: string | Uint8Array,
    key: GetKeySync | LocalJWKSet | RemoteJWKSet,
    options?: JWTVerifyOptions,
  ): JWTVerifyResult<Payload> & ResolvedKey;
}

/**
 * `jwtVerifySync` of a runtime whose engines answer at once.
 * @internal
 */
export function jwtVerifySyncOn(platform: Platform): JWTVerifySync {
  const hosts = new Map<EngineName | undefined, Host>();
  const hostOf = (engine: EngineName | undefined): Host => {
    const host = hosts.get(engine) ?? platform.hostHere(engine);
    hosts.set(engine, host);
    return host;
  };
  const verify = (token: string | Uint8Array, key: unknown, options?: JWTVerifyOptions): Stands => {
    loadWasmNow(platform);
    const expected = expectedOf(options);
    if (knownSource(key) === undefined && typeof key === "function") {
      if (expected.check.peek(put(token)) !== ALLOW) throw refusalOf(token);
      const header = headerOnDesk();
      const text = typeof token === "string" ? token : new TextDecoder().decode(token);
      const chosen: unknown = (key as GetKeySync)(header, flattened(text));
      return { ...go({ token: text, source: sourceNow(chosen), expected, options }, hostOf), key: chosen };
    }
    return go({ token, source: sourceNow(key), expected, options }, hostOf);
  };
  return verify as unknown as JWTVerifySync;
}

function go(call: Call, hostOf: (engine: EngineName | undefined) => Host): Stands {
  let outcome = start(call);
  let cause: unknown;
  while (outcome === ASK) {
    const { ticket, ...question } = questionOnDesk();
    const answered = answering(hostOf(call.expected.engine), { ...question });
    if (answered instanceof Promise) throw new TypeError("an engine that answers later was asked");
    cause = answered.cause;
    outcome = resume(call, ticket, answered.answer);
  }
  if (outcome === ALLOW && !isUnknown(call)) return stands(call);
  const ended = outcome === ALLOW ? stands(call) : refusalOf(call.token, cause);
  const { remedy, lacking } = remedyOf(call);
  const { revocations } = call.expected;
  if (remedy === KEYS) void call.source.readInBackground?.();
  if (remedy === SNAPSHOT) void revocations?.readInBackground();
  if (remedy === LACKING) void revocations?.readLackingInBackground(lacking);
  return endWith(ended);
}

function sourceNow(key: unknown): KeySource {
  const source = keySource(key);
  if (source instanceof Promise) {
    // Nobody waits for it, and why it fails does not matter.
    source.catch(() => {});
    throw laterKey();
  }
  if (source.opaque !== undefined) throw laterKey();
  return source;
}

function laterKey(): InvalidArgument {
  const message = "a CryptoKey answers later: expected one that `importJWK`, `importSPKI` or `importX509` has made";
  return new InvalidArgument("ERR_JWK_INVALID", message);
}

// `jwtVerify`: one token, its key and what is expected of it.

import { answering } from "../answering.js";
import type { Platform } from "../core.js";
import type { Lack } from "../core.js";
import { isWasmLoaded, loadWasm } from "../core.js";
import { ALLOW, ASK, headerOnDesk, questionOnDesk } from "../desk.js";
import { RevocableError } from "../error.js";
import type { OpaqueKey } from "../host/cryptokey.js";
import type { Host } from "../host/host.js";
import type { EngineName } from "../host/question.js";
import { MOST_ROUNDS } from "../lacking.js";
import type { Expected, JWTVerifyOptions } from "./expected.js";
import { expectedOf } from "./expected.js";
import type { KeySource } from "./key_source.js";
import { keySource, knownSource } from "./key_source.js";
import type { Call, Stands } from "./steps.js";
import type { JWTPayload, JWTVerifyGetKey, JWTVerifyResult, ResolvedKey, VerificationKey } from "./types.js";
import { KEYS, LACKING, SNAPSHOT, isUnknown, put, refusalOf, remedyOf, resume, stands, start } from "./steps.js";

/** A token's parts as they stand in it. */
export interface FlattenedToken {
  protected: string;
  payload: string;
  signature: string;
}

/** Verifies a token; rejects with one of `errors`. */
export interface JWTVerify {
  <Payload = JWTPayload>(
    token: string | Uint8Array,
    key: VerificationKey,
    options?: JWTVerifyOptions,
  ): Promise<JWTVerifyResult<Payload>>;
  <Payload = JWTPayload, Key extends CryptoKey | Uint8Array = CryptoKey | Uint8Array>(
    token: string | Uint8Array,
    key: JWTVerifyGetKey<Key>,
    options?: JWTVerifyOptions,
  ): Promise<JWTVerifyResult<Payload> & ResolvedKey<Key>>;
  <Payload = JWTPayload>(
    token: string | Uint8Array,
    key: VerificationKey | JWTVerifyGetKey,
    options?: JWTVerifyOptions,
  ): Promise<JWTVerifyResult<Payload> & Partial<ResolvedKey>>;
}

/**
 * `jwtVerify` of a runtime.
 * @internal
 */
export function jwtVerifyOn(platform: Platform): JWTVerify {
  const call = new Verification(platform);
  const verify = async (token: string | Uint8Array, key: unknown, options?: JWTVerifyOptions) => {
    if (!isWasmLoaded()) await loadWasm(platform);
    return call.verify(token, key, options);
  };
  return verify as unknown as JWTVerify;
}

/** What all calls of one runtime share. */
class Verification {
  readonly #platform: Platform;
  readonly #hosts = new Map<EngineName | undefined, Host>();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  verify(token: string | Uint8Array, key: unknown, options: JWTVerifyOptions | undefined): Stands | Promise<Stands> {
    const expected = expectedOf(options);
    const known = knownSource(key);
    if (known === undefined && typeof key === "function") {
      return this.#withChosenKey(token, key as JWTVerifyGetKey, expected, options);
    }
    const source = known ?? keySource(key);
    if (source instanceof Promise) return this.#withExportedKey(token, source, expected, options);
    return this.#go({ token, source, expected, options });
  }

  async #withExportedKey(
    token: string | Uint8Array,
    source: Promise<KeySource>,
    expected: Expected,
    options: JWTVerifyOptions | undefined,
  ): Promise<Stands> {
    expected.hold();
    try {
      return await this.#go({ token, source: await source, expected, options });
    } finally {
      expected.release();
    }
  }

  /** Asks the caller's function for a key, once the header has been found to be one that may have any. */
  async #withChosenKey(
    token: string | Uint8Array,
    choose: JWTVerifyGetKey,
    expected: Expected,
    options: JWTVerifyOptions | undefined,
  ): Promise<Stands> {
    if (expected.check.peek(put(token)) !== ALLOW) throw refusalOf(token);
    const header = headerOnDesk();
    // What is verified is what the function was shown, whatever becomes of the caller's bytes.
    const text = typeof token === "string" ? token : new TextDecoder().decode(token);
    expected.hold();
    try {
      const key: unknown = await choose(header, flattened(text));
      return { ...(await this.#go({ token: text, source: await keySource(key), expected, options })), key };
    } finally {
      expected.release();
    }
  }

  /** `tried` are the remedies that have been had already, added up; what is lacking may be had several times. */
  #go(call: Call, tried = 0): Stands | Promise<Stands> {
    const outcome = start(call);
    return outcome === ASK ? this.#ask(call, tried) : this.#decided(call, outcome, tried, undefined);
  }

  /** Asks the host about the signature, as often as it takes. */
  async #ask(call: Call, tried: number): Promise<Stands> {
    const { source, expected } = call;
    const host = source.opaque === undefined ? this.#host(expected.engine) : hostOf(source.opaque);
    expected.hold();
    try {
      for (;;) {
        const question = questionOnDesk();
        const asked = answering(host, question);
        const { answer, cause } = asked instanceof Promise ? await asked : asked;
        const outcome = resume(call, question.ticket, answer);
        if (outcome !== ASK) return await this.#decided(call, outcome, tried, cause);
      }
    } finally {
      expected.release();
    }
  }

  /** Ends with what was decided, or has read what is lacking and begins anew. */
  #decided(call: Call, outcome: number, tried: number, cause: unknown): Stands | Promise<Stands> {
    // What stands with lists that know it is final; of anything else it has to be seen whether something is lacking.
    if (outcome === ALLOW && !isUnknown(call)) return stands(call);
    const ended = outcome === ALLOW ? stands(call) : refusalOf(call.token, cause);
    const { remedy, lacking } = remedyOf(call);
    const isTried = remedy === LACKING ? tried >= LACKING * MOST_ROUNDS : (tried & remedy) !== 0;
    const reading = isTried ? undefined : this.#reading(call, remedy, lacking);
    return reading === undefined ? endWith(ended) : this.#again(call, tried + remedy, reading, ended);
  }

  #reading(
    { source, expected }: Call,
    remedy: number,
    lacking: readonly Lack[],
  ): Promise<Error | undefined> | undefined {
    switch (remedy) {
      case KEYS:
        return source.read?.();
      case SNAPSHOT:
        return expected.revocations?.read();
      case LACKING:
        return expected.revocations?.readLacking(lacking);
      default:
        return undefined;
    }
  }

  async #again(
    call: Call,
    tried: number,
    reading: Promise<Error | undefined>,
    ended: Stands | RevocableError,
  ): Promise<Stands> {
    const { expected } = call;
    expected.hold();
    try {
      const failure = await reading;
      if (failure === undefined) return await this.#go(call, tried);
      if (ended instanceof RevocableError) {
        // Of keys that are not there, the reason is the answer, as `jose` gives it.
        if (ended.code === "ERR_JWKS_UNAVAILABLE") throw failure;
        ended.cause = failure;
      }
      return endWith(ended);
    } finally {
      expected.release();
    }
  }

  #host(engine: EngineName | undefined): Host {
    const known = this.#hosts.get(engine);
    if (known !== undefined) return known;
    const host = this.#platform.hostHere(engine);
    this.#hosts.set(engine, host);
    return host;
  }
}

/** Gives it or throws it. @internal */
export function endWith(ended: Stands | RevocableError): Stands {
  if (ended instanceof RevocableError) throw ended;
  return ended;
}

/** A token's parts, of which there are three. */
export function flattened(token: string): FlattenedToken {
  const [header = "", payload = "", signature = ""] = token.split(".");
  return { protected: header, payload, signature };
}

/** A host that knows one key. */
function hostOf(key: OpaqueKey): Host {
  return { verify: ({ signingInput, signature }) => key.verify(signingInput, signature) };
}

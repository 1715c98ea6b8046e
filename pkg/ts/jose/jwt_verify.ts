// `jwtVerify`: one token, its key and what is expected of it.

import { answering } from "../answering.js";
import type { Platform } from "../core.js";
import { isWasmLoaded, loadWasm, typed } from "../core.js";
import type { Claims, Header } from "../decision.js";
import {
  ALLOW,
  ASK,
  claimsOnDesk,
  faultOnDesk,
  headerOnDesk,
  isDueOnDesk,
  payloadOf,
  putToken,
  putTokenBytes,
  questionOnDesk,
} from "../desk.js";
import type { RevocableError } from "../error.js";
import { errorOf } from "../errors.js";
import type { NodeKeyObject } from "../host/cryptokey.js";
import type { Host } from "../host/host.js";
import type { EngineName } from "../host/question.js";
import type { Expected, JWTVerifyOptions } from "./expected.js";
import { expectedOf } from "./expected.js";
import type { KeySource } from "./key_source.js";
import { keySource, knownSource } from "./key_source.js";

/** A key for every token. */
export type VerificationKey = CryptoKey | NodeKeyObject | JsonWebKey | Uint8Array;

/** Chooses a key by a token of which nothing has been verified. */
export type GetKey = (protectedHeader: Header, token: FlattenedToken) => VerificationKey | Promise<VerificationKey>;

/** A token's parts as they stand in it. */
export interface FlattenedToken {
  protected: string;
  payload: string;
  signature: string;
}

/** Claims as an application knows them, beside those that every token may have. */
export type JWTPayload<Payload> = Partial<Claims> & Payload;

/** A token that stands. */
export interface JWTVerifyResult<Payload = unknown> {
  /** Its claims, authentic and checked. */
  payload: JWTPayload<Payload>;
  /** Its JOSE header, authentic. */
  protectedHeader: Header;
}

/** A token that stands, and the key that was chosen for it. */
export interface JWTVerifyResultWithKey<Payload = unknown> extends JWTVerifyResult<Payload> {
  key: VerificationKey;
}

/** Verifies a token; rejects with one of `errors`. */
export interface JWTVerify {
  <Payload = unknown>(
    token: string | Uint8Array,
    key: VerificationKey,
    options?: JWTVerifyOptions,
  ): Promise<JWTVerifyResult<Payload>>;
  <Payload = unknown>(
    token: string | Uint8Array,
    key: GetKey,
    options?: JWTVerifyOptions,
  ): Promise<JWTVerifyResultWithKey<Payload>>;
}

/** What has been found out about a token. */
type Verified = JWTVerifyResult & { key?: unknown };

/** `jwtVerify` of a runtime. */
export function jwtVerifyOn(platform: Platform): JWTVerify {
  const call = new Verification(platform);
  const verify = async (token: string | Uint8Array, key: VerificationKey | GetKey, options?: JWTVerifyOptions) => {
    if (!isWasmLoaded()) await loadWasm(platform);
    return call.verify(token, key, options);
  };
  return verify as JWTVerify;
}

/** What all calls of one runtime share. */
class Verification {
  readonly #platform: Platform;
  readonly #hosts = new Map<EngineName | undefined, Host>();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  verify(token: string | Uint8Array, key: unknown, options: JWTVerifyOptions | undefined): Verified | Promise<Verified> {
    const expected = expectedOf(options);
    const known = knownSource(key);
    if (known === undefined && typeof key === "function") return this.#withChosenKey(token, key as GetKey, expected, options);
    const source = known ?? keySource(key);
    if (source instanceof Promise) return source.then((source) => this.#with(token, source, expected, options, false));
    return this.#with(token, source, expected, options, false);
  }

  /** Asks the caller's function for a key, once the header has been found to be one that may have any. */
  async #withChosenKey(
    token: string | Uint8Array,
    choose: GetKey,
    expected: Expected,
    options: JWTVerifyOptions | undefined,
  ): Promise<Verified> {
    if (expected.check.peek(put(token)) !== ALLOW) throw errorOf(faultOnDesk());
    const text = typeof token === "string" ? token : new TextDecoder().decode(token);
    const [protectedHeader = "", payload = "", signature = ""] = text.split(".");
    expected.hold();
    try {
      const key: unknown = await choose(headerOnDesk(), { protected: protectedHeader, payload, signature });
      const verified = await this.#with(text, await keySource(key), expected, options, false);
      return { ...verified, key };
    } finally {
      expected.release();
    }
  }

  /** `isAgain` says that what was lacking has been read already. */
  #with(
    token: string | Uint8Array,
    source: KeySource,
    expected: Expected,
    options: JWTVerifyOptions | undefined,
    isAgain: boolean,
  ): Verified | Promise<Verified> {
    const now = Date.now();
    const date = options?.currentDate === undefined ? now : instantOf(options.currentDate);
    const { check, revocations } = expected;
    const outcome = typed(() =>
      revocations === undefined
        ? check.start(source.set, put(token), date, now)
        : check.startListed(source.set, revocations.lists, put(token), date, now),
    );
    if (outcome === ALLOW) return this.#stands(source, expected);
    if (outcome === ASK) return this.#ask(token, source, expected, options, isAgain);
    return this.#refused(token, source, expected, options, isAgain, undefined);
  }

  /** Asks the host about the signature, as often as it takes. */
  async #ask(
    token: string | Uint8Array,
    source: KeySource,
    expected: Expected,
    options: JWTVerifyOptions | undefined,
    isAgain: boolean,
  ): Promise<Verified> {
    const { check, revocations } = expected;
    const host = source.opaque === undefined ? this.#host(expected.engine) : hostOf(source.opaque);
    expected.hold();
    try {
      for (let cause: unknown; ; ) {
        const question = questionOnDesk();
        const answering_ = answering(host, question);
        const answered = answering_ instanceof Promise ? await answering_ : answering_;
        cause = answered.cause;
        const now = Date.now();
        const date = options?.currentDate === undefined ? now : instantOf(options.currentDate);
        const outcome = typed(() =>
          revocations === undefined
            ? check.resume(question.ticket, answered.answer, date, now)
            : check.resumeListed(revocations.lists, question.ticket, answered.answer, date, now),
        );
        if (outcome === ALLOW) return this.#stands(source, expected);
        if (outcome !== ASK) return await this.#refused(token, source, expected, options, isAgain, cause);
      }
    } finally {
      expected.release();
    }
  }

  #stands(source: KeySource, expected: Expected): Verified {
    const isDue = isDueOnDesk();
    const [protectedHeader, payload] = claimsOnDesk();
    if (isDue) {
      source.readInBackground?.();
      expected.revocations?.readWhatIsDue();
    }
    if (source.chosen === undefined) return { payload, protectedHeader };
    return { payload, protectedHeader, key: source.chosen(protectedHeader) };
  }

  /** Has read what is lacking, once, or throws. */
  #refused(
    token: string | Uint8Array,
    source: KeySource,
    expected: Expected,
    options: JWTVerifyOptions | undefined,
    isAgain: boolean,
    cause: unknown,
  ): Promise<Verified> | never {
    const fault = faultOnDesk();
    // On the way back, only the snapshot may still be lacking; each thing is read once.
    const remedy = typed(() => expected.check.remedy(source.set, put(token), Date.now()));
    const read = remedy === KEYS && !isAgain ? source.read : remedy === SNAPSHOT ? expected.revocations : undefined;
    if (read === undefined) {
      throw errorOf(fault, cause, fault.stage === "claims" ? payloadOf(token) : undefined);
    }
    return this.#again(token, source, expected, options, typeof read === "function" ? read : () => read.read(), fault);
  }

  async #again(
    token: string | Uint8Array,
    source: KeySource,
    expected: Expected,
    options: JWTVerifyOptions | undefined,
    read: () => Promise<Error | undefined>,
    fault: ReturnType<typeof faultOnDesk>,
  ): Promise<Verified> {
    expected.hold();
    try {
      const failure = await read();
      if (failure !== undefined) {
        // Nothing is known of the token; for keys, the reason is the answer, as `jose` gives it.
        throw fault.code === "ERR_JWKS_UNAVAILABLE" ? failure : errorOf(fault, failure);
      }
      return await this.#with(token, source, expected, options, true);
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

/** What `Check.remedy` of pkg/src/jose.rs says. */
const KEYS = 1;
const SNAPSHOT = 2;

function put(token: string | Uint8Array): number {
  return token instanceof Uint8Array ? putTokenBytes(token) : putToken(token);
}

/** A host that knows one key. */
function hostOf(key: NonNullable<KeySource["opaque"]>): Host {
  return { verify: ({ signingInput, signature }) => key.verify(signingInput, signature) };
}

/** What is no date is no instant either, which the core says. */
function instantOf(date: Date): number {
  return date instanceof Date ? date.getTime() : Number.NaN;
}

export type { RevocableError };

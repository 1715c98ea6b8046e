// The Wasm, loaded once, and its types as pkg/src hands them over.

import type { Kind } from "./confirm/confirm.js";
import { setUpDesk } from "./desk.js";
import type { ErrorCode, RevocableError, Stage } from "./error.js";
import { InvalidArgument } from "./error.js";
import { errorOf } from "./error_of.js";
import type { Host } from "./host/host.js";
import type { Algorithm, EngineName } from "./host/question.js";
import type { Terms } from "./revocation_options.js";
import init, * as wasm from "./revocable_wasm.js";

export { Check, KeySet, Lists, decode } from "./revocable_wasm.js";
export type { Core, Incoming, KeysFetch, Offering } from "./revocable_wasm.js";

/** What one runtime does in its own way. */
export interface Platform {
  /** The Wasm: compiled, or what reads it as bytes or as an answer that holds them. */
  wasm: WebAssembly.Module | (() => Promise<Uint8Array<ArrayBuffer> | Response>);
  /** The same without waiting, where that is possible. */
  wasmNow?: () => WebAssembly.Module | Uint8Array<ArrayBuffer>;
  /** Whether its `fetch` keeps an HTTP cache, and asks again with what is in it when told `cache: "no-cache"`. */
  hasHttpCache: boolean;
  /** Who verifies signatures; with `force`, this engine alone. */
  hostHere: (force?: EngineName) => Host;
}

/** An error as plain data. */
export interface Fault {
  code: ErrorCode;
  message: string;
  stage: Stage | undefined;
  claim: string | undefined;
  reason: string | undefined;
  rule: string[] | undefined;
  kind: Kind | undefined;
}

/** A question in a form of its own, for where speed does not matter. */
export interface PlainQuestion {
  keyNumber: number;
  algorithm: Algorithm;
  jwk: string;
  signingInput: Uint8Array;
  signature: Uint8Array;
}

/** A segment that a newer snapshot wants. */
export interface WantedSegment {
  /** `segments/` and 64 hexadecimal digits. */
  name: string;
  /** Its length. */
  bytes: number;
}

/** What a decision lacks to be another one, or sure: a segment, or an exact answer about a hit that is too coarse. */
export type Lack =
  | WantedSegment
  | {
      /** The authority of the manifest that has the hit. */
      iss: string;
      /** What its ids are made with, in base64url. */
      salt: string;
      /** Its number. */
      seq: number;
      /** Which of its tables. */
      table: number;
      /** 32 hexadecimal digits. */
      id: string;
      rule: string[];
      kind: Kind;
      claim: string | undefined;
      /** The segment that confirms, where there is one. */
      exact: WantedSegment | undefined;
    };

/** How many bytes to read at most. */
export interface Limits {
  token: number;
  jwks: number;
  manifest: number;
}

/** What stands for the snapshot among issuers' indices. */
export const SNAPSHOT = -1;
/** What stands for what the decision says that it lacks. */
export const LACKING = -2;

/**
 * Loads the Wasm unless it is there or on its way.
 *
 * A module that is already compiled, as workerd has it, is taken at once: a promise made for one request must not be
 * waited for by another there.
 */
export async function loadWasm(platform: Platform): Promise<void> {
  if (isLoaded) return;
  const source = platform.wasm;
  if (typeof source !== "function") {
    setUpDesk(wasm.initSync({ module: source }).memory);
    isLoaded = true;
    return;
  }
  loading ??= init({ module_or_path: source() }).then(
    ({ memory }) => {
      setUpDesk(memory);
      isLoaded = true;
    },
    (error: unknown) => {
      // A page that was offline may try again.
      loading = undefined;
      throw error;
    },
  );
  await loading;
}

/**
 * Loads the Wasm unless it is there, without waiting.
 *
 * It throws where that is not possible and nobody has waited for it before.
 */
export function loadWasmNow(platform: Platform): void {
  if (isLoaded) return;
  const source = typeof platform.wasm === "function" ? platform.wasmNow?.() : platform.wasm;
  if (source === undefined) {
    throw new InvalidArgument("ERR_ENGINE_UNAVAILABLE", "the Wasm has not been loaded yet: call `await init()` before");
  }
  setUpDesk(wasm.initSync({ module: source }).memory);
  isLoaded = true;
}

/** Whether calls may be answered at once. */
export function isWasmLoaded(): boolean {
  return isLoaded;
}

let isLoaded = false;
let loading: Promise<void> | undefined;

/** A core with this configuration, a JSON text, and without terms where no list is asked. */
export function coreOf(config: string, terms?: Terms): wasm.Core {
  const { unknown = [], residentBytes, jitter = 0 } = terms ?? {};
  return typed(() => new wasm.Core(config, unknown, residentBytes, jitter));
}

/** The core's own limits. */
export function limits(): Limits {
  return wasm.limits() as Limits;
}

/** An error that was found on this side, in the words of the core's one table. */
export function failure(code: ErrorCode, detail?: string, cause?: unknown): RevocableError {
  // A message of somebody else's error may be anything.
  const text = typeof detail === "string" ? detail : undefined;
  return errorOf(wasm.failure(code, text) as Fault, cause);
}

/** Calls the core; what it throws comes out as a [`RevocableError`], with a cause where one is known. */
export function typed<T>(call: () => T, cause?: unknown): T {
  try {
    return call();
  } catch (error) {
    throw error instanceof Error && "code" in error ? errorOf(error as unknown as Fault, cause) : error;
  }
}

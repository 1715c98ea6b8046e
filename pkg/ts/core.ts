// The Wasm, loaded once, and its types as pkg/src hands them over.

import type { Header, Claims, SnapshotInfo } from "./decision.js";
import type { ErrorCode, Stage } from "./error.js";
import { RevocableError } from "./error.js";
import init, * as wasm from "./revocable_wasm.js";

export type { Core, Incoming } from "./revocable_wasm.js";

/** What one runtime does in its own way. */
export interface Platform {
  /** The Wasm: compiled, or what reads it as bytes or as an answer that holds them. */
  wasm: WebAssembly.Module | (() => Promise<Uint8Array<ArrayBuffer> | Response>);
  /** Whether its `fetch` keeps an HTTP cache, and asks again with what is in it when told `cache: "no-cache"`. */
  hasHttpCache: boolean;
}

/** An error as plain data. */
export interface Fault {
  code: ErrorCode;
  message: string;
  stage: Stage | undefined;
  claim: string | undefined;
  rule: string[] | undefined;
  kind: "outright" | "cutoff" | undefined;
}

/** A decision as plain data. */
export interface Verdict {
  decision: "allow" | "deny" | "unavailable";
  /** JSON text. */
  claims: string | undefined;
  /** JSON text. */
  header: string | undefined;
  status: "not-revoked" | "not-asked" | undefined;
  error: Fault | undefined;
  snapshot: SnapshotInfo | undefined;
  /** What could be read so that the decision might be another one: an issuer's index, or [`SNAPSHOT`]. */
  remedy: number | undefined;
}

/** A segment that a newer snapshot wants. */
export interface WantedSegment {
  /** `segments/` and 64 hexadecimal digits. */
  name: string;
  /** Its length. */
  bytes: number;
}

/** How many bytes to read at most. */
export interface Limits {
  token: number;
  jwks: number;
  manifest: number;
}

/** What stands for the snapshot among issuers' indices. */
export const SNAPSHOT = -1;

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
    wasm.initSync({ module: source });
    isLoaded = true;
    return;
  }
  loading ??= init({ module_or_path: source() }).then(
    () => {
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

let isLoaded = false;
let loading: Promise<void> | undefined;

/** A core with this configuration, a JSON text. */
export function coreOf(config: string): wasm.Core {
  return typed(() => new wasm.Core(config));
}

/** Takes a token the whole way. */
export function verdictOf(core: wasm.Core, token: string, now: number): Verdict {
  return typed(() => core.verify(token, now) as Verdict);
}

/** Claims or a header out of a verdict. */
export function parsed<T extends Claims | Header>(json: string | undefined): T {
  return JSON.parse(json ?? "{}") as T;
}

/** The core's own limits. */
export function limits(): Limits {
  return wasm.limits() as Limits;
}

/** An error that was found on this side, in the words of the core's one table. */
export function failure(code: ErrorCode, detail?: string, cause?: unknown): RevocableError {
  return new RevocableError(wasm.failure(code, detail) as Fault, cause);
}

/** Calls the core; what it throws comes out as a [`RevocableError`]. */
export function typed<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw error instanceof Error && "code" in error ? new RevocableError(error as unknown as Fault) : error;
  }
}

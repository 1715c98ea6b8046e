// Keys as `jwtVerify` is given them, taken in once.

import { KeySet, typed } from "../core.js";
import type { Header } from "../decision.js";
import { InvalidArgument } from "../error.js";
import { isBytes, jsonOf } from "../given.js";
import type { GivenKey, OpaqueKey, ReadyKey } from "../host/cryptokey.js";
import { readyKey } from "../host/cryptokey.js";

/** Keys in the core, and what has to be known of them here. */
export interface KeySource {
  /** Made when it is first needed, and again when it had to make room. */
  readonly set: KeySet;
  /** A key that its host does not hand out: it verifies itself. */
  readonly opaque?: OpaqueKey | undefined;
  /** Keys that can be read again: what came of it, if anything went wrong. */
  readonly read?: () => Promise<Error | undefined>;
  /** Begins to read them again, unless somebody is at it or they are fresh. */
  readonly readWhatIsDue?: () => Promise<unknown> | undefined;
  /** Begins to read them again, unless somebody is at it. */
  readonly readInBackground?: () => Promise<unknown> | undefined;
  /** What `key` of the result is, for keys that are chosen by a token's header. */
  readonly chosen?: (header: Header) => unknown;
}

/** How many key sets of the core are kept; each has a few hundred bytes and more. */
const MOST_KEPT = 1000;
/** How many secrets are recognised by their bytes. */
const MOST_SECRETS = 8;

/** Those that are in the core, the oldest first. */
const made = new Set<Made>();

/** One that can be made again. */
export class Made implements KeySource {
  readonly opaque: OpaqueKey | undefined;
  readonly #make: () => KeySet;
  #set: KeySet | undefined;

  constructor(make: () => KeySet, opaque?: OpaqueKey) {
    this.#make = make;
    this.opaque = opaque;
  }

  get set(): KeySet {
    return (this.#set ??= this.#takeIn());
  }

  #takeIn(): KeySet {
    const set = typed(this.#make);
    // Not every runtime says when an object is collected, so whoever makes a key for each call must not fill the memory.
    for (const oldest of made) {
      if (made.size < MOST_KEPT) break;
      made.delete(oldest);
      oldest.#letGo();
    }
    made.add(this);
    return set;
  }

  #letGo(): void {
    this.#set?.free();
    this.#set = undefined;
  }
}

/** By the caller's object. */
const known = new WeakMap<object, KeySource>();
/** Secrets: their bytes may be written to, so that only the bytes say whether it is the same. */
const secrets: { bytes: Uint8Array; source: KeySource }[] = [];

/** Remembers what stands behind an object of this package's making. */
export function remember(object: object, source: KeySource): void {
  known.set(object, source);
}

/** What stands behind a function or an object of this package's making, or behind a key that has been seen. */
export function knownSource(key: unknown): KeySource | undefined {
  return (typeof key === "object" || typeof key === "function") && key !== null ? known.get(key) : undefined;
}

/** Takes a key in; at once, unless it has to be exported first. Throws an `InvalidArgument`, or rejects with one. */
export function keySource(key: unknown): KeySource | Promise<KeySource> {
  if (isBytes(key)) return secretSource(key);
  const before = knownSource(key);
  if (before !== undefined) return before;
  if (typeof key !== "object" || key === null || Array.isArray(key) || isNoKey(key)) {
    throw new InvalidArgument("ERR_JWK_INVALID", EXPECTED);
  }
  const ready = readyKey(key as GivenKey);
  return ready instanceof Promise ? ready.then((ready) => sourceOf(key, ready)) : sourceOf(key, ready);
}

function sourceOf(key: object, ready: ReadyKey): KeySource {
  const source = sourceOfReady(key, ready);
  known.set(key, source);
  return source;
}

function sourceOfReady(key: object, ready: ReadyKey): KeySource {
  switch (ready.kind) {
    case "jwk": {
      const { jwk } = ready;
      if (typeof jwk !== "object" || jwk === null || !("kty" in jwk) || typeof jwk.kty !== "string" || "keys" in jwk) {
        throw new InvalidArgument("ERR_JWK_INVALID", "an object that is no JWK: it has no `kty`");
      }
      const text = jsonOf(jwk, "ERR_JWK_INVALID", "a JWK that JSON cannot say");
      const source = usable(new Made(() => KeySet.jwk(text)));
      // It is taken in once, so it must not become another; `jose` freezes it too.
      if (jwk === key) freeze(jwk);
      return source;
    }
    case "opaque": {
      const { algorithm, modulusBits } = ready.key;
      return usable(new Made(() => KeySet.opaque(algorithm, modulusBits), ready.key));
    }
    default:
      throw new InvalidArgument("ERR_JWK_INVALID", EXPECTED);
  }
}

/** It shows now whether the core can use it. */
function usable(source: Made): Made {
  void source.set;
  return source;
}

function secretSource(secret: Uint8Array): KeySource {
  const seen = secrets.find(({ bytes }) => isEqual(bytes, secret));
  if (seen !== undefined) return seen.source;
  // Not `slice`, which of a Buffer is the caller's own memory.
  const bytes = copyOf(secret);
  const source = usable(new Made(() => KeySet.secret(bytes)));
  if (secrets.length >= MOST_SECRETS) secrets.shift();
  secrets.push({ bytes, source });
  return source;
}

function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  let difference = 0;
  for (let index = 0; index < left.length; index += 1) difference |= (left[index] ?? 0) ^ (right[index] ?? 0);
  return difference === 0;
}

/** A copy that is nobody else's, whatever class the caller has made of his bytes. */
function copyOf(secret: Uint8Array): Uint8Array {
  try {
    return new Uint8Array(secret);
  } catch (error) {
    throw new InvalidArgument("ERR_JWK_INVALID", "a secret whose bytes have been handed over to somebody else", error);
  }
}

/** What holds bytes of another kind, or has the prototype of some without holding any. */
function isNoKey(key: object): boolean {
  return ArrayBuffer.isView(key) || key instanceof Uint8Array;
}

function freeze(jwk: object): void {
  try {
    for (const value of Object.values(jwk)) if (Array.isArray(value)) Object.freeze(value);
    Object.freeze(jwk);
  } catch (error) {
    throw new InvalidArgument("ERR_JWK_INVALID", "a JWK that cannot be kept from being changed", error);
  }
}

const EXPECTED = "expected a CryptoKey, a KeyObject, a JWK or the bytes of a secret";

// Keys that an engine has taken in, each by its number.

import type { Answer } from "./question.js";
import { KEY_UNUSABLE } from "./question.js";

/** The most keys that an engine keeps. A JWKS holds at most 256, and few programs trust more than ten issuers. */
const MOST_KEYS = 4096;

/** A key that this engine cannot take in although another might. */
export const ELSEWHERE = Symbol("elsewhere");
/** A key that no engine can take in. */
export const UNUSABLE = Symbol("unusable");

/** What became of a key. */
export type Taken<K> = K | typeof ELSEWHERE | typeof UNUSABLE;

/** The keys of one engine; the one that was taken in first makes room. */
export class Keys<K extends object> {
  readonly #keys = new Map<number, Taken<K>>();

  /** What became of this key; `undefined` when it has not been seen, or long ago. */
  get(number: number): Taken<K> | undefined {
    return this.#keys.get(number);
  }

  /** Remembers what became of a key. Gives back what has to be let go for it. */
  set(number: number, taken: Taken<K>): Taken<K> | undefined {
    const before = this.#keys.get(number);
    this.#keys.set(number, taken);
    if (before !== undefined) return before;
    const oldest = this.#keys.size > MOST_KEYS ? this.#keys.entries().next().value : undefined;
    if (oldest === undefined) return undefined;
    this.#keys.delete(oldest[0]);
    return oldest[1];
  }
}

/** Whether a key can be verified with here. */
export function isKey<K extends object>(taken: Taken<K> | undefined): taken is K {
  return typeof taken === "object";
}

/** What to say of a signature whose key cannot be verified with here. */
export function answerWithout(taken: typeof ELSEWHERE | typeof UNUSABLE): Answer | undefined {
  return taken === UNUSABLE ? KEY_UNUSABLE : undefined;
}

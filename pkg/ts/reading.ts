// One thing that is read again and again, by one reader at a time, without one request waiting for another's promise.
//
// Workers forbid that last thing: a promise belongs to the request that made it, and may never settle once that
// request is gone. So whoever needs what somebody else is reading looks again by a timer of its own, and after a while
// reads it itself.

import type { RevocableError } from "./error.js";

/** A reading under way for longer than this no longer keeps others from beginning one. */
const TAKE_OVER_MILLIS = 1000;
/** What could not be read is not asked for again within this time, so that a source that is down is left in peace. */
const RETRY_MILLIS = 1000;
/** How often to look whether somebody else's reading has ended. */
const LOOK_MILLIS = 10;

/** Something that is read from elsewhere. */
export class Reading {
  readonly #read: () => Promise<RevocableError | undefined>;
  #underWay: { since: number } | undefined;
  #failed: { at: number; error: RevocableError } | undefined;

  /** `read` gives its failure back rather than throwing it. */
  constructor(read: () => Promise<RevocableError | undefined>) {
    this.#read = read;
  }

  /** Has it read by the time this returns, or says why it is not. */
  async now(): Promise<RevocableError | undefined> {
    if (this.#failed !== undefined && elapsed(this.#failed.at) < RETRY_MILLIS) return this.#failed.error;
    return this.again();
  }

  /** As [`Reading.now`], and whatever came of it a moment ago. */
  async again(): Promise<RevocableError | undefined> {
    if (!this.#isUnderWay()) return this.#begin();
    while (this.#isUnderWay()) await new Promise((resolve) => setTimeout(resolve, LOOK_MILLIS));
    return this.#underWay === undefined ? this.#failed?.error : this.#begin();
  }

  /** Begins to read, unless somebody is at it; the promise never rejects. */
  inBackground(): Promise<unknown> | undefined {
    return this.#isUnderWay() ? undefined : this.#begin();
  }

  async #begin(): Promise<RevocableError | undefined> {
    const flight = { since: performance.now() };
    this.#underWay = flight;
    try {
      const error = await this.#read();
      this.#failed = error && { at: performance.now(), error };
      return error;
    } finally {
      if (this.#underWay === flight) this.#underWay = undefined;
    }
  }

  #isUnderWay(): boolean {
    return this.#underWay !== undefined && elapsed(this.#underWay.since) < TAKE_OVER_MILLIS;
  }
}

function elapsed(since: number): number {
  return performance.now() - since;
}

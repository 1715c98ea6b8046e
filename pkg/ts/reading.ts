// One thing that is read again and again, by one reader at a time, without one request waiting for another's promise.
//
// Workers forbid that last thing: a promise belongs to the request that made it, and may never settle once that
// request is gone. So whoever needs what somebody else is reading looks again by a timer of its own, and once that
// reading has made no progress for a while, reads it itself.

import { failure } from "./core.js";
import type { ErrorCode } from "./error.js";
import { RevocableError } from "./error.js";
import { messageOf } from "./given.js";

/** A reading without progress for longer than this no longer keeps others from beginning one. */
const TAKE_OVER_MILLIS = 1000;
/** What could not be read is not asked for again within this time, so that a source that is down is left in peace. */
const RETRY_MILLIS = 1000;
/** How often to look whether somebody else's reading has ended. */
const LOOK_MILLIS = 10;

/** Says that a reading has come a bit further, and asks how it stands with others of the same. */
export interface Alive {
  (): void;
  /** Whether no other has taken over: only then may it say how reading ended. */
  isCurrent(): boolean;
  /** Whether another has taken over and is at it still. */
  isFollowed(): boolean;
}

/** Something that is read from elsewhere. */
export class Reading {
  readonly #read: (alive: Alive) => Promise<RevocableError | undefined>;
  #underWay: { since: number } | undefined;
  #failed: { at: number; error: RevocableError } | undefined;

  /** `read` gives its failure back rather than throwing it. */
  constructor(read: (alive: Alive) => Promise<RevocableError | undefined>) {
    this.#read = read;
  }

  /** Has it read by the time this returns, or says why it is not. */
  async now(): Promise<RevocableError | undefined> {
    if (this.#failed !== undefined && elapsed(this.#failed.at) < RETRY_MILLIS) return this.#failed.error;
    return this.#join();
  }

  /** As [`Reading.now`], by a reading that begins after this call, and whatever came of it a moment ago. */
  async again(): Promise<RevocableError | undefined> {
    const before = this.#underWay;
    while (this.#underWay === before && this.#isUnderWay()) await aMoment();
    return this.#join();
  }

  /** What the last reading failed with, if it did. */
  get failure(): RevocableError | undefined {
    return this.#failed?.error;
  }

  /** Whether somebody is reading. */
  get isUnderWay(): boolean {
    return this.#isUnderWay();
  }

  /** Begins to read, unless somebody is at it; the promise never rejects. */
  inBackground(): Promise<unknown> | undefined {
    return this.#isUnderWay() ? undefined : this.#begin();
  }

  async #join(): Promise<RevocableError | undefined> {
    if (!this.#isUnderWay()) return this.#begin();
    while (this.#isUnderWay()) await aMoment();
    return this.#underWay === undefined ? this.#failed?.error : this.#begin();
  }

  async #begin(): Promise<RevocableError | undefined> {
    const flight = { since: performance.now() };
    this.#underWay = flight;
    const alive = (): void => {
      flight.since = performance.now();
    };
    const isCurrent = (): boolean => this.#underWay === flight;
    const isFollowed = (): boolean => !isCurrent() && this.#isUnderWay();
    const error = await this.#read(Object.assign(alive, { isCurrent, isFollowed }));
    // One that was taken over says nothing about its successor.
    if (isCurrent()) {
      this.#failed = error && { at: performance.now(), error };
      this.#underWay = undefined;
    }
    return error;
  }

  #isUnderWay(): boolean {
    return this.#underWay !== undefined && elapsed(this.#underWay.since) < TAKE_OVER_MILLIS;
  }
}

/**
 * A reading that fails with a [`RevocableError`] and nothing else, of which `onReadError` hears; `otherwise` is for what
 * nobody foresaw.
 */
export function readingThat(
  read: (alive: Alive) => Promise<void>,
  otherwise: ErrorCode,
  onReadError: (error: RevocableError) => unknown,
): Reading {
  return new Reading(async (alive) => {
    try {
      await read(alive);
      return undefined;
    } catch (thrown) {
      const error = thrown instanceof RevocableError ? thrown : failure(otherwise, messageOf(thrown), thrown);
      tell(error, onReadError);
      return error;
    }
  });
}

/** Has the caller's function hear of an error. */
export function tell(error: RevocableError, onReadError: (error: RevocableError) => unknown): void {
  const tried = async (): Promise<void> => {
    try {
      await onReadError(error);
    } catch {
      // What goes wrong in the caller's function decides about no token, and ends no process.
    }
  };
  void tried();
}

function elapsed(since: number): number {
  return performance.now() - since;
}

function aMoment(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOOK_MILLIS));
}

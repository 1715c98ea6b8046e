// Following an authority: its feed says when there is something newer, which is then read from the authority itself.
//
// Nothing that the feed says is believed. It says when to look, and under which number; what is found there is a manifest
// like any other, signed, and never older than the one in force.

import type { AuthorityError } from "../authority/authority_error.js";
import { messagesOf, wait } from "../authority/feed.js";
import type { RevocableError } from "../error.js";
import { failure } from "../core.js";
import { tell } from "../reading.js";
import { httpSourceOn } from "./http_source.js";
import type { ReadObject, Source } from "./source.js";
import { MANIFEST, givingAway, readFrom } from "./source.js";

/** Which authority is followed, so that what it revokes is refused here at once. */
export interface FollowOptions {
  /** A gate's URL, or the folder of its API (`…/_revocable/`): `https`, or `http` on a loopback host. */
  url: string | URL;
  /** A read key. */
  key?: string;
  /** Whether to wait up to 200 ms before reading, so that many who follow do not all read at once. */
  jitter?: boolean;
  /** Ends following, as `verifier.close()` does. */
  signal?: AbortSignal;
}

/**
 * How it is followed.
 * @internal
 */
export interface Following {
  base: URL;
  key: string | undefined;
  jitter: boolean;
  signal: AbortSignal | undefined;
  fetch: typeof fetch;
  hasHttpCache: boolean;
}

/**
 * What a follower acts on.
 * @internal
 */
export interface Followers {
  /** The number in force. */
  seq: () => number | undefined;
  /** Looks for something newer now, and says why that came to nothing. */
  look: () => Promise<RevocableError | undefined>;
  onReadError: (error: RevocableError) => unknown;
}

/**
 * Follows one authority for one verifier.
 * @internal
 */
export class Follower {
  readonly #following: Following;
  readonly #controller = new AbortController();
  /** The newest number that was heard of, while the feed is heard. */
  #newest: number | undefined;
  #isLooking = false;

  constructor(following: Following) {
    this.#following = following;
    const { signal } = following;
    if (signal?.aborted === true) this.close();
    else signal?.addEventListener("abort", () => this.close(), { once: true });
  }

  /** Ends it. */
  close(): void {
    this.#newest = undefined;
    this.#controller.abort();
  }

  /**
   * Reads from the authority while its feed is heard, and from the source otherwise, or where the authority has no answer. What
   * the source does not show yet, the authority may have.
   */
  reading(source: ReadObject): ReadObject {
    const { base, key, fetch, hasHttpCache } = this.#following;
    const headers = key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } };
    const http = httpSourceOn({ hasHttpCache })(base, { fetch, ...headers });
    const authority = readFrom(this.#numbered(http));
    return async (name, limit, alive) => {
      if (this.#newest === undefined) return source(name, limit, alive);
      try {
        const found = await authority(name, limit, alive);
        if (found !== undefined) return found;
      } catch {
        // The source says what is wrong, if anything still is.
      }
      return source(name, limit, alive);
    };
  }

  /** Follows until it is closed; it does not throw. */
  async run(followers: Followers): Promise<void> {
    const { base, key, fetch } = this.#following;
    const headers = new Headers({ accept: "text/event-stream" });
    if (key !== undefined) headers.set("authorization", `Bearer ${key}`);
    const broken = (error: AuthorityError): void => {
      this.#newest = undefined;
      tell(failure("ERR_REVOCATION_SOURCE_UNAVAILABLE", `the feed: ${error.message}`, error), followers.onReadError);
    };
    const signal = this.#controller.signal;
    try {
      for await (const { seq } of messagesOf({ base, headers, fetch, after: undefined, signal, onBreak: broken })) {
        if (signal.aborted) return;
        this.#newest = seq;
        void this.#look(followers);
      }
    } catch (error) {
      broken(error as AuthorityError);
    }
  }

  /** The manifest by its number, which is never another's; so no tag is needed to tell it from the one before. */
  #numbered(http: Source): Source {
    return givingAway({
      get: async (name, { limit, signal, onProgress }) => {
        const asked = { limit, signal, onProgress };
        if (name !== MANIFEST || this.#newest === undefined) return http.get(name, asked);
        const found = await http.get(`manifests/${this.#newest}.jwt`, asked);
        return typeof found === "object" && found !== null && "bytes" in found ? { bytes: found.bytes } : found;
      },
    });
  }

  /** Looks as long as what was heard of is newer than what is in force, each number once. */
  async #look({ seq, look }: Followers): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      for (let tried: number | undefined; this.#isNewer(seq()) && this.#newest !== tried; ) {
        if (this.#following.jitter) await wait(Math.random() * MOST_JITTER_MILLIS, this.#controller.signal);
        tried = this.#newest;
        await look();
      }
    } finally {
      this.#isLooking = false;
    }
  }

  #isNewer(inForce: number | undefined): boolean {
    return this.#newest !== undefined && this.#newest > (inForce ?? -1);
  }
}

const MOST_JITTER_MILLIS = 200;

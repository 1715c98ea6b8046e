// Reading what a decision lacks: single segments of a snapshot that is larger than what is held, and confirmations.

import type { Confirm, Unconfirmed } from "./confirm/confirm.js";
import { MOST_TARGETS, confirmed } from "./confirm/confirm.js";
import type { Core, Lack, Lists, WantedSegment } from "./core.js";
import { failure, typed } from "./core.js";
import type { RevocableError } from "./error.js";
import { digestByHost, severalAtATime } from "./read.js";
import type { Alive, Reading } from "./reading.js";
import { readingThat, tell } from "./reading.js";
import type { ReadObject } from "./source/source.js";

/**
 * How often what one token lacks is read: its segments, those that confirm hits in them, and the same once more in case a
 * newer snapshot comes into force meanwhile.
 */
export const MOST_ROUNDS = 4;

/** How many readings are remembered: those under way, and those that failed a moment ago. */
const MOST_READINGS = 64;

/** What is lacking is read with this. */
export interface LackingOptions {
  into: Core | Lists;
  read: ReadObject;
  /** Without it, hits are confirmed by the segments that the manifest names for that. */
  confirm: Confirm | undefined;
  onReadError: (error: RevocableError) => unknown;
}

/** Reads what decisions lack, each thing by one reader at a time. */
export class LackingReader {
  readonly #options: LackingOptions;
  readonly #readings = new Map<string, Reading>();

  constructor(options: LackingOptions) {
    this.#options = options;
  }

  /** Has all of it read by the time this returns, or says what could not be. */
  async now(lacks: readonly Lack[]): Promise<RevocableError | undefined> {
    let failure: RevocableError | undefined;
    await severalAtATime(this.#needed(lacks), ({ bytes }) => bytes, async ({ name, read }) => {
      const failed = await this.#reading(name, read).now();
      if (failed === undefined) this.#readings.delete(name);
      else failure ??= failed;
    });
    return failure;
  }

  /** Begins to read it, unless somebody is at it; the promise never rejects. */
  inBackground(lacks: readonly Lack[]): Promise<unknown> | undefined {
    const idle = this.#needed(lacks).filter(({ name, read }) => !this.#reading(name, read).isUnderWay);
    if (idle.length === 0) return undefined;
    return severalAtATime(idle, ({ bytes }) => bytes, async ({ name, read }) => {
      await this.#reading(name, read).inBackground();
    });
  }

  /** What is to be read, by names that tell one thing from another. */
  #needed(lacks: readonly Lack[]): Needed[] {
    const { confirm } = this.#options;
    const needed = new Map<string, Needed>();
    const segment = (wanted: WantedSegment): void => {
      needed.set(wanted.name, { ...wanted, read: (alive) => this.#readSegment(wanted, alive) });
    };
    const hits = new Map<string, Unconfirmed>();
    for (const lack of lacks) {
      if (!("id" in lack)) segment(lack);
      else if (confirm !== undefined) hits.set(`${lack.salt} ${lack.seq} ${lack.table} ${lack.id}`, lack);
      else if (lack.exact !== undefined) segment(lack.exact);
    }
    // One request for as many as it may have, as they are of one list.
    const all = [...hits];
    for (let first = 0; confirm !== undefined && first < all.length; first += MOST_TARGETS) {
      const some = all.slice(first, first + MOST_TARGETS);
      const name = some.map(([name]) => name).join();
      const asked = some.map(([, hit]) => hit);
      needed.set(name, { name, bytes: 0, read: (alive) => this.#confirm(confirm, asked, alive) });
    }
    return [...needed.values()];
  }

  #reading(name: string, read: Needed["read"]): Reading {
    const known = this.#readings.get(name);
    if (known !== undefined) return known;
    if (this.#readings.size >= MOST_READINGS) {
      for (const [name, reading] of this.#readings) if (!reading.isUnderWay) this.#readings.delete(name);
    }
    const reading = readingThat(read, "ERR_REVOCATION_SOURCE_UNAVAILABLE", this.#options.onReadError);
    this.#readings.set(name, reading);
    return reading;
  }

  async #readSegment({ name, bytes: limit }: WantedSegment, alive: Alive): Promise<void> {
    const { into, read } = this.#options;
    const bytes = await read(name, limit, alive);
    if (bytes === undefined) throw failure("ERR_REVOCATION_SEGMENT_MISSING", `\`${name}\``);
    const digest = await digestByHost(bytes);
    typed(() => into.supply(name, bytes, digest));
  }

  /** Where nobody can be asked now, the segments that keep more of each id will do. */
  async #confirm(confirm: Confirm, hits: readonly Unconfirmed[], alive: Alive): Promise<void> {
    const { into, onReadError } = this.#options;
    try {
      for (const { of, revoked, value } of await confirmed(confirm, hits)) {
        const exact = value === undefined ? undefined : BigInt(value);
        typed(() => into.confirm(BigInt(of.seq), of.table, of.id, revoked, exact));
      }
    } catch (error) {
      const exact = hits.flatMap((hit) => hit.exact ?? []);
      if (exact.length < hits.length) throw error;
      tell(error as RevocableError, onReadError);
      alive();
      for (const segment of exact) await this.#readSegment(segment, alive);
    }
  }
}

/** Something to be read, by a name that tells it from others, and how many bytes it has. */
interface Needed {
  name: string;
  bytes: number;
  read: (alive: Alive) => Promise<void>;
}

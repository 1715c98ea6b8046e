// Revocation lists for `jwtVerify`: read once, shared by all calls.

import type { Lack, Platform } from "../core.js";
import { Lists, limits, loadWasm, typed } from "../core.js";
import type { SnapshotInfo } from "../decision.js";
import type { RevocableError } from "../error.js";
import { jsonOf } from "../given.js";
import type { Host } from "../host/host.js";
import { LackingReader } from "../lacking.js";
import { onlyFields, wrong } from "../options.js";
import { runtimeFetch } from "../read.js";
import type { Reading } from "../reading.js";
import { readingThat } from "../reading.js";
import type { RevocationOptions, Terms } from "../revocation_options.js";
import { REVOCATION_FIELDS, checkRevocations } from "../revocation_options.js";
import { SnapshotReader } from "../snapshot_reader.js";
import { readFrom } from "../source/source.js";

/** Where the lists are, whose are believed, and how they are read. */
export interface SharedRevocationOptions extends RevocationOptions {
  /** What reads URLs. By default, the runtime's own `fetch`. */
  fetch?: typeof fetch;
  /** Hears of every reading that failed, after which the snapshot before goes on answering. */
  onReadError?: (error: RevocableError) => void;
}

/** What makes [`Revocations`] in a runtime. */
export type CreateRevocations = (options: SharedRevocationOptions) => Promise<Revocations>;

/**
 * `createRevocations` of a runtime.
 * @internal
 */
export function createRevocationsOn(platform: Platform): CreateRevocations {
  return async (options) => {
    await loadWasm(platform);
    return new Revocations(options, platform);
  };
}

let made = 0;

/** Lists, with the snapshot that is in force; the first call that needs it has it read. */
export class Revocations {
  /** What tells it from others. @internal */
  readonly number = (made += 1);
  /** @internal */
  readonly lists: Lists;
  readonly #reading: Reading;
  readonly #lacking: LackingReader;

  /** @internal */
  constructor(options: SharedRevocationOptions, platform: Platform) {
    onlyFields(options, "", [...REVOCATION_FIELDS, "fetch", "onReadError"]);
    const { fetch = runtimeFetch, onReadError = () => {} } = options;
    if (typeof fetch !== "function") throw wrong("fetch", "expected a function");
    if (typeof onReadError !== "function") throw wrong("onReadError", "expected a function");
    const { hasHttpCache } = platform;
    const given = options as unknown as Record<string, unknown>;
    const { source, confirm, terms } = checkRevocations(given, "", { fetch, hasHttpCache });
    this.lists = listsOf(options.lists, terms);
    const read = readFrom(source);
    let host: Host | undefined;
    const into = this.lists;
    const hostHere = (): Host => (host ??= platform.hostHere());
    const reader = new SnapshotReader({ into, read, host: hostHere, now: Date.now, limit: limits().manifest });
    this.#reading = readingThat(
      (alive) => reader.read(alive),
      "ERR_REVOCATION_SOURCE_UNAVAILABLE",
      onReadError,
    );
    this.#lacking = new LackingReader({ into, read, confirm, onReadError });
  }

  /** How current the lists are; `undefined` before the first was read. */
  get snapshot(): SnapshotInfo | undefined {
    return typed(() => this.lists.snapshot(Date.now()) as SnapshotInfo | undefined);
  }

  /** Reads the snapshot at once. It rejects with what went wrong; what was good before goes on answering all the same. */
  async refresh(): Promise<SnapshotInfo | undefined> {
    const error = await this.#reading.again();
    if (error !== undefined) throw error;
    return this.snapshot;
  }

  /** Has it read by the time this returns, or says why it is not. @internal */
  async read(): Promise<RevocableError | undefined> {
    return this.#reading.now();
  }

  /** Has read what a decision lacks by the time this returns, or says why it is not. @internal */
  async readLacking(lacking: readonly Lack[]): Promise<RevocableError | undefined> {
    return this.#lacking.now(lacking);
  }

  /** Begins to read what a decision lacks. @internal */
  readLackingInBackground(lacking: readonly Lack[]): Promise<unknown> | undefined {
    return this.#lacking.inBackground(lacking);
  }

  /** Begins to read it unless somebody is at it. @internal */
  readInBackground(): Promise<unknown> | undefined {
    return this.#reading.inBackground();
  }

  /** Reads it unless somebody is at it or it is current. @internal */
  readWhatIsDue(): Promise<unknown> | undefined {
    return typed(() => this.lists.isDue(Date.now())) ? this.readInBackground() : undefined;
  }
}

function listsOf(lists: unknown, { unknown, residentBytes, jitter }: Terms): Lists {
  if (!Array.isArray(lists) || lists.length !== 1) throw wrong("lists", "expected exactly one: a source holds one manifest");
  const list: unknown = lists[0];
  onlyFields(list, "lists[0]", ["issuer", "keys", "for"]);
  const { issuer, keys, for: speaksFor } = list as { issuer?: unknown; keys?: unknown; for?: unknown };
  if (typeof issuer !== "string" || issuer === "") throw wrong("lists[0].issuer", "expected the authority's name");
  if (typeof keys !== "object" || keys === null) throw wrong("lists[0].keys", "expected a JWKS or a JWK");
  // A copy, in which a list's holes are as empty as they look.
  const names: unknown[] = Array.isArray(speaksFor) ? [...(speaksFor as unknown[])] : [];
  if (names.length === 0 || !names.every((name) => typeof name === "string")) throw wrong("lists[0].for", "expected the names of token issuers");
  if (names.includes(issuer)) throw wrong("lists[0].issuer", "an authority has a name that is no token issuer's");
  const text = jsonOf(keys, "ERR_CONFIG_INVALID", "`lists[0].keys`: expected what JSON can say");
  return typed(() => new Lists(issuer, text, names as string[], unknown, residentBytes, jitter));
}

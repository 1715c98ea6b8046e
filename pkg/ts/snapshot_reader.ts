// Reading a snapshot: its manifest, whose signature the host may have to check, and the segments that it names.

import { answering } from "./answering.js";
import type { Core, Incoming, Lists, Offering, PlainQuestion, WantedSegment } from "./core.js";
import { failure, typed } from "./core.js";
import { RevocableError } from "./error.js";
import type { Host } from "./host/host.js";
import { digestByHost, severalAtATime } from "./read.js";
import type { Alive } from "./reading.js";
import type { ReadObject } from "./source/source.js";
import { MANIFEST } from "./source/source.js";

/** What a snapshot is read with. */
export interface SnapshotOptions {
  /** Where it comes into force. */
  into: Core | Lists;
  read: ReadObject;
  host: () => Host;
  now: () => number;
  /** How long a manifest may be. */
  limit: number;
}

/** Reads snapshots of one source into one core. */
export class SnapshotReader {
  readonly #options: SnapshotOptions;
  /** A newer snapshot of which some segments could not be had, with what was, until the manifest is another. */
  #half: { manifest: Uint8Array; incoming: Incoming } | undefined;

  constructor(options: SnapshotOptions) {
    this.#options = options;
  }

  /** Reads a newer snapshot, if there is one; it throws a [`RevocableError`], after which the one before stays in force. */
  async read(alive: Alive): Promise<void> {
    try {
      await this.#readNewer(alive);
    } catch (error) {
      // The reading that took over has brought a newer one: that this one is older now is nobody's attack.
      const isRollback = error instanceof RevocableError && error.code === "ERR_REVOCATION_MANIFEST_ROLLBACK";
      if (!isRollback || alive.isCurrent()) throw error;
    }
  }

  async #readNewer(alive: Alive): Promise<void> {
    const { into, read, now, limit } = this.#options;
    typed(() => into.beginSnapshot(now()));
    const manifest = await read(MANIFEST, limit, alive);
    alive();
    if (manifest === undefined) {
      throw failure("ERR_REVOCATION_SOURCE_UNAVAILABLE", `there is no \`${MANIFEST}\``);
    }
    const incoming = this.#resumed(manifest) ?? (await this.#offered(manifest, alive));
    if (incoming === undefined) return;
    try {
      await gather(incoming, read, alive);
    } catch (error) {
      this.#half?.incoming.free();
      this.#half = { manifest, incoming };
      throw error;
    }
    typed(() => into.accept(incoming, now()));
  }

  /** What there is already of the snapshot of these very bytes, whose signature was checked then. */
  #resumed(manifest: Uint8Array): Incoming | undefined {
    const half = this.#half;
    this.#half = undefined;
    if (half !== undefined && isSame(half.manifest, manifest)) return half.incoming;
    half?.incoming.free();
    return undefined;
  }

  async #offered(manifest: Uint8Array, alive: Alive): Promise<Incoming | undefined> {
    const { into, host, now } = this.#options;
    const offering = typed(() => into.startOffer(manifest));
    if (offering === undefined) return undefined;
    await authenticate(offering, host());
    alive();
    return typed(() => into.offer(offering, now()));
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.byteLength === other.byteLength && one.every((byte, index) => byte === other[index]);
}

/** Has a manifest's signature checked. */
async function authenticate(offering: Offering, host: Host): Promise<void> {
  try {
    for (let asked = ask(offering); asked !== undefined; asked = ask(offering)) {
      const { jwk, ...question } = asked;
      const { answer, cause } = await answering(host, { ...question, jwk: () => jwk });
      typed(() => offering.answer(answer), cause);
    }
  } catch (error) {
    offering.free();
    throw error;
  }
}

/** Reads the segments that a newer snapshot wants. Without one of them the others are of no use. */
async function gather(incoming: Incoming, read: ReadObject, alive: Alive): Promise<void> {
  const wanted = incoming.missing() as WantedSegment[];
  await severalAtATime(wanted, ({ bytes }) => bytes, async (segment) => {
    const bytes = await read(segment.name, segment.bytes, alive);
    if (bytes === undefined) throw failure("ERR_REVOCATION_SEGMENT_MISSING");
    const digest = await digestByHost(bytes);
    typed(() => incoming.supply(bytes, digest));
    alive();
  });
}

function ask(offering: Offering): PlainQuestion | undefined {
  return typed(() => offering.question() as PlainQuestion | undefined);
}

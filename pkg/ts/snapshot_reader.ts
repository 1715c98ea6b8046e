// Reading a snapshot: its manifest, whose signature the host may have to check, and the segments that it names.

import { answering } from "./answering.js";
import type { Core, Incoming, Lists, Offering, PlainQuestion, WantedSegment } from "./core.js";
import { failure, typed } from "./core.js";
import { RevocableError } from "./error.js";
import type { Host } from "./host/host.js";
import { digestByHost } from "./read.js";
import type { Alive } from "./reading.js";
import type { ReadObject } from "./source/source.js";
import { MANIFEST } from "./source/source.js";

/** How many segments are read at a time: browsers keep six connections to a host. */
const SEGMENTS_AT_A_TIME = 6;

/** What a snapshot is read with. */
export interface SnapshotOptions {
  /** Where it comes into force. */
  into: Core | Lists;
  read: ReadObject;
  host: Host;
  now: () => number;
  /** How long a manifest may be. */
  limit: number;
}

/** Reads a newer snapshot, if there is one; it throws a [`RevocableError`], after which the one before stays in force. */
export async function readSnapshot(options: SnapshotOptions, alive: Alive): Promise<void> {
  try {
    await readNewer(options, alive);
  } catch (error) {
    // The reading that took over has brought a newer one: that this one is older now is nobody's attack.
    const isRollback = error instanceof RevocableError && error.code === "ERR_REVOCATION_MANIFEST_ROLLBACK";
    if (!isRollback || alive.isCurrent()) throw error;
  }
}

async function readNewer(options: SnapshotOptions, alive: Alive): Promise<void> {
  const { into, read, host, now, limit } = options;
  typed(() => into.beginSnapshot(now()));
  const manifest = await read(MANIFEST, limit, alive);
  alive();
  if (manifest === undefined) {
    throw failure("ERR_REVOCATION_SOURCE_UNAVAILABLE", `there is no \`${MANIFEST}\``);
  }
  const offering = typed(() => into.startOffer(manifest));
  if (offering === undefined) return;
  await authenticate(offering, host);
  alive();
  const incoming = typed(() => into.offer(offering, now()));
  if (incoming === undefined) return;
  try {
    await gather(incoming, read, alive);
  } catch (error) {
    incoming.free();
    throw error;
  }
  typed(() => into.accept(incoming, now()));
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

/** Reads the segments that a newer snapshot wants, several at a time. Returns or throws once no reading is left. */
async function gather(incoming: Incoming, read: ReadObject, alive: Alive): Promise<void> {
  const wanted = incoming.missing() as WantedSegment[];
  const reader = async (): Promise<void> => {
    for (let segment = wanted.shift(); segment !== undefined; segment = wanted.shift()) {
      try {
        const bytes = await read(segment.name, segment.bytes, alive);
        if (bytes === undefined) throw failure("ERR_REVOCATION_SEGMENT_MISSING");
        const digest = await digestByHost(bytes);
        typed(() => incoming.supply(bytes, digest));
        alive();
      } catch (error) {
        // Without one of them the others are of no use.
        wanted.length = 0;
        throw error;
      }
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: SEGMENTS_AT_A_TIME }, reader));
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

function ask(offering: Offering): PlainQuestion | undefined {
  return typed(() => offering.question() as PlainQuestion | undefined);
}

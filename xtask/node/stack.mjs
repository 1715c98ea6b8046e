// The whole stack on loopback: an origin, an issuer, an authority and a gate between them.
//
// The demo, `cargo xtask dev`, the benchmark and the tests of the Worker all start it from here.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createAuthority } from "./authority.mjs";
import { startGate } from "./gate.mjs";
import { startIssuer } from "./issuer.mjs";
import { AUDIENCE } from "./names.mjs";
import { startOrigin } from "./origin.mjs";

/** @typedef {import("./authority.mjs").BuildOptions} BuildOptions */
/** @typedef {import("./authority.mjs").Revocation} Revocation */
/** @typedef {import("./authority.mjs").Snapshot} Snapshot */
/** @typedef {import("./gate.mjs").Gate} Gate */
/** @typedef {import("./gate.mjs").GateOptions} GateOptions */

/**
 * @typedef {object} StackOptions
 * @property {number} [port]                        the gate's
 * @property {Revocation[]} [publish]               published before the gate's first request; nothing if left out
 * @property {Record<string, unknown>} [config]     members that replace those of the gate's configuration
 * @property {boolean} [showLogs]                   whether the Worker's log goes to standard error
 */

/**
 * @typedef {object} Stack
 * @property {Gate} gate
 * @property {import("./issuer.mjs").Issuer} issuer
 * @property {import("./http.mjs").Server} origin
 * @property {import("./authority.mjs").Authority} authority
 * @property {object} config                        the gate's `REVOCABLE_CONFIG`
 * @property {(lines: Revocation[], options?: BuildOptions) => Promise<Snapshot>} publish
 *   builds a snapshot of exactly these revocations and puts it into the gate's KV
 * @property {(options?: Partial<GateOptions>) => Promise<Gate>} startFreshGate
 *   another gate with the same configuration and a KV of its own, which the stack disposes of too
 * @property {() => Promise<void>} dispose
 */

/**
 * Starts the stack.
 * @param {StackOptions} [options]
 * @returns {Promise<Stack>}
 */
export async function startStack({ port = 0, publish: first, config: overrides, showLogs } = {}) {
  /** @type {(() => unknown)[]} */
  const disposals = [];
  const dispose = async () => {
    for (const disposal of disposals.splice(0).reverse()) await disposal();
  };
  try {
    const folder = temporaryFolder(disposals);
    const origin = await startOrigin();
    disposals.push(origin.close);
    const issuer = await startIssuer();
    disposals.push(issuer.close);
    const authority = await createAuthority(folder);
    const config = { ...gateConfig(issuer, authority), ...overrides };

    /** @type {Stack["startFreshGate"]} */
    const startFreshGate = async (options) => {
      const gate = await startGate({ config, origin: origin.url, showLogs, ...options });
      disposals.push(gate.dispose);
      return gate;
    };
    const objects = first && (await authority.build(first)).objects;
    const gate = await startFreshGate({ port, objects });
    /** @type {Stack["publish"]} */
    const publish = async (lines, options) => {
      const snapshot = await authority.build(lines, options);
      await gate.put(snapshot.objects);
      return snapshot;
    };
    return { gate, issuer, origin, authority, config, publish, startFreshGate, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/**
 * A snapshot's objects with one bit of a segment flipped, under the segment's own name.
 * @param {Snapshot} snapshot
 * @param {Snapshot} [known]  whose segments are left alone
 * @returns {Map<string, Buffer>}
 */
export function withCorruptSegment(snapshot, known) {
  const objects = new Map(snapshot.objects);
  for (const [name, bytes] of objects) {
    if (!name.startsWith("segments/") || bytes.length === 0 || known?.objects.has(name)) continue;
    const corrupt = Buffer.from(bytes);
    corrupt[corrupt.length - 1] = (corrupt[corrupt.length - 1] ?? 0) ^ 1;
    return objects.set(name, corrupt);
  }
  throw new Error("the snapshot has no segment to corrupt");
}

/**
 * Tries until `isDone` holds for the outcome or the time is over, and gives the last outcome.
 * @template T
 * @param {() => Promise<T>} attempt
 * @param {(outcome: T) => boolean} isDone
 * @param {number} [deadlineMs]
 * @returns {Promise<T>}
 */
export async function until(attempt, isDone, deadlineMs = 10_000) {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const outcome = await attempt();
    if (isDone(outcome) || performance.now() > deadline) return outcome;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * @param {import("./issuer.mjs").Issuer} issuer
 * @param {import("./authority.mjs").Authority} authority
 */
function gateConfig(issuer, authority) {
  return {
    issuers: [
      { issuer: issuer.issuer, jwksUri: issuer.jwksUri, algorithms: ["ES256"], audience: [AUDIENCE] },
    ],
    lists: [{ issuer: authority.issuer, keys: authority.keys, for: [issuer.issuer] }],
    tokenFrom: ["header", "cookie:session"],
    publicSnapshot: true,
    cors: { allowOrigins: ["*"] },
    // The demo shows why a token was refused. A gate keeps that to its own log by default.
    exposeReason: true,
  };
}

/**
 * A folder for keys and snapshots that is gone when the stack is, or when the process ends before that.
 * @param {(() => unknown)[]} disposals
 */
function temporaryFolder(disposals) {
  const folder = mkdtempSync(join(tmpdir(), "revocable-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  disposals.push(() => {
    process.off("exit", remove);
    remove();
  });
  return folder;
}

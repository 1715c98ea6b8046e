// What the ledger takes in, and what it takes when there is much in it: a part of `cargo xtask bench propagation`.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { PLENTY, cells, markdown, round, say, summary } from "./figures.mjs";
import { MEMORY_HEADER, measureCompaction, measureMemory, memoryRows } from "./memory.mjs";
import { ISSUER } from "./names.mjs";
import { startRevoking } from "./revoking.mjs";
import { startStack } from "./stack.mjs";

/** Entries a call in bulk, as many as one may have. */
const BULK = 10_000;
/** Orders of one change among all these entries. */
const ORDERS = 50;

/** @typedef {import("./gate.mjs").Gate} Gate */

/** @param {number} entries  how many */
export async function measureLedger(entries) {
  const stack = await startStack();
  const storage = await mkdtemp(join(tmpdir(), "revocable-ledger-"));
  try {
    const { home, post } = await startRevoking(stack, { authority: PLENTY, options: { storage } });
    await post({ rule: ["jti"], issuer: ISSUER, values: ["nobody"] });
    const empty = await measureOrders(home, "first");

    say(`add ${entries} entries, ${BULK} a call`);
    /** @type {number[]} */
    const calls = [];
    const expires = Math.floor(Date.now() / 1000) + 86_400;
    for (let from = 0; from < entries; from += BULK) {
      const lines = Array.from({ length: Math.min(BULK, entries - from) }, (_, at) =>
        JSON.stringify({ rule: ["jti"], issuer: ISSUER, values: [`bulk-${from + at}`], expires }),
      );
      const asked = performance.now();
      const { recorded } = await post(lines.join("\n"));
      if (recorded !== lines.length) throw new Error(`${recorded} of ${lines.length} were recorded`);
      calls.push(performance.now() - asked);
      if (calls.length % 10 === 0) say(`added ${from + lines.length}, the last call in ${calls.at(-1)?.toFixed(0)} ms`);
    }
    const total = calls.reduce((sum, ms) => sum + ms, 0);
    say(`${ORDERS} orders of one change`);
    const full = await measureOrders(home, "then");
    const before = await readStatus(home);

    // Whose entries are to be found otherwise makes all segments anew at the next opportunity.
    say("make all segments anew");
    await home.dispose();
    const again = await startRevoking(stack, { authority: { ...PLENTY, epsilonBits: 49 }, options: { storage } });
    const opening = await timed(async () => void (await ask(again.home, "head", "GET")));
    const compaction = await measureCompaction(again.home);
    const after = await readStatus(again.home);
    await again.home.dispose();
    const memory = await measureMemory(stack, storage, PLENTY, say);
    return {
      bulk: {
        entries,
        calls: calls.length,
        perSecond: (entries / total) * 1000,
        firstMs: calls[0] ?? 0,
        lastMs: calls.at(-1) ?? 0,
        ms: calls,
      },
      empty,
      full,
      before,
      opening,
      compaction,
      after,
      memory,
    };
  } finally {
    await stack.dispose();
    await rm(storage, { recursive: true, force: true });
  }
}

/**
 * Orders of one change, each by itself, and questions that change nothing, for what asking takes.
 * @param {Gate} gate
 * @param {string} name
 */
async function measureOrders(gate, name) {
  /** @type {number[]} */
  const orders = [];
  /** @type {number[]} */
  const heads = [];
  for (let at = 0; at < ORDERS; at += 1) {
    heads.push(await timed(async () => void (await ask(gate, "head", "GET"))));
    const changes = [{ rule: ["jti"], issuer: ISSUER, values: [`${name}-${at}`] }];
    orders.push(await timed(async () => void (await ask(gate, "orders", "POST", { actor: "key:ops", changes }))));
  }
  return { orders, heads };
}

/**
 * Asks the ledger itself.
 * @param {Gate} gate
 * @param {string} path
 * @param {"GET" | "POST"} method
 * @param {object} [body]
 */
async function ask(gate, path, method, body) {
  const init = { method, ...(body ? { body: JSON.stringify(body) } : {}) };
  const response = await (await gate.ledger()).fetch(`https://ledger/${path}`, init);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`the ledger's ${path} answered ${response.status}: ${text}`);
  return text;
}

/**
 * @param {Gate} gate
 * @returns {Promise<Record<string, number>>}
 */
async function readStatus(gate) {
  const manifest = await gate.fetch("/_revocable/manifest.jwt").then((response) => response.arrayBuffer());
  return { ...JSON.parse(await ask(gate, "status", "GET")), manifestBytes: manifest.byteLength };
}

/** @param {() => Promise<void>} act */
async function timed(act) {
  const begun = performance.now();
  await act();
  return performance.now() - begun;
}

/**
 * The figures.
 * @param {Awaited<ReturnType<typeof measureLedger>>} ledger
 */
export function ledgerOf(ledger) {
  return {
    bulk: { ...ledger.bulk, ms: undefined, ...summary(ledger.bulk.ms) },
    orderWhenEmpty: summary(ledger.empty.orders),
    orderWhenFull: summary(ledger.full.orders),
    head: summary(ledger.full.heads),
    openingMs: round(ledger.opening),
    compaction: ledger.compaction,
    memory: ledger.memory,
    before: ledger.before,
    after: ledger.after,
  };
}

/**
 * Prints them.
 * @param {ReturnType<typeof ledgerOf>} filled
 */
export function printLedger(filled) {
  const { bulk, before, after } = filled;
  console.log(`\nThe ledger, in ms as its caller sees it:\n`);
  markdown(["", "count", "p50", "p90", "p99", "max"], [
    [`${BULK} entries in one call`, ...cells(bulk)],
    ["an order of one change, hardly any entries", ...cells(filled.orderWhenEmpty)],
    [`an order of one change, ${before.entries} entries`, ...cells(filled.orderWhenFull)],
    ["a head, which changes nothing", ...cells(filled.head)],
  ]);
  const [first, last] = [Math.round(bulk.firstMs), Math.round(bulk.lastMs)];
  console.log(`\n${Math.round(bulk.perSecond)} entries a second in bulk; the first call ${first} ms, the last ${last} ms\n`);
  markdown(["", "entries", "segments", "segments, bytes", "manifest, bytes", "storage, bytes"], [
    ["filled", ...sizes(before)],
    [`all made anew, in ${filled.compaction.pieces} pieces`, ...sizes(after)],
  ]);
  const { ms, longestMs } = filled.compaction;
  console.log(`\nThat took ${Math.round(ms)} ms with its pauses; the slowest head meanwhile took ${Math.round(longestMs)} ms.\n`);
  markdown(MEMORY_HEADER, memoryRows(filled.memory));
  console.log(`\nOne change among ${filled.memory.entries} entries takes ${Math.round(filled.memory.processorMs)} ms of the isolate's time.`);
  console.log(`\nBefore that the Worker started anew, which took ${Math.round(filled.openingMs)} ms to its first answer.`);
}

/** @param {Record<string, number>} status */
function sizes({ entries, segments, segmentBytes, manifestBytes, storageBytes }) {
  return [entries, segments, segmentBytes, manifestBytes, storageBytes].map(String);
}

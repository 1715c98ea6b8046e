// What the ledger's isolate takes: memory, by what the runtime's inspector says of it, against the 128 MB that Cloudflare gives one;
// processor time, by its profiler, against the 30 s of a request; and for how long nobody is answered while it compacts.
import { get } from "node:http";
import { createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

import { WebSocket } from "undici";

import { ISSUER } from "./names.mjs";
import { startRevoking } from "./revoking.mjs";
import { until } from "./stack.mjs";

/** @typedef {import("./gate.mjs").Gate} Gate */
/**
 * What an isolate took at most, in bytes.
 * @typedef {object} Taken
 * @property {string} name
 * @property {number} heap    of JavaScript: what is used
 * @property {number} beside  what objects of that heap keep outside of it, the Wasm's memory not among it
 * @property {number} wasm    the Wasm's linear memory, which never shrinks
 * @property {number} total   the most of all three together
 */

/** Calls in bulk that are made, and entries of each. */
const CALLS = 20;
const BULK = 10_000;
const ORDERS = 20;
const LOOK_MS = 20;

/**
 * Measures a ledger that was filled before, each of it in an isolate of its own: more entries in bulk, changes one by one, and a
 * compaction of all of it.
 * @param {import("./stack.mjs").Stack} stack
 * @param {string} storage        where the ledger is
 * @param {object} authority      its configuration
 * @param {(text: string) => void} say
 */
export async function measureMemory(stack, storage, authority, say) {
  /** @type {Taken[]} */
  const taken = [];
  /** @param {string} name @param {object} more @param {(one: import("./revoking.mjs").Revoking, inspector: Inspector) => Promise<void>} act */
  const isolate = async (name, more, act) => {
    say(`memory: ${name}`);
    const port = await freePort();
    // The gate and its ledger are in one isolate here, so this is what both take.
    const options = { storage, worker: /** @type {any} */ ({ inspectorPort: port }) };
    const one = await startRevoking(stack, { authority: { ...authority, ...more }, options });
    await ask(one.home, "head");
    const inspector = await Inspector.open(port);
    try {
      const watched = inspector.watch();
      await act(one, inspector);
      taken.push({ name, ...(await watched.end()) });
    } finally {
      inspector.close();
      await one.home.dispose();
    }
  };

  const expires = Math.floor(Date.now() / 1000) + 86_400;
  await isolate(`${CALLS} calls of ${BULK} entries`, {}, async ({ post }) => {
    for (let call = 0; call < CALLS; call += 1) {
      const lines = Array.from({ length: BULK }, (_, at) =>
        JSON.stringify({ rule: ["jti"], issuer: ISSUER, values: [`more-${call}-${at}`], expires }),
      );
      await post(lines.join("\n"));
    }
  });
  let processorMs = 0;
  await isolate(`${ORDERS} orders of one change`, {}, async ({ home, post }, inspector) => {
    await settled(home);
    for (let order = 0; order < ORDERS; order += 1) {
      await post({ rule: ["jti"], issuer: ISSUER, values: [`single-${order}`] });
    }
    processorMs = await inspector.profiled(async () => {
      await post({ rule: ["jti"], issuer: ISSUER, values: ["single-profiled"] });
    });
  });
  const compaction = { pieces: 0, ms: 0, longestMs: 0, processorMs: 0 };
  await isolate("a compaction of all of it", { epsilonBits: 48 }, async ({ home }, inspector) => {
    compaction.processorMs = await inspector.profiled(async () => void Object.assign(compaction, await measureCompaction(home)));
  });
  const { entries } = JSON.parse(await withLedger(stack, storage, authority, (home) => ask(home, "status")));
  return { entries, taken, processorMs, compaction };
}

/**
 * Has a compaction begin that is due, and waits for its end. All the time somebody asks for the head: whoever waits longest waits for a
 * piece.
 * @param {Gate} gate
 */
export async function measureCompaction(gate) {
  const newest = async () => {
    const [, payload] = (await ask(gate, "head")).split(".");
    return JSON.parse(Buffer.from(payload ?? "", "base64url").toString()).seq;
  };
  let known = await newest();
  const begun = performance.now();
  await ask(gate, "tick", "POST");
  let longestMs = 0;
  let pieces = 0;
  for (;;) {
    const asked = performance.now();
    const seq = await newest();
    longestMs = Math.max(longestMs, performance.now() - asked);
    if (seq !== known) pieces += 1;
    known = seq;
    if (!JSON.parse(await ask(gate, "status")).compacting) return { pieces, longestMs, ms: performance.now() - begun };
    await pause(5);
  }
}

/** Waits until no compaction is under way. @param {Gate} gate */
async function settled(gate) {
  await until(async () => JSON.parse(await ask(gate, "status")), ({ compacting }) => !compacting, 600_000);
}

/**
 * @template T
 * @param {import("./stack.mjs").Stack} stack
 * @param {string} storage
 * @param {object} authority
 * @param {(home: Gate) => Promise<T>} act
 */
async function withLedger(stack, storage, authority, act) {
  const { home } = await startRevoking(stack, { authority: { ...authority, epsilonBits: 48 }, options: { storage } });
  try {
    return await act(home);
  } finally {
    await home.dispose();
  }
}

/** @param {Gate} gate @param {string} path @param {"GET" | "POST"} [method] */
async function ask(gate, path, method = "GET") {
  const response = await (await gate.ledger()).fetch(`https://ledger/${path}`, { method });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`the ledger's ${path} answered ${response.status}: ${text}`);
  return text;
}

/** The runtime's inspector. */
class Inspector {
  /** @type {WebSocket} */
  #socket;
  #next = 1;
  /** @type {number | undefined} */
  #context;
  /** @type {Map<number, { resolve: (result: any) => void, reject: (error: Error) => void }>} */
  #waiting = new Map();

  /** @param {WebSocket} socket */
  constructor(socket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const { id, result, error, method, params } = JSON.parse(String(data));
      if (method === "Runtime.executionContextCreated") this.#context = params.context.id;
      const one = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) one?.reject(new Error(`the inspector says ${JSON.stringify(error)}`));
      else one?.resolve(result);
    });
    const gone = () => this.#waiting.forEach(({ reject }) => reject(new Error("the inspector is gone")));
    socket.addEventListener("close", gone);
  }

  /** @param {number} port */
  static async open(port) {
    const targets = await until(() => json(`http://127.0.0.1:${port}/json`).catch(() => []), (found) => found.length > 0);
    const { webSocketDebuggerUrl: url } = targets[0] ?? {};
    if (!url) throw new Error("the runtime has no inspector");
    const socket = new WebSocket(url);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve, { once: true });
      socket.addEventListener("error", () => reject(new Error("the inspector cannot be reached")), { once: true });
    });
    const inspector = new Inspector(socket);
    await inspector.send("Runtime.enable");
    return inspector;
  }

  /** @param {string} method @param {object} [params] @returns {Promise<any>} */
  send(method, params = {}) {
    const id = this.#next;
    this.#next += 1;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  /** Looks at the memory again and again, until it is told to end. */
  watch() {
    let isEnding = false;
    const most = { heap: 0, beside: 0, total: 0 };
    const looking = (async () => {
      while (!isEnding) {
        const { usedSize, embedderHeapUsedSize = 0, backingStorageSize = 0 } = await this.send("Runtime.getHeapUsage");
        most.heap = Math.max(most.heap, usedSize);
        most.beside = Math.max(most.beside, embedderHeapUsedSize + backingStorageSize);
        most.total = Math.max(most.total, usedSize + embedderHeapUsedSize + backingStorageSize);
        await pause(LOOK_MS);
      }
    })();
    return {
      end: async () => {
        isEnding = true;
        await looking;
        return { ...most, wasm: await this.wasmMemory() };
      },
    };
  }

  /** The sizes of all Wasm memories together. */
  async wasmMemory() {
    const { result: prototype } = await this.send("Runtime.evaluate", {
      expression: "WebAssembly.Memory.prototype",
      contextId: this.#context,
    });
    const { objects } = await this.send("Runtime.queryObjects", { prototypeObjectId: prototype.objectId });
    const { result } = await this.send("Runtime.callFunctionOn", {
      objectId: objects.objectId,
      functionDeclaration: "function () { return this.reduce((sum, memory) => sum + memory.buffer.byteLength, 0); }",
      returnByValue: true,
    });
    return result.value;
  }

  /** For how long the isolate was busy meanwhile, in milliseconds. @param {() => Promise<void>} act */
  async profiled(act) {
    await this.send("Profiler.enable");
    await this.send("Profiler.setSamplingInterval", { interval: 200 });
    await this.send("Profiler.start");
    await act();
    const { profile } = await this.send("Profiler.stop");
    const idle = profile.nodes.filter((/** @type {any} */ node) => node.callFrame.functionName === "(idle)");
    const isIdle = new Set(idle.map((/** @type {any} */ node) => node.id));
    let micros = 0;
    for (const [at, node] of profile.samples.entries()) if (!isIdle.has(node)) micros += profile.timeDeltas[at + 1] ?? 0;
    return micros / 1000;
  }

  close() {
    this.#socket.close();
  }
}

/** @param {string} url @returns {Promise<any>} */
function json(url) {
  return new Promise((resolve, reject) => {
    const asked = get(url, (response) => {
      let text = "";
      response.on("data", (data) => (text += data)).on("end", () => {
        try {
          resolve(JSON.parse(text));
        } catch (error) {
          reject(error);
        }
      });
    });
    asked.on("error", reject);
  });
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject).listen(0, "127.0.0.1", () => {
      const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

/** What was measured, as a table and a few words. @param {Awaited<ReturnType<typeof measureMemory>>} measured */
export function memoryRows({ taken }) {
  const mib = (/** @type {number} */ bytes) => (bytes / 1024 / 1024).toFixed(1);
  return taken.map(({ name, heap, beside, wasm, total }) => [name, ...[heap, beside, wasm, total + wasm].map(mib)]);
}

export const MEMORY_HEADER = ["at most, in MiB", "heap", "beside the heap", "Wasm", "together"];

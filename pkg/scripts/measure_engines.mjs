// Measures how long one signature takes each host engine, in Node and in workerd, on what `build.mjs` has built. It is
// where the preferences in `ts/host/host.ts` come from:
//
//   node pkg/scripts/measure_engines.mjs
//
// workerd's clock stands still while a Worker computes, so there it is the time of whole requests that is taken, one of
// many signatures less one of few.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { asJson, makeSigner } from "../../tests/npm/support/signatures.mjs";
import { startWorker } from "../../tests/npm/support/workerd.mjs";

const PACKAGE = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "ES512", "ES256K", "EdDSA"];
const ROUNDS = 7;
/** About how long a round takes, in milliseconds. */
const ROUND = 150;
/** As many signatures cost little beside the request that asks for them. */
const FEW = 5;

/** Verifies so many times, one after the other, as a server does for one request after the other. */
const LOOP = `
  export async function loop(host, question, times) {
    for (let time = 0; time < times; time += 1) if ((await host.verify(question)) !== 0) throw new Error("wrong answer");
  }`;

const folder = await mkdtemp(join(PACKAGE, "dist-measure-"));
try {
  await writeFile(join(folder, "loop.mjs"), LOOP);
  console.log("µs per signature; the median of %d rounds, and the fastest", ROUNDS);
  await measure("Node", ["nodecrypto", "webcrypto", "wasm"], await inNode());
  const worker = await inWorkerd();
  await measure("workerd", ["webcrypto", "wasm"], worker.run);
  await worker.stop();
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function inNode() {
  const { hostHere } = await import(pathToFileURL(join(PACKAGE, "dist/node_host.js")).href);
  const { loop } = await import(pathToFileURL(join(folder, "loop.mjs")).href);
  const hosts = new Map();
  return async (engine, question, times) => {
    const host = hosts.get(engine) ?? hosts.set(engine, hostHere(engine)).get(engine);
    await loop(host, question, times);
  };
}

async function inWorkerd() {
  const entry = join(folder, "worker.mjs");
  await writeFile(
    entry,
    `import { hostHere } from "../dist/workerd_host.js";
     import { loop } from "./loop.mjs";
     const hosts = new Map();
     const bytes = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
     export default {
       async fetch(request) {
         const { engine, question: q, times } = await request.json();
         const host = hosts.get(engine) ?? hosts.set(engine, hostHere(engine)).get(engine);
         const question = { ...q, jwk: () => q.jwk, signingInput: bytes(q.signingInput), signature: bytes(q.signature) };
         await loop(host, question, times);
         return new Response();
       },
     };`,
  );
  const worker = await startWorker(entry);
  return {
    run: async (engine, question, times) => {
      const body = JSON.stringify({ engine, question: asJson(question), times });
      const response = await worker.dispatchFetch("http://worker/", { method: "POST", body });
      if (response.status !== 200) throw new Error(await response.text());
    },
    stop: () => worker.dispose(),
  };
}

async function measure(runtime, engines, run) {
  for (const algorithm of ALGORITHMS) {
    // As long as a token of 500 bytes has it.
    const question = makeSigner(algorithm).question("x".repeat(420));
    for (const { engine, micros } of await compare(engines, (engine, times) => run(engine, question, times))) {
      const columns = micros.length === 0 ? ["–", "–"] : [micros[(ROUNDS - 1) / 2].toFixed(1), micros[0].toFixed(1)];
      console.log([runtime.padEnd(8), algorithm.padEnd(7), engine.padEnd(11), ...columns.map((text) => text.padStart(8))].join(" "));
    }
  }
}

/** Microseconds of one signature, sorted, of every round. The engines take turns, so that a busy machine is so for all. */
async function compare(engines, run) {
  const entries = [];
  for (const engine of engines) {
    const entry = { engine, many: 0, micros: [] };
    entries.push(entry);
    try {
      await run(engine, 100);
      entry.many = Math.max(20, Math.ceil((100 * ROUND) / Math.max(1, await elapsed(() => run(engine, 100)))));
    } catch (error) {
      if (!String(error).includes("no engine could verify")) throw error;
    }
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { engine, many, micros } of entries.filter(({ many }) => many > 0)) {
      const base = await elapsed(() => run(engine, FEW));
      micros.push((((await elapsed(() => run(engine, many + FEW))) - base) * 1000) / many);
    }
  }
  for (const { micros } of entries) micros.sort((a, b) => a - b);
  return entries;
}

async function elapsed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

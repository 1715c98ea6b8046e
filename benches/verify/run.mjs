// `cargo xtask bench verify`: a token's verification beside jose's, in Node and in workerd, in the same run.
//
// The contestants take turns, and each round starts with another one, so that a machine that slows down slows all of
// them. What counts is the ratio of the medians.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";

import * as revocable from "../../pkg/dist/node.js";
import { startWorker } from "../../tests/npm/support/workerd.mjs";
import { table } from "../../xtask/node/table.mjs";
import { ALGORITHMS, prepare, round } from "./contestants.mjs";
import { readingTime } from "./reading.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROUNDS = 9;
/** Rounds that warm everything up and do not count: an isolate's first calls run unoptimised Wasm. */
const WARM_UP = 3;
/** How often in a round: long enough that the request which starts a round in workerd does not count. */
const TIMES = { HS256: 8000, RS256: 3000, ES256: 1500, EdDSA: 1500 };

const { values } = parseArgs({ options: { json: { type: "boolean", default: false } } });
const rows = [...(await inNode()), ...(await inWorkerd())];
const reading = await readingTime();
report();

async function inNode() {
  const contests = await prepare(revocable);
  const time = async (alg, who) => {
    const started = performance.now();
    await round(contests[alg].runs[who], TIMES[alg]);
    return performance.now() - started;
  };
  return measure("Node", time, (alg) => contests[alg].bytes);
}

async function inWorkerd() {
  const out = await mkdtemp(join(tmpdir(), "revocable-bench-"));
  const worker = await startWorker(join(HERE, "worker.mjs"), {}, out);
  try {
    const url = await worker.ready;
    const bytes = await (await fetch(url)).json();
    const time = async (alg, who) => {
      const started = performance.now();
      const answer = await fetch(new URL(`/${alg}/${who}/${TIMES[alg]}`, url));
      if ((await answer.text()) !== "done") throw new Error(`${who} failed at ${alg}`);
      return performance.now() - started;
    };
    return await measure("workerd", time, (alg) => bytes[alg]);
  } finally {
    await worker.dispose();
    await rm(out, { recursive: true });
  }
}

/** Gives a row for each algorithm. */
async function measure(runtime, time, bytesOf) {
  const who = ["jose", "jwtVerify", "createVerifier"];
  const rows = [];
  for (const alg of ALGORITHMS) {
    const micros = Object.fromEntries(who.map((name) => [name, []]));
    for (let turn = 0; turn < WARM_UP + ROUNDS; turn += 1) {
      for (let place = 0; place < who.length; place += 1) {
        const name = who[(turn + place) % who.length];
        const millis = await time(alg, name);
        if (turn >= WARM_UP) micros[name].push((millis * 1000) / TIMES[alg]);
      }
    }
    const [jose, jwtVerify, createVerifier] = who.map((name) => median(micros[name]));
    rows.push({ runtime, alg, bytes: bytesOf(alg), jose, jwtVerify, createVerifier });
  }
  return rows;
}

function median(numbers) {
  return numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

function report() {
  if (values.json) return console.log(JSON.stringify({ rows, reading }));
  const print = table([
    { title: "runtime", width: 8 },
    { title: "algorithm", width: 9 },
    { title: "bytes", width: 5, right: true },
    { title: "jose µs", width: 9, right: true },
    { title: "jwtVerify µs", width: 12, right: true },
    { title: "× jose", width: 6, right: true },
    { title: "createVerifier µs", width: 17, right: true },
    { title: "× jose", width: 6, right: true },
  ]);
  for (const { runtime, alg, bytes, jose, jwtVerify, createVerifier } of rows) {
    const beside = (micros) => [micros.toFixed(1), (micros / jose).toFixed(2)];
    print([runtime, alg, String(bytes), jose.toFixed(1), ...beside(jwtVerify), ...beside(createVerifier)]);
  }
  const [micros, anew] = [reading.micros, reading.microsAnew].map((micros) => micros.toFixed(2));
  console.log(`\nreading header and claims of tokens of ${reading.bytes} bytes in warm Wasm: ${micros} µs,`);
  console.log(`and ${anew} µs where each has another header`);
}

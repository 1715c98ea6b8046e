// `cargo xtask bench list`: look-ups, making ids and opening in workerd and in Chromium.
//
// The contestants take turns, and each round starts with another one, so that a machine that slows down slows all of them.
// What counts is the median of the time that processors have worked, where the system tells it. `--files` is a folder with what `bench-list files` has written for each number of entries.
import { once } from "node:events";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";

import { launchChromium } from "../../tests/browser/support/chromium.mjs";
import { serve } from "../../tests/browser/support/site.mjs";
import { startWorker } from "../../tests/npm/support/workerd.mjs";
import { buildLeaf } from "../../xtask/node/leaf.mjs";
import { processorMillis } from "./processor.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROUNDS = 9;
/** Rounds that warm everything up and do not count: an isolate's first calls run unoptimised Wasm. */
const WARM_UP = 4;
/** How many fresh isolates are asked for their first call. */
const FRESH = 7;
/** A turn takes about so long: long enough that the request which starts it in workerd does not count. */
const TURN_MILLIS = 150;
/** How the Worker's Wasm is compiled, and how the npm package's is. */
const PROFILES = ["release", "small"];

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    files: { type: "string" },
    entries: { type: "string", multiple: true, default: ["1000000", "10000000"] },
  },
});
if (values.files === undefined) throw new Error("--files is needed");

const rows = [];
const opened = [];
for (const profile of PROFILES) {
  const wasm = await buildLeaf({
    package: "revocable-bench-list-wasm",
    folder: `bench-list-wasm/${profile}`,
    name: "list",
    profile,
  });
  await cp(wasm, join(wasm, "../chosen"), { recursive: true });
  const site = await serve({
    "/files/": values.files,
    "/wasm/": wasm,
    "/": HERE,
  });
  try {
    for (const entries of values.entries) {
      const base = `${site.url}/files/${entries}/`;
      for (const start of [inWorkerd, inChromium]) await measure(profile, base, start, site.url);
    }
  } finally {
    await site.close();
  }
}
report();

/** Measures in one runtime. */
async function measure(profile, base, start, url) {
  const runtime = start === inWorkerd ? "workerd" : "Chromium";
  const contest = await start(url);
  try {
    const { about, runs } = await contest.load(base, false);
    const names = Object.keys(runs);
    const rounds = {};
    const nanos = Object.fromEntries(names.map((name) => [name, []]));
    for (let turn = 0; turn < WARM_UP + ROUNDS; turn += 1) {
      for (let place = 0; place < names.length; place += 1) {
        const name = names[(turn + place) % names.length];
        rounds[name] ??= 1;
        const before = processorMillis();
        const elapsed = await contest.run(name, rounds[name]);
        const after = processorMillis();
        const millis = before === undefined || after === undefined ? elapsed : after - before;
        if (turn >= WARM_UP) nanos[name].push((millis * 1e6) / (rounds[name] * runs[name]));
        else rounds[name] = Math.max(1, Math.round((TURN_MILLIS * rounds[name]) / Math.max(millis, 1)));
      }
    }
    for (const name of names) {
      if (name === "open") opened.push({ runtime, profile, ...about, warmMillis: median(nanos[name]) / 1e6 });
      else rows.push({ runtime, profile, entries: about.entries, what: name, nanos: median(nanos[name]) });
    }
  } finally {
    await contest.close();
  }
  const fresh = [];
  for (let turn = 0; turn < FRESH; turn += 1) {
    const contest = await start(url);
    try {
      const { before } = await contest.load(base, true);
      const { millis, after } = await contest.open();
      fresh.push({ millis, grown: after - before });
    } finally {
      await contest.close();
    }
  }
  const last = opened.at(-1);
  last.freshMillis = median(fresh.map(({ millis }) => millis));
  last.grownBytes = median(fresh.map(({ grown }) => grown));
}

async function inWorkerd() {
  const out = await mkdtemp(join(tmpdir(), "revocable-bench-"));
  const worker = await startWorker(join(HERE, "worker.mjs"), {}, out);
  const url = await worker.ready;
  // A connection for each request: one that has stood idle may be closed just as it is used again.
  const ask = async (path) => {
    const started = performance.now();
    const [answer] = await once(get(new URL(path, url), { agent: false }), "response");
    const body = await text(answer);
    if (answer.statusCode !== 200) throw new Error(body);
    return { millis: performance.now() - started, text: body };
  };
  return {
    load: async (base, alone) => JSON.parse((await ask(`/${alone ? "alone" : "load"}?${encodeURIComponent(base)}`)).text),
    run: async (what, rounds) => (await ask(`/run/${encodeURIComponent(what)}/${rounds}`)).millis,
    open: async () => {
      // What a request takes that does nothing.
      const nothing = [];
      for (let turn = 0; turn < 9; turn += 1) nothing.push((await ask("/nothing")).millis);
      const { millis, text: after } = await ask("/open");
      return { millis: millis - median(nothing), after: Number(after) };
    },
    close: async () => {
      await worker.dispose();
      await rm(out, { recursive: true });
    },
  };
}

async function inChromium(url) {
  const browser = await launchChromium();
  const page = await browser.newPage();
  await page.goto(`${url}/page.html`);
  await page.waitForFunction(() => globalThis.contest !== undefined);
  return {
    load: (base, alone) => page.evaluate(([base, alone]) => globalThis.contest.load(base, alone), [base, alone]),
    run: (what, rounds) => page.evaluate(([what, rounds]) => globalThis.contest.run(what, rounds), [what, rounds]),
    open: () => page.evaluate(() => globalThis.contest.open()),
    close: () => browser.close(),
  };
}

function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

function report() {
  if (values.json) return console.log(JSON.stringify({ rows, opened }));
  console.log("Look-ups and ids in warm Wasm, at 2^-50:\n");
  table(
    ["runtime", "compiled as", "entries", "what", "ns"],
    rows.map(({ runtime, profile, entries, what, nanos }) => [runtime, profile, entries, what, nanos.toFixed(0)]),
  );
  console.log("\nOpening at 2^-50, hashes apart:\n");
  table(
    ["runtime", "compiled as", "entries", "bytes", "warm, ms", "first call, ms", "memory grew by, bytes", "beyond the bytes"],
    opened.map(({ runtime, profile, entries, bytes, warmMillis, freshMillis, grownBytes }) => [
      ...[runtime, profile, entries, bytes, warmMillis.toFixed(2), freshMillis.toFixed(1), grownBytes],
      `${(((grownBytes - bytes) / bytes) * 100).toFixed(1)} %`,
    ]),
  );
}

/** Prints a table in Markdown, as the manual has them. */
function table(head, cells) {
  const rows = [head, ...cells.map((row) => row.map(String))];
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const isNumber = head.map((_, column) => cells.every((row) => /^[\d.]+( %)?$/.test(String(row[column]))));
  const line = (row) => `| ${row.map((cell, at) => (isNumber[at] ? cell.padStart(widths[at]) : cell.padEnd(widths[at]))).join(" | ")} |`;
  console.log(line(head));
  console.log(`| ${widths.map((width, at) => (isNumber[at] ? `${"-".repeat(width - 1)}:` : "-".repeat(width))).join(" | ")} |`);
  for (const row of rows.slice(1)) console.log(line(row));
}

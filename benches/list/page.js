// The contest in a page.
import init, * as list from "./wasm/list.js";
import { load } from "./contest.mjs";

const { memory } = await init({ module_or_path: "./wasm/list_bg.wasm" });
let contest;

globalThis.contest = {
  async load(base, alone) {
    const before = memory.buffer.byteLength;
    contest = await load(base, list, { alone });
    const runs = Object.entries(contest.runs ?? {}).map(([name, { times }]) => [name, times]);
    return { about: contest.about, runs: Object.fromEntries(runs), before };
  },
  run(what, rounds) {
    const started = performance.now();
    for (let round = 0; round < rounds; round += 1) contest.runs[what].round();
    return performance.now() - started;
  },
  open() {
    const started = performance.now();
    contest.bench.open(1);
    return { millis: performance.now() - started, after: memory.buffer.byteLength };
  },
};

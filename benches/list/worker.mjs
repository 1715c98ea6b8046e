// The contest inside workerd: `/load?<base>` fetches what is looked up, `/alone?<base>` the segments alone, `/run/<what>/<rounds>`
// does it. Whoever asks holds the clock, as time stands still in here.
import wasm from "../../target/bench-list-wasm/chosen/list_bg.wasm";
import * as list from "../../target/bench-list-wasm/chosen/list.js";
import { load } from "./contest.mjs";

const { memory } = list.initSync({ module: wasm });
let contest;

export default {
  async fetch(request) {
    const { pathname, search } = new URL(request.url);
    const [, verb, what, rounds] = decodeURIComponent(pathname).split("/");
    if (verb === "load" || verb === "alone") {
      const before = memory.buffer.byteLength;
      contest = await load(decodeURIComponent(search.slice(1)), list, { alone: verb === "alone" });
      const runs = Object.entries(contest.runs ?? {}).map(([name, { times }]) => [name, times]);
      return Response.json({ about: contest.about, runs: Object.fromEntries(runs), before });
    }
    if (verb === "open") contest.bench.open(1);
    if (verb === "run") for (let round = 0; round < Number(rounds); round += 1) contest.runs[what].round();
    return new Response(String(memory.buffer.byteLength));
  },
};

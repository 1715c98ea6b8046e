// The contest inside workerd. `/<algorithm>/<who>/<times>` runs one round; whoever asks holds the clock, as time stands
// still in here.
import * as revocable from "../../pkg/dist/workerd.js";
import { prepare, round } from "./contestants.mjs";

let contests;

export default {
  async fetch(request) {
    contests ??= await prepare(revocable);
    const [, alg, who, times] = new URL(request.url).pathname.split("/");
    if (alg === "") return Response.json(Object.fromEntries(Object.entries(contests).map(([alg, { bytes }]) => [alg, bytes])));
    await round(contests[alg].runs[who], Number(times));
    return new Response("done");
  },
};

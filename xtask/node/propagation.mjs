// `cargo xtask bench propagation`: how long it takes from the answer to a revocation to the first refusal, by each way that a
// gate can hear of it, and what the ledger takes in.
//
// All of it is on loopback: the figures are what the software takes, and a network's come on top.
import { availableParallelism, loadavg } from "node:os";
import { parseArgs } from "node:util";

import { round } from "./figures.mjs";
import { ledgerOf, measureLedger, printLedger } from "./propagation-ledger.mjs";
import { POLL_MS, measureWays, printWays, waysOf } from "./propagation-ways.mjs";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    revocations: { type: "string", default: "1000" },
    entries: { type: "string", default: "1000000" },
  },
});
const revocations = Number(values.revocations);
const entries = Number(values.entries);

const ways = revocations > 0 ? waysOf(await measureWays(revocations)) : undefined;
const ledger = entries > 0 ? ledgerOf(await measureLedger(entries)) : undefined;
const cores = availableParallelism();
const load = loadavg().map(round);
if (values.json) {
  console.log(JSON.stringify({ cores, load, pollMs: POLL_MS, propagation: ways, ledger }));
} else {
  if (ways) printWays(ways, { revocations, cores, load });
  if (ledger) printLedger(ledger);
}

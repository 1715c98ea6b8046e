// `cargo xtask dev`: starts the stack, prints its URLs as one line of JSON, and stays up until it is told to stop.
import { parseArgs } from "node:util";

import { startStack } from "./stack.mjs";

const { values } = parseArgs({ options: { port: { type: "string", default: "0" } } });
const stack = await startStack({ port: Number(values.port), publish: [], showLogs: true });
const { gate, issuer, origin } = stack;

for (const signal of ["SIGINT", "SIGTERM"]) {
  // Miniflare's own listener would end the process before everything is put away.
  process.removeAllListeners(signal);
  process.once(signal, async () => {
    await stack.dispose();
    process.exit(0);
  });
}

console.log(
  JSON.stringify({
    gate: gate.url,
    issuer: issuer.url,
    origin: origin.url,
    playground: `${gate.url}/_revocable/`,
  }),
);
console.error("ready; Ctrl-C stops it");


// Prints what came of the vectors in JavaScript runtimes, a line of JSON for each suite and engine; `cargo xtask vectors`
// makes a table of them.
//
//     node tests/vectors/run.mjs [--suite NAME] [--in ENVIRONMENT]… [--raw]
//
// The npm package has to be built. `--raw` asks its engines without a look at key and signature before, which shows where
// runtimes differ.
import { parseArgs } from "node:util";

import { ENVIRONMENTS, readVectors } from "./environments.mjs";

const { values } = parseArgs({
  options: {
    suite: { type: "string" },
    in: { type: "string", multiple: true, default: Object.keys(ENVIRONMENTS) },
    raw: { type: "boolean", default: false },
  },
});
const vectors = await readVectors(values.suite);
for (const name of values.in) {
  const rows = await ENVIRONMENTS[name](vectors, { raw: values.raw });
  for (const row of rows) console.log(JSON.stringify(row));
  if (rows.some(({ failed }) => failed > 0)) process.exitCode = 1;
}

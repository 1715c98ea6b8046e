// Declares a test for each suite and engine of some environments, for `node --test`.
import assert from "node:assert/strict";
import { test } from "node:test";

import { ENVIRONMENTS, readVectors } from "./environments.mjs";

/** Runs every vector in these environments, and declares what came of them. */
export async function declareVectors(...names) {
  const vectors = await readVectors();
  const counts = new Map(vectors.suites.map(({ suite, groups }) => [suite, groups.flatMap(({ tests }) => tests).length]));
  // All of them before the first test is declared: the runner takes a file whose tests have ended for done.
  const environments = [];
  for (const name of names) environments.push({ name, rows: await ENVIRONMENTS[name](vectors) });
  for (const { name, rows } of environments) {
    for (const { suite, engine, passed, excepted, unclaimed, failures } of rows) {
      test(`${engine}: ${suite}: ${passed} pass, ${excepted} are excepted, ${unclaimed} are left to others`, () => {
        assert.deepEqual(failures, []);
        assert.equal(passed + excepted + unclaimed, counts.get(suite));
        const several = suite === "rfc_signatures";
      assert.ok(several || passed + excepted === 0 || unclaimed === 0, "an engine knows an algorithm or does not");
      });
    }
    test(`${name}: every suite is judged by some engine, but for algorithms that a host need not know`, () => {
      const judged = new Set(rows.filter(({ unclaimed }) => unclaimed === 0).map(({ suite }) => suite));
      const left = [...counts.keys()].filter((suite) => !judged.has(suite));
      assert.deepEqual(left.filter((suite) => !MAY_BE_UNKNOWN.test(suite)), []);
    });
  }
}

/** ES256K and ML-DSA, which hosts have or lack, and tokens, which a bare engine does not read. */
const MAY_BE_UNKNOWN = /^(ecdsa_secp256k1_|mldsa_|json_web_|rfc\d)/;

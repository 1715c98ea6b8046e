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
    test(`${name}: every suite is judged by an engine that leaves none of it to others`, () => {
      const judged = new Set(rows.filter(({ unclaimed }) => unclaimed === 0).map(({ suite }) => suite));
      assert.deepEqual([...counts.keys()].filter((suite) => !judged.has(suite)), []);
    });
    test(`${name}: its hosts know what every host is to know`, () => {
      const left = rows.filter(({ suite, unclaimed }) => unclaimed > 0 && KNOWN_BY_ALL.test(suite));
      assert.deepEqual(left.map(({ suite, engine }) => `${engine}: ${suite}`), []);
    });
    test(`${name}: the package's Wasm knows every algorithm that a host is asked about`, () => {
      const wasm = rows.filter(({ engine }) => engine === `${name} wasm`);
      assert.equal(wasm.length, counts.size);
      const left = wasm.filter(({ suite, unclaimed }) => unclaimed > 0 && !WITH_HMAC.test(suite));
      assert.deepEqual(left.map(({ suite }) => suite), []);
    });
  }
}

/** All but HMAC, for which no host is asked, and ES256K and ML-DSA, which hosts have or lack. */
const KNOWN_BY_ALL = /^(rsa_|ecdsa_secp(256r1|384r1|521r1)_|ed25519|json_web_|rfc\d)/;
/** HMAC is the core's own. */
const WITH_HMAC = /^(hmac_|rfc_signatures$)/;

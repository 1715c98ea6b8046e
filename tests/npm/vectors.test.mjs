// The published vectors in Node and in workerd, and the judge that counts them.
import assert from "node:assert/strict";
import { test } from "node:test";

import { declareVectors } from "../vectors/declare.mjs";
import { runSuites } from "../vectors/runner.mjs";

await declareVectors("node", "workerd");

test("a verdict other than the published one fails", async () => {
  assert.deepEqual(await judge({ result: "valid", fits: true }), [1, 0, 0, 0]);
  assert.deepEqual(await judge({ result: "valid", fits: false }), [0, 0, 0, 1]);
  assert.deepEqual(await judge({ result: "invalid", fits: true }), [0, 0, 0, 1]);
});

test("an excepted case is to come out the other way round", async () => {
  const exceptions = [{ suite: "made-up", ids: "1", engine: "all", verdict: "invalid", reason: "a test" }];
  assert.deepEqual(await judge({ result: "valid", fits: false, exceptions }), [0, 1, 0, 0]);
  assert.deepEqual(await judge({ result: "valid", fits: true, exceptions }), [0, 0, 0, 1]);
  assert.deepEqual(await judge({ result: "invalid", fits: false, exceptions }), [0, 0, 0, 1]);
});

test("an exception that no case needs, or that is another engine's, excuses nothing", async () => {
  const entry = { suite: "made-up", ids: "1", engine: "all", verdict: "invalid", reason: "a test" };
  assert.deepEqual(await judge({ result: "valid", fits: true, exceptions: [{ ...entry, ids: "2-3" }] }), [1, 0, 0, 2]);
  const other = [{ ...entry, engine: "another" }];
  assert.deepEqual(await judge({ result: "valid", fits: false, exceptions: other }), [0, 0, 0, 1]);
});

test("a case that is left open needs a rule for its flag", async () => {
  const acceptable = { Lax: { verdict: "invalid", reason: "one spelling is enough" } };
  const open = { result: "acceptable", acceptable, fits: false };
  assert.deepEqual(await judge({ ...open, flags: ["Lax"] }), [1, 0, 0, 0]);
  assert.deepEqual(await judge({ ...open, flags: ["toString"] }), [0, 0, 0, 1]);
});

test("an engine that throws or says neither yes nor no fails, and one that knows nothing is counted apart", async () => {
  assert.deepEqual(await judge({ result: "invalid", fits: Promise.reject(new Error("no")) }), [0, 0, 0, 1]);
  assert.deepEqual(await judge({ result: "invalid", fits: 0 }), [0, 0, 0, 1]);
  assert.deepEqual(await judge({ result: "invalid", fits: undefined }), [0, 0, 1, 0]);
});

/** Passed, excepted, unclaimed, failed. */
async function judge({ result, fits, flags, acceptable = {}, exceptions = [] }) {
  const suite = { suite: "made-up", groups: [{ tests: [{ id: 1, comment: "", msg: "", sig: "", result, flags }] }] };
  const engine = { name: "an engine", check: () => fits };
  const [row] = await runSuites(engine, [suite], { acceptable, exceptions });
  return [row.passed, row.excepted, row.unclaimed, row.failed];
}

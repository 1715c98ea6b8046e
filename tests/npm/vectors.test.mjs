// The published vectors in Node and in workerd, and the judge that counts them.
import assert from "node:assert/strict";
import { test } from "node:test";

import { declareVectors } from "../vectors/declare.mjs";
import { packaged } from "../vectors/engines.mjs";
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

test("what the package's host answers counts, and only one that knows no engine is left out", async () => {
  const answering = (verify) => packaged("a host", { verify: async () => verify() });
  const question = { algorithm: "ES256", jwk: {}, message: new Uint8Array(), signature: new Uint8Array() };
  for (const [answer, fits] of [[0, true], [1, false], [2, false], [3, undefined], [true, undefined]]) {
    const host = answering(() => answer);
    if (fits === undefined) await assert.rejects(host.check(question));
    else assert.equal(await host.check(question), fits);
  }
  const failing = (name, mayPass) =>
    answering(() => {
      throw Object.assign(new Error("no"), { name, mayPass });
    });
  assert.equal(await failing("NoEngine", false).check(question), undefined);
  assert.equal(await failing("NoEngine", false).knows(question), false);
  await assert.rejects(failing("NoEngine", true).check(question));
  await assert.rejects(failing("Error", false).check(question));
});

test("the package's host gets one number for a key and an algorithm, and another for any other", async () => {
  const numbers = [];
  const host = packaged("a host", { verify: ({ keyNumber }) => (numbers.push(keyNumber), 1) });
  const nothing = new Uint8Array();
  const [one, other] = [{}, {}];
  for (const [jwk, algorithm] of [[one, "PS256"], [one, "RS256"], [other, "PS256"], [one, "PS256"]]) {
    await host.check({ algorithm, jwk, message: nothing, signature: nothing });
  }
  assert.equal(new Set(numbers).size, 3);
  assert.equal(numbers[0], numbers[3]);
});

/** Passed, excepted, unclaimed, failed. */
async function judge({ result, fits, flags, acceptable = {}, exceptions = [] }) {
  const suite = { suite: "made-up", groups: [{ tests: [{ id: 1, comment: "", msg: "", sig: "", result, flags }] }] };
  const engine = { name: "an engine", check: () => fits };
  const [row] = await runSuites(engine, [suite], { acceptable, exceptions });
  return [row.passed, row.excepted, row.unclaimed, row.failed];
}

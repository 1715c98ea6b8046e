// The snapshot on its way: what becomes of manifests and segments in KV that are missing, wrong, old or half there.
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { ISSUER } from "../../xtask/node/names.mjs";
import { createAuthority, revocable } from "../../xtask/node/authority.mjs";
import { startStack, until, withCorruptSegment } from "../../xtask/node/stack.mjs";
import { ask } from "./support.mjs";

const REVOKED = { status: 401, code: "ERR_JWT_REVOKED", seq: undefined };
const jti = (/** @type {string} */ value) => ({ rule: ["jti"], issuer: ISSUER, values: [value] });

describe("the snapshot", () => {
  /** @type {import("../../xtask/node/stack.mjs").Stack} */
  let stack;
  /** @type {import("../../xtask/node/stack.mjs").Snapshot} */
  let one;
  /** @type {import("../../xtask/node/stack.mjs").Snapshot} */
  let two;
  /** @type {{ good: string, first: string, second: string }} */
  let tokens;
  /** @type {string[]} */
  const folders = [];

  before(async () => {
    stack = await startStack();
    one = await stack.authority.build([jti("first")]);
    two = await stack.authority.build([jti("first"), jti("second")]);
    const mint = (/** @type {string} */ id) => stack.issuer.mint({ jti: id });
    tokens = { good: await mint("good"), first: await mint("first"), second: await mint("second") };
  });
  after(async () => {
    await stack.dispose();
    for (const folder of folders) await rm(folder, { recursive: true });
  });

  /** A folder that is gone when the tests are over. */
  async function temporaryFolder() {
    const folder = await mkdtemp(join(tmpdir(), "revocable-"));
    folders.push(folder);
    return folder;
  }

  /** A warm gate that has the first snapshot in force. */
  async function warm() {
    const gate = await stack.startFreshGate({ objects: one.objects });
    assert.deepEqual(await ask(gate, tokens.first), REVOKED);
    assert.deepEqual(await ask(gate, tokens.second), { status: 200, code: undefined, seq: "1" });
    return gate;
  }

  /** Puts objects into KV, waits until the gate has looked and said why it refuses them, and finds it unmoved. */
  async function refuses(/** @type {Map<string, Buffer>} */ objects, /** @type {string} */ code) {
    const gate = await warm();
    await gate.put(objects);
    const said = () => gate.logs.some((line) => line.includes(code));
    await until(() => ask(gate, tokens.good), said);
    assert.ok(said(), `the log names ${code}:\n${gate.logs.join("\n")}`);
    assert.deepEqual(await ask(gate, tokens.first), REVOKED);
    assert.deepEqual(await ask(gate, tokens.second), { status: 200, code: undefined, seq: "1" });
    return gate;
  }

  test("none: 503 with Retry-After, and healthz says so", async () => {
    const gate = await stack.startFreshGate();
    assert.deepEqual(await ask(gate, tokens.good), { status: 503, code: "ERR_REVOCATION_UNAVAILABLE", seq: undefined });
    const health = await (await gate.fetch("/_revocable/healthz")).json();
    assert.equal(health.snapshot, null);
    assert.equal(health.configured, true);
  });

  test("published later: the gate that had none begins to answer", async () => {
    const gate = await stack.startFreshGate();
    assert.equal((await ask(gate, tokens.good)).status, 503);
    await gate.put(one.objects);
    const answer = await until(() => ask(gate, tokens.good), ({ status }) => status === 200);
    assert.deepEqual(answer, { status: 200, code: undefined, seq: "1" });
  });

  test("a newer one: in force within its ttl, without a failed request between", async () => {
    const gate = await warm();
    await gate.put(two.objects);
    const statuses = new Set();
    const answer = await until(async () => {
      statuses.add((await ask(gate, tokens.good)).status);
      return ask(gate, tokens.second);
    }, ({ status }) => status === 401);
    assert.deepEqual(answer, REVOKED);
    assert.deepEqual([...statuses], [200]);
  });

  test("fifty requests at once on a cold isolate are all answered", async () => {
    const gate = await stack.startFreshGate({ objects: one.objects });
    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => ask(gate, n % 2 ? tokens.first : tokens.good)));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))].sort(), [200, 401]);
    assert.equal(answers.filter(({ status }) => status === 401).length, 25);
  });

  test("a corrupt segment: a fresh gate is unavailable, a warm one goes on", async () => {
    const fresh = await stack.startFreshGate({ objects: withCorruptSegment(one) });
    assert.equal((await ask(fresh, tokens.good)).status, 503);
    assert.match(fresh.logs.join("\n"), /ERR_REVOCATION_SEGMENT_HASH_MISMATCH/);
    await refuses(withCorruptSegment(two), "ERR_REVOCATION_SEGMENT_HASH_MISMATCH");
  });

  test("a truncated segment is refused", async () => {
    const objects = new Map(two.objects);
    for (const [name, bytes] of objects) if (name.startsWith("segments/")) objects.set(name, bytes.subarray(0, -1));
    await refuses(objects, "ERR_REVOCATION_SEGMENT_HASH_MISMATCH");
  });

  test("a manifest whose segment is not visible yet is put off, and in force when it is", async () => {
    const gate = await refuses(new Map([["manifest.jwt", /** @type {Buffer} */ (two.objects.get("manifest.jwt"))]]), "ERR_REVOCATION_SEGMENT_MISSING");
    await gate.put(two.objects);
    assert.deepEqual(await until(() => ask(gate, tokens.second), ({ status }) => status === 401), REVOKED);
  });

  test("a manifest signed with another key is refused", async () => {
    const impostor = await createAuthority(await temporaryFolder());
    const snapshot = await impostor.build([jti("good")], { args: ["--seq", "9"] });
    await refuses(snapshot.objects, "ERR_REVOCATION_MANIFEST_UNTRUSTED");
  });

  test("a manifest of an authority that is not configured is refused", async () => {
    const other = { ...stack.config, lists: [{ ...(/** @type {any} */ (stack.config).lists[0]), issuer: "https://other.example" }] };
    const gate = await stack.startFreshGate({ config: other, objects: one.objects });
    assert.equal((await ask(gate, tokens.good)).status, 503);
    assert.match(gate.logs.join("\n"), /ERR_REVOCATION_MANIFEST_UNTRUSTED/);
  });

  test("a manifest older than the one in force is refused as a rollback", async () => {
    const gate = await stack.startFreshGate({ objects: two.objects });
    assert.deepEqual(await ask(gate, tokens.second), REVOKED);
    await gate.put(one.objects);
    const said = () => gate.logs.some((line) => line.includes("ERR_REVOCATION_MANIFEST_ROLLBACK"));
    await until(() => ask(gate, tokens.good), said);
    assert.ok(said());
    assert.deepEqual(await ask(gate, tokens.second), REVOKED);
  });

  test("another manifest of the same number is refused as a conflict", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "in.ndjson"), `${JSON.stringify(jti("good"))}\n`);
    const out = join(folder, "out");
    await revocable(["build", "--input", join(folder, "in.ndjson"), "--key", stack.authority.keyFile, "--issuer", stack.authority.issuer, "--out", out, "--seq", "1", "--ttl", "1"]);
    const objects = new Map();
    for (const name of await readdir(join(out, "segments"))) objects.set(`segments/${name}`, await readFile(join(out, "segments", name)));
    objects.set("manifest.jwt", await readFile(join(out, "manifest.jwt")));
    await refuses(objects, "ERR_REVOCATION_MANIFEST_CONFLICT");
  });

  test("a manifest that is no manifest is refused", async () => {
    await refuses(new Map([["manifest.jwt", Buffer.from("<!doctype html>")]]), "ERR_REVOCATION_MANIFEST_INVALID");
    await refuses(new Map([["manifest.jwt", Buffer.from(tokens.good)]]), "ERR_REVOCATION_MANIFEST_INVALID");
  });

  test("the manifest gone: the age grows and the answers stay", async () => {
    const gate = await warm();
    await (await gate.kv()).delete("manifest.jwt");
    const said = () => gate.logs.some((line) => line.includes("ERR_REVOCATION_SOURCE_UNAVAILABLE"));
    await until(() => ask(gate, tokens.good), said);
    assert.ok(said());
    assert.deepEqual(await ask(gate, tokens.first), REVOKED);
    assert.equal((await ask(gate, tokens.good)).status, 200);
  });

  test("past its hard limit: unavailable, and back when there is a newer one", async () => {
    const short = await stack.authority.build([jti("first")], { args: ["--valid-for", "15"] });
    const gate = await stack.startFreshGate({ objects: short.objects });
    assert.deepEqual(await ask(gate, tokens.first), REVOKED);
    const late = await until(() => ask(gate, tokens.good), ({ status }) => status === 503, 30_000);
    assert.equal(late.code, "ERR_REVOCATION_UNAVAILABLE");
    await gate.put((await stack.authority.build([jti("first")])).objects);
    assert.equal((await until(() => ask(gate, tokens.good), ({ status }) => status === 200)).status, 200);
  });
});

// Lists that are read over HTTP: from a web server, and from another gate.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { startStack, until, withCorruptSegment } from "../../xtask/node/stack.mjs";
import { line, segmentsOf, startFolder, without } from "./lists.mjs";
import { ask } from "./support.mjs";

/** @typedef {import("../../xtask/node/stack.mjs").Snapshot} Snapshot */

const REVOKED = { status: 401, code: "ERR_JWT_REVOKED", seq: undefined };
const UNAVAILABLE = { status: 503, code: "ERR_REVOCATION_UNAVAILABLE", seq: undefined };

describe("a list that is read over HTTP", () => {
  /** @type {import("../../xtask/node/stack.mjs").Stack} */
  let stack;
  /** @type {Snapshot} */
  let one;
  /** @type {Snapshot} */
  let two;
  /** @type {Snapshot} whose segments are three */
  let several;
  /** @type {{ good: string, first: string, second: string }} */
  let tokens;
  /** @type {(() => unknown)[]} */
  const disposals = [];
  before(async () => {
    stack = await startStack();
    one = await stack.authority.build([line(["jti"], ["first"])]);
    two = await stack.authority.build([line(["jti"], ["first"]), line(["jti"], ["second"])]);
    const lines = [line(["jti"], ["first"]), line(["sub"], ["nobody"]), line(["tenant"], ["t"])];
    several = await stack.authority.build(lines);
    const mint = (/** @type {string} */ jti) => stack.issuer.mint({ jti });
    tokens = { good: await mint("good"), first: await mint("first"), second: await mint("second") };
  });
  after(async () => {
    for (const disposal of disposals) await disposal();
    await stack.dispose();
  });

  /** A folder that serves a snapshot, and a gate that reads it. */
  async function start(/** @type {Map<string, Buffer>} */ objects, { key = "s-1", presented = "s-1" } = {}) {
    const folder = await startFolder(new Map(objects), { key });
    disposals.push(folder.close);
    const config = { ...stack.config, source: { url: folder.url, readKey: { secret: "SOURCE_KEY" } } };
    const gate = await stack.startFreshGate({ config, bindings: { SOURCE_KEY: presented } });
    const says = async (/** @type {RegExp} */ what) => {
      const said = () => gate.logs.some((text) => what.test(text));
      await until(() => ask(gate, tokens.good), said);
      assert.ok(said(), gate.logs.join("\n"));
    };
    return { folder, gate, says };
  }

  /** Sends bytes in twenty parts, for longer than a whole reading once was allowed to take. */
  async function trickle(/** @type {import("node:http").ServerResponse} */ response, /** @type {Buffer} */ bytes) {
    const step = Math.ceil(bytes.length / 20);
    for (let at = 0; at < bytes.length; at += step) {
      response.write(bytes.subarray(at, at + step));
      await setTimeout(700);
    }
    response.end();
  }

  /** A gate that has the first snapshot in force. */
  async function warm() {
    const started = await start(one.objects);
    assert.deepEqual(await ask(started.gate, tokens.first), REVOKED);
    assert.deepEqual(await ask(started.gate, tokens.second), { status: 200, code: undefined, seq: "1" });
    return started;
  }

  test("with the key that the configuration names, and again only when it has changed", async () => {
    const { folder, gate } = await warm();
    assert.deepEqual(folder.asked, ["manifest.jwt 200", `${segmentsOf(one).main[0]} 200`]);
    const looked = () => folder.asked.filter((asked) => asked === "manifest.jwt 304").length;
    await until(() => ask(gate, tokens.good), () => looked() > 1);
    assert.ok(looked() > 1, folder.asked.join());
    assert.equal(folder.asked.filter((asked) => asked.endsWith("200")).length, 2, folder.asked.join());
    const health = await (await gate.fetch("/_revocable/healthz")).json();
    assert.ok(health.snapshot.checkedSecondsAgo <= 2, "that nothing has changed is news, too");
    folder.objects = two.objects;
    assert.deepEqual(await until(() => ask(gate, tokens.second), ({ status }) => status === 401), REVOKED);
  });

  test("with another key it is unavailable, and the log says why", async () => {
    const { gate } = await start(one.objects, { presented: "s-2" });
    assert.deepEqual(await ask(gate, tokens.good), UNAVAILABLE);
    assert.match(gate.logs.join("\n"), /status 401/);
    assert.ok(!gate.logs.join("\n").includes("s-2"));
  });

  test("what is longer than it may be, goes elsewhere, or is corrupt changes nothing", async () => {
    const { folder, gate, says } = await warm();
    folder.answerWith((name, response) => name === "manifest.jwt" && Boolean(response.end(Buffer.alloc(2 * 1024 * 1024, "e"))));
    await says(/more of it than is allowed/);
    folder.answerWith((name, response) => name === "manifest.jwt" && Boolean(response.writeHead(302, { location: "/list/other" }).end()));
    await says(/status 302/);
    folder.answerWith((name, response) => name === "manifest.jwt" && Boolean(response.writeHead(500).end()));
    await says(/status 500/);
    folder.answerWith(undefined);
    folder.objects = without(two.objects, segmentsOf(two).main);
    await says(/ERR_REVOCATION_SEGMENT_MISSING/);
    folder.objects = withCorruptSegment(two);
    await says(/ERR_REVOCATION_SEGMENT_HASH_MISMATCH/);
    assert.deepEqual(await ask(gate, tokens.first), REVOKED);
    assert.deepEqual(await ask(gate, tokens.second), { status: 200, code: undefined, seq: "1" });
    folder.objects = two.objects;
    assert.deepEqual(await until(() => ask(gate, tokens.second), ({ status }) => status === 401), REVOKED);
  });

  test("a segment that is longer than the manifest says is not read to its end", async () => {
    const { folder, says } = await warm();
    folder.objects = two.objects;
    folder.answerWith((name, response) => {
      if (!name.startsWith("segments/")) return false;
      const write = () => void (response.destroyed || response.write(Buffer.alloc(65_536), () => setImmediate(write)));
      write();
      return true;
    });
    await says(/ERR_REVOCATION_SEGMENT_HASH_MISMATCH/);
  });

  test("a source that is slow is waited for as long as something comes, and nobody begins anew", async () => {
    const { folder, gate } = await start(one.objects);
    folder.answerWith((name, response) => {
      if (!name.startsWith("segments/")) return false;
      void trickle(response, one.objects.get(name) ?? Buffer.alloc(0));
      return true;
    });
    const first = ask(gate, tokens.first);
    // Meanwhile others ask, too.
    await until(() => ask(gate, tokens.good), ({ status }) => status === 200, 30_000);
    assert.deepEqual(await first, REVOKED);
    assert.deepEqual(folder.asked, ["manifest.jwt 200", `${segmentsOf(one).main[0]} 200`]);
  });

  test("a source of which nothing comes any more is given up in favour of the fallback", async () => {
    const folder = await startFolder(one.objects);
    const fallback = await startFolder(one.objects);
    disposals.push(folder.close, fallback.close);
    // A part of it comes, and no more.
    folder.answerWith((name, response) => name.startsWith("segments/") && response.write(Buffer.alloc(1)) !== undefined);
    const gate = await stack.startFreshGate({ config: { ...stack.config, source: { url: folder.url }, fallback: { url: fallback.url } } });
    assert.deepEqual(await ask(gate, tokens.first), REVOKED);
    assert.deepEqual(fallback.asked, [`${segmentsOf(one).main[0]} 200`]);
    assert.match(gate.logs.join("\n"), /did not answer in time/);
  });

  test("a reading that hangs is taken over with what there is of it, and comes to the same when it goes on", async () => {
    const { folder, gate } = await start(several.objects);
    const [hanging = ""] = segmentsOf(several).main;
    /** @type {import("node:http").ServerResponse | undefined} */
    let held;
    folder.answerWith((name, response) => {
      if (name !== hanging || held) return false;
      held = response;
      return true;
    });
    const first = ask(gate, tokens.first);
    await until(async () => held, (held) => held !== undefined);
    await until(() => ask(gate, tokens.good), ({ status }) => status === 200);
    held?.end(several.objects.get(hanging));
    assert.deepEqual(await first, REVOKED);
    assert.equal((await ask(gate, tokens.good)).status, 200);
    for (const name of segmentsOf(several).main) {
      const times = folder.asked.filter((asked) => asked === `${name} 200`).length;
      assert.equal(times, name === hanging ? 2 : 1, folder.asked.join());
    }
    assert.ok(!gate.logs.join("\n").includes("ERR_REVOCATION_SEGMENT"), gate.logs.join("\n"));
  });

  test("a list of which a part is not to be had is read no more often than that part, and in force with it", async () => {
    const [missing = "", ...others] = segmentsOf(several).main;
    const { folder, gate } = await start(without(several.objects, [missing]));
    const tried = () => folder.asked.filter((asked) => asked === `${missing} 404`).length;
    await until(() => ask(gate, tokens.good), () => tried() > 1);
    assert.ok(tried() > 1, folder.asked.join());
    assert.deepEqual(await ask(gate, tokens.good), UNAVAILABLE);
    folder.objects = several.objects;
    assert.deepEqual(await until(() => ask(gate, tokens.first), ({ status }) => status === 401), REVOKED);
    for (const name of others) assert.equal(folder.asked.filter((asked) => asked === `${name} 200`).length, 1, folder.asked.join());
    // Another one instead, of which nothing is known yet, is read whole.
    const half = await start(without(several.objects, [missing]));
    await until(() => ask(half.gate, tokens.good), () => half.folder.asked.includes(`${missing} 404`));
    half.folder.objects = two.objects;
    assert.deepEqual(await until(() => ask(half.gate, tokens.second), ({ status }) => status === 401), REVOKED);
  });

  test("an outage: the last good list answers until its hard limit, and then nothing passes", async () => {
    const short = await stack.authority.build([line(["jti"], ["first"])], { args: ["--valid-for", "12"] });
    const { folder, gate } = await start(short.objects);
    assert.deepEqual(await ask(gate, tokens.first), REVOKED);
    folder.answerWith((_, response) => Boolean(response.destroy()));
    const said = () => gate.logs.some((text) => text.includes("ERR_REVOCATION_SOURCE_UNAVAILABLE"));
    const meanwhile = await until(() => ask(gate, tokens.good), said);
    assert.equal(meanwhile.status, 200);
    assert.deepEqual(await ask(gate, tokens.first), REVOKED);
    const late = await until(() => ask(gate, tokens.first), ({ status }) => status === 503, 30_000);
    assert.deepEqual(late, UNAVAILABLE);
    // The log says how old the list was that could not tell.
    const refused = gate.logs.filter((text) => text.includes('"refused"')).map((text) => JSON.parse(text));
    const last = refused.at(-1);
    assert.equal(last.code, "ERR_REVOCATION_UNAVAILABLE");
    assert.equal(last.seq, short.manifest.seq);
    assert.ok(last.ageSeconds >= 12);
  });

  test("another gate is a source", async () => {
    const first = await stack.startFreshGate({
      config: { ...stack.config, publicSnapshot: false, readKey: { secret: "READ_KEY" } },
      objects: two.objects,
      bindings: { READ_KEY: "r-1" },
    });
    const source = { url: `${first.url}/_revocable/`, readKey: { secret: "SOURCE_KEY" } };
    const second = await stack.startFreshGate({ config: { ...stack.config, source }, bindings: { SOURCE_KEY: "r-1" } });
    assert.deepEqual(await ask(second, tokens.second), REVOKED);
    assert.deepEqual(await ask(second, tokens.good), { status: 200, code: undefined, seq: "2" });
  });
});

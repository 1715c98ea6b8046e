// Lists that are larger than a gate may hold, or too coarse to be believed: what a decision lacks is read for it.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { after, before, describe, test } from "node:test";

import { createAuthority } from "../../xtask/node/authority.mjs";
import { listen, readBody } from "../../xtask/node/http.mjs";
import { startStack, until } from "../../xtask/node/stack.mjs";
import { changed, line, loggingKv, readings, saltOf, segmentsOf, startFolder, targetId, without } from "./lists.mjs";
import { ask, bearer } from "./support.mjs";

/** @typedef {import("../../xtask/node/stack.mjs").Snapshot} Snapshot */

const REVOKED = { status: 401, code: "ERR_JWT_REVOKED", seq: undefined };
const UNAVAILABLE = { status: 503, code: "ERR_REVOCATION_UNAVAILABLE", seq: undefined };
const standing = (seq = "1") => ({ status: 200, code: undefined, seq });

/** @type {import("../../xtask/node/stack.mjs").Stack} */
let stack;
/** @type {(() => unknown)[]} */
const disposals = [];
before(async () => {
  stack = await startStack();
});
after(async () => {
  for (const disposal of disposals.reverse()) await disposal();
  await stack.dispose();
});

/** An authority of its own, under the name and with the configuration of the stack's. */
async function authority() {
  const folder = await mkdtemp(join(tmpdir(), "revocable-"));
  disposals.push(() => rm(folder, { recursive: true }));
  const authority = await createAuthority(folder);
  const config = { ...stack.config, lists: [{ .../** @type {any} */ (stack.config).lists[0], keys: authority.keys }] };
  return { authority, config };
}

const numbered = (/** @type {string[]} */ rule, /** @type {string} */ name, count = 4500) =>
  Array.from({ length: count }, (_, n) => line(rule, rule.map((member) => `${name}-${member}-${n}`)));

describe("kinds and operations", () => {
  test("a minimum revokes tokens whose claim is lower, missing or no integer, and those of nobody else", async () => {
    const { objects } = await stack.authority.build([line(["sub"], ["alice"], { claim: "pwd_ver", minimum: 7 }), line([], [], { claim: "api_ver", minimum: 2 })]);
    const gate = await stack.startFreshGate({ objects });
    const of = async (/** @type {Record<string, unknown>} */ claims) => (await ask(gate, await stack.issuer.mint({ api_ver: 2, ...claims }))).code;
    assert.equal(await of({ pwd_ver: 7 }), undefined);
    assert.equal(await of({ pwd_ver: 8 }), undefined);
    assert.equal(await of({ pwd_ver: 6 }), REVOKED.code);
    assert.equal(await of({}), REVOKED.code);
    assert.equal(await of({ pwd_ver: "7" }), REVOKED.code);
    assert.equal(await of({ pwd_ver: 7.5 }), REVOKED.code);
    assert.equal(await of({ sub: "bob" }), undefined);
    assert.equal(await of({ sub: "bob", api_ver: 1 }), REVOKED.code);
  });

  test("a recent operation adds to what the segments say, or takes it back", async () => {
    const snapshot = await stack.authority.build([line(["jti"], ["old"]), line(["jti"], ["kept"])]);
    // A manifest has 14 bytes of each id.
    const id = (/** @type {string} */ jti) => targetId(saltOf(snapshot), ["jti"], [jti]).subarray(0, 14).toString("base64url");
    const rule = snapshot.manifest.rules.findIndex((/** @type {string[]} */ rule) => rule.join() === "jti");
    const objects = await changed(stack.authority, snapshot, (claims) => {
      claims.recent = [
        { rule, kind: "outright", op: "add", data: id("new") },
        { rule, kind: "outright", op: "remove", data: id("old") },
      ];
    });
    const gate = await stack.startFreshGate({ objects });
    const seq = String(snapshot.manifest.seq + 1);
    assert.deepEqual(await ask(gate, await stack.issuer.mint({ jti: "new" })), REVOKED);
    assert.deepEqual(await ask(gate, await stack.issuer.mint({ jti: "old" })), standing(seq));
    assert.deepEqual(await ask(gate, await stack.issuer.mint({ jti: "kept" })), REVOKED);
    assert.deepEqual(await ask(gate, await stack.issuer.mint({ jti: "other" })), standing(seq));
  });
});

describe("a list that is larger than a gate may hold", () => {
  /** @type {Snapshot} */
  let snapshot;
  /** @type {object} */
  let config;
  /** @type {{ jti: string, app: string, tenant: string, good: string }} */
  let tokens;
  before(async () => {
    const own = await authority();
    config = { ...own.config, residentBytes: 65_536 };
    snapshot = await own.authority.build([...numbered(["jti"], "r"), ...numbered(["sub", "azp"], "r"), ...numbered(["tenant"], "r")], { ttl: 60 });
    const mint = stack.issuer.mint;
    tokens = {
      jti: await mint({ jti: "r-jti-1" }),
      app: await mint({ sub: "r-sub-2", azp: "r-azp-2" }),
      tenant: await mint({ tenant: "r-tenant-3" }),
      good: await mint({ azp: "r-azp-2" }),
    };
    const bytes = snapshot.manifest.segments.reduce((/** @type {number} */ sum, /** @type {any} */ segment) => sum + segment.bytes, 0);
    assert.ok(bytes > 65_536, `${bytes} bytes`);
  });

  test("is read in parts: a cold isolate answers its first token after two rounds of KV, and reads nothing that it does not need", async () => {
    const gate = await stack.startFreshGate({ config, objects: snapshot.objects, worker: await loggingKv() });
    assert.deepEqual(await ask(gate, tokens.app), REVOKED);
    const { names, rounds } = readings(gate.logs);
    assert.equal(rounds, 2, names.join());
    assert.equal(names[0], "manifest.jwt");
    assert.equal(names.length, 3, `the token has no tenant: ${names.join()}`);
    // What is at hand is not read again.
    assert.deepEqual(await ask(gate, tokens.good), standing());
    assert.deepEqual(await ask(gate, tokens.jti), REVOKED);
    assert.deepEqual(readings(gate.logs).names.filter((name) => name !== "manifest.jwt").length, 2);
  });

  test("every part answers whenever it is asked, however often others were asked between", async () => {
    const gate = await stack.startFreshGate({ config, objects: snapshot.objects, worker: await loggingKv() });
    for (let round = 0; round < 3; round += 1) {
      assert.deepEqual(await ask(gate, tokens.app), REVOKED);
      assert.deepEqual(await ask(gate, tokens.tenant), REVOKED);
      assert.deepEqual(await ask(gate, tokens.good), standing());
    }
    assert.ok(readings(gate.logs).names.length > 5, "they drove each other out");
  });

  test("a decision that asks for more than may be held is unavailable after a bounded number of readings, and others go on", async () => {
    const gate = await stack.startFreshGate({ config, objects: snapshot.objects, worker: await loggingKv() });
    const wide = await stack.issuer.mint({ azp: "a", tenant: "t" });
    assert.deepEqual(await ask(gate, wide), UNAVAILABLE);
    assert.ok(readings(gate.logs).names.length <= 10, readings(gate.logs).names.join());
    assert.deepEqual(await ask(gate, tokens.app), REVOKED);
    assert.deepEqual(await ask(gate, tokens.good), standing());
  });

  test("fifty requests at once on a cold isolate read each part once", async () => {
    const gate = await stack.startFreshGate({ config, objects: snapshot.objects, worker: await loggingKv() });
    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => ask(gate, n % 2 ? tokens.app : tokens.good)));
    assert.equal(answers.filter(({ status }) => status === 401).length, 25);
    assert.equal(answers.filter(({ status }) => status === 200).length, 25);
    const { names } = readings(gate.logs);
    assert.deepEqual(names.length, new Set(names).size, names.join());
  });

  test("the segments endpoint serves what is not at hand, and keeps nothing of it", async () => {
    const gate = await stack.startFreshGate({ config, objects: snapshot.objects });
    for (const name of segmentsOf(snapshot).main) {
      const response = await gate.fetch(`/_revocable/${name}`);
      assert.equal(response.status, 200);
      assert.match(response.headers.get("cache-control") ?? "", /immutable/);
      assert.deepEqual(Buffer.from(await response.arrayBuffer()), snapshot.objects.get(name));
    }
    const name = segmentsOf(snapshot).main[0] ?? "";
    await (await gate.kv()).put(name, new Uint8Array((snapshot.objects.get(name)?.length ?? 0)));
    const response = await gate.fetch(`/_revocable/${name}`);
    assert.equal(response.status, 503, "it was not kept, and a corrupt one is not served");
    assert.equal(response.headers.get("cache-control"), "no-store");
  });

  test("a part that is missing makes those tokens unavailable that need it, until it is there", async () => {
    const missing = tenants();
    const gate = await stack.startFreshGate({ config, objects: without(snapshot.objects, [missing]) });
    assert.deepEqual(await ask(gate, tokens.tenant), UNAVAILABLE);
    assert.deepEqual(await ask(gate, tokens.good), standing());
    assert.match(gate.logs.join("\n"), /ERR_REVOCATION_SEGMENT_MISSING/);
    await gate.put(snapshot.objects);
    assert.deepEqual(await until(() => ask(gate, tokens.tenant), ({ status }) => status === 401), REVOKED);
  });

  test("a part that KV does not show yet, or shows corrupt, is taken from the fallback", async () => {
    const missing = tenants();
    const folder = await startFolder(snapshot.objects, { key: "f-1" });
    disposals.push(folder.close);
    const fallback = { url: folder.url, readKey: { secret: "FALLBACK_KEY" } };
    const options = { config: { ...config, fallback }, bindings: { FALLBACK_KEY: "f-1" } };
    const half = await stack.startFreshGate({ ...options, objects: without(snapshot.objects, [missing]) });
    assert.deepEqual(await ask(half, tokens.tenant), REVOKED);
    assert.deepEqual(folder.asked, [`${missing} 200`]);
    const corrupt = new Map(snapshot.objects).set(missing, Buffer.alloc(snapshot.objects.get(missing)?.length ?? 0));
    const other = await stack.startFreshGate({ ...options, objects: corrupt });
    assert.deepEqual(await ask(other, tokens.tenant), REVOKED);
    assert.match(other.logs.join("\n"), /ERR_REVOCATION_SEGMENT_HASH_MISMATCH/);
  });

  /** The name of the segment that a token with a tenant needs, and others do not. */
  function tenants() {
    const { rules, segments } = snapshot.manifest;
    const rule = rules.findIndex((/** @type {string[]} */ members) => members.join() === "tenant");
    return `segments/${segments.find((/** @type {any} */ segment) => segment.rule === rule).hash}`;
  }
});

describe("a list that is held whole", () => {
  test("a cold isolate answers its first token after two rounds of KV", async () => {
    const lines = [line(["jti"], ["a"]), line(["sub"], ["b"]), line(["tenant"], ["c"], { before: 1 })];
    const { objects } = await stack.authority.build(lines, { ttl: 60 });
    const gate = await stack.startFreshGate({ objects, worker: await loggingKv() });
    assert.equal((await ask(gate, await stack.issuer.mint({ jti: "a" }))).status, 401);
    const { names, rounds } = readings(gate.logs);
    assert.deepEqual([rounds, names.length], [2, 4], names.join());
  });
});

describe("a coarse list", () => {
  /** @type {Snapshot} */
  let snapshot;
  /** @type {object} */
  let config;
  /** @type {string} */
  let revoked;
  /** @type {string} a token that the list takes for a revoked one */
  let mistaken;
  /** @type {import("../../xtask/node/authority.mjs").Authority} */
  let own;
  const coarse = ["--epsilon", "2^-8"];
  before(async () => {
    ({ authority: own, config } = await authority());
    // The salt makes it the same list, and the same mistake, every time.
    const args = [...coarse, "--salt", "00".repeat(16)];
    snapshot = await own.build(numbered(["jti"], "r", 2000), { args, ttl: 60 });
    assert.equal(segmentsOf(snapshot).exact.length, 1);
    revoked = await stack.issuer.mint({ jti: "r-jti-1" });
    const unsure = await stack.startFreshGate({ config, objects: without(snapshot.objects, segmentsOf(snapshot).exact) });
    assert.deepEqual(await ask(unsure, revoked), UNAVAILABLE);
    for (let n = 0; ; n += 1) {
      mistaken = await stack.issuer.mint({ jti: `good-${n}` });
      if ((await ask(unsure, mistaken)).status === 503) break;
      assert.ok(n < 5000, "a list that coarse makes a mistake now and then");
    }
  });

  test("with the segment that confirms: the revoked are refused, the others pass, and it is read for a hit alone", async () => {
    const gate = await stack.startFreshGate({ config, objects: snapshot.objects, worker: await loggingKv() });
    const exact = segmentsOf(snapshot).exact[0] ?? "";
    assert.deepEqual(await ask(gate, await stack.issuer.mint({ jti: "good-0" })), standing());
    assert.ok(!readings(gate.logs).names.includes(exact));
    assert.deepEqual(await ask(gate, mistaken), standing());
    assert.deepEqual(await ask(gate, revoked), REVOKED);
    assert.equal(readings(gate.logs).names.filter((name) => name === exact).length, 1);
  });

  test("is confirmed by another gate over HTTP, once for each target", async () => {
    const exact = await stack.startFreshGate({
      config: { ...config, publicSnapshot: false, readKey: { secret: "READ_KEY" } },
      objects: snapshot.objects,
      bindings: { READ_KEY: "r-1" },
    });
    let asked = 0;
    const between = await listen(async (request, response) => {
      asked += 1;
      const headers = { authorization: request.headers.authorization ?? "", "content-type": "application/json" };
      const body = new Uint8Array(await readBody(request, 65_536));
      const answer = await exact.fetch("/_revocable/confirm", { method: "POST", headers, body });
      response.writeHead(answer.status).end(await answer.text());
    });
    disposals.push(between.close);
    const objects = without(snapshot.objects, segmentsOf(snapshot).exact);
    const confirm = { url: `${between.url}/confirm`, key: { secret: "CONFIRM_KEY" } };
    const gate = await stack.startFreshGate({ config: { ...config, confirm }, objects, bindings: { CONFIRM_KEY: "r-1" } });
    for (let n = 0; n < 3; n += 1) {
      assert.deepEqual(await ask(gate, revoked), REVOKED);
      assert.deepEqual(await ask(gate, mistaken), standing());
    }
    assert.equal(asked, 2);
    // With another key nobody confirms anything, and the policy decides.
    const stranger = await stack.startFreshGate({ config: { ...config, confirm }, objects, bindings: { CONFIRM_KEY: "r-2" } });
    assert.deepEqual(await ask(stranger, revoked), UNAVAILABLE);
    assert.match(stranger.logs.join("\n"), /status 401/);
    assert.deepEqual(await ask(stranger, await stack.issuer.mint({ jti: "good-0" })), standing());
  });

  test("a confirmer that answers nonsense, or about an older list, is not believed, and the segment that confirms is asked instead", async () => {
    const answers = [
      "",
      "[]",
      '{"seq":1}',
      '{"seq":1,"answers":[]}',
      '{"seq":1,"answers":[{"revoked":"no"}]}',
      '{"seq":0,"answers":[{"revoked":false}]}',
      '{"seq":1,"answers":[{"revoked":false},{"revoked":false}]}',
      `{"seq":1,"answers":[{"revoked":false}],"more":"${" ".repeat(65_536)}"}`,
    ];
    for (const answer of answers) {
      const confirmer = await listen(async (_, response) => void response.end(answer));
      const confirm = { url: confirmer.url };
      const alone = await stack.startFreshGate({ config: { ...config, confirm }, objects: without(snapshot.objects, segmentsOf(snapshot).exact) });
      assert.deepEqual(await ask(alone, revoked), UNAVAILABLE, answer.slice(0, 60));
      const helped = await stack.startFreshGate({ config: { ...config, confirm }, objects: snapshot.objects });
      assert.deepEqual(await ask(helped, revoked), REVOKED, answer.slice(0, 60));
      assert.deepEqual(await ask(helped, mistaken), standing());
      await confirmer.close();
    }
  });

  test("a confirmer whose list has another salt, or is another authority's, clears nothing, and the segment that confirms is asked instead", async () => {
    const other = "https://other.example";
    const list = /** @type {any} */ (config).lists[0];
    const strangers = [
      { objects: await changed(own, snapshot, (claims) => void (claims.salt = Buffer.alloc(16, 1).toString("base64url"))), config },
      { objects: await changed(own, snapshot, (claims) => void (claims.iss = other)), config: { ...config, lists: [{ ...list, issuer: other }] } },
    ];
    for (const stranger of strangers) {
      const confirmer = await stack.startFreshGate(stranger);
      assert.equal((await ask(confirmer, await stack.issuer.mint({ jti: "good-0" }))).seq, "2", "its own list is in force");
      const confirm = { url: `${confirmer.url}/_revocable/confirm` };
      const alone = await stack.startFreshGate({ config: { ...config, confirm }, objects: without(snapshot.objects, segmentsOf(snapshot).exact) });
      assert.deepEqual(await ask(alone, revoked), UNAVAILABLE);
      assert.match(alone.logs.join("\n"), /the confirmer's answer has status 503/);
      const helped = await stack.startFreshGate({ config: { ...config, confirm }, objects: snapshot.objects });
      assert.deepEqual(await ask(helped, revoked), REVOKED);
      assert.match(helped.logs.join("\n"), /the confirmer's answer has status 503/);
      assert.deepEqual(await ask(helped, mistaken), standing());
    }
  });

  test("a confirmer that is slow is asked once, however many wait for its answer", async () => {
    let asked = 0;
    const confirmer = await listen(async (_, response) => {
      asked += 1;
      await setTimeout(3000);
      response.end('{"seq":1,"answers":[{"revoked":true}]}');
    });
    disposals.push(confirmer.close);
    const objects = without(snapshot.objects, segmentsOf(snapshot).exact);
    const gate = await stack.startFreshGate({ config: { ...config, confirm: { url: confirmer.url } }, objects });
    assert.deepEqual(await ask(gate, await stack.issuer.mint({ jti: "good-0" })), standing());
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(gate, revoked)));
    for (const answer of answers) assert.deepEqual(answer, REVOKED);
    assert.equal(asked, 1);
  });

  test("questions that have their first hit in common are each answered", async () => {
    const both = await own.build([...numbered(["jti"], "r", 2000), ...numbered(["sub"], "r", 2000)], { args: coarse, ttl: 60 });
    const confirmer = await listen(async (request, response) => {
      const { seq, targets } = JSON.parse((await readBody(request, 65_536)).toString());
      await setTimeout(300);
      const answers = targets.map((/** @type {{ rule: string[] }} */ { rule }) => ({ revoked: rule[0] === "sub" }));
      response.end(JSON.stringify({ seq, answers }));
    });
    disposals.push(confirmer.close);
    const objects = without(both.objects, segmentsOf(both).exact);
    const gate = await stack.startFreshGate({ config: { ...config, confirm: { url: confirmer.url } }, objects });
    const [one, two] = [await stack.issuer.mint({ jti: "r-jti-1", sub: "nobody" }), await stack.issuer.mint({ jti: "r-jti-1", sub: "r-sub-1" })];
    assert.equal((await ask(gate, await stack.issuer.mint({ jti: "good-0", sub: "nobody" }))).status, 200);
    const answers = await Promise.all([one, two, one, two].map((token) => ask(gate, token)));
    assert.deepEqual(answers.map(({ status }) => status), [200, 401, 200, 401]);
  });

  test("a confirmer that fails: all who waited for it have the segment that confirms read, however much else they lacked", async () => {
    let asked = 0;
    const confirmer = await listen(async (_, response) => {
      asked += 1;
      await setTimeout(300);
      response.writeHead(500).end();
    });
    disposals.push(confirmer.close);
    const large = await own.build(numbered(["jti"], "r", 60_000), { args: [...coarse, "--max-segment", "32768"], ttl: 60 });
    assert.ok(segmentsOf(large).exact.length > 1);
    assert.ok(large.manifest.segments.reduce((/** @type {number} */ sum, /** @type {any} */ { bytes }) => sum + bytes, 0) > 65_536);
    // So slow that all of them wait for each part.
    const folder = await startFolder(large.objects);
    disposals.push(folder.close);
    folder.answerWith((name, response) => {
      void setTimeout(150).then(() => response.end(large.objects.get(name)));
      return true;
    });
    const paged = { ...config, residentBytes: 65_536, source: { url: folder.url }, confirm: { url: confirmer.url } };
    const gate = await stack.startFreshGate({ config: paged });
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(gate, revoked)));
    for (const answer of answers) assert.deepEqual(answer, REVOKED);
    assert.equal(asked, 1);
  });
});

describe("the confirm endpoint", () => {
  /** @type {Snapshot} */
  let snapshot;
  /** @type {import("../../xtask/node/gate.mjs").Gate} */
  let gate;
  before(async () => {
    const own = await authority();
    const lines = [
      ...numbered(["jti"], "r", 100),
      line(["sub"], ["alice"], { before: 1_790_000_000.5 }),
      line(["sub"], ["alice"], { claim: "pwd_ver", minimum: -7 }),
    ];
    snapshot = await own.authority.build(lines, { args: ["--epsilon", "2^-12"] });
    const config = { ...own.config, publicSnapshot: false, readKey: { secret: "READ_KEY" } };
    gate = await stack.startFreshGate({ config, objects: snapshot.objects, bindings: { READ_KEY: "r-1" } });
  });

  const about = (more = {}) => ({ iss: snapshot.manifest.iss, salt: snapshot.manifest.salt, seq: 1, ...more });
  const post = (/** @type {unknown} */ body, headers = /** @type {Record<string, string>} */ (bearer("r-1"))) =>
    gate.fetch("/_revocable/confirm", { method: "POST", headers, body: typeof body === "string" ? body : JSON.stringify(body) });
  const target = (/** @type {string[]} */ rule, /** @type {string[]} */ values, more = {}) => ({
    rule,
    kind: "outright",
    id: targetId(saltOf(snapshot), rule, values).toString("hex"),
    ...more,
  });

  test("answers for every kind in the order asked, with the number of its list", async () => {
    const targets = [
      target(["jti"], ["r-jti-7"]),
      target(["jti"], ["good"]),
      target(["sub"], ["alice"], { kind: "cutoff" }),
      target(["sub"], ["alice"], { kind: "minimum", claim: "pwd_ver" }),
      target(["sub"], ["bob"], { kind: "cutoff" }),
      target(["sub"], ["alice"]),
      target(["tenant"], ["t"]),
    ];
    const response = await post(about({ targets }));
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("cache-control"), "no-store");
    assert.deepEqual(await response.json(), {
      seq: 1,
      answers: [
        { revoked: true },
        { revoked: false },
        { revoked: true, value: 1_790_000_000_500 },
        { revoked: true, value: -7 },
        { revoked: false },
        { revoked: false },
        { revoked: false },
      ],
    });
  });

  test("a question about a newer list than ours is unavailable, and says when to come again", async () => {
    const response = await post(about({ seq: 2, targets: [target(["jti"], ["a"])] }));
    assert.equal(response.status, 503);
    assert.ok(Number(response.headers.get("retry-after")) > 0);
  });

  test("a question about another authority's list, or about ids with another salt, is not answered", async () => {
    const targets = [target(["jti"], ["r-jti-7"])];
    assert.equal((await post(about({ targets }))).status, 200);
    assert.equal((await post(about({ targets, iss: "https://other.example" }))).status, 503);
    assert.equal((await post(about({ targets, salt: Buffer.alloc(16).toString("base64url") }))).status, 503);
  });

  test("a malformed question is refused with the field that is wrong, and a long one for its length", async () => {
    const good = target(["jti"], ["a"]);
    const cases = /** @type {const} */ ([
      [about({ seq: undefined, targets: [good] }), "seq"],
      [about({ seq: "1", targets: [good] }), "seq"],
      [about({ iss: undefined, targets: [good] }), "iss"],
      [about({ salt: "AQEB", targets: [good] }), "salt"],
      [about(), "targets"],
      [about({ targets: [] }), "targets"],
      [about({ targets: Array.from({ length: 17 }, () => good) }), "targets"],
      [about({ targets: [good, { ...good, id: "x" }] }), "targets[1].id"],
      [about({ targets: [{ ...good, kind: "all" }] }), "targets[0].kind"],
      [about({ targets: [{ ...good, claim: "x" }] }), "targets[0].claim"],
      [about({ targets: [good], more: 1 }), "more"],
      ["<html>", "JSON"],
    ]);
    for (const [body, said] of cases) {
      const response = await post(body);
      assert.equal(response.status, 400, said);
      const answer = await response.json();
      assert.equal(answer.error, "invalid_request");
      assert.ok(answer.error_description.includes(said), answer.error_description);
    }
    assert.equal((await post(" ".repeat(64 * 1024 + 1))).status, 413);
  });

  test("is for holders of the read key alone, and for POST", async () => {
    const body = about({ targets: [target(["jti"], ["a"])] });
    assert.equal((await post(body, {})).status, 401);
    assert.equal((await post(body, bearer("r-2"))).status, 401);
    const get = await gate.fetch("/_revocable/confirm", { headers: bearer("r-1") });
    assert.equal(get.status, 405);
    assert.equal(get.headers.get("allow"), "POST, OPTIONS");
    const headers = { origin: "https://app.example", "access-control-request-method": "POST" };
    const preflight = await gate.fetch("/_revocable/confirm", { method: "OPTIONS", headers });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.get("access-control-allow-methods"), "POST");
    assert.match(preflight.headers.get("access-control-allow-headers") ?? "", /content-type/);
  });
});

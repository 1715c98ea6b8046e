// The admin API and the metrics: who may ask, what is refused and why, and what comes of it at the gate.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";

import { ISSUER } from "../../xtask/node/names.mjs";
import { startStack } from "../../xtask/node/stack.mjs";
import { ask, bearer } from "./support.mjs";

const hash = (/** @type {string} */ key) => createHash("sha256").update(key).digest("hex");
const KEYS = { ops: newKey(), bot: newKey(), viewer: newKey() };
const PATH = "/_revocable/admin/revocations";

function newKey() {
  return randomBytes(32).toString("base64url");
}

describe("the admin API", () => {
  /** @type {import("../../xtask/node/stack.mjs").Stack} */
  let stack;
  /** @type {import("../../xtask/node/stack.mjs").Gate} */
  let gate;
  /** @type {(fields?: object) => Promise<import("../../xtask/node/stack.mjs").Gate>} */
  let start;
  before(async () => {
    stack = await startStack();
    const signingKey = await readFile(stack.authority.keyFile, "utf8");
    start = (fields = {}) => {
      const authority = {
        signingKey: { secret: "AUTHORITY_KEY" },
        keys: [
          { id: "ops", hash: hash(KEYS.ops), may: "admin" },
          { id: "bot", hash: hash(KEYS.bot), may: "revoke" },
          { id: "viewer", hash: hash(KEYS.viewer), may: "read" },
        ],
        ...fields,
      };
      return stack.startFreshGate({ config: { ...stack.config, authority }, bindings: { AUTHORITY_KEY: signingKey } });
    };
    gate = await start({ rate: { perSecond: 1000, burst: 10_000 } });
  });
  after(() => stack.dispose());

  /**
   * @param {string} key
   * @param {unknown} body  a text is sent as lines
   * @param {{ query?: string, headers?: Record<string, string>, at?: typeof gate }} [options]
   */
  async function post(key, body, { query = "", headers = {}, at = gate } = {}) {
    const lines = typeof body === "string";
    const response = await at.fetch(PATH + query, {
      method: "POST",
      headers: { ...bearer(key), "content-type": lines ? "application/x-ndjson" : "application/json", ...headers },
      body: lines ? body : JSON.stringify(body),
    });
    return { status: response.status, body: await response.json(), headers: response.headers };
  }
  const revocation = (/** @type {string} */ jti) => ({ rule: ["jti"], issuer: ISSUER, values: [jti] });

  test("whoever has no key is nobody, and never by cookie", async () => {
    for (const headers of [{}, bearer("x"), bearer(`${KEYS.ops}x`), { cookie: `session=${KEYS.ops}` }]) {
      for (const [path, method] of [[PATH, "GET"], [PATH, "POST"], [`${PATH}/1`, "DELETE"], ["/_revocable/admin/log", "GET"], ["/_revocable/metrics", "GET"]]) {
        const response = await gate.fetch(path, { method, headers: /** @type {Record<string, string>} */ (headers) });
        assert.equal(response.status, 401, `${method} ${path}`);
        assert.equal(response.headers.get("www-authenticate"), "Bearer");
        assert.equal((await response.json()).error, "invalid_client");
      }
    }
  });

  test("a key may do what it is for, and nothing else", async () => {
    assert.equal((await post(KEYS.viewer, revocation("never"))).status, 403);
    assert.equal((await post(KEYS.bot, { ...revocation("never"), undo: true })).status, 403);
    assert.equal((await gate.fetch(PATH, { headers: bearer(KEYS.bot) })).status, 403);
    assert.equal((await gate.fetch("/_revocable/metrics", { headers: bearer(KEYS.bot) })).status, 403);
    assert.equal((await gate.fetch(`${PATH}/1`, { method: "DELETE", headers: bearer(KEYS.bot) })).status, 403);
  });

  test("what is added is refused at once, and passes again once it is taken back", async () => {
    const token = await stack.issuer.mint({ jti: "a-1" });
    const added = await post(KEYS.bot, { ...revocation("a-1"), reason: "stolen" });
    assert.equal(added.status, 200, JSON.stringify(added.body));
    assert.equal(added.body.outcomes[0].result, "added");
    assert.equal((await ask(gate, token)).code, "ERR_JWT_REVOKED");
    const undone = await post(KEYS.ops, { ...revocation("a-1"), undo: true });
    assert.equal(undone.body.outcomes[0].result, "undone");
    assert.ok(undone.body.seq > added.body.seq);
    assert.equal((await ask(gate, token)).status, 200);
  });

  test("what is wrong is named, and nothing is recorded", async () => {
    const now = Math.floor(Date.now() / 1000);
    for (const [changes, status, field] of /** @type {[object, number, string][]} */ ([
      [{ rule: "jti" }, 400, "rule"],
      [{ values: [null] }, 400, "values[0]"],
      [{ expire: 1 }, 400, "expire"],
      [{ before: now + 3600 }, 422, "before"],
      [{ rule: ["@kid"] }, 422, "rule"],
      [{ issuer: "https://other.example" }, 422, "issuer"],
      [{ values: ["x".repeat(1025)] }, 422, "values[0]"],
    ])) {
      const answer = await post(KEYS.bot, { ...revocation("b-1"), ...changes });
      assert.deepEqual([answer.status, answer.body.field], [status, field], JSON.stringify(answer.body));
    }
    const long = await post(KEYS.bot, { ...revocation("b-1"), reason: "x".repeat(200_000) });
    assert.deepEqual([long.status, long.body.field], [400, "body"]);
    const type = await post(KEYS.bot, revocation("b-1"), { headers: { "content-type": "text/plain" } });
    assert.deepEqual([type.status, type.body.field], [415, "Content-Type"]);
    assert.equal((await ask(gate, await stack.issuer.mint({ jti: "b-1" }))).status, 200);
  });

  test("of many lines all are recorded or none, unless those that are good are asked for", async () => {
    const lines = [revocation("c-1"), { ...revocation("c-2"), issuer: 1 }, revocation("c-3")];
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
    const all = await post(KEYS.bot, text);
    assert.deepEqual([all.status, all.body.mode, all.body.recorded, all.body.refused], [422, "all", 0, 3]);
    assert.deepEqual(all.body.errors, [{ line: 2, field: "issuer", reason: "expected a string" }]);
    assert.equal((await ask(gate, await stack.issuer.mint({ jti: "c-1" }))).status, 200);
    const partial = await post(KEYS.bot, text, { query: "?partial" });
    assert.deepEqual([partial.status, partial.body.mode, partial.body.recorded, partial.body.refused], [200, "partial", 2, 1]);
    assert.deepEqual(partial.body.outcomes.map((/** @type {{ line: number }} */ { line }) => line), [1, 3]);
    for (const jti of ["c-1", "c-3"]) {
      assert.equal((await ask(gate, await stack.issuer.mint({ jti }))).code, "ERR_JWT_REVOKED");
    }
  });

  test("a request that is sent twice with one key is acted on once", async () => {
    const headers = { "idempotency-key": "d-1" };
    const first = await post(KEYS.bot, revocation("d-1"), { headers });
    const second = await post(KEYS.bot, revocation("d-1"), { headers });
    assert.equal(second.status, 200);
    assert.deepEqual(second.body.outcomes, first.body.outcomes);
    assert.equal((await post(KEYS.bot, revocation("d-2"), { headers: { "idempotency-key": "a b" } })).status, 400);
  });

  test("a flood is 429, of strangers as of holders of a key, and the gate keeps answering", async () => {
    const slow = await start({ rate: { perSecond: 1, burst: 3 } });
    const statuses = [];
    for (let count = 0; count < 6; count += 1) {
      const headers = { "cf-connecting-ip": "203.0.113.7" };
      statuses.push((await post(newKey(), revocation("e-1"), { at: slow, headers })).status);
    }
    assert.deepEqual([statuses[0], statuses.at(-1)], [401, 429]);
    const answers = [];
    for (let count = 0; count < 6; count += 1) answers.push(await post(KEYS.bot, revocation("e-1"), { at: slow }));
    assert.equal(answers[0]?.status, 200, "strangers take nothing from whoever has a key");
    assert.equal(answers.at(-1)?.status, 429);
    assert.match(answers.at(-1)?.headers.get("retry-after") ?? "", /^\d+$/);
    assert.equal((await ask(slow, await stack.issuer.mint({ jti: "e-2" }))).status, 200);
  });

  test("other methods are refused, and a preflight answered", async () => {
    for (const [path, allow] of [[PATH, "GET, POST, OPTIONS"], [`${PATH}/1`, "DELETE, OPTIONS"], ["/_revocable/metrics", "GET, HEAD, OPTIONS"]]) {
      const response = await gate.fetch(path, { method: "PUT", body: "x", headers: bearer(KEYS.ops) });
      assert.deepEqual([response.status, response.headers.get("allow")], [405, allow]);
    }
    const headers = { origin: "https://app.example", "access-control-request-method": "POST" };
    const preflight = await gate.fetch(PATH, { method: "OPTIONS", headers });
    assert.equal(preflight.status, 204);
    assert.match(preflight.headers.get("access-control-allow-headers") ?? "", /idempotency-key/);
  });

  test("metrics count what became of requests, and have the ledger's numbers", async () => {
    assert.equal((await gate.fetch("/")).status, 401);
    const response = await gate.fetch("/_revocable/metrics", { headers: bearer(KEYS.viewer) });
    assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    const text = await response.text();
    for (const line of [
      /^revocable_decisions_total\{code="ERR_TOKEN_MISSING"\} [1-9]/m,
      /^revocable_ledger_up 1$/m,
      /^revocable_ledger_seq [1-9]/m,
      /^revocable_snapshot_seq [1-9]/m,
      /^revocable_publish_lag_seconds \d+\.\d{3}$/m,
    ]) {
      assert.match(text, line);
    }
  });

  test("a gate that is no authority has none of this", async () => {
    for (const path of [PATH, `${PATH}/1`, "/_revocable/admin/log"]) {
      assert.equal((await stack.gate.fetch(path, { headers: bearer(KEYS.ops) })).status, 404);
    }
  });
});

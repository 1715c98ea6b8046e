// Gates that follow an authority's head: one elsewhere, and their own ledger's.
import assert from "node:assert/strict";
import { createHash, createPrivateKey, sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";

import { startStack, until } from "../../xtask/node/stack.mjs";
import { line, segmentsOf, startFolder } from "./lists.mjs";
import { bearer, inRuntime } from "./support.mjs";

/** @typedef {import("../../xtask/node/stack.mjs").Snapshot} Snapshot */

const ROUTES = [
  { path: "/list/*", check: "list" },
  { path: "/live/*", check: "live" },
];

describe("a gate that follows an authority", () => {
  /** @type {import("../../xtask/node/stack.mjs").Stack} */
  let stack;
  /** @type {Snapshot} */
  let one;
  /** @type {Snapshot} */
  let two;
  /** @type {{ good: string, first: string, second: string }} */
  let tokens;
  /** @type {any} */
  let jwk;
  /** @type {(() => unknown)[]} */
  const disposals = [];
  before(async () => {
    stack = await startStack();
    one = await stack.authority.build([line(["jti"], ["first"])]);
    two = await stack.authority.build([line(["jti"], ["first"]), line(["jti"], ["second"])]);
    const mint = (/** @type {string} */ jti) => stack.issuer.mint({ jti });
    tokens = { good: await mint("good"), first: await mint("first"), second: await mint("second") };
    jwk = JSON.parse(await readFile(stack.authority.keyFile, "utf8"));
  });
  after(async () => {
    for (const disposal of disposals) await disposal();
    await stack.dispose();
  });

  /** A head, signed by the authority. */
  function head(/** @type {Snapshot} */ snapshot, /** @type {Record<string, unknown>} */ changes = {}, key = jwk) {
    const iat = Math.floor(Date.now() / 1000);
    const text = snapshot.objects.get("manifest.jwt") ?? "";
    const manifest = createHash("sha256").update(text).digest("hex");
    const claims = { iss: stack.authority.issuer, seq: snapshot.manifest.seq, manifest, iat, exp: iat + 60, ...changes };
    const encode = (/** @type {object} */ part) => Buffer.from(JSON.stringify(part)).toString("base64url");
    const input = `${encode({ alg: "EdDSA", typ: "revocations-head+jwt", kid: jwk.kid })}.${encode(claims)}`;
    const signature = sign(null, Buffer.from(input), createPrivateKey({ key, format: "jwk" }));
    return `${input}.${signature.toString("base64url")}`;
  }

  /** An authority over HTTP, and a gate that follows it. KV shows `kv`, and the authority's newest is what `newest` says. */
  async function start(/** @type {Snapshot | undefined} */ kv, /** @type {Snapshot} */ newest, follow = {}, worker = {}) {
    const objects = new Map();
    for (const snapshot of [one, two]) {
      for (const name of segmentsOf(snapshot).main) objects.set(name, snapshot.objects.get(name));
      objects.set(`manifests/${snapshot.manifest.seq}.jwt`, snapshot.objects.get("manifest.jwt"));
    }
    const folder = await startFolder(objects, { key: "f-1" });
    disposals.push(folder.close);
    const state = { head: () => head(newest) };
    folder.answerWith((name, response) => name === "head" && response.end(state.head()) !== undefined);
    const config = {
      ...stack.config,
      check: "head",
      routes: ROUTES,
      follow: { url: folder.url, readKey: { secret: "FOLLOW_KEY" }, ...follow },
    };
    const gate = await stack.startFreshGate({ config, objects: kv?.objects, bindings: { FOLLOW_KEY: "f-1" }, worker });
    const ask = async (/** @type {string} */ path, /** @type {string} */ token) => {
      const response = await gate.fetch(path, { headers: bearer(token) });
      const body = /** @type {any} */ (await response.json());
      const named = (/** @type {string} */ name) => body.headers?.[`x-revocable-${name}`];
      return { status: response.status, code: body.code, seq: named("seq"), source: named("source") };
    };
    const heads = () => folder.asked.filter((asked) => asked.startsWith("head ")).length;
    return { folder, gate, ask, heads, state };
  }

  const passes = (/** @type {string} */ seq, /** @type {string} */ source) => ({ status: 200, code: undefined, seq, source });
  const REVOKED = { status: 401, code: "ERR_JWT_REVOKED", seq: undefined, source: undefined };
  const UNAVAILABLE = { status: 503, code: "ERR_REVOCATION_UNAVAILABLE", seq: undefined, source: undefined };

  test("hears of a revocation that KV does not show yet, and reads what it names from the authority", async () => {
    const { folder, ask, gate, state } = await start(one, one);
    assert.deepEqual(await ask("/list/a", tokens.second), passes("1", "list"));
    assert.ok(!folder.asked.some((asked) => asked.startsWith("head")), "a list alone needs no head");
    assert.deepEqual(await ask("/", tokens.second), passes("1", "head"));
    assert.deepEqual(await ask("/", tokens.first), REVOKED);
    state.head = () => head(two);
    assert.deepEqual(await until(() => ask("/", tokens.second), ({ status }) => status === 401), REVOKED);
    assert.deepEqual(await ask("/", tokens.good), passes("2", "head"));
    assert.ok(folder.asked.includes("manifests/2.jwt 200"), folder.asked.join());
    for (const name of segmentsOf(two).main) assert.ok(folder.asked.includes(`${name} 200`), folder.asked.join());
    // KV, which still shows the one before, changes nothing.
    assert.deepEqual(await ask("/list/a", tokens.second), REVOKED);
    const health = await (await gate.fetch("/_revocable/healthz")).json();
    assert.equal(health.check, "live");
    assert.equal(health.snapshot.seq, 2);
    assert.ok(Number.isInteger(health.heardMillisAgo), JSON.stringify(health));
  });

  test("on a live route hears of it with the very next request", async () => {
    const { ask, state, heads } = await start(one, one);
    assert.deepEqual(await ask("/live/a", tokens.second), passes("1", "live"));
    const before = heads();
    assert.deepEqual(await ask("/live/a", tokens.second), passes("1", "live"));
    assert.ok(heads() > before, "it is asked anew");
    state.head = () => head(two);
    assert.deepEqual(await ask("/live/a", tokens.second), REVOKED);
    assert.deepEqual(await ask("/live/a", tokens.good), passes("2", "live"));
    // A path that somebody may take for another.
    assert.deepEqual(await ask("/x%2f..%2flive/a", tokens.good), passes("2", "live"));
  });

  test("asks about once a second, however many requests there are", async () => {
    const { ask, heads } = await start(one, one);
    assert.equal((await ask("/", tokens.good)).status, 200);
    const begun = performance.now();
    while (performance.now() - begun < 3000) {
      const answers = await Promise.all([1, 2, 3, 4].map(() => ask("/", tokens.good)));
      for (const answer of answers) assert.deepEqual(answer, passes("1", "head"));
    }
    assert.ok(heads() >= 3 && heads() <= 6, `${heads()}`);
  });

  // No test counts what isolates share: here there is one of them, which keeps the last head itself.
  for (const [what, before] of Object.entries({
    "is absent": `Object.defineProperty(globalThis, "caches", { value: undefined });`,
    "has nothing in it": `Object.defineProperty(globalThis, "caches", { value: {} });`,
    "cannot be looked at": `Object.defineProperty(globalThis, "caches", { get() { throw new Error("no caches"); } });`,
    fails: `
      for (const name of ["match", "put"]) {
        Cache.prototype[name] = async () => {
          console.log("the cache was asked");
          throw new Error("the cache is away");
        };
      }`,
  })) {
    test(`asks by itself where the Cache API ${what}`, async () => {
      const { ask, gate, state } = await start(one, one, {}, inRuntime(before));
      assert.deepEqual(await ask("/", tokens.second), passes("1", "head"));
      assert.deepEqual(await ask("/live/a", tokens.second), passes("1", "live"));
      state.head = () => head(two);
      assert.deepEqual(await until(() => ask("/", tokens.second), ({ status }) => status === 401), REVOKED);
      assert.deepEqual(await ask("/live/a", tokens.good), passes("2", "live"));
      assert.equal(gate.logs.some((log) => log.includes("the cache was asked")), what === "fails", gate.logs.join());
    });
  }

  test("an authority that is away: what must be compared with its head is unavailable", async () => {
    const { ask, folder, state } = await start(one, one, { maxStaleness: 0.5 });
    assert.deepEqual(await ask("/", tokens.good), passes("1", "head"));
    folder.answerWith((name) => name === "head");
    await new Promise((resolve) => setTimeout(resolve, 600));
    assert.deepEqual(await ask("/", tokens.good), UNAVAILABLE);
    assert.deepEqual(await ask("/list/a", tokens.good), passes("1", "list"));
    assert.deepEqual(await ask("/live/a", tokens.good), UNAVAILABLE);
    assert.deepEqual(await ask("/", tokens.first), REVOKED, "what is known to be revoked stays so");
    folder.answerWith((name, response) => name === "head" && response.end(state.head()) !== undefined);
    const well = await until(() => ask("/", tokens.good), ({ status }) => status === 200);
    assert.deepEqual(well, passes("1", "head"));
  });

  test("believes no head of anybody else, none that has expired, and none of another manifest of that number", async () => {
    const { ask, gate, state } = await start(one, one);
    assert.deepEqual(await ask("/live/a", tokens.good), passes("1", "live"));
    const other = await stack.issuer.mint({ jti: "other" });
    const { privateKey } = (await import("node:crypto")).generateKeyPairSync("ed25519");
    const past = Math.floor(Date.now() / 1000) - 100;
    const cases = [
      { text: head(one, {}, privateKey.export({ format: "jwk" })), code: "ERR_REVOCATION_MANIFEST_UNTRUSTED" },
      { text: head(one, { iat: past, exp: past + 60 }), code: "ERR_REVOCATION_MANIFEST_INVALID" },
      { text: head(one, { manifest: "00".repeat(32) }), code: "ERR_REVOCATION_MANIFEST_CONFLICT" },
      { text: other, code: "ERR_REVOCATION_MANIFEST_INVALID" },
    ];
    for (const { text, code } of cases) {
      state.head = () => text;
      gate.logs.splice(0);
      const said = () => gate.logs.some((log) => log.includes('"head"') && log.includes(code));
      const answer = await until(() => ask("/live/a", tokens.good), said);
      assert.ok(said(), `${code}: ${gate.logs.join("\n")}`);
      assert.deepEqual(answer, UNAVAILABLE);
    }
    assert.deepEqual(await ask("/list/a", tokens.good), passes("1", "list"));
  });

  test("with nothing in KV takes all of it from the authority", async () => {
    const { ask } = await start(undefined, two);
    const first = await until(() => ask("/list/a", tokens.second), ({ status }) => status === 401);
    assert.deepEqual(first, REVOKED);
    assert.deepEqual(await ask("/", tokens.good), passes("2", "head"));
  });

  describe("that it is itself", () => {
    /** A gate that is an authority. */
    async function startAuthority() {
      const authority = { signingKey: { secret: "AUTHORITY_KEY" } };
      const config = { ...stack.config, authority, check: "head", routes: ROUTES };
      const gate = await stack.startFreshGate({ config, bindings: { AUTHORITY_KEY: JSON.stringify(jwk) } });
      const revoke = async (/** @type {string} */ jti) => {
        const body = JSON.stringify({ actor: "key:test", changes: [line(["jti"], [jti])] });
        const response = await (await gate.ledger()).fetch("https://ledger/orders", { method: "POST", body });
        assert.equal(response.status, 200, await response.clone().text());
        return (await response.json()).receipt;
      };
      return { gate, revoke };
    }

    test("its live routes and those who follow it know what the ledger knows", async () => {
      const { gate, revoke } = await startAuthority();
      const status = async (/** @type {typeof gate} */ at, /** @type {string} */ path, /** @type {string} */ token) =>
        (await at.fetch(path, { headers: bearer(token) })).status;
      const first = await revoke("nobody");
      assert.equal(await until(() => status(gate, "/live/a", tokens.second), (status) => status === 200), 200);
      const follow = { url: `${gate.url}/_revocable/` };
      const follower = await stack.startFreshGate({ config: { ...stack.config, follow, check: "head", routes: ROUTES } });
      assert.equal(await until(() => status(follower, "/", tokens.second), (status) => status === 200), 200);
      const second = await revoke("second");
      assert.ok(second.seq > first.seq);
      assert.equal(await status(gate, "/live/a", tokens.second), 401);
      assert.equal(await status(follower, "/live/a", tokens.second), 401);
      assert.equal(await status(gate, "/", tokens.good), 200);

      const answer = await gate.fetch("/_revocable/head", { headers: { "cache-control": "no-cache" } });
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get("cache-control"), "public, max-age=1");
      const claims = JSON.parse(Buffer.from((await answer.text()).split(".")[1] ?? "", "base64url").toString());
      assert.equal(claims.seq, second.seq);
      for (const receipt of [first, second]) {
        for (const name of [`${receipt.seq}`, `${receipt.seq}.jwt`]) {
          const response = await gate.fetch(`/_revocable/manifests/${name}`);
          assert.equal(response.status, 200, name);
          assert.match(response.headers.get("cache-control") ?? "", /immutable/);
          assert.equal(await response.text(), receipt.manifest);
        }
      }
      for (const name of ["0", `0${second.seq}`, "9007199254740992", "-1", "x", "", `${second.seq}.txt`]) {
        assert.equal((await gate.fetch(`/_revocable/manifests/${name}`)).status, 404, name);
      }
      assert.equal((await gate.fetch(`/_revocable/segments/${"00".repeat(32)}`)).status, 404);
      assert.equal((await follower.fetch("/_revocable/head")).status, 404, "it is not its own");
    });
  });
});

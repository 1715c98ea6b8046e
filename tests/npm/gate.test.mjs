// The installed package and the command-line tool against a real gate that is an authority, on workerd.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";

import { AUDIENCE, AUTHORITY, ISSUER, ROOT } from "../../xtask/node/names.mjs";
import { startStack } from "../../xtask/node/stack.mjs";
import { installPackage } from "./support/installed.mjs";

const installed = await installPackage();
after(installed.remove);
const { createVerifier, httpConfirm, httpSource } = await installed.load();
const entry = createRequire(join(installed.folder, "main.js")).resolve("revocable/authority");
const { createAuthorityClient, logout } = await import(pathToFileURL(entry).href);

const hash = (text) => createHash("sha256").update(text).digest("hex");
const key = randomBytes(32).toString("base64url");
const client = { id: "app-1", secret: "s-1" };

describe("a gate that is an authority, as its clients see it", { timeout: 120_000 }, () => {
  let stack, gate, coarse;
  before(async () => {
    stack = await startStack();
    const authority = {
      signingKey: { secret: "AUTHORITY_KEY" },
      keys: [{ id: "ops", hash: hash(key), may: "admin" }],
      clients: [{ id: client.id, secretHashes: [hash(client.secret)], introspect: true }],
      logout: { everywhere: { clients: ["web"] } },
    };
    const bindings = { AUTHORITY_KEY: await readFile(stack.authority.keyFile, "utf8") };
    const start = (more) =>
      stack.startFreshGate({ config: { ...stack.config, publicSnapshot: true, readKey: undefined, authority: { ...authority, ...more } }, bindings });
    [gate, coarse] = [await start({}), await start({ epsilonBits: 8 })];
  });
  after(() => stack.dispose());

  const revocation = (jti) => ({ rule: ["jti"], issuer: ISSUER, values: [jti], expires: 4_000_000_000 });
  const token = (claims) => stack.issuer.mint({ iat: Math.floor(Date.now() / 1000) - 10, ...claims });
  const folder = (at) => `${at.url}/_revocable/`;
  const status = async (text, at = gate) => (await at.fetch("/", { headers: { authorization: `Bearer ${text}` } })).status;

  /** A verifier that reads the gate's list. */
  async function verifier(at, { source = httpSource(folder(at)), onReadError = () => {}, ...more } = {}) {
    const jwks = await (await fetch(stack.issuer.jwksUri)).json();
    const lists = [{ issuer: AUTHORITY, keys: stack.authority.keys, for: [ISSUER] }];
    return createVerifier({ issuers: [{ issuer: ISSUER, audience: AUDIENCE, jwks }], revocations: { source, lists, ...more }, onReadError });
  }
  async function until(what, hope) {
    for (const deadline = Date.now() + 10_000; Date.now() < deadline; ) {
      if (await what()) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.fail(hope);
  }
  const code = async (verifier, text) => {
    const { decision, error } = await verifier.verify(text);
    return decision === "allow" ? "passes" : error.code;
  };

  test("what a client of the package adds is refused, listed, and passes again once it is undone", async () => {
    const api = createAuthorityClient({ url: gate.url, key });
    const text = await token({ jti: "n-1", azp: client.id });
    const added = await api.add(revocation("n-1"), { reason: "lost" });
    assert.equal(await status(text), 401);
    assert.deepEqual(await api.introspect(text, { client }), { active: false });
    const listed = [];
    for await (const one of api.list({ values: ["n-1"] })) listed.push(one);
    assert.deepEqual(listed.map(({ seq, reason }) => ({ seq, reason })), [{ seq: added.outcomes[0].seq, reason: "lost" }]);
    await api.undo(listed[0].seq);
    assert.equal(await status(text), 200);
    assert.equal((await api.introspect(text, { client })).active, true);
    await api.revoke(text, { client });
    assert.equal(await status(text), 401);
    const many = Array.from({ length: 12_000 }, (_, count) => revocation(`bulk-${count}`));
    const sum = await api.add(many);
    assert.equal(sum.recorded, many.length);
    assert.equal(await status(await token({ jti: "bulk-11999" })), 401);
  });

  test("a verifier that follows refuses, long before it looks again, what was revoked after it had read the list", async () => {
    const errors = [];
    const following = await verifier(gate, { onReadError: (error) => errors.push(error.code), follow: { url: folder(gate) } });
    const [text, other] = [await token({ jti: "n-2" }), await token({ jti: "n-3" })];
    assert.equal(await code(following, text), "passes");
    // The feed takes a moment to be connected.
    await until(async () => (await (await gate.ledger()).fetch("https://ledger/status")).json().then(({ subscribers }) => subscribers > 0), "it does not follow");
    // Its source would not be looked at again for a minute.
    await createAuthorityClient({ url: gate.url, key }).add(revocation("n-2"));
    await until(async () => (await code(following, text)) === "ERR_JWT_REVOKED", "it does not hear of it");
    assert.deepEqual(errors, []);
    assert.equal(await code(following, other), "passes");
    following.close();
  });

  test("a page's logout takes its token back, and everywhere those of its user that came before", async () => {
    const [one, two] = [await token({ sub: "n-alice", azp: "web" }), await token({ sub: "n-alice", azp: "web" })];
    let forgotten = 0;
    await logout({ url: gate.url, token: one, forget: () => (forgotten += 1) });
    assert.deepEqual([forgotten, await status(one), await status(two)], [1, 401, 200]);
    await logout({ url: gate.url, token: two, everywhere: true });
    assert.equal(await status(two), 401);
    const third = await token({ sub: "n-bob", azp: "third-party" });
    await assert.rejects(logout({ url: gate.url, token: third, everywhere: true }), { status: 403 });
    assert.equal(await status(third), 200);
  });

  test("hits of a coarse list are confirmed by the gate, by URL", async () => {
    const api = createAuthorityClient({ url: coarse.url, key });
    // What is added is kept finely, in layers; so many that they are made into coarse segments with the next clearing up.
    for (let layer = 0; layer < 11; layer += 1) await api.add(Array.from({ length: 2100 }, (_, count) => revocation(`c-${layer}-${count}`)));
    const exact = new Set();
    await until(async () => {
      await (await coarse.ledger()).fetch("https://ledger/tick", { method: "POST" });
      const { seq } = JSON.parse(Buffer.from((await (await coarse.fetch("/_revocable/head", { headers: { "cache-control": "no-cache" } })).text()).split(".")[1], "base64url"));
      const text = await (await coarse.fetch(`/_revocable/manifests/${seq}.jwt`)).text();
      const { segments } = JSON.parse(Buffer.from(text.split(".")[1], "base64url"));
      for (const segment of segments) if (segment.exact) exact.add(segment.exact.hash);
      return exact.size > 0;
    }, "the list is not a coarse one");
    // The isolate that serves the list has it as soon as it has recorded something.
    await api.add(revocation("c-last"));
    let asked = 0;
    const counting = (...question) => ((asked += 1), httpConfirm(`${folder(coarse)}confirm`)(...question));
    const get = async (name) => {
      assert.ok(!exact.has(name.slice(-64)), "it is confirmed by URL");
      const response = await fetch(folder(coarse) + name);
      return response.ok ? new Uint8Array(await response.arrayBuffer()) : null;
    };
    const confirming = await verifier(coarse, { source: { get }, confirm: counting });
    assert.equal(await code(confirming, await token({ jti: "c-3-7" })), "ERR_JWT_REVOKED");
    assert.ok(asked > 0, "a hit is confirmed before anybody is refused");
    // One in 256 hits by chance, and passes because the gate knows better: of so many, not one in 10^17 runs has none.
    for (let count = 0; asked < 2 && count < 10_000; count += 1) assert.equal(await code(confirming, await token({ jti: `valid-${count}` })), "passes");
    assert.ok(asked > 1, "some valid tokens were asked about");
  });

  test("the command-line tool adds, lists, takes back, and hears of it", async () => {
    const file = join(installed.folder, "ops.key");
    await writeFile(file, key, { mode: 0o600 });
    const tool = process.env.REVOCABLE_CLI ?? join(ROOT, "target/debug/revocable");
    const run = async (...args) =>
      (await promisify(execFile)(tool, ["revocations", ...args, "--url", gate.url, "--key-file", file, "--json"])).stdout;
    const text = await token({ jti: "t-1" });
    await run("add", "--rule", "jti", "--issuer", ISSUER, "--value", "t-1", "--reason", "stolen");
    assert.equal(await status(text), 401);
    const [line] = (await run("list", "--rule", "jti", "--issuer", ISSUER, "--value", "t-1")).trim().split("\n").map((one) => JSON.parse(one));
    assert.deepEqual([line.values, line.reason], [["t-1"], "stolen"]);
    await run("undo", "--seq", String(line.seq));
    assert.equal(await status(text), 200);
  });
});

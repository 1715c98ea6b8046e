// A flood is answered with 429 at every door, and nobody else is: others keep being answered, and the gate, too.
import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { exportJWK, generateKeyPair, SignJWT } from "jose";

import { AUTHORITY, ISSUER } from "../../xtask/node/names.mjs";
import { startStack } from "../../xtask/node/stack.mjs";
import { ask, bearer } from "./support.mjs";

const SENDER = "https://idp.example";
const DISABLED = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
/** @typedef {(from: Record<string, string>) => Promise<Response>} Send */

/** So many pass at once, and then one in a second. */
const RATE = { perSecond: 1, burst: 4 };
const sha256 = (/** @type {string} */ text) => createHash("sha256").update(text).digest("hex");

describe("a flood", () => {
  /** @type {import("../../xtask/node/stack.mjs").Stack} */
  let stack;
  /** @type {import("../../xtask/node/gate.mjs").Gate} */
  let gate;
  /** @type {import("jose").CryptoKey} */
  let senderKey;
  /** @type {object} */
  let authority;

  before(async () => {
    stack = await startStack();
    const sender = await generateKeyPair("ES256");
    senderKey = sender.privateKey;
    authority = {
      signingKey: { secret: "AUTHORITY_KEY" },
      keys: [{ id: "ops", hash: sha256("ops"), may: "admin" }, { id: "viewer", hash: sha256("viewer"), may: "read" }],
      clients: [{ id: "app-1", secretHashes: [sha256("s-1")] }],
      events: [
        {
          issuer: SENDER,
          audience: AUTHORITY,
          jwks: await exportJWK(sender.publicKey),
          map: { [DISABLED]: { rule: ["sub"], kind: "outright", tokenIssuer: ISSUER, values: ["sub"] } },
        },
      ],
      rate: RATE,
      logoutRate: RATE,
    };
    gate = await start({ publicSnapshot: false, readKey: { secret: "READ_KEY" } });
  });
  after(() => stack.dispose());

  /** @param {object} config */
  const start = async (config) =>
    stack.startFreshGate({
      config: { ...stack.config, authority, readRate: RATE, ...config },
      bindings: { AUTHORITY_KEY: await readFile(stack.authority.keyFile, "utf8"), READ_KEY: "read" },
    });

  let last = 0;
  /** An address of nobody else's. */
  const address = () => `198.51.${(last += 1) >> 8}.${last & 255}`;

  /**
   * Sends the same request again and again from one address: all that pass are answered as the first, the others are told when to
   * come back, and who sends it from somewhere else is answered as ever.
   * @param {number} status  what each is answered that passes
   * @param {Send} send
   * @param {string[]} addresses  they take turns
   */
  const flood = async (status, send, addresses = [address()]) => {
    const answers = [];
    for (let count = 0; count < 4 * RATE.burst; count += 1) {
      const response = await send({ "cf-connecting-ip": addresses[count % addresses.length] ?? "" });
      await response.arrayBuffer();
      answers.push(response);
    }
    const statuses = answers.map((response) => response.status);
    assert.deepEqual(statuses.slice(0, RATE.burst), Array(RATE.burst).fill(status));
    const refused = answers.filter((response) => response.status === 429);
    assert.ok(refused.length > 0, `${statuses}`);
    assert.deepEqual(new Set(statuses), new Set([status, 429]));
    for (const response of refused) assert.equal(response.headers.get("retry-after"), "1");
    const other = await send({ "cf-connecting-ip": address() });
    await other.arrayBuffer();
    assert.equal(other.status, status, "somebody else");
    assert.equal((await ask(gate, await stack.issuer.mint({}))).status, 200, "the gate");
    return { "cf-connecting-ip": addresses[0] ?? "" };
  };

  /**
   * What is answered to a good request when a bad one has just been refused for being one too many. The bucket may have filled in
   * between, though not again and again.
   * @param {Send} bad
   * @param {Send} good
   * @param {Record<string, string>} from
   * @param {Record<string, string>} [alsoFrom]
   */
  const refusedAlike = async (bad, good, from, alsoFrom = from) => {
    for (let time = 0; time < 10; time += 1) {
      for (let asked = 0; (await bad(from)).status !== 429; asked += 1) assert.ok(asked < 100, "nothing is refused");
      const response = await good(alsoFrom);
      if (response.status === 429) return assert.equal(response.headers.get("retry-after"), "1");
    }
    assert.fail("what is good passes when too much has been asked");
  };

  const get = (/** @type {string} */ path, /** @type {string} */ key) => (/** @type {Record<string, string>} */ from) =>
    gate.fetch(`/_revocable/${path}`, { headers: { ...bearer(key), ...from } });
  const form = (/** @type {string} */ path, /** @type {Record<string, string>} */ shown) => (/** @type {Record<string, string>} */ from) =>
    gate.fetch(`/_revocable/${path}`, { method: "POST", body: new URLSearchParams({ token: "x" }), headers: { ...shown, ...from } });
  const basic = (/** @type {string} */ secret) => ({ authorization: `Basic ${btoa(`app-1:${secret}`)}` });
  /** @param {Record<string, unknown>} claims */
  const set = (claims, key = senderKey) =>
    new SignJWT({ iss: SENDER, aud: AUTHORITY, iat: Math.floor(Date.now() / 1000), jti: randomUUID(), ...claims })
      .setProtectedHeader({ alg: "ES256", typ: "secevent+jwt" })
      .sign(key);
  const event = (/** @type {() => Promise<string> | string} */ body) => async (/** @type {Record<string, string>} */ from) =>
    gate.fetch("/_revocable/events", { method: "POST", body: await body(), headers: { "content-type": "application/secevent+jwt", ...from } });

  for (const path of ["manifest", "head", "manifests/999", "segments/x", "feed?after=x", ""]) {
    const known = { manifest: 200, head: 200, "manifests/999": 404, "segments/x": 404, "feed?after=x": 400, "": 200 };
    test(`of readers of /_revocable/${path}`, async () => {
      await flood(known[/** @type {keyof typeof known} */ (path)], get(path, "read"));
    });
  }

  test("of questions whether targets are revoked", async () => {
    await flood(400, (from) => gate.fetch("/_revocable/confirm", { method: "POST", body: "x", headers: { ...bearer("read"), ...from } }));
  });

  test("of wrong read keys, after which the right one is refused as they are, until the bucket has filled", async () => {
    const from = await flood(401, get("manifest", "wrong"));
    await refusedAlike(get("manifest", "wrong"), get("manifest", "read"), from);
    await sleep(1100);
    assert.equal((await get("manifest", "read")(from)).status, 200);
  });

  test("of readers of a public list", async () => {
    const open = await start({ publicSnapshot: true });
    await flood(200, (from) => open.fetch("/_revocable/head", { headers: from }));
  });

  test("of wrong admin keys, after which the right one is refused as they are, until the bucket has filled", async () => {
    for (const path of ["admin/revocations", "admin/log", "metrics"]) {
      const from = await flood(401, get(path, "wrong"));
      await refusedAlike(get(path, "wrong"), get(path, "ops"), from);
      await sleep(1100);
      assert.equal((await get(path, "ops")(from)).status, 200);
    }
  });

  test("of requests that a key may not make", async () => {
    await flood(403, (from) => gate.fetch("/_revocable/admin/revocations/1", { method: "DELETE", headers: { ...bearer("viewer"), ...from } }));
  });

  test("of wrong client credentials, after which the right ones are refused as they are, until the bucket has filled", async () => {
    for (const path of ["revoke", "introspect"]) {
      const from = await flood(401, form(path, basic("wrong")));
      await refusedAlike(form(path, basic("wrong")), form(path, basic("s-1")), from);
      await sleep(1100);
      assert.equal((await form(path, basic("s-1"))(from)).status, 200);
    }
    await flood(401, form("introspect", bearer("wrong")));
  });

  test("of forms that cannot be read", async () => {
    await flood(400, (from) =>
      gate.fetch("/_revocable/revoke", { method: "POST", body: "token=a&token=b", headers: { "content-type": "application/x-www-form-urlencoded", ...from } }));
  });

  test("of a client's own requests, which cost it nothing at its address", async () => {
    const from = { "cf-connecting-ip": address() };
    const statuses = [];
    for (let count = 0; count < 3 * RATE.burst; count += 1) statuses.push((await form("revoke", basic("s-1"))(from)).status);
    assert.deepEqual([statuses[0], statuses.at(-1)], [200, 429]);
    // It is counted as itself, wherever it asks from.
    const revoke = form("revoke", basic("s-1"));
    await refusedAlike(revoke, revoke, from, { "cf-connecting-ip": address() });
    assert.equal((await get("metrics", "viewer")(from)).status, 200, "who else asks from there");
  });

  test("of logouts", async () => {
    const logout = (/** @type {string} */ token) => (/** @type {Record<string, string>} */ from) =>
      gate.fetch("/_revocable/logout", { method: "POST", headers: { ...bearer(token), ...from } });
    const from = await flood(401, logout("x"));
    const mine = await stack.issuer.mint({});
    await refusedAlike(logout("x"), logout(await stack.issuer.mint({})), from);
    assert.equal((await ask(gate, mine)).status, 200);
    await sleep(1100);
    assert.equal((await logout(mine)(from)).status, 200);
    assert.equal((await ask(gate, mine)).code, "ERR_JWT_REVOKED");
  });

  test("of events that are forged, that are none, and that mean nothing", async () => {
    const { privateKey } = await generateKeyPair("ES256");
    await flood(400, event(() => set({ sub: "a", events: { [DISABLED]: {} } }, privateKey)));
    await flood(400, event(() => "x"));
    const meaningless = event(() => set({ sub: "a", events: { "urn:other": {} } }));
    const from = await flood(202, meaningless);
    const good = await set({ sub: "erin", events: { [DISABLED]: {} } });
    await refusedAlike(meaningless, event(() => good), from);
    await sleep(1100);
    assert.equal((await event(() => good)(from)).status, 202);
  });

  test("from one IPv6 network is one, and so is one from nobody knows where", async () => {
    const wrong = get("manifest", "wrong");
    await flood(401, wrong, ["2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:1:ffff:ffff:ffff:ffff"]);
    await flood(401, wrong, ["2001:db8:0:2::1"]);
    await flood(401, wrong, ["x", "203.0.113.7, 203.0.113.8", "203.0.113.7:80"]);
  });

  test("from more addresses than are told apart pushes nobody out", async () => {
    for (let block = 0; block < 11; block += 1) {
      const many = Array.from({ length: 100 }, (_, host) => get("manifest", "read")({ "cf-connecting-ip": `203.0.${block}.${host}` }));
      const statuses = (await Promise.all(many)).map((response) => response.status);
      assert.deepEqual(new Set(statuses), new Set([200]));
    }
    assert.equal((await get("manifest", "read")({ "cf-connecting-ip": address() })).status, 200, "a reader that comes now");
    const text = await (await get("metrics", "viewer")({ "cf-connecting-ip": address() })).text();
    for (const limit of ["actor", "logout", "reader", "unproved"]) {
      assert.match(text, new RegExp(`^revocable_rate_limited_total\\{limit="${limit}"\\} [1-9]`, "m"));
    }
  });
});

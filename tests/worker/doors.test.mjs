// The endpoints for tokens: revoke, introspect, logout and events, each until the gate refuses what was taken back.
import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";

import { exportJWK, generateKeyPair, SignJWT } from "jose";

import { AUTHORITY, ISSUER } from "../../xtask/node/names.mjs";
import { startStack } from "../../xtask/node/stack.mjs";
import { ask, bearer } from "./support.mjs";

const SENDER = "https://idp.example";
const DISABLED = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
const CHANGED = "https://schemas.openid.net/secevent/risc/event-type/credential-change-required";
const JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

describe("the endpoints for tokens", () => {
  /** @type {import("../../xtask/node/stack.mjs").Stack} */
  let stack;
  /** @type {import("../../xtask/node/gate.mjs").Gate} */
  let gate;
  /** @type {import("jose").CryptoKey} */
  let clientKey;
  /** @type {import("jose").CryptoKey} */
  let senderKey;

  before(async () => {
    stack = await startStack();
    const [client, sender] = [await generateKeyPair("ES256"), await generateKeyPair("ES256")];
    [clientKey, senderKey] = [client.privateKey, sender.privateKey];
    const user = { rule: ["sub"], tokenIssuer: ISSUER, values: ["sub_id.sub"] };
    const authority = {
      signingKey: { secret: "AUTHORITY_KEY" },
      clients: [
        { id: "app-1", secretHashes: [createHash("sha256").update("s-1").digest("hex")] },
        { id: "app-2", jwks: await exportJWK(client.publicKey) },
      ],
      logout: { everywhere: { clients: ["web"] } },
      events: [
        {
          issuer: SENDER,
          audience: AUTHORITY,
          jwks: await exportJWK(sender.publicKey),
          map: { [DISABLED]: { ...user, kind: "outright" }, [CHANGED]: { ...user, kind: "cutoff" } },
        },
      ],
    };
    gate = await stack.startFreshGate({
      config: { ...stack.config, authority },
      bindings: { AUTHORITY_KEY: await readFile(stack.authority.keyFile, "utf8") },
    });
    // Whoever comes first brings the list with it.
    assert.equal((await revoke(await token({ azp: "app-1" }))).status, 200);
  });
  after(() => stack.dispose());

  /** @param {Record<string, unknown>} [claims] */
  const token = (claims) => stack.issuer.mint({ iat: Math.floor(Date.now() / 1000) - 10, ...claims });

  /**
   * @param {string} path
   * @param {Record<string, string>} form
   * @param {Record<string, string>} [headers]
   */
  const post = (path, form, headers) =>
    gate.fetch(`/_revocable/${path}`, { method: "POST", body: new URLSearchParams(form), headers });

  const basic = { authorization: `Basic ${Buffer.from("app-1:s-1").toString("base64")}` };

  /**
   * @param {string} text
   * @param {Record<string, string>} [more]
   */
  const revoke = (text, more) => post("revoke", { token: text, ...more }, basic);

  /** @param {Record<string, unknown>} [claims] */
  const assertion = (claims) => {
    const now = Math.floor(Date.now() / 1000);
    const all = { iss: "app-2", sub: "app-2", aud: AUTHORITY, exp: now + 60, jti: randomUUID(), ...claims };
    return new SignJWT(all).setProtectedHeader({ alg: "ES256" }).sign(clientKey);
  };

  test("a client's token is refused once it has been revoked, and once more is as good", async () => {
    const mine = await token({ azp: "app-1" });
    assert.equal((await ask(gate, mine)).status, 200);
    for (let time = 0; time < 2; time += 1) {
      const response = await revoke(mine);
      assert.equal(response.status, 200);
      assert.equal(await response.text(), "");
      assert.deepEqual([(await ask(gate, mine)).status, (await ask(gate, mine)).code], [401, "ERR_JWT_REVOKED"]);
    }
  });

  test("unknown tokens are 200, others' and malformed requests are refused", async () => {
    for (const unknown of ["x", "a.b.c", await stack.issuer.mint({ azp: "app-1" }, { key: "rogue" })]) {
      assert.equal((await revoke(unknown)).status, 200);
    }
    const theirs = await token({ azp: "app-2" });
    const refused = await revoke(theirs);
    assert.deepEqual([refused.status, (await refused.json()).error], [400, "unauthorized_client"]);
    assert.equal((await ask(gate, theirs)).status, 200);
    const nameless = await revoke(await token({ azp: "app-1", jti: null }));
    assert.deepEqual([nameless.status, (await nameless.json()).error], [400, "unsupported_token_type"]);

    const wrong = await post("revoke", { token: "x" }, { authorization: "Basic YTpi" });
    assert.deepEqual([wrong.status, (await wrong.json()).error], [401, "invalid_client"]);
    assert.match(wrong.headers.get("www-authenticate") ?? "", /^Basic /);
    const form = { "content-type": "application/x-www-form-urlencoded", ...basic };
    const twice = await gate.fetch("/_revocable/revoke", { method: "POST", body: "token=a&token=b", headers: form });
    assert.deepEqual([twice.status, (await twice.json()).error], [400, "invalid_request"]);
    assert.equal((await gate.fetch("/_revocable/revoke")).status, 405);
    assert.equal((await gate.fetch("/_revocable/revoke", { method: "OPTIONS", headers: { origin: "https://a.example" } })).status, 204);
    const long = await gate.fetch("/_revocable/revoke", { method: "POST", body: "a".repeat(70_000), headers: form });
    assert.equal(long.status, 413);
  });

  test("an assertion is good for one request", async () => {
    const mine = await token({ azp: "app-2" });
    const shown = { client_assertion: await assertion(), client_assertion_type: JWT_BEARER };
    assert.equal((await post("revoke", { token: mine, ...shown })).status, 200);
    assert.equal((await ask(gate, mine)).code, "ERR_JWT_REVOKED");
    assert.equal((await post("revoke", { token: await token({ azp: "app-2" }), ...shown })).status, 401);
    const endpoint = await assertion({ aud: `${gate.url}/_revocable/introspect` });
    const asked = { token: mine, client_assertion: endpoint, client_assertion_type: JWT_BEARER };
    assert.deepEqual(await (await post("introspect", asked)).json(), { active: false });
    assert.equal((await post("introspect", asked)).status, 401);
  });

  test("a client is told of its own tokens what they say, and of others nothing", async () => {
    const mine = await token({ azp: "app-1", scope: "read" });
    const answer = await (await post("introspect", { token: mine }, basic)).json();
    assert.deepEqual([answer.active, answer.client_id, answer.scope, answer.sub], [true, "app-1", "read", "alice"]);
    assert.deepEqual(await (await post("introspect", { token: await token({ azp: "web" }) }, basic)).json(), { active: false });
    assert.equal((await post("introspect", { token: mine })).status, 401);
    await revoke(mine);
    assert.deepEqual(await (await post("introspect", { token: mine }, basic)).json(), { active: false });
  });

  test("a logout takes the token and its session back, and clears the cookie", async () => {
    const [mine, another] = [await token({ sid: "s-1" }), await token({ sid: "s-1" })];
    const cookie = { cookie: `session=${mine}` };
    const logout = (/** @type {Record<string, string>} */ headers, query = "") =>
      gate.fetch(`/_revocable/logout${query}`, { method: "POST", headers });
    assert.equal((await logout(cookie)).status, 403, "any page can have a browser send that");
    assert.equal((await logout({ ...cookie, "sec-fetch-site": "cross-site", origin: "https://evil.example" })).status, 403);
    assert.equal((await ask(gate, another)).status, 200);
    const response = await logout({ ...cookie, origin: gate.url });
    assert.equal(response.status, 200);
    assert.ok((await response.json()).seq > 0);
    assert.equal(response.headers.get("set-cookie"), "session=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax");
    for (const over of [mine, another]) assert.equal((await ask(gate, over)).code, "ERR_JWT_REVOKED");
    const again = await logout({ ...cookie, origin: gate.url });
    assert.equal(again.status, 401);
    assert.match(again.headers.get("set-cookie") ?? "", /^session=; Max-Age=0/);
    assert.equal((await logout({})).status, 401);
  });

  test("only a first party's token ends all sessions", async () => {
    const logout = (/** @type {string} */ text) =>
      gate.fetch("/_revocable/logout?everywhere", { method: "POST", headers: bearer(text) });
    const another = await token({ sub: "bob" });
    assert.equal((await logout(await token({ sub: "bob", azp: "third" }))).status, 403);
    assert.equal((await ask(gate, another)).status, 200);
    assert.equal((await logout(await token({ sub: "bob", azp: "web" }))).status, 200);
    assert.equal((await ask(gate, another)).code, "ERR_JWT_REVOKED");
    assert.equal((await ask(gate, await token({ sub: "carol" }))).status, 200);
  });

  test("a security event means what is configured, once", async () => {
    const now = Math.floor(Date.now() / 1000);
    const set = (/** @type {Record<string, unknown>} */ claims, key = senderKey) =>
      new SignJWT({ iss: SENDER, aud: AUTHORITY, iat: now, jti: randomUUID(), ...claims })
        .setProtectedHeader({ alg: "ES256", typ: "secevent+jwt" })
        .sign(key);
    const send = (/** @type {string} */ body, type = "application/secevent+jwt") =>
      gate.fetch("/_revocable/events", { method: "POST", body, headers: { "content-type": type } });
    const about = (/** @type {string} */ sub) => ({ format: "iss_sub", iss: ISSUER, sub });

    const theirs = await token({ sub: "dave" });
    assert.equal((await ask(gate, theirs)).status, 200);
    const changed = await set({ sub_id: about("dave"), events: { [CHANGED]: {} } });
    for (let time = 0; time < 2; time += 1) assert.equal((await send(changed)).status, 202);
    assert.equal((await ask(gate, theirs)).code, "ERR_JWT_REVOKED");
    assert.equal((await send(await set({ sub_id: about("erin"), events: { "urn:other": {} } }))).status, 202);
    assert.equal((await ask(gate, await token({ sub: "erin" }))).status, 200);
    for (const [body, err] of [
      [await set({ events: { [DISABLED]: {} } }), "invalid_request"],
      [await set({ sub_id: about("erin"), events: { [DISABLED]: {} }, aud: "x" }), "invalid_audience"],
      [await set({ sub_id: about("erin"), events: { [DISABLED]: {} }, iss: "x" }), "invalid_issuer"],
      [await set({ sub_id: about("erin"), events: { [DISABLED]: {} } }, clientKey), "invalid_key"],
      ["x", "invalid_request"],
    ]) {
      const response = await send(/** @type {string} */ (body));
      assert.deepEqual([response.status, (await response.json()).err], [400, err]);
    }
    assert.equal((await send(changed, "application/jwt")).status, 400);
    assert.equal((await ask(gate, await token({ sub: "erin" }))).status, 200);
  });
});

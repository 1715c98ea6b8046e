// The keys of whoever sends security events, read from a URL: when, how often, and what is not believed.
import assert from "node:assert/strict";
import { createSecretKey, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";

import { exportJWK, generateKeyPair, SignJWT } from "jose";

import { listen } from "../../xtask/node/http.mjs";
import { AUTHORITY, ISSUER } from "../../xtask/node/names.mjs";
import { startStack, until } from "../../xtask/node/stack.mjs";
import { ask } from "./support.mjs";

const SENDER = "https://idp.example";
const DISABLED = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";

describe("the keys of a sender of events", () => {
  /** @type {import("../../xtask/node/stack.mjs").Stack} */
  let stack;
  /** @type {{ publicKey: import("jose").CryptoKey, privateKey: import("jose").CryptoKey }} */
  let pair;
  /** @type {{ keys: import("jose").JWK[] }} */
  let jwks;
  /** @type {{ status: number, headers?: Record<string, string>, body: string, hangs?: boolean }} */
  let answer;
  /** @type {string[]} */
  let reads = [];
  /** @type {import("../../xtask/node/http.mjs").Server} */
  let server;

  before(async () => {
    stack = await startStack();
    pair = await generateKeyPair("ES256");
    jwks = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: "idp-1", alg: "ES256" }] };
    server = await listen(async (request, response) => {
      reads.push(request.url ?? "");
      if (answer.hangs) return;
      response.writeHead(answer.status, answer.headers).end(answer.body);
    });
  });
  after(async () => {
    await server.close();
    await stack.dispose();
  });

  const good = () => ({ status: 200, body: JSON.stringify(jwks) });

  async function start() {
    const authority = {
      signingKey: { secret: "AUTHORITY_KEY" },
      events: [
        // Before it stands one whose keys are at hand: it is told which is meant.
        { issuer: "https://other.example", audience: AUTHORITY, jwks, map: {} },
        {
          issuer: SENDER,
          audience: AUTHORITY,
          jwksUri: `${server.url}/events.json`,
          map: { [DISABLED]: { rule: ["sub"], kind: "outright", tokenIssuer: ISSUER, values: ["sub"] } },
        },
      ],
    };
    reads = [];
    return stack.startFreshGate({
      config: { ...stack.config, authority },
      bindings: { AUTHORITY_KEY: await readFile(stack.authority.keyFile, "utf8") },
    });
  }

  /** @param {{ sub?: string, kid?: string, key?: import("jose").CryptoKey | import("node:crypto").KeyObject, alg?: string }} [how] */
  const event = ({ sub = randomUUID(), kid = "idp-1", key = pair.privateKey, alg = "ES256" } = {}) =>
    new SignJWT({ iss: SENDER, aud: AUTHORITY, iat: Math.floor(Date.now() / 1000), jti: randomUUID(), sub, events: { [DISABLED]: {} } })
      .setProtectedHeader({ alg, kid, typ: "secevent+jwt" })
      .sign(key);

  /** @param {import("../../xtask/node/gate.mjs").Gate} gate @param {string} body */
  async function send(gate, body) {
    const response = await gate.fetch("/_revocable/events", { method: "POST", body, headers: { "content-type": "application/secevent+jwt" } });
    const text = await response.text();
    return { status: response.status, err: text ? JSON.parse(text).err : undefined, retryAfter: response.headers.get("retry-after") };
  }

  const TAKEN = { status: 202, err: undefined, retryAfter: null };
  const LATER = { status: 503, err: "temporarily_unavailable", retryAfter: "2" };

  test("are read for the first event and once, also for many that name a key which is not among them", async () => {
    answer = good();
    const gate = await start();
    assert.deepEqual(reads, []);
    assert.deepEqual(await send(gate, await event({ sub: "mallory" })), TAKEN);
    assert.equal((await ask(gate, await stack.issuer.mint({ sub: "mallory" }))).code, "ERR_JWT_REVOKED");
    assert.equal((await ask(gate, await stack.issuer.mint({ sub: "alice" }))).status, 200);
    const { privateKey } = await generateKeyPair("ES256");
    for (let n = 0; n < 20; n += 1) {
      const refused = await send(gate, await event({ kid: `other-${n}`, key: privateKey }));
      assert.deepEqual(refused, { status: 400, err: "invalid_key", retryAfter: null });
    }
    assert.deepEqual(await send(gate, await event({ key: privateKey })), { status: 400, err: "invalid_key", retryAfter: null });
    assert.deepEqual(await send(gate, await event()), TAKEN);
    assert.deepEqual(reads, ["/events.json"]);
  });

  test("many first events at once are one reading", async () => {
    answer = good();
    const gate = await start();
    const events = await Promise.all(Array.from({ length: 20 }, () => event()));
    for (const taken of await Promise.all(events.map((body) => send(gate, body)))) assert.deepEqual(taken, TAKEN);
    assert.deepEqual(reads, ["/events.json"]);
  });

  /** @type {[string, () => typeof answer][]} */
  const unusable = [
    ["an HTML page", () => ({ status: 200, body: "<!doctype html><title>Sign in</title>" })],
    ["an empty set", () => ({ status: 200, body: '{"keys":[]}' })],
    ["an error", () => ({ ...good(), status: 500 })],
    ["a redirect, even to good keys", () => ({ status: 302, headers: { location: stack.issuer.jwksUri }, body: "" })],
    ["more than the limit", () => ({ status: 200, body: JSON.stringify({ ...jwks, filler: "x".repeat(300_000) }) })],
    ["a sender that never answers", () => ({ status: 200, body: "", hangs: true })],
  ];
  for (const [name, make] of unusable) {
    test(`${name} in their place: the event is to be sent again, nothing is recorded, and the next good set heals it`, async () => {
      answer = make();
      const gate = await start();
      const token = await stack.issuer.mint({ sub: "victor" });
      const body = await event({ sub: "victor" });
      assert.deepEqual(await send(gate, body), LATER);
      // A list has yet to be made; this brings it.
      assert.equal(await until(async () => (await ask(gate, token)).status, (status) => status === 200), 200);
      assert.ok(gate.logs.some((log) => log.includes('"sender_keys"')), gate.logs.join("\n"));
      answer = good();
      assert.deepEqual(await until(() => send(gate, body), ({ status }) => status === 202), TAKEN);
      assert.equal((await ask(gate, token)).code, "ERR_JWT_REVOKED");
    });
  }

  test("are public keys alone: a secret that is published verifies nothing", async () => {
    const secret = createSecretKey(Buffer.alloc(32, 7));
    const published = { kty: "oct", kid: "s", alg: "HS256", k: Buffer.alloc(32, 7).toString("base64url") };
    answer = { status: 200, body: JSON.stringify({ keys: [published, ...jwks.keys] }) };
    const gate = await start();
    const refused = await send(gate, await event({ kid: "s", key: secret, alg: "HS256" }));
    assert.deepEqual(refused, { status: 400, err: "invalid_key", retryAfter: null });
    assert.deepEqual(await send(gate, await event()), TAKEN);
  });
});

// The issuer's keys as the gate reads them: where they come from, when they are read again, what is not believed.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { exportJWK, generateKeyPair, SignJWT } from "jose";

import { listen } from "../../xtask/node/http.mjs";
import { AUDIENCE, ISSUER } from "../../xtask/node/names.mjs";
import { startStack, until } from "../../xtask/node/stack.mjs";
import { ask } from "./support.mjs";

describe("the issuer's keys", () => {
  /** @type {import("../../xtask/node/stack.mjs").Stack} */
  let stack;
  /** @type {Map<string, Buffer>} */
  let objects;
  /** @type {{ status: number, headers?: Record<string, string>, body: string, hangs?: boolean }} */
  let answer;
  let reads = 0;
  /** @type {import("../../xtask/node/http.mjs").Server} */
  let server;

  before(async () => {
    stack = await startStack();
    ({ objects } = await stack.authority.build([]));
    server = await listen(async (_, response) => {
      reads += 1;
      if (answer.hangs) return;
      response.writeHead(answer.status, answer.headers).end(answer.body);
    });
  });
  after(async () => {
    await server.close();
    await stack.dispose();
  });

  /** @param {object} [issuer] */
  const gateWith = (issuer = { jwksUri: `${server.url}/jwks.json` }) =>
    stack.startFreshGate({
      config: { ...stack.config, issuers: [{ issuer: ISSUER, audience: AUDIENCE, ...issuer }] },
      objects,
    });

  const UNAVAILABLE = { status: 503, seq: undefined };

  test("inline keys need no reading", async () => {
    const gate = await gateWith({ jwks: stack.issuer.jwks });
    assert.equal((await ask(gate, await stack.issuer.mint())).status, 200);
  });

  /** @type {[string, () => typeof answer][]} */
  const unusable = [
    ["an HTML page", () => ({ status: 200, body: "<!doctype html><title>Sign in</title>" })],
    ["an empty set", () => ({ status: 200, body: '{"keys":[]}' })],
    ["an error", () => ({ status: 500, body: JSON.stringify(stack.issuer.jwks) })],
    ["a redirect, even to the right keys", () => ({ status: 302, headers: { location: stack.issuer.jwksUri }, body: "" })],
    ["more than the limit", () => ({ status: 200, body: JSON.stringify({ ...stack.issuer.jwks, filler: "x".repeat(300_000) }) })],
    ["a secret", () => ({ status: 200, body: JSON.stringify({ keys: [{ kty: "oct", k: "A".repeat(43) }] }) })],
  ];
  for (const [name, make] of unusable) {
    test(`${name} in place of a key set: unavailable, not unauthorised, and healed by the next good one`, async () => {
      answer = make();
      const gate = await gateWith();
      const token = await stack.issuer.mint();
      const { code, ...refusal } = await ask(gate, token);
      assert.deepEqual(refusal, UNAVAILABLE);
      assert.equal(code, "ERR_JWKS_UNAVAILABLE");
      answer = { status: 200, body: JSON.stringify(stack.issuer.jwks) };
      reads = 0;
      assert.equal((await ask(gate, token)).status, 503);
      for (let n = 0; n < 4; n += 1) await ask(gate, token);
      // On a busy machine the pause may be over before the last of them.
      assert.ok(reads <= 1, `right after a failure, the keys were read ${reads} times`);
      assert.equal((await until(() => ask(gate, token), ({ status }) => status === 200)).status, 200);
    });
  }

  test("an issuer that never answers: unavailable in bounded time, and healed when it does", async () => {
    answer = { status: 200, body: "", hangs: true };
    const gate = await gateWith();
    const token = await stack.issuer.mint();
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask(gate, token)));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [503]);
    answer = { status: 200, body: JSON.stringify(stack.issuer.jwks) };
    assert.equal((await until(() => ask(gate, token), ({ status }) => status === 200)).status, 200);
  });

  test("the keys are read once, also for many tokens that name a key they do not have", async () => {
    const next = await generateKeyPair("ES256");
    const jwk = { ...(await exportJWK(next.publicKey)), kid: "next", alg: "ES256" };
    answer = { status: 200, body: JSON.stringify({ keys: [jwk] }) };
    reads = 0;
    const gate = await gateWith();
    const token = await new SignJWT({ jti: "x" })
      .setProtectedHeader({ alg: "ES256", kid: "next" })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setIssuedAt()
      .setExpirationTime("1h")
      .sign(next.privateKey);
    assert.equal((await ask(gate, token)).status, 200);
    const unknown = await stack.issuer.mint({}, { kid: "demo-1" });
    for (let n = 0; n < 20; n += 1) assert.equal((await ask(gate, unknown)).code, "ERR_JWKS_NO_MATCHING_KEY");
    assert.equal(reads, 1);
  });
});

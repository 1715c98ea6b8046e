// Where an issuer's keys come from goes bad, moves, or is found by discovery: what the gate believes meanwhile, and what it
// asks of whom. How long it believes it is a matter of hours, and tested natively (tests/flow/keys.rs).
import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { after, before, describe, test } from "node:test";

import { exportJWK, generateKeyPair, SignJWT } from "jose";

import { listen } from "../../xtask/node/http.mjs";
import { AUDIENCE, ISSUER } from "../../xtask/node/names.mjs";
import { startStack, until } from "../../xtask/node/stack.mjs";
import { ask } from "./support.mjs";

/** @typedef {import("../../xtask/node/http.mjs").Request} Request */
/** @typedef {import("../../xtask/node/http.mjs").Response} Response */
/** @typedef {(request: Request, response: Response) => unknown} Answer */

const TOO_MUCH = 100 * 1024 * 1024;

describe("the endpoints of an issuer's keys", () => {
  /** @type {import("../../xtask/node/stack.mjs").Stack} */
  let stack;
  /** @type {import("../../xtask/node/http.mjs").Server} */
  let server;
  /** @type {import("../../xtask/node/http.mjs").Server} */
  let elsewhere;
  /** @type {Answer} */
  let answer;
  /** @type {{ path: string | undefined, headers: import("node:http").IncomingHttpHeaders }[]} */
  let reads = [];
  let readsElsewhere = 0;
  /** @type {import("jose").CryptoKey} */
  let nextKey;
  /** @type {object} */
  let nextJwk;

  before(async () => {
    stack = await startStack();
    const next = await generateKeyPair("ES256");
    nextKey = next.privateKey;
    nextJwk = { ...(await exportJWK(next.publicKey)), kid: "next", alg: "ES256" };
    server = await listen(async (request, response) => {
      reads.push({ path: request.url, headers: request.headers });
      await answer(request, response);
    });
    elsewhere = await listen(async (_, response) => {
      readsElsewhere += 1;
      response.end(JSON.stringify(stack.issuer.jwks));
    });
  });
  after(async () => {
    await server.close();
    await elsewhere.close();
    await stack.dispose();
  });

  /** @param {object} [issuer] */
  const gateWith = (issuer = {}) => {
    reads = [];
    const keys = { issuer: ISSUER, jwksUri: `${server.url}/jwks.json`, audience: AUDIENCE };
    return stack.startFreshGate({ config: { ...stack.config, issuers: [{ ...keys, ...issuer }], lists: [] } });
  };

  /** @param {object} jwks @param {Record<string, string>} [headers] @returns {Answer} */
  const good = (jwks, headers = {}) => (_, response) => response.writeHead(200, headers).end(JSON.stringify(jwks));
  // As if a cache on the way had kept it: then the origin may be asked for an unknown key at once.
  const kept = () => good(stack.issuer.jwks, { age: "100" });

  /** @param {object} [header] */
  const mintNext = (header = { kid: "next" }) =>
    new SignJWT({ jti: "x" })
      .setProtectedHeader({ alg: "ES256", ...header })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setIssuedAt()
      .setExpirationTime("1h")
      .sign(nextKey);

  let sent = 0;
  /** @type {[string, Answer][]} */
  const bad = [
    ["hangs", () => {}],
    ["hangs in the middle of its answer", (_, response) => void response.writeHead(200).write('{"keys":[')],
    ["hangs up", (request) => request.socket.destroy()],
    ["redirects to another origin", (_, response) => response.writeHead(302, { location: `${elsewhere.url}/` }).end()],
    ["sends 100 MB", (_, response) => sendTooMuch(response, (bytes) => (sent = bytes))],
    ["sends HTML", (_, response) => response.writeHead(200).end("<!doctype html><title>Sign in</title>")],
    ["sends an empty set", good({ keys: [] })],
    ["sends a private key", (_, response) => response.end(JSON.stringify({ keys: [{ ...nextJwk, d: "AQAB" }] }))],
  ];
  for (const [name, bads] of bad) {
    test(`one that ${name}: the last good keys serve, and without any it is 503`, async () => {
      const [token, unknown] = [await stack.issuer.mint(), await mintNext()];
      answer = kept();
      const gate = await gateWith();
      assert.equal((await ask(gate, token)).status, 200);
      answer = bads;
      assert.equal((await ask(gate, unknown)).code, "ERR_JWKS_NO_MATCHING_KEY");
      assert.equal(reads.length, 2, "it was looked for");
      for (let n = 0; n < 5; n += 1) assert.equal((await ask(gate, token)).status, 200);

      const cold = await gateWith();
      const started = performance.now();
      assert.equal((await ask(cold, token)).code, "ERR_JWKS_UNAVAILABLE");
      assert.ok(performance.now() - started < 9_000, "in bounded time");
      assert.equal(readsElsewhere, 0);
    });
  }

  test("one that hung up in the middle: the next good answer heals it", async () => {
    const token = await stack.issuer.mint();
    answer = (_, response) => response.writeHead(200).write('{"keys":[', () => response.destroy());
    const gate = await gateWith();
    assert.equal((await ask(gate, token)).status, 503);
    answer = kept();
    assert.equal((await until(() => ask(gate, token), ({ status }) => status === 200)).status, 200);
  });

  test("of 100 MB, no more is read than shows that it is too much", () => {
    assert.ok(sent > 0 && sent < TOO_MUCH / 4, `${sent} bytes were sent`);
  });

  test("one that flips between good and bad: the keys of the last good answer, and no others", async () => {
    const [token, unknown] = [await stack.issuer.mint(), await mintNext()];
    answer = kept();
    const gate = await gateWith();
    assert.equal((await ask(gate, token)).status, 200);
    answer = good({ keys: [] });
    assert.equal((await ask(gate, unknown)).status, 401);
    assert.equal((await ask(gate, token)).status, 200);
    answer = good({ keys: [nextJwk] });
    // The origin has just been asked; it is asked again for an unknown key after the cool-down.
    const healed = await until(() => ask(gate, unknown), ({ status }) => status === 200, 45_000);
    assert.equal(healed.status, 200);
    assert.equal((await ask(gate, token)).code, "ERR_JWKS_NO_MATCHING_KEY", "the key that was removed is gone");
    assert.equal(reads.length, 3);
  });

  for (const [name, header] of /** @type {[string, object][]} */ ([
    ["names a key that is new", { kid: "next" }],
    ["names no key, and none fits", {}],
  ])) {
    test(`a token that ${name} has the origin asked, past every cache`, async () => {
      answer = kept();
      const gate = await gateWith();
      assert.equal((await ask(gate, await stack.issuer.mint())).status, 200);
      answer = good({ keys: [nextJwk] });
      assert.equal((await ask(gate, await mintNext(header))).status, 200);
      const [first, second] = reads;
      assert.equal(first?.headers["cache-control"], undefined, "a cache may answer the first reading");
      assert.equal(second?.headers["cache-control"], "no-cache");
      assert.equal(first?.headers.accept, "application/jwk-set+json, application/json");
      // A hundred tokens like it, in vain: the origin has just been asked.
      const stranger = await stack.issuer.mint({}, { key: "rogue", kid: "none" });
      for (let n = 0; n < 100; n += 1) assert.equal((await ask(gate, stranger)).status, 401);
      assert.equal(reads.length, 2);
    });
  }

  for (const [how, path] of /** @type {[true | string, string][]} */ ([
    [true, "/tenant/.well-known/openid-configuration"],
    ["oauth", "/.well-known/oauth-authorization-server/tenant"],
  ])) {
    test(`an issuer with discovery: ${how} is asked where its keys are, and then for them`, async () => {
      const issuer = `${server.url}/tenant`;
      const metadata = { issuer, jwks_uri: `${server.url}/keys` };
      answer = (request, response) => good(request.url === path ? metadata : stack.issuer.jwks)(request, response);
      const gate = await gateWith({ issuer, jwksUri: undefined, discovery: how });
      assert.equal((await ask(gate, await stack.issuer.mint({ iss: issuer }))).status, 200);
      assert.deepEqual(reads.map(({ path }) => path), [path, "/keys"]);
    });
  }

  test("metadata of another issuer is not believed, and the right one heals it", async () => {
    const issuer = `${server.url}/tenant`;
    /** @type {(name: string) => Answer} */
    const metadata = (name) => (request, response) =>
      good(request.url === "/keys" ? stack.issuer.jwks : { issuer: name, jwks_uri: `${server.url}/keys` })(request, response);
    answer = metadata(`${issuer}/`);
    const gate = await gateWith({ issuer, jwksUri: undefined, discovery: true });
    const token = await stack.issuer.mint({ iss: issuer });
    assert.equal((await ask(gate, token)).code, "ERR_JWKS_UNAVAILABLE");
    assert.equal(reads.length, 1);
    answer = metadata(issuer);
    assert.equal((await until(() => ask(gate, token), ({ status }) => status === 200)).status, 200);
  });

  test("a key as PEM needs no reading", async () => {
    const key = createPublicKey({ key: /** @type {any} */ (stack.issuer.jwks.keys[0]), format: "jwk" });
    const pem = { key: key.export({ type: "spki", format: "pem" }), kid: "demo-1" };
    const gate = await gateWith({ jwksUri: undefined, pem });
    assert.equal((await ask(gate, await stack.issuer.mint())).status, 200);
    assert.equal((await ask(gate, await stack.issuer.mint({}, { kid: "other" }))).code, "ERR_JWKS_NO_MATCHING_KEY");
    assert.equal(reads.length, 0);
  });
});

/**
 * Sends 100 MB that never become a document, for as long as somebody reads them.
 * @param {Response} response
 * @param {(bytes: number) => void} report
 */
async function sendTooMuch(response, report) {
  const chunk = Buffer.alloc(64 * 1024, " ");
  const chunks = function* () {
    for (let bytes = 0; bytes < TOO_MUCH; bytes += chunk.length) {
      report(bytes + chunk.length);
      yield chunk;
    }
  };
  response.writeHead(200);
  // Whoever stops reading ends it.
  await pipeline(Readable.from(chunks()), response).catch(() => {});
}

// The gate on workerd: which requests reach the origin, what the origin is told, and what everybody else is answered.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";

import { listen } from "../../xtask/node/http.mjs";
import { ISSUER } from "../../xtask/node/names.mjs";
import { startStack } from "../../xtask/node/stack.mjs";
import { bearer, challenge, compact, unsigned } from "./support.mjs";

describe("the gate", () => {
  /** @type {import("../../xtask/node/stack.mjs").Stack} */
  let stack;
  before(async () => {
    stack = await startStack({ publish: [] });
  });
  after(() => stack.dispose());

  test("a good token reaches the origin with the verified identity, method, path and query", async () => {
    const token = await stack.issuer.mint({ sub: "alice é\n", azp: "app-1", jti: "t-1" });
    const response = await stack.gate.fetch("/a/b?c=%20d&e", { method: "PUT", body: "x", headers: bearer(token) });
    const echo = await response.json();
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("x-origin"), "demo");
    assert.equal(echo.method, "PUT");
    assert.equal(echo.path, "/a/b?c=%20d&e");
    assert.equal(echo.headers["x-revocable-issuer"], ISSUER);
    assert.equal(echo.headers["x-revocable-subject"], "alice%20%C3%A9%0A");
    assert.equal(echo.headers["x-revocable-client"], "app-1");
    assert.equal(echo.headers["x-revocable-token-id"], "t-1");
    assert.equal(echo.headers["x-revocable-seq"], "1");
    assert.match(echo.headers["x-revocable-age"], /^\d+$/);
  });

  test("identity headers that a client made up are removed, whatever their case and name", async () => {
    const token = await stack.issuer.mint({ azp: null });
    const headers = { ...bearer(token), "X-Revocable-Subject": "root", "x-revocable-client": "admin", "x-revocable-x": "1" };
    const { headers: got } = await (await stack.gate.fetch("/", { headers })).json();
    assert.equal(got["x-revocable-subject"], "alice");
    assert.equal(got["x-revocable-client"], undefined);
    assert.equal(got["x-revocable-x"], undefined);
  });

  test("a body of megabytes arrives untouched", async () => {
    const body = randomBytes(8 * 1024 * 1024);
    const response = await stack.gate.fetch("/upload", { method: "POST", body, headers: bearer(await stack.issuer.mint()) });
    const echo = await response.json();
    assert.equal(echo.bodyLength, body.length);
    assert.equal(echo.bodySha256, createHash("sha256").update(body).digest("hex"));
  });

  test("a body is streamed: its beginning reaches the origin before its end is sent", async () => {
    let end = () => {};
    const begun = withResolvers();
    const server = createServer((request, response) => {
      request.once("data", () => begun.resolve());
      request.on("end", () => response.end("done"));
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
    const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
    const gate = await stack.startFreshGate({ origin: `http://127.0.0.1:${port}`, objects: (await stack.authority.build([])).objects });
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode("beginning"));
        end = () => controller.close();
      },
    });
    const answer = gate.fetch("/", /** @type {any} */ ({ method: "POST", body, duplex: "half", headers: bearer(await stack.issuer.mint()) }));
    await begun.promise;
    end();
    assert.equal(await (await answer).text(), "done");
    server.close();
    server.closeAllConnections();
  });

  test("a redirect of the origin goes back to the client, who decides what to do", async () => {
    const origin = await listen(async (_, response) => void response.writeHead(302, { location: "https://elsewhere.example/" }).end());
    const gate = await stack.startFreshGate({ origin: origin.url, objects: (await stack.authority.build([])).objects });
    const response = await gate.fetch("/", { headers: bearer(await stack.issuer.mint()) });
    assert.equal(response.status, 302);
    assert.equal(response.headers.get("location"), "https://elsewhere.example/");
    await origin.close();
  });

  test("an origin below a path keeps that path in front", async () => {
    const gate = await stack.startFreshGate({ origin: `${stack.origin.url}/v1/`, objects: (await stack.authority.build([])).objects });
    const echo = await (await gate.fetch("/orders?id=7", { headers: bearer(await stack.issuer.mint()) })).json();
    assert.equal(echo.path, "/v1/orders?id=7");
  });

  test("a service binding as origin gets the same request and the identity", async () => {
    const gate = await stack.startFreshGate({
      origin: undefined,
      objects: (await stack.authority.build([])).objects,
      worker: {
        serviceBindings: {
          ORIGIN: async (/** @type {any} */ request) => {
            const { Response } = await import("miniflare");
            const seen = { url: request.url, body: await request.text(), subject: request.headers.get("x-revocable-subject") };
            return new Response(JSON.stringify(seen));
          },
        },
      },
    });
    const response = await gate.fetch("/x?y", { method: "POST", body: "hello", headers: bearer(await stack.issuer.mint()) });
    assert.deepEqual(await response.json(), { url: `${gate.url}/x?y`, body: "hello", subject: "alice" });
  });

  test("without an origin, nothing passes and the log says what is missing", async () => {
    const gate = await stack.startFreshGate({ origin: undefined, objects: (await stack.authority.build([])).objects });
    const response = await gate.fetch("/", { headers: bearer(await stack.issuer.mint()) });
    assert.equal(response.status, 503);
    assert.equal((await response.json()).code, "ERR_CONFIG_INVALID");
    assert.match(gate.logs.join("\n"), /ORIGIN/);
  });

  test("no token gets a bare challenge", async () => {
    /** @type {Record<string, string>[]} */
    const without = [{}, { authorization: "Basic YTpi" }, { cookie: "other=1" }];
    for (const headers of without) {
      const response = await stack.gate.fetch("/", { headers });
      assert.equal(response.status, 401);
      assert.equal(response.headers.get("www-authenticate"), "Bearer");
      assert.equal(response.headers.get("cache-control"), "no-store");
    }
  });

  test("a source given twice, or a malformed one, is a bad request and not a choice", async () => {
    const token = await stack.issuer.mint();
    /** @type {Record<string, string>[]} */
    const malformed = [
      { authorization: `Bearer ${token}, Bearer ${token}` },
      { authorization: "Bearer" },
      { authorization: `Bearer ${token} ${token}` },
      { authorization: `Bearer ${token} =` },
      { cookie: `session=${token}; session=${token}` },
    ];
    for (const headers of malformed) {
      const response = await stack.gate.fetch("/", { headers });
      assert.equal(response.status, 400);
      assert.equal(challenge(response).error, "invalid_request");
      assert.equal((await response.json()).code, "ERR_REQUEST_INVALID");
    }
  });

  test("the first source that is present wins, also when it holds a bad token and the next a good one", async () => {
    const good = await stack.issuer.mint();
    const bad = await stack.issuer.mint({}, { key: "rogue" });
    const cookie = `session=${good}`;
    assert.equal((await stack.gate.fetch("/", { headers: { cookie } })).status, 200);
    assert.equal((await stack.gate.fetch("/", { headers: { ...bearer(bad), cookie } })).status, 401);
  });

  test("a preflight goes to the origin without token and without identity", async () => {
    const headers = { origin: "https://app.example", "access-control-request-method": "PUT", "x-revocable-subject": "root" };
    const response = await stack.gate.fetch("/orders", { method: "OPTIONS", headers });
    const echo = await response.json();
    assert.equal(echo.method, "OPTIONS");
    assert.equal(echo.headers["x-revocable-subject"], undefined);
    assert.equal((await stack.gate.fetch("/orders", { method: "OPTIONS" })).status, 401, "any other OPTIONS is gated");
  });

  test("the reason is told to the log and not to the client, and the token to neither", async () => {
    const gate = await stack.startFreshGate({ config: { ...stack.config, exposeReason: false }, objects: (await stack.authority.build([])).objects });
    const token = await stack.issuer.mint({ exp: 1, sub: "a-secret-name" });
    const response = await gate.fetch("/", { headers: bearer(token) });
    const body = await response.text();
    assert.equal(response.status, 401);
    assert.equal(challenge(response).error, "invalid_token");
    assert.doesNotMatch(body, /ERR_/);
    const log = gate.logs.join("\n");
    assert.match(log, /ERR_JWT_EXPIRED/);
    assert.ok(!log.includes(token) && !log.includes("a-secret-name") && !log.includes(token.split(".")[1] ?? ""));
  });

  test("our own answers carry the configured CORS headers", async () => {
    const config = { ...stack.config, cors: { allowOrigins: ["https://app.example"] } };
    const gate = await stack.startFreshGate({ config });
    const from = async (/** @type {string} */ origin) => (await gate.fetch("/", { headers: { origin } })).headers;
    assert.equal((await from("https://app.example")).get("access-control-allow-origin"), "https://app.example");
    assert.equal((await from("https://evil.example")).get("access-control-allow-origin"), null);
    assert.match((await from("https://evil.example")).get("vary") ?? "", /origin/);
  });

  describe("a malformed or untrustworthy token is a coded 401", () => {
    /** @type {[string, string, () => string | Promise<string>][]} */
    const cases = [
      ["without dots", "ERR_JWS_INVALID", () => "abc"],
      ["of four parts", "ERR_JWS_INVALID", async () => `${await stack.issuer.mint()}.x`],
      ["with an empty payload", "ERR_JWS_INVALID", () => "e30..c2ln"],
      ["with an empty signature", "ERR_JWS_INVALID", async () => `${(await stack.issuer.mint()).split(".").slice(0, 2).join(".")}.`],
      ["with `alg: none`", "ERR_JOSE_ALG_NOT_ALLOWED", () => `${unsigned({ alg: "none" }, { iss: ISSUER })}.`],
      ["of an unknown `kid`", "ERR_JWKS_NO_MATCHING_KEY", () => stack.issuer.mint({}, { kid: "unknown" })],
      ["HS256 with the public key as secret", "ERR_JOSE_ALG_NOT_ALLOWED", () => compact({ alg: "HS256", kid: "demo-1" }, { iss: ISSUER }, JSON.stringify(stack.issuer.jwks.keys[0]))],
      ["in padded base64url", "ERR_JWS_INVALID", async () => `${await stack.issuer.mint()}=`],
      ["in non-canonical base64url", "ERR_JWS_INVALID", async () => nonCanonical(await stack.issuer.mint())],
      ["whose payload is not UTF-8", "ERR_JWT_INVALID", () => `${Buffer.from('{"alg":"ES256"}').toString("base64url")}.${Buffer.from([0x7b, 0xff, 0x7d]).toString("base64url")}.c2ln`],
      ["longer than the limit of 16 KiB", "ERR_JWS_INVALID", () => stack.issuer.mint({ filler: "x".repeat(15_000) })],
      ["nested 10,000 deep", "ERR_JWS_INVALID", () => `${unsigned({ alg: "ES256" }, '{"a":'.repeat(10_000) + "1" + "}".repeat(10_000))}.c2ln`],
      ["nested deeper than the limit", "ERR_JWT_INVALID", () => `${unsigned({ alg: "ES256" }, '{"a":'.repeat(40) + "1" + "}".repeat(40))}.c2ln`],
      ["of another issuer", "ERR_JWT_ISSUER_UNKNOWN", () => stack.issuer.mint({ iss: "https://other.example" })],
      ["without `iss`", "ERR_JWT_ISSUER_UNKNOWN", () => stack.issuer.mint({ iss: null })],
      ["without `exp`", "ERR_JWT_CLAIM_VALIDATION_FAILED", () => stack.issuer.mint({ exp: null })],
      ["issued in the future", "ERR_JWT_CLAIM_VALIDATION_FAILED", () => stack.issuer.mint({ iat: Math.floor(Date.now() / 1000) + 600 })],
      ["that is the manifest itself", "ERR_JWT_ISSUER_UNKNOWN", async () => (await stack.authority.build([])).objects.get("manifest.jwt")?.toString() ?? ""],
    ];
    for (const [name, code, make] of cases) {
      test(name, async () => {
        const response = await stack.gate.fetch("/", { headers: bearer(await make()) });
        assert.equal((await response.json()).code, code);
        assert.equal(response.status, 401);
        assert.ok(challenge(response).error);
      });
    }
  });

  test("a token of a megabyte is refused and the gate lives on", async () => {
    const token = await stack.issuer.mint({ filler: "x".repeat(1_000_000) });
    const response = await stack.gate.fetch("/", { headers: bearer(token) }).catch(() => undefined);
    // The runtime may refuse such a header before the gate sees it.
    assert.ok(response === undefined || [400, 401, 431].includes(response.status));
    assert.equal((await stack.gate.fetch("/", { headers: bearer(await stack.issuer.mint()) })).status, 200);
  });
});

/** The same bytes with a trailing bit set that no encoder sets. @param {string} token */
function nonCanonical(token) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const last = alphabet.indexOf(token.at(-1) ?? "");
  return token.slice(0, -1) + alphabet[last ^ 1];
}

function withResolvers() {
  let resolve = () => {};
  const promise = new Promise((done) => {
    resolve = () => done(undefined);
  });
  return { promise, resolve };
}

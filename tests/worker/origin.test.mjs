// What the origin gets, and what is answered when it cannot be had.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { listen } from "../../xtask/node/http.mjs";
import { startStack } from "../../xtask/node/stack.mjs";
import { ask, bearer } from "./support.mjs";

describe("the origin", () => {
  /** @type {import("../../xtask/node/stack.mjs").Stack} */
  let stack;
  /** @type {Map<string, Buffer>} */
  let objects;
  before(async () => {
    stack = await startStack();
    ({ objects } = await stack.authority.build([]));
    await stack.gate.put(objects);
  });
  after(() => stack.dispose());

  test("a forged preflight brings neither credentials nor a body to it", async () => {
    const headers = {
      ...bearer(await stack.issuer.mint()),
      origin: "https://app.example",
      "access-control-request-method": "PUT",
      cookie: "session=x",
      "x-token": "y",
      "x-other": "z",
    };
    const config = { ...stack.config, tokenFrom: ["header", "header:X-Token"] };
    const gate = await stack.startFreshGate({ config, objects });
    const echo = await (await gate.fetch("/orders", { method: "OPTIONS", headers, body: "smuggled" })).json();
    assert.equal(echo.method, "OPTIONS");
    assert.equal(echo.path, "/orders");
    assert.equal(echo.bodyLength, 0);
    assert.equal(echo.headers.authorization, undefined);
    assert.equal(echo.headers.cookie, undefined);
    assert.equal(echo.headers["x-token"], undefined);
    assert.equal(echo.headers["x-other"], undefined);
    assert.equal(echo.headers["access-control-request-method"], "PUT");
    assert.equal(echo.headers.origin, "https://app.example");
  });

  test("identity headers spelled with underscores are removed too", async () => {
    const headers = { ...bearer(await stack.issuer.mint()), x_revocable_subject: "root", "X-Revocable_Client": "admin" };
    const echo = await (await stack.gate.fetch("/", { headers })).json();
    assert.deepEqual(Object.keys(echo.headers).filter((name) => name.includes("_")), []);
    assert.equal(echo.headers["x-revocable-subject"], "alice");
  });

  test("unreachable: 502 of its own code, without an invitation to send the request again", async () => {
    const gone = await listen(async () => {});
    await gone.close();
    const gate = await stack.startFreshGate({ origin: gone.url, objects });
    const response = await gate.fetch("/", { method: "POST", body: "x", headers: bearer(await stack.issuer.mint()) });
    assert.equal(response.status, 502);
    assert.equal((await response.json()).code, "ERR_ORIGIN_UNAVAILABLE");
    assert.equal(response.headers.get("retry-after"), null);
    assert.equal(response.headers.get("www-authenticate"), null);
    assert.match(gate.logs.join("\n"), /ERR_ORIGIN_UNAVAILABLE/);
  });

  test("what it answers is passed on as it is, errors and headers included", async () => {
    const origin = await listen(async (_, response) => void response.writeHead(418, { "x-own": "1" }).end("short and stout"));
    const gate = await stack.startFreshGate({ origin: origin.url, objects });
    const response = await gate.fetch("/", { headers: bearer(await stack.issuer.mint()) });
    assert.equal(response.status, 418);
    assert.equal(response.headers.get("x-own"), "1");
    assert.equal(await response.text(), "short and stout");
    await origin.close();
  });
});

describe("a cold isolate", () => {
  test("asks the issuer once for fifty requests at once", async () => {
    let reads = 0;
    const stack = await startStack();
    const server = await listen(async (_, response) => {
      reads += 1;
      await new Promise((resolve) => setTimeout(resolve, 200));
      response.end(JSON.stringify(stack.issuer.jwks));
    });
    try {
      const issuers = [{ .../** @type {any} */ (stack.config).issuers[0], jwksUri: `${server.url}/jwks.json` }];
      const { objects } = await stack.authority.build([]);
      const gate = await stack.startFreshGate({ config: { ...stack.config, issuers }, objects });
      const token = await stack.issuer.mint();
      const answers = await Promise.all(Array.from({ length: 50 }, () => ask(gate, token)));
      assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
      assert.equal(reads, 1);
    } finally {
      await server.close();
      await stack.dispose();
    }
  });
});

// What a gate does when its list cannot tell: its own policy, and those of its routes.
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, describe, test } from "node:test";

import { startStack } from "../../xtask/node/stack.mjs";
import { line } from "./lists.mjs";
import { bearer } from "./support.mjs";

describe("the policy of a route", () => {
  /** @type {import("../../xtask/node/stack.mjs").Stack} */
  let stack;
  /** @type {string} */
  let token;
  before(async () => {
    stack = await startStack();
    token = await stack.issuer.mint({ jti: "a" });
  });
  after(() => stack.dispose());

  /**
   * The answer to a path that is sent as it stands, which no browser and no `fetch` would do.
   * @param {import("../../xtask/node/gate.mjs").Gate} gate
   * @param {string} path
   * @returns {Promise<{ status: number | undefined, body: any }>}
   */
  const raw = (gate, path, headers = /** @type {Record<string, string>} */ (bearer(token))) =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(gate.url);
      request({ hostname, port, path, headers }, (response) => {
        let text = "";
        response.on("data", (chunk) => (text += chunk));
        response.on("end", () => resolve({ status: response.statusCode, body: JSON.parse(text) }));
      }).on("error", reject).end();
    });

  test("a relaxed route lets pass what the gate does not, and says so to the origin and to the log", async () => {
    const routes = [{ path: "/reports/secret", unknown: "deny" }, { path: "/reports/*", unknown: { noSnapshot: "allow" } }];
    const gate = await stack.startFreshGate({ config: { ...stack.config, routes } });
    const relaxed = await raw(gate, "/reports/a?b=c", { ...bearer(token), "x-revocable-status": "fine" });
    assert.equal(relaxed.status, 200);
    assert.equal(relaxed.body.headers["x-revocable-status"], "unknown");
    const unchecked = gate.logs.find((text) => text.includes('"unchecked"')) ?? "{}";
    assert.equal(JSON.parse(unchecked).reason, "noSnapshot");
    assert.equal((await raw(gate, "/x")).status, 503);
    const denied = await raw(gate, "/reports/secret");
    assert.deepEqual([denied.status, denied.body.code], [401, "ERR_REVOCATION_UNKNOWN"]);
  });

  test("a path that the origin may take for another one is not let pass by a relaxed route", async () => {
    const gate = await stack.startFreshGate({ config: { ...stack.config, routes: [{ path: "/reports/*", unknown: "allow" }] } });
    assert.equal((await raw(gate, "/reports/a")).status, 200);
    const paths = [
      "/reports/..%2fadmin",
      "/reports/..%2Fadmin",
      "/reports/%2e%2e/admin",
      "/reports/../admin",
      "/reports/..\\admin",
      "/reports/..%5cadmin",
      "/reports/..;/admin",
      "/reports//admin",
      "//reports/a",
      "/reports/%61",
      "/reports/%00",
      "/Reports/a",
      "/REPORTS/a",
      "/reports",
      "/x/reports/a",
      "/x?/reports/a",
      "/?path=/reports/a",
      "/reports%2fa",
    ];
    for (const path of paths) assert.equal((await raw(gate, path)).status, 503, path);
  });

  test("a token that is known to be revoked, or bad in itself, passes no route", async () => {
    const { objects } = await stack.authority.build([line(["jti"], ["a"])]);
    const gate = await stack.startFreshGate({ config: { ...stack.config, routes: [{ path: "/*", unknown: "allow" }] }, objects });
    assert.deepEqual(await raw(gate, "/reports/a").then(({ status, body }) => [status, body.code]), [401, "ERR_JWT_REVOKED"]);
    const rogue = await stack.issuer.mint({}, { key: "rogue" });
    assert.equal((await raw(gate, "/reports/a", bearer(rogue))).status, 401);
    assert.equal((await raw(gate, "/reports/a", {})).status, 401);
    const good = await raw(gate, "/reports/a", { ...bearer(await stack.issuer.mint()), "x-revocable-status": "unknown" });
    assert.equal(good.status, 200);
    assert.equal(good.body.headers["x-revocable-status"], undefined, "it is only there when it is so");
  });

  test("a route that no path reaches, or that names none, stops the gate", async () => {
    const bad = [
      [{ path: "/a/*", unknown: "allow" }, { path: "/a/b", unknown: "deny" }],
      [{ path: "/a%2fb", unknown: "allow" }],
      [{ path: "/a" }],
    ];
    for (const routes of bad) {
      const gate = await stack.startFreshGate({ config: { ...stack.config, routes } });
      assert.equal((await raw(gate, "/a/b")).status, 503);
      assert.match(gate.logs.join("\n"), /ERR_CONFIG_INVALID.*routes/);
    }
  });
});

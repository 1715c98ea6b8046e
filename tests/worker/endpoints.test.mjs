// Our own endpoints: the manifest and its segments for other readers, healthz, the playground, and a gate that is not
// configured.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";

import { ISSUER } from "../../xtask/node/names.mjs";
import { startStack, until } from "../../xtask/node/stack.mjs";
import { bearer, inRuntime } from "./support.mjs";

describe("the endpoints", () => {
  /** @type {import("../../xtask/node/stack.mjs").Stack} */
  let stack;
  /** @type {import("../../xtask/node/stack.mjs").Snapshot} */
  let snapshot;
  /** @type {string} */
  let segment;
  before(async () => {
    stack = await startStack();
    snapshot = await stack.publish([{ rule: ["jti"], issuer: ISSUER, values: ["t-1"] }]);
    segment = [...snapshot.objects.keys()].find((name) => name.startsWith("segments/")) ?? "";
  });
  after(() => stack.dispose());

  test("the manifest is served as it stands, under both its names, with an ETag that saves the next reading", async () => {
    for (const name of ["manifest", "manifest.jwt"]) {
      const response = await stack.gate.fetch(`/_revocable/${name}`);
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("content-type"), "application/jwt");
      assert.equal(await response.text(), snapshot.objects.get("manifest.jwt")?.toString());
      const etag = response.headers.get("etag") ?? "";
      for (const known of [etag, `W/${etag}`, `"x", ${etag}`]) {
        const again = await stack.gate.fetch(`/_revocable/${name}`, { headers: { "if-none-match": known } });
        assert.equal(again.status, 304);
        assert.equal(await again.text(), "");
      }
    }
  });

  test("a segment is served under its hash, cacheable for ever", async () => {
    const response = await stack.gate.fetch(`/_revocable/${segment}`);
    const bytes = Buffer.from(await response.arrayBuffer());
    assert.equal(response.status, 200);
    assert.equal(createHash("sha256").update(bytes).digest("hex"), segment.slice("segments/".length));
    assert.equal(response.headers.get("cache-control"), "public, max-age=31536000, immutable");
    assert.equal((await stack.gate.fetch(`/_revocable/${segment}`, { headers: { "if-none-match": response.headers.get("etag") ?? "" } })).status, 304);
    const head = await stack.gate.fetch(`/_revocable/${segment}`, { method: "HEAD" });
    assert.equal(head.status, 200);
    assert.notEqual(head.headers.get("content-length"), "0", "RFC 9110 §8.6: what GET has, or nothing");
    assert.equal(await head.text(), "");
  });

  test("a segment that the manifest does not name is not looked for", async () => {
    for (const name of ["0".repeat(64), "x", "", "..%2fmanifest.jwt", "A".repeat(64)]) {
      assert.equal((await stack.gate.fetch(`/_revocable/segments/${name}`)).status, 404, name);
    }
  });

  test("other methods are refused, and a preflight answered", async () => {
    const post = await stack.gate.fetch("/_revocable/manifest", { method: "POST", body: "x" });
    assert.equal(post.status, 405);
    assert.equal(post.headers.get("allow"), "GET, HEAD, OPTIONS");
    const headers = { origin: "https://app.example", "access-control-request-method": "GET" };
    const preflight = await stack.gate.fetch("/_revocable/manifest", { method: "OPTIONS", headers });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.get("access-control-allow-origin"), "*");
    assert.match(preflight.headers.get("access-control-allow-headers") ?? "", /if-none-match/);
  });

  test("unless it is public the snapshot is for holders of the read key alone", async () => {
    const config = { ...stack.config, publicSnapshot: false, readKey: { secret: "READ_KEY" } };
    const gate = await stack.startFreshGate({ config, objects: snapshot.objects, bindings: { READ_KEY: "r-1" } });
    for (const path of ["manifest", segment]) {
      assert.equal((await gate.fetch(`/_revocable/${path}`)).status, 401);
      assert.equal((await gate.fetch(`/_revocable/${path}`, { headers: bearer("r-2") })).status, 401);
      const response = await gate.fetch(`/_revocable/${path}`, { headers: bearer("r-1") });
      assert.equal(response.status, 200);
      assert.match(response.headers.get("cache-control") ?? "", /^private, /);
    }
    assert.equal((await gate.fetch("/_revocable/metrics")).status, 401);
    assert.equal((await gate.fetch("/")).status, 401);
    const metrics = await (await gate.fetch("/_revocable/metrics", { headers: bearer("r-1") })).text();
    for (const line of [/^revocable_decisions_total\{code="ERR_TOKEN_MISSING"\} 1$/m, new RegExp(`^revocable_snapshot_seq ${snapshot.manifest.seq}$`, "m")]) {
      assert.match(metrics, line);
    }
    assert.doesNotMatch(metrics, /ledger|publish_lag/, "it is no authority");
    assert.equal((await stack.gate.fetch("/_revocable/metrics")).status, 404, "where the list is public, there is no key for it");
    const { publicSnapshot: _, ...closed } = /** @type {Record<string, unknown>} */ (stack.config);
    const nobody = await stack.startFreshGate({ config: closed, objects: snapshot.objects });
    for (const path of ["manifest", "metrics"]) assert.equal((await nobody.fetch(`/_revocable/${path}`, { headers: bearer("r-1") })).status, 404);
    const unset = await stack.startFreshGate({ config, objects: snapshot.objects });
    assert.equal((await unset.fetch("/_revocable/manifest", { headers: bearer("r-1") })).status, 503, "the secret is missing");
  });

  test("healthz says how current the snapshot is", async () => {
    const health = await (await stack.gate.fetch("/_revocable/healthz")).json();
    assert.equal(health.status, "ok");
    assert.equal(health.snapshot.seq, snapshot.manifest.seq);
    assert.ok(health.snapshot.ageSeconds >= 0 && health.snapshot.checkedSecondsAgo >= 0);
  });

  test("every decision is a data point where a dataset is bound, with no token and no path in it", async () => {
    // The platform's own local dataset forgets what it is given.
    const worker = inRuntime(`
      import Gate from "./index.js";
      class AnalyticsEngineDataset {
        writeDataPoint(point) {
          console.log(JSON.stringify({ point }));
        }
      }
      const { fetch } = Gate.prototype;
      Gate.prototype.fetch = function (request) {
        const env = Object.create(this.env, { DECISIONS: { value: new AnalyticsEngineDataset() } });
        return fetch.call({ env, ctx: this.ctx }, request);
      };
    `);
    const gate = await stack.startFreshGate({ objects: snapshot.objects, worker });
    const token = await stack.issuer.mint({ jti: "t-2" });
    for (const text of [token, await stack.issuer.mint({ jti: "t-1" }), "a.b.c"]) await gate.fetch("/secret", { headers: bearer(text) });
    const points = () => gate.logs.filter((log) => log.includes('"point"')).map((log) => JSON.parse(log).point);
    const named = ["allow", "ERR_JWT_REVOKED", "ERR_JWS_INVALID"].map((name) => ({ indexes: [name], blobs: [name], doubles: [1] }));
    assert.deepEqual(await until(async () => points(), ({ length }) => length === 3), named);
  });

  test("the playground is served below our own namespace and nowhere else", async () => {
    const page = await stack.gate.fetch("/_revocable/");
    assert.equal(page.status, 200);
    assert.match(page.headers.get("content-type") ?? "", /text\/html/);
    assert.match(await page.text(), /<title>/);
    assert.equal((await stack.gate.fetch("/index.html")).status, 401, "outside, everything is gated");
    assert.equal((await stack.gate.fetch("/_revocable/nothing-there")).status, 404);
    assert.equal((await stack.gate.fetch("/_revocable/index.html")).status, 200, "and nothing leads out of it");
  });

  describe("a gate that is not usable says so and lets nothing pass", () => {
    test("without a configuration, with the next command to type", async () => {
      const gate = await stack.startFreshGate({ worker: { bindings: {} } });
      const response = await gate.fetch("/anything", { headers: bearer(await stack.issuer.mint()) });
      const body = await response.json();
      assert.equal(response.status, 503);
      assert.match(body.next, /cargo xtask dev/);
      assert.equal(body.code, "ERR_CONFIG_INVALID");
      assert.equal((await gate.fetch("/_revocable/manifest")).status, 503);
      const health = await gate.fetch("/_revocable/healthz");
      assert.equal(health.status, 200);
      assert.equal((await health.json()).configured, false);
    });

    /** @type {[string, unknown, RegExp][]} */
    const wrong = [
      ["an unknown field", { tokenform: ["header"] }, /unknown field `tokenform`/],
      ["an unknown field deep inside", { issuers: [{ issuer: "i", jwksUri: "https://i.example/", audiance: "a" }] }, /issuers\[0\].*audiance/],
      ["a field of the wrong type", { publicSnapshot: "yes" }, /publicSnapshot.*expected a boolean/],
      ["keys over plain http", { issuers: [{ issuer: ISSUER, jwksUri: "http://issuer.example/jwks.json" }] }, /issuers\[0\]\.jwksUri/],
      ["an issuer that no list speaks for", { issuers: [{ issuer: "https://other.example", jwksUri: "https://i.example/" }] }, /no list speaks for/],
      ["no token source", { tokenFrom: [] }, /tokenFrom/],
      ["a source that is none", { tokenFrom: ["query:token"] }, /tokenFrom\[0\]/],
      ["not JSON", "{", /not JSON/],
    ];
    for (const [name, change, reason] of wrong) {
      test(`with ${name}, and the log names it`, async () => {
        const config = typeof change === "string" ? change : { ...stack.config, .../** @type {object} */ (change) };
        const gate = await stack.startFreshGate({ config, objects: snapshot.objects });
        const response = await gate.fetch("/", { headers: bearer(await stack.issuer.mint()) });
        assert.equal(response.status, 503);
        assert.equal((await response.json()).code, "ERR_CONFIG_INVALID");
        assert.match(gate.logs.join("\n"), reason);
      });
    }
  });
});

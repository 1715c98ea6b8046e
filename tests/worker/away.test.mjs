// The ledger is away: every door that needs it says so and when to come back, nothing is half done, and the gate goes on.
import assert from "node:assert/strict";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";

import { exportJWK, generateKeyPair, SignJWT } from "jose";

import { AUTHORITY, ISSUER } from "../../xtask/node/names.mjs";
import { startStack, until } from "../../xtask/node/stack.mjs";
import { ask, bearer, inRuntime } from "./support.mjs";

const KEY = randomBytes(32).toString("base64url");
const SENDER = "https://idp.example";
const DISABLED = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";

/** `GET /ledger?away` has the ledger throw whatever it is asked, until `GET /ledger`. */
const BREAKABLE = inRuntime(`
  import Gate, { Ledger } from "./index.js";
  let away = false;
  const [gate, ledger] = [Gate.prototype.fetch, Ledger.prototype.fetch];
  Gate.prototype.fetch = function (request) {
    const { pathname, search } = new URL(request.url);
    if (pathname !== "/ledger") return gate.call(this, request);
    away = search === "?away";
    return new Response();
  };
  Ledger.prototype.fetch = function (request) {
    if (away) throw new Error("the ledger is away");
    return ledger.call(this, request);
  };
`);

describe("a ledger that is away", () => {
  /** @type {import("../../xtask/node/stack.mjs").Stack} */
  let stack;
  /** @type {import("../../xtask/node/gate.mjs").Gate} */
  let gate;
  /** @type {import("jose").CryptoKey} */
  let senderKey;
  before(async () => {
    stack = await startStack();
    const sender = await generateKeyPair("ES256");
    senderKey = sender.privateKey;
    const hash = (/** @type {string} */ secret) => createHash("sha256").update(secret).digest("hex");
    const authority = {
      signingKey: { secret: "AUTHORITY_KEY" },
      keys: [{ id: "ops", hash: hash(KEY), may: "admin" }],
      clients: [{ id: "app-1", secretHashes: [hash("s-1")] }],
      events: [
        {
          issuer: SENDER,
          audience: AUTHORITY,
          jwks: await exportJWK(sender.publicKey),
          map: { [DISABLED]: { rule: ["sub"], tokenIssuer: ISSUER, values: ["sub_id.sub"], kind: "outright" } },
        },
      ],
    };
    gate = await stack.startFreshGate({
      config: { ...stack.config, authority },
      bindings: { AUTHORITY_KEY: await readFile(stack.authority.keyFile, "utf8") },
      worker: BREAKABLE,
    });
  });
  after(() => stack.dispose());

  const away = async (/** @type {boolean} */ is) => assert.equal((await gate.fetch(is ? "/ledger?away" : "/ledger")).status, 200);
  const mint = (/** @type {Record<string, unknown>} */ claims) => stack.issuer.mint({ iat: Math.floor(Date.now() / 1000) - 10, ...claims });

  test("is said at every door with when to come back, and the same request is good once it is there", async () => {
    const basic = { authorization: `Basic ${Buffer.from("app-1:s-1").toString("base64")}` };
    const json = { ...bearer(KEY), "content-type": "application/json" };
    const line = (/** @type {string} */ jti) => JSON.stringify({ rule: ["jti"], issuer: ISSUER, values: [jti] });
    const set = await new SignJWT({ iss: SENDER, aud: AUTHORITY, jti: randomUUID(), sub_id: { format: "iss_sub", iss: ISSUER, sub: "dave" }, events: { [DISABLED]: {} } })
      .setIssuedAt()
      .setProtectedHeader({ alg: "ES256", typ: "secevent+jwt" })
      .sign(senderKey);
    const tokens = {
      revoked: await mint({ azp: "app-1", jti: "away-revoked" }),
      loggedOut: await mint({ jti: "away-out", sid: "away" }),
      stolen: await mint({ jti: "away-stolen" }),
      disabled: await mint({ sub: "dave" }),
      good: await mint({ azp: "app-1" }),
      known: await mint({ jti: "away-known" }),
    };
    const form = (/** @type {string} */ token) => ({ method: "POST", body: new URLSearchParams({ token }), headers: basic });
    const known = await gate.fetch("/_revocable/admin/revocations", { method: "POST", headers: json, body: line("away-known") });
    const { outcomes } = await known.json();
    /** @type {[string, RequestInit, number][]} */
    const asked = [
      ["revoke", form(tokens.revoked), 200],
      ["logout", { method: "POST", headers: bearer(tokens.loggedOut) }, 200],
      ["admin/revocations", { method: "POST", headers: json, body: line("away-stolen") }, 200],
      ["admin/revocations?partial", { method: "POST", headers: { ...json, "content-type": "application/x-ndjson" }, body: `${line("away-bulk")}\n{}` }, 200],
      ["admin/revocations", { headers: json }, 200],
      ["admin/log", { headers: json }, 200],
      ["events", { method: "POST", headers: { "content-type": "application/secevent+jwt" }, body: set }, 202],
      ["introspect", form(tokens.good), 200],
      ["feed", { headers: { accept: "text/event-stream" } }, 200],
      ["head", { headers: { "cache-control": "no-cache" } }, 200],
      // At last, because what the gate knows to be revoked passes from then on.
      [`admin/revocations/${outcomes[0].seq}`, { method: "DELETE", headers: json }, 200],
    ];
    await away(true);
    for (const [path, init] of asked) {
      const response = await gate.fetch(`/_revocable/${path}`, init);
      assert.equal(response.status, 503, path);
      assert.match(response.headers.get("retry-after") ?? "", /^[1-9]\d*$/, path);
      assert.doesNotMatch(await response.text(), /the ledger is away/, "what the platform said stays in the log");
    }
    // The gate goes on by what it knows.
    for (const token of [tokens.revoked, tokens.loggedOut, tokens.stolen, tokens.disabled, tokens.good]) assert.equal((await ask(gate, token)).status, 200);
    assert.equal((await ask(gate, tokens.known)).code, "ERR_JWT_REVOKED");

    await away(false);
    for (const [path, init, wanted] of asked) {
      const status = async () => {
        const abort = new AbortController();
        const { status } = await gate.fetch(`/_revocable/${path}`, { ...init, signal: abort.signal });
        abort.abort();
        return status;
      };
      // For a second the gate believes that it has just not been answered.
      assert.equal(await until(status, (status) => status !== 503), wanted, path);
    }
    for (const token of [tokens.revoked, tokens.loggedOut, tokens.stolen, tokens.disabled]) assert.equal((await ask(gate, token)).code, "ERR_JWT_REVOKED");
    for (const token of [tokens.good, tokens.known]) assert.equal((await ask(gate, token)).status, 200);
  });
});

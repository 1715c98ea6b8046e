// Whatever is sent to whichever endpoint of an authority, the sender is at fault and not the gate: no answer of 500 or above.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";

import { startStack } from "../../xtask/node/stack.mjs";
import { ask, bearer } from "./support.mjs";

const KEY = randomBytes(32).toString("base64url");
const SEEDS = [20_261_126, Number(process.env.MALFORMED_SEED ?? Math.floor(Math.random() * 2 ** 31))];
const PATHS = [
  ...["revoke", "logout", "logout?everywhere", "logout?x", "events", "introspect", "confirm", "head", "manifest", "metrics"],
  ...["admin/revocations", "admin/revocations?partial", "admin/revocations?after=x&limit=0", "admin/revocations/1", "admin/revocations/-1"],
  ...["admin/revocations/99999999999999999999", "admin/log?rule=[", "admin/log?json=%ff", "manifests/1", "manifests/x.jwt", "segments/zz"],
  ...[`segments/${"0".repeat(64)}`, "feed?after=x", "feed?after=1&after=1"],
];
const TYPES = ["application/json", "application/x-ndjson", "application/x-www-form-urlencoded", "application/secevent+jwt", "text/plain", "x"];
const WORDS = [
  ..."token= & = % %zz + client_id=a client_secret= client_assertion=a.b.c token_type_hint=refresh_token { } [ ] , : null true -1 1e999 9007199254740993".split(" "),
  ...['"rule":["jti"]', '"issuer":"https://issuer.example"', '"values":["a"]', '"before":-1', '"minimum":{}', '"undo":1', '"targets":[{}]', '"seq":1e20', "\n", "\0", "é", "\ud800"],
  ...["eyJhbGciOiJub25lIn0.e30.", "a.b.c", "..", '{"rule":["jti"],"issuer":"https://issuer.example","values":[null]}', "[".repeat(5000), '{"a":'.repeat(3000), "x".repeat(70_000)],
];

describe("malformed requests", { timeout: 120_000 }, () => {
  /** @type {import("../../xtask/node/stack.mjs").Stack} */
  let stack;
  /** @type {import("../../xtask/node/gate.mjs").Gate} */
  let gate;
  before(async () => {
    stack = await startStack();
    const authority = {
      signingKey: { secret: "AUTHORITY_KEY" },
      keys: [{ id: "ops", hash: createHash("sha256").update(KEY).digest("hex"), may: "admin" }],
      clients: [{ id: "a", secretHashes: [createHash("sha256").update("s").digest("hex")] }],
      rate: { perSecond: 1000, burst: 10_000 },
    };
    gate = await stack.startFreshGate({
      config: { ...stack.config, authority, publicSnapshot: true, readKey: undefined, tokenFrom: ["header", "cookie:session"] },
      bindings: { AUTHORITY_KEY: await readFile(stack.authority.keyFile, "utf8") },
    });
    assert.equal((await gate.fetch("/_revocable/head")).status, 200);
  });
  after(() => stack.dispose());

  for (const seed of SEEDS) {
    test(`no answer is the gate's fault: MALFORMED_SEED=${seed}`, async () => {
      let state = seed >>> 0;
      const below = (/** @type {number} */ most) => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        return Math.floor((state / 2 ** 32) * most);
      };
      const pick = (/** @type {any[]} */ all) => all[below(all.length)];
      const body = () => {
        if (below(4) === 0) return Uint8Array.from({ length: below(300) }, () => below(256));
        return Array.from({ length: 1 + below(12) }, () => pick(WORDS)).join(pick(["", "&", ",", "\n"]));
      };
      const credentials = [{}, bearer(KEY), bearer("x"), { authorization: `Basic ${btoa("a:s")}` }, { authorization: "Basic %" }, { authorization: "Bearer" }, { cookie: "session=a.b.c" }];
      /** @type {Record<number, number>} */
      const statuses = {};
      for (let count = 0; count < 400; count += 1) {
        const [path, method] = [pick(PATHS), pick(["POST", "POST", "POST", "GET", "DELETE", "PUT", "OPTIONS"])];
        const headers = { ...pick(credentials), "content-type": pick(TYPES), "idempotency-key": pick(["a", "a b", "x".repeat(200)]), ...pick([{}, { origin: "https://evil.example" }, { "cache-control": "no-cache" }]) };
        const response = await gate.fetch(`/_revocable/${path}`, { method, headers, ...(method === "GET" ? {} : { body: body() }) });
        assert.ok(response.status < 500, `${method} ${path}: ${response.status} ${await response.clone().text()}`);
        await response.body?.cancel();
        statuses[response.status] = (statuses[response.status] ?? 0) + 1;
      }
      // It was not one answer to all.
      assert.ok([400, 401, 404, 405, 422].filter((status) => statuses[status]).length >= 4, JSON.stringify(statuses));
      assert.equal((await ask(gate, await stack.issuer.mint({ jti: `after-${seed}` }))).status, 200);
    });
  }
});

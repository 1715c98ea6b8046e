// What the Worker's tests share.
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { ROOT } from "../../xtask/node/names.mjs";

/** @param {string} token */
export const bearer = (token) => ({ authorization: `Bearer ${token}` });

/**
 * The challenge of a refusal, in parts.
 * @param {Response} response
 */
export function challenge(response) {
  const text = response.headers.get("www-authenticate") ?? "";
  return { scheme: text.split(" ")[0], error: /\berror="([^"]*)"/.exec(text)?.[1] };
}

/**
 * Header and payload of a token, without a signature.
 * @param {object} header
 * @param {object | string} payload  a text is taken as it stands
 */
export function unsigned(header, payload) {
  const encode = (/** @type {string} */ text) => Buffer.from(text).toString("base64url");
  return `${encode(JSON.stringify(header))}.${encode(typeof payload === "string" ? payload : JSON.stringify(payload))}`;
}

/**
 * A token signed with HMAC-SHA-256.
 * @param {object} header
 * @param {object} payload
 * @param {string} secret
 */
export function compact(header, payload, secret) {
  const input = unsigned(header, payload);
  return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
}

/**
 * The status and the precise code of a gate's answer to a token.
 * @param {import("../../xtask/node/gate.mjs").Gate} gate
 * @param {string} token
 */
export async function ask(gate, token) {
  const response = await gate.fetch("/", { headers: bearer(token) });
  const body = await response.json();
  return { status: response.status, code: body.code, seq: body.headers?.["x-revocable-seq"] };
}

/**
 * Options for a gate in whose runtime something else runs first.
 * @param {string} before
 * @returns {Partial<import("miniflare").WorkerOptions>}
 */
export function inRuntime(before) {
  const build = join(ROOT, "worker/build");
  const wasm = /from\s*"\.\/([^"]+\.wasm)"/.exec(readFileSync(join(build, "index.js"), "utf8"))?.[1] ?? "index_bg.wasm";
  const contents = `
    ${before}
    export * from "./index.js";
    export { default } from "./index.js";
  `;
  return {
    modules: [
      { type: "ESModule", path: join(build, "changed.mjs"), contents },
      { type: "ESModule", path: join(build, "index.js") },
      { type: "CompiledWasm", path: join(build, wasm) },
    ],
    modulesRoot: build,
    scriptPath: undefined,
    modulesRules: undefined,
  };
}

/**
 * Options for a gate whose clock the test sets: `GET /clock?<milliseconds>` is how far it is ahead, and the answer how many ledgers
 * have been made in this process so far. What the platform itself notes goes by the real clock.
 */
export function withClock() {
  return inRuntime(`
    import Gate, { Ledger as Built } from "./index.js";
    let [ahead, ledgers] = [0, 0];
    const Real = Date;
    globalThis.Date = class extends Real {
      constructor(...of) { super(...(of.length > 0 ? of : [Real.now() + ahead])); }
      static now() { return Real.now() + ahead; }
      static [Symbol.hasInstance](one) { return one instanceof Real; }
    };
    const { fetch } = Gate.prototype;
    Gate.prototype.fetch = function (request) {
      const { pathname, search } = new URL(request.url);
      if (pathname !== "/clock") return fetch.call(this, request);
      if (search !== "") ahead = Number(search.slice(1));
      return new Response(String(ledgers));
    };
    export const Ledger = new Proxy(Built, { construct: (...of) => (ledgers += 1, Reflect.construct(...of)) });
  `);
}

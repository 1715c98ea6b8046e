// Lists as the tests of the Worker need them, and places that serve them and count what is asked of them.
import { createHash, createPrivateKey, sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { listen } from "../../xtask/node/http.mjs";
import { ISSUER, ROOT } from "../../xtask/node/names.mjs";

/** @typedef {import("../../xtask/node/authority.mjs").Authority} Authority */
/** @typedef {import("../../xtask/node/authority.mjs").Snapshot} Snapshot */
/** @typedef {Map<string, Buffer>} Objects */

/** A line of input for `revocable build`. */
export const line = (/** @type {string[]} */ rule, /** @type {(string | number | boolean)[]} */ values, more = {}) => ({ rule, issuer: ISSUER, values, ...more });

/**
 * A target's id, from the table in src/revocation/id.rs alone. All values are strings.
 * @param {Buffer} salt
 * @param {string[]} rule
 * @param {string[]} values
 */
export function targetId(salt, rule, values) {
  const length = (/** @type {number} */ number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(number);
    return bytes;
  };
  const field = (/** @type {string} */ tag, /** @type {Buffer} */ data) => Buffer.concat([Buffer.from(tag), length(data.length), data]);
  const text = (/** @type {string} */ value) => field("s", Buffer.from(value));
  const members = rule.map((member, index) => ({ member, value: values[index] ?? "" }));
  members.sort((a, b) => Buffer.compare(Buffer.from(a.member), Buffer.from(b.member)));
  const parts = [text("revocable/1"), field("x", salt), Buffer.from("l"), length(members.length)];
  parts.push(...members.map(({ member }) => text(member)), text(ISSUER), ...members.map(({ value }) => text(value)));
  return createHash("sha256").update(Buffer.concat(parts)).digest().subarray(0, 16);
}

/**
 * The salt of a snapshot.
 * @param {Snapshot} snapshot
 */
export const saltOf = (snapshot) => Buffer.from(snapshot.manifest.salt, "base64url");

/**
 * A snapshot's objects with the claims of its manifest changed, and one number later, signed by its authority.
 * @param {Authority} authority
 * @param {Snapshot} snapshot
 * @param {(claims: Record<string, any>) => void} change
 * @returns {Promise<Objects>}
 */
export async function changed(authority, snapshot, change) {
  const jwk = JSON.parse(await readFile(authority.keyFile, "utf8"));
  const claims = structuredClone(snapshot.manifest);
  claims.seq += 1;
  delete claims.prev;
  change(claims);
  const encode = (/** @type {object} */ part) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const input = `${encode({ alg: "EdDSA", typ: "revocations+jwt", kid: jwk.kid })}.${encode(claims)}`;
  const signature = sign(null, Buffer.from(input), createPrivateKey({ key: jwk, format: "jwk" }));
  const objects = new Map(snapshot.objects);
  return objects.set("manifest.jwt", Buffer.from(`${input}.${signature.toString("base64url")}`));
}

/**
 * The names of a snapshot's segments: those that answer, and those that confirm.
 * @param {Snapshot} snapshot
 */
export function segmentsOf(snapshot) {
  /** @type {any[]} */
  const segments = snapshot.manifest.segments;
  const name = (/** @type {string} */ hash) => `segments/${hash}`;
  const exact = segments.flatMap((segment) => (segment.exact ? [name(segment.exact.hash)] : []));
  return { main: segments.map((segment) => name(segment.hash)), exact };
}

/**
 * Objects without those of these names.
 * @param {Objects} objects
 * @param {string[]} names
 * @returns {Objects}
 */
export const without = (objects, names) => new Map([...objects].filter(([name]) => !names.includes(name)));

/**
 * @typedef {object} Folder
 * @property {string} url                       with a trailing slash
 * @property {Objects} objects                  what it serves; to be changed at will
 * @property {string[]} asked                   what was asked of it: name and status
 * @property {(answer: ((name: string, response: import("node:http").ServerResponse) => boolean) | undefined) => void} answerWith
 *   has certain requests answered otherwise
 * @property {() => Promise<void>} close
 */

/**
 * Serves objects from a folder, as a web server with ETags does.
 * @param {Objects} objects
 * @param {{ key?: string }} [options]  what must be presented as a bearer token
 * @returns {Promise<Folder>}
 */
export async function startFolder(objects, { key } = {}) {
  /** @type {string[]} */
  const asked = [];
  /** @type {Parameters<Folder["answerWith"]>[0]} */
  let otherwise;
  const folder = { objects, asked, answerWith: (/** @type {typeof otherwise} */ answer) => void (otherwise = answer) };
  const server = await listen(async (request, response) => {
    const name = (request.url ?? "").replace("/list/", "");
    response.once("finish", () => asked.push(`${name} ${response.statusCode}`));
    if (key !== undefined && request.headers.authorization !== `Bearer ${key}`) return void response.writeHead(401).end();
    if (otherwise?.(name, response)) return;
    const bytes = folder.objects.get(name);
    if (!bytes) return void response.writeHead(404).end();
    const etag = `"${createHash("sha256").update(bytes).digest("hex")}"`;
    if (request.headers["if-none-match"] === etag) return void response.writeHead(304, { etag }).end();
    response.writeHead(200, { etag }).end(bytes);
  });
  return Object.assign(folder, { url: `${server.url}/list/`, close: server.close });
}

/**
 * Options for a gate whose readings of KV are told to its log.
 * @returns {Promise<Partial<import("miniflare").WorkerOptions>>}
 */
export async function loggingKv() {
  const folder = join(ROOT, "worker/build");
  const built = await readFile(join(folder, "index.js"), "utf8");
  const wasm = /from\s*"\.\/([^"]+\.wasm)"/.exec(built)?.[1] ?? "index_bg.wasm";
  const contents = `
    import Gate from "./index.js";
    const told = (kv) => ({
      ...Object.fromEntries(["getWithMetadata", "put", "list", "delete"].map((name) => [name, kv[name].bind(kv)])),
      async get(name, options) {
        console.log(JSON.stringify({ kv: "asked", name }));
        try {
          return await kv.get(name, options);
        } finally {
          console.log(JSON.stringify({ kv: "answered", name }));
        }
      },
    });
    const wrapped = (env) => Object.assign(Object.create(env), { REVOCATIONS: told(env.REVOCATIONS) });
    export default typeof Gate === "function"
      ? class extends Gate { constructor(context, env) { super(context, wrapped(env)); } }
      : { fetch: (request, env, context) => Gate.fetch(request, wrapped(env), context) };
  `;
  return {
    modules: [
      { type: "ESModule", path: join(folder, "told.mjs"), contents },
      { type: "ESModule", path: join(folder, "index.js") },
      { type: "CompiledWasm", path: join(folder, wasm) },
    ],
    modulesRoot: folder,
    scriptPath: undefined,
    modulesRules: undefined,
  };
}

/**
 * What a gate with {@link loggingKv} has read: the names, and in how many rounds. Readings at the same time are one.
 * @param {string[]} logs
 */
export function readings(logs) {
  const names = [];
  let rounds = 0;
  let open = 0;
  for (const text of logs) {
    if (!text.startsWith('{"kv":')) continue;
    const { kv, name } = JSON.parse(text);
    if (kv === "answered") {
      open -= 1;
      continue;
    }
    if (open === 0) rounds += 1;
    open += 1;
    names.push(name);
  }
  return { names, rounds };
}

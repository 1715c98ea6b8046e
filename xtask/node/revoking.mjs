// A gate that is an authority itself, gates that follow it, and all who may have it take tokens back: a client, an operator, a
// user, and an identity provider that sends security events.
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";

import { exportJWK, generateKeyPair, SignJWT } from "jose";

import { AUTHORITY, ISSUER } from "./names.mjs";

/** @typedef {import("./gate.mjs").Gate} Gate */
/** @typedef {import("./gate.mjs").GateOptions} GateOptions */

/** How current the list is that decides about a request to a path. */
export const ROUTES = [
  { path: "/list/*", check: "list" },
  { path: "/head/*", check: "head" },
  { path: "/live/*", check: "live" },
];

/**
 * @typedef {object} Revoking
 * @property {Gate} home                                the gate that is the authority
 * @property {(options?: Partial<GateOptions>) => Promise<Gate>} startFollower   a gate that follows it over HTTP
 * @property {(token: string) => Promise<void>} revoke  as the client, by RFC 7009
 * @property {(change: object | string, query?: string) => Promise<any>} post
 *   as the operator, by the admin API; a text is sent as lines
 * @property {(token: string, everywhere?: boolean) => Promise<void>} logOut   as whoever has the token
 * @property {(sub: string) => Promise<void>} sendPasswordChanged   as the identity provider
 */

/**
 * Starts a gate that is an authority.
 * @param {import("./stack.mjs").Stack} stack
 * @param {{ authority?: object, options?: Partial<GateOptions> }} [more]  members of its configuration's `authority`, and how it is
 *   started beside that
 * @returns {Promise<Revoking>}
 */
export async function startRevoking(stack, { authority: more, options } = {}) {
  const [key, secret] = [randomBytes(32).toString("base64url"), randomBytes(32).toString("base64url")];
  const sender = await generateKeyPair("ES256");
  const authority = {
    signingKey: { secret: "AUTHORITY_KEY" },
    keys: [{ id: "ops", hash: sha256(key), may: "admin" }],
    clients: [{ id: CLIENT, secretHashes: [sha256(secret)] }],
    tokens: [{ issuer: ISSUER, rule: ["jti"], lifetime: 3600 }],
    logout: { everywhere: { clients: ["web"] } },
    events: [
      {
        issuer: IDP,
        audience: AUTHORITY,
        jwks: await exportJWK(sender.publicKey),
        map: { [CHANGED]: { rule: ["sub"], kind: "cutoff", tokenIssuer: ISSUER, values: ["sub_id.sub"] } },
      },
    ],
    ...more,
  };
  const home = await stack.startFreshGate({
    config: { ...stack.config, authority, routes: ROUTES },
    bindings: { AUTHORITY_KEY: await readFile(stack.authority.keyFile, "utf8") },
    ...options,
  });

  /**
   * @param {string} path
   * @param {string} body
   * @param {Record<string, string>} headers
   */
  const send = async (path, body, headers) => {
    const response = await home.fetch(`/_revocable/${path}`, { method: "POST", body, headers });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`);
    return text;
  };
  return {
    home,
    startFollower: (options) => {
      const follow = { url: `${home.url}/_revocable/` };
      return stack.startFreshGate({ config: { ...stack.config, follow, routes: ROUTES }, ...options });
    },
    revoke: async (token) => {
      await send("revoke", new URLSearchParams({ token }).toString(), {
        authorization: `Basic ${Buffer.from(`${CLIENT}:${secret}`).toString("base64")}`,
        "content-type": "application/x-www-form-urlencoded",
      });
    },
    post: async (change, query = "") => {
      const isLines = typeof change === "string";
      const body = isLines ? change : JSON.stringify(change);
      const type = isLines ? "application/x-ndjson" : "application/json";
      const headers = { authorization: `Bearer ${key}`, "content-type": type };
      return JSON.parse(await send(`admin/revocations${query}`, body, headers));
    },
    logOut: async (token, everywhere = false) => {
      await send(`logout${everywhere ? "?everywhere" : ""}`, "", { authorization: `Bearer ${token}` });
    },
    sendPasswordChanged: async (sub) => {
      const events = { [CHANGED]: {} };
      const sub_id = { format: "iss_sub", iss: ISSUER, sub };
      const event = new SignJWT({ iss: IDP, aud: AUTHORITY, jti: randomUUID(), sub_id, events })
        .setIssuedAt()
        .setProtectedHeader({ alg: "ES256", typ: "secevent+jwt" });
      await send("events", await event.sign(sender.privateKey), { "content-type": "application/secevent+jwt" });
    },
  };
}

/** @param {string} text */
function sha256(text) {
  return createHash("sha256").update(text).digest("hex");
}

/** The client that may revoke tokens, its own. */
export const CLIENT = "app-1";
const IDP = "https://idp.example";
const CHANGED = "https://schemas.openid.net/secevent/risc/event-type/credential-change-required";

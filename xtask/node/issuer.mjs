// The demo issuer: a real ES256 key, its JWKS, and a token for any claims that are posted.
//
// It signs whatever it is asked to sign, so it listens on loopback and its key lives as long as its process.
import { randomUUID } from "node:crypto";

import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from "jose";

import { answerJson, listen, readBody } from "./http.mjs";
import { AUDIENCE, ISSUER } from "./names.mjs";

/**
 * How a token is made.
 * @typedef {object} MintOptions
 * @property {string} [kid]              the header's `kid`; `"none"` leaves it out
 * @property {"current" | "rogue"} [key] `"rogue"` signs with a key that nobody published
 */

/**
 * @typedef {object} Issuer
 * @property {string} issuer             its name, the tokens' `iss`
 * @property {string} url                where it listens
 * @property {string} jwksUri
 * @property {{ keys: import("jose").JWK[] }} jwks
 * @property {string} thumbprint         RFC 7638, of the key that signs
 * @property {(claims?: Record<string, unknown>, options?: MintOptions) => Promise<string>} mint
 * @property {() => Promise<void>} close
 */

/**
 * Starts the issuer on loopback.
 *
 * `GET /jwks.json` gives its keys. `POST /token` takes a JSON object of claims and gives `{ token, claims }`; `iss`,
 * `aud`, `sub`, `iat`, `exp` and `jti` are added unless given, and `null` leaves a claim out. `?kid=none` leaves the
 * `kid` out of the header, any other `?kid=` sets it; `?key=rogue` signs with a key that nobody published.
 * @param {{ port?: number }} [options]
 * @returns {Promise<Issuer>}
 */
export async function startIssuer({ port = 0 } = {}) {
  const keys = {
    current: await generateKeyPair("ES256"),
    rogue: await generateKeyPair("ES256"),
  };
  const publicKey = await exportJWK(keys.current.publicKey);
  const thumbprint = await calculateJwkThumbprint(publicKey);
  const jwks = { keys: [{ ...publicKey, kid: "demo-1", alg: "ES256", use: "sig" }] };

  /** @type {Issuer["mint"]} */
  const mint = (claims = {}, { kid = "demo-1", key = "current" } = {}) => {
    const header = { alg: "ES256", typ: "JWT", ...(kid === "none" ? {} : { kid }) };
    return new SignJWT(withDefaults(claims)).setProtectedHeader(header).sign(keys[key].privateKey);
  };

  const server = await listen(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://issuer");
    if (request.method === "OPTIONS") {
      response.writeHead(204, CORS).end();
    } else if (request.method === "GET" && pathname === "/jwks.json") {
      answerJson(response, 200, jwks, { ...CORS, "cache-control": "public, max-age=600" });
    } else if (request.method === "POST" && pathname === "/token") {
      const claims = parseClaims(await readBody(request, BODY_LIMIT));
      if (!claims) return answerJson(response, 400, { error: "post a JSON object of claims" }, CORS);
      const key = searchParams.get("key") === "rogue" ? "rogue" : "current";
      const token = await mint(claims, { kid: searchParams.get("kid") ?? undefined, key });
      answerJson(response, 200, { token, claims: readClaims(token) }, { ...CORS, "cache-control": "no-store" });
    } else {
      answerJson(response, 404, { error: "there are GET /jwks.json and POST /token" }, CORS);
    }
  }, port);

  return { issuer: ISSUER, jwksUri: `${server.url}/jwks.json`, jwks, thumbprint, mint, ...server };
}

/** @param {Record<string, unknown>} claims */
function withDefaults(claims) {
  const now = Math.floor(Date.now() / 1000);
  const defaults = { iss: ISSUER, aud: AUDIENCE, sub: "alice", iat: now, exp: now + 3600, jti: randomUUID() };
  const all = Object.entries({ ...defaults, ...claims });
  return Object.fromEntries(all.filter(([, value]) => value !== null));
}

/**
 * The claims in a posted body, none if it is empty.
 * @param {Buffer} body
 * @returns {Record<string, unknown> | undefined}
 */
function parseClaims(body) {
  if (body.length === 0) return {};
  try {
    const claims = JSON.parse(body.toString());
    return claims !== null && typeof claims === "object" && !Array.isArray(claims) ? claims : undefined;
  } catch {
    return undefined;
  }
}

/** @param {string} token */
function readClaims(token) {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
}

/** A megabyte of claims is what the tests of oversized tokens need, and some. */
const BODY_LIMIT = 4 * 1024 * 1024;

const CORS = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET, POST, OPTIONS",
  "access-control-allow-headers": "content-type",
};

// Makes the page's built-in sample, `www/sample/`: an issuer's key set, a token for each way to fare, and a snapshot that
// `revocable build` made. Its output is committed; run it again only when the formats change:
//
//     cargo build --package revocable-cli && node pkg/scripts/make_sample.mjs
//
// All private keys are made for one run and thrown away after it. Dates lie far apart, so that the sample works for years
// and on a machine whose clock is wrong.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { SignJWT, calculateJwkThumbprint, exportJWK, generateKeyPair } from "jose";

import { revocable } from "../../xtask/node/authority.mjs";

const SAMPLE = fileURLToPath(new URL("../../www/sample/", import.meta.url));
const ISSUER = "https://issuer.example";
const AUTHORITY = "https://authority.example";
const MADE = Date.UTC(2024, 0, 1) / 1000;
const END = Date.UTC(2100, 0, 1) / 1000;
const DAY = 86_400;

const [current, leaked, rogue] = await Promise.all(["2024-a", "2024-b", "2024-a"].map(makeKey));
const revocations = [
  { rule: ["jti"], issuer: ISSUER, values: ["session-7"], expires: END },
  { rule: ["sub"], issuer: ISSUER, values: ["bob"], before: MADE },
  { rule: ["sub", "azp"], issuer: ISSUER, values: ["alice", "old-phone"], before: MADE },
  { rule: ["@key"], issuer: ISSUER, values: [await calculateJwkThumbprint(leaked.jwk)] },
];
const claims = { iss: ISSUER, aud: "api", sub: "alice", azp: "web", jti: "session-1", iat: MADE - DAY, exp: END };
const tokens = [
  ["Good", "Nothing of it is revoked.", await mint()],
  ["Revoked", "This one token was taken back: rule jti.", await mint({ jti: "session-7" })],
  ["Logged out", "Its user logged out everywhere after it was issued: rule sub.", await mint({ sub: "bob" })],
  ["Logged in again", "The same user, issued after that.", await mint({ sub: "bob", jti: "session-2", iat: MADE + DAY })],
  ["Removed app", "Its user removed this app: rule azp and sub.", await mint({ azp: "old-phone" })],
  ["Leaked key", "The key that signed it was revoked: rule @key.", await mint({}, leaked)],
  ["Expired", "Past its exp.", await mint({ exp: MADE })],
  ["Forged", "Signed by somebody else under the same kid.", await mint({}, rogue)],
];

const folder = mkdtempSync(join(tmpdir(), "revocable-sample-"));
try {
  rmSync(SAMPLE, { recursive: true, force: true });
  mkdirSync(SAMPLE, { recursive: true });
  const key = join(folder, "list.jwk");
  const input = join(folder, "revocations.ndjson");
  writeFileSync(input, revocations.map((line) => `${JSON.stringify(line)}\n`).join(""));
  await revocable(["keygen", "--out", key]);
  await revocable([
    ...["build", "--input", input, "--key", key, "--issuer", AUTHORITY, "--out", SAMPLE],
    ...["--now", String(MADE), "--valid-for", String(END - MADE), "--ttl", "3600"],
  ]);
  const listKeys = JSON.parse(readFileSync(join(folder, "list.pub.jwk"), "utf8"));
  const sample = {
    issuer: ISSUER,
    audience: "api",
    jwks: { keys: [current.jwk, leaked.jwk] },
    authority: AUTHORITY,
    listKeys,
    tokens: tokens.map(([name, what, token]) => ({ name, what, token })),
  };
  writeFileSync(join(SAMPLE, "sample.json"), `${JSON.stringify(sample, null, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function makeKey(kid) {
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: "ES256", use: "sig" } };
}

function mint(changes = {}, { privateKey, jwk } = current) {
  return new SignJWT({ ...claims, ...changes })
    .setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid: jwk.kid })
    .sign(privateKey);
}

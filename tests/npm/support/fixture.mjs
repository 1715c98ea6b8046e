// Everything the suite needs, as one JSON value that any runtime can be handed: keys and tokens made by jose, and
// snapshots made by the command-line tool.
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { CompactSign, SignJWT, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK } from "jose";

import { revocable } from "../../../xtask/node/authority.mjs";

export const ISSUER = "https://issuer.example";
export const AUTHORITY = "https://authority.example";
/** As many as may be looked up. */
const AUDIENCES = ["api", ...Array.from({ length: 15 }, (_, index) => `api-${index}`)];

/** Makes a fixture; see its members below. Times are relative to the clock, so that every runtime's clock fits. */
export async function makeFixture() {
  const folder = mkdtempSync(join(tmpdir(), "revocable-fixture-"));
  try {
    return await makeFixtureIn(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function makeFixtureIn(folder) {
  const now = Math.floor(Date.now() / 1000);
  const keys = {
    current: await makeKey("ES256", "current"),
    leaked: await makeKey("ES256", "leaked"),
    edwards: await makeKey("EdDSA", "edwards"),
    rogue: await makeKey("ES256", "current"),
  };
  const published = [keys.current, keys.leaked, keys.edwards];
  const authority = await makeAuthority(folder, "list");
  const impostor = await makeAuthority(folder, "impostor");

  const revocations = [
    { rule: ["jti"], issuer: ISSUER, values: ["revoked"], expires: now + 7200 },
    { rule: ["sub"], issuer: ISSUER, values: ["cut-off"], before: now - 100 },
    { rule: ["sub", "azp"], issuer: ISSUER, values: ["alice", "removed-app"], before: now - 100.5 },
    { rule: ["@key"], issuer: ISSUER, values: [await calculateJwkThumbprint(keys.leaked.jwk)] },
  ];
  const later = { rule: ["jti"], issuer: ISSUER, values: ["revoked-later"], expires: now + 7200 };
  const other = { rule: ["jti"], issuer: ISSUER, values: ["something-else"], expires: now + 7200 };
  // One salt, as snapshots that follow each other have it: what has not changed keeps its segments.
  const follows = (seq) => ["--seq", String(seq), "--salt", "000102030405060708090a0b0c0d0e0f"];
  const snapshots = {
    first: await authority.build(revocations, follows(1)),
    second: await authority.build([...revocations, later], follows(2)),
    secondWithOtherBytes: await authority.build([...revocations, other], follows(2)),
    empty: await authority.build([], ["--seq", "1", "--covers", ISSUER]),
    byImpostor: await impostor.build([], ["--seq", "1", "--covers", ISSUER]),
    byUnknownAuthority: await authority.build([], ["--seq", "1", "--covers", ISSUER], "https://unknown.example"),
    aboutAnotherIssuer: await authority.build([], ["--seq", "1", "--covers", "https://elsewhere.example"]),
    expired: await authority.build([], [
      ...["--seq", "1", "--covers", ISSUER, "--now", String(now - 1000), "--valid-for", "900"],
    ]),
  };
  const coarse = [
    ...["revoked", ...Array.from({ length: 50 }, (_, index) => `of-a-few-${index}`)].map((jti) => ({ rule: ["jti"], issuer: ISSUER, values: [jti] })),
    { rule: ["sub"], issuer: ISSUER, values: ["cut-off"], before: now - 100 },
    { rule: ["sub"], issuer: ISSUER, values: ["versioned"], claim: "pwd_ver", minimum: 7 },
  ];
  const coarsely = (seq) => [...follows(seq), "--epsilon", "2^-8"];
  snapshots.coarse = await authority.build(coarse, coarsely(1));
  // The same segments, under another number.
  snapshots.coarseNext = await authority.build(coarse, coarsely(2));
  // Each value outright and by a cutoff.
  const audiences = AUDIENCES.map((aud) => ({ rule: ["aud"], issuer: ISSUER, values: [aud] }));
  snapshots.coarseAudiences = await authority.build([...audiences, ...audiences.map((line) => ({ ...line, before: now }))], coarsely(1));
  const many = ["revoked", ...Array.from({ length: 4000 }, (_, index) => `of-many-${index}`)];
  snapshots.inParts = await authority.build(
    many.map((jti) => ({ rule: ["jti"], issuer: ISSUER, values: [jti] })),
    [...follows(1), "--max-segment", "4KiB"],
  );
  const manifest = snapshots.first["manifest.jwt"];
  snapshots.withoutTyp = { ...snapshots.first, "manifest.jwt": await authority.sign({ alg: "EdDSA" }, claimsOf(manifest)) };
  snapshots.withCrit = {
    ...snapshots.first,
    "manifest.jwt": await authority.sign(headerOf(manifest), { ...claimsOf(manifest), crit: ["bloom"] }),
  };

  const tokens = await makeTokens(keys, now, manifest);
  tokens.suspected = await findSuspected(keys.current, now, snapshots.coarse, authority.publicKey);
  return {
    now,
    issuer: ISSUER,
    authority: AUTHORITY,
    jwks: { keys: published.map(({ jwk }) => jwk) },
    listKeys: authority.publicKey,
    tokens,
    secret: { kty: "oct", kid: "secret", k: SECRET.toString("base64url") },
    /** By snapshot and object name, in base64. */
    snapshots: Object.fromEntries(Object.entries(snapshots).map(([name, objects]) => [name, asBase64(objects)])),
  };
}

async function makeTokens(keys, now, manifest) {
  const claims = { iss: ISSUER, aud: "api", sub: "alice", azp: "app-1", jti: "good", iat: now - 200, exp: now + 3600 };
  const mint = (changes = {}, key = keys.current, header = {}) => {
    const all = Object.entries({ ...claims, ...changes }).filter(([, value]) => value !== undefined);
    const protectedHeader = Object.entries({ alg: key.alg, kid: key.jwk.kid, ...header });
    return new SignJWT(Object.fromEntries(all))
      .setProtectedHeader(Object.fromEntries(protectedHeader.filter(([, value]) => value !== undefined)))
      .sign(key.privateKey);
  };
  const good = await mint();
  const [header, payload, signature] = good.split(".");
  return {
    good,
    goodByEdDSA: await mint({}, keys.edwards),
    goodByHmac: await new SignJWT(claims).setProtectedHeader({ alg: "HS256", kid: "secret" }).sign(SECRET),
    withOddClaims: await mintRaw(keys.current, `{"iss":"${ISSUER}","exp":${now + 3600},"jti":"odd","__proto__":{"admin":true},"big":9007199254740993,"nested":{"list":[1,"é",null]}}`),
    revoked: await mint({ jti: "revoked" }),
    revokedLater: await mint({ jti: "revoked-later" }),
    forManyAudiences: await mint({ aud: AUDIENCES }),
    ofLowVersion: await mint({ sub: "versioned", pwd_ver: 6 }),
    ofHighVersion: await mint({ sub: "versioned", pwd_ver: 7 }),
    withoutVersion: await mint({ sub: "versioned" }),
    cutOff: await mint({ sub: "cut-off" }),
    afterCutOff: await mint({ sub: "cut-off", iat: now - 10 }),
    withoutIatOfCutOff: await mint({ sub: "cut-off", iat: undefined }),
    ofRemovedApp: await mint({ azp: "removed-app" }),
    ofRemovedAppForAnother: await mint({ azp: "removed-app", sub: "bob" }),
    byLeakedKey: await mint({}, keys.leaked),
    byLeakedKeyWithoutKid: await mint({}, keys.leaked, { kid: undefined }),
    expired: await mint({ exp: now - 60 }),
    notYetValid: await mint({ nbf: now + 600 }),
    postdated: await mint({ iat: now + 600 }),
    withoutExp: await mint({ exp: undefined }),
    withoutJti: await mint({ jti: undefined }),
    forAnotherAudience: await mint({ aud: "other" }),
    withoutAudience: await mint({ aud: undefined }),
    withMalformedExp: await mint({ exp: "tomorrow" }),
    byUnknownIssuer: await mint({ iss: "https://unknown.example" }),
    withUnknownKid: await mint({}, keys.current, { kid: "unknown" }),
    forged: await mint({}, keys.rogue),
    tampered: [header, encode({ ...claims, sub: "root" }), signature].join("."),
    unsigned: `${encode({ alg: "none" })}.${payload}.`,
    unsignedWithSignature: `${encode({ alg: "none" })}.${payload}.${signature}`,
    hmacWithPublicKey: await hmacWith(keys.current.jwk, payload),
    withoutDots: "abc",
    withFourParts: `${good}.${signature}`,
    withEmptyHeader: `.${payload}.${signature}`,
    withEmptyPayload: `${header}..${signature}`,
    withEmptySignature: `${header}.${payload}.`,
    withNonCanonicalBase64url: `${good.slice(0, -1)}${nonCanonical(good.at(-1))}`,
    withPadding: `${good}==`,
    withInvalidUtf8: await mintBytes(keys.current, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])),
    withDeepPayload: await mintRaw(keys.current, `{"a":${"[".repeat(5000)}${"]".repeat(5000)}}`),
    withPayload10000Deep: await mintRaw(keys.current, `{"a":${"[".repeat(10_000)}${"]".repeat(10_000)}}`),
    withRepeatedMember: await mintRaw(keys.current, `{"iss":"${ISSUER}","iss":"${ISSUER}"}`),
    withCriticalHeader: `${encode({ alg: "ES256", kid: "current", crit: ["exp"], exp: 1 })}.${payload}.${signature}`,
    thatIsAManifest: manifest.toString(),
    withTypOfManifest: await mint({}, keys.current, { typ: "revocations+jwt" }),
  };
}

/** A good token that a coarse list takes for one that it has: the package itself says of which it has to ask. */
async function findSuspected({ alg, privateKey, jwk }, now, snapshot, listKeys) {
  const { createVerifier, memorySource } = await import(new URL("../../../pkg/dist/node.js", import.meta.url).href);
  let asked = 0;
  const confirm = ({ seq, targets }) => ((asked += 1), { seq, answers: targets.map(() => ({ revoked: false })) });
  const lists = [{ issuer: AUTHORITY, keys: listKeys, for: [ISSUER] }];
  const revocations = { source: memorySource(snapshot), lists, confirm };
  const verifier = await createVerifier({ issuers: [{ issuer: ISSUER, jwks: { keys: [jwk] } }], revocations });
  for (let index = 0; index < 50_000; index += 1) {
    const claims = { iss: ISSUER, aud: "api", sub: "alice", jti: `suspected-${index}`, iat: now - 200, exp: now + 3600 };
    const token = await new SignJWT(claims).setProtectedHeader({ alg, kid: jwk.kid }).sign(privateKey);
    await verifier.verify(token);
    if (asked > 0) return token;
  }
  throw new Error("a list of 2^-8 suspects nobody");
}

async function makeKey(alg, kid) {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" } };
}

/** An authority whose lists the real command-line tool builds. */
async function makeAuthority(folder, name) {
  const keyFile = join(folder, `${name}.jwk`);
  await revocable(["keygen", "--out", keyFile]);
  const privateKey = JSON.parse(await readFile(keyFile, "utf8"));
  let builds = 0;
  return {
    publicKey: JSON.parse(await readFile(join(folder, `${name}.pub.jwk`), "utf8")),
    async build(lines, args, issuer = AUTHORITY) {
      const out = join(folder, `${name}-${(builds += 1)}`);
      const input = `${out}.ndjson`;
      await writeFile(input, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
      await revocable(["build", "--input", input, "--key", keyFile, "--issuer", issuer, "--out", out, ...args]);
      return readSnapshot(out);
    },
    async sign(header, claims) {
      const signer = new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader(header);
      return Buffer.from(await signer.sign(await importJWK(privateKey, "EdDSA")));
    },
  };
}

async function readSnapshot(folder) {
  const objects = { "manifest.jwt": await readFile(join(folder, "manifest.jwt")) };
  for (const name of await readdir(join(folder, "segments")).catch(() => [])) {
    objects[`segments/${name}`] = await readFile(join(folder, "segments", name));
  }
  return objects;
}

function asBase64(objects) {
  return Object.fromEntries(Object.entries(objects).map(([name, bytes]) => [name, bytes.toString("base64")]));
}

/** A token whose payload is exactly this text. */
function mintRaw(key, payload) {
  return mintBytes(key, Buffer.from(payload));
}

function mintBytes(key, payload) {
  return new CompactSign(payload).setProtectedHeader({ alg: key.alg, kid: key.jwk.kid }).sign(key.privateKey);
}

/** The classic: a public key's own bytes as the secret of an HMAC. */
async function hmacWith(jwk, payload) {
  const bytes = Buffer.concat([Buffer.from([4]), ...[jwk.x, jwk.y].map((part) => Buffer.from(part, "base64url"))]);
  const claims = Buffer.from(payload, "base64url");
  return new CompactSign(claims).setProtectedHeader({ alg: "HS256", kid: jwk.kid }).sign(bytes);
}

/** Another spelling of the last character: 64 bytes leave it four bits that count for nothing. */
function nonCanonical(last) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return alphabet[alphabet.indexOf(last) + 1];
}

function encode(value) {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function headerOf(jwt) {
  return JSON.parse(Buffer.from(jwt.toString().split(".")[0], "base64url").toString());
}

function claimsOf(jwt) {
  return JSON.parse(Buffer.from(jwt.toString().split(".")[1], "base64url").toString());
}

/** The name of a segment with these bytes. */
export function segmentName(bytes) {
  return `segments/${createHash("sha256").update(bytes).digest("hex")}`;
}

const SECRET = createHash("sha256").update("a secret of 32 bytes").digest();

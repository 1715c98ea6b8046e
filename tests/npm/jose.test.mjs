// The suite of jose's shape: against `jose` itself, and against the installed package in Node and in workerd.
import assert from "node:assert/strict";
import { createPublicKey, createSecretKey } from "node:crypto";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";

import * as jose from "jose";

import { installPackage } from "./support/installed.mjs";
import { makeJoseFixture } from "./support/jose_fixture.mjs";
import { DIFFERENCES, runJoseSuite } from "./support/jose_suite.mjs";
import { startWorker } from "./support/workerd.mjs";

const [installed, fixture] = await Promise.all([installPackage(), makeJoseFixture()]);
after(installed.remove);
const ours = await installed.load();

for (const [which, runtime, outcomes] of [
  ["jose", "jose in Node", await runJoseSuite(jose, fixture, "jose")],
  ["ours", "Node", await runJoseSuite(ours, fixture, "ours")],
  ["ours", "workerd", await runInWorkerd()],
]) {
  for (const { name, failure } of outcomes) test(`${runtime}: ${name}`, () => assert.equal(failure, null));
  test(`${runtime}: every case was run, those that differ from ${which === "jose" ? "us" : "jose"} too`, () => {
    assert.ok(outcomes.length > 200, `${outcomes.length} cases`);
    for (const name of DIFFERENCES) assert.ok(outcomes.some((outcome) => outcome.name === `differs: ${name}`), name);
  });
}

test("the package's README lists every difference from jose, and no other", async () => {
  const readme = await readFile(installed.path("README.md"), "utf8");
  const section = readme.split("## Coming from jose")[1]?.split("\n## ")[0] ?? "";
  const rows = [...section.matchAll(/^\| (.+?) \| .+ \| .+ \| .+ \|$/gm)].map(([, name]) => name);
  assert.deepEqual(rows.filter((name) => name !== "case").sort(), [...DIFFERENCES].sort());
});

test("KeyObjects are keys, to us as to jose", async () => {
  const at = { currentDate: new Date(fixture.now * 1000) };
  for (const { jwtVerify } of [jose, ours]) {
    for (const [alg, { spki, token }] of Object.entries(fixture.algorithms)) {
      if (alg === "ES256K") continue;
      const { payload } = await jwtVerify(token, createPublicKey(spki), { ...at, algorithms: [alg] });
      assert.equal(payload.sub, "alice", alg);
    }
    const token = await new jose.SignJWT({ sub: "alice" }).setProtectedHeader({ alg: "HS256" }).sign(new Uint8Array(32));
    assert.equal((await jwtVerify(token, createSecretKey(Buffer.alloc(32)))).payload.sub, "alice");
  }
});

test("an RSA KeyObject stands for RS256 unless another algorithm is named, where to jose it stands for all", async () => {
  const { spki, token } = fixture.algorithms.PS256;
  const at = { currentDate: new Date(fixture.now * 1000) };
  assert.equal((await jose.jwtVerify(token, createPublicKey(spki), at)).payload.sub, "alice");
  await assert.rejects(() => ours.jwtVerify(token, createPublicKey(spki), at), { code: "ERR_JOSE_ALG_NOT_ALLOWED" });
});

test("an empty secret is refused, whatever it comes as", async () => {
  const token = `${Buffer.from('{"alg":"HS256"}').toString("base64url")}.e30.${"A".repeat(43)}`;
  for (const empty of [new Uint8Array(), { kty: "oct", k: "" }, createSecretKey(Buffer.alloc(0))]) {
    await assert.rejects(() => ours.jwtVerify(token, empty), { code: "ERR_JWK_INVALID" });
  }
});

test("every code has a class, and each class its code", () => {
  const classes = Object.values(ours.errors).filter((Class) => Class.code !== undefined);
  for (const code of ours.CODES) {
    const Class = classes.find((Class) => Class.code === code);
    assert.ok(Class, code);
    const error = new Class("message", {});
    assert.ok(error instanceof ours.RevocableError && error instanceof ours.errors.JOSEError);
    assert.equal(error.code, code);
  }
});

test("a wrong argument is a TypeError and a RevocableError, of the class of its code", async () => {
  const error = await ours.jwtVerify("a.b.c", null).catch((error) => error);
  assert.ok(error instanceof TypeError);
  assert.ok(error instanceof ours.RevocableError && error instanceof ours.errors.JWKInvalid);
  assert.ok(!(error instanceof ours.errors.JWKSInvalid));
  assert.ok(!(new TypeError("any") instanceof ours.RevocableError));
});

test("errors say nothing of a token's claims when they are printed", async () => {
  const secret = new Uint8Array(32);
  const token = await new jose.SignJWT({ sub: "a-private-name" }).setProtectedHeader({ alg: "HS256" }).sign(secret);
  const error = await ours.jwtVerify(token, secret, { issuer: "i" }).catch((error) => error);
  assert.equal(error.payload.sub, "a-private-name");
  const { inspect } = await import("node:util");
  assert.ok(!inspect(error, { depth: 9 }).includes("a-private-name"));
  assert.ok(!JSON.stringify(error).includes("a-private-name"));
});

test("more keys and more options than are kept still verify", async () => {
  for (let nth = 0; nth < 1200; nth += 1) {
    const secret = new Uint8Array(32).fill(nth % 256);
    secret[0] = nth >> 8;
    const token = nth % 300 === 0 && (await new jose.SignJWT({ iss: `${nth}` }).setProtectedHeader({ alg: "HS256" }).sign(secret));
    const jwk = { kty: "oct", k: Buffer.from(secret).toString("base64url") };
    if (token) assert.equal((await ours.jwtVerify(token, jwk, { issuer: `${nth}` })).payload.iss, `${nth}`);
    else await assert.rejects(() => ours.jwtVerify("a.b.c", jwk, { issuer: `${nth}` }), { code: "ERR_JWS_INVALID" });
  }
});

test("scopes, claims and the profile are expected as of a verifier's issuer", async () => {
  const secret = new Uint8Array(32);
  const sign = (claims, header = {}) =>
    new jose.SignJWT(claims).setProtectedHeader({ alg: "HS256", ...header }).sign(secret);
  const verify = async (claims, options, header) => ours.jwtVerify(await sign(claims, header), secret, options);
  await verify({ scope: "a b" }, { scopes: ["b"] });
  await assert.rejects(() => verify({ scope: "a" }, { scopes: ["b"] }), ours.errors.JWTInsufficientScope);
  await verify({ tenant: { a: 1 } }, { claims: { tenant: { a: 1 } } });
  await assert.rejects(() => verify({ tenant: 2 }, { claims: { tenant: 1 } }), { claim: "tenant", reason: "check_failed" });
  for (const lost of [undefined, Number.NaN, 1n, () => 1, Symbol("a")]) {
    await assert.rejects(() => verify({}, { claims: { tenant: lost } }), { code: "ERR_CONFIG_INVALID" });
  }
  await assert.rejects(() => verify({}, { profile: "rfc9068", audience: "a" }), { claim: "typ" });
  await assert.rejects(() => verify({}, { profile: "rfc9069" }), { code: "ERR_CONFIG_INVALID" });
});

async function runInWorkerd() {
  const folder = join(installed.folder, "worker-jose");
  await mkdir(folder);
  await copyFile(new URL("support/jose_suite.mjs", import.meta.url), join(folder, "jose_suite.mjs"));
  const entry = join(folder, "worker.js");
  await writeFile(
    entry,
    `import * as revocable from "revocable";
     import { runJoseSuite } from "./jose_suite.mjs";
     export default {
       async fetch(request) { return Response.json(await runJoseSuite(revocable, await request.json(), "ours")); },
     };`,
  );
  const worker = await startWorker(entry);
  try {
    const response = await worker.dispatchFetch("http://worker/", { method: "POST", body: JSON.stringify(fixture) });
    assert.equal(response.status, 200, await response.clone().text());
    return await response.json();
  } finally {
    await worker.dispose();
  }
}

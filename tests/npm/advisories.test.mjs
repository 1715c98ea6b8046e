// What callers can do wrong with the functions of jose's shape, and what strangers can do to them: each was a way in once.
import assert from "node:assert/strict";
import * as crypto from "node:crypto";
import { after, test } from "node:test";

import { makeFixture } from "./support/fixture.mjs";
import { installPackage } from "./support/installed.mjs";

const [installed, fixture] = await Promise.all([installPackage(), makeFixture()]);
after(installed.remove);
const { createLocalJWKSet, createRevocations, jwtVerify } = await installed.load();

test("a secret in a Buffer that is written over afterwards is another secret", async () => {
  const [first, second] = [crypto.randomBytes(32), crypto.randomBytes(32)];
  const buffer = Buffer.from(first);
  assert.equal((await jwtVerify(byHmac(first), buffer)).payload.sub, "alice");
  second.copy(buffer);
  await refused(jwtVerify(byHmac(first), buffer), "ERR_JWS_SIGNATURE_VERIFICATION_FAILED");
  assert.equal((await jwtVerify(byHmac(second), buffer)).payload.sub, "alice");
  buffer.fill(0);
  await refused(jwtVerify(byHmac(first), new Uint8Array(32)), "ERR_JWS_SIGNATURE_VERIFICATION_FAILED");
});

test("the bytes of a public key in PEM are no secret", async () => {
  const { publicKey } = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
  for (const before of ["", "\n \ufeff"]) {
    const pem = Buffer.from(before + publicKey.export({ type: "spki", format: "pem" }));
    await refused(jwtVerify(byHmac(pem), pem), "ERR_JWK_INVALID");
  }
});

test("a private key in a set is none of it, whether jwtVerify is given the set or asks it", async () => {
  const { privateKey } = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
  const set = createLocalJWKSet({ keys: [privateKey.export({ format: "jwk" })] });
  const token = byEcdsa(privateKey, { alg: "ES256" }, "sha256");
  await refused(jwtVerify(token, set), "ERR_JWKS_NO_MATCHING_KEY");
  await refused(jwtVerify(token, (header, input) => set(header, input)), "ERR_JWKS_NO_MATCHING_KEY");
});

test("a token of an issuer that no list covers is unavailable, and its lists are read once", async () => {
  const names = [];
  const source = async (name) => {
    names.push(name);
    const object = fixture.snapshots.first[name];
    return object === undefined ? null : new Uint8Array(Buffer.from(object, "base64"));
  };
  const lists = [{ issuer: fixture.authority, keys: fixture.listKeys, for: [fixture.issuer] }];
  const revocations = await createRevocations({ source, lists });
  const secret = { kty: "oct", alg: "HS256", kid: "s", k: crypto.randomBytes(32).toString("base64url") };
  const token = (claims) => byHmac(Buffer.from(secret.k, "base64url"), claims);
  const { payload } = await jwtVerify(token({ iss: fixture.issuer, jti: "a", iat: fixture.now }), secret, { revocations });
  assert.equal(payload.jti, "a");
  await refused(jwtVerify(token({ iss: "https://nobody.example", jti: "a" }), secret, { revocations }), "ERR_REVOCATION_UNAVAILABLE");
  await refused(jwtVerify(token({ jti: "a" }), secret, { revocations }), "ERR_REVOCATION_UNAVAILABLE");
  assert.equal(names.filter((name) => name === "manifest.jwt").length, 1);
});

test("more tokens at once than may wait do not make a good key a bad one", async () => {
  const { privateKey, publicKey } = crypto.generateKeyPairSync("ec", { namedCurve: "secp256k1" });
  const token = byEcdsa(privateKey, { alg: "ES256K" }, "sha256");
  const key = publicKey.export({ format: "jwk" });
  // The second Wasm is not loaded yet, so that all of them wait for it.
  const answers = await Promise.allSettled(Array.from({ length: 5000 }, () => jwtVerify(token, key, { engine: "wasm" })));
  const codes = new Set(answers.map(({ status, reason }) => (status === "fulfilled" ? "stands" : reason.code)));
  assert.deepEqual([...codes].sort(), ["ERR_ENGINE_UNAVAILABLE", "stands"]);
  assert.equal((await jwtVerify(token, key, { engine: "wasm" })).payload.sub, "alice");
});

function byHmac(secret, claims = {}) {
  const input = unsigned({ alg: "HS256" }, claims);
  return `${input}.${crypto.createHmac("sha256", secret).update(input).digest("base64url")}`;
}

function byEcdsa(key, header, hash) {
  const input = unsigned(header, {});
  const signature = crypto.sign(hash, Buffer.from(input), { key, dsaEncoding: "ieee-p1363" });
  return `${input}.${signature.toString("base64url")}`;
}

function unsigned(header, claims) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${encode(header)}.${encode({ sub: "alice", ...claims })}`;
}

async function refused(promise, code) {
  await assert.rejects(promise, (error) => (assert.equal(error.code, code), true));
}

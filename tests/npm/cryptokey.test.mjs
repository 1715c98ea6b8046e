// Keys as callers have them, on their way to the core.
import assert from "node:assert/strict";
import { createSecretKey, generateKeyPairSync } from "node:crypto";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";

import { installPackage } from "./support/installed.mjs";
import { ALGORITHMS, makeSigner, withBitTurned } from "./support/signatures.mjs";

const { subtle } = globalThis.crypto;
const FITS = 0;
const DOES_NOT_FIT = 1;

const installed = await installPackage();
after(installed.remove);
const load = (file) => import(pathToFileURL(installed.path(`dist/host/${file}.js`)).href);
const [{ readyKey }, { METHODS }] = await Promise.all(["cryptokey", "webcrypto"].map(load));

const HASHES = { HS256: ["SHA-256", 32], HS384: ["SHA-384", 48], HS512: ["SHA-512", 64] };

for (const algorithm of ALGORITHMS.filter((algorithm) => algorithm !== "ES256K")) {
  const signer = makeSigner(algorithm);
  const importKey = (extractable) =>
    subtle.importKey("jwk", JSON.parse(signer.jwk), METHODS[algorithm].import, extractable, ["verify"]);

  test(`an extractable CryptoKey for ${algorithm} becomes its JWK, for this algorithm alone, once`, async () => {
    const key = await importKey(true);
    const ready = await readyKey(key);
    assert.equal(ready.kind, "jwk");
    assert.equal(ready.jwk.alg, algorithm);
    for (const [member, value] of Object.entries(JSON.parse(signer.jwk))) assert.equal(ready.jwk[member], value, member);
    assert.equal(readyKey(key), ready);
  });

  if (algorithm === "EdDSA") {
    test("a CryptoKey for EdDSA that cannot be exported is refused: nobody sees whether its point is of small order", async () => {
      await assert.rejects(async () => readyKey(await importKey(false)), { code: "ERR_JWK_INVALID" });
    });
    continue;
  }

  test(`a CryptoKey for ${algorithm} that cannot be exported verifies where it is`, async () => {
    const key = await importKey(false);
    const ready = await readyKey(key);
    assert.equal(ready.kind, "opaque");
    assert.equal(ready.key.algorithm, algorithm);
    const { signingInput, signature } = signer.question();
    assert.equal(await ready.key.verify(signingInput, signature), FITS);
    assert.equal(await ready.key.verify(signingInput, withBitTurned(signer.question()).signature), DOES_NOT_FIT);
    assert.equal(await ready.key.verify(signingInput, new Uint8Array()), DOES_NOT_FIT);
    const answer = ready.key.verify(signingInput, signature);
    signingInput.fill(0);
    signature.fill(0);
    assert.equal(await answer, FITS);
    assert.equal(readyKey(key), ready);
  });
}

for (const [algorithm, [hash, bytes]] of Object.entries(HASHES)) {
  test(`a CryptoKey for ${algorithm} becomes its JWK or verifies where it is, if it is long enough`, async () => {
    const secret = new Uint8Array(bytes).fill(7);
    const importKey = (secret, extractable, usages = ["sign", "verify"]) =>
      subtle.importKey("raw", secret, { name: "HMAC", hash }, extractable, usages);
    const { kind, jwk } = await readyKey(await importKey(secret, true));
    assert.deepEqual([kind, jwk.kty, jwk.alg, jwk.k], ["jwk", "oct", algorithm, Buffer.from(secret).toString("base64url")]);

    const key = await importKey(secret, false);
    const input = new Uint8Array([1, 2, 3]);
    const tag = new Uint8Array(await subtle.sign("HMAC", key, input));
    const opaque = (await readyKey(key)).key;
    assert.equal(opaque.algorithm, algorithm);
    assert.equal(await opaque.verify(input, tag), FITS);
    assert.equal(await opaque.verify(input, tag.slice(1)), DOES_NOT_FIT);
    assert.equal(await opaque.verify(input, new Uint8Array(tag.length)), DOES_NOT_FIT);

    await refuses(await importKey(secret.slice(1), false), /as long as the hash/);
    await refuses(await importKey(secret, false, ["sign"]), /usages/);
  });
}

test("a weak RSA key that cannot be exported is refused", async () => {
  const weak = { modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]) };
  const three = { modulusLength: 2048, publicExponent: new Uint8Array([3]) };
  for (const name of ["RSASSA-PKCS1-v1_5", "RSA-PSS"]) {
    await refuses(await opaqueRsa({ name, hash: "SHA-256", ...weak }), /2048 to 8192/);
    await refuses(await opaqueRsa({ name, hash: "SHA-256", ...three }), /65537/);
  }
});

test("private keys are refused in every form", async () => {
  for (const algorithm of ["RS256", "ES256", "EdDSA"]) {
    const { privateKey } = makeSigner(algorithm);
    const jwk = privateKey.export({ format: "jwk" });
    await refuses(privateKey, /private/);
    await refuses(jwk, /private/);
    for (const extractable of [true, false]) {
      const key = await subtle.importKey("jwk", jwk, METHODS[algorithm].import, extractable, ["sign"]);
      await refuses(key, /private/);
    }
  }
  await refuses({ kty: "AKP", alg: "ML-DSA-44", pub: "AA", priv: "AA" }, /private/);
});

test("a CryptoKey for something else than signatures of JWTs is refused", async () => {
  const rsa = JSON.parse(makeSigner("RS256").jwk);
  await refuses(await subtle.importKey("jwk", rsa, { name: "RSA-OAEP", hash: "SHA-256" }, true, ["encrypt"]), /usages/);
  const sha1 = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-1" };
  for (const extractable of [true, false]) {
    await refuses(await subtle.importKey("jwk", rsa, sha1, extractable, ["verify"]), /signs no JWT/);
  }
  const aes = await subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["encrypt"]);
  await refuses(aes, /usages/);
});

test("a KeyObject becomes its JWK, once", async () => {
  for (const algorithm of ALGORITHMS) {
    const { publicKey, jwk } = makeSigner(algorithm);
    const ready = readyKey(publicKey);
    assert.deepEqual(ready, { kind: "jwk", jwk: JSON.parse(jwk) });
    assert.equal(readyKey(publicKey), ready);
  }
  assert.deepEqual(readyKey(createSecretKey(Buffer.from("secret"))).jwk, { kty: "oct", k: "c2VjcmV0" });
  const { publicKey } = generateKeyPairSync("dsa", { modulusLength: 2048, divisorLength: 256 });
  await refuses(publicKey, /no JWK/);
});

test("a secret, a PEM and a JWK go on as they are", () => {
  const secret = new Uint8Array(32);
  assert.deepEqual(readyKey(secret), { kind: "secret", secret });
  assert.deepEqual(readyKey("-----BEGIN PUBLIC KEY-----"), { kind: "pem", pem: "-----BEGIN PUBLIC KEY-----" });
  for (const jwk of [{ kty: "oct", k: "AA", d: "AA" }, { kty: "EC" }, {}, Object.create(null)]) {
    assert.equal(readyKey(jwk).jwk, jwk);
  }
});

test("what is no key is refused", async () => {
  for (const nothing of [null, undefined, 1, true, [], () => {}, Symbol("key")]) await refuses(nothing, /expected a CryptoKey/);
});

async function opaqueRsa(parameters) {
  const { publicKey } = await subtle.generateKey(parameters, true, ["sign", "verify"]);
  return subtle.importKey("spki", await subtle.exportKey("spki", publicKey), parameters, false, ["verify"]);
}

async function refuses(key, message) {
  await assert.rejects(async () => readyKey(key), (error) => {
    assert.ok(error instanceof TypeError);
    assert.deepEqual([error.name, error.code], ["KeyRefused", "ERR_JWK_INVALID"]);
    assert.match(error.message, message);
    return true;
  });
}

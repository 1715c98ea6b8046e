// Values of wrong types, and wrong values of right types, in every place where a caller can put one.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";

import { makeFixture } from "./support/fixture.mjs";
import { installPackage } from "./support/installed.mjs";
import { makeJoseFixture } from "./support/jose_fixture.mjs";

const [installed, fixture, main] = await Promise.all([installPackage(), makeJoseFixture(), makeFixture()]);
after(installed.remove);
const revocable = await installed.load();
const sync = await import(pathToFileURL(createRequire(join(installed.folder, "main.js")).resolve("revocable/sync")).href);

/** What a getter or a trap of the caller's own throws comes out as it is. */
class CallersOwn extends Error {}
const fail = () => {
  throw new CallersOwn();
};

/** Made anew for every call, as some are changed by being used. */
const ODD = {
  undefined: () => undefined,
  null: () => null,
  true: () => true,
  zero: () => 0,
  "a number": () => 256,
  "a negative number": () => -1,
  "a fraction": () => 0.5,
  "not a number": () => Number.NaN,
  infinity: () => Number.POSITIVE_INFINITY,
  "a BigInt": () => 10n ** 30n,
  "a symbol": () => Symbol("odd"),
  "an empty text": () => "",
  "a text": () => "odd",
  "a text with half a character": () => "\ud800",
  "a long text": () => "x".repeat(100_000),
  "an empty object": () => ({}),
  "an object without prototype": () => Object.create(null),
  "an object with a length": () => ({ length: 1e9 }),
  "an object that contains itself": () => cyclic({ kty: "RSA", alg: "RS256", keys: [{}] }),
  "a secret that contains itself": () => cyclic({ kty: "oct", k: "A".repeat(43) }),
  "an object with a BigInt": () => ({ kty: "RSA", n: 1n, keys: [{ n: 1n }] }),
  "an object that JSON makes nothing of": () => ({ kty: "RSA", keys: [], toJSON: () => undefined }),
  "an object with bytes": () => ({ kty: "EC", crv: "P-256", x: new Uint8Array(32), y: new Uint8Array(32) }),
  "an object whose getters throw": () =>
    Object.defineProperties({}, Object.fromEntries(["kty", "keys", "alg", "type", "href", "issuers"].map((name) => [name, { get: fail, enumerable: true }]))),
  "an object whose conversion throws": () => ({ toString: fail, valueOf: fail, [Symbol.toPrimitive]: fail }),
  "a proxy that throws": () => new Proxy({}, { get: fail, has: fail, ownKeys: fail, getPrototypeOf: fail }),
  "a revoked proxy": () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  "a list": () => [],
  "a list with holes": () => [, "a"],
  "a list of odd values": () => [1, null, 1n, {}],
  "a date": () => new Date(0),
  "no date": () => new Date(Number.NaN),
  "a function": () => () => 1,
  "a function that throws": () => fail,
  "a map": () => new Map([["kty", "RSA"]]),
  "a promise": () => Promise.resolve("a"),
  "numbers that are no bytes": () => new Float64Array(4),
  "numbers with a kty": () => Object.assign(new Uint16Array(4), { kty: "oct" }),
  "a DataView": () => new DataView(new ArrayBuffer(8)),
  "an ArrayBuffer": () => new ArrayBuffer(8),
  "bytes that have been handed over": () => {
    const bytes = new Uint8Array(32);
    structuredClone(bytes, { transfer: [bytes.buffer] });
    return bytes;
  },
  "the prototype of bytes": () => Object.create(Uint8Array.prototype),
  "the prototype of a date": () => Object.create(Date.prototype),
  "the prototype of a URL": () => Object.create(URL.prototype),
  "the prototype of a CryptoKey": () => Object.create(CryptoKey.prototype),
  "the looks of a CryptoKey": () =>
    Object.create(CryptoKey.prototype, {
      type: { value: "public" },
      usages: { value: ["verify"] },
      extractable: { value: false },
      algorithm: { value: { name: "RSA-PSS", hash: { name: "SHA-256" }, modulusLength: 3000n, publicExponent: [1, 0, 1] } },
    }),
  "the looks of a KeyObject": () => ({ type: "public", export: () => undefined }),
  "a KeyObject that throws": () => ({ type: "public", export: fail }),
};

function cyclic(object) {
  object.itself = object;
  return object;
}

const { ES256 } = fixture.algorithms;
const at = { currentDate: new Date(fixture.now * 1000) };
const good = () => revocable.jwtVerify(ES256.token, { ...ES256.jwk, alg: "ES256" }, at);
const remote = (options) => revocable.createRemoteJWKSet(new URL("https://issuer.example/"), options);
const jwk = { ...ES256.jwk, alg: "ES256", kid: "key" };
const lists = [{ issuer: "https://authority.example", keys: jwk, for: ["https://issuer.example"] }];
const issuers = [{ issuer: "https://issuer.example", jwks: { keys: [jwk] } }];
/** A token that a coarse list has, and nobody else to confirm it. */
const suspected = async (confirm) => {
  const { issuer, authority, jwks, listKeys, snapshots, tokens } = main;
  const objects = Object.entries(snapshots.coarse).map(([name, base64]) => [name, new Uint8Array(Buffer.from(base64, "base64"))]);
  const source = revocable.memorySource(new Map(objects));
  const ours = [{ issuer: authority, keys: listKeys, for: [issuer] }];
  const verifier = await revocable.createVerifier({ issuers: [{ issuer, jwks }], revocations: { source, lists: ours, confirm } });
  const answers = await Promise.all([tokens.revoked, tokens.cutOff, tokens.ofLowVersion].map((token) => verifier.verify(token)));
  for (const { error } of answers) if (error !== undefined) throw error;
};
const neverAnswers = async () => new Response("", { status: 404 });

/** Every public function with one odd argument, and every option. */
const CALLS = {
  "jwtVerify, token": (odd) => revocable.jwtVerify(odd, { ...ES256.jwk, alg: "ES256" }, at),
  "jwtVerify, key": (odd) => revocable.jwtVerify(ES256.token, odd, at),
  "jwtVerify, key of a function": (odd) => revocable.jwtVerify(ES256.token, () => odd, at),
  "jwtVerify, options": (odd) => revocable.jwtVerify(ES256.token, { ...ES256.jwk, alg: "ES256" }, odd),
  ...options("jwtVerify", ["issuer", "audience", "subject", "typ", "algorithms", "clockTolerance", "maxTokenAge", "currentDate", "waitUntil", "requiredClaims", "crit", "scopes", "claims", "profile", "revocations", "requireClaims", "engine"], (option) =>
    revocable.jwtVerify(ES256.token, { ...ES256.jwk, alg: "ES256" }, { ...at, ...option })),
  "jwtVerifySync, token": (odd) => sync.jwtVerifySync(odd, { ...ES256.jwk, alg: "ES256" }, at),
  "jwtVerifySync, key": (odd) => sync.jwtVerifySync(ES256.token, odd, at),
  "jwtVerifySync, key of a function": (odd) => sync.jwtVerifySync(ES256.token, () => odd, at),
  "jwtVerifySync, options": (odd) => sync.jwtVerifySync(ES256.token, { ...ES256.jwk, alg: "ES256" }, odd),
  "importJWK, jwk": (odd) => revocable.importJWK(odd, "ES256"),
  "importJWK, a member": (odd) => revocable.importJWK({ ...ES256.jwk, x: odd }, "ES256"),
  "importJWK, a secret": (odd) => revocable.importJWK({ kty: "oct", k: odd }, "HS256"),
  "importJWK, alg": (odd) => revocable.importJWK(ES256.jwk, odd),
  "importJWK, options": (odd) => revocable.importJWK(ES256.jwk, "ES256", odd),
  "importSPKI, text": (odd) => revocable.importSPKI(odd, "ES256"),
  "importSPKI, alg": (odd) => revocable.importSPKI(ES256.spki, odd),
  "importSPKI, options": (odd) => revocable.importSPKI(ES256.spki, "ES256", odd),
  "importX509, text": (odd) => revocable.importX509(odd, "ES256"),
  "importX509, alg": (odd) => revocable.importX509(fixture.certificates[1].x509, odd),
  decodeJwt: (odd) => revocable.decodeJwt(odd),
  decodeProtectedHeader: (odd) => revocable.decodeProtectedHeader(odd),
  "decodeProtectedHeader, protected": (odd) => revocable.decodeProtectedHeader({ protected: odd }),
  createLocalJWKSet: (odd) => revocable.createLocalJWKSet(odd),
  "createLocalJWKSet, a key": (odd) => revocable.jwtVerify(ES256.token, revocable.createLocalJWKSet({ keys: [odd] }), at),
  "a local set, called": (odd) => revocable.createLocalJWKSet({ keys: [ES256.jwk] })(odd),
  "a local set, called with a kid": (odd) => revocable.createLocalJWKSet({ keys: [ES256.jwk] })({ alg: "ES256", kid: odd }),
  "createRemoteJWKSet, url": (odd) => revocable.createRemoteJWKSet(odd),
  "createRemoteJWKSet, options": (odd) => remote(odd),
  ...options("createRemoteJWKSet", ["timeoutDuration", "cooldownDuration", "cacheMaxAge", "headers"], (option) => remote(option)),
  "createRemoteJWKSet, customFetch": (odd) => remote({ [revocable.customFetch]: odd }),
  "createRemoteJWKSet, an answer": (odd) => remote({ [revocable.customFetch]: async () => odd }).reload(),
  "createRemoteJWKSet, an answer's status": (odd) => remote({ [revocable.customFetch]: async () => ({ status: odd }) }).reload(),
  "createRemoteJWKSet, an answer's JSON": (odd) => remote({ [revocable.customFetch]: async () => ({ status: 200, headers: odd, json: () => odd }) }).reload(),
  "createRemoteJWKSet, a failure": (odd) => remote({ [revocable.customFetch]: () => Promise.reject(Object.assign(new Error(), { message: odd })) }).reload(),
  "jwksCache": (odd) => revocable.jwtVerify(ES256.token, remote({ [revocable.jwksCache]: odd, [revocable.customFetch]: neverAnswers }), at),
  "jwksCache, jwks": (odd) => revocable.jwtVerify(ES256.token, remote({ [revocable.jwksCache]: { jwks: odd, uat: Date.now() }, [revocable.customFetch]: neverAnswers }), at),
  "jwksCache, uat": (odd) => revocable.jwtVerify(ES256.token, remote({ [revocable.jwksCache]: { jwks: { keys: [] }, uat: odd }, [revocable.customFetch]: neverAnswers }), at),
  "a remote set, called": (odd) => remote({ [revocable.customFetch]: async () => Response.json({ keys: [ES256.jwk] }) })(odd),
  createRevocations: (odd) => revocable.createRevocations(odd),
  ...options("createRevocations", ["source", "lists", "fetch", "onReadError", "unknown", "confirm", "residentBytes"], (option) =>
    revocable.createRevocations({ source: async () => null, lists, ...option })),
  ...options("createRevocations, lists", ["issuer", "keys", "for"], (option) =>
    revocable.createRevocations({ source: async () => null, lists: [{ ...lists[0], ...option }] })),
  "createRevocations, a name": (odd) => revocable.createRevocations({ source: async () => null, lists: [{ ...lists[0], for: [odd] }] }),
  "createRevocations, an object": async (odd) => (await revocable.createRevocations({ source: async () => odd, lists })).refresh(),
  "createRevocations, a failure": async (odd) =>
    (await revocable.createRevocations({ source: () => Promise.reject(Object.assign(new Error(), { message: odd })), lists })).refresh(),
  ...options("createRevocations, what a source gives", ["bytes", "etag"], async (option) =>
    (await revocable.createRevocations({ source: { get: () => ({ bytes: new Uint8Array(8), ...option }) }, lists })).refresh()),
  "createRevocations, a source's method": async (odd) => (await revocable.createRevocations({ source: { get: odd }, lists })).refresh(),
  ...options("createRevocations, unknown", ["noSnapshot", "needsConfirmation"], (unknown) =>
    revocable.createRevocations({ source: async () => null, lists, unknown })),
  "httpConfirm, url": (odd) => revocable.httpConfirm(odd),
  "httpConfirm, options": (odd) => revocable.httpConfirm("https://gate.example/", odd),
  ...options("httpConfirm", ["headers", "fetch"], (option) => revocable.httpConfirm("https://gate.example/", option)),
  "confirm, an answer": (odd) => suspected(() => odd),
  "confirm, its seq": (odd) => suspected(({ targets }) => ({ seq: odd, answers: targets.map(() => ({ revoked: false })) })),
  "confirm, its answers": (odd) => suspected(({ seq }) => ({ seq, answers: odd })),
  "confirm, one of them": (odd) => suspected(({ seq, targets }) => ({ seq, answers: targets.map(() => odd) })),
  "confirm, a value": (odd) => suspected(({ seq, targets }) => ({ seq, answers: targets.map(() => ({ revoked: true, value: odd })) })),
  "confirm, over HTTP": (odd) => suspected(revocable.httpConfirm("https://gate.example/", { fetch: async () => odd })),
  "httpSource, url": (odd) => revocable.httpSource(odd),
  "httpSource, options": (odd) => revocable.httpSource("https://cdn.example/", odd),
  ...options("httpSource", ["headers", "fetch"], (option) => revocable.httpSource("https://cdn.example/", option)),
  "httpSource, an answer": async (odd) =>
    (await revocable.createRevocations({ source: revocable.httpSource("https://cdn.example/", { fetch: async () => odd }), lists })).refresh(),
  "kvSource, namespace": (odd) => revocable.kvSource(odd),
  "kvSource, options": (odd) => revocable.kvSource({ get: async () => null }, odd),
  "kvSource, cacheTtl": (odd) => revocable.kvSource({ get: async () => null }, { cacheTtl: odd }),
  "kvSource, a value": async (odd) => (await revocable.createRevocations({ source: revocable.kvSource({ get: async () => odd }), lists })).refresh(),
  memorySource: (odd) => revocable.memorySource(odd),
  "memorySource, an object": async (odd) => (await revocable.createRevocations({ source: revocable.memorySource({ "manifest.jwt": odd }), lists })).refresh(),
  createVerifier: (odd) => revocable.createVerifier(odd),
  ...options("createVerifier", ["issuers", "revocations", "fetch", "now", "onReadError", "engine"], (option) =>
    revocable.createVerifier({ issuers, revocations: false, ...option })),
  ...options("createVerifier, issuers", ["issuer", "jwks", "jwksUri", "discovery", "pem", "seed", "audience", "algorithms", "claims", "crit", "clockTolerance"], (option) =>
    revocable.createVerifier({ issuers: [{ ...issuers[0], ...option }], revocations: false })),
  "createVerifier, the time": async (odd) => (await revocable.createVerifier({ issuers, revocations: false, now: () => odd })).verify(ES256.token),
  "verify, token": async (odd) => (await revocable.createVerifier({ issuers, revocations: false })).verify(odd),
  "verify, options": async (odd) => (await revocable.createVerifier({ issuers, revocations: false })).verify(ES256.token, odd),
  createVerifierSync: (odd) => sync.createVerifierSync(odd),
  "verifySync, token": (odd) => sync.createVerifierSync({ issuers, revocations: false }).verifySync(odd),
};

function options(call, names, run) {
  return Object.fromEntries(names.map((name) => [`${call}, ${name}`, (odd) => run({ [name]: odd })]));
}

for (const [call, run] of Object.entries(CALLS)) {
  test(`${call}: whatever is thrown is an Error with a code of the table, and a good token stands afterwards`, async () => {
    for (const [name, make] of Object.entries(ODD)) {
      const error = await thrownBy(() => run(make()));
      if (error === undefined || error instanceof CallersOwn || name === "a revoked proxy") {
        assert.ok(!(error instanceof WebAssembly.RuntimeError), name);
      } else {
        assert.ok(error instanceof Error, `${name}: ${typeof error}`);
        assert.ok(revocable.CODES.includes(error.code), `${name}: ${error.stack}`);
      }
      assert.equal((await good()).payload.sub, "alice", name);
    }
  });
}

test("an `alg` that is no text is a TypeError of importSPKI and of importX509", async () => {
  for (const alg of [undefined, 256, {}, true, { length: 1e9 }]) {
    for (const run of [() => revocable.importSPKI(ES256.spki, alg), () => revocable.importX509(fixture.certificates[1].x509, alg)]) {
      const error = await thrownBy(run);
      assert.ok(error instanceof TypeError);
      assert.equal(error.code, "ERR_JWK_INVALID");
    }
  }
});

test("a JWK that contains itself or a BigInt is a TypeError wherever it is given", async () => {
  for (const member of ["itself", "n"]) {
    const make = () => (member === "itself" ? cyclic({ ...ES256.jwk, alg: "ES256" }) : { ...ES256.jwk, alg: "ES256", more: 1n });
    for (const run of [() => revocable.jwtVerify(ES256.token, make(), at), () => revocable.importJWK(make()), () => sync.jwtVerifySync(ES256.token, make(), at)]) {
      const error = await thrownBy(run);
      assert.ok(error instanceof TypeError);
      assert.equal(error.code, "ERR_JWK_INVALID");
    }
  }
});

async function thrownBy(run) {
  try {
    await run();
    return undefined;
  } catch (error) {
    return error;
  }
}

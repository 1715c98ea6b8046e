// Keys and signatures of the differential test, by Node's own crypto: neither of the two verifiers signs anything.
import { createHash, createHmac, createPrivateKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";

const PSS = 6;
const RAW = { dsaEncoding: "ieee-p1363" };
/** Hash, key in keys.json, options. */
const PAIRS = {
  RS256: ["sha256", "rsa"],
  RS384: ["sha384", "rsa"],
  RS512: ["sha512", "rsa"],
  PS256: ["sha256", "rsa", { padding: PSS, saltLength: 32 }],
  PS384: ["sha384", "rsa", { padding: PSS, saltLength: 48 }],
  PS512: ["sha512", "rsa", { padding: PSS, saltLength: 64 }],
  ES256: ["sha256", "p256", RAW],
  ES384: ["sha384", "p384", RAW],
  ES512: ["sha512", "p521", RAW],
  EdDSA: [null, "ed25519"],
  Ed25519: [null, "ed25519"],
};

export const HMACS = ["HS256", "HS384", "HS512"];
export const ALGORITHMS = [...HMACS, ...Object.keys(PAIRS)];

const jwks = JSON.parse(readFileSync(new URL("keys.json", import.meta.url), "utf8"));
const privateKeys = mapped(jwks, (set) => mapped(set, (key) => createPrivateKey({ key, format: "jwk" })));

/** The secret of an algorithm, as long as a hash of it; whose is `issuers` or `somebodyElses`. */
export function secretOf(alg, whose = "issuers") {
  return createHash("sha512").update(`${whose} ${alg}`).digest();
}

/** The signature over these bytes. `alg` is which way to sign, whatever a header says. */
export function signatureOf(input, alg, { whose = "issuers", der = false } = {}) {
  if (HMACS.includes(alg)) return createHmac(`sha${alg.slice(2)}`, secretOf(alg, whose)).update(input).digest();
  const [hash, name, options] = PAIRS[alg];
  return sign(hash, Buffer.from(input), { key: privateKeys[whose][name], ...(der ? {} : options) });
}

/** What verifies an algorithm's signatures; its `kid` is the algorithm's name. */
export function verificationKey(alg, whose = "issuers") {
  if (HMACS.includes(alg)) return { kty: "oct", kid: alg, alg, k: secretOf(alg, whose).toString("base64url") };
  return { ...publicPart(jwks[whose][PAIRS[alg][1]]), kid: alg, alg };
}

/** The private JWK of an algorithm. */
export function privateKey(alg) {
  return { ...jwks.issuers[PAIRS[alg][1]], kid: alg, alg };
}

/** The two RSA keys that are too weak. */
export const WEAK = mapped(jwks.weak, (jwk) => ({ ...publicPart(jwk), kid: "RS256", alg: "RS256" }));

/** A signature by one of them. */
export function weakSignature(input, name) {
  return sign("sha256", Buffer.from(input), privateKeys.weak[name]);
}

/** The order of the group of each curve. */
export const ORDERS = {
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  ES384: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  ES512: 0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
};

export const base64url = (value) => Buffer.from(value).toString("base64url");

function publicPart({ kty, crv, x, y, n, e }) {
  return JSON.parse(JSON.stringify({ kty, crv, x, y, n, e }));
}

function mapped(object, change) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));
}

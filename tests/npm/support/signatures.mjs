// Questions for host engines: for every algorithm that Node can sign with, a signature and what must not pass for one.
import { generateKeyPairSync, sign } from "node:crypto";
import { readFile } from "node:fs/promises";

/** What an engine answers: `pkg/ts/host/question.ts`. */
export const FITS = 0;
export const DOES_NOT_FIT = 1;
export const KEY_UNUSABLE = 2;

const PSS = 6;
/** What Node calls the algorithm. */
const METHODS = {
  RS256: ["sha256", "rsa"],
  RS384: ["sha384", "rsa"],
  RS512: ["sha512", "rsa"],
  PS256: ["sha256", "rsa", { padding: PSS, saltLength: 32 }],
  PS384: ["sha384", "rsa", { padding: PSS, saltLength: 48 }],
  PS512: ["sha512", "rsa", { padding: PSS, saltLength: 64 }],
  ES256: ["sha256", "P-256", { dsaEncoding: "ieee-p1363" }],
  ES384: ["sha384", "P-384", { dsaEncoding: "ieee-p1363" }],
  ES512: ["sha512", "P-521", { dsaEncoding: "ieee-p1363" }],
  ES256K: ["sha256", "secp256k1", { dsaEncoding: "ieee-p1363" }],
  EdDSA: [null, "ed25519"],
};

/** Every algorithm that Node can sign with. */
export const ALGORITHMS = Object.keys(METHODS);
/** And those that not every Node can. */
export const ML_DSA = ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"];

let number = 0;

/**
 * A key that signs; each one has a number of its own.
 * @param {keyof typeof METHODS} algorithm
 * @param {{ modulusLength?: number }} [size]  of an RSA key
 */
export function makeSigner(algorithm, { modulusLength = 2048 } = {}) {
  const [hash, type, options] = METHODS[algorithm];
  const { privateKey, publicKey } = generate(type, modulusLength);
  const jwk = JSON.stringify(publicKey.export({ format: "jwk" }));
  const keyNumber = (number += 1);
  return {
    algorithm,
    keyNumber,
    jwk,
    privateKey,
    publicKey,
    /** A question about a good signature over this text. */
    question(text = "eyJhbGciOiJub25lIn0.e30") {
      const signingInput = new Uint8Array(Buffer.from(text));
      const signature = new Uint8Array(sign(hash, signingInput, { key: privateKey, ...options }));
      return { keyNumber, algorithm, jwk: () => jwk, signingInput, signature };
    },
  };
}

function generate(type, modulusLength) {
  if (type === "rsa") return generateKeyPairSync("rsa", { modulusLength });
  if (type === "ed25519") return generateKeyPairSync("ed25519");
  return generateKeyPairSync("ec", { namedCurve: type });
}

/**
 * What two signers of one algorithm are asked about, and the answers to expect.
 * @returns {[question: object, expected: number][]}
 */
export function casesOf(signer, other) {
  const good = signer.question();
  const { length } = good.signature;
  return [
    [good, FITS],
    [good, FITS],
    [withBitTurned(good), DOES_NOT_FIT],
    [{ ...good, signingInput: other.question("another text").signingInput }, DOES_NOT_FIT],
    [{ ...other.question(), signature: good.signature }, DOES_NOT_FIT],
    [other.question(), FITS],
    // Not without its first byte: OpenSSL takes an RSA signature without its leading zeros, and the core asks about none.
    [{ ...good, signature: good.signature.slice(0, -1) }, DOES_NOT_FIT],
    [{ ...good, signature: new Uint8Array([...good.signature, 0]) }, DOES_NOT_FIT],
    [{ ...good, signature: new Uint8Array() }, DOES_NOT_FIT],
    [{ ...good, signature: new Uint8Array(length) }, DOES_NOT_FIT],
    [{ ...good, signature: new Uint8Array(length).fill(255) }, DOES_NOT_FIT],
  ];
}

/** From published vectors. */
export async function mlDsaQuestion(algorithm) {
  const vectors = await readFile(new URL("../../../src/engine/vectors/ml-dsa.json", import.meta.url), "utf8");
  const { jwk, message, signature } = JSON.parse(vectors).good.find(({ alg }) => alg === algorithm);
  return {
    keyNumber: 2_000_000 + ML_DSA.indexOf(algorithm),
    algorithm,
    jwk: () => JSON.stringify(jwk),
    signingInput: new Uint8Array(Buffer.from(message, "hex")),
    signature: new Uint8Array(Buffer.from(signature, "base64url")),
  };
}

/** The same question with one bit of its signature turned. */
export function withBitTurned(question) {
  const signature = question.signature.slice();
  signature[signature.length - 1] ^= 1;
  return { ...question, signature };
}

/** The same question about a key that is no point on its curve. */
export function withBrokenKey(question) {
  const jwk = JSON.parse(question.jwk());
  const y = Buffer.from(jwk.y, "base64url");
  y[y.length - 1] ^= 1;
  const broken = JSON.stringify({ ...jwk, y: y.toString("base64url") });
  return { ...question, keyNumber: (number += 1), jwk: () => broken };
}

/** A question as JSON can say it, for an engine in another process. */
export function asJson({ keyNumber, algorithm, jwk, signingInput, signature }) {
  const base64 = (bytes) => Buffer.from(bytes).toString("base64");
  return { keyNumber, algorithm, jwk: jwk(), signingInput: base64(signingInput), signature: base64(signature) };
}

// What the suite of jose's shape needs and cannot make in every runtime, as one JSON value: keys and tokens of every
// algorithm, and what `jose` itself says of certificates.
import { readFile } from "node:fs/promises";

import { ALGORITHMS, makeSigner } from "./signatures.mjs";

/** The time at which all tokens of the suite stand. */
export const NOW = 1_700_000_000;

/** Makes the fixture. */
export async function makeJoseFixture() {
  const pem = JSON.parse(await readFile(new URL("../../pem/keys.json", import.meta.url), "utf8"));
  const certificates = Object.entries({ rsa: "RS256", p256: "ES256", p384: "ES384", p521: "ES512", ed25519: "EdDSA" });
  return {
    now: NOW,
    algorithms: Object.fromEntries(ALGORITHMS.map((algorithm) => [algorithm, ofAlgorithm(algorithm)])),
    certificates: certificates.map(([name, alg]) => ({ alg, x509: pem.keys[name].certificate, jwk: pem.keys[name].jwk })),
    weak: { rsa1024: pem.refused["RSA of 1024 bits"], exponent3: pem.refused["RSA with the exponent 3"] },
  };
}

function ofAlgorithm(algorithm) {
  const signer = makeSigner(algorithm);
  const token = (claims, header = {}) => {
    const input = `${encode({ alg: algorithm, kid: "key", ...header })}.${encode(claims)}`;
    return `${input}.${Buffer.from(signer.question(input).signature).toString("base64url")}`;
  };
  return {
    jwk: JSON.parse(signer.jwk),
    privateJwk: signer.privateKey.export({ format: "jwk" }),
    spki: signer.publicKey.export({ type: "spki", format: "pem" }),
    token: token({ sub: "alice", exp: NOW + 60 }),
    withoutKid: token({ sub: "alice", exp: NOW + 60 }, { kid: undefined }),
    withEdwardsName: algorithm === "EdDSA" ? token({ sub: "alice", exp: NOW + 60 }, { alg: "Ed25519" }) : undefined,
    otherJwk: JSON.parse(makeSigner(algorithm).jwk),
  };
}

function encode(value) {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

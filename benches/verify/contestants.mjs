// Who verifies, and what: the same tokens, keys and expectations for everybody, in Node and in workerd alike.
//
// Every token is verified anew: nobody here remembers one, only we the header that an issuer's tokens share. Keys are
// imported before the clock runs.
import * as jose from "jose";

const ISSUER = "https://issuer.example";
const AUDIENCE = "api";
/** Tokens that take turns, so that no figure is that of one token seen over and over. */
const TOKENS = 64;
export const ALGORITHMS = ["HS256", "RS256", "ES256", "EdDSA"];

/** Claims as an access token of a large provider has them: with the header and an HS256 signature, some 500 bytes. */
const CLAIMS = {
  iss: ISSUER,
  aud: AUDIENCE,
  sub: "0b5f1f0e-7c5e-4d7e-9f60-2f5f2f6d9a01",
  azp: "web",
  sid: "7c9e6679-7425-40de-944b-e07fc1f90ae7",
  scope: "openid profile email read:things write:things",
  tenant: "acme",
};

/**
 * Makes tokens of each algorithm, and who verifies them.
 * @param {typeof import("../../pkg/dist/node.js")} revocable
 * @returns {Promise<Record<string, { bytes: number, runs: Record<string, (turn: number) => Promise<unknown>> }>>}
 */
export async function prepare(revocable) {
  const contests = await Promise.all(ALGORITHMS.map(async (alg) => [alg, await contest(revocable, alg)]));
  return Object.fromEntries(contests);
}

/** One token after the other, so many times; what a round is. */
export async function round(run, times) {
  for (let turn = 0; turn < times; turn += 1) await run(turn % TOKENS);
}

async function contest(revocable, alg) {
  const { privateKey, jwk } = await makeKey(alg);
  const sign = (_, turn) =>
    new jose.SignJWT({ ...CLAIMS, jti: `4c1b4a8e-1c1b-4e55-8f5c-${String(turn).padStart(12, "0")}` })
      .setProtectedHeader({ alg, kid: "k", typ: "JWT" })
      .setIssuedAt()
      .setExpirationTime("2h")
      .sign(privateKey);
  const tokens = await Promise.all(Array.from({ length: TOKENS }, sign));
  const expected = { issuer: ISSUER, audience: AUDIENCE };
  const theirs = await jose.importJWK(jwk, alg);
  const ours = await revocable.importJWK(jwk, alg);
  const verifier = await revocable.createVerifier({
    issuers: [{ ...expected, jwks: { keys: [jwk] } }],
    revocations: false,
  });
  return {
    bytes: tokens[0].length,
    runs: {
      jose: (turn) => jose.jwtVerify(tokens[turn], theirs, expected),
      jwtVerify: (turn) => revocable.jwtVerify(tokens[turn], ours, expected),
      createVerifier: async (turn) => {
        const { decision, error } = await verifier.verify(tokens[turn]);
        if (decision !== "allow") throw error;
      },
    },
  };
}

async function makeKey(alg) {
  if (alg === "HS256") {
    const secret = crypto.getRandomValues(new Uint8Array(32));
    return { privateKey: secret, jwk: { kty: "oct", k: jose.base64url.encode(secret), kid: "k", alg } };
  }
  const { privateKey, publicKey } = await jose.generateKeyPair(alg, { extractable: true });
  return { privateKey, jwk: { ...(await jose.exportJWK(publicKey)), kid: "k", alg } };
}

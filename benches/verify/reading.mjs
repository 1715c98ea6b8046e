// How long the core takes to read a token's header and claims, before anything else is known of it.
//
// The token is of an issuer whom nobody trusts, so that it is refused right after it was read. What is timed is the core's
// own call and the token's way into its memory.
import { coreOf } from "../../pkg/dist/core.js";
import { DENY, faultOnDesk, putToken } from "../../pkg/dist/desk.js";
import { createVerifier } from "../../pkg/dist/node.js";

const TIMES = 20_000;
const ROUNDS = 15;
/** Tokens that take turns. */
const TOKENS = 64;

/**
 * Medians of the later rounds. The core remembers the few headers that it read last, as an issuer's tokens share theirs:
 * `micros` is for tokens with one header, `microsAnew` for such as have another one each.
 * @returns {Promise<{ bytes: number, micros: number, microsAnew: number }>}
 */
export async function readingTime() {
  const issuers = [{ issuer: "https://issuer.example", jwks: { kty: "oct", kid: "k", k: "A".repeat(43) } }];
  // This loads the Wasm.
  await createVerifier({ issuers, revocations: false });
  const core = coreOf(JSON.stringify({ issuers, lists: [] }));
  const now = Date.now();
  const sets = [(turn) => tokenOf(500, "k", turn), (turn) => tokenOf(500, `k${turn + 10}`, turn)].map((make) =>
    Array.from({ length: TOKENS }, (_, turn) => make(turn)),
  );
  const micros = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [at, tokens] of sets.entries()) {
      const started = performance.now();
      for (let time = 0; time < TIMES; time += 1) {
        if (core.start(putToken(tokens[time % TOKENS]), now) !== DENY) throw new Error("it was not refused");
      }
      if (round >= ROUNDS / 3) micros[at].push(((performance.now() - started) * 1000) / TIMES);
    }
  }
  if (faultOnDesk().code !== "ERR_JWT_ISSUER_UNKNOWN") throw new Error("it was refused for another reason");
  const [same, anew] = micros.map((times) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)]);
  return { bytes: sets[0][0].length, micros: same, microsAnew: anew };
}

/** A token of a stranger's, with as many claims as the others have, and as long as wanted. */
function tokenOf(bytes, kid, turn) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const header = part({ alg: "HS256", kid, typ: "JWT" });
  const claims = {
    iss: "https://stranger.example",
    aud: "api",
    sub: "0b5f1f0e-7c5e-4d7e-9f60-2f5f2f6d9a01",
    azp: "web",
    jti: `4c1b4a8e-1c1b-4e55-8f5c-${String(turn).padStart(12, "0")}`,
    iat: 1_790_000_000,
    exp: 1_790_007_200,
    scope: "openid profile email",
    pad: "",
  };
  const whole = () => `${header}.${part(claims)}.${"A".repeat(43)}`;
  while (whole().length < bytes - 1) claims.pad += "x";
  return whole();
}

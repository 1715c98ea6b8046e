// What `revocable/sync` promises, in Node and workerd alike: answers without a promise, from what is at hand.

/**
 * Runs every case and says how each ended: with what failure, if any.
 * @param {object} sync      what `revocable/sync` exports
 * @param {object} fixture   from fixture.mjs, and as `jose` that of jose_fixture.mjs
 * @returns {Promise<{ name: string, failure: string | null }[]>}
 */
export async function runSyncSuite(sync, fixture) {
  const outcomes = [];
  for (const [name, run] of Object.entries(cases({ ...sync, ...fixture }))) {
    let failure = null;
    try {
      await run();
    } catch (error) {
      failure = `${error?.stack ?? error}`;
    }
    outcomes.push({ name, failure });
  }
  return outcomes;
}

function cases({ createVerifierSync, jwtVerifySync, decodeJwt, decodeProtectedHeader, createLocalJWKSet, createRemoteJWKSet, customFetch, importJWK, createRevocations, errors, ...fixture }) {
  const { tokens, issuer, jwks, authority, listKeys, snapshots, jose } = fixture;
  const lists = [{ issuer: authority, keys: listKeys, for: [issuer] }];
  const source = (name = "first") => async (object) => {
    const base64 = snapshots[name][object];
    return base64 === undefined ? null : Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  };
  const verifier = (revocations = { source: source(), lists }, keys = { jwks }) =>
    createVerifierSync({ issuers: [{ issuer, audience: "api", ...keys }], revocations });
  const at = { currentDate: new Date(jose.now * 1000) };
  const all = {
    async "a verifier answers at once, after a refresh"() {
      const checking = verifier();
      const before = checking.verifySync(tokens.good);
      equal(before.decision, "unavailable");
      equal(before.error.code, "ERR_REVOCATION_UNAVAILABLE");
      equal((await checking.refresh()).seq, 1);
      const answer = checking.verifySync(tokens.good);
      equal(answer.decision, "allow");
      equal(answer.claims.sub, "alice");
      equal(answer.status, "not-revoked");
      equal(answer.snapshot.seq, 1);
      equal(checking.verifySync(tokens.goodByEdDSA).decision, "allow");
      equal(checking.verifySync(tokens.revoked).error.code, "ERR_JWT_REVOKED");
      equal(checking.verifySync(tokens.forged).error.code, "ERR_JWS_SIGNATURE_VERIFICATION_FAILED");
      equal(checking.verifySync(tokens.expired).error instanceof errors.JWTExpired, true);
      equal(checking.verifySync("").error.code, "ERR_JWS_INVALID");
    },
    async "a token is decoded without being verified"() {
      const { token } = jose.algorithms.ES256;
      equal(decodeJwt(token).sub, "alice");
      equal(decodeProtectedHeader(token).alg, "ES256");
      equal(codeOf(() => decodeJwt("a.b")), "ERR_JWT_INVALID");
      equal(codeOf(() => decodeProtectedHeader("a.b")), "ERR_JWS_INVALID");
    },
    async "a verifier that lacks a snapshot begins to read it, and never waits"() {
      let asked = 0;
      const checking = verifier({ source: (name) => ((asked += 1), source()(name)), lists });
      equal(checking.verifySync(tokens.good).decision, "unavailable");
      ok(asked === 1, "it has begun");
      for (let look = 0; look < 200 && checking.verifySync(tokens.good).decision !== "allow"; look += 1) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      equal(checking.verifySync(tokens.good).decision, "allow");
    },
    async "a verifier without lists needs no refresh"() {
      equal(verifier(false).verifySync(tokens.revoked).decision, "allow");
    },
    async "keys that are read from a URL are at hand after a refresh, and can seed another verifier"() {
      let reads = 0;
      const fetch = async () => ((reads += 1), Response.json(jwks));
      const make = (seed) =>
        createVerifierSync({
          issuers: [{ issuer, jwksUri: `${issuer}/jwks.json`, seed }],
          revocations: false,
          fetch,
        });
      const checking = make();
      await checking.refresh();
      equal(checking.verifySync(tokens.good).decision, "allow");
      equal(reads, 1);
      const exported = checking.exportKeys();
      equal(Object.keys(exported).join(), issuer);
      equal(make(exported[issuer]).verifySync(tokens.good).decision, "allow");
      equal(reads, 1);
      equal(make("not what was exported").verifySync(tokens.good).error.code, "ERR_JWKS_UNAVAILABLE");
    },
    async "jwtVerifySync answers or throws at once"() {
      const { token, jwk } = jose.algorithms.ES256;
      const set = createLocalJWKSet({ keys: [{ ...jwk, kid: "key", alg: "ES256" }] });
      for (const key of [{ ...jwk, alg: "ES256" }, set, () => ({ ...jwk }), await importJWK(jwk, "ES256")]) {
        equal(jwtVerifySync(token, key, at).payload.sub, "alice");
      }
      equal(jwtVerifySync(new TextEncoder().encode(token), set, at).payload.sub, "alice");
      equal(codeOf(() => jwtVerifySync(token, set)), "ERR_JWT_EXPIRED");
      equal(codeOf(() => jwtVerifySync(token, set, { ...at, audience: "a" })), "ERR_JWT_CLAIM_VALIDATION_FAILED");
      equal(codeOf(() => jwtVerifySync(token, null, at)), "ERR_JWK_INVALID");
      equal(codeOf(() => jwtVerifySync(`${token}=`, set, at)), "ERR_JWS_INVALID");
    },
    async "a CryptoKey that answers later is refused"() {
      const { token, jwk } = jose.algorithms.ES256;
      for (const extractable of [true, false]) {
        const method = { name: "ECDSA", namedCurve: "P-256" };
        const key = await crypto.subtle.importKey("jwk", jwk, method, extractable, ["verify"]);
        equal(codeOf(() => jwtVerifySync(token, key, at)), "ERR_JWK_INVALID");
      }
      // Nor is a promise a key.
      equal(codeOf(() => jwtVerifySync(token, () => Promise.resolve(jwk), at)), "ERR_JWK_INVALID");
    },
    async "a remote set is at hand after it has been read"() {
      const { token, jwk } = jose.algorithms.ES256;
      const fetch = async () => Response.json({ keys: [{ ...jwk, kid: "key", alg: "ES256" }] });
      const set = createRemoteJWKSet(new URL("https://issuer.example/jwks.json"), { [customFetch]: fetch });
      equal(codeOf(() => jwtVerifySync(token, set, at)), "ERR_JWKS_UNAVAILABLE");
      await set.reload();
      equal(jwtVerifySync(token, set, at).payload.sub, "alice");
    },
    async "jwtVerifySync asks lists that are at hand"() {
      const revocations = await createRevocations({ source: source(), lists });
      const set = createLocalJWKSet(jwks);
      equal(codeOf(() => jwtVerifySync(tokens.good, set, { revocations })), "ERR_REVOCATION_UNAVAILABLE");
      await revocations.refresh();
      equal(jwtVerifySync(tokens.good, set, { revocations }).payload.sub, "alice");
      equal(codeOf(() => jwtVerifySync(tokens.revoked, set, { revocations })), "ERR_JWT_REVOKED");
    },
    async "a part that a token lacks is read in the background, and tokens after it are answered"() {
      const parts = { source: source("inParts"), lists, residentBytes: 4096 };
      const checking = verifier(parts);
      await checking.refresh();
      const before = checking.verifySync(tokens.revoked);
      equal(`${before.decision} ${before.error.reason}`, "unavailable segmentMissing");
      await until(() => checking.verifySync(tokens.revoked).error.code === "ERR_JWT_REVOKED");
      const revocations = await createRevocations(parts);
      await revocations.refresh();
      const set = createLocalJWKSet(jwks);
      equal(codeOf(() => jwtVerifySync(tokens.revoked, set, { revocations })), "ERR_REVOCATION_UNAVAILABLE");
      await until(() => codeOf(() => jwtVerifySync(tokens.revoked, set, { revocations })) === "ERR_JWT_REVOKED");
    },
    async "a hit of a coarse list is confirmed in the background, and meanwhile `unknown` decides"() {
      const coarse = { source: source("coarse"), lists, unknown: { needsConfirmation: "allow" } };
      for (const confirm of [undefined, ({ seq, targets }) => ({ seq, answers: targets.map(() => ({ revoked: true })) })]) {
        const checking = verifier(confirm === undefined ? coarse : { ...coarse, confirm });
        await checking.refresh();
        const { decision, status, reason } = checking.verifySync(tokens.revoked);
        equal(`${decision} ${status} ${reason}`, "allow unknown needsConfirmation");
        await until(() => checking.verifySync(tokens.revoked).error?.code === "ERR_JWT_REVOKED");
      }
      const revocations = await createRevocations(coarse);
      await revocations.refresh();
      const set = createLocalJWKSet(jwks);
      equal(jwtVerifySync(tokens.revoked, set, { revocations }).revocation.reason, "needsConfirmation");
      await until(() => codeOf(() => jwtVerifySync(tokens.revoked, set, { revocations })) === "ERR_JWT_REVOKED");
    },
  };
  for (const [alg, { token, jwk, otherJwk }] of Object.entries(jose.algorithms)) {
    all[`${alg} is verified at once, in Wasm too`] = async () => {
      for (const engine of [undefined, "wasm"]) {
        const options = { ...at, algorithms: [alg], engine };
        equal(jwtVerifySync(token, { ...jwk, alg }, options).payload.sub, "alice");
        equal(codeOf(() => jwtVerifySync(token, { ...otherJwk, alg }, options)), "ERR_JWS_SIGNATURE_VERIFICATION_FAILED");
      }
    };
  }
  return all;
}

function codeOf(run) {
  try {
    run();
    return "passes";
  } catch (error) {
    return error.code ?? `${error?.stack}`;
  }
}

function equal(found, wanted) {
  if (!Object.is(found, wanted)) throw new Error(`expected ${wanted}, found ${found?.stack ?? found}`);
}

async function until(holds) {
  for (let look = 0; look < 500; look += 1) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("it never came true");
}

function ok(holds, what) {
  if (!holds) throw new Error(`${what} does not hold`);
}

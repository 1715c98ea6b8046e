// What the package promises, in one suite that Node, workerd, Chromium and Firefox run alike: nothing but the language
// and what all of them have (fetch's Response, URL, timers) is used here.

import { equal, makeClock, ok, rejected, slowly } from "./asserting.mjs";
import { listsCases, listsTools } from "./lists_cases.mjs";

const HOUR = 3600;

/**
 * Runs every case and says how each ended: with what failure, if any.
 * @param {{ createVerifier: Function, RevocableError: Function, CODES: readonly string[] }} revocable  the package
 * @param {object} fixture  from fixture.mjs
 * @returns {Promise<{ name: string, failure: string | null }[]>}
 */
export async function runSuite(revocable, fixture) {
  const outcomes = [];
  for (const [name, run] of Object.entries({ ...cases, ...listsCases })) {
    let failure = null;
    try {
      const common = tools(revocable, fixture);
      await inTime(run({ ...revocable, ...fixture, ...common, ...listsTools(revocable, fixture, common) }));
    } catch (error) {
      failure = `${error?.stack ?? error}`;
    }
    outcomes.push({ name, failure });
  }
  return outcomes;
}

/** What each case's name promises. A name is a sentence: condition, policy, result. */
const cases = {
  // The first case, so that the Wasm is not there yet; a page's test counts how often it is fetched.
  async "verifiers that are made at once, before the Wasm is there, all answer"({ verifier, tokens }) {
    const made = await Promise.all(Array.from({ length: 5 }, () => verifier()));
    for (const checking of made) equal((await checking.verify(tokens.good)).decision, "allow");
  },

  async "a good token is allowed, with its claims, its header and the snapshot's age"({ verifier, tokens }) {
    const answer = await (await verifier()).verify(tokens.good);
    equal(answer.decision, "allow");
    equal(answer.claims.sub, "alice");
    equal(answer.claims.jti, "good");
    equal(answer.header.alg, "ES256");
    equal(answer.status, "not-revoked");
    equal(answer.snapshot.seq, 1);
    ok(answer.snapshot.age >= 0 && answer.snapshot.age < HOUR, "age in seconds");
    ok(answer.snapshot.checkedAgo >= 0 && answer.snapshot.checkedAgo < 60, "checkedAgo in seconds");
  },

  async "a good token signed with Ed25519 is allowed"({ verifier, tokens }) {
    equal((await (await verifier()).verify(tokens.goodByEdDSA)).decision, "allow");
  },

  async "a good token signed with a configured secret is allowed"({ verifier, tokens, secret }) {
    equal((await (await verifier({ issuer: { jwks: secret } })).verify(tokens.goodByHmac)).decision, "allow");
  },

  async "odd claims come through as JSON.parse gives them, and none becomes a prototype"({ verifier, tokens }) {
    const { claims } = await (await verifier({ issuer: { audience: undefined } })).verify(tokens.withOddClaims);
    equal(Object.getPrototypeOf(claims), Object.prototype);
    equal(claims.admin, undefined);
    equal(claims.big, 9007199254740992);
    equal(JSON.stringify(claims.nested), '{"list":[1,"é",null]}');
  },

  async "a token that the list names is denied as revoked, with rule and kind"({ verifier, tokens }) {
    const { decision, error, snapshot } = await (await verifier()).verify(tokens.revoked);
    equal(decision, "deny");
    equal(error.code, "ERR_JWT_REVOKED");
    equal(error.stage, "revocation");
    equal(JSON.stringify(error.rule), '["jti"]');
    equal(error.kind, "outright");
    equal(snapshot.seq, 1);
  },

  async "tokens issued before their user's cutoff are denied, later ones allowed"({ verifier, tokens }) {
    const { verify, denied } = asking(await verifier());
    equal((await denied(tokens.cutOff, "ERR_JWT_REVOKED", "revocation")).kind, "cutoff");
    await denied(tokens.withoutIatOfCutOff, "ERR_JWT_REVOKED", "revocation");
    equal((await verify(tokens.afterCutOff)).decision, "allow");
  },

  async "a removed app's tokens of that user are denied, and of another user allowed"({ verifier, tokens }) {
    const { verify, denied } = asking(await verifier());
    const error = await denied(tokens.ofRemovedApp, "ERR_JWT_REVOKED", "revocation");
    equal(JSON.stringify(error.rule), '["azp","sub"]');
    equal((await verify(tokens.ofRemovedAppForAnother)).decision, "allow");
  },

  async "tokens by a revoked key are denied, also without kid"({ verifier, tokens }) {
    const { denied } = asking(await verifier());
    await denied(tokens.byLeakedKey, "ERR_JWT_REVOKED", "revocation");
    await denied(tokens.byLeakedKeyWithoutKid, "ERR_JWT_REVOKED", "revocation");
  },

  async "without lists to ask, a revoked token is allowed and the answer says that none was asked"(context) {
    const { createVerifier, issuerOptions, tokens } = context;
    const answer = await (await createVerifier({ issuers: [issuerOptions()], revocations: false })).verify(tokens.revoked);
    equal(answer.decision, "allow");
    equal(answer.status, "not-asked");
    equal(answer.snapshot, undefined);
  },

  async "a token whose claims are not the ones wanted is denied at that claim"({ verifier, tokens }) {
    const { denied } = asking(await verifier());
    const claims = {
      notYetValid: "nbf",
      postdated: "iat",
      withoutExp: "exp",
      withMalformedExp: "exp",
      withoutJti: "jti",
      forAnotherAudience: "aud",
      withoutAudience: "aud",
    };
    for (const [token, claim] of Object.entries(claims)) {
      const error = await denied(tokens[token], "ERR_JWT_CLAIM_VALIDATION_FAILED", "claims", token);
      equal(error.claim, claim, token);
    }
    equal((await denied(tokens.expired, "ERR_JWT_EXPIRED", "claims")).claim, "exp");
  },

  async "a token that its issuer's keys did not sign is denied, each kind with its code"({ verifier, tokens }) {
    const { denied } = asking(await verifier());
    await denied(tokens.forged, "ERR_JWS_SIGNATURE_VERIFICATION_FAILED", "signature");
    await denied(tokens.tampered, "ERR_JWS_SIGNATURE_VERIFICATION_FAILED", "signature");
    await denied(tokens.byUnknownIssuer, "ERR_JWT_ISSUER_UNKNOWN", "key");
    await denied(tokens.withUnknownKid, "ERR_JWKS_NO_MATCHING_KEY", "key");
    await denied(tokens.unsigned, "ERR_JOSE_ALG_NOT_ALLOWED", "key");
    await denied(tokens.unsignedWithSignature, "ERR_JOSE_ALG_NOT_ALLOWED", "key");
    await denied(tokens.hmacWithPublicKey, "ERR_JOSE_ALG_NOT_ALLOWED", "key");
    await denied(tokens.goodByHmac, "ERR_JWKS_NO_MATCHING_KEY", "key");
  },

  async "an algorithm outside the issuer's list is denied"({ verifier, tokens }) {
    const { denied } = asking(await verifier({ issuer: { algorithms: ["EdDSA"] } }));
    await denied(tokens.good, "ERR_JOSE_ALG_NOT_ALLOWED", "key");
  },

  async "what is no token is denied, each kind with its code"({ verifier, tokens }) {
    const { denied } = asking(await verifier());
    const malformed = ["withoutDots", "withFourParts", "withEmptyHeader", "withEmptyPayload", "withEmptySignature"];
    malformed.push("withNonCanonicalBase64url", "withPadding", "withPayload10000Deep");
    for (const token of malformed) await denied(tokens[token], "ERR_JWS_INVALID", "parse", token);
    for (const token of ["withInvalidUtf8", "withDeepPayload", "withRepeatedMember"]) {
      await denied(tokens[token], "ERR_JWT_INVALID", "parse", token);
    }
    await denied(tokens.withCriticalHeader, "ERR_JOSE_NOT_SUPPORTED", "parse");
    for (const text of ["", ".", "..", "...", "\u0000", "\ud800.\ud800.\ud800", "é.é.é", ` ${tokens.good}`]) {
      await denied(text, "ERR_JWS_INVALID", "parse", JSON.stringify(text));
    }
  },

  async "a token of a megabyte, and what is no string at all, is denied"({ verifier }) {
    const { denied } = asking(await verifier());
    await denied("a".repeat(1_000_000), "ERR_JWS_INVALID", "parse");
    await denied("é".repeat(16_000), "ERR_JWS_INVALID", "parse");
    for (const wrong of [undefined, null, 1, {}, [], Symbol("token"), new Uint8Array(3)]) {
      await denied(wrong, "ERR_JWS_INVALID", "parse", typeof wrong);
    }
  },

  async "a manifest as a bearer token is denied, whoever signed it"(context) {
    const { createVerifier, verifier, tokens, authority, listKeys } = context;
    const { denied } = asking(await verifier());
    await denied(tokens.thatIsAManifest, "ERR_JWT_ISSUER_UNKNOWN", "key");
    equal((await denied(tokens.withTypOfManifest, "ERR_JWT_CLAIM_VALIDATION_FAILED", "claims")).claim, "typ");
    const trusting = await createVerifier({ issuers: [{ issuer: authority, jwks: listKeys }], revocations: false });
    equal((await asking(trusting).denied(tokens.thatIsAManifest, "ERR_JWT_CLAIM_VALIDATION_FAILED")).claim, "typ");
  },

  async "no error repeats the token or a value of its claims"({ verifier, tokens }) {
    const checking = await verifier();
    for (const [name, token] of Object.entries(tokens)) {
      const { error } = await checking.verify(token);
      if (error === undefined) continue;
      for (const secret of ["alice", "removed-app", "cut-off", "tomorrow", "unknown.example", token.slice(4, 60)]) {
        ok(secret.length < 3 || !`${error.message}${error.stack}`.includes(secret), `${name} leaks ${secret}`);
      }
    }
  },

  async "every error is a RevocableError whose code is a published one"({ verifier, tokens, RevocableError, CODES, errors }) {
    const checking = await verifier();
    let seen = 0;
    for (const token of Object.values(tokens)) {
      const { error } = await checking.verify(token);
      if (error === undefined) continue;
      seen += 1;
      ok(error instanceof RevocableError && error instanceof Error, "its class");
      ok(error instanceof errors[error.name] && errors[error.name].code === error.code, error.name);
      ok(CODES.includes(error.code), error.code);
    }
    ok(seen > 30, `${seen} tokens were refused`);
  },

  async "no manifest at a cold start is unavailable, with the cause, and not a denial"({ verifier, tokens }) {
    const { decision, error, snapshot } = await (await verifier({ source: async () => null })).verify(tokens.good);
    equal(decision, "unavailable");
    equal(error.code, "ERR_REVOCATION_UNAVAILABLE");
    equal(error.stage, "revocation");
    equal(error.cause.code, "ERR_REVOCATION_SOURCE_UNAVAILABLE");
    equal(snapshot, undefined);
  },

  async "a bad token is denied even while the lists are not to be had"({ verifier, tokens }) {
    const { denied } = asking(await verifier({ source: async () => null }));
    await denied(tokens.forged, "ERR_JWS_SIGNATURE_VERIFICATION_FAILED", "signature");
    await denied(tokens.expired, "ERR_JWT_EXPIRED", "claims");
  },

  async "a snapshot that is not to be believed at a cold start is unavailable, each kind with its cause"(context) {
    const { verifier, tokens, source, corrupted } = context;
    const kinds = {
      byImpostor: [source("byImpostor"), "ERR_REVOCATION_MANIFEST_UNTRUSTED"],
      byUnknownAuthority: [source("byUnknownAuthority"), "ERR_REVOCATION_MANIFEST_UNTRUSTED"],
      aboutAnotherIssuer: [source("aboutAnotherIssuer"), "ERR_REVOCATION_MANIFEST_UNTRUSTED"],
      expired: [source("expired"), "ERR_REVOCATION_MANIFEST_INVALID"],
      withoutTyp: [source("withoutTyp"), "ERR_REVOCATION_MANIFEST_INVALID"],
      withCrit: [source("withCrit"), "ERR_REVOCATION_MANIFEST_INVALID"],
      html: [async () => text("<!doctype html>"), "ERR_REVOCATION_MANIFEST_INVALID"],
      nothing: [async () => new Uint8Array(0), "ERR_REVOCATION_MANIFEST_INVALID"],
      truncated: [corrupted("first", (bytes) => bytes.slice(0, -1)), "ERR_REVOCATION_SEGMENT_HASH_MISMATCH"],
      flipped: [corrupted("first", (bytes) => bytes.map((byte) => byte ^ 1)), "ERR_REVOCATION_SEGMENT_HASH_MISMATCH"],
      lengthened: [corrupted("first", (bytes) => new Uint8Array([...bytes, 0])), "ERR_REVOCATION_SOURCE_UNAVAILABLE"],
      missing: [corrupted("first", () => null), "ERR_REVOCATION_SEGMENT_MISSING"],
      throwing: [() => Promise.reject(new Error("down")), "ERR_REVOCATION_SOURCE_UNAVAILABLE"],
      throwingAtOnce: [() => { throw new Error("down"); }, "ERR_REVOCATION_SOURCE_UNAVAILABLE"],
      giving: [async () => "a string", "ERR_REVOCATION_SOURCE_UNAVAILABLE"],
      tooLarge: [async () => new Uint8Array(2_000_000), "ERR_REVOCATION_SOURCE_UNAVAILABLE"],
    };
    for (const [name, [bad, code]] of Object.entries(kinds)) {
      const { decision, error } = await (await verifier({ source: bad })).verify(tokens.good);
      equal(decision, "unavailable", name);
      equal(error.code, "ERR_REVOCATION_UNAVAILABLE", name);
      equal(error.cause?.code, code, name);
    }
  },

  async "a list whose manifest covers nobody's token but another issuer's leaves this one unavailable"(context) {
    const { verifier, tokens, source, issuerOptions } = context;
    const issuers = [issuerOptions(), issuerOptions({ issuer: "https://elsewhere.example" })];
    const checking = await verifier({ issuers, source: source("aboutAnotherIssuer") });
    const { decision, error } = await checking.verify(tokens.good);
    equal(decision, "unavailable");
    equal(error.code, "ERR_REVOCATION_UNAVAILABLE");
  },

  async "a refresh during a reading waits for it and then reads again"({ verifier, tokens, objects, until }) {
    const segments = { ...objects("first"), ...objects("second") };
    const manifests = ["first", "second"];
    let asked = 0;
    const source = (name) => {
      asked += 1;
      const bytes = name === "manifest.jwt" ? objects(manifests.shift())[name] : segments[name];
      return slowly(() => bytes, 100)();
    };
    const checking = await verifier({ source });
    const underWay = checking.verify(tokens.good);
    await until(() => asked > 0);
    equal((await checking.refresh()).seq, 2);
    equal((await underWay).decision, "allow");
    equal(manifests.length, 0);
  },

  async "a newer snapshot comes into force by a refresh"({ verifier, tokens, changing }) {
    const { use, source } = changing("first");
    const checking = await verifier({ source });
    equal((await checking.verify(tokens.revokedLater)).decision, "allow");
    use("second");
    equal((await checking.refresh()).seq, 2);
    equal((await checking.verify(tokens.revokedLater)).error.code, "ERR_JWT_REVOKED");
    equal(checking.snapshot.seq, 2);
  },

  async "after its ttl a snapshot is read again in the background, while the old one answers"(context) {
    const { verifier, tokens, changing, until } = context;
    const { use, source } = changing("first");
    const clock = makeClock();
    const checking = await verifier({ source, now: clock.now });
    equal((await checking.verify(tokens.revokedLater)).decision, "allow");
    use("second");
    // Readers that began together look again up to a tenth of the ttl earlier, each at its own time.
    clock.forward(53);
    equal((await checking.verify(tokens.revokedLater, { waitUntil: () => ok(false, "it looks too early") })).snapshot.seq, 1);
    clock.forward(8);
    const handed = [];
    const stale = await checking.verify(tokens.revokedLater, { waitUntil: (work) => handed.push(work) });
    equal(stale.decision, "allow");
    equal(stale.snapshot.checkedAgo, 61);
    equal(handed.length, 1);
    await handed[0];
    await until(async () => (await checking.verify(tokens.revokedLater)).decision === "deny");
  },

  async "an older manifest than one seen is refused, and what is in force stays"({ verifier, tokens, changing }) {
    const { use, source } = changing("second");
    const checking = await verifier({ source });
    equal((await checking.verify(tokens.revokedLater)).error.code, "ERR_JWT_REVOKED");
    use("first");
    equal((await rejected(checking.refresh())).code, "ERR_REVOCATION_MANIFEST_ROLLBACK");
    const { error, snapshot } = await checking.verify(tokens.revokedLater);
    equal(error.code, "ERR_JWT_REVOKED");
    equal(snapshot.seq, 2);
  },

  async "the same seq with other bytes is refused and reported, and what is in force stays"(context) {
    const { verifier, tokens, changing } = context;
    const { use, source } = changing("second");
    const reported = [];
    const checking = await verifier({ source, onReadError: (error) => reported.push(error.code) });
    await checking.verify(tokens.good);
    use("secondWithOtherBytes");
    equal((await rejected(checking.refresh())).code, "ERR_REVOCATION_MANIFEST_CONFLICT");
    equal(reported.join(), "ERR_REVOCATION_MANIFEST_CONFLICT");
    equal((await checking.verify(tokens.revokedLater)).error.code, "ERR_JWT_REVOKED");
  },

  async "an outage, a corrupt segment or a foreign manifest leave the last good snapshot in force"(context) {
    const { verifier, tokens, changing, source, corrupted } = context;
    const clock = makeClock();
    const { use, ...changed } = changing("first");
    const checking = await verifier({ source: changed.source, now: clock.now });
    await checking.verify(tokens.good);
    const bad = [async () => null, corrupted("second", (bytes) => bytes.slice(1)), source("byImpostor")];
    bad.push(() => Promise.reject(new Error("down")), async () => text("<html>"));
    for (const source of bad) {
      use(source);
      clock.forward(100);
      await rejected(checking.refresh());
      equal((await checking.verify(tokens.good)).decision, "allow");
      equal((await checking.verify(tokens.revoked)).error.code, "ERR_JWT_REVOKED");
    }
    equal(checking.snapshot.checkedAgo, 500);
  },

  async "past its hard limit a snapshot that cannot be replaced makes every answer unavailable"(context) {
    const { verifier, tokens, changing, now } = context;
    const clock = makeClock();
    const { use, source } = changing("first");
    const checking = await verifier({ source, now: clock.now, issuer: { requireExp: false } });
    equal((await checking.verify(tokens.withoutExp)).decision, "allow");
    use(async () => null);
    clock.forward(8 * 24 * HOUR);
    const { decision, error, snapshot } = await checking.verify(tokens.withoutExp);
    equal(decision, "unavailable");
    equal(error.code, "ERR_REVOCATION_UNAVAILABLE");
    ok(snapshot.age > 7 * 24 * HOUR, `it says how old: ${snapshot.age}, fixture of ${now}`);
  },

  async "segments that have not changed are not read again"({ verifier, changing, objects }) {
    const { use, source, names } = changing("first");
    const checking = await verifier({ source });
    await checking.refresh();
    const shared = Object.keys(objects("first")).filter((name) => name in objects("second") && name !== "manifest.jwt");
    ok(shared.length > 0, "the two snapshots share segments");
    names.length = 0;
    use("second");
    await checking.refresh();
    for (const name of shared) ok(!names.includes(name), `${name} was read again`);
  },

  async "many first calls at once read the snapshot once"({ verifier, tokens, changing }) {
    const { source, names } = changing("first");
    const checking = await verifier({ source });
    const answers = await Promise.all(Array.from({ length: 20 }, () => checking.verify(tokens.good)));
    ok(answers.every(({ decision }) => decision === "allow"), "all are allowed");
    equal(names.filter((name) => name === "manifest.jwt").length, 1);
  },

  async "a reading that never ends keeps others waiting for a second, and then one of them reads"(context) {
    const { verifier, tokens, changing, until, source: good } = context;
    const { names, use, source } = changing("first");
    use(() => new Promise(() => {}));
    const checking = await verifier({ source });
    const started = Date.now();
    void checking.verify(tokens.good);
    await until(() => names.length > 0);
    use(good("first"));
    equal((await checking.verify(tokens.good)).decision, "allow");
    ok(Date.now() - started >= 900, "it waited for the first reader");
  },

  async "a reading that makes progress is not taken over, however long it takes"({ verifier, tokens, source, web }) {
    let asked = 0;
    const slow = slowly(source("first"), 700);
    const byFunction = await verifier({ source: (name) => ((asked += name === "manifest.jwt" ? 1 : 0), slow(name)) });
    const site = web({ folder: (name) => new Response(inPieces(source("first"), name, 700)) });
    const byUrl = await verifier({ source: "https://cdn.example/", fetch: site.fetch });
    const answers = [byFunction, byUrl].flatMap((checking) => [1, 2, 3].map(() => checking.verify(tokens.good)));
    for (const { decision } of await Promise.all(answers)) equal(decision, "allow");
    equal(asked, 1);
    equal(site.requests.filter(({ url }) => url.endsWith("/manifest.jwt")).length, 1);
  },

  async "a reading that was taken over and fails then says nothing about the one that took over"(context) {
    const { verifier, tokens, changing, until, source: good } = context;
    const { names, use, source } = changing("first");
    use(slowly(() => Promise.reject(new Error("down")), 1500));
    const checking = await verifier({ source });
    const takenOver = checking.verify(tokens.good);
    await until(() => names.length > 0);
    use(slowly(good("first"), 600));
    const successor = checking.verify(tokens.good);
    equal((await takenOver).decision, "unavailable");
    // The one that took over is at it still.
    equal((await checking.verify(tokens.good)).decision, "allow");
    equal((await successor).decision, "allow");
  },

  async "a reading that was taken over by one of a newer manifest is no rollback, and one that was not is"(context) {
    const { verifier, tokens, changing, until, source: good } = context;
    const { names, use, source } = changing("first");
    use(slowly(good("first"), 1500));
    const heard = [];
    const checking = await verifier({ source, onReadError: ({ code }) => heard.push(code) });
    const takenOver = checking.verify(tokens.good);
    await until(() => names.length > 0);
    use("second");
    equal((await checking.verify(tokens.good)).decision, "allow");
    equal((await takenOver).decision, "allow");
    equal(heard.join(), "");
    use("first");
    equal((await rejected(checking.refresh())).code, "ERR_REVOCATION_MANIFEST_ROLLBACK");
    equal(heard.join(), "ERR_REVOCATION_MANIFEST_ROLLBACK");
  },

  async "keys whose reading was taken over and fails then are read again for an unknown kid all the same"(context) {
    const { verifier, tokens, web, jwks, until } = context;
    const clock = makeClock();
    const old = { keys: jwks.keys.filter(({ kid }) => kid !== "current") };
    const site = web({ jwks: slowly(() => Promise.reject(new Error("down")), 1500) });
    const issuer = { jwks: undefined, jwksUri: "https://issuer.example/jwks.json" };
    const checking = await verifier({ issuer, fetch: site.fetch, now: clock.now });
    const takenOver = checking.verify(tokens.goodByEdDSA);
    await until(() => site.requests.length > 0);
    site.answers.jwks = () => Response.json(old);
    equal((await checking.verify(tokens.goodByEdDSA)).decision, "allow");
    // Past the cooldown of an unknown kid, and before the failure.
    clock.forward(31);
    await takenOver;
    site.answers.jwks = () => Response.json(jwks);
    equal((await checking.verify(tokens.good)).decision, "allow");
    equal(site.requests.length, 3);
  },

  async "keys whose reading was taken over and succeeds then are taken, and others wait for the one that took over"(context) {
    const { verifier, tokens, web, jwks, until } = context;
    const clock = makeClock();
    const old = { keys: jwks.keys.filter(({ kid }) => kid !== "current") };
    const site = web({ jwks: slowly(() => Response.json(old), 1300) });
    const issuer = { jwks: undefined, jwksUri: "https://issuer.example/jwks.json" };
    const checking = await verifier({ issuer, fetch: site.fetch, now: clock.now });
    const takenOver = checking.verify(tokens.goodByEdDSA);
    await until(() => site.requests.length > 0);
    site.answers.jwks = slowly(() => Response.json(jwks), 800);
    const successor = checking.verify(tokens.goodByEdDSA);
    equal((await takenOver).decision, "allow");
    equal((await checking.verify(tokens.good)).decision, "allow");
    equal((await successor).decision, "allow");
    equal(site.requests.length, 2);
  },

  async "an onReadError that throws or rejects changes no answer, neither at once nor in the background"(context) {
    const { verifier, tokens, changing } = context;
    const listeners = [
      () => { throw new Error("the listener's own"); },
      () => Promise.reject(new Error("the listener's own")),
    ];
    for (const onReadError of listeners) {
      const clock = makeClock();
      const { use, source } = changing("first");
      use(async () => null);
      const { decision, error } = await (await verifier({ source, onReadError })).verify(tokens.good);
      equal(decision, "unavailable");
      equal(error.cause.code, "ERR_REVOCATION_SOURCE_UNAVAILABLE");
      use("first");
      const checking = await verifier({ source, onReadError, now: clock.now });
      equal((await checking.verify(tokens.good)).decision, "allow");
      use(async () => null);
      clock.forward(61);
      const handed = [];
      equal((await checking.verify(tokens.good, { waitUntil: (work) => handed.push(work) })).decision, "allow");
      equal((await Promise.all(handed)).map(({ code }) => code).join(), "ERR_REVOCATION_SOURCE_UNAVAILABLE");
    }
  },

  async "a source or a fetch that never answers is unavailable within seconds, also if it ignores its signal"(context) {
    const { verifier, tokens } = context;
    const silent = () => new Promise(() => {});
    const byUrl = { jwks: undefined, jwksUri: "https://issuer.example/jwks.json" };
    const kinds = [
      [{ source: silent }, "ERR_REVOCATION_SOURCE_UNAVAILABLE"],
      [{ source: "https://cdn.example/", fetch: silent }, "ERR_REVOCATION_SOURCE_UNAVAILABLE"],
      [{ source: "https://cdn.example/", fetch: async () => new Response(new ReadableStream()) }, "ERR_REVOCATION_SOURCE_UNAVAILABLE"],
      [{ issuer: byUrl, fetch: silent }, "ERR_JWKS_TIMEOUT"],
      [{ issuer: byUrl, fetch: async () => new Response(new ReadableStream()) }, "ERR_JWKS_TIMEOUT"],
    ];
    const started = Date.now();
    await Promise.all(kinds.map(async ([options, code]) => {
      const { decision, error } = await (await verifier(options)).verify(tokens.good);
      equal(decision, "unavailable");
      equal(error.cause.code, code);
    }));
    ok(Date.now() - started < 8000, `${Date.now() - started} ms`);
  },

  async "a source that is down is asked at most once a second"({ verifier, tokens }) {
    let asked = 0;
    const checking = await verifier({ source: async () => ((asked += 1), null) });
    for (let call = 0; call < 10; call += 1) equal((await checking.verify(tokens.good)).decision, "unavailable");
    ok(asked <= 2, `${asked} times`);
  },

  async "where the host has no digest to offer, the Wasm's own tells good segments from bad"(context) {
    const { verifier, tokens, corrupted } = context;
    const bad = corrupted("first", (bytes) => bytes.map((byte) => byte ^ 1));
    const before = Object.getOwnPropertyDescriptor(globalThis, "crypto");
    Object.defineProperty(globalThis, "crypto", { value: undefined, configurable: true });
    try {
      const { error: revoked } = await (await verifier()).verify(tokens.revoked);
      equal(revoked.code, "ERR_JWT_REVOKED", `${revoked.cause}, ${revoked.cause?.cause}, ${revoked.cause?.cause?.cause}`);
      const { error } = await (await verifier({ source: bad })).verify(tokens.good);
      equal(error.cause.code, "ERR_REVOCATION_SEGMENT_HASH_MISMATCH");
    } finally {
      delete globalThis.crypto;
      if (before !== undefined) Object.defineProperty(globalThis, "crypto", before);
    }
  },

  async "bytes that a source changes after it gave them are not used"({ verifier, tokens, objects }) {
    const source = async (name) => {
      const bytes = objects("first")[name];
      setTimeout(() => bytes?.fill(0), 0);
      return bytes ?? null;
    };
    equal((await (await verifier({ source })).verify(tokens.revoked)).error.code, "ERR_JWT_REVOKED");
  },

  async "a snapshot is read by URL, its names appended, and its manifest again only if it changed"(context) {
    const { verifier, tokens, web } = context;
    const site = web({ folder: "first", etag: '"one"' });
    const checking = await verifier({ source: "https://cdn.example/lists", fetch: site.fetch });
    equal((await checking.verify(tokens.revoked)).error.code, "ERR_JWT_REVOKED");
    ok(site.requests[0].url === "https://cdn.example/lists/manifest.jwt", site.requests[0].url);
    ok(site.requests[1].url.startsWith("https://cdn.example/lists/segments/"), site.requests[1].url);
    const before = site.requests.length;
    await checking.refresh();
    equal(site.requests.length, before + 1);
    ok(site.requests[before].conditional, "it is asked whether it changed");
    equal((await checking.verify(tokens.revoked)).error.code, "ERR_JWT_REVOKED");
  },

  async "a URL that answers 500, or more bytes than wanted, or not at all, is unavailable"({ verifier, tokens, web }) {
    const answers = {
      error: () => new Response("no", { status: 500 }),
      forbidden: () => new Response("no", { status: 403 }),
      absent: () => new Response("no", { status: 404 }),
      endless: () => new Response(endless()),
      declaredTooLarge: () => new Response("x", { headers: { "content-length": "99999999" } }),
      broken: () => { throw new TypeError("fetch failed"); },
      nothing: () => undefined,
    };
    for (const [name, answer] of Object.entries(answers)) {
      const { fetch } = web({ folder: answer });
      const { decision, error } = await (await verifier({ source: "https://cdn.example/", fetch })).verify(tokens.good);
      equal(decision, "unavailable", name);
      equal(error.cause.code, "ERR_REVOCATION_SOURCE_UNAVAILABLE", name);
    }
  },

  async "a source is told what it may give, and one that says that its manifest is unchanged is believed"(context) {
    const { verifier, tokens, objects } = context;
    const asked = [];
    const source = {
      get(name, options) {
        asked.push({ name, ...options });
        if (options.etag === "one") return "unchanged";
        const bytes = objects("first")[name];
        return bytes && { bytes, etag: name === "manifest.jwt" ? "one" : "of a segment" };
      },
    };
    const checking = await verifier({ source });
    equal((await checking.verify(tokens.revoked)).error.code, "ERR_JWT_REVOKED");
    equal((await checking.refresh()).seq, 1);
    equal((await checking.verify(tokens.revoked)).error.code, "ERR_JWT_REVOKED");
    const [manifest, ...rest] = asked;
    equal(manifest.name, "manifest.jwt");
    equal(manifest.etag, undefined);
    ok(manifest.signal instanceof AbortSignal && typeof manifest.onProgress === "function", "how it is told");
    const again = rest.pop();
    equal(`${again.name} ${again.etag}`, "manifest.jwt one");
    for (const { name, limit, etag } of rest) {
      equal(limit, objects("first")[name].byteLength);
      equal(etag, undefined);
    }
  },

  async "a source that says so of what it never gave, or gives something else, is unavailable"({ verifier, tokens }) {
    const answers = ["unchanged", {}, { bytes: "text" }, { bytes: null }, 1, true, [], new ArrayBuffer(8), new DataView(new ArrayBuffer(8))];
    for (const answer of answers) {
      const { decision, error } = await (await verifier({ source: { get: () => answer } })).verify(tokens.good);
      equal(decision, "unavailable", String(answer));
      equal(error.cause.code, "ERR_REVOCATION_SOURCE_UNAVAILABLE", String(answer));
    }
  },

  async "objects in memory are a source, by name or in a map, and who changes them publishes"(context) {
    const { verifier, tokens, objects, memorySource } = context;
    for (const made of [(held) => held, (held) => new Map(Object.entries(held))]) {
      const held = made({ ...objects("first") });
      const checking = await verifier({ source: memorySource(held) });
      equal((await checking.verify(tokens.revokedLater)).decision, "allow");
      for (const [name, bytes] of Object.entries(objects("second"))) {
        if (held instanceof Map) held.set(name, bytes);
        else held[name] = bytes;
      }
      equal((await checking.refresh()).seq, 2);
      equal((await checking.verify(tokens.revokedLater)).error.code, "ERR_JWT_REVOKED");
    }
    const { error } = await (await verifier({ source: memorySource({}) })).verify(tokens.good);
    equal(error.cause.code, "ERR_REVOCATION_SOURCE_UNAVAILABLE");
    const map = new Map(Object.entries(objects("first")));
    equal((await (await verifier({ source: map })).verify(tokens.good)).decision, "allow");
  },

  async "a read key goes with every request of an HTTP source, and to nobody that it redirects to"(context) {
    const { verifier, tokens, objects, httpSource } = context;
    const seen = [];
    const at = (answer) => async (url, init) => {
      seen.push([String(url), new Headers(init.headers).get("authorization"), init.redirect].join(" "));
      return answer(String(url).replace("https://gate.example/_revocable/", ""));
    };
    const folder = (name) => new Response(objects("first")[name]);
    const headers = { authorization: "Bearer read-key" };
    const source = (answer) => httpSource("https://gate.example/_revocable", { headers, fetch: at(answer) });
    equal((await (await verifier({ source: source(folder) })).verify(tokens.good)).decision, "allow");
    const names = Object.keys(objects("first")).map((name) => `https://gate.example/_revocable/${name} Bearer read-key manual`);
    equal([...seen].sort().join(), names.sort().join());
    const redirect = () => new Response(null, { status: 302, headers: { location: "https://elsewhere.example/" } });
    const { error } = await (await verifier({ source: source(redirect) })).verify(tokens.good);
    equal(error.cause.code, "ERR_REVOCATION_SOURCE_UNAVAILABLE");
    ok(error.cause.message.includes("redirects"), error.cause.message);
    ok(!`${error.cause.message}${error.cause.stack}`.includes("read-key"), "the key is not told");
  },

  async "a manifest that has come but whose segment has not is asked for by its ETag and taken up once it is whole"(context) {
    const { verifier, tokens, objects, httpSource } = context;
    const conditional = [];
    let visible = false;
    const fetch = async (url, init) => {
      const name = String(url).replace("https://cdn.example/", "");
      const isConditional = init.cache === "no-cache" || new Headers(init.headers).has("if-none-match");
      if (name === "manifest.jwt") conditional.push(isConditional);
      if (new Headers(init.headers).get("if-none-match") === '"first"') return new Response(null, { status: 304 });
      const bytes = visible || name === "manifest.jwt" ? objects("first")[name] : undefined;
      return bytes === undefined ? new Response("", { status: 404 }) : new Response(bytes, { headers: { etag: '"first"' } });
    };
    const checking = await verifier({ source: httpSource("https://cdn.example/", { fetch }) });
    equal((await rejected(checking.refresh())).code, "ERR_REVOCATION_SEGMENT_MISSING");
    visible = true;
    equal((await checking.refresh()).seq, 1);
    equal(conditional.at(-1), true);
    equal((await checking.verify(tokens.revoked)).error.code, "ERR_JWT_REVOKED");
  },

  async "wrong arguments of sources are named, before the Wasm is there too, and no header's value is repeated"(context) {
    const { httpSource, kvSource, memorySource, RevocableError } = context;
    const wrong = {
      "`url`": [() => httpSource("ftp://cdn.example/"), () => httpSource("https://cdn.example/?a"), () => httpSource("https://me:hunter2@cdn.example/"), () => httpSource(1)],
      "`headers`": [() => httpSource("https://cdn.example/", { headers: { authorization: "secret\n" + "\u0100" } })],
      "`fetch`": [() => httpSource("https://cdn.example/", { fetch: 1 })],
      "`namespace`": [() => kvSource(undefined), () => kvSource({})],
      "`cacheTtl`": [29, 30.5, "60", Number.NaN, null].map((cacheTtl) => () => kvSource({ get() {} }, { cacheTtl })),
      "`objects`": [() => memorySource(null), () => memorySource("objects")],
    };
    for (const [name, calls] of Object.entries(wrong)) {
      for (const call of calls) {
        const error = await rejected((async () => call())());
        ok(error instanceof TypeError && error instanceof RevocableError, `${name}: ${error}`);
        equal(error.code, "ERR_CONFIG_INVALID", name);
        ok(error.message.includes(name) && !/hunter2|secret/.test(error.message), error.message);
      }
    }
  },

  async "keys are found through the issuer's metadata, read for it alone, and followed when they move"(context) {
    const { createVerifier, tokens, jwks, issuer } = context;
    const clock = makeClock();
    const requests = [];
    let at = "https://keys.example/a.json";
    const fetch = async (url, { headers }) => {
      requests.push(url);
      if (url === `${issuer}/.well-known/openid-configuration`) {
        equal(headers.get("accept"), "application/json");
        return Response.json({ issuer, jwks_uri: at });
      }
      equal(headers.get("accept"), "application/jwk-set+json, application/json");
      return url === at ? Response.json(jwks) : new Response("", { status: 404 });
    };
    const issuers = [{ issuer, discovery: true, requireExp: false }];
    const checking = await createVerifier({ issuers, revocations: false, fetch, now: clock.now });
    for (let call = 0; call < 3; call += 1) equal((await checking.verify(tokens.withoutExp)).decision, "allow");
    equal(requests.join(), `${issuer}/.well-known/openid-configuration,${at}`);
    // What is no longer there is looked for anew from the metadata on.
    at = "https://keys.example/b.json";
    equal((await rejected(checking.refresh())).code, "ERR_JWKS_UNAVAILABLE");
    await checking.refresh();
    equal(requests.at(-1), at);
  },

  async "metadata of another issuer gives no keys"({ createVerifier, tokens, issuer }) {
    const fetch = async () => Response.json({ issuer: "https://other.example", jwks_uri: "https://other.example/k" });
    const checking = await createVerifier({ issuers: [{ issuer, discovery: "oauth" }], revocations: false, fetch });
    const { decision, error } = await checking.verify(tokens.good);
    equal(decision, "unavailable");
    equal(error.cause.code, "ERR_JWKS_INVALID");
  },

  async "keys are fresh for as long as their answer says, less the age it had"({ createVerifier, issuerOptions, tokens, web, jwks, until }) {
    for (const [headers, seconds] of [
      [{ "cache-control": "max-age=120" }, 120],
      [{ "cache-control": "public, max-age=300", age: "100" }, 200],
      [{ "cache-control": "no-store" }, 60],
      [{}, 600],
    ]) {
      const clock = makeClock();
      const site = web({ jwks: () => Response.json(jwks, { headers }) });
      const issuer = { jwks: undefined, jwksUri: "https://issuer.example/jwks.json", requireExp: false };
      const checking = await createVerifier({ issuers: [issuerOptions(issuer)], revocations: false, fetch: site.fetch, now: clock.now });
      equal((await checking.verify(tokens.withoutExp)).decision, "allow");
      clock.forward(seconds - 1);
      await checking.verify(tokens.withoutExp);
      equal(site.requests.length, 1, `${seconds} seconds: before`);
      clock.forward(1);
      equal((await checking.verify(tokens.withoutExp)).decision, "allow");
      await until(() => site.requests.length === 2);
    }
  },

  async "a verifier is seeded with the keys that another exported, and not for longer than they were good"(context) {
    const { createVerifier, tokens, web, jwks, issuer } = context;
    const clock = makeClock();
    const site = web({ jwks: () => Response.json(jwks) });
    const make = (seed, errors = []) =>
      createVerifier({
        issuers: [{ issuer, jwksUri: "https://issuer.example/jwks.json", requireExp: false, seed }],
        revocations: false,
        fetch: site.fetch,
        now: clock.now,
        onReadError: (error) => errors.push(error.code),
      });
    const first = await make();
    equal(Object.keys(first.exportKeys()).length, 0);
    equal((await first.verify(tokens.withoutExp)).decision, "allow");
    const seed = first.exportKeys()[issuer];
    equal((await (await make(seed)).verify(tokens.withoutExp)).decision, "allow");
    equal(site.requests.length, 1);
    clock.forward(3601);
    const errors = [];
    equal((await (await make(seed, errors)).verify(tokens.withoutExp)).decision, "allow");
    equal(site.requests.length, 2);
    equal(errors.join(), "ERR_JWKS_INVALID");
  },

  async "an issuer's options are those of its configuration, each refused where it is wrong"({ createVerifier, jwks, issuer }) {
    const good = { missingIss: "accept", subject: ["a"], typ: "at+jwt", maxTokenAge: 60, requiredClaims: ["a"], scopes: ["a"], claims: { a: 1 }, crit: ["x"] };
    await createVerifier({ issuers: [{ issuer, jwks, ...good }], revocations: false });
    const wrong = { ...Object.fromEntries(Object.keys(good).map((name) => [name, 7.5])), profile: "rfc1", seed: 1, discovery: false, pem: 1 };
    for (const [name, value] of Object.entries(wrong)) {
      const error = await rejected(createVerifier({ issuers: [{ issuer, jwks, [name]: value }], revocations: false }));
      equal(error.code, "ERR_CONFIG_INVALID", name);
      ok(error.message.includes(name === "discovery" || name === "pem" ? "issuers[0]" : name), error.message);
    }
  },

  async "jwtVerify refuses what a shared list has taken back, and reads the list once for all"(context) {
    const { jwtVerify, createLocalJWKSet, createRevocations, changing, tokens, jwks, errors, revocationOptions } = context;
    const source = changing("first");
    const revocations = await createRevocations({ ...revocationOptions(), source: source.source });
    const keys = createLocalJWKSet(jwks);
    equal(revocations.snapshot, undefined);
    const options = { audience: "api", revocations };
    const [good] = await Promise.all([1, 2, 3].map(() => jwtVerify(tokens.good, keys, options)));
    equal(good.payload.sub, "alice");
    equal(revocations.snapshot.seq, 1);
    equal(source.names.filter((name) => name === "manifest.jwt").length, 1);
    const error = await rejected(jwtVerify(tokens.revoked, keys, options));
    ok(error instanceof errors.JWTRevoked && error instanceof errors.JOSEError, "its class");
    equal(error.code, "ERR_JWT_REVOKED");
    equal(error.rule.join(), "jti");
    equal(error.kind, "outright");
    equal((await rejected(jwtVerify(tokens.cutOff, keys, options))).kind, "cutoff");
    equal((await rejected(jwtVerify(tokens.byLeakedKey, keys, options))).rule.join(), "@key");
    equal((await rejected(jwtVerify(tokens.withoutJti, keys, options))).claim, "jti");
    equal((await jwtVerify(tokens.revoked, keys, { audience: "api" })).payload.jti, "revoked");
    source.use("second");
    equal((await jwtVerify(tokens.revokedLater, keys, options)).payload.jti, "revoked-later");
    equal((await revocations.refresh()).seq, 2);
    equal((await rejected(jwtVerify(tokens.revokedLater, keys, options))).code, "ERR_JWT_REVOKED");
  },

  async "jwtVerify's options count by their names, whichever way an object has them and in whichever order calls come"(context) {
    const { jwtVerify, createLocalJWKSet, createRevocations, tokens, jwks, revocationOptions } = context;
    const revocations = await createRevocations(revocationOptions());
    const keys = createLocalJWKSet(jwks);
    for (const [kind, shaped] of Object.entries(SHAPES)) {
      const asked = () => shaped({ audience: "api", revocations });
      const code = async (token, options) => (await rejected(jwtVerify(token, keys, options))).code;
      equal((await jwtVerify(tokens.revoked, keys)).payload.jti, "revoked", kind);
      equal(await code(tokens.revoked, asked()), "ERR_JWT_REVOKED", kind);
      equal((await jwtVerify(tokens.revoked, keys)).payload.jti, "revoked", kind);
      equal(await code(tokens.revoked, asked()), "ERR_JWT_REVOKED", kind);
      equal((await jwtVerify(tokens.revoked, keys, { audience: "api" })).payload.jti, "revoked", kind);
      equal(await code(tokens.revoked, shaped({ revocations })), "ERR_JWT_REVOKED", kind);
      equal((await jwtVerify(tokens.good, keys, shaped({ audience: "api" }))).payload.jti, "good", kind);
      equal(await code(tokens.good, shaped({ audience: "elsewhere" })), "ERR_JWT_CLAIM_VALIDATION_FAILED", kind);
      equal((await rejected(jwtVerify(tokens.good, keys, { claims: shaped({ sub: "bob" }) }))).claim, "sub", kind);
      equal(await code(tokens.good, shaped({ waitUntil: 1 })), "ERR_CONFIG_INVALID", kind);
      if (kind !== "getters of a class") equal(await code(tokens.good, shaped({ audiance: "api" })), "ERR_CONFIG_INVALID", kind);
    }
    equal((await rejected(jwtVerify(tokens.good, keys, null))).code, "ERR_CONFIG_INVALID");
  },

  async "each of jwtVerify's options is told from the others, and from none"({ jwtVerify, createLocalJWKSet, tokens, jwks }) {
    const keys = createLocalJWKSet(jwks);
    const refusing = {
      issuer: "https://elsewhere.example",
      audience: "elsewhere",
      subject: "nobody",
      typ: "nothing",
      algorithms: ["RS256"],
      maxTokenAge: 0,
      requiredClaims: ["nothing"],
      scopes: ["nothing"],
      claims: { nothing: 1 },
      profile: "rfc9068",
      clockTolerance: 61,
      crit: 1,
      revocations: 1,
      requireClaims: 1,
      engine: 1,
    };
    for (const [name, value] of Object.entries(refusing)) {
      const others = name === "profile" ? { audience: "api" } : name === "maxTokenAge" ? { currentDate: new Date(Date.now() + 9000) } : {};
      equal((await jwtVerify(tokens.good, keys, others)).payload.jti, "good", name);
      await rejected(jwtVerify(tokens.good, keys, { ...others, [name]: value })).catch(() => ok(false, name));
      equal((await jwtVerify(tokens.good, keys, { ...others, [name]: undefined })).payload.jti, "good", name);
    }
  },

  async "createVerifier's options count by their names, whichever way an object has them"(context) {
    const { createVerifier, tokens, issuerOptions, revocationOptions } = context;
    for (const [kind, shaped] of Object.entries(SHAPES)) {
      const made = (options) => {
        const { source, lists } = revocationOptions();
        const revocations = shaped({ source, lists: lists.map(shaped) });
        return createVerifier(shaped({ issuers: [shaped(issuerOptions(options))], revocations }));
      };
      const checking = await made({});
      equal((await checking.verify(tokens.good)).decision, "allow", kind);
      equal((await checking.verify(tokens.revoked)).error.code, "ERR_JWT_REVOKED", kind);
      equal((await (await made({ audience: "elsewhere" })).verify(tokens.good)).error.claim, "aud", kind);
      const misspelt = shaped({ issuers: [issuerOptions()], revocations: false, nowt: 1 });
      const misspeltWithin = shaped({ issuers: [shaped({ ...issuerOptions(), audiance: "api" })], revocations: false });
      const claims = shaped({ sub: "bob" });
      equal((await (await made({ claims })).verify(tokens.good)).error.claim, "sub", kind);
      // A class may have getters of its own beside those that are options.
      if (kind === "getters of a class") continue;
      for (const options of [misspelt, misspeltWithin]) {
        equal((await rejected(createVerifier(options))).code, "ERR_CONFIG_INVALID", kind);
      }
    }
  },

  async "createVerifier refuses and names what JSON would leave out or turn into null"({ createVerifier, issuerOptions, revocationOptions, jwks }) {
    const wrong = [
      ...[undefined, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1n, () => 1, Symbol("a")].flatMap((lost) => [
        ["`issuers[0].claims.tenant`", { claims: { tenant: lost } }],
        ["`issuers[0].claims.tenant.ids[1]`", { claims: { tenant: { ids: [1, lost] } } }],
      ]),
      ["`issuers[0].claims.tenant`", { claims: { tenant: { toJSON: () => undefined } } }],
      ["`issuers[0].maxTokenAge`", { maxTokenAge: Number.POSITIVE_INFINITY }],
      ["`issuers[0].clockTolerance`", { clockTolerance: Number.NaN }],
      ["`issuers[0].jwks.keys[0].odd`", { jwks: { keys: [{ ...jwks.keys[0], odd: Number.NaN }] } }],
    ];
    for (const [name, options] of wrong) {
      const error = await rejected(createVerifier({ issuers: [issuerOptions(options)], revocations: revocationOptions() }));
      equal(error.code, "ERR_CONFIG_INVALID", name);
      ok(error.message.includes(name), `${name} is not named in: ${error.message}`);
    }
    await createVerifier({ issuers: [issuerOptions({ claims: undefined, maxTokenAge: undefined })], revocations: revocationOptions() });
  },

  async "jwtVerify hands what it reads in the background to waitUntil, and answers meanwhile"(context) {
    const { jwtVerify, createRemoteJWKSet, customFetch, jwksCache, tokens, jwks } = context;
    let reads = 0;
    const url = new URL("https://issuer.example/jwks.json");
    // As they were kept twenty minutes ago: past their freshness, and not past their hour.
    const cache = { jwks, uat: Date.now() - 1_200_000 };
    const fetch = async () => ((reads += 1), Response.json(jwks));
    const keys = createRemoteJWKSet(url, { [customFetch]: fetch, [jwksCache]: cache });
    const works = [];
    const options = { audience: "api", waitUntil: (work) => works.push(work) };
    equal((await jwtVerify(tokens.good, keys, options)).payload.sub, "alice");
    equal(works.length, 1);
    await Promise.all(works);
    equal(reads, 1);
    ok(Date.now() - cache.uat < 60_000, "what was read is kept");
    equal((await jwtVerify(tokens.good, keys, options)).payload.sub, "alice");
    equal(works.length, 1);
    equal((await rejected(jwtVerify(tokens.good, keys, { waitUntil: 1 }))).code, "ERR_CONFIG_INVALID");
  },

  async "jwtVerify refuses a token of which no list can tell, with the cause"(context) {
    const { jwtVerify, createLocalJWKSet, createRevocations, tokens, jwks, errors, revocationOptions, secret } = context;
    const heard = [];
    const down = { ...revocationOptions(), source: async () => null, onReadError: ({ code }) => heard.push(code) };
    const keys = createLocalJWKSet(jwks);
    const error = await rejected(jwtVerify(tokens.good, keys, { revocations: await createRevocations(down) }));
    ok(error instanceof errors.RevocationUnavailable, "its class");
    equal(error.cause.code, "ERR_REVOCATION_SOURCE_UNAVAILABLE");
    equal(heard.join(), "ERR_REVOCATION_SOURCE_UNAVAILABLE");
    const revocations = await createRevocations(revocationOptions({ for: ["https://elsewhere.example"] }));
    equal((await rejected(jwtVerify(tokens.good, keys, { revocations }))).code, "ERR_REVOCATION_UNAVAILABLE");
    const ours = await createRevocations(revocationOptions());
    equal((await jwtVerify(tokens.goodByHmac, secret, { revocations: ours })).payload.jti, "good");
    // Without a name, nobody could take it back.
    const { kid: _, ...nameless } = secret;
    equal((await rejected(jwtVerify(tokens.goodByHmac, nameless, { revocations: ours }))).code, "ERR_JWK_INVALID");
    equal((await rejected(jwtVerify(tokens.good, keys, { revocations: {} }))).code, "ERR_CONFIG_INVALID");
  },

  async "wrong options of createRevocations are named"({ createRevocations, revocationOptions, issuer, authority, listKeys }) {
    const list = { issuer: authority, keys: listKeys, for: [issuer] };
    const wrong = {
      source: { source: 1 },
      lists: { lists: [] },
      "lists[0].issuer": { lists: [{ ...list, issuer: issuer }] },
      "lists[0].keys": { lists: [{ ...list, keys: null }] },
      "lists[0].for": { lists: [{ ...list, for: issuer }] },
      nope: { nope: 1 },
      fetch: { fetch: 1 },
    };
    for (const [name, options] of Object.entries(wrong)) {
      const error = await rejected(createRevocations({ ...revocationOptions(), ...options }));
      equal(error.code, "ERR_CONFIG_INVALID", name);
      ok(error.message.includes(name), `${name}: ${error.message}`);
    }
  },

  async "keys are read by URL, and again for an unknown kid only after a while"({ verifier, tokens, web, jwks }) {
    const clock = makeClock();
    const site = web({ jwks: () => Response.json({ keys: jwks.keys.filter(({ kid }) => kid !== "current") }) });
    const issuer = { jwks: undefined, jwksUri: "https://issuer.example/jwks.json" };
    const checking = await verifier({ issuer, fetch: site.fetch, now: clock.now });
    equal((await checking.verify(tokens.good)).error.code, "ERR_JWKS_NO_MATCHING_KEY");
    site.answers.jwks = () => Response.json(jwks);
    equal((await checking.verify(tokens.good)).error.code, "ERR_JWKS_NO_MATCHING_KEY");
    equal(site.requests.length, 1);
    clock.forward(31);
    equal((await checking.verify(tokens.good)).decision, "allow");
    equal(site.requests.length, 2);
    equal(site.requests[0].redirect, "manual");
    // Only browsers have an HTTP cache that could answer with the keys before.
    equal(site.requests[1].conditional, typeof document !== "undefined");
  },

  async "tokens of a new key that come while the keys are being read wait for that one reading"(context) {
    const { verifier, tokens, web, jwks } = context;
    const clock = makeClock();
    const site = web({ jwks: () => Response.json({ keys: jwks.keys.filter(({ kid }) => kid !== "current") }) });
    const issuer = { jwks: undefined, jwksUri: "https://issuer.example/jwks.json" };
    const checking = await verifier({ issuer, fetch: site.fetch, now: clock.now });
    equal((await checking.verify(tokens.goodByEdDSA)).decision, "allow");
    site.answers.jwks = slowly(() => Response.json(jwks), 200);
    clock.forward(31);
    const answers = await Promise.all(Array.from({ length: 10 }, () => checking.verify(tokens.good)));
    equal(answers.map(({ decision }) => decision).join(), Array(10).fill("allow").join());
    equal(site.requests.length, 2);
    // Once it has ended, a stranger's kid waits for nothing.
    equal((await checking.verify(tokens.withUnknownKid)).error.code, "ERR_JWKS_NO_MATCHING_KEY");
    equal(site.requests.length, 2);
  },

  async "keys that cannot be read at a cold start are unavailable, each kind with its cause"(context) {
    const { verifier, tokens, web, secret } = context;
    const kinds = {
      html: [() => new Response("<!doctype html><title>Sign in</title>"), "ERR_JWKS_INVALID"],
      empty: [() => new Response(""), "ERR_JWKS_INVALID"],
      noKeys: [() => Response.json({ keys: [] }), "ERR_JWKS_INVALID"],
      tooLarge: [() => new Response(endless()), "ERR_JWKS_INVALID"],
      onlySecrets: [() => Response.json({ keys: [secret] }), "ERR_JWK_INVALID"],
      absent: [() => new Response("no", { status: 404 }), "ERR_JWKS_UNAVAILABLE"],
      redirect: [() => new Response(null, { status: 302, headers: { location: "/x" } }), "ERR_JWKS_UNAVAILABLE"],
      broken: [() => { throw new TypeError("fetch failed"); }, "ERR_JWKS_UNAVAILABLE"],
      nothing: [() => undefined, "ERR_JWKS_UNAVAILABLE"],
    };
    for (const [name, [answer, code]] of Object.entries(kinds)) {
      const issuer = { jwks: undefined, jwksUri: "https://issuer.example/jwks.json" };
      const { decision, error } = await (await verifier({ issuer, fetch: web({ jwks: answer }).fetch })).verify(tokens.good);
      equal(decision, "unavailable", name);
      equal(error.code, "ERR_JWKS_UNAVAILABLE", name);
      equal(error.stage, "key", name);
      equal(error.cause.code, code, name);
    }
  },

  async "keys that cannot be read again go on serving for an hour, and no longer"({ verifier, tokens, web, jwks }) {
    const clock = makeClock();
    const site = web({ jwks: () => Response.json(jwks) });
    const issuer = { jwks: undefined, jwksUri: "https://issuer.example/jwks.json", requireExp: false };
    const checking = await verifier({ issuer, fetch: site.fetch, now: clock.now });
    equal((await checking.verify(tokens.withoutExp)).decision, "allow");
    site.answers.jwks = () => new Response("<html>");
    clock.forward(3590);
    equal((await checking.verify(tokens.withoutExp)).decision, "allow");
    clock.forward(20);
    equal((await checking.verify(tokens.withoutExp)).error.code, "ERR_JWKS_UNAVAILABLE");
  },

  async "an option that is unknown or wrong is refused, and named"({ createVerifier, issuerOptions, revocationOptions }) {
    const good = () => ({ issuers: [issuerOptions()], revocations: revocationOptions() });
    const wrong = {
      "`isuers`": { ...good(), isuers: [] },
      "`issuers`": { ...good(), issuers: [] },
      "`issuers[0].clockTolernce`": { ...good(), issuers: [issuerOptions({ clockTolernce: 5 })] },
      "`issuers[0].clockTolerance`": { ...good(), issuers: [issuerOptions({ clockTolerance: 61 })] },
      "`issuers[0].algorithms`": { ...good(), issuers: [issuerOptions({ algorithms: ["none"] })] },
      "`issuers[0].audience`": { ...good(), issuers: [issuerOptions({ audience: 7 })] },
      "`issuers[0].jwks`": { ...good(), issuers: [issuerOptions({ jwks: {} })] },
      "`issuers[0]`": { ...good(), issuers: [issuerOptions({ jwksUri: "https://issuer.example/jwks.json" })] },
      "`issuers[0].jwksUri`": { ...good(), issuers: [issuerOptions({ jwks: undefined, jwksUri: "http://issuer.example/" })] },
      "`issuers[1].issuer`": { ...good(), issuers: [issuerOptions(), issuerOptions()] },
      "missing field `issuers`": { revocations: revocationOptions() },
      "`issuers[0].requireClaims`": { ...good(), issuers: [issuerOptions({ requireClaims: () => ["jti"] })] },
      "`revocations`": { issuers: [issuerOptions()] },
      "`revocations.sources`": { ...good(), revocations: { ...revocationOptions(), sources: 1 } },
      "`revocations.source`": { ...good(), revocations: { ...revocationOptions(), source: "ftp://cdn.example/" } },
      "a method `get`": { ...good(), revocations: { ...revocationOptions(), source: { read() {} } } },
      "missing field `lists`": { ...good(), revocations: { source: "https://cdn.example/" } },
      "`revocations.lists`": { ...good(), revocations: { ...revocationOptions(), lists: [] } },
      "`revocations.lists`: expected at most one": { ...good(), revocations: { ...revocationOptions(), lists: [1, 2].map((n) => ({ ...revocationOptions().lists[0], issuer: `https://${n}.example` })) } },
      "`revocations.lists[0].issuer`": { ...good(), revocations: revocationOptions({ issuer: issuerOptions().issuer }) },
      "`revocations.lists[0].fro`": { ...good(), revocations: revocationOptions({ fro: [] }) },
      "`revocations.lists[0].keys`": { ...good(), revocations: revocationOptions({ keys: { keys: [] } }) },
      "`revocations.lists[0].for`": { ...good(), revocations: revocationOptions({ for: ["https://nobody.example", ...revocationOptions().lists[0].for] }) },
      "`now`": { ...good(), now: 5 },
      "`fetch`": { ...good(), fetch: "fetch" },
      "`onReadError`": { ...good(), onReadError: true },
    };
    await createVerifier(good());
    for (const [name, options] of Object.entries(wrong)) {
      const error = await rejected(createVerifier(options));
      equal(error.code, "ERR_CONFIG_INVALID", name);
      ok(error.message.includes(name), `${name} is not named in: ${error.message}`);
    }
    for (const options of [undefined, null, 1, "x", [], () => {}]) {
      equal((await rejected(createVerifier(options))).code, "ERR_CONFIG_INVALID");
    }
  },

  async "a secret in the wrong place is not repeated in the error"({ createVerifier, issuerOptions, secret }) {
    const error = await rejected(createVerifier({ issuers: [issuerOptions({ audience: secret.k, algorithms: secret.k })], revocations: false }));
    equal(error.code, "ERR_CONFIG_INVALID");
    ok(!error.message.includes(secret.k), error.message);
  },

  async "a clock that gives no time makes verify reject rather than answer"({ verifier, tokens }) {
    for (const time of [Number.NaN, -1, Number.POSITIVE_INFINITY, undefined]) {
      const checking = await verifier({ now: () => time });
      equal((await rejected(checking.verify(tokens.good))).code, "ERR_CONFIG_INVALID");
    }
  },
};

/** What cases are written with. */
function tools({ createVerifier }, { issuer, authority, jwks, listKeys, snapshots }) {
  const objects = (snapshot) => {
    const all = Object.entries(snapshots[snapshot]);
    return Object.fromEntries(all.map(([name, base64]) => [name, Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))]));
  };
  const source = (snapshot) => async (name) => objects(snapshot)[name] ?? null;
  const issuerOptions = (changes) => ({ issuer, jwks, audience: "api", ...changes });
  const revocationOptions = (changes) => ({
    source: source("first"),
    lists: [{ issuer: authority, keys: listKeys, for: [issuer], ...changes }],
  });
  return {
    objects,
    source,
    issuerOptions,
    revocationOptions,
    /** A verifier over the first snapshot, unless told otherwise. */
    verifier({ issuer: changes, issuers = [issuerOptions(changes)], source: from = source("first"), ...rest } = {}) {
      const lists = [{ issuer: authority, keys: listKeys, for: issuers.map(({ issuer }) => issuer) }];
      return createVerifier({ issuers, revocations: { source: from, lists }, ...rest });
    },
    /** A source whose content can be replaced, and the names it was asked for. */
    changing(snapshot) {
      let current = source(snapshot);
      const names = [];
      const use = (next) => void (current = typeof next === "function" ? next : source(next));
      return { names, use, source: async (name) => (names.push(name), current(name)) };
    },
    /** A source whose segments are not what they were. */
    corrupted(snapshot, change) {
      return async (name) => {
        const bytes = objects(snapshot)[name] ?? null;
        return bytes && name.startsWith("segments/") ? change(bytes) : bytes;
      };
    },
    /** A web of two sites: a folder with a snapshot and a JWKS. */
    web({ folder, jwks: keys, etag }) {
      const answers = { folder, jwks: keys };
      const requests = [];
      const fetch = async (input, init = {}) => {
        const url = String(input);
        const headers = new Headers(init.headers);
        const conditional = headers.has("if-none-match") || init.cache === "no-cache";
        requests.push({ url, conditional, redirect: init.redirect });
        if (url.endsWith("/jwks.json")) return answers.jwks();
        if (headers.get("if-none-match") === etag && etag !== undefined) return new Response(null, { status: 304 });
        const name = url.replace(/^.*?((segments\/)?[^/]*)$/, "$1");
        if (typeof answers.folder === "function") return answers.folder(name);
        const bytes = objects(answers.folder)[name];
        if (bytes === undefined) return new Response("no", { status: 404 });
        return new Response(bytes, { headers: etag && name === "manifest.jwt" ? { etag } : {} });
      };
      return { answers, requests, fetch };
    },
    async until(condition) {
      const deadline = Date.now() + 5000;
      while (!(await condition())) {
        if (Date.now() > deadline) throw new Error("it never came true");
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
  };
}

/** Ways in which an object can have what it is given. */
const SHAPES = {
  "a literal": (fields) => fields,
  "getters of a class": (fields) => {
    class Options {}
    for (const [name, value] of Object.entries(fields)) Object.defineProperty(Options.prototype, name, { get: () => value });
    return new Options();
  },
  "not enumerable": (fields) => {
    const options = {};
    for (const [name, value] of Object.entries(fields)) Object.defineProperty(options, name, { value });
    return options;
  },
  inherited: (fields) => Object.create(fields),
};

function asking(checking) {
  const verify = (token) => checking.verify(token);
  const denied = async (token, code, stage, label = code) => {
    const { decision, error } = await verify(token);
    equal(decision, "deny", label);
    equal(error.code, code, label);
    if (stage !== undefined) equal(error.stage, stage, label);
    return error;
  };
  return { verify, denied };
}

/** An object's bytes in two pieces, the second so many milliseconds after the first. */
function inPieces(source, name, millis) {
  return new ReadableStream({
    async start(controller) {
      const bytes = await source(name);
      controller.enqueue(bytes.slice(0, 10));
      await new Promise((resolve) => setTimeout(resolve, millis));
      controller.enqueue(bytes.slice(10));
      controller.close();
    },
  });
}

async function inTime(work) {
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("it did not end within 20 seconds")), 20_000);
  });
  await Promise.race([work, deadline]).finally(() => clearTimeout(timer));
}

function endless() {
  return new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65536)) });
}

function text(string) {
  return new TextEncoder().encode(string);
}

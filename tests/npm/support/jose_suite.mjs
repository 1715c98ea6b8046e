// Tests of the shape that `jose` gave to verifying: written against its API, and run against it and against this package
// with nothing but the import changed. What the two answer differently is in `stricter`, where both answers are stated.
//
// Nothing but the language and what every runtime has (WebCrypto, fetch's Response, URL, timers) is used here.

/**
 * Runs every case against a library and says how each ended: with what failure, if any.
 * @param {object} library   `jose`, or what has its shape
 * @param {object} fixture   from jose_fixture.mjs
 * @param {"jose" | "ours"} which  whose answers are wanted where they differ
 * @returns {Promise<{ name: string, failure: string | null }[]>}
 */
export async function runJoseSuite(library, fixture, which) {
  const outcomes = [];
  const context = await makeContext(library, fixture);
  for (const [name, run] of casesFor(context, which)) {
    let failure = null;
    try {
      await inTime(run());
    } catch (error) {
      failure = `${error?.stack ?? error}`;
    }
    outcomes.push({ name, failure });
  }
  return outcomes;
}

function* casesFor(context, which) {
  for (const [name, payload, header, options, refusal] of claimCases(context)) {
    yield [`claims: ${name}`, () => context.expectOutcome(context.sign(payload, header), options, refusal)];
  }
  for (const cases of [tokens, optionTypes, keys, localSets, remoteSets, callbacks, decoding, classes]) {
    yield* Object.entries(cases(context));
  }
  for (const [name, { run, jose, ours }] of Object.entries(stricter(context))) {
    yield [`differs: ${name}`, async () => equal(await outcomeOf(run), which === "jose" ? jose : ours)];
  }
}

const CLAIM = "ERR_JWT_CLAIM_VALIDATION_FAILED";
const EXPIRED = "ERR_JWT_EXPIRED";

/** The differences, by name. */
export const DIFFERENCES = Object.keys(stricter({ fixture: { algorithms: {}, weak: {} }, now: 0 }));

/** Name, payload, header, options, and the code, claim and reason of the refusal if there is one. */
function claimCases({ now }) {
  const refused = (claim, reason = "check_failed", code = CLAIM) => ({ code, claim, reason });
  const issued = { iat: now - 30 };
  return [
    ["a token without any claim passes where nothing is expected", {}, {}, {}],
    ["no options at all expect nothing", { exp: now + 60 }, {}, undefined],
    ["issuer as a string passes", { iss: "a" }, {}, { issuer: "a" }],
    ["issuer as a list passes", { iss: "b" }, {}, { issuer: ["a", "b"] }],
    ["another issuer is refused", { iss: "b" }, {}, { issuer: "a" }, refused("iss")],
    ["an issuer that is none of the list is refused", { iss: "c" }, {}, { issuer: ["a", "b"] }, refused("iss")],
    ["an issuer in another case is refused", { iss: "A" }, {}, { issuer: "a" }, refused("iss")],
    ["no issuer is refused where one is expected", {}, {}, { issuer: "a" }, refused("iss", "missing")],
    ["an issuer that is no string is refused where one is expected", { iss: 1 }, {}, { issuer: "1" }, refused("iss")],
    ["no issuer of an empty list passes", { iss: "a" }, {}, { issuer: [] }, refused("iss")],
    ["any issuer passes where none is expected", { iss: "a" }, {}, {}],
    ["audience as a string passes", { aud: "a" }, {}, { audience: "a" }],
    ["audience in a list passes", { aud: ["x", "a"] }, {}, { audience: "a" }],
    ["one of several audiences passes", { aud: "b" }, {}, { audience: ["a", "b"] }],
    ["one of several audiences in a list passes", { aud: ["x", "b"] }, {}, { audience: ["a", "b"] }],
    ["another audience is refused", { aud: "b" }, {}, { audience: "a" }, refused("aud")],
    ["another list of audiences is refused", { aud: ["b", "c"] }, {}, { audience: "a" }, refused("aud")],
    ["an empty list of audiences is refused", { aud: [] }, {}, { audience: "a" }, refused("aud")],
    ["no audience is refused where one is expected", {}, {}, { audience: "a" }, refused("aud", "missing")],
    ["an audience that is no string is refused where one is expected", { aud: 1 }, {}, { audience: "a" }, refused("aud")],
    ["an audience that begins like the one expected is refused", { aud: "ab" }, {}, { audience: "a" }, refused("aud")],
    ["subject passes", { sub: "a" }, {}, { subject: "a" }],
    ["another subject is refused", { sub: "b" }, {}, { subject: "a" }, refused("sub")],
    ["no subject is refused where one is expected", {}, {}, { subject: "a" }, refused("sub", "missing")],
    ["a subject that is no string is refused where one is expected", { sub: ["a"] }, {}, { subject: "a" }, refused("sub")],
    ["typ passes", {}, { typ: "JWT" }, { typ: "JWT" }],
    ["typ passes in another case", {}, { typ: "jwt" }, { typ: "JWT" }],
    ["typ passes with its prefix in the token", {}, { typ: "application/at+jwt" }, { typ: "at+jwt" }],
    ["typ passes with its prefix in the options", {}, { typ: "at+jwt" }, { typ: "application/at+jwt" }],
    ["another typ is refused", {}, { typ: "JWT" }, { typ: "at+jwt" }, refused("typ")],
    ["no typ is refused where one is expected", {}, {}, { typ: "JWT" }, refused("typ")],
    ["exp in the future passes", { exp: now + 1 }, {}, {}],
    ["exp now is refused", { exp: now }, {}, {}, refused("exp", "check_failed", EXPIRED)],
    ["exp in the past is refused", { exp: now - 1 }, {}, {}, refused("exp", "check_failed", EXPIRED)],
    ["exp in the past passes within the tolerance", { exp: now - 4 }, {}, { clockTolerance: 5 }],
    ["exp passes within a tolerance that is said in words", { exp: now - 4 }, {}, { clockTolerance: "5 seconds" }],
    ["exp at the end of the tolerance is refused", { exp: now - 5 }, {}, { clockTolerance: 5 }, refused("exp", "check_failed", EXPIRED)],
    ["an exp with a fraction passes", { exp: now + 0.5 }, {}, {}],
    ["an exp that is a text is refused", { exp: `${now + 60}` }, {}, {}, refused("exp", "invalid")],
    ["an exp that is null is refused", { exp: null }, {}, {}, refused("exp", "invalid")],
    ["nbf in the past passes", { nbf: now - 1 }, {}, {}],
    ["nbf now passes", { nbf: now }, {}, {}],
    ["nbf in the future is refused", { nbf: now + 1 }, {}, {}, refused("nbf")],
    ["nbf in the future passes within the tolerance", { nbf: now + 5 }, {}, { clockTolerance: 5 }],
    ["nbf after the tolerance is refused", { nbf: now + 6 }, {}, { clockTolerance: 5 }, refused("nbf")],
    ["an nbf that is a text is refused", { nbf: "1" }, {}, {}, refused("nbf", "invalid")],
    ["an iat that is a text is refused", { iat: "1" }, {}, {}, refused("iat", "invalid")],
    ["iat in the past passes", issued, {}, {}],
    ["a young token passes", issued, {}, { maxTokenAge: 30 }],
    ["an old token is refused", issued, {}, { maxTokenAge: 29 }, refused("iat", "check_failed", EXPIRED)],
    ["an old token passes within the tolerance", issued, {}, { maxTokenAge: 29, clockTolerance: 1 }],
    ["no iat is refused where an age is expected", {}, {}, { maxTokenAge: 30 }, refused("iat", "missing")],
    ["iat in the future is refused where an age is expected", { iat: now + 5 }, {}, { maxTokenAge: 30 }, refused("iat")],
    ["an age of nothing is one", { iat: now }, {}, { maxTokenAge: 0 }],
    ...["30s", "30 s", "30 secs", "30 seconds", "0.5 minutes", "+1m", "1 min", "1 hour from now", "2h", "1 day", "1w", "1 year", "1 YRS"].map(
      (span) => [`an age of ${span} is understood`, issued, {}, { maxTokenAge: span }],
    ),
    ["an age of 29s is understood", issued, {}, { maxTokenAge: "29s" }, refused("iat", "check_failed", EXPIRED)],
    ["a required claim passes", { x: 1 }, {}, { requiredClaims: ["x"] }],
    ["a required claim passes as null", { x: null }, {}, { requiredClaims: ["x"] }],
    ["a required claim that is missing is refused", {}, {}, { requiredClaims: ["x"] }, refused("x", "missing")],
    ["a required exp that is missing is refused", {}, {}, { requiredClaims: ["exp"] }, refused("exp", "missing")],
    // Inherited names.
    ["a required `toString` is not inherited", {}, {}, { requiredClaims: ["toString"] }, refused("toString", "missing")],
    ["a required `constructor` is not inherited", {}, {}, { requiredClaims: ["constructor"] }, refused("constructor", "missing")],
    ["a required `__proto__` is not inherited", {}, {}, { requiredClaims: ["__proto__"] }, refused("__proto__", "missing")],
    ["an allowed algorithm passes", {}, {}, { algorithms: ["ES256", "HS256"] }],
    ["an algorithm that is not allowed is refused", {}, {}, { algorithms: ["ES256"] }, { code: "ERR_JOSE_ALG_NOT_ALLOWED" }],
    ["no algorithm is allowed by an empty list", {}, {}, { algorithms: [] }, { code: "ERR_JOSE_ALG_NOT_ALLOWED" }],
    ["an unknown name among the allowed algorithms changes nothing", {}, {}, { algorithms: ["HS257", "HS256"] }],
    ["a critical extension that is understood passes", {}, { crit: ["x"], x: 1 }, { crit: { x: true } }],
    ["a critical extension that may be unprotected passes", {}, { crit: ["x"], x: 1 }, { crit: { x: false } }],
    ["a critical extension is refused unless it is understood", {}, { crit: ["x"], x: 1 }, {}, { code: "ERR_JOSE_NOT_SUPPORTED" }],
    ["a critical extension by an inherited name is refused", {}, { crit: ["toString"], toString: 1 }, { crit: {} }, { code: "ERR_JOSE_NOT_SUPPORTED" }],
    ["a critical extension that is not there is refused", {}, { crit: ["x"] }, { crit: { x: true } }, { code: "ERR_JWS_INVALID" }],
    ["an empty list of critical extensions is refused", {}, { crit: [] }, {}, { code: "ERR_JWS_INVALID" }],
    ["critical extensions that are no list are refused", {}, { crit: "x", x: 1 }, { crit: { x: true } }, { code: "ERR_JWS_INVALID" }],
    ["everything at once passes", { iss: "a", aud: ["b"], sub: "c", iat: now - 1, nbf: now - 1, exp: now + 1, x: 1 }, { typ: "at+jwt" },
      { issuer: "a", audience: "b", subject: "c", typ: "at+jwt", maxTokenAge: "1 minute", requiredClaims: ["x"], algorithms: ["HS256"], clockTolerance: 1 }],
  ];
}

function tokens({ library, sign, signText, secret, at, fixture }) {
  const { jwtVerify } = library;
  const refused = async (token, code, options = at) => equal(await outcomeOf(() => jwtVerify(token, secret, options)), code);
  return {
    async "a good token gives its claims and its header"() {
      const result = await jwtVerify(await sign({ sub: "alice", n: [1, { a: null }] }, { kid: "k" }), secret, at);
      equal(JSON.stringify(result.payload), '{"sub":"alice","n":[1,{"a":null}]}');
      equal(JSON.stringify(result.protectedHeader), '{"alg":"HS256","kid":"k"}');
      equal("key" in result, false);
    },
    async "a token may be bytes"() {
      const token = new TextEncoder().encode(await sign({ sub: "alice" }));
      equal((await jwtVerify(token, secret, at)).payload.sub, "alice");
    },
    async "a good token stands by the clock"() {
      const now = Math.floor(Date.now() / 1000);
      equal((await jwtVerify(await sign({ exp: now + 60, iat: now - 1 }), secret)).payload.exp, now + 60);
      await refused(await sign({ exp: now - 1 }), EXPIRED, {});
    },
    async "what is no token is refused"() {
      for (const token of [undefined, null, 1, {}, [], "", ".", "..", "a", "a.b", "a.b.c.d", "....", "\u0000"]) {
        await refused(token, "ERR_JWS_INVALID");
      }
    },
    async "a segment more is refused"() {
      await refused(`${await sign({})}.e30`, "ERR_JWS_INVALID");
    },
    async "a header that is no JSON object is refused"() {
      const [, payload, signature] = (await sign({})).split(".");
      for (const header of ["", "e", "bnVsbA", "W10", "e30", "eyJhbGciOjF9"]) {
        await refused(`${header}.${payload}.${signature}`, "ERR_JWS_INVALID");
      }
    },
    async "a payload that is no JSON object is refused"() {
      for (const text of ["null", "[]", '"a"', "1", "{", "not JSON"]) await refused(await signText(text), "ERR_JWT_INVALID");
    },
    async "a payload that is no UTF-8 is refused"() {
      await refused(await signText(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])), "ERR_JWT_INVALID");
    },
    async "another payload under the same signature is refused"() {
      const [header, , signature] = (await sign({ sub: "alice" })).split(".");
      await refused(`${header}.${encode({ sub: "root" })}.${signature}`, "ERR_JWS_SIGNATURE_VERIFICATION_FAILED");
    },
    async "another secret's signature is refused"() {
      const token = await sign({});
      const other = new Uint8Array(32).fill(9);
      equal(await outcomeOf(() => jwtVerify(token, other, at)), "ERR_JWS_SIGNATURE_VERIFICATION_FAILED");
    },
    async "a signature that is none is refused"() {
      const [header, payload] = (await sign({})).split(".");
      await refused(`${header}.${payload}.AAAA`, "ERR_JWS_SIGNATURE_VERIFICATION_FAILED");
      await refused(`${header}.${payload}.*`, "ERR_JWS_INVALID");
    },
    async "a token that says it is not signed is refused"() {
      const payload = encode({ sub: "root" });
      for (const alg of ["none", "None", "NONE", "nOnE"]) {
        for (const signature of ["", "AAAA"]) {
          const outcome = await outcomeOf(() => jwtVerify(`${encode({ alg })}.${payload}.${signature}`, secret, at));
          ok(["ERR_JOSE_NOT_SUPPORTED", "ERR_JWS_INVALID"].includes(outcome), `${alg}: ${outcome}`);
        }
      }
    },
    async "an unknown algorithm is refused"() {
      const [, payload, signature] = (await sign({})).split(".");
      for (const alg of ["HS257", "hs256", "toString", "__proto__", "RS1"]) {
        await refused(`${encode({ alg })}.${payload}.${signature}`, "ERR_JOSE_NOT_SUPPORTED");
      }
    },
    async "`__proto__` in a payload is a property of its own, and no prototype"() {
      const { payload } = await jwtVerify(await signText('{"__proto__":{"admin":true}}'), secret, at);
      equal(Object.getPrototypeOf(payload), Object.prototype);
      equal(Object.hasOwn(payload, "__proto__"), true);
      equal(payload.admin, undefined);
    },
    async "the claims of a refused token come with the error"() {
      const error = await errorOf(() => jwtVerify(fixture.algorithms.ES256.token, fixture.algorithms.ES256.jwk, { ...at, subject: "bob" }));
      equal(error.payload.sub, "alice");
      equal(error.cause.claim, "sub");
      equal(error.cause.reason, "check_failed");
      equal(error.cause.payload.sub, "alice");
    },
  };
}

function optionTypes({ library, sign, secret, now }) {
  const wrong = {
    clockTolerance: [-1, Number.NaN, Number.POSITIVE_INFINITY, "soon", "-5 s", {}, true],
    maxTokenAge: [-1, Number.NaN, "later", "-5 s", "5 s ago", {}],
    algorithms: ["HS256", [1], {}],
    currentDate: [new Date(Number.NaN)],
  };
  const cases = {};
  for (const [name, values] of Object.entries(wrong)) {
    cases[`a wrong ${name} is a TypeError`] = async () => {
      const token = await sign({ iat: now - 1 });
      for (const value of values) {
        const error = await errorOf(() => library.jwtVerify(token, secret, { currentDate: new Date(now * 1000), [name]: value }));
        ok(error instanceof TypeError, `${String(value)}: ${error?.name} ${error?.message}`);
      }
    };
  }
  cases["an option that is undefined is one that is left out"] = async () => {
    const none = { issuer: undefined, audience: undefined, subject: undefined, typ: undefined, algorithms: undefined, maxTokenAge: undefined, requiredClaims: undefined, crit: undefined, clockTolerance: undefined, currentDate: undefined };
    await library.jwtVerify(await sign({}), secret, none);
  };
  cases["options are read anew for every call"] = async () => {
    const token = await sign({ aud: "a", iss: "i" });
    const audience = ["a"];
    const options = { issuer: "i", audience };
    await library.jwtVerify(token, secret, options);
    audience[0] = "b";
    equal(await outcomeOf(() => library.jwtVerify(token, secret, options)), CLAIM);
    audience[0] = "a";
    options.issuer = "j";
    equal(await outcomeOf(() => library.jwtVerify(token, secret, options)), CLAIM);
    options.issuer = "i";
    await library.jwtVerify(token, secret, options);
    equal(await outcomeOf(() => library.jwtVerify(token, secret, { ...options, subject: "s" })), CLAIM);
    await library.jwtVerify(token, secret, {});
  };
  return cases;
}

function keys({ library, fixture, at, sign, secret, hmac }) {
  const { jwtVerify, importJWK, importSPKI, importX509, createLocalJWKSet } = library;
  const cases = {};
  for (const [alg, { jwk, spki, token, otherJwk }] of Object.entries(fixture.algorithms)) {
    // Not jose's.
    if (alg === "ES256K") continue;
    const passes = async (key) => {
      const { payload, protectedHeader } = await jwtVerify(token, key, { ...at, algorithms: [alg] });
      equal(payload.sub, "alice");
      equal(protectedHeader.alg, alg);
    };
    cases[`${alg}: a JWK`] = () => passes({ ...jwk, alg });
    cases[`${alg}: a JWK without alg, where the algorithm is named`] = () => passes({ ...jwk });
    cases[`${alg}: a JWK with use, key_ops and another kid`] = () => passes({ ...jwk, alg, kid: "x", use: "sig", key_ops: ["verify"] });
    cases[`${alg}: importJWK with alg in the JWK`] = async () => passes(await importJWK({ ...jwk, alg }));
    cases[`${alg}: importJWK with alg as an argument`] = async () => passes(await importJWK(jwk, alg));
    cases[`${alg}: importSPKI`] = async () => passes(await importSPKI(spki, alg));
    cases[`${alg}: importSPKI, not extractable`] = async () => {
      const key = await importSPKI(spki, alg, { extractable: false });
      equal(key.type, "public");
      equal(key.extractable, false);
      await passes(key);
    };
    // Of Ed25519, see `stricter`.
    if (alg !== "EdDSA") cases[`${alg}: a CryptoKey of the caller's that cannot be exported`] = async () => {
      const { algorithm } = await importSPKI(spki, alg);
      const parameters = { name: algorithm.name, hash: algorithm.hash?.name, namedCurve: algorithm.namedCurve };
      await passes(await crypto.subtle.importKey("jwk", jwk, parameters, false, ["verify"]));
    };
    cases[`${alg}: a CryptoKey of the caller's that can be exported`] = async () => {
      const { algorithm } = await importSPKI(spki, alg);
      const parameters = { name: algorithm.name, hash: algorithm.hash?.name, namedCurve: algorithm.namedCurve };
      await passes(await crypto.subtle.importKey("jwk", jwk, parameters, true, ["verify"]));
    };
    cases[`${alg}: a local key set`] = () => passes(createLocalJWKSet({ keys: [{ ...jwk, alg, kid: "key" }] }));
    cases[`${alg}: another key's signature is refused`] = async () =>
      equal(await outcomeOf(() => jwtVerify(token, { ...otherJwk, alg }, at)), "ERR_JWS_SIGNATURE_VERIFICATION_FAILED");
    cases[`${alg}: a changed signature is refused`] = async () => {
      const changed = `${token.slice(0, -10)}${token.at(-10) === "A" ? "B" : "A"}${token.slice(-9)}`;
      equal(await outcomeOf(() => jwtVerify(changed, { ...jwk, alg }, at)), "ERR_JWS_SIGNATURE_VERIFICATION_FAILED");
    };
  }
  cases["Ed25519 is a name of EdDSA"] = async () => {
    const { jwk, withEdwardsName } = fixture.algorithms.EdDSA;
    await jwtVerify(withEdwardsName, await importJWK(jwk, "Ed25519"), at);
  };
  for (const bits of [256, 384, 512]) {
    const alg = `HS${bits}`;
    cases[`${alg}: a secret as bytes, as a JWK, through importJWK and as a CryptoKey`] = async () => {
      const bytes = new Uint8Array(bits / 8).fill(5);
      const token = await hmac(bytes, bits, { sub: "alice" });
      const k = base64url(bytes);
      const imported = await importJWK({ kty: "oct", k, alg });
      ok(imported instanceof Uint8Array, "bytes");
      const named = { ...at, algorithms: [alg] };
      for (const extractable of [true, false]) {
        const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: `SHA-${bits}` }, extractable, ["verify"]);
        equal((await jwtVerify(token, key, named)).payload.sub, "alice");
      }
      for (const key of [bytes, imported, { kty: "oct", k }, { kty: "oct", k, alg }]) {
        equal((await jwtVerify(token, key, named)).payload.sub, "alice");
      }
    };
  }
  cases["a secret whose bytes are changed is another"] = async () => {
    const token = await sign({});
    const bytes = secret.slice();
    await jwtVerify(token, bytes, at);
    bytes.fill(0);
    equal(await outcomeOf(() => jwtVerify(token, bytes, at)), "ERR_JWS_SIGNATURE_VERIFICATION_FAILED");
  };
  cases["importX509 takes the certificate's key"] = async () => {
    for (const { alg, x509, jwk } of fixture.certificates) {
      const exported = await crypto.subtle.exportKey("jwk", await importX509(x509, alg));
      for (const [member, value] of Object.entries(jwk)) equal(exported[member], value, `${alg} ${member}`);
    }
  };
  cases["a null key and other things that are no key are TypeErrors"] = async () => {
    const token = await sign({});
    for (const key of [null, undefined, 1, true, "secret", [], {}, "-----BEGIN PUBLIC KEY-----", Symbol("key")]) {
      const error = await errorOf(() => jwtVerify(token, key, at));
      ok(error instanceof TypeError, `${String(key)}: ${error?.name} ${error?.message}`);
    }
  };
  cases["a private key is a TypeError"] = async () => {
    const { privateJwk, token } = fixture.algorithms.ES256;
    ok((await errorOf(() => jwtVerify(token, privateJwk, at))) instanceof TypeError);
    const method = { name: "ECDSA", namedCurve: "P-256" };
    const key = await crypto.subtle.importKey("jwk", privateJwk, method, false, ["sign"]);
    ok((await errorOf(() => jwtVerify(token, key, at))) instanceof TypeError);
  };
  cases["what is no PEM is a TypeError"] = async () => {
    for (const pem of [undefined, null, 1, "", "PUBLIC KEY", "-----BEGIN PRIVATE KEY-----"]) {
      ok((await errorOf(() => importSPKI(pem, "ES256"))) instanceof TypeError);
      ok((await errorOf(() => importX509(pem, "ES256"))) instanceof TypeError);
    }
  };
  cases["what is no JWK is a TypeError"] = async () => {
    for (const jwk of [undefined, null, 1, "", []]) ok((await errorOf(() => importJWK(jwk, "ES256"))) instanceof TypeError);
    const { jwk } = fixture.algorithms.ES256;
    ok((await errorOf(() => importJWK(jwk))) instanceof TypeError);
    ok((await errorOf(() => importJWK({ kty: "oct" }, "HS256"))) instanceof TypeError);
    equal(await outcomeOf(() => importJWK({ kty: "x" }, "ES256")), "ERR_JOSE_NOT_SUPPORTED");
    equal(await outcomeOf(() => importJWK({ ...jwk, kty: "toString" }, "ES256")), "ERR_JOSE_NOT_SUPPORTED");
  };
  return cases;
}

function localSets({ library, fixture, at, sign }) {
  const { jwtVerify, createLocalJWKSet, errors } = library;
  const { ES256, RS256, EdDSA } = fixture.algorithms;
  const es = { ...ES256.jwk, kid: "key", alg: "ES256" };
  const outcome = (keys, token = ES256.token) => outcomeOf(() => jwtVerify(token, createLocalJWKSet({ keys }), at));
  return {
    async "a set's key is chosen by kid"() {
      equal(await outcome([{ ...ES256.otherJwk, kid: "other" }, es]), "passes");
    },
    async "a token without kid takes the only key of its algorithm"() {
      equal(await outcome([{ ...RS256.jwk, kid: "rsa" }, es], ES256.withoutKid), "passes");
    },
    async "a kid that no key has is refused"() {
      equal(await outcome([{ ...es, kid: "other" }]), "ERR_JWKS_NO_MATCHING_KEY");
      equal(await outcome([{ ...es, kid: undefined }]), "ERR_JWKS_NO_MATCHING_KEY");
    },
    async "a key for another algorithm is none"() {
      equal(await outcome([{ ...es, alg: "ES384" }]), "ERR_JWKS_NO_MATCHING_KEY");
      equal(await outcome([{ ...RS256.jwk, kid: "key" }]), "ERR_JWKS_NO_MATCHING_KEY");
    },
    async "a key for encryption or for signing alone is none"() {
      equal(await outcome([{ ...es, use: "enc" }]), "ERR_JWKS_NO_MATCHING_KEY");
      equal(await outcome([{ ...es, key_ops: ["sign"] }]), "ERR_JWKS_NO_MATCHING_KEY");
      equal(await outcome([{ ...es, use: "enc" }, es]), "passes");
    },
    async "a set without keys has none"() {
      equal(await outcome([]), "ERR_JWKS_NO_MATCHING_KEY");
    },
    async "keys of unknown types are passed over"() {
      equal(await outcome([{ kty: "future", kid: "key" }, {}, es]), "passes");
      equal(await outcome([{ kty: "future", kid: "key" }]), "ERR_JWKS_NO_MATCHING_KEY");
    },
    async "a set is not asked about secrets"() {
      const token = await sign({}, { kid: "key" });
      equal(await outcome([es], token), "ERR_JOSE_NOT_SUPPORTED");
      equal(await outcome([{ kty: "oct", kid: "key", k: base64url(new Uint8Array(32).fill(7)) }], token), "ERR_JOSE_NOT_SUPPORTED");
    },
    async "what is no set is refused when it is made"() {
      for (const wrong of [undefined, null, 1, "", [], {}, { keys: {} }, { keys: [1] }, { keys: [null] }]) {
        const error = await errorOf(async () => createLocalJWKSet(wrong));
        ok(error instanceof errors.JWKSInvalid, `${JSON.stringify(wrong)}: ${error?.name}`);
        equal(error.code, "ERR_JWKS_INVALID");
      }
    },
    async "a set is a copy"() {
      const jwks = { keys: [{ ...es }] };
      const set = createLocalJWKSet(jwks);
      jwks.keys[0].kid = "changed";
      equal(await outcomeOf(() => jwtVerify(ES256.token, set, at)), "passes");
      equal(set.jwks().keys[0].kid, "key");
      set.jwks().keys.pop();
      equal(set.jwks().keys.length, 1);
    },
    async "a set can be called, and gives the public key"() {
      const set = createLocalJWKSet({ keys: [es, { ...EdDSA.jwk, kid: "ed" }] });
      const key = await set({ alg: "ES256", kid: "key" });
      equal(key.type, "public");
      equal((await jwtVerify(ES256.token, key, at)).payload.sub, "alice");
      equal(await outcomeOf(() => set({ alg: "ES256", kid: "ed" })), "ERR_JWKS_NO_MATCHING_KEY");
      equal(await outcomeOf(() => set({ alg: "HS256" })), "ERR_JOSE_NOT_SUPPORTED");
      equal(await outcomeOf(() => set({})), "ERR_JOSE_NOT_SUPPORTED");
    },
    async "a set can be called by the caller's own function"() {
      const set = createLocalJWKSet({ keys: [es] });
      const { payload, key } = await jwtVerify(ES256.token, (header, token) => set(header, token), at);
      equal(payload.sub, "alice");
      equal(key.type, "public");
    },
    async "the key that a set chose comes with the result"() {
      const { key } = await jwtVerify(ES256.token, createLocalJWKSet({ keys: [es] }), at);
      equal(key.type, "public");
      equal((await jwtVerify(ES256.token, key, at)).payload.sub, "alice");
    },
  };
}

function remoteSets({ library, fixture, at }) {
  const { jwtVerify, createRemoteJWKSet, customFetch, jwksCache, errors } = library;
  const { ES256, EdDSA } = fixture.algorithms;
  const es = { ...ES256.jwk, kid: "key", alg: "ES256" };
  const url = new URL("https://issuer.example/jwks.json");
  const site = (answer = () => Response.json({ keys: [es] })) => {
    const requests = [];
    const fetch = async (url, options) => {
      requests.push({ url, options });
      return answer(requests.length, options);
    };
    return { requests, fetch };
  };
  const make = (site, options = {}) => createRemoteJWKSet(url, { ...options, [customFetch]: site.fetch });
  return {
    async "a remote set is read once"() {
      const web = site();
      const set = make(web);
      equal(set.jwks(), undefined);
      equal(set.fresh, false);
      equal(set.coolingDown, false);
      equal(set.reloading, false);
      for (let call = 0; call < 3; call += 1) equal((await jwtVerify(ES256.token, set, at)).payload.sub, "alice");
      equal(web.requests.length, 1);
      equal(web.requests[0].url, url.href);
      equal(web.requests[0].options.method, "GET");
      equal(web.requests[0].options.redirect, "manual");
      equal(set.jwks().keys[0].kid, "key");
      equal(set.fresh, true);
      equal(set.coolingDown, true);
    },
    async "a remote set is read once by calls that come together"() {
      const web = site(async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        return Response.json({ keys: [es] });
      });
      const set = make(web);
      const calls = [1, 2, 3].map(() => jwtVerify(ES256.token, set, at));
      await new Promise((resolve) => setTimeout(resolve, 5));
      equal(set.reloading, true);
      await Promise.all(calls);
      equal(web.requests.length, 1);
    },
    async "a request bears the caller's headers"() {
      const web = site();
      await jwtVerify(ES256.token, make(web, { headers: { "x-key": "1", accept: "text/x" } }), at);
      const { headers } = web.requests[0].options;
      equal(headers.get("x-key"), "1");
      equal(headers.get("accept"), "text/x");
    },
    async "a key that is not in the set does not have it read while it cools down"() {
      const web = site(() => Response.json({ keys: [{ ...es, kid: "other" }] }));
      const set = make(web);
      for (let call = 0; call < 3; call += 1) {
        equal(await outcomeOf(() => jwtVerify(ES256.token, set, at)), "ERR_JWKS_NO_MATCHING_KEY");
      }
      equal(web.requests.length, 1);
    },
    async "reload reads the set whatever the cooldown says"() {
      const web = site((nth) => Response.json({ keys: [{ ...es, kid: nth === 1 ? "other" : "key" }] }));
      const set = make(web);
      equal(await outcomeOf(() => jwtVerify(ES256.token, set, at)), "ERR_JWKS_NO_MATCHING_KEY");
      await set.reload();
      equal(await outcomeOf(() => jwtVerify(ES256.token, set, at)), "passes");
      equal(web.requests.length, 2);
    },
    async "a set that is not answered in time is a JWKSTimeout"() {
      const web = site((_, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))));
      const error = await errorOf(() => jwtVerify(ES256.token, make(web, { timeoutDuration: 50 }), at));
      ok(error instanceof errors.JWKSTimeout, `${error?.name}`);
      equal(error.code, "ERR_JWKS_TIMEOUT");
    },
    async "an answer may be as little as a status and a function that gives the JSON"() {
      const web = site(() => ({ status: 200, json: async () => ({ keys: [es] }) }));
      const set = make(web);
      equal((await jwtVerify(ES256.token, set, at)).payload.sub, "alice");
      equal(set.jwks().keys[0].kid, "key");
      for (const wrong of [{ status: 404 }, { status: 200 }, { status: 200, json: async () => 1 }, { status: 200, json: () => Promise.reject(new SyntaxError("no JSON")) }, undefined]) {
        ok((await errorOf(() => jwtVerify(ES256.token, make(site(() => wrong)), at))) instanceof Error, JSON.stringify(wrong));
      }
    },
    async "an answer that is no set is an error of jose's"() {
      const answers = [
        () => new Response("no", { status: 404 }),
        () => new Response(null, { status: 302, headers: { location: "/x" } }),
        () => new Response("<html>"),
        () => Response.json({ keys: 1 }),
        () => Response.json([]),
      ];
      for (const answer of answers) {
        const error = await errorOf(() => jwtVerify(ES256.token, make(site(answer)), at));
        ok(error instanceof errors.JOSEError, `${error?.name}`);
      }
    },
    async "a set that was not to be had can be had later"() {
      let isDown = true;
      const web = site(() => (isDown ? new Response("", { status: 503 }) : Response.json({ keys: [es] })));
      const set = make(web);
      ok((await errorOf(() => jwtVerify(ES256.token, set, at))) !== undefined);
      isDown = false;
      await set.reload();
      equal(await outcomeOf(() => jwtVerify(ES256.token, set, at)), "passes");
    },
    async "a remote set can be called, and gives the public key"() {
      const set = make(site(() => Response.json({ keys: [es, { ...EdDSA.jwk, kid: "ed" }] })));
      equal((await set({ alg: "ES256", kid: "key" })).type, "public");
      equal(await outcomeOf(() => set({ alg: "ES256", kid: "x" })), "ERR_JWKS_NO_MATCHING_KEY");
    },
    async "what was read can be kept, and another set begin with it"() {
      const [first, second] = [site(), site()];
      const cache = {};
      await jwtVerify(ES256.token, make(first, { [jwksCache]: cache }), at);
      equal(cache.jwks.keys[0].kid, "key");
      ok(Math.abs(cache.uat - Date.now()) < 5000, "uat");
      const kept = JSON.parse(JSON.stringify(cache));
      const set = make(second, { [jwksCache]: kept });
      equal(await outcomeOf(() => jwtVerify(ES256.token, set, at)), "passes");
      equal(set.fresh, true);
      equal(second.requests.length, 0);
    },
    async "what was kept for too long is read anew"() {
      const web = site();
      const cache = { jwks: { keys: [{ ...es, kid: "old" }] }, uat: Date.now() - 7_200_000 };
      equal(await outcomeOf(() => jwtVerify(ES256.token, make(web, { [jwksCache]: cache }), at)), "passes");
      equal(web.requests.length, 1);
    },
    async "wrong options of a remote set are TypeErrors"() {
      for (const wrong of ["https://issuer.example/", undefined, null, {}]) {
        ok((await errorOf(async () => createRemoteJWKSet(wrong))) instanceof TypeError, String(wrong));
      }
      for (const options of [{ timeoutDuration: -1 }, { timeoutDuration: 0.5 }, { cooldownDuration: Number.NaN }, { cooldownDuration: -1 }, { cacheMaxAge: Number.NaN }, { cacheMaxAge: -1 }]) {
        ok((await errorOf(async () => createRemoteJWKSet(url, options))) instanceof TypeError, JSON.stringify(options));
      }
      createRemoteJWKSet(url, { cacheMaxAge: Number.POSITIVE_INFINITY, cooldownDuration: Number.POSITIVE_INFINITY });
    },
  };
}

function callbacks({ library, at, sign, secret, fixture }) {
  const { jwtVerify } = library;
  return {
    async "a function is shown the header and the parts, and its key is used and comes with the result"() {
      const token = await sign({ sub: "alice" }, { kid: "k" });
      const [header, payload, signature] = token.split(".");
      let shown;
      const result = await jwtVerify(token, (...args) => ((shown = args), secret), at);
      equal(result.payload.sub, "alice");
      equal(result.key, secret);
      equal(JSON.stringify(shown[0]), '{"alg":"HS256","kid":"k"}');
      equal(shown[1].protected, header);
      equal(shown[1].payload, payload);
      equal(shown[1].signature, signature);
    },
    async "a function may answer later, with any kind of key"() {
      const { token, jwk } = fixture.algorithms.ES256;
      equal((await jwtVerify(token, async () => ({ ...jwk, alg: "ES256" }), at)).payload.sub, "alice");
    },
    async "what a function throws is thrown on"() {
      const error = new Error("no key");
      equal(await errorOf(async () => jwtVerify(await sign({}), () => { throw error; }, at)), error);
      equal(await errorOf(async () => jwtVerify(await sign({}), async () => { throw error; }, at)), error);
    },
    async "a function is not asked about a token that is none or whose algorithm is not allowed"() {
      let asked = 0;
      const choose = () => ((asked += 1), secret);
      equal(await outcomeOf(() => jwtVerify("a.b.c", choose, at)), "ERR_JWS_INVALID");
      equal(await outcomeOf(async () => jwtVerify(await sign({}), choose, { ...at, algorithms: ["ES256"] })), "ERR_JOSE_ALG_NOT_ALLOWED");
      equal(await outcomeOf(async () => jwtVerify(await sign({}, { crit: ["x"], x: 1 }), choose, at)), "ERR_JOSE_NOT_SUPPORTED");
      equal(asked, 0);
    },
    async "a function that gives nothing is a TypeError"() {
      for (const nothing of [undefined, null]) {
        ok((await errorOf(async () => jwtVerify(await sign({}), () => nothing, at))) instanceof TypeError);
      }
    },
  };
}

function decoding({ library, sign }) {
  const { decodeJwt, decodeProtectedHeader } = library;
  return {
    async "decodeJwt gives the claims of a token that nobody has verified"() {
      equal(JSON.stringify(decodeJwt(`${encode({ alg: "none" })}.${encode({ sub: "a" })}.`)), '{"sub":"a"}');
      equal(decodeJwt(await sign({ sub: "alice" })).sub, "alice");
    },
    async "decodeJwt refuses what is no JWT"() {
      for (const wrong of [undefined, null, 1, "", "a", "a.b", "a..c", "a.b.c.d.e", `e30.${encode([])}.AA`, `e30.${encode(null)}.AA`, "e30.*.AA"]) {
        equal(await outcomeOf(async () => decodeJwt(wrong)), "ERR_JWT_INVALID");
      }
    },
    async "decodeProtectedHeader gives the header of a token or of a flattened one"() {
      const token = await sign({ sub: "alice" }, { kid: "k" });
      equal(JSON.stringify(decodeProtectedHeader(token)), '{"alg":"HS256","kid":"k"}');
      equal(decodeProtectedHeader({ protected: token.split(".")[0] }).kid, "k");
      equal(decodeProtectedHeader(`${encode({ alg: "dir", enc: "A256GCM" })}....`).enc, "A256GCM");
    },
    async "decodeProtectedHeader refuses what has no header as a TypeError"() {
      for (const wrong of [undefined, null, 1, "", "a", "a.b", "*.e30.AA", `${encode([])}.e30.AA`, {}, { protected: 1 }, { protected: "" }]) {
        ok((await errorOf(async () => decodeProtectedHeader(wrong))) instanceof TypeError, JSON.stringify(wrong));
      }
    },
  };
}

function classes({ library, at, sign, secret, now }) {
  const { errors, jwtVerify } = library;
  const codes = {
    JOSEAlgNotAllowed: "ERR_JOSE_ALG_NOT_ALLOWED",
    JOSEError: "ERR_JOSE_GENERIC",
    JOSENotSupported: "ERR_JOSE_NOT_SUPPORTED",
    JWKInvalid: "ERR_JWK_INVALID",
    JWKSInvalid: "ERR_JWKS_INVALID",
    JWKSMultipleMatchingKeys: "ERR_JWKS_MULTIPLE_MATCHING_KEYS",
    JWKSNoMatchingKey: "ERR_JWKS_NO_MATCHING_KEY",
    JWKSTimeout: "ERR_JWKS_TIMEOUT",
    JWSInvalid: "ERR_JWS_INVALID",
    JWSSignatureVerificationFailed: "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
    JWTClaimValidationFailed: CLAIM,
    JWTExpired: EXPIRED,
    JWTInvalid: "ERR_JWT_INVALID",
  };
  const cases = {};
  for (const [name, code] of Object.entries(codes)) {
    cases[`errors.${name} has its code, its name and its bases`] = async () => {
      equal(errors[name].code, code);
      const error = new errors[name]("message", {});
      ok(error instanceof errors[name] && error instanceof errors.JOSEError && error instanceof Error);
      equal(error.code, code);
      equal(error.name, name);
      equal(error.message, "message");
    };
  }
  cases["an expired token is a JWTExpired with its claims"] = async () => {
    const error = await errorOf(async () => jwtVerify(await sign({ exp: now - 1, sub: "a" }), secret, at));
    ok(error instanceof errors.JWTExpired && error instanceof errors.JOSEError);
    ok(!(error instanceof errors.JWTClaimValidationFailed), "no JWTClaimValidationFailed");
    equal(error.claim, "exp");
    equal(error.reason, "check_failed");
    equal(error.payload.sub, "a");
  };
  cases["a JWTClaimValidationFailed can be made by a test of the caller's"] = async () => {
    const error = new errors.JWTClaimValidationFailed("m", { sub: "a" }, "sub", "missing");
    equal(error.claim, "sub");
    equal(error.reason, "missing");
    equal(error.payload.sub, "a");
    equal(error.cause.claim, "sub");
    equal(new errors.JWTExpired("m", {}).claim, "unspecified");
  };
  cases["a JWKSMultipleMatchingKeys can be gone through"] = async () => {
    for await (const key of new errors.JWKSMultipleMatchingKeys()) throw new Error(`nothing was expected: ${key}`);
  };
  return cases;
}

/** What the two answer differently: `run`, and what comes of it in each. */
function stricter({ library, fixture, at, sign, signText, signHeader, secret, hmac, now }) {
  const verify = async (token, key = secret, options = {}) => library.jwtVerify(await token, key, { ...at, ...options });
  const { ES256, RS256, PS256, EdDSA } = fixture.algorithms;
  const set = (...keys) => library.createLocalJWKSet({ keys });
  const named = { kid: "key", alg: "ES256" };
  const remote = (url, fetch) => library.createRemoteJWKSet(new URL(url), { [library.customFetch]: fetch });
  return {
    "an `iat` in the future": { run: () => verify(sign({ iat: now + 1 })), jose: "passes", ours: CLAIM },
    "a date before 1970 or after 9999": { run: () => verify(sign({ nbf: -1 })), jose: "passes", ours: CLAIM },
    "an `aud` that holds more than strings": { run: () => verify(sign({ aud: ["a", 1] }), secret, { audience: "a" }), jose: "passes", ours: CLAIM },
    "an `iss` that is no string, where none is expected": { run: () => verify(sign({ iss: 1 })), jose: "passes", ours: CLAIM },
    "the `typ` of a revocation list": { run: () => verify(sign({}, { typ: "revocations+jwt" })), jose: "passes", ours: CLAIM },
    "a `clockTolerance` of more than 60 seconds": { run: () => verify(sign({}), secret, { clockTolerance: 61 }), jose: "passes", ours: "ERR_CONFIG_INVALID" },
    "an option that there is not": { run: () => verify(sign({}), secret, { audiance: "a" }), jose: "passes", ours: "ERR_CONFIG_INVALID" },
    "a member named twice in the payload": { run: () => verify(signText('{"sub":"a","sub":"b"}')), jose: "passes", ours: "ERR_JWT_INVALID" },
    "a member named twice in the header": { run: () => verify(signHeader('{"alg":"HS256","alg":"HS256"}')), jose: "passes", ours: "ERR_JWS_INVALID" },
    "a payload nested more than 32 deep": { run: () => verify(signText(`{"a":${"[".repeat(40)}${"]".repeat(40)}}`)), jose: "passes", ours: "ERR_JWT_INVALID" },
    "a token of more than 16 KiB": { run: () => verify(sign({ a: "x".repeat(20_000) })), jose: "passes", ours: "ERR_JWS_INVALID" },
    "`crit` that names a member twice": { run: () => verify(sign({}, { crit: ["x", "x"], x: 1 }), secret, { crit: { x: true } }), jose: "passes", ours: "ERR_JWS_INVALID" },
    "`crit` that names a member of JOSE's own": { run: () => verify(sign({}, { crit: ["kid"], kid: "k" }), secret, { crit: { kid: true } }), jose: "passes", ours: "ERR_JWS_INVALID" },
    "`b64` in a JWT": { run: () => verify(sign({}, { b64: true })), jose: "passes", ours: "ERR_JWT_INVALID" },
    "a secret shorter than its hash": { run: () => verify(hmac(new Uint8Array(16).fill(1), 256, {}), new Uint8Array(16).fill(1)), jose: "passes", ours: "ERR_JWK_INVALID" },
    "an RSA key whose exponent is not 65537": { run: () => library.importSPKI(fixture.weak.exponent3, "RS256"), jose: "passes", ours: "ERR_JWK_INVALID" },
    "an RSA key of less than 2048 bits, when it is imported": { run: () => library.importSPKI(fixture.weak.rsa1024, "RS256"), jose: "passes", ours: "ERR_JWK_INVALID" },
    "a secret without a named algorithm, for another than HS256": { run: () => verify(hmac(new Uint8Array(64).fill(1), 512, {}), new Uint8Array(64).fill(1)), jose: "passes", ours: "ERR_JOSE_ALG_NOT_ALLOWED" },
    "whitespace in a token": { run: async () => verify(`${await sign({})} \n`), jose: "passes", ours: "ERR_JWS_INVALID" },
    "base64url whose last character has bits to spare that are not zero": { run: async () => verify(withSpareBits(await sign({}))), jose: "passes", ours: "ERR_JWS_INVALID" },
    "a set of more than 256 keys": { run: () => verify(ES256.token, set(...Array.from({ length: 256 }, (_, nth) => ({ ...ES256.otherJwk, kid: `${nth}` })), { ...ES256.jwk, ...named })), jose: "passes", ours: "ERR_JWKS_INVALID" },
    "a key without `alg` in a set, for another algorithm than its type's first": { run: () => verify(PS256.token, set({ ...PS256.jwk, kid: "key" })), jose: "passes", ours: "ERR_JWKS_NO_MATCHING_KEY" },
    "a new `kid` within 30 seconds, whatever `cooldownDuration` says": {
      async run() {
        let nth = 0;
        const answer = async () => Response.json({ keys: [{ ...ES256.jwk, ...named, ...((nth += 1) === 1 && { kid: "old" }) }] });
        const keys = library.createRemoteJWKSet(new URL("https://issuer.example/"), { cooldownDuration: 0, [library.customFetch]: answer });
        await keys.reload();
        return verify(ES256.token, keys);
      },
      jose: "passes",
      ours: "ERR_JWKS_NO_MATCHING_KEY",
    },
    "an RSA JWK or KeyObject without `alg`, for another than RS256": { run: () => verify(PS256.token, { ...PS256.jwk }), jose: "passes", ours: "ERR_JOSE_ALG_NOT_ALLOWED" },
    "a key that is for another algorithm than the token's": { run: () => verify(RS256.token, { ...ES256.jwk, alg: "ES256" }), jose: "TypeError", ours: "ERR_JOSE_ALG_NOT_ALLOWED" },
    "a public key's text as the secret (RSA to HMAC)": { run: async () => verify(hmac(new TextEncoder().encode(RS256.spki), 256, {}), await library.importSPKI(RS256.spki, "RS256")), jose: "TypeError", ours: "ERR_JOSE_ALG_NOT_ALLOWED" },
    "the text of a key in PEM as a secret": { run: () => verify(hmac(new TextEncoder().encode(RS256.spki), 256, {}), new TextEncoder().encode(RS256.spki)), jose: "passes", ours: "ERR_JWK_INVALID" },
    "an Ed25519 CryptoKey that cannot be exported": { run: async () => verify(EdDSA.token, await crypto.subtle.importKey("jwk", EdDSA.jwk, "Ed25519", false, ["verify"])), jose: "passes", ours: "ERR_JWK_INVALID" },
    "a private key given to `importJWK`": { run: () => library.importJWK(ES256.privateJwk, "ES256"), jose: "passes", ours: "ERR_JWK_INVALID" },
    "a private key in a set": { run: () => verify(ES256.token, set({ ...ES256.privateJwk, ...named })), jose: "ERR_JWKS_INVALID", ours: "ERR_JWKS_NO_MATCHING_KEY" },
    "several keys of a set that fit": { run: () => verify(ES256.withoutKid, set({ ...ES256.otherJwk, kid: "a" }, { ...ES256.jwk, kid: "b" })), jose: "ERR_JWKS_MULTIPLE_MATCHING_KEYS", ours: "passes" },
    "a remote set that is neither https nor on a loopback host": { run: async () => remote("http://issuer.example/jwks.json"), jose: "passes", ours: "ERR_CONFIG_INVALID" },
    "a remote set whose answer is not 200": { run: () => verify(ES256.token, remote("https://issuer.example/", async () => new Response("", { status: 404 }))), jose: "ERR_JOSE_GENERIC", ours: "ERR_JWKS_UNAVAILABLE" },
    "a remote set whose answer is no JSON": { run: () => verify(ES256.token, remote("https://issuer.example/", async () => new Response("<html>"))), jose: "ERR_JOSE_GENERIC", ours: "ERR_JWKS_INVALID" },
    "a remote set without a usable key": { run: () => verify(ES256.token, remote("https://issuer.example/", async () => Response.json({ keys: [] }))), jose: "ERR_JWKS_NO_MATCHING_KEY", ours: "ERR_JWKS_INVALID" },
    "ES256K": { run: async () => verify(fixture.algorithms.ES256K.token, { ...fixture.algorithms.ES256K.jwk, alg: "ES256K" }), jose: "ERR_JOSE_NOT_SUPPORTED", ours: "passes" },
    "`EdDSA` and `Ed25519`, of which a key says the one and a token the other": { run: () => verify(EdDSA.withEdwardsName, { ...EdDSA.jwk, alg: "EdDSA" }), jose: "TypeError", ours: "passes" },
    "`decodeJwt` of a token whose header or signature is malformed": { run: async () => library.decodeJwt(`*.${encode({})}.*`), jose: "passes", ours: "ERR_JWT_INVALID" },
    "`decodeProtectedHeader` of a header without `alg`": { run: async () => library.decodeProtectedHeader("e30.e30.AA"), jose: "passes", ours: "ERR_JWS_INVALID" },
  };
}

/** The same signature to whoever does not look at the bits that are left over: 32 bytes are 42 characters and 4 bits. */
function withSpareBits(token) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return `${token.slice(0, -1)}${alphabet[alphabet.indexOf(token.at(-1)) + 1]}`;
}

async function makeContext(library, fixture) {
  const secret = new Uint8Array(32).fill(7);
  const { now } = fixture;
  const at = { currentDate: new Date(now * 1000) };
  const hmacText = async (bytes, bits, header, payload) => {
    const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: `SHA-${bits}` }, false, ["sign"]);
    const input = `${base64url(header)}.${base64url(payload)}`;
    return `${input}.${base64url(new Uint8Array(await crypto.subtle.sign("HMAC", key, utf8(input))))}`;
  };
  const hmac = (bytes, bits, claims) => hmacText(bytes, bits, JSON.stringify({ alg: `HS${bits}` }), JSON.stringify(claims));
  const sign = (claims, header = {}) => hmacText(secret, 256, JSON.stringify({ alg: "HS256", ...header }), JSON.stringify(claims));
  const signText = (payload) => hmacText(secret, 256, '{"alg":"HS256"}', payload);
  const signHeader = (header) => hmacText(secret, 256, header, "{}");
  return {
    ...{ library, fixture, now, at, secret, sign, signText, signHeader, hmac },
    async expectOutcome(token, options, refusal) {
      const all = options === undefined ? undefined : { ...at, ...options };
      // Without options, the clock of the day counts.
      const jwt = options === undefined ? await sign({ exp: Math.floor(Date.now() / 1000) + 60 }) : await token;
      const error = await errorOf(() => library.jwtVerify(jwt, secret, all));
      if (refusal === undefined) return equal(error, undefined);
      ok(error instanceof library.errors.JOSEError, `${error?.name} ${error?.message}`);
      for (const [member, value] of Object.entries(refusal)) equal(error[member], value, member);
    },
  };
}

/** `"passes"`, or the error's code, or `"TypeError"` where it has none. */
async function outcomeOf(run) {
  const error = await errorOf(run);
  return error === undefined ? "passes" : (error.code ?? error.name);
}

async function errorOf(run) {
  try {
    await run();
    return undefined;
  } catch (error) {
    return error;
  }
}

function inTime(work) {
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("it took more than 10 seconds")), 10_000);
  });
  return Promise.race([work, deadline]).finally(() => clearTimeout(timer));
}

function equal(found, wanted, what = "") {
  if (!Object.is(found, wanted)) throw new Error(`${what} expected ${show(wanted)}, found ${show(found)}`);
}

function ok(holds, what = "it") {
  if (!holds) throw new Error(`${what} does not hold`);
}

function show(value) {
  return value instanceof Error ? `${value.stack}` : String(value);
}

function utf8(text) {
  return new TextEncoder().encode(text);
}

function encode(value) {
  return base64url(JSON.stringify(value));
}

function base64url(value) {
  const bytes = typeof value === "string" ? utf8(value) : value;
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// Tokens for both verifiers: good ones, and ones changed at every level. Every run makes the same cases in the same order;
// the bytes of ECDSA and PSS signatures differ, as those draw randomness of their own.
//
// Left out are ES256K, which jose does not have, and ML-DSA, which Node 20 does not.
import { Draw } from "./draw.mjs";
import {
  ALGORITHMS,
  HMACS,
  ORDERS,
  WEAK,
  base64url,
  privateKey,
  secretOf,
  signatureOf,
  verificationKey,
  weakSignature,
} from "./mint.mjs";

/** The second at which every token is verified. */
export const NOW = 1_790_000_000;
export const ISSUER = "https://issuer.example";

const PAIRS = ALGORITHMS.filter((alg) => !HMACS.includes(alg));
const NAMED_KEYS = PAIRS.filter((alg) => alg !== "Ed25519").map((alg) => verificationKey(alg));

/** What is expected, in jose's words. The clock is always `NOW`. */
const OPTIONS = [
  {},
  { issuer: ISSUER },
  { issuer: ISSUER, audience: "api" },
  { audience: ["api", "admin"], subject: "alice" },
  { issuer: ISSUER, typ: "at+jwt" },
  { typ: "application/AT+JWT", clockTolerance: 5 },
  { maxTokenAge: 300 },
  { maxTokenAge: 300, clockTolerance: 60 },
  { clockTolerance: 60, issuer: ISSUER },
  { requiredClaims: ["jti", "toString"] },
  { requiredClaims: ["sub"], issuer: ISSUER },
  { algorithms: ALGORITHMS },
  { algorithms: ["ES256", "HS256", "PS384", "EdDSA"] },
  { crit: { understood: true } },
];

/**
 * So many cases: `{ mutation, token, keys, options }`. `keys` is one secret JWK or a JWKS.
 * @param {number} count
 * @param {string} seed
 */
export function* cases(count, seed) {
  const draw = new Draw(seed);
  const names = Object.keys(MUTATIONS);
  for (let number = 0; number < count; number += 1) {
    // Each in turn, so that every one has its share.
    const mutation = names[number % names.length];
    const base = goodOne(draw);
    const made = MUTATIONS[mutation](draw, base) ?? {};
    const { token = base.token(), keys = base.keys, options = base.options } = made;
    yield { number, mutation, token, keys, options };
  }
}

/** Something both accept, with whatever options it meets. */
function goodOne(draw, alg = draw.of(ALGORITHMS)) {
  const header = { alg };
  const claims = {};
  const options = draw.of(OPTIONS);
  if (!draw.oneIn(4)) header.kid = alg === "Ed25519" ? "EdDSA" : alg;
  if (options.typ !== undefined) header.typ = draw.of(["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+JWT"]);
  else if (draw.oneIn(2)) header.typ = draw.of(["JWT", "jwt", "at+jwt", "application/jwt"]);
  if (options.crit !== undefined && draw.oneIn(2)) Object.assign(header, { crit: ["understood"], understood: draw.of([1, null, "x"]) });
  if (options.issuer !== undefined || draw.oneIn(2)) claims.iss = ISSUER;
  if (options.audience !== undefined || draw.oneIn(2)) claims.aud = draw.of(["api", ["api"], ["other", "api"], ["api", "api"]]);
  if (options.subject !== undefined || draw.oneIn(2) || options.requiredClaims?.includes("sub")) claims.sub = "alice";
  if (options.maxTokenAge !== undefined || draw.oneIn(2)) claims.iat = NOW - draw.of([0, 1, 10, 299, 299.5, 300]);
  if (!draw.oneIn(8)) claims.exp = NOW + draw.of([1, 0.25, 600, 86_400, 1e9]);
  if (draw.oneIn(3)) claims.nbf = NOW - draw.of([0, 0.5, 10, 1e9]);
  if (draw.oneIn(2) || options.requiredClaims?.includes("jti")) claims.jti = `t-${draw.below(1000)}`;
  if (options.requiredClaims?.includes("toString")) claims.toString = "a claim like any other";
  if (draw.oneIn(4)) claims.extra = draw.of([{ a: [1, 2.5, null, true] }, "é\u0000😀", [], -0.5, 9007199254740993, { __proto__x: 1 }]);
  const keys = HMACS.includes(alg) ? verificationKey(alg) : { keys: NAMED_KEYS };
  return new Token(alg, header, claims, keys, allowing(options, alg));
}

/** The options, with the algorithm among those they allow. */
function allowing(options, alg) {
  const { algorithms } = options;
  return algorithms === undefined || algorithms.includes(alg) ? options : { ...options, algorithms: [...algorithms, alg] };
}

class Token {
  constructor(alg, header, claims, keys, options) {
    Object.assign(this, { alg, header, claims, keys, options });
  }

  /** Signed, with these texts or bytes for header and payload, and with this done to the signature. */
  token({ header = JSON.stringify(this.header), payload = JSON.stringify(this.claims), spell = (part) => part, change, ...how } = {}) {
    const input = `${spell(base64url(header))}.${spell(base64url(payload))}`;
    const signature = signatureOf(input, how.alg ?? this.alg, how);
    return `${input}.${base64url(change === undefined ? signature : change(signature))}`;
  }

  withHeader(members) {
    return { token: this.token({ header: JSON.stringify({ ...this.header, ...members }) }) };
  }

  withClaims(members) {
    return { token: this.token({ payload: JSON.stringify({ ...this.claims, ...members }) }) };
  }

  /** The payload's text with more members in front. */
  withMembers(text) {
    const rest = JSON.stringify(this.claims).slice(1);
    return { token: this.token({ payload: `{${text}${rest === "}" ? "" : ","}${rest}` }) };
  }

  /** The header's. */
  withHeaderMembers(text) {
    return { token: this.token({ header: `{${text},${JSON.stringify(this.header).slice(1)}` }) };
  }

  withoutKid() {
    const { kid: _, ...header } = this.header;
    return new Token(this.alg, header, this.claims, this.keys, this.options);
  }
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Another spelling of the same bytes: a bit that counts for nothing is set. The same text where there is none. */
function notCanonical(part) {
  const unused = { 2: 4, 3: 2 }[part.length % 4];
  return unused === undefined ? part : part.slice(0, -1) + DIGITS[DIGITS.indexOf(part.at(-1)) | 1];
}

const paddingOf = (part) => "=".repeat((4 - (part.length % 4)) % 4) || "====";
const inserted = (text, at, what) => text.slice(0, at) + what + text.slice(at);

/** One part of the finished token in another spelling: header, payload or signature. */
function respelled(draw, base, respell) {
  const part = draw.below(3);
  // Signed over the other spelling, so that nothing else is wrong with it.
  let at = -1;
  const signed = base.token({ spell: (text) => ((at += 1) === part ? respell(text) : text) });
  if (part !== 2) return { token: signed };
  const parts = signed.split(".");
  return { token: [parts[0], parts[1], respell(parts[2])].join(".") };
}

/** One date of a token, which is otherwise good. */
function dated(claim, values) {
  return (draw, base) => base.withClaims({ [claim]: draw.of(values(base.options.clockTolerance ?? 0)) });
}

const ODD_DATES = [null, "1790000600", "", true, [], {}, [1790000600], "NaN", "Infinity", false];
/** As they stand in JSON. */
const ODD_NUMBERS = ["-1", "-0", "-0.0", "0", "1e9", "1.79e9", "17900006e2", "1790000600.0000001", "253402300799", "253402300800", "1e15", "1e300", "1e999", "-1e999", "9007199254740993", "18446744073709551616", "5e-324"];

/** @type {Record<string, (draw: Draw, base: Token) => object | undefined>} */
const MUTATIONS = {
  none: () => undefined,
  "none, again": () => undefined,
  "none, once more": () => undefined,

  // How base64url is spelled.
  "a part with padding": (draw, base) => respelled(draw, base, (part) => part + paddingOf(part)),
  "a part with bits that count for nothing": (draw, base) => respelled(draw, base, notCanonical),
  "a part with white space": (draw, base) => respelled(draw, base, (part) => inserted(part, draw.below(part.length + 1), draw.of([" ", "\n", "\t", "\r\n", "\f", "\v", "\u00a0"]))),
  "a part in the other alphabet": (draw, base) => respelled(draw, base, (part) => part.replaceAll("-", "+").replaceAll("_", "/")),
  "a part with a foreign character": (draw, base) => respelled(draw, base, (part) => inserted(part, draw.below(part.length + 1), draw.of(["%", "!", "\0", "é", "\ud800", "\uff0e", "="]))),
  "a part that is one digit too long or short": (draw, base) => respelled(draw, base, (part) => (draw.oneIn(2) ? `${part}A` : part.slice(0, -1))),
  "text around the token": (draw, base) => ({ token: draw.of([(t) => ` ${t}`, (t) => `${t}\n`, (t) => `Bearer ${t}`, (t) => `"${t}"`, (t) => `\ufeff${t}`, (t) => `${t}\0`])(base.token()) }),

  // Parts.
  "two parts": (draw, base) => ({ token: base.token().split(".").slice(0, 2).join(".") }),
  "four parts": (draw, base) => ({ token: `${base.token()}.${draw.of(["", "AAAA", "e30"])}` }),
  "an empty part": (draw, base) => {
    const parts = base.token().split(".");
    parts[draw.below(3)] = "";
    return { token: parts.join(".") };
  },
  "no token": (draw) => ({ token: draw.of(["", ".", "..", "...", "null", "undefined", "{}", "a.b.c", "e30.e30.", "\0.\0.\0", "eyJhbGciOiJub25lIn0.e30."]) }),
  "cut off": (draw, base) => {
    const token = base.token();
    return { token: token.slice(0, draw.below(token.length)) };
  },
  "any byte changed": (draw, base) => {
    const token = base.token();
    const at = draw.below(token.length);
    return { token: token.slice(0, at) + draw.of([...DIGITS, "."]) + token.slice(at + 1) };
  },
  "longer than sixteen kibibytes": (draw, base) => base.withClaims({ long: "x".repeat(draw.of([12_000, 12_288, 16_384, 60_000])) }),

  // JSON.
  "a claim named twice": (draw, base) => base.withMembers(draw.of(['"sub":"mallory","sub":"alice"', '"exp":1790000600,"\\u0065xp":1790000600', '"a":{"b":1,"b":2}', '"__proto__":{},"__proto__":{}'])),
  "a header member named twice": (draw, base) => base.withHeaderMembers(draw.of(['"alg":"none"', '"x":1,"x":2', '"x":[{"y":1,"y":1}]', '"typ":"a","typ":"b"', `"\\u0061lg":"${base.alg}"`])),
  "data after the payload": (draw, base) => ({ token: base.token({ payload: JSON.stringify(base.claims) + draw.of([" ", "\n\t\r", "{}", "x", "\0", ",", "}"]) }) }),
  "data after the header": (draw, base) => ({ token: base.token({ header: JSON.stringify(base.header) + draw.of([" ", "\n", "{}", "x", "\0"]) }) }),
  "white space within JSON": (draw, base) => ({ token: base.token({ header: JSON.stringify(base.header, null, draw.of([1, "\t"])), payload: JSON.stringify(base.claims, null, draw.of([2, "\t"])) }) }),
  "a payload after a byte order mark": (draw, base) => ({ token: base.token({ payload: `\ufeff${JSON.stringify(base.claims)}` }) }),
  "a header after a byte order mark": (draw, base) => ({ token: base.token({ header: `\ufeff${JSON.stringify(base.header)}` }) }),
  "a payload that is no object": (draw, base) => ({ token: base.token({ payload: draw.of(["null", "[]", '"text"', "1", "true", "[{}]", "{", "", " ", "undefined", "{'a':1}", '{"a":1,}', '{"a":01}', '{"a":+1}', '{"a":.5}', '{"a":1.}', '{a:1}', '/**/{}', '{"a":"\t"}', '{"a":NaN}']) }) }),
  "a header that is no object": (draw, base) => ({ token: base.token({ header: draw.of(["null", "[]", '"text"', "1", "{", "", `[${JSON.stringify(base.header)}]`]) }) }),
  "not UTF-8": (draw, base) => {
    const bytes = Buffer.from(JSON.stringify({ ...base.claims, x: "12345678" }));
    const odd = draw.of([[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x82]]);
    Buffer.from(odd).copy(bytes, bytes.length - 8);
    return { token: base.token({ payload: bytes }) };
  },
  "UTF-16": (draw, base) => ({ token: base.token({ payload: Buffer.from(JSON.stringify(base.claims), "utf16le") }) }),
  "escapes": (draw, base) => base.withMembers(draw.of(['"x":"\\u0041\\ud83d\\ude00\\/"', '"\\u0078":1', '"x":"\\u2028\\u0000"'])),
  "a lone surrogate": (draw, base) => base.withMembers(draw.of(['"x":"\\ud800"', '"x":"\\udc00\\ud800"', '"\\udfff":1', '"x":["\\ud83d\\u0041"]'])),
  "a lone surrogate in the header": (draw, base) => base.withHeaderMembers('"x":"\\ud800"'),
  "deep nesting": (draw, base) => {
    const depth = draw.of([1, 10, 30, 31, 32, 100, 2000]);
    return base.withMembers(`"x":${"[".repeat(depth)}${"]".repeat(depth)}`);
  },
  "deep objects": (draw, base) => {
    const depth = draw.of([5, 30, 31, 32, 200]);
    return base.withMembers(`"x":${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`);
  },
  "numbers of any size": (draw, base) => base.withMembers(`"x":${draw.of(ODD_NUMBERS)}`),
  "names of JavaScript's": (draw, base) => base.withMembers(draw.of(['"__proto__":{"sub":"mallory"}', '"__proto__":null', '"constructor":1', '"toString":null', '"hasOwnProperty":false', '"":0'])),
  "names of JavaScript's in the header": (draw, base) => base.withHeaderMembers(draw.of(['"__proto__":{"alg":"none"}', '"__proto__":{"crit":["x"]}', '"toString":1', '"constructor":{}'])),

  // The header.
  "alg none": (draw, base) => ({ token: draw.of([(t) => t, (t) => `${t.split(".").slice(0, 2).join(".")}.`])(base.withHeader({ alg: draw.of(["none", "None", "NONE", "nOnE", ""]) }).token) }),
  "an alg that is none": (draw, base) => base.withHeader({ alg: draw.of([null, 1, ["HS256"], {}, true, undefined, "HS", "RS1", "ES256K", "rs256", "HS256 ", "toString", "__proto__", "dir", "ML-DSA-44"]) }),
  "another alg": (draw, base) => base.withHeader({ alg: draw.of(ALGORITHMS) }),
  "another alg, and its kid": (draw, base) => {
    const alg = draw.of(ALGORITHMS);
    return base.withHeader({ alg, kid: alg });
  },
  "signed as what it says, with the key of something else": (draw, base) => {
    const alg = draw.of(PAIRS);
    return { ...base.withHeader({ alg, kid: base.header.kid }), keys: { keys: NAMED_KEYS } };
  },
  "a public key taken for a secret": (draw, base) => {
    const alg = draw.of(HMACS);
    const input = `${base64url(JSON.stringify({ ...base.header, alg }))}.${base64url(JSON.stringify(base.claims))}`;
    return { token: `${input}.${base64url(signatureOf(input, alg))}`, keys: { keys: NAMED_KEYS } };
  },
  "crit": (draw, base) => base.withHeader({ crit: draw.of([["exp"], [], null, "exp", {}, [1], [""], ["alg"], ["b64"], ["crit"], ["understood"], ["understood", "other"], ["toString"], ["__proto__"]]), exp: 1 }),
  "crit, understood": (draw, base) => ({
    ...base.withHeader({ crit: draw.of([["understood"], ["understood", "understood"], ["understood", "exp"], ["understood", "alg"]]), ...(draw.oneIn(4) ? {} : { understood: 1 }) }),
    options: { ...base.options, crit: { understood: true } },
  }),
  "b64": (draw, base) => base.withHeader(draw.of([{ b64: false }, { b64: true }, { b64: "false" }, { b64: false, crit: ["b64"] }, { b64: true, crit: ["b64"] }, { b64: null, crit: ["b64"] }])),
  "a kid that is no text": (draw, base) => base.withHeader({ kid: draw.of([null, 1, [], {}, ["ES256"], true]) }),
  "another kid": (draw, base) => base.withHeader({ kid: draw.of(["", "unknown", base.alg.toLowerCase(), `${base.alg} `, "../../../dev/null", "' OR 1=1 --", "\0", "toString", "__proto__", ...PAIRS]) }),
  "without kid": (draw, base) => ({ token: base.withoutKid().token() }),
  "typ": (draw, base) => base.withHeader({ typ: draw.of([null, 1, [], "", "JWT", "at+jwt", "AT+JWT", "application/at+jwt", "application/AT+jwt", "text/at+jwt", "at+jwt;x=1", "application/application/at+jwt", undefined]) }),
  "typ of a revocation list": (draw, base) => base.withHeader({ typ: draw.of(["revocations+jwt", "application/revocations+jwt", "Revocations+JWT"]) }),
  "keys that a token brings along": (draw, base) => {
    const whose = draw.of(["issuers", "somebodyElses"]);
    const jwk = verificationKey(base.alg, "somebodyElses");
    const more = draw.of([{ jwk }, { jku: "https://evil.example/jwks" }, { x5u: "https://evil.example/x5u" }, { x5c: ["MIIB"] }, { jwk, jku: 1, x5t: {}, "x5t#S256": null }]);
    return { token: base.token({ header: JSON.stringify({ ...base.header, ...more }), whose }) };
  },
  "cty, and other members": (draw, base) => base.withHeader(draw.of([{ cty: "JWT" }, { zip: "DEF" }, { enc: "A128GCM" }, { iss: "https://other.example" }, { x: { y: [1] } }])),

  // Claims.
  "iss": (draw, base) => base.withClaims({ iss: draw.of([`${ISSUER}/`, "HTTPS://issuer.example", "", null, 1, [ISSUER], { iss: ISSUER }, undefined, "https://other.example", `${ISSUER} `]) }),
  "aud": (draw, base) => base.withClaims({ aud: draw.of(["other", "", "API", "api ", null, 1, {}, [], [""], ["other"], ["api", 1], [1, "api"], [["api"]], ["api", null], { api: true }, undefined, true]) }),
  "sub": (draw, base) => base.withClaims({ sub: draw.of(["mallory", "", "ALICE", null, 1, ["alice"], {}, undefined, "alice\0"]) }),
  "jti": (draw, base) => base.withClaims({ jti: draw.of([null, 1, "", [], undefined]) }),
  "a required claim": (draw, base) => ({ ...draw.of([base.withClaims({ toString: undefined }), base.withClaims({ toString: null, jti: null }), base.withClaims({ sub: undefined, jti: undefined })]), options: { requiredClaims: draw.of([["toString"], ["hasOwnProperty"], ["__proto__"], ["jti"], ["sub", "jti"], ["exp", "nbf"]]) } }),
  "exp at its edge": dated("exp", (tolerance) => [0, 1, -1, 0.25, -0.25, 0.001, -0.001].flatMap((off) => [NOW + off, NOW - tolerance + off])),
  "nbf at its edge": dated("nbf", (tolerance) => [0, 1, -1, 0.25, -0.25, 0.001, 0.0004, -0.001].flatMap((off) => [NOW + off, NOW + tolerance + off])),
  "iat at its edge": dated("iat", (tolerance) => [0, 1, -1, 0.25, -0.25, 0.001, 0.0004].flatMap((off) => [NOW + off, NOW + tolerance + off, NOW - 300 + off, NOW - 300 - tolerance + off])),
  "exp of another type": dated("exp", () => ODD_DATES),
  "nbf of another type": dated("nbf", () => ODD_DATES),
  "iat of another type": dated("iat", () => ODD_DATES),
  "exp of any size": (draw, base) => new Token(base.alg, base.header, { ...base.claims, exp: undefined }, base.keys, base.options).withMembers(`"exp":${draw.of(ODD_NUMBERS)}`),
  "nbf of any size": (draw, base) => new Token(base.alg, base.header, { ...base.claims, nbf: undefined }, base.keys, base.options).withMembers(`"nbf":${draw.of(ODD_NUMBERS)}`),
  "iat of any size": (draw, base) => new Token(base.alg, base.header, { ...base.claims, iat: undefined }, base.keys, base.options).withMembers(`"iat":${draw.of(ODD_NUMBERS)}`),
  "two dates at once": (draw, base) => base.withClaims({ exp: NOW + draw.of([-1, 1]) * 600, nbf: NOW + draw.of([-1, 1]) * 600, iat: NOW + draw.of([-1, 1, "x"]) * 600 }),
  "without dates": (draw, base) => base.withClaims({ exp: undefined, nbf: undefined, iat: undefined }),
  "a tolerance over a minute": (draw, base) => ({ options: { ...base.options, clockTolerance: draw.of([60, 61, 3600]) } }),

  // Signatures.
  "a bit of the signature turned": (draw, base) => ({ token: base.token({ change: (bytes) => turned(bytes, draw) }) }),
  "the signature cut off": (draw, base) => ({ token: base.token({ change: (bytes) => bytes.subarray(0, draw.below(bytes.length)) }) }),
  "the signature longer": (draw, base) => ({ token: base.token({ change: (bytes) => draw.of([Buffer.concat([bytes, Buffer.alloc(1)]), Buffer.concat([Buffer.alloc(1), bytes]), Buffer.concat([bytes, bytes]), Buffer.concat([bytes, Buffer.alloc(10_000)])]) }) }),
  "the signature of zeros or ones": (draw, base) => ({ token: base.token({ change: (bytes) => Buffer.alloc(bytes.length, draw.of([0, 0xff, 1])) }) }),
  "r or s of zero": (draw) => {
    const base = goodOne(draw, draw.of(Object.keys(ORDERS)));
    const half = draw.below(3);
    return { ...base, token: base.token({ change: (bytes) => halves(bytes, (number, at) => (half === 2 || half === at ? 0n : number)) }) };
  },
  "r and s of one, or of the order": (draw) => {
    const base = goodOne(draw, draw.of(Object.keys(ORDERS)));
    const number = draw.of([1n, ORDERS[base.alg], ORDERS[base.alg] - 1n]);
    return { ...base, token: base.token({ change: (bytes) => halves(bytes, () => number) }) };
  },
  "the other s": (draw) => {
    const base = goodOne(draw, draw.of(Object.keys(ORDERS)));
    return { ...base, token: base.token({ change: (bytes) => halves(bytes, (number, at) => (at === 1 ? ORDERS[base.alg] - number : number)) }) };
  },
  "s and the order": (draw) => {
    const base = goodOne(draw, "ES512");
    return { ...base, token: base.token({ change: (bytes) => halves(bytes, (number, at) => (at === 1 ? number + ORDERS.ES512 : number)) }) };
  },
  "an ECDSA signature in DER": (draw) => {
    const base = goodOne(draw, draw.of(Object.keys(ORDERS)));
    return { ...base, token: base.token({ der: true }) };
  },
  "somebody else's signature": (draw, base) => ({ token: base.token({ whose: "somebodyElses" }) }),
  "the signature of another token": (draw, base) => {
    const [header, payload] = base.token().split(".");
    return { token: `${header}.${payload}.${base.withClaims({ sub: "mallory" }).token.split(".")[2]}` };
  },
  "PKCS #1 for PSS, or another hash": (draw) => {
    const base = goodOne(draw, draw.of(["RS256", "PS256", "RS512", "PS512"]));
    return { ...base, token: base.token({ alg: draw.of(["RS256", "PS256", "RS384", "PS384"]) }) };
  },

  // Keys.
  "another key of the same name": (draw) => {
    const base = goodOne(draw, draw.of(PAIRS));
    const other = verificationKey(base.alg, "somebodyElses");
    const ours = verificationKey(base.alg);
    return { ...base, token: base.token(), keys: { keys: draw.of([[ours, other], [other, ours], [other]]) } };
  },
  "two keys without a name": (draw) => {
    const base = goodOne(draw, draw.of(PAIRS)).withoutKid();
    const keys = [verificationKey(base.alg), verificationKey(base.alg, "somebodyElses")].map(({ kid: _, ...key }) => key);
    return { ...base, token: base.token({ whose: draw.of(["issuers", "somebodyElses"]) }), keys: { keys } };
  },
  "keys of one name and several types": (draw) => {
    const base = goodOne(draw, draw.of(PAIRS));
    const keys = NAMED_KEYS.map((key) => ({ ...key, kid: "k" }));
    return { ...base, ...base.withHeader({ kid: "k" }), keys: { keys } };
  },
  "keys without alg": (draw) => {
    const base = goodOne(draw, draw.of(PAIRS));
    const keys = NAMED_KEYS.map(({ alg: _, ...key }) => key);
    return { ...base, token: base.token(), keys: { keys } };
  },
  "a key without a name": (draw, base) => {
    const { kid: _, ...key } = verificationKey(base.alg);
    return { keys: HMACS.includes(base.alg) ? key : { keys: [key] } };
  },
  "a key for something else": (draw, base) => {
    const key = { ...verificationKey(base.alg), ...draw.of([{ use: "enc" }, { key_ops: ["sign"] }, { key_ops: [] }, { use: "sig", key_ops: ["verify"] }, { key_ops: ["verify", "verify"] }, { key_ops: ["verify", 1] }, { use: null }, { alg: draw.of(ALGORITHMS) }]) };
    return { keys: HMACS.includes(base.alg) ? key : { keys: [key] } };
  },
  "a private key": (draw) => {
    const base = goodOne(draw, draw.of(PAIRS));
    return { ...base, token: base.token(), keys: { keys: [privateKey(base.alg)] } };
  },
  "a weak RSA key": (draw) => {
    const base = goodOne(draw, "RS256");
    const name = draw.of(Object.keys(WEAK));
    const [header, payload] = base.token().split(".");
    const signature = base64url(weakSignature(`${header}.${payload}`, name));
    return { ...base, token: `${header}.${payload}.${signature}`, keys: { keys: [WEAK[name]] } };
  },
  "a short secret": (draw) => {
    const base = goodOne(draw, draw.of(HMACS));
    const short = secretOf(base.alg).subarray(0, draw.of([0, 1, 16, 31]));
    return { ...base, token: base.token(), keys: { ...verificationKey(base.alg), k: base64url(short) } };
  },
  "an empty set": (draw, base) => ({ keys: { keys: draw.of([[], [{ kty: "none" }]]) } , token: base.token() }),
};

function turned(bytes, draw) {
  const copy = Buffer.from(bytes);
  copy[draw.below(copy.length)] ^= 1 << draw.below(8);
  return copy;
}

/** Changes the two numbers of a raw ECDSA signature. */
function halves(bytes, change) {
  const length = bytes.length / 2;
  const numbers = [bytes.subarray(0, length), bytes.subarray(length)].map((half) => BigInt(`0x${half.toString("hex")}`));
  return Buffer.from(numbers.map((number, at) => change(number, at).toString(16).padStart(2 * length, "0")).join(""), "hex");
}

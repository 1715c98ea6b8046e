// Every reason for which the two verifiers may disagree. Each looks at the token itself, its keys and options, and never at
// how the case was made.
//
// `jose` says what it must have said: `accepted` where ours is the stricter one, a code where both refuse and differ in the
// code alone. There is no rule for the other way round: what jose refuses and we accept fails.
import { HMACS } from "./mint.mjs";
import { isCanonical, isForgivable } from "./reading.mjs";
import { ISSUER, NOW } from "./generate.mjs";

const MAX_TOKEN_BYTES = 16_384;
const MAX_SECONDS = 253_402_300_799;
const INVALID_CLAIM = "ERR_JWT_CLAIM_VALIDATION_FAILED";
const UNSIGNED = "ERR_JWS_SIGNATURE_VERIFICATION_FAILED";
const NO_KEY = "ERR_JWKS_NO_MATCHING_KEY";
const NOT_ALLOWED = "ERR_JOSE_ALG_NOT_ALLOWED";
const NOT_SUPPORTED = "ERR_JOSE_NOT_SUPPORTED";

/**
 * @typedef {{
 *   name: string,
 *   reason: string,
 *   ours: string | string[],
 *   jose: string | string[],
 *   applies: (look: any) => boolean,
 * }} Rule
 */

/** @type {Rule[]} */
export const RULES = [
  // How a token is spelled.
  {
    name: "one spelling of base64url",
    reason: "jose decodes with atob, which takes padding, white space and bits that count for nothing; two texts for one token are one too many for whoever compares or logs them",
    ours: "ERR_JWS_INVALID",
    jose: ["accepted", UNSIGNED, "ERR_JWT_INVALID", NO_KEY, NOT_SUPPORTED, INVALID_CLAIM, "ERR_JWT_EXPIRED", "TypeError", NOT_ALLOWED],
    applies: ({ parts }) => parts.length === 3 && parts.some((part) => !isCanonical(part)),
  },
  {
    name: "every part is read before anything else",
    reason: "jose says of an unreadable payload only after the signature; here, what cannot be a token is refused before any key is looked for",
    ours: "ERR_JWS_INVALID",
    jose: ["ERR_JWT_INVALID", UNSIGNED, NO_KEY, NOT_SUPPORTED, NOT_ALLOWED, "TypeError"],
    applies: ({ parts }) => parts.length === 3 && parts.some((part) => part === "" || !isForgivable(part)),
  },
  {
    name: "at most 16 KiB",
    reason: "servers commonly cap all headers together there, and work must be bounded",
    ours: "ERR_JWS_INVALID",
    jose: ["accepted", UNSIGNED],
    applies: ({ token }) => Buffer.byteLength(token) > MAX_TOKEN_BYTES,
  },

  // JSON.
  {
    name: "a header that two readers may read differently",
    reason: "a member named twice, a byte order mark, a lone surrogate, a number beyond f64, or nesting past 32 levels",
    ours: "ERR_JWS_INVALID",
    jose: "accepted",
    applies: ({ header }) => header.members !== undefined && header.minds.length > 0,
  },
  {
    name: "a payload that two readers may read differently",
    reason: "as with the header",
    ours: "ERR_JWT_INVALID",
    jose: ["accepted", INVALID_CLAIM, "ERR_JWT_EXPIRED"],
    applies: ({ payload }) => payload.members !== undefined && payload.minds.length > 0,
  },
  {
    name: "a payload that is no JSON object, in a token with a bad signature",
    reason: "the payload is read with the header, so that the issuer it names can be looked for",
    ours: "ERR_JWT_INVALID",
    jose: UNSIGNED,
    applies: ({ payload }) => payload.members === undefined,
  },

  // The header.
  {
    name: "kid and typ are texts",
    reason: "RFC 7515 §4.1.4 and §4.1.9; jose looks at `typ` only where one is wanted, and at `kid` only in a set",
    ours: "ERR_JWS_INVALID",
    jose: ["accepted", NO_KEY, INVALID_CLAIM],
    applies: ({ header }) => ["kid", "typ"].some((name) => isThereAnd(header.members, name, (value) => typeof value !== "string")),
  },
  {
    name: "no b64 in a JWT",
    reason: "RFC 7797 §7; jose lets `true` pass, and `false` without `crit`",
    ours: "ERR_JWT_INVALID",
    jose: ["accepted", "ERR_JWS_INVALID"],
    applies: ({ header }) => isThereAnd(header.members, "b64", () => true),
  },
  {
    name: "crit lists each member once",
    reason: "RFC 7515 §4.1.11",
    ours: "ERR_JWS_INVALID",
    jose: "accepted",
    applies: ({ header }) => isThereAnd(header.members, "crit", (crit) => new Set(crit).size < crit.length),
  },
  {
    name: "crit is understood before it is complete",
    reason: "of two faults in `crit`, an extension that is not understood and a member that is not there, each verifier names the one that it looks for first",
    ours: NOT_SUPPORTED,
    jose: "ERR_JWS_INVALID",
    applies: ({ header, options }) => isThereAnd(header.members, "crit", (crit) => Array.isArray(crit)
      && crit.some((name) => !Object.hasOwn(options.crit ?? {}, name))
      && crit.some((name) => !Object.hasOwn(header.members, name))),
  },
  {
    name: "the typ of a revocation list",
    reason: "what an authority signs is never a bearer token",
    ours: INVALID_CLAIM,
    jose: "accepted",
    applies: ({ header }) => /^(application\/)?revocations\+jwt$/i.test(header.members?.typ),
  },

  // Algorithm and key.
  {
    name: "an algorithm that is not supported is not allowed",
    reason: "there is one answer to an `alg` that no key at hand stands for, whatever it is; jose tells what it does not know, or what a set never holds, or an `alg` without a letter, from what is not allowed, and knows no ES256K",
    ours: [NOT_ALLOWED, NO_KEY, NOT_SUPPORTED],
    jose: [NOT_SUPPORTED, "ERR_JWS_INVALID"],
    applies: ({ header, keys }) => !standsFor(keys, header.members?.alg),
  },
  {
    name: "the key fixes the algorithm",
    reason: "a key that fits the token's `kid` and not its `alg` is found and refused; jose looks for one that fits both, and throws a TypeError where there is only one key",
    ours: NOT_ALLOWED,
    jose: [NO_KEY, "TypeError"],
    applies: ({ header, keys }) => keys.keys === undefined
      ? !standsFor(keys, header.members?.alg)
      : named(keys, header.members?.kid).length > 0 && !standsFor({ keys: named(keys, header.members?.kid) }, header.members?.alg),
  },
  {
    name: "a key without alg stands for one algorithm",
    reason: "RSA for RS256, unless `algorithms` says otherwise: so nobody chooses the padding but the key's owner",
    ours: [NOT_ALLOWED, NO_KEY],
    jose: "accepted",
    applies: ({ header, keys, options }) => options.algorithms === undefined && listed(keys).every((key) => key.alg === undefined)
      && /^(RS|PS)/.test(header.members?.alg) && header.members.alg !== "RS256",
  },
  {
    name: "a single secret has a name as well",
    reason: "a token that asks for another key, or for one by name where the key has none, is not tried with the one at hand; jose looks at `kid` in a set only",
    ours: NO_KEY,
    jose: ["accepted", "TypeError", NOT_SUPPORTED, UNSIGNED],
    applies: ({ header, keys }) => keys.keys === undefined && header.members?.kid !== undefined && header.members.kid !== keys.kid,
  },
  {
    name: "a name that no key has, with an algorithm of secrets",
    reason: "jose refuses HMAC in a set before it looks for the name",
    ours: NO_KEY,
    jose: NOT_SUPPORTED,
    applies: ({ header, keys }) => HMACS.includes(header.members?.alg) && header.members.kid !== undefined && named(keys, header.members.kid).length === 0,
  },

  // Keys and options are looked at before there is a token.
  {
    name: "keys that verify nothing are not taken in",
    reason: "a private key, a secret shorter than the hash, an RSA key under 2048 bits or of another exponent than 65537, one for other operations than verifying, or of a type that does not fit its `alg`: refused by `createVerifier` at once and by `jwtVerify` when it is used, by jose with the first token, if at all",
    ours: ["ERR_CONFIG_INVALID", NO_KEY, "ERR_JWK_INVALID"],
    jose: ["accepted", NO_KEY, "ERR_JWKS_INVALID", NOT_SUPPORTED, UNSIGNED, "TypeError", "DataError"],
    applies: ({ keys }) => listed(keys).some((key) => key.d !== undefined) || !listed(keys).some(isUsable),
  },
  {
    name: "a tolerance of at most a minute",
    reason: "clocks that differ by more are broken",
    ours: "ERR_CONFIG_INVALID",
    jose: "accepted",
    applies: ({ options }) => options.clockTolerance > 60,
  },

  // Claims.
  {
    name: "an issuer is looked for before a key",
    reason: "`createVerifier` has keys for each issuer that it is told, so that a token of nobody known has none; `jwtVerify` wants an issuer where it is told one",
    ours: "ERR_JWT_ISSUER_UNKNOWN",
    jose: ["accepted", INVALID_CLAIM, UNSIGNED, NO_KEY, NOT_SUPPORTED],
    applies: ({ payload, options }) => (options.issuer !== undefined || isThereAnd(payload.members, "iss", () => true)) && payload.members?.iss !== ISSUER,
  },
  {
    name: "an issuer is a text",
    reason: "RFC 7519 §4.1.1, wanted or not",
    ours: INVALID_CLAIM,
    jose: "accepted",
    applies: ({ payload }) => isThereAnd(payload.members, "iss", (iss) => typeof iss !== "string"),
  },
  {
    name: "an audience is a text or a list of texts",
    reason: "RFC 7519 §4.1.3, wanted or not",
    ours: INVALID_CLAIM,
    jose: "accepted",
    applies: ({ payload }) => isThereAnd(payload.members, "aud", (aud) => ![aud].flat().every((one) => typeof one === "string")),
  },
  {
    name: "a token of the future",
    reason: "who can postdate a token gets past every cutoff to come; jose looks at `iat` with `maxTokenAge` only",
    ours: INVALID_CLAIM,
    jose: "accepted",
    applies: ({ payload, options }) => options.maxTokenAge === undefined && payload.members?.iat > NOW + (options.clockTolerance ?? 0),
  },
  {
    name: "dates from 1970 to 9999",
    reason: "a date before or after is a mistake, in milliseconds for example",
    ours: INVALID_CLAIM,
    jose: ["accepted", "ERR_JWT_EXPIRED"],
    applies: ({ payload }) => ["exp", "nbf", "iat"].some((name) => payload.members?.[name] < 0 || payload.members?.[name] > MAX_SECONDS),
  },
  {
    name: "exp is looked at before nbf and iat",
    reason: "of two faults, each verifier names the one that it looks for first",
    ours: "ERR_JWT_EXPIRED",
    jose: INVALID_CLAIM,
    applies: ({ payload, options }) => payload.members?.exp <= NOW - (options.clockTolerance ?? 0)
      && (payload.members.nbf > NOW + (options.clockTolerance ?? 0) || isThereAnd(payload.members, "iat", (iat) => typeof iat !== "number")),
  },
];

/** The rules that explain a disagreement. */
export function explaining({ ours, jose, look }) {
  const isSaid = (rule) => [rule.ours].flat().includes(ours) && [rule.jose].flat().includes(jose);
  return RULES.filter((rule) => isSaid(rule) && rule.applies(look));
}

function isThereAnd(members, name, holds) {
  return members !== undefined && Object.hasOwn(members, name) && holds(members[name]);
}

const listed = (keys) => keys.keys ?? [keys];
const named = (keys, kid) => listed(keys).filter((key) => kid === undefined || key.kid === kid);

function standsFor(keys, alg) {
  const one = (name) => (name === "Ed25519" ? "EdDSA" : name);
  return listed(keys).some((key) => one(key.alg) === one(alg));
}

function isUsable(key) {
  const bytes = (member) => Buffer.from(key[member] ?? "", "base64url");
  if (key.use !== undefined && key.use !== "sig") return false;
  if (key.key_ops !== undefined && JSON.stringify(key.key_ops) !== '["verify"]') return false;
  if (key.kty === "oct") return HMACS.includes(key.alg) && bytes("k").length >= Number(key.alg.slice(2)) / 8;
  if (key.kty === "RSA") return /^[RP]S/.test(key.alg ?? "RS256") && bytes("n").length >= 256 && key.e === "AQAB";
  const fitting = { "P-256": ["ES256"], "P-384": ["ES384"], "P-521": ["ES512"], Ed25519: ["EdDSA", "Ed25519"] }[key.crv] ?? [];
  return key.alg === undefined ? fitting.length > 0 : fitting.includes(key.alg);
}

// The two verifiers, each with the same options in its own words.
import { createLocalJWKSet, errors, jwtVerify } from "jose";

import { ISSUER, NOW } from "./generate.mjs";

/**
 * What we say by the function that has jose's shape, with the very same options.
 * @param {any} revocable  the package
 */
export function byJwtVerify({ createLocalJWKSet, jwtVerify }) {
  const sets = new Map();
  const setOf = (jwks) => {
    const id = JSON.stringify(jwks);
    if (!sets.has(id)) sets.set(id, createLocalJWKSet(jwks));
    return sets.get(id);
  };
  return async ({ token, keys, options }) => {
    try {
      const key = keys.keys === undefined ? keys : setOf(keys);
      const { payload } = await jwtVerify(token, key, { ...options, currentDate: new Date(NOW * 1000) });
      return { verdict: "accepted", claims: payload };
    } catch (error) {
      return { verdict: nameOf(error) };
    }
  };
}

/**
 * What we say: `accepted`, with the claims, or the code of a refusal.
 *
 * By the package's `createVerifier`, with its defaults turned into those of `jwtVerify`. It wants an issuer's name where
 * jose wants none.
 * @param {{ createVerifier: Function }} revocable  the package
 */
export function byCreateVerifier({ createVerifier }) {
  const verifiers = new Map();
  return async ({ token, keys, options }) => {
    const id = JSON.stringify([keys, options]);
    if (!verifiers.has(id)) verifiers.set(id, createVerifier(inOurWords(keys, options)).catch((error) => error));
    const verifier = await verifiers.get(id);
    if (verifier instanceof Error) return { verdict: nameOf(verifier) };
    const { decision, claims, error } = await verifier.verify(token);
    return decision === "allow" ? { verdict: "accepted", claims } : { verdict: error.code };
  };
}

function inOurWords(jwks, { crit, issuer, ...options }) {
  const expected = { clockTolerance: 0, requireExp: false, ...options };
  if (crit !== undefined) expected.crit = Object.keys(crit);
  if (issuer === undefined) expected.missingIss = "accept";
  return { issuers: [{ issuer: issuer ?? ISSUER, jwks, ...expected }], revocations: false, now: () => NOW * 1000 };
}

/**
 * What jose says. A set with several keys that fit is tried key by key, as its documentation shows.
 *
 * In one thing it is told what we take for granted: `EdDSA` and `Ed25519` are two names of one algorithm.
 */
export async function joses({ token, keys, options }) {
  const { algorithms } = options;
  const settings = { ...options, currentDate: new Date(NOW * 1000) };
  if (algorithms?.some((name) => ED25519.includes(name))) settings.algorithms = [...algorithms, ...ED25519];
  try {
    const { payload } = await verifyByJose(token, keys.keys === undefined ? keys : setOf(keys), settings);
    return { verdict: "accepted", claims: payload };
  } catch (error) {
    return { verdict: nameOf(error) };
  }
}

async function verifyByJose(token, key, settings) {
  try {
    return await jwtVerify(token, key, settings);
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    let last = new errors.JWSSignatureVerificationFailed();
    for await (const one of error) {
      try {
        return await jwtVerify(token, one, settings);
      } catch (refusal) {
        if (!(refusal instanceof errors.JWSSignatureVerificationFailed)) throw refusal;
        last = refusal;
      }
    }
    throw last;
  }
}

const ED25519 = ["EdDSA", "Ed25519"];
const sets = new Map();

function setOf(jwks) {
  const id = JSON.stringify(jwks);
  if (!sets.has(id)) {
    const keys = jwks.keys.map(({ alg, ...key }) => (alg === undefined || ED25519.includes(alg) ? key : { ...key, alg }));
    sets.set(id, createLocalJWKSet({ keys }));
  }
  return sets.get(id);
}

/** A code where there is one; the numbers that DOMExceptions have are none. */
function nameOf({ code, name }) {
  return typeof code === "string" ? code : name;
}

// The engines that the vectors are run through in a JavaScript runtime, behind the question of runner.mjs.

/**
 * The core in a Wasm, which looks at keys and signatures before an engine does; that is one of its own in Rust, or a host's.
 * @param {typeof import("../../target/vectors-wasm/core.js")} core  initialised
 * @param {string} name
 * @param {object} [host]  `webCrypto(…)` or `nodeCrypto(…)`
 */
export function throughCore(core, name, host) {
  /** By the object that the suite has them in. */
  const taken = new Map();
  const takeIn = (document, algorithms) => {
    if (!taken.has(document)) {
      const keys = core.Keys.parse(JSON.stringify(document), algorithms.join(), host !== undefined);
      taken.set(document, { keys, hostJwks: [] });
    }
    return taken.get(document);
  };
  const ask = async ({ keys, hostJwks }, index, algorithm, message, signature) => {
    const said = keys.check(index, algorithm, message, signature);
    if (said !== core.Said.AskHost) return said === core.Said.Fits;
    hostJwks[index] ??= JSON.parse(keys.hostJwk(index, algorithm));
    return host.check({ algorithm, jwk: hostJwks[index], message, signature });
  };
  return {
    name,
    async check({ algorithm, jwk, message, signature }) {
      if (host !== undefined && (algorithm.startsWith("HS") || !(await host.knows({ algorithm, jwk })))) return undefined;
      const set = takeIn(jwk, [algorithm]);
      return set.keys !== undefined && ask(set, 0, algorithm, message, signature);
    },
    async checkToken({ algorithms, jwks, token }) {
      const set = takeIn(jwks, algorithms);
      const reading = set.keys?.read(token);
      if (reading === undefined) return false;
      const { algorithm, message, signature } = reading;
      for (const index of reading.keys) {
        const fits = await ask(set, index, algorithm, message, signature);
        if (fits !== false) return fits;
      }
      return false;
    },
  };
}

/** `crypto.subtle`, which browsers, workerd and Node have. */
export function webCrypto(name, subtle = globalThis.crypto.subtle) {
  const taken = new WeakMap();
  const takeIn = async ({ algorithm, jwk }) => {
    if (!taken.has(jwk)) taken.set(jwk, await importKey(subtle, WEB_CRYPTO[algorithm], jwk));
    return taken.get(jwk);
  };
  return {
    name,
    async knows(question) {
      return (await takeIn(question)) !== undefined;
    },
    async check(question) {
      const key = await takeIn(question);
      if (typeof key !== "object") return key;
      try {
        return await subtle.verify(WEB_CRYPTO[question.algorithm].verify, key, question.signature, question.message);
      } catch (error) {
        // Some hosts fail at signatures of a wrong length, where others say that they do not fit.
        if (error.name === "OperationError" || error.name === "DataError") return false;
        throw error;
      }
    },
  };
}

/** `node:crypto`. */
export function nodeCrypto(name, crypto) {
  const taken = new WeakMap();
  const takeIn = ({ algorithm, jwk }) => {
    if (!taken.has(jwk)) taken.set(jwk, createKey(crypto, NODE_CRYPTO[algorithm], jwk));
    return taken.get(jwk);
  };
  return {
    name,
    knows: (question) => takeIn(question) !== undefined,
    check(question) {
      const key = takeIn(question);
      if (typeof key !== "object") return key;
      const { hash, ...rest } = NODE_CRYPTO[question.algorithm];
      return crypto.verify(hash, question.message, { key, ...rest }, question.signature);
    },
  };
}

/** A key, or `false` when it is none, or `undefined` when the host does not know its kind. */
async function importKey(subtle, method, jwk) {
  if (method === undefined) return undefined;
  try {
    return await subtle.importKey("jwk", jwk, method.import, false, ["verify"]);
  } catch (error) {
    if (error.name === "NotSupportedError") return undefined;
    // What is no point on its curve is an OperationError to workerd, and a DataError to all others.
    if (error.name === "DataError" || error.name === "OperationError") return false;
    throw error;
  }
}

function createKey(crypto, method, jwk) {
  if (method === undefined) return undefined;
  try {
    return crypto.createPublicKey({ key: jwk, format: "jwk" });
  } catch (error) {
    // What is wrong with a key of a kind that this Node does not know says nothing about the key.
    return error.code === "ERR_CRYPTO_INVALID_JWK" ? false : undefined;
  }
}

const WEB_CRYPTO = {
  HS256: named("HMAC", { hash: "SHA-256" }),
  HS384: named("HMAC", { hash: "SHA-384" }),
  HS512: named("HMAC", { hash: "SHA-512" }),
  RS256: named("RSASSA-PKCS1-v1_5", { hash: "SHA-256" }),
  RS384: named("RSASSA-PKCS1-v1_5", { hash: "SHA-384" }),
  RS512: named("RSASSA-PKCS1-v1_5", { hash: "SHA-512" }),
  PS256: named("RSA-PSS", { hash: "SHA-256" }, { saltLength: 32 }),
  PS384: named("RSA-PSS", { hash: "SHA-384" }, { saltLength: 48 }),
  PS512: named("RSA-PSS", { hash: "SHA-512" }, { saltLength: 64 }),
  ES256: named("ECDSA", { namedCurve: "P-256" }, { hash: "SHA-256" }),
  ES384: named("ECDSA", { namedCurve: "P-384" }, { hash: "SHA-384" }),
  ES512: named("ECDSA", { namedCurve: "P-521" }, { hash: "SHA-512" }),
  EdDSA: named("Ed25519"),
  "ML-DSA-44": named("ML-DSA-44"),
  "ML-DSA-65": named("ML-DSA-65"),
  "ML-DSA-87": named("ML-DSA-87"),
};

function named(name, toImport = {}, toVerify = {}) {
  return { import: { name, ...toImport }, verify: { name, ...toVerify } };
}

const PSS = { padding: 6 };
const RAW = { dsaEncoding: "ieee-p1363" };
const NODE_CRYPTO = {
  RS256: { hash: "sha256" },
  RS384: { hash: "sha384" },
  RS512: { hash: "sha512" },
  PS256: { hash: "sha256", saltLength: 32, ...PSS },
  PS384: { hash: "sha384", saltLength: 48, ...PSS },
  PS512: { hash: "sha512", saltLength: 64, ...PSS },
  ES256: { hash: "sha256", ...RAW },
  ES384: { hash: "sha384", ...RAW },
  ES512: { hash: "sha512", ...RAW },
  ES256K: { hash: "sha256", ...RAW },
  EdDSA: { hash: null },
  "ML-DSA-44": { hash: null },
  "ML-DSA-65": { hash: null },
  "ML-DSA-87": { hash: null },
};

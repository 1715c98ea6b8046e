// The engines that the vectors are run through in a JavaScript runtime, behind the question of runner.mjs.

/**
 * The core with its own engines, and the npm package's.
 * @param {typeof import("../../target/vectors-wasm/core.js")} core  initialised
 * @param {string} runtime  what their names begin with
 * @param {typeof import("../../pkg/dist/node_host.js").hostHere} hostHere  of the package, for this runtime
 * @param {string[]} names  of the package's engines that this runtime has
 * @param {boolean} raw  asks those without the core before them
 */
export function everyEngine(core, runtime, hostHere, names, raw) {
  const hosts = names.map((name) => packaged(`${runtime} ${name}`, hostHere(name)));
  return [throughCore(core, `${runtime} rust`), ...hosts.map((host) => (raw ? host : throughCore(core, host.name, host)))];
}

/**
 * The core in a Wasm, which looks at keys and signatures before an engine does; that is one of its own in Rust, or a host's.
 * @param {typeof import("../../target/vectors-wasm/core.js")} core  initialised
 * @param {string} name
 * @param {ReturnType<typeof packaged>} [host]
 */
export function throughCore(core, name, host) {
  /** By the object that the suite has them in. */
  const taken = new Map();
  const takeIn = (document, algorithms) => {
    if (!taken.has(document)) {
      const keys = core.Keys.parse(JSON.stringify(document), algorithms.join(), host !== undefined);
      taken.set(document, { keys, hostJwks: {} });
    }
    return taken.get(document);
  };
  const ask = async ({ keys, hostJwks }, index, algorithm, message, signature) => {
    const said = keys.check(index, algorithm, message, signature);
    if (said !== core.Said.AskHost) return said === core.Said.Fits;
    const jwk = (hostJwks[`${index} ${algorithm}`] ??= JSON.parse(keys.hostJwk(index, algorithm)));
    return host.check({ algorithm, jwk, message, signature });
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

/**
 * A host engine of the npm package.
 * @param {string} name
 * @param {import("../../pkg/dist/host/host.js").Host} host  `hostHere(…)`, forced to one engine
 */
export function packaged(name, host) {
  /** By JWK and algorithm: one number never stands for two of them. */
  const numbers = new WeakMap();
  let last = 0;
  const numberOf = (jwk, algorithm) => {
    if (!numbers.has(jwk)) numbers.set(jwk, {});
    return (numbers.get(jwk)[algorithm] ??= ++last);
  };
  const known = new Set();
  const check = async ({ algorithm, jwk, message: signingInput, signature }) => {
    const keyNumber = numberOf(jwk, algorithm);
    try {
      const answer = await host.verify({ keyNumber, algorithm, jwk: () => JSON.stringify(jwk), signingInput, signature });
      if (!FITS.has(answer)) throw new Error(`the host answered ${String(answer)}`);
      known.add(algorithm);
      return FITS.get(answer);
    } catch (error) {
      // With `mayPass` the engine has failed, which is no way of saying that it does not know something.
      if (error.name === "NoEngine" && !error.mayPass) return undefined;
      throw error;
    }
  };
  return {
    name,
    check,
    /** Whether the algorithm is one of the engine's. Once a key has been taken in for it, it is, whatever other keys are. */
    async knows({ algorithm, jwk }) {
      const nothing = new Uint8Array();
      if (!known.has(algorithm)) await check({ algorithm, jwk, message: nothing, signature: nothing });
      return known.has(algorithm);
    },
  };
}

/** What the package's answers say: the signature fits, it does not, the key is none. */
const FITS = new Map([
  [0, true],
  [1, false],
  [2, false],
]);

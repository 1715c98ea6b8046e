// Runs the published vectors of suites/ through one engine. Nothing but the language is used here, so that Node, workerd
// and browsers run it alike. `tests/common/suites.rs` judges in the same way.

/**
 * @typedef {{ id: number, comment: string, msg?: string, sig?: string, token?: string, result: string, flags?: string[] }} Test
 * @typedef {{ alg?: string, jwk?: object, jwks?: object, algorithms?: string[], tests: Test[] }} Group
 * @typedef {{ suite: string, groups: Group[] }} Suite
 * @typedef {boolean | undefined} Fits  `undefined`: the engine does not know the algorithm
 * @typedef {object} Engine
 * @property {string} name
 * @property {(question: { algorithm: string, jwk: object, message: Uint8Array, signature: Uint8Array }) => Fits | Promise<Fits>} check
 * @property {(question: { algorithms: string[], jwks: object, token: string }) => Fits | Promise<Fits>} [checkToken]
 *   for suites of tokens; an engine without it is not asked about them
 * @typedef {{ suite: string, engine: string, passed: number, excepted: number, unclaimed: number, failed: number,
 *   failures: string[] }} Row
 */

/**
 * Runs suites.
 * @param {Engine} engine
 * @param {Suite[]} suites
 * @param {object} exceptions  exceptions.json
 * @returns {Promise<Row[]>}  a row for each suite
 */
export async function runSuites(engine, suites, exceptions) {
  const judge = new Judge(engine.name, exceptions);
  const rows = [];
  for (const suite of suites) rows.push(await judge.suite(suite, engine));
  return rows;
}

/** Bytes out of base64url. */
export function bytes(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
}

class Judge {
  #engine;
  /** By suite and id. */
  #exceptions = new Map();
  #acceptable;

  constructor(engine, { acceptable, exceptions }) {
    this.#engine = engine;
    this.#acceptable = acceptable;
    for (const { suite, ids, engine: only, verdict } of exceptions) {
      if (only !== "all" && only !== engine) continue;
      for (const id of numbers(ids)) this.#exceptions.set(`${suite} ${id}`, verdictOf(verdict));
    }
  }

  async suite({ suite, groups }, engine) {
    const row = { suite, engine: this.#engine, passed: 0, excepted: 0, unclaimed: 0, failed: 0, failures: [] };
    const seen = new Set();
    for (const group of groups) {
      for (const test of group.tests) {
        seen.add(`${suite} ${test.id}`);
        let fits;
        try {
          fits = await ask(engine, group, test);
        } catch (error) {
          fail(row, `${name(row, test)}: ${error}`);
          continue;
        }
        if (fits === undefined) row.unclaimed += 1;
        else if (typeof fits !== "boolean") fail(row, `${name(row, test)}: answered ${String(fits)}`);
        else this.#case(row, test, fits);
      }
    }
    for (const excepted of this.#exceptions.keys()) {
      if (!excepted.startsWith(`${suite} `) || seen.has(excepted)) continue;
      fail(row, `${excepted} is excepted, and there is no such case`);
    }
    return row;
  }

  #case(row, test, fits) {
    const published = test.result === "acceptable" ? this.#rule(test) : verdictOf(test.result);
    const excepted = this.#exceptions.get(`${row.suite} ${test.id}`);
    if (published === undefined) fail(row, `${name(row, test)}: no rule says what to make of its flags`);
    else if (excepted === published) fail(row, `${name(row, test)}: the exception says what is published`);
    else if (excepted !== undefined && fits === published) {
      fail(row, `${name(row, test)}: agrees, though it is excepted`);
    } else if (excepted !== undefined) row.excepted += 1;
    else if (fits === published) row.passed += 1;
    else fail(row, `${name(row, test)}: should be ${word(published)}, is ${word(fits)}`);
  }

  #rule({ flags = [] }) {
    const flag = flags.find((flag) => Object.hasOwn(this.#acceptable, flag));
    return flag && verdictOf(this.#acceptable[flag].verdict);
  }
}

function ask(engine, group, { msg, sig, token }) {
  if (token !== undefined) return engine.checkToken?.({ algorithms: group.algorithms ?? [], jwks: group.jwks, token });
  return engine.check({ algorithm: group.alg, jwk: group.jwk, message: bytes(msg), signature: bytes(sig) });
}

function fail(row, failure) {
  row.failed += 1;
  row.failures.push(failure);
}

function name({ suite, engine }, { id, comment }) {
  return `${suite} ${id} (${comment}) with ${engine}`;
}

/** `"1-3,7"`: 1, 2, 3 and 7. */
function numbers(ids) {
  return ids.split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

function verdictOf(word) {
  if (word !== "valid" && word !== "invalid") throw new Error(`${word} is no verdict`);
  return word === "valid";
}

function word(fits) {
  return fits ? "valid" : "invalid";
}

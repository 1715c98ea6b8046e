// `cargo xtask bench gate`: what a request through the gate costs beside one to an empty Worker, in the same run.
//
// One request at a time over one kept connection on loopback, so the figures are latencies. The four targets take
// turns, and each round starts with another one, so that a machine that slows down slows all of them.
import { Agent, request } from "node:http";
import { parseArgs } from "node:util";

import { ISSUER } from "./names.mjs";
import { startStack } from "./stack.mjs";
import { table } from "./table.mjs";

const ROUNDS = 6;
/** Requests to each target in a round, and how long they may take. */
const REQUESTS = 300;
const ROUND_MS = 3_000;
/** Tokens that take turns, so that no figure is that of one token seen over and over. */
const TOKENS = 50;

const EMPTY_WORKER = `export default { fetch() { return new Response("ok"); } };`;
const FORWARDING_WORKER = `export default { fetch(request, env) {
  const { pathname, search } = new URL(request.url);
  return fetch(env.ORIGIN + pathname + search, request);
} };`;

/**
 * @typedef {object} Target
 * @property {string} name
 * @property {string} url
 * @property {number} status              what every answer must have
 * @property {string[]} tokens            taken in turn
 * @property {number[]} micros            one per request
 */

const { values } = parseArgs({ options: { json: { type: "boolean", default: false } } });
const stack = await startStack();
try {
  report(await measure());
} finally {
  await stack.dispose();
}

/** @returns {Promise<Target[]>} */
async function measure() {
  const tokens = await Promise.all(Array.from({ length: TOKENS }, () => stack.issuer.mint()));
  const revoked = await stack.issuer.mint({ jti: "revoked" });
  // A list that no gate has to look for again while it is measured.
  await stack.publish([{ rule: ["jti"], issuer: ISSUER, values: ["revoked"] }], { ttl: 3600 });
  const empty = await stack.startFreshGate({ worker: script(EMPTY_WORKER) });
  const forwarding = await stack.startFreshGate({ worker: script(FORWARDING_WORKER) });

  /** @type {Target[]} */
  const targets = [
    { name: "empty Worker", url: empty.url, status: 200, tokens, micros: [] },
    { name: "gate, revoked token", url: stack.gate.url, status: 401, tokens: [revoked], micros: [] },
    { name: "empty Worker that forwards", url: forwarding.url, status: 200, tokens, micros: [] },
    { name: "gate, good token, forwards", url: stack.gate.url, status: 200, tokens, micros: [] },
  ];
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  // The first round warms everything up and does not count.
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (let turn = 0; turn < targets.length; turn += 1) {
      const target = /** @type {Target} */ (targets[(round + turn) % targets.length]);
      const micros = await measureRound(agent, target);
      if (round > 0) target.micros.push(...micros);
    }
  }
  agent.destroy();
  return targets;
}

/**
 * @param {Agent} agent
 * @param {Target} target
 */
async function measureRound(agent, { name, url, status, tokens }) {
  const micros = [];
  const deadline = performance.now() + ROUND_MS;
  for (let at = 0; at < REQUESTS && performance.now() < deadline; at += 1) {
    const headers = { authorization: `Bearer ${tokens[at % tokens.length]}` };
    const started = performance.now();
    const got = await get(agent, url, headers);
    micros.push((performance.now() - started) * 1000);
    if (got !== status) throw new Error(`${name} answered ${got}, not ${status}`);
  }
  return micros;
}

/**
 * One request, read to its end.
 * @param {Agent} agent
 * @param {string} url
 * @param {Record<string, string>} headers
 * @returns {Promise<number | undefined>} the status
 */
function get(agent, url, headers) {
  return new Promise((resolve, reject) => {
    const call = request(url, { agent, headers }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode));
      response.once("error", reject);
    });
    call.once("error", reject);
    call.end();
  });
}

/** @param {Target[]} targets */
function report(targets) {
  const rows = targets.map(({ name, micros }) => {
    const sorted = micros.sort((a, b) => a - b);
    /** @param {number} part */
    const quantile = (part) => Math.round(sorted[Math.floor((sorted.length - 1) * part)] ?? 0);
    return { name, requests: sorted.length, medianMicros: quantile(0.5), p99Micros: quantile(0.99) };
  });
  const median = rows.map(({ medianMicros }) => medianMicros);
  const [empty = 0, refused = 0, forwarding = 0, forwarded = 0] = median;
  const ratios = { refused: refused / empty, forwarded: forwarded / forwarding };
  if (values.json) return console.log(JSON.stringify({ rows, ratios }));

  const print = table([
    { title: "target", width: 28 },
    { title: "requests", width: 8, right: true },
    { title: "median µs", width: 10, right: true },
    { title: "p99 µs", width: 10, right: true },
  ]);
  for (const row of rows) print([row.name, ...[row.requests, row.medianMicros, row.p99Micros].map(String)]);
  console.log(`\na refusal costs ${ratios.refused.toFixed(2)} times an empty Worker's answer,`);
  console.log(`a forwarded request ${ratios.forwarded.toFixed(2)} times that of an empty Worker that forwards`);
}

/**
 * A Worker of one module in place of the built one.
 * @param {string} text
 * @returns {Partial<import("miniflare").WorkerOptions>}
 */
function script(text) {
  return { modules: true, script: text, scriptPath: undefined, modulesRoot: undefined, modulesRules: undefined };
}

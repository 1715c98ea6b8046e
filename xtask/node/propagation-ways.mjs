// How long it takes from the answer to a revocation to the first refusal, by each way that a gate can hear of it: a part of
// `cargo xtask bench propagation`.
import { Agent, request } from "node:http";

import { PLENTY, cells, markdown, round, say, summary } from "./figures.mjs";
import { ISSUER } from "./names.mjs";
import { startRevoking } from "./revoking.mjs";
import { startStack } from "./stack.mjs";

/** Revocations a second, and requests a second beside them. */
const PACE = 10;
const TRAFFIC = 200;
/** Tokens that take turns in the other traffic. */
const TOKENS = 50;
/** How often it is asked whether a token is refused yet, and for how long. */
export const POLL_MS = 20;
const PATIENCE_MS = 15_000;
/** The upper ends of the histogram's classes, in milliseconds. */
const CLASSES = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 15_000];
const BAR = 50;
const KV_NOTE = `
Other requests fail (503) where the authority has not answered a live route within a quarter of a second.
(e) is until the ledger's alarm has written the manifest to Miniflare's KV, which shows at once what was written to it.
Cloudflare's KV does not: the change is documented to be seen elsewhere after up to 60 s, or more where a gate's KV cache
lasts longer. A gate that has nothing but KV refuses that much later, and up to the manifest's ttl after that.`;

/** @typedef {import("./gate.mjs").Gate} Gate */
/**
 * Requests with a revoked token that were not refused for it.
 * @typedef {object} Passed
 * @property {number} passed       how many were admitted
 * @property {number} lastMs       how long after the answer the last of them began
 * @property {number} unavailable  how many were told to come again, since the gate could not tell
 */
/**
 * A way that a revocation is heard of.
 * @typedef {object} Way
 * @property {string} name
 * @property {number[]} ms      one for each revocation that was heard of
 * @property {number} never     how many were not, within the patience
 * @property {number} [first]   at how many the first request after the answer was refused, where each is asked for at once
 * @property {Passed} [passed]  of the requests with tokens whose revocation was answered
 * @property {string} [absent]  why there are none
 */

const agent = new Agent({ keepAlive: true, maxSockets: 256 });

/** @param {number} revocations  how many */
export async function measureWays(revocations) {
  const stack = await startStack();
  try {
    const { home, startFollower, post } = await startRevoking(stack, { authority: PLENTY });
    // Its first list.
    await post({ rule: ["jti"], issuer: ISSUER, values: ["nobody"] });
    // Two, since what a live route hears of is in force for the isolate's other routes too.
    const live = await startFollower();
    const head = await startFollower();
    say(`mint ${revocations} tokens`);
    const jtis = Array.from({ length: revocations }, (_, at) => `p-${at}`);
    const tokens = await Promise.all(jtis.map((jti) => stack.issuer.mint({ jti })));
    const good = await Promise.all(Array.from({ length: TOKENS }, () => stack.issuer.mint()));
    const gates = [`${home.url}/list/`, `${live.url}/live/`, `${head.url}/head/`];
    for (const url of gates) {
      for (let time = 0; time < 50; time += 1) await get(url, good[time % TOKENS]);
      const status = await get(url, tokens[0]);
      if (status !== 200) throw new Error(`a token that is not revoked yet is answered ${status} at ${url}`);
    }
    /** @type {Way[]} */
    const ways = [
      "(a) the authority's own gate",
      "(b) a gate that follows, live route",
      "(c) a gate that follows, head route",
      "(d) a subscriber of the feed",
      "(e) the manifest in Miniflare's KV",
    ].map((name) => ({ name, ms: [], never: 0 }));
    const [atHome, atLive, atHead, byFeed, inKv] = /** @type {[Way, Way, Way, Way, Way]} */ (ways);
    const byHead = watchQueue(atHead, (token) => get(/** @type {string} */ (gates[2]), token));
    const feed = await watchFeed(byFeed, `${home.url}/_revocable/feed`);
    const kv = watchKv(inKv, home);
    const traffic = startTraffic(gates, good);

    say(`revoke ${revocations} tokens, ${PACE} a second, beside ${TRAFFIC} requests a second`);
    const begun = performance.now();
    const answers = { ms: /** @type {number[]} */ ([]) };
    await paced(revocations, PACE, async (at) => {
      const asked = performance.now();
      const { seq } = await post({ rule: ["jti"], issuer: ISSUER, values: [jtis[at]] });
      const answered = performance.now();
      answers.ms.push(answered - asked);
      const token = /** @type {string} */ (tokens[at]);
      kv.expect(seq, answered);
      feed?.expect(seq, answered);
      byHead.expect(token, answered);
      await Promise.all([
        poll(atHome, answered, () => get(/** @type {string} */ (gates[0]), token)),
        poll(atLive, answered, () => get(/** @type {string} */ (gates[1]), token)),
      ]);
      if ((at + 1) % 250 === 0) say(`revoked ${at + 1}`);
    });
    const seconds = (performance.now() - begun) / 1000;
    const others = await traffic.stop();
    say("wait for what has not been heard of yet");
    await Promise.all([byHead.end(), feed?.end(), kv.end()]);
    return { ways, answers: answers.ms, traffic: others, perSecond: revocations / seconds };
  } finally {
    agent.destroy();
    await stack.dispose();
  }
}

/**
 * The figures.
 * @param {Awaited<ReturnType<typeof measureWays>>} ways
 */
export function waysOf(ways) {
  return {
    revocationsPerSecond: round(ways.perSecond),
    answer: summary(ways.answers),
    traffic: { perSecond: round(ways.traffic.perSecond), failed: ways.traffic.failed, ...summary(ways.traffic.ms) },
    ways: ways.ways.map(({ ms, ...way }) => ({ ...way, ...summary(ms), classes: classes(ms) })),
  };
}

/**
 * Prints them.
 * @param {ReturnType<typeof waysOf>} measured
 * @param {{ revocations: number, cores: number, load: number[] }} circumstances
 */
export function printWays(measured, { revocations, cores, load }) {
  const { revocationsPerSecond: pace, traffic } = measured;
  console.log("From the answer 200 to the first refusal, in ms, the last request's own time included;");
  console.log(`${revocations} revocations, ${pace} a second, beside ${traffic.perSecond} other requests a second`);
  console.log(`(${traffic.failed} failed), on loopback; ${cores} cores, load over 1, 5 and 15 minutes ${load.join(", ")}\n`);
  const rows = measured.ways.map((way) => {
    if (way.absent) return [way.name, "0", "", "", "", "", way.absent];
    const notes = [];
    if (way.first !== undefined) notes.push(`${way.first} at the first request`);
    if (way.passed && way.passed.passed === 0) notes.push("none passed");
    if (way.passed?.passed) notes.push(`the last passed ${way.passed.lastMs} ms after`);
    if (way.passed?.unavailable) notes.push(`${way.passed.unavailable} requests got 503`);
    if (way.never) notes.push(`${way.never} never`);
    return [way.name, ...cells(way), notes.join("; ")];
  });
  rows.push(["the answer itself, from the request", ...cells(measured.answer), ""]);
  rows.push(["other requests", ...cells(traffic), ""]);
  markdown(["", "count", "p50", "p90", "p99", "max", ""], rows);
  for (const way of measured.ways) if (!way.absent) histogram(way);
  console.log(KV_NOTE);
}

/**
 * Whether a request was refused; what became of those that were not is counted.
 * @param {Way} way
 * @param {number} since
 * @param {() => Promise<number | undefined>} ask
 */
async function isRefused(way, since, ask) {
  const passed = (way.passed ??= { passed: 0, lastMs: 0, unavailable: 0 });
  const begun = performance.now();
  const status = await ask();
  if (status === 200) {
    passed.passed += 1;
    passed.lastMs = round(Math.max(passed.lastMs, begun - since));
  } else if (status === 503) passed.unavailable += 1;
  else if (status !== 401) throw new Error(`${way.name} answered ${status}`);
  return status === 401;
}

/**
 * Asks until it is refused, one request after the other.
 * @param {Way} way
 * @param {number} since
 * @param {() => Promise<number | undefined>} ask
 */
async function poll(way, since, ask) {
  way.first ??= 0;
  for (let questions = 1; performance.now() - since < PATIENCE_MS; questions += 1) {
    if (await isRefused(way, since, ask)) {
      way.ms.push(performance.now() - since);
      if (questions === 1) way.first += 1;
      return;
    }
    await pause(POLL_MS);
  }
  way.never += 1;
}

/**
 * Asks for the oldest outstanding token every so often, and for all the others as soon as that one is refused: who knows of a
 * revocation knows of all before it, and a gate that is asked for each of them all the time is busy with nothing else.
 * @param {Way} way
 * @param {(token: string) => Promise<number | undefined>} ask
 */
function watchQueue(way, ask) {
  /** @type {{ token: string, since: number }[]} */
  let outstanding = [];
  let isEnding = false;
  const done = (async () => {
    while (!isEnding || outstanding.length > 0) {
      const [oldest, ...others] = outstanding;
      if (oldest && (await isRefused(way, oldest.since, () => ask(oldest.token)))) {
        way.ms.push(performance.now() - oldest.since);
        const kept = await Promise.all(
          others.map(async (one) => {
            if (!(await isRefused(way, one.since, () => ask(one.token)))) return one;
            way.ms.push(performance.now() - one.since);
            return undefined;
          }),
        );
        // Some have been added meanwhile.
        const asked = new Set([oldest, ...others]);
        const newer = outstanding.filter((one) => !asked.has(one));
        outstanding = [...kept.filter((one) => one !== undefined), ...newer];
      } else if (oldest && performance.now() - oldest.since > PATIENCE_MS) {
        way.never += 1;
        outstanding = outstanding.filter((one) => one !== oldest);
      }
      await pause(POLL_MS);
    }
  })();
  return {
    expect: (/** @type {string} */ token, /** @type {number} */ since) => void outstanding.push({ token, since }),
    end: () => {
      isEnding = true;
      return done;
    },
  };
}

/**
 * Who hears of numbers, of which the greatest stands for all below it.
 * @param {Way} way
 */
function numbers(way) {
  /** @type {Map<number, number>} when each was answered */
  const outstanding = new Map();
  /** @type {{ seq: number, at: number }[]} */
  const heard = [];
  return {
    hear(/** @type {number} */ seq) {
      const at = performance.now();
      heard.push({ seq, at });
      for (const [wanted, since] of outstanding) {
        if (wanted > seq) continue;
        way.ms.push(at - since);
        outstanding.delete(wanted);
      }
    },
    // Who is told may be told before the answer has arrived.
    expect(/** @type {number} */ seq, /** @type {number} */ since) {
      const before = heard.find((one) => one.seq >= seq);
      if (before) way.ms.push(before.at - since);
      else outstanding.set(seq, since);
    },
    async end() {
      const deadline = performance.now() + PATIENCE_MS;
      while (outstanding.size > 0 && performance.now() < deadline) await pause(POLL_MS);
      way.never += outstanding.size;
    },
  };
}

/**
 * @param {Way} way
 * @param {string} url
 */
async function watchFeed(way, url) {
  const aborting = new AbortController();
  const response = await fetch(url, { headers: { accept: "text/event-stream" }, signal: aborting.signal });
  if (response.status !== 200 || !response.body) {
    way.absent = `${new URL(url).pathname} answers ${response.status}: there is no feed`;
    say(way.absent);
    aborting.abort();
    return undefined;
  }
  const { hear, expect, end } = numbers(way);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  (async () => {
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) throw new Error("the stream is over");
      const events = (rest + value).split("\n\n");
      rest = events.pop() ?? "";
      for (const event of events) {
        const seq = /^id: (\d+)$/m.exec(event)?.[1];
        if (seq && /^event: change$/m.test(event)) hear(Number(seq));
      }
    }
  })().catch((error) => {
    if (!aborting.signal.aborted) say(`the feed has ended: ${error}`);
  });
  return { expect, end: () => end().finally(() => aborting.abort()) };
}

/**
 * @param {Way} way
 * @param {Gate} gate
 */
function watchKv(way, gate) {
  const { hear, expect, end } = numbers(way);
  let isEnding = false;
  const watched = (async () => {
    const kv = await gate.kv();
    let known = 0;
    while (!isEnding) {
      const bytes = await kv.get("manifest.jwt", "arrayBuffer");
      const text = bytes ? Buffer.from(bytes).toString() : "";
      const seq = text && JSON.parse(Buffer.from(text.split(".")[1] ?? "", "base64url").toString()).seq;
      if (seq > known) hear((known = seq));
      await pause(5 * POLL_MS);
    }
  })();
  return {
    expect,
    end: async () => {
      await end();
      isEnding = true;
      await watched;
    },
  };
}

/**
 * Requests with tokens that are not revoked, at a steady pace, to the gates in turn.
 * @param {string[]} urls
 * @param {string[]} tokens
 */
function startTraffic(urls, tokens) {
  /** @type {number[]} */
  const ms = [];
  let failed = 0;
  const begun = performance.now();
  const state = { isEnding: false };
  const done = paced(Infinity, TRAFFIC, async (at) => {
    const asked = performance.now();
    const status = await get(/** @type {string} */ (urls[at % urls.length]), tokens[at % tokens.length]).catch(() => 0);
    ms.push(performance.now() - asked);
    if (status !== 200) failed += 1;
  }, state);
  return {
    stop: async () => {
      state.isEnding = true;
      await done;
      return { ms, failed, perSecond: ms.length / ((performance.now() - begun) / 1000) };
    },
  };
}

/**
 * Does something so many times, so many times a second, however long each takes; then waits for all of them.
 * @param {number} times
 * @param {number} perSecond
 * @param {(at: number) => Promise<void>} act
 * @param {{ isEnding: boolean }} [state]
 */
async function paced(times, perSecond, act, state) {
  const begun = performance.now();
  /** @type {Set<Promise<void>>} */
  const running = new Set();
  for (let at = 0; at < times && !state?.isEnding; at += 1) {
    const due = begun + (at * 1000) / perSecond;
    if (due > performance.now()) await pause(due - performance.now());
    const one = act(at).finally(() => running.delete(one));
    running.add(one);
  }
  await Promise.all(running);
}

/** @param {number[]} ms */
function classes(ms) {
  return CLASSES.map((end, at) => {
    const begin = CLASSES[at - 1] ?? -Infinity;
    return { end, count: ms.filter((one) => one > begin && one <= end).length };
  });
}

/** @param {{ name: string, count: number, classes: { end: number, count: number }[] }} way */
function histogram({ name, count, classes }) {
  console.log(`\n${name}`);
  const seen = classes.map(({ count }, at) => (count > 0 ? at : -1)).filter((at) => at >= 0);
  for (const { end, count: some } of classes.slice(seen[0] ?? 0, (seen.at(-1) ?? -1) + 1)) {
    const title = end === 0 ? "before the answer" : `to ${end} ms`;
    const bar = "#".repeat(Math.ceil((some / count) * BAR));
    console.log(`${title.padStart(17)}  ${String(some).padStart(6)}  ${bar}`.trimEnd());
  }
}

/**
 * One request, read to its end.
 * @param {string} url
 * @param {string | undefined} token
 * @returns {Promise<number | undefined>} the status
 */
function get(url, token) {
  return new Promise((resolve, reject) => {
    const call = request(url, { agent, headers: { authorization: `Bearer ${token}` } }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode));
      response.once("error", reject);
    });
    call.once("error", reject);
    call.end();
  });
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

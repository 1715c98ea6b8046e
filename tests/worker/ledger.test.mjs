// The ledger against a model of it: seeded sequences of orders, ticks and crashes on real storage, and a KV that is not what it was.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { createAuthority, revocable } from "../../xtask/node/authority.mjs";
import { startGate } from "../../xtask/node/gate.mjs";
import { startIssuer } from "../../xtask/node/issuer.mjs";
import { AUDIENCE, AUTHORITY, ISSUER } from "../../xtask/node/names.mjs";
import { startOrigin } from "../../xtask/node/origin.mjs";
import { until } from "../../xtask/node/stack.mjs";
import { targetId } from "./lists.mjs";
import { ask, inRuntime } from "./support.mjs";

/** @typedef {import("../../xtask/node/gate.mjs").Gate} Gate */
/** @typedef {import("../../xtask/node/gate.mjs").Ledger} Ledger */
/** @typedef {Record<string, any>} Line  a revocation, as an order has it */
/** @typedef {{ actor: string, changes: Line[], key?: string, once?: object }} Order */
/** @typedef {{ line: Line, value: number | undefined, expires: number | undefined }} Entry */

const SEEDS = [20_261_126, Number(process.env.LEDGER_SEED ?? Math.floor(Math.random() * 2 ** 31))];
const STEPS = 60;
/** Who may take back; whoever has no such key may not. */
const ADMIN = "key:ops";
const EPOCH = Math.floor(Date.now() / 1000);

/** @type {string} */
let folder;
/** @type {import("../../xtask/node/issuer.mjs").Issuer} */
let issuer;
/** @type {import("../../xtask/node/authority.mjs").Authority} */
let authority;
/** @type {import("../../xtask/node/http.mjs").Server} */
let origin;
/** @type {string} */
let secret;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "revocable-ledger-"));
  [issuer, origin, authority] = await Promise.all([startIssuer(), startOrigin(), createAuthority(folder)]);
  secret = readFileSync(authority.keyFile, "utf8");
});
after(async () => {
  await Promise.all([issuer.close(), origin.close()]);
  rmSync(folder, { recursive: true, force: true });
});

/**
 * A gate with a ledger.
 * @param {Partial<import("../../xtask/node/gate.mjs").GateOptions>} [options]
 * @param {Record<string, unknown>} [more]  of the configuration's `authority`
 */
async function start(options, more) {
  const config = {
    issuers: [{ issuer: ISSUER, jwksUri: issuer.jwksUri, algorithms: ["ES256"], audience: [AUDIENCE] }],
    lists: [{ issuer: AUTHORITY, keys: authority.keys, for: [ISSUER] }],
    authority: { signingKey: { secret: "AUTHORITY_KEY" }, keys: [{ id: "ops", hash: "a".repeat(64), may: "admin" }], ...more },
    check: "live",
    exposeReason: true,
  };
  const others = children();
  const gate = await startGate({ config, origin: origin.url, bindings: { AUTHORITY_KEY: secret }, ...options });
  const pids = children().filter((pid) => !others.includes(pid));
  return { gate, ledger: await gate.ledger(), pids };
}

/** Options for a gate whose clock is ahead. @param {number} seconds */
function ahead(seconds) {
  return inRuntime(`
    const Real = Date;
    globalThis.Date = class extends Real {
      constructor(...of) { super(...(of.length > 0 ? of : [Real.now() + ${seconds * 1000}])); }
      static now() { return Real.now() + ${seconds * 1000}; }
    };
  `);
}

/**
 * Options for a gate whose real KV does to writes what its own object `fault` says: it fails, takes half a second, or says that it
 * has written and has not.
 */
function faulty() {
  return inRuntime(`
    import { env } from "cloudflare:workers";
    const real = Object.getPrototypeOf(env.REVOCATIONS);
    const put = real.put;
    real.put = async function (name, ...rest) {
      const fault = await this.get("fault");
      if (fault === "fails") throw new Error("KV PUT failed: 500 Internal Server Error");
      if (fault === "is slow") await scheduler.wait(500);
      if (fault === "loses it") return undefined;
      return put.call(this, name, ...rest);
    };
  `);
}

/** The processes of the runtime that this one has started. */
function children() {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      const [, name, parent] = /^\d+ \((.*)\) \S (\d+) /.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
      return name === "workerd" && Number(parent) === process.pid;
    } catch {
      return false;
    }
  });
}

/** @param {Ledger} ledger @param {string} path @param {string} [body] */
const call = (ledger, path, body) =>
  ledger.fetch(`https://ledger/${path}`, body === undefined ? undefined : { method: "POST", body });

/** @param {Ledger} ledger @param {Order} order */
async function send(ledger, order) {
  const response = await call(ledger, "orders", JSON.stringify(order));
  return { status: response.status, body: await response.json() };
}

/** @param {Ledger} ledger @returns {Promise<any>} */
const status = async (ledger) => (await call(ledger, "status")).json();

/** @param {string} jwt @returns {any} */
const claimsOf = (jwt) => JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString());

/** The newest manifest and its number, by the head. @param {Ledger} ledger */
async function newest(ledger) {
  const { seq, manifest: hash } = claimsOf(await (await call(ledger, "head")).text());
  const response = await call(ledger, `manifests/${seq}`);
  assert.equal(response.status, 200, `the manifest ${seq} that the head names`);
  const text = await response.text();
  assert.equal(createHash("sha256").update(text).digest("hex"), hash);
  const claims = claimsOf(text);
  assert.equal(claims.seq, seq);
  return { seq, hash, text, claims };
}

/** Numbers below `n` out of a seed: mulberry32. @param {number} seed */
function random(seed) {
  let state = seed >>> 0;
  return (/** @type {number} */ n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * n);
  };
}

/** @param {Line} line */
const kindOf = (line) => line.kind ?? (line.before !== undefined ? "cutoff" : line.minimum !== undefined ? "minimum" : "outright");

/** One entry has one such name. @param {Line} line */
const nameOf = (line) => JSON.stringify([line.rule, kindOf(line), line.claim ?? "", line.values]);

/** What all answered orders mean. */
class Model {
  /** @type {Map<string, Entry>} */
  entries = new Map();
  /** Every target that was ever spoken of. @type {Map<string, Line>} */
  known = new Map();
  /** Every number that a change or a manifest has had. @type {Set<number>} */
  numbers = new Set();
  /** @type {Map<number, string>} */
  manifests = new Map();
  seq = 0;
  /** How far the ledger's clock is ahead, in seconds. */
  ahead = 0;
  /** Those that no token needs any longer. The list has them until it is compacted. @type {Line[]} */
  over = [];

  /** @param {Line} line @param {boolean} mayTakeBack @returns {string} what is to become of it */
  apply(line, mayTakeBack = true) {
    const name = nameOf(line);
    const known = this.entries.get(name);
    this.known.set(name, line);
    if (line.undo) return this.entries.delete(name) ? "undone" : "absent";
    if (this.isOver(line.expires)) return "over";
    const said = line.before !== undefined ? line.before * 1000 : line.minimum;
    // Whoever may only revoke takes nothing back by saying less.
    const less = !mayTakeBack && known?.value !== undefined && said < known.value ? known : undefined;
    const value = less ? less.value : said;
    const longest = known?.expires !== undefined && line.expires !== undefined ? Math.max(known.expires, line.expires) : undefined;
    const expires = known && (!mayTakeBack || known.value === said) ? longest : line.expires;
    if (known && known.value === value && known.expires === expires) return "unchanged";
    this.entries.set(name, { line: less?.line ?? line, value, expires });
    return known ? "replaced" : "added";
  }

  /** All instants are so far apart that the time which a test takes does not matter. @param {number | undefined} expires */
  isOver(expires) {
    return expires !== undefined && expires + 300 <= EPOCH + this.ahead;
  }

  /** Forgets what is over. */
  forget() {
    for (const [name, { line, expires }] of this.entries) {
      if (!this.isOver(expires)) continue;
      this.entries.delete(name);
      this.over.push(line);
    }
  }

  /** Holds an answer against what it should be. @param {Order} order @param {any} receipt */
  answered(order, receipt) {
    const results = order.changes.map((line) => this.apply(line, order.actor === ADMIN));
    assert.deepEqual(receipt.outcomes.map((/** @type {any} */ one) => one.result), results);
    const changed = receipt.outcomes.filter((/** @type {any} */ one) => ["added", "replaced", "undone"].includes(one.result));
    const before = this.seq;
    for (const { seq } of changed) this.takes(seq, before);
    if (changed.length === 0) assert.ok(receipt.seq >= before);
    else this.takes(receipt.seq, Math.max(before, ...changed.map((/** @type {any} */ one) => one.seq)));
    this.seq = receipt.seq;
    assert.equal(claimsOf(receipt.manifest).seq, receipt.seq);
  }

  /** @param {number} seq @param {number} before */
  takes(seq, before) {
    assert.ok(seq > before, `${seq} comes after ${before}`);
    assert.ok(!this.numbers.has(seq), `${seq} is a number for one thing`);
    this.numbers.add(seq);
  }
}

/** @param {Ledger} ledger @param {Line[]} lines @returns {Promise<any[]>} */
async function confirm(ledger, lines) {
  const { claims } = await newest(ledger);
  const salt = Buffer.from(claims.salt, "base64url");
  const answers = [];
  for (let first = 0; first < lines.length; first += 16) {
    const targets = lines.slice(first, first + 16).map((line) => {
      const kind = kindOf(line);
      const id = targetId(salt, line.rule, line.values).toString("hex");
      return { rule: line.rule, kind, ...(kind === "minimum" ? { claim: line.claim } : {}), id };
    });
    const question = { iss: AUTHORITY, salt: claims.salt, seq: claims.seq, targets };
    const response = await call(ledger, "confirm", JSON.stringify(question));
    assert.equal(response.status, 200);
    answers.push(.../** @type {any} */ (await response.json()).answers);
  }
  return answers;
}

/**
 * Holds the whole of what is published against the model.
 * @param {Gate} gate
 * @param {Ledger} ledger
 * @param {Model} model
 * @param {string} work  a folder of its own
 */
async function check(gate, ledger, model, work) {
  const { seq, hash, text, claims } = await newest(ledger);
  assert.ok(seq >= model.seq, `${seq} is not before ${model.seq}`);
  assert.equal(model.manifests.get(seq) ?? hash, hash, "a number is one manifest's");
  model.manifests.set(seq, hash);
  if (seq > model.seq) model.takes(seq, model.seq);
  model.seq = seq;
  const numbers = await status(ledger);
  assert.deepEqual([numbers.seq, numbers.entries, numbers.conflict], [seq, model.entries.size, false]);

  // By id: all that was ever spoken of.
  const lines = [...model.known.values()].slice(-160);
  const answers = await confirm(ledger, lines);
  for (const [index, line] of lines.entries()) {
    const entry = model.entries.get(nameOf(line));
    const expected = entry ? { revoked: true, ...(entry.value === undefined ? {} : { value: entry.value }) } : { revoked: false };
    assert.deepEqual(answers[index], expected, nameOf(line));
  }

  // By the list: what the command line makes of the model is the same, entry for entry.
  const [published, made] = [join(work, `published-${seq}`), join(work, `made-${seq}`)];
  mkdirSync(join(published, "segments"), { recursive: true });
  for (const segment of claims.segments) {
    for (const name of [segment.hash, segment.exact?.hash].filter(Boolean)) {
      const bytes = await (await call(ledger, `segments/${name}`)).arrayBuffer();
      assert.equal(createHash("sha256").update(Buffer.from(bytes)).digest("hex"), name);
      writeFileSync(join(published, "segments", name), Buffer.from(bytes));
    }
  }
  writeFileSync(join(published, "manifest.jwt"), text);
  const input = join(work, "model.ndjson");
  const entries = [...model.entries.values()].map(({ line, expires }) => JSON.stringify({ ...line, reason: undefined, expires }));
  writeFileSync(input, entries.map((entry) => `${entry}\n`).join(""));
  const now = ["--now", `${Math.floor(Date.now() / 1000) + model.ahead}`, "--quiet"];
  await revocable(["inspect", "--snapshot", published, "--keys", authority.publicKeyFile, "--strict", ...now]);
  const same = [...now, "--key", authority.keyFile, "--issuer", AUTHORITY, "--previous", published];
  await revocable(["build", "--input", input, "--out", made, ...same]);
  const found = await revocable(["diff", "--from", made, "--to", published, "--keys", authority.publicKeyFile, "--entries", "--json"]);
  const changes = found.split("\n").filter((one) => one.startsWith('{"change"')).map((one) => JSON.parse(one));
  const salt = Buffer.from(claims.salt, "base64url");
  const over = model.over.map((line) => targetId(salt, line.rule, line.values).toString("hex"));
  const wrong = changes.filter(({ change, id }) => change !== "added" || !over.some((one) => one.startsWith(id.replace("…", ""))));
  assert.deepEqual(wrong, [], "published and model");
  rmSync(published, { recursive: true });
  rmSync(made, { recursive: true });

  // By a gate: real tokens.
  for (const n of [0, 1, 2]) {
    const token = { jti: `jti-${n}`, sub: `sub-${n}`, iat: EPOCH - 500, exp: EPOCH + 80_000, pwd_ver: 5 };
    const has = (/** @type {string[]} */ rule, /** @type {string} */ kind, claim = "") =>
      model.entries.get(JSON.stringify([rule, kind, claim, [rule[0] === "jti" ? token.jti : token.sub]]));
    const cutoff = has(["sub"], "cutoff")?.value ?? 0;
    const minimum = has(["sub"], "minimum", "pwd_ver")?.value ?? 0;
    const revoked = has(["jti"], "outright") !== undefined || token.iat * 1000 < cutoff || token.pwd_ver < minimum;
    const { code } = await ask(gate, await issuer.mint(token));
    assert.equal(code, revoked ? "ERR_JWT_REVOKED" : undefined, JSON.stringify(token));
  }
}

for (const seed of SEEDS) {
  test(`the ledger is what its answers said, whatever happens: LEDGER_SEED=${seed}`, async (context) => {
    context.diagnostic(`LEDGER_SEED=${seed}`);
    const below = random(seed);
    const model = new Model();
    const work = join(folder, `seed-${seed}`);
    const storage = join(work, "storage");
    let running = await start({ storage });
    let names = 0;
    const tally = /** @type {Record<string, number>} */ ({});
    /** Answered orders that may be sent once more. @type {{ order: Order, receipt: any }[]} */
    const keyed = [];
    /** @type {Order[]} */
    const spent = [];

    /** @returns {Line} */
    const line = () => {
      const n = below(4);
      const until = [{}, { expires: EPOCH + 600 }, { expires: EPOCH + 3_600 }, { expires: EPOCH + 7_200 }, { expires: EPOCH - 10_000 }][below(5)];
      const reason = below(3) ? {} : { reason: "asked" };
      const what = below(3);
      const target = { rule: [what ? "sub" : "jti"], issuer: ISSUER, values: [`${what ? "sub" : "jti"}-${n}`] };
      const kind = ["outright", "cutoff", "minimum"][what];
      const claim = what === 2 ? { claim: "pwd_ver" } : {};
      if (below(4) === 0) return { ...target, ...claim, ...reason, undo: true, kind };
      if (what === 0) return { ...target, ...until, ...reason };
      if (what === 1) return { ...target, ...reason, before: EPOCH - 1_000 + 250 * below(5) };
      return { ...target, ...claim, ...reason, minimum: 3 + below(5) };
    };
    const fresh = (many = 1) => Array.from({ length: many }, () => ({ rule: ["jti"], issuer: ISSUER, values: [`new-${(names += 1)}`] }));
    const order = (/** @type {Line[]} */ changes, more = {}) => ({ actor: below(2) ? ADMIN : "key:test", changes, ...more });
    const place = async (/** @type {Order} */ wanted) => {
      const { status: code, body } = await send(running.ledger, wanted);
      assert.equal(code, 200, JSON.stringify(body));
      model.answered(wanted, body.receipt);
      return body.receipt;
    };

    const crash = async () => {
      const { seq } = await newest(running.ledger);
      // Some orders are on their way: each all of its own targets, so that what became of it can be told.
      const live = [...model.entries.values()].filter(({ line }) => line.values[0].startsWith("new-"));
      const sent = Array.from({ length: below(6) }, () => {
        const gone = live.splice(below(live.length), 1).map(({ line }) => ({ ...line, expires: undefined, undo: true, kind: "outright" }));
        const wanted = order([...fresh(1 + below(3)), ...gone, ...fresh(1)], { key: `key-${(names += 1)}` });
        return { wanted, answer: send(running.ledger, wanted).catch(() => undefined) };
      });
      if (sent.length > 0) await new Promise((resolve) => setTimeout(resolve, below(60)));
      assert.ok(running.pids.length > 0);
      for (const pid of running.pids) process.kill(pid, "SIGKILL");
      const late = new Promise((resolve) => setTimeout(resolve, 2_000, undefined));
      const answers = await Promise.all(sent.map(({ answer }) => Promise.race([answer, late])));
      await running.gate.dispose().catch(() => undefined);
      // Another epsilon has the next tick make all segments anew.
      const later = below(3) === 0;
      if (later) model.ahead += 700;
      running = await start({ storage, worker: ahead(model.ahead) }, { epsilonBits: [50, 50, 48][below(3)] });
      if (later) {
        count("later");
        // The alarm may have done it already.
        assert.equal((await call(running.ledger, "tick", "")).status, 200);
        model.forget();
        assert.ok((await newest(running.ledger)).seq > seq, "what is ten minutes old is signed anew");
      }
      const outcomes = sent.map((one, index) => ({ ...one, receipt: /** @type {any} */ (answers[index])?.body?.receipt }));
      outcomes.sort((a, b) => (a.receipt?.seq ?? Infinity) - (b.receipt?.seq ?? Infinity));
      for (const { wanted, receipt } of outcomes) {
        const states = await confirm(running.ledger, wanted.changes);
        const done = states.map(({ revoked }, index) => revoked !== (wanted.changes[index]?.undo ?? false));
        assert.ok(done.every((one) => one === done[0]), `all of an order or nothing: ${JSON.stringify(done)}`);
        if (receipt) assert.ok(done[0], "an answered order is lost");
        count(receipt ? "answered at the crash" : done[0] ? "unanswered, and there" : "unanswered, and lost");
        if (receipt) model.answered(wanted, receipt);
        else if (done[0]) for (const one of wanted.changes) model.apply(one, wanted.actor === ADMIN);
        const again = await send(running.ledger, wanted);
        assert.equal(again.status, 200);
        if (!done[0]) model.answered(wanted, again.body.receipt);
        else if (receipt) assert.deepEqual(again.body.receipt.outcomes, receipt.outcomes);
        keyed.push({ order: wanted, receipt: again.body.receipt });
      }
      await check(running.gate, running.ledger, model, work);
    };
    const count = (/** @type {string} */ what) => void (tally[what] = (tally[what] ?? 0) + 1);

    try {
      for (let step = 1; step <= STEPS; step += 1) {
        const what = below(100);
        if (what < 40) {
          count("order");
          await place(order(Array.from({ length: 1 + below(3) }, line)));
        } else if (what < 50) {
          count("twice");
          const changes = [line()];
          for (let time = 0; time < 2; time += 1) await place(order(changes));
        } else if (what < 58) {
          count("keyed");
          const wanted = order([line(), ...fresh()], { key: `key-${(names += 1)}` });
          keyed.push({ order: wanted, receipt: await place(wanted) });
        } else if (what < 66 && keyed.length > 0) {
          count("repeated");
          const { order: wanted, receipt } = keyed[below(keyed.length)] ?? assert.fail();
          const again = await send(running.ledger, wanted);
          assert.deepEqual([again.status, again.body.receipt?.seq, again.body.receipt?.outcomes], [200, receipt.seq, receipt.outcomes]);
          assert.equal((await send(running.ledger, { ...wanted, changes: fresh() })).status, 422);
        } else if (what < 72) {
          count("once");
          const wanted = order([line()], { once: { sender: "s", jti: `once-${step}`, until: EPOCH + 80_000 } });
          await place(wanted);
          spent.push(wanted);
          const replay = { .../** @type {Order} */ (spent[below(spent.length)]), changes: fresh() };
          assert.deepEqual(await send(running.ledger, replay), { status: 200, body: "replayed" });
        } else if (what < 77) {
          count("bulk");
          await place(order(fresh([20, 300, 1_200][below(3)])));
        } else if (what < 82) {
          count("refused");
          const refused = order([...fresh(2), { ...line(), issuer: "https://other.example" }]);
          assert.equal((await send(running.ledger, refused)).status, 422);
          for (const one of refused.changes.slice(0, 2)) model.known.set(nameOf(one), one);
        } else if (what < 90) {
          count("tick");
          assert.equal((await call(running.ledger, "tick", "")).status, 200);
        } else {
          count("crash");
          await crash();
        }
        if (step % 12 === 0) await check(running.gate, running.ledger, model, work);
      }
      for (let time = 0; time < 2; time += 1) await crash();
      context.diagnostic(JSON.stringify({ seq: model.seq, entries: model.entries.size, ...tally }));
    } finally {
      await running.gate.dispose().catch(() => undefined);
    }
  });
}

test("a compaction goes piece by piece, answers meanwhile, and goes on after a crash", async (context) => {
  const work = mkdtempSync(join(folder, "pieces-"));
  const storage = join(work, "storage");
  const model = new Model();
  let running = await start({ storage });
  let names = 0;
  const fresh = (/** @type {number} */ many) =>
    Array.from({ length: many }, () => ({ rule: ["jti"], issuer: ISSUER, values: [`piece-${(names += 1)}`] }));
  const place = async (/** @type {Line[]} */ changes) => {
    const wanted = { actor: ADMIN, changes };
    const { status: code, body } = await send(running.ledger, wanted);
    assert.equal(code, 200, JSON.stringify(body));
    model.answered(wanted, body.receipt);
  };
  try {
    // Two key ranges of some 660 KB: more than one piece makes.
    for (let call = 0; call < 20; call += 1) await place(fresh(10_000));
    // A compaction that this has begun is not the one that is looked at.
    await until(() => status(running.ledger), ({ compacting }) => !compacting, 60_000);
    await running.gate.dispose();

    // What is made otherwise than is configured is made anew.
    running = await start({ storage }, { epsilonBits: 48 });
    const first = await newest(running.ledger);
    /** @type {{ seq: number, made: number, all: number, is_told: string }[]} */
    const seen = [{ seq: first.seq, made: 0, all: 0, is_told: first.claims.epsilon }];
    assert.equal((await call(running.ledger, "tick", "")).status, 200);
    assert.equal((await status(running.ledger)).compacting, true);
    let known = new Set(first.claims.segments.map((/** @type {any} */ one) => one.hash));
    const old = known;
    const look = async () => {
      const { seq, claims } = await newest(running.ledger);
      const sum = (/** @type {any[]} */ of) => of.reduce((total, one) => total + one.bytes, 0);
      const made = sum(claims.segments.filter((/** @type {any} */ one) => !known.has(one.hash)));
      if (seq !== seen.at(-1)?.seq) seen.push({ seq, made, all: sum(claims.segments), is_told: claims.epsilon });
      known = new Set(claims.segments.map((/** @type {any} */ one) => one.hash));
      if (seq > model.seq) model.takes(seq, model.seq), (model.seq = seq);
      return made;
    };
    await until(look, (made) => made > 0);
    // One piece is made. Whoever revokes now is answered before the next.
    await place([...fresh(3), ...[1, 150_000].map((n) => ({ rule: ["jti"], issuer: ISSUER, values: [`piece-${n}`], undo: true, kind: "outright" }))]);
    assert.equal((await status(running.ledger)).compacting, true, "answered in between");
    await look();
    for (const pid of running.pids) process.kill(pid, "SIGKILL");
    await running.gate.dispose().catch(() => undefined);

    running = await start({ storage }, { epsilonBits: 48 });
    assert.equal((await status(running.ledger)).compacting, true, "the plan is kept");
    const done = async () => {
      await look();
      return status(running.ledger);
    };
    assert.equal((await until(done, ({ compacting }) => !compacting, 20_000)).compacting, false, "and is carried out");
    await look();
    const pieces = seen.filter(({ made }) => made > 0);
    context.diagnostic(JSON.stringify(seen));
    assert.ok(pieces.length >= 2, "more than one manifest");
    for (const { made, all } of pieces) assert.ok(made <= Math.max(all / 4, 1024 * 1024), `${made} of ${all} bytes are new`);
    assert.deepEqual([...known].filter((name) => old.has(name)), [], "nothing is left of what was replaced");
    const { segments, segmentBytes } = await status(running.ledger);
    assert.deepEqual([segments, segmentBytes], [known.size, seen.at(-1)?.all], "operators are told of what is in force");
    assert.deepEqual([...new Set(seen.map((one) => one.is_told))], ["2^-50", "2^-47", "2^-48"], "what is promised meanwhile holds");
    await check(running.gate, running.ledger, model, work);
  } finally {
    await running.gate.dispose().catch(() => undefined);
  }
});

test("segments count among the day's writes to KV, and what is too much waits for the next day while the head goes on", async () => {
  const storage = mkdtempSync(join(folder, "budget-"));
  // Two hours before midnight (UTC), of which an alarm knows nothing: ticks do what it would.
  const evening = 22 * 3600 - (Math.floor(Date.now() / 1000) % 86_400);
  const kvWritesPerDay = 300;
  let running = await start({ storage, worker: ahead(evening) }, { kvWritesPerDay });
  let names = 0;
  // More than a manifest takes: a segment for each of sixty tables.
  const many = () =>
    Array.from({ length: 2_100 }, (_, n) => {
      const target = { rule: [`claim-${n % 30}`], issuer: ISSUER, values: [`budget-${(names += 1)}`] };
      return Math.floor(n / 30) % 2 ? { ...target, before: EPOCH - 1_000 } : target;
    });
  /** What KV has is whole: the manifest's number and how many segments it names. */
  const held = async () => {
    const kv = await running.gate.kv();
    const text = Buffer.from((await kv.get("manifest.jwt", "arrayBuffer")) ?? assert.fail("there is a manifest"));
    const { seq, segments } = claimsOf(text.toString());
    for (const { hash } of segments) assert.ok(await kv.get(`segments/${hash}`, "arrayBuffer"), "a segment that KV's manifest names");
    return { seq, segments: segments.length };
  };
  const tick = async () => {
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    assert.equal((await call(running.ledger, "tick", "")).status, 200);
    return status(running.ledger);
  };
  try {
    for (let time = 1; time <= 6; time += 1) {
      const { status: code, body } = await send(running.ledger, { actor: ADMIN, changes: many() });
      assert.equal(code, 200, JSON.stringify(body));
      const { seq, claims } = await newest(running.ledger);
      assert.deepEqual([seq, claims.segments.length], [body.receipt.seq, 60 * time], "the head goes on");
      const { kvWritesToday, kvSeq } = await tick();
      assert.ok(kvWritesToday <= kvWritesPerDay, `${kvWritesToday} writes`);
      assert.ok(kvWritesToday >= 60 * Math.min(time, 4), `${kvWritesToday} writes: what there is room for is written`);
      assert.equal((await held()).seq, kvSeq);
      assert.equal(kvSeq === seq, time <= 4, `${time}: ${kvWritesToday} writes`);
    }
    assert.equal((await held()).segments, 240, "the last that there was room for");
    const day = await newest(running.ledger);
    await running.gate.dispose();

    running = await start({ storage, worker: ahead(evening + 86_400) }, { kvWritesPerDay });
    const { kvWritesToday, kvSeq, seq } = await tick();
    assert.ok(seq >= day.seq && kvSeq === seq, "caught up on the next day");
    assert.ok(kvWritesToday > 60 && kvWritesToday <= 122, `${kvWritesToday}: what was written in advance is not written again`);
    assert.equal((await held()).segments, 360);
  } finally {
    await running.gate.dispose().catch(() => undefined);
  }
});

describe("a KV that is not what the ledger made it", () => {
  /** @type {Awaited<ReturnType<typeof start>>} */
  let running;
  /** @type {import("../../xtask/node/gate.mjs").Kv} */
  let kv;
  let names = 0;
  before(async () => {
    running = await start();
    kv = await running.gate.kv();
  });
  after(() => running.gate.dispose());

  const order = () => ({ actor: "key:test", changes: [{ rule: ["jti"], issuer: ISSUER, values: [`kv-${(names += 1)}`] }] });

  /** What KV has, as a text. */
  const held = async (from = kv) => {
    const bytes = await from.get("manifest.jwt", "arrayBuffer");
    return bytes && Buffer.from(bytes).toString();
  };

  /** Places an order, and gives the manifest that has it. */
  const publish = async (ledger = running.ledger) => {
    const { status: code, body } = await send(ledger, order());
    assert.equal(code, 200);
    return /** @type {string} */ (body.receipt.manifest);
  };

  /** Waits until KV has the newest manifest, with all that it names. */
  const caughtUp = async ({ ledger, gate } = running) => {
    const { text, seq, claims } = await newest(ledger);
    const store = await gate.kv();
    assert.equal(await until(() => held(store), (now) => now === text), text, "KV is behind");
    for (const { hash } of claims.segments) assert.ok(await store.get(`segments/${hash}`, "arrayBuffer"));
    const numbers = await until(() => status(ledger), ({ kvSeq }) => kvSeq === seq);
    assert.deepEqual([numbers.kvSeq, numbers.kvBehindMillis, numbers.conflict], [seq, 0, false]);
    return text;
  };

  /** Waits until the ledger has found another's manifest in KV, and has left it there. @param {string} theirs */
  const conflicted = async (theirs, { ledger, gate } = running) => {
    const numbers = await until(() => status(ledger), ({ conflict }) => conflict);
    assert.equal(numbers.conflict, true);
    const mine = await publish(ledger);
    assert.equal((await newest(ledger)).text, mine, "the head is served all the same");
    assert.equal((await call(ledger, "tick", "")).status, 200);
    assert.equal(await held(await gate.kv()), theirs, "another's manifest is left alone");
    assert.equal((await status(ledger)).conflict, true);
  };

  /** A manifest of this number, with the ledger's name and key, that it never made. @param {number} seq */
  const foreign = async (seq) => {
    const [input, out] = [join(folder, "theirs.ndjson"), join(folder, `theirs-${seq}`)];
    writeFileSync(input, JSON.stringify({ rule: ["jti"], issuer: ISSUER, values: ["theirs"] }));
    const signer = ["--key", authority.keyFile, "--issuer", AUTHORITY];
    await revocable(["build", "--input", input, "--out", out, "--seq", `${seq}`, ...signer]);
    return readFileSync(join(out, "manifest.jwt"), "utf8");
  };

  test("a write that was lost is made good at the next one", async () => {
    await publish();
    await caughtUp();
    await kv.delete("manifest.jwt");
    await publish();
    await caughtUp();
  });

  test("an older one of its own is written over", async () => {
    await publish();
    const older = await caughtUp();
    await publish();
    await caughtUp();
    await kv.put("manifest.jwt", older);
    await publish();
    await caughtUp();
  });

  for (const seq of [1, 5_000]) {
    test(`another authority's manifest ${seq} under the same key is left alone until it is gone`, async () => {
      await caughtUp();
      const text = await foreign(seq);
      await kv.put("manifest.jwt", text);
      await publish();
      await conflicted(text);
      await kv.delete("manifest.jwt");
      await publish();
      await caughtUp();
    });
  }

  test("an empty ledger writes over nobody's list unless it succeeds him, and then with a greater number", async () => {
    const storage = join(folder, "succession");
    const text = await foreign(40);
    const objects = new Map([["manifest.jwt", Buffer.from(text)]]);
    let successor = await start({ storage, objects });
    try {
      await publish(successor.ledger);
      await conflicted(text, successor);
      await successor.gate.dispose();

      successor = await start({ storage }, { succeeds: 40 });
      assert.equal((await call(successor.ledger, "tick", "")).status, 200);
      const { seq } = claimsOf((await held(await successor.gate.kv())) ?? "");
      assert.ok(seq >= 40, `readers that have 40 would not take ${seq}`);
      await publish(successor.ledger);
      assert.ok(claimsOf(await caughtUp(successor)).seq > 40);
    } finally {
      await successor.gate.dispose();
    }

    successor = await start({ objects }, { succeeds: 40 });
    try {
      assert.equal((await newest(successor.ledger)).seq, 41);
      await publish(successor.ledger);
      await caughtUp(successor);
    } finally {
      await successor.gate.dispose();
    }
  });

  test("a KV that fails, is slow or loses a write keeps nobody from revoking, and has the newest in the end", async () => {
    const one = await start({ worker: faulty() });
    try {
      const store = await one.gate.kv();
      for (const fault of ["fails", "is slow", "loses it"]) {
        await store.put("fault", fault);
        const before = await held(store);
        for (let count = 0; count < 5; count += 1) {
          const manifest = await publish(one.ledger);
          assert.equal((await newest(one.ledger)).text, manifest, `the head is served although KV ${fault}`);
        }
        if (fault !== "is slow") {
          // By now it would have been written.
          await new Promise((resolve) => setTimeout(resolve, 1_200));
          await call(one.ledger, "tick", "");
          assert.equal(await held(store), before, `KV ${fault}`);
        }
        await store.delete("fault");
        // What was lost is made good with the next that is written.
        await publish(one.ledger);
        await caughtUp(one);
      }
    } finally {
      await one.gate.dispose();
    }
  });

  test("the cron trigger brings KV up to date where the alarm was lost", async () => {
    const one = await start();
    try {
      assert.equal(await held(await one.gate.kv()), null, "nobody has asked the ledger yet");
      assert.equal((await one.gate.cron()).outcome, "ok");
      assert.equal(await held(await one.gate.kv()), (await newest(one.ledger)).text);
    } finally {
      await one.gate.dispose();
    }
  });

  test("an alarm that is the first to wake the ledger brings KV up to date", async () => {
    const storage = mkdtempSync(join(folder, "woken-"));
    let one = await start({ storage, worker: faulty() });
    try {
      const store = await one.gate.kv();
      await store.put("fault", "fails");
      const manifest = await publish(one.ledger);
      for (const pid of one.pids) process.kill(pid, "SIGKILL");
      await one.gate.dispose().catch(() => undefined);
      one = await start({ storage });
      // Nobody asks the Worker anything.
      const kv = await one.gate.kv();
      assert.equal(await until(() => held(kv), (now) => now === manifest, 20_000), manifest);
    } finally {
      await one.gate.dispose().catch(() => undefined);
    }
  });

  test("a segment that KV has lost is written again within ten minutes", async () => {
    const storage = mkdtempSync(join(folder, "lost-"));
    let one = await start({ storage });
    try {
      const changes = Array.from({ length: 2_100 }, (_, count) => ({ rule: ["jti"], issuer: ISSUER, values: [`lost-${count}`] }));
      assert.equal((await send(one.ledger, { actor: "key:ops", changes })).status, 200);
      await caughtUp(one);
      const [{ hash }] = (await newest(one.ledger)).claims.segments;
      await (await one.gate.kv()).delete(`segments/${hash}`);
      await one.gate.dispose();
      one = await start({ storage, worker: ahead(700) });
      assert.equal((await call(one.ledger, "tick", "")).status, 200);
      await caughtUp(one);
    } finally {
      await one.gate.dispose();
    }
  });

  test("fifty orders in a burst are one write a second", async () => {
    await publish();
    await caughtUp();
    const started = performance.now();
    const before = await status(running.ledger);
    /** The numbers that KV has had, in their order. @type {number[]} */
    const seen = [];
    const look = async () => {
      const { seq } = claimsOf((await held()) ?? "");
      if (seq !== seen.at(-1)) seen.push(seq);
      return seq;
    };
    await look();
    for (let round = 0; round < 10; round += 1) {
      // The cron trigger comes when it likes, also several at a time.
      const ticks = [0, 1, 2].map(() => call(running.ledger, "tick", ""));
      await Promise.all([...Array.from({ length: 5 }, () => publish()), ...ticks]);
      await look();
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    await until(look, (seq) => seq === before.seq + 100);
    await caughtUp();
    const seconds = (performance.now() - started) / 1000;
    const after = await status(running.ledger);
    assert.equal(after.seq, before.seq + 100, "an order is one change and one manifest");
    const writes = after.kvWritesToday - before.kvWritesToday;
    assert.ok(writes >= 2 && writes <= Math.ceil(seconds / 1.05), `${writes} writes in ${seconds} s`);
    assert.deepEqual(seen, seen.toSorted((a, b) => a - b), "KV never goes back");
    assert.ok(seen.length - 1 <= writes, `${seen.length - 1} manifests were seen, and ${writes} writes counted`);
  });
});

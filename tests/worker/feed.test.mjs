// What the ledger shows: its feed by both ways, its listing and its log, and what both say of one that is taken back.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { after, before, describe, test } from "node:test";

import { WebSocket } from "undici";

import { ISSUER } from "../../xtask/node/names.mjs";
import { startStack, until } from "../../xtask/node/stack.mjs";
import { ask, bearer, withClock } from "./support.mjs";

const KEY = randomBytes(32).toString("base64url");
const PATH = "/_revocable/admin/revocations";
const SUBSCRIBERS = 1000;

describe("the ledger, as it is seen", { timeout: 120_000 }, () => {
  /** @type {import("../../xtask/node/stack.mjs").Stack} */
  let stack;
  /** @type {import("../../xtask/node/stack.mjs").Gate} */
  let gate;
  before(async () => {
    stack = await startStack();
    const authority = {
      signingKey: { secret: "AUTHORITY_KEY" },
      keys: [{ id: "ops", hash: createHash("sha256").update(KEY).digest("hex"), may: "admin" }],
      rate: { perSecond: 1000, burst: 10_000 },
    };
    gate = await stack.startFreshGate({
      config: { ...stack.config, authority, publicSnapshot: true, readKey: undefined },
      bindings: { AUTHORITY_KEY: await readFile(stack.authority.keyFile, "utf8") },
    });
  });
  after(() => stack.dispose());

  /** @param {object} body */
  async function post(body) {
    const headers = { ...bearer(KEY), "content-type": "application/json" };
    const response = await gate.fetch(PATH, { method: "POST", headers, body: JSON.stringify(body) });
    assert.equal(response.status, 200);
    return response.json();
  }
  const revocation = (/** @type {string} */ jti, more = {}) => ({ rule: ["jti"], issuer: ISSUER, values: [jti], ...more });
  /** @param {string} path */
  async function get(path) {
    const response = await gate.fetch(`/_revocable/admin/${path}`, { headers: bearer(KEY) });
    return { status: response.status, body: await response.json() };
  }

  /** @param {string} [query] @param {Record<string, string>} [headers] */
  async function subscribe(query = "", headers = {}) {
    const abort = new AbortController();
    const response = await fetch(`${gate.url}/_revocable/feed${query}`, { headers: { accept: "text/event-stream", ...headers }, signal: abort.signal });
    assert.equal(response.status, 200);
    const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
    const decoder = new TextDecoder();
    let text = "";
    return {
      async next() {
        for (;;) {
          const end = text.indexOf("\n\n");
          if (end >= 0) {
            const lines = text.slice(0, end).split("\n");
            text = text.slice(end + 2);
            const field = (/** @type {string} */ name) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
            return { id: field("id"), event: field("event"), data: JSON.parse(field("data") ?? "null") };
          }
          const { done, value } = await reader.read();
          if (done) throw new Error("the feed ended");
          text += decoder.decode(value, { stream: true });
        }
      },
      close: () => abort.abort(),
    };
  }

  test("a subscriber hears of a change, comes back with its number, and misses nothing", async () => {
    const feed = await subscribe();
    const hello = await feed.next();
    assert.equal(hello.event, "heartbeat");
    const first = await post(revocation("f-1", { expires: 4_000_000_000 }));
    const message = await feed.next();
    assert.deepEqual([message.event, message.data.prev, message.data.seq], ["change", hello.data.prev, first.seq]);
    assert.equal(message.id, String(first.seq));
    const [change] = message.data.changes;
    assert.deepEqual(
      { ...change, id: change.id.length },
      { seq: first.outcomes[0].seq, op: "add", rule: ["jti"], kind: "outright", issuer: ISSUER, id: 32, expires: 4_000_000_000 },
    );
    assert.ok(!JSON.stringify(message.data).includes("f-1"), "there are ids and no values");
    feed.close();
    const missed = await post(revocation("f-1", { undo: true }));
    await post(revocation("f-2"));
    for (const again of [await subscribe(`?after=${first.seq}`), await subscribe("", { "last-event-id": String(first.seq) })]) {
      const { data } = await again.next();
      assert.deepEqual(data.changes.map((/** @type {any} */ one) => one.op), ["undo", "add"]);
      assert.equal(data.changes[0].seq, missed.outcomes[0].seq);
      again.close();
    }
    for (const [query, event] of [["?after=9007199254740990", "reset"], [`?after=${(await head()).seq}`, "heartbeat"]]) {
      const feed = await subscribe(query);
      assert.equal((await feed.next()).event, event);
      feed.close();
    }
    for (const query of ["?after=x", "?after=1&after=2", "?since=1", "?after=-1", `?after=${"9".repeat(17)}`]) {
      assert.equal((await gate.fetch(`/_revocable/feed${query}`)).status, 400, query);
    }
  });

  async function head() {
    const text = await (await gate.fetch("/_revocable/head", { headers: { "cache-control": "no-cache" } })).text();
    return JSON.parse(Buffer.from(text.split(".")[1] ?? "", "base64url").toString());
  }

  test("what a message points to is the manifest with that hash, at once, and the gate refuses", async () => {
    const feed = await subscribe();
    await feed.next();
    const jti = "f-3";
    await post(revocation(jti));
    const { data } = await feed.next();
    const claims = JSON.parse(Buffer.from(data.head.split(".")[1], "base64url").toString());
    const manifest = await (await gate.fetch(`/_revocable/manifests/${claims.seq}.jwt`)).text();
    assert.equal(createHash("sha256").update(manifest).digest("hex"), claims.manifest);
    assert.equal((await ask(gate, await stack.issuer.mint({ jti }))).status, 401);
    feed.close();
  });

  test(`${SUBSCRIBERS} WebSockets hear of it, each once`, async () => {
    const url = `${gate.url.replace("http", "ws")}/_revocable/feed`;
    /** @type {any[]} */
    const sockets = [];
    const open = async () => {
      const socket = new WebSocket(url);
      const heard = /** @type {any[]} */ ([]);
      sockets.push({ socket, heard });
      await new Promise((resolve, reject) => {
        socket.addEventListener("message", (/** @type {any} */ event) => {
          if (event.data !== "pong") heard.push(JSON.parse(event.data));
          resolve(undefined);
        });
        socket.addEventListener("error", reject);
      });
    };
    for (let count = 0; count < SUBSCRIBERS; count += 50) await Promise.all(Array.from({ length: 50 }, open));
    const { seq } = await post(revocation("f-4"));
    const deadline = Date.now() + 20_000;
    const has = (/** @type {any} */ one) => one.heard.some((/** @type {any} */ one) => one.seq >= seq);
    while (!sockets.every(has) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(sockets.filter(has).length, SUBSCRIBERS);
    const changes = sockets.map(({ heard }) => heard.filter((/** @type {any} */ one) => one.type === "change").length);
    assert.deepEqual([Math.min(...changes), Math.max(...changes)], [1, 1]);
    // The platform answers a sign of life without waking anything.
    const pong = new Promise((resolve) => sockets[0].socket.addEventListener("message", (/** @type {any} */ event) => resolve(event.data)));
    sockets[0].socket.send("ping");
    assert.equal(await pong, "pong");
    for (const { socket } of sockets) socket.close();
  });

  test("whoever may only revoke takes nothing back by saying less, and whoever may take back moves a cutoff", async () => {
    const ledger = await gate.ledger();
    const target = { rule: ["sub"], issuer: ISSUER, values: ["moved"] };
    /** @param {string} actor @param {object} more */
    const order = async (actor, more) => {
      const response = await ledger.fetch("https://ledger/orders", { method: "POST", body: JSON.stringify({ actor, changes: [{ ...target, ...more }] }) });
      assert.equal(response.status, 200);
      const { receipt } = await response.json();
      const [{ before, expires }] = (await get(`revocations?rule=sub&issuer=${encodeURIComponent(ISSUER)}&value=moved`)).body.revocations;
      return [receipt.outcomes[0].result, before, expires];
    };
    const far = 4_000_000_000;
    assert.deepEqual(await order("client:app-1", { before: 2000, expires: far }), ["added", 2000, far]);
    assert.deepEqual(await order("client:app-1", { before: 1000, expires: far - 1 }), ["unchanged", 2000, far]);
    assert.deepEqual(await order("client:app-1", { before: 3000, expires: far - 1 }), ["replaced", 3000, far]);
    assert.deepEqual(await order("events:idp", { before: 1 }), ["replaced", 3000, null]);
    assert.deepEqual(await order("key:ops", { before: 1000, expires: far }), ["replaced", 1000, far]);
  });

  test("what is revoked is listed, searched, paged, taken back by its number, and stays in the log", async () => {
    const more = Array.from({ length: 7 }, (_, count) => ({ rule: ["sub", "azp"], issuer: ISSUER, values: ["alice", `app-${count}`], before: 1_700_000_000.5, reason: "asked" }));
    for (const one of more) await post(one);
    const listed = await get("revocations?rule=sub,azp&limit=3");
    assert.deepEqual([listed.status, listed.body.revocations.length], [200, 3]);
    const [first] = listed.body.revocations;
    assert.deepEqual(
      { rule: first.rule, values: first.values, before: first.before, reason: first.reason, actor: first.actor, kind: first.kind },
      { rule: ["azp", "sub"], values: ["app-0", "alice"], before: 1_700_000_000.5, reason: "asked", actor: "key:ops", kind: "cutoff" },
    );
    const seen = [];
    for (let after = 0; after !== null; ) {
      const page = (await get(`revocations?rule=sub,azp&limit=3&after=${after}`)).body;
      seen.push(...page.revocations);
      after = page.next;
    }
    assert.equal(seen.length, more.length);
    for (const query of ["value=app-3", `rule=sub,azp&issuer=${encodeURIComponent(ISSUER)}&value=alice&value=app-3`, `id=${seen[3].id}`]) {
      const found = (await get(`revocations?${query}`)).body.revocations;
      assert.deepEqual(found.map((/** @type {any} */ one) => one.seq), [seen[3].seq], query);
    }
    assert.deepEqual((await get("revocations?value=nobody")).body, { revocations: [], next: null });
    const path = `${PATH}/${seen[3].seq}?reason=mistaken`;
    const taken = await gate.fetch(path, { method: "DELETE", headers: bearer(KEY) });
    assert.equal(taken.status, 200);
    assert.equal((await taken.json()).outcomes[0].result, "undone");
    assert.equal((await gate.fetch(path, { method: "DELETE", headers: bearer(KEY) })).status, 404);
    assert.deepEqual((await get(`revocations?id=${seen[3].id}`)).body.revocations, []);
    const log = (await get(`log?id=${seen[3].id}`)).body.revocations;
    assert.deepEqual(log.map((/** @type {any} */ one) => [one.undo, one.reason]), [[false, "asked"], [true, "mistaken"]]);
  });

  test("a ledger of ids alone finds a target, shows no values, and says what it cannot search", async () => {
    const authority = {
      signingKey: { secret: "AUTHORITY_KEY" },
      keys: [{ id: "ops", hash: createHash("sha256").update(KEY).digest("hex"), may: "admin" }],
      hashOnly: true,
    };
    const blind = await stack.startFreshGate({
      config: { ...stack.config, authority },
      bindings: { AUTHORITY_KEY: await readFile(stack.authority.keyFile, "utf8") },
    });
    const headers = { ...bearer(KEY), "content-type": "application/json" };
    const added = await blind.fetch(PATH, { method: "POST", headers, body: JSON.stringify(revocation("secret-1")) });
    const { outcomes } = await added.json();
    const list = async (/** @type {string} */ query) => {
      const response = await blind.fetch(`${PATH}?${query}`, { headers });
      const text = await response.text();
      assert.ok(!text.includes("secret-1"));
      return { status: response.status, body: JSON.parse(text) };
    };
    const found = await list(`rule=jti&issuer=${encodeURIComponent(ISSUER)}&value=secret-1`);
    assert.deepEqual(found.body.revocations.map((/** @type {any} */ one) => [one.seq, one.values]), [[outcomes[0].seq, null]]);
    assert.equal((await list("")).body.revocations.length, 1);
    assert.deepEqual([(await list("value=secret-1")).status, (await list("value=secret-1")).body.field], [422, "value"]);
    assert.equal((await ask(blind, await stack.issuer.mint({ jti: "secret-1" }))).status, 401);
    const taken = await blind.fetch(`${PATH}/${outcomes[0].seq}`, { method: "DELETE", headers: bearer(KEY) });
    assert.equal(taken.status, 200);
    assert.equal((await ask(blind, await stack.issuer.mint({ jti: "secret-1" }))).status, 200);
  });

  test("a client that floods is told when to come back, and the gate keeps answering", async () => {
    const authority = {
      signingKey: { secret: "AUTHORITY_KEY" },
      clients: [{ id: "app-1", secretHashes: [createHash("sha256").update("s").digest("hex")] }],
      rate: { perSecond: 1, burst: 2 },
    };
    const slow = await stack.startFreshGate({
      config: { ...stack.config, authority },
      bindings: { AUTHORITY_KEY: await readFile(stack.authority.keyFile, "utf8") },
    });
    const revoke = (/** @type {string} */ secret) =>
      slow.fetch("/_revocable/revoke", { method: "POST", headers: { authorization: `Basic ${btoa(`app-1:${secret}`)}` }, body: new URLSearchParams({ token: "a.b.c" }) });
    for (const [secret, first] of /** @type {[string, number][]} */ ([["s", 200], ["wrong", 401]])) {
      const answers = [];
      for (let count = 0; count < 5; count += 1) answers.push(await revoke(secret));
      assert.deepEqual([answers[0]?.status, answers.at(-1)?.status], [first, 429]);
      assert.match(answers.at(-1)?.headers.get("retry-after") ?? "", /^\d+$/);
    }
    assert.equal((await ask(slow, await stack.issuer.mint({ jti: "calm" }))).status, 200);
  });
});

describe("the feed, to those who do not keep up and where nothing changes", { timeout: 240_000 }, () => {
  /** @type {import("../../xtask/node/stack.mjs").Stack} */
  let stack;
  /** @type {import("../../xtask/node/stack.mjs").Gate} */
  let gate;
  /** @type {import("../../xtask/node/gate.mjs").Ledger} */
  let ledger;
  before(async () => {
    stack = await startStack();
    const authority = { signingKey: { secret: "AUTHORITY_KEY" }, keys: [{ id: "ops", hash: "a".repeat(64), may: "admin" }] };
    gate = await stack.startFreshGate({
      config: { ...stack.config, authority },
      bindings: { AUTHORITY_KEY: await readFile(stack.authority.keyFile, "utf8") },
      worker: withClock(),
    });
    ledger = await gate.ledger();
  });
  after(() => stack.dispose());

  /** How far the clock is ahead, in seconds. @param {number} seconds */
  const clock = async (seconds) => assert.equal((await gate.fetch(`/clock?${seconds * 1000}`)).status, 200);
  const tick = async () => assert.equal((await ledger.fetch("https://ledger/tick", { method: "POST" })).status, 200);
  const subscribers = async () => (await (await ledger.fetch("https://ledger/status")).json()).subscribers;

  let named = 0;
  /** Revokes so many tokens in one order. */
  async function revoke(count = 1) {
    const changes = Array.from({ length: count }, () => ({ rule: ["jti"], issuer: ISSUER, values: [`slow-${(named += 1)}`] }));
    const response = await ledger.fetch("https://ledger/orders", { method: "POST", body: JSON.stringify({ actor: "key:ops", changes }) });
    assert.equal(response.status, 200);
    return (await response.json()).receipt.seq;
  }

  /** A WebSocket, once it has its first message. */
  async function listen(query = "") {
    const socket = new WebSocket(`${gate.url.replace("http", "ws")}/_revocable/feed${query}`);
    const heard = /** @type {any[]} */ ([]);
    const closed = /** @type {number[]} */ ([]);
    socket.addEventListener("message", (/** @type {any} */ event) => heard.push(event.data === "pong" ? "pong" : JSON.parse(event.data)));
    socket.addEventListener("close", (/** @type {any} */ event) => closed.push(event.code));
    await heardBy(heard, 1);
    return { socket, heard, closed };
  }
  /** The connection of a WebSocket that says nothing at all. */
  async function silent() {
    const { hostname, port } = new URL(gate.url);
    const socket = createConnection({ host: hostname, port: Number(port) });
    const chunks = /** @type {Buffer[]} */ ([]);
    socket.on("data", (chunk) => chunks.push(chunk));
    const key = randomBytes(16).toString("base64");
    const fields = ["connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13", `sec-websocket-key: ${key}`];
    socket.write(`GET /_revocable/feed HTTP/1.1\r\nhost: ${hostname}\r\n${fields.join("\r\n")}\r\n\r\n`);
    const bytes = () => Buffer.concat(chunks);
    assert.ok(await until(async () => bytes().includes("heartbeat"), Boolean), "it is told something");
    return { socket, bytes };
  }

  /** A reader of server-sent events. */
  async function events(query = "") {
    const abort = new AbortController();
    const response = await fetch(`${gate.url}/_revocable/feed${query}`, { headers: { accept: "text/event-stream" }, signal: abort.signal });
    assert.equal(response.status, 200);
    const heard = /** @type {any[]} */ ([]);
    const read = async () => {
      let text = "";
      for await (const chunk of /** @type {any} */ (response.body).pipeThrough(new TextDecoderStream())) {
        const lines = (text + chunk).split("\n");
        text = lines.pop() ?? "";
        for (const line of lines) if (line.startsWith("data: ")) heard.push(JSON.parse(line.slice(6)));
      }
    };
    read().catch(() => undefined);
    await heardBy(heard, 1);
    return { heard, close: () => abort.abort() };
  }

  /** @param {any[]} heard @param {number} count */
  async function heardBy(heard, count) {
    assert.ok(await until(async () => heard.length >= count, Boolean), `${count} messages`);
  }

  test("a WebSocket that has said nothing for two minutes is sent away, and one that pings is not until it stops", async () => {
    await clock(-130);
    // As bytes, because the platform leaves the connection of one that has never said anything to its other end.
    const quiet = await silent();
    const pinging = await listen();
    pinging.socket.send("ping");
    await heardBy(pinging.heard, 2);
    assert.equal(pinging.heard[1], "pong");
    await clock(0);
    await tick();
    const goodbye = Buffer.concat([Buffer.from([0x88, 2 + SILENT.length, 1013 >> 8, 1013 & 0xff]), Buffer.from(SILENT)]);
    assert.ok(await until(async () => quiet.bytes().includes(goodbye), Boolean), "it is closed with 1013");
    quiet.socket.destroy();
    assert.equal(await until(subscribers, (count) => count === 1), 1);
    assert.deepEqual(pinging.closed, []);
    await heardBy(pinging.heard, 3);
    assert.equal(pinging.heard[2].type, "heartbeat");
    await clock(125);
    await tick();
    assert.deepEqual(await until(async () => pinging.closed, ({ length }) => length > 0), [1013]);
    assert.equal(await until(subscribers, (count) => count === 0), 0);
    await clock(0);
  });

  test("a WebSocket outlives the ledger, which sleeps meanwhile, and is not taken for one that has long been silent", async () => {
    const before = Number(await (await gate.fetch("/clock")).text());
    const { socket, heard, closed } = await listen();
    // The alarm of the next heart-beat wakes it.
    const made = async () => Number(await (await gate.fetch("/clock")).text());
    assert.ok((await until(made, (count) => count > before, 60_000)) > before, "it has not slept");
    await heardBy(heard, 2);
    assert.deepEqual([heard.at(-1).type, closed], ["heartbeat", []]);
    const seq = await revoke();
    await until(async () => heard, (heard) => heard.at(-1).seq >= seq);
    assert.deepEqual([heard.at(-1).type, heard.at(-1).seq], ["change", seq]);
    socket.close();
  });

  test("a manifest that was signed anew is a number that has moved, and no gap", async () => {
    const follower = await events();
    const { heard } = follower;
    const first = await revoke();
    await heardBy(heard, 2);
    await clock(601);
    await tick();
    const next = await revoke();
    assert.ok(next > first + 2, "one number is the change's, one is its manifest's, and one that of what was signed anew");
    await until(async () => heard, (heard) => heard.at(-1).seq >= next);
    // Whoever hears no heart-beat between them has what came before this change all the same.
    const [before, change] = heard.filter(({ type }) => type === "change");
    assert.equal(before.seq, first);
    assert.ok(change.prev <= first, `${change.prev} is of the change before, which came with ${first}`);
    for (const { type, seq, prev } of heard) if (type === "heartbeat") assert.ok(prev <= seq && (seq >= next || prev <= first));
    await clock(1202);
    await tick();
    await until(async () => heard, (heard) => heard.at(-1).seq > next);
    const { type, seq, prev } = heard.at(-1);
    assert.deepEqual([type, prev <= next], ["heartbeat", true], "nothing has changed");
    // Who comes back has missed nothing either, and whoever was away for the change is told of it.
    const [same, away] = [await events(`?after=${next}`), await events(`?after=${first}`)];
    assert.deepEqual([same.heard[0].type, same.heard[0].seq, same.heard[0].prev], ["heartbeat", seq, prev]);
    assert.deepEqual([away.heard[0].type, away.heard[0].changes.length], ["change", 1]);
    assert.ok(away.heard[0].prev <= first);
    // A heart-beat alone would show a reader with `first` that it has missed something.
    assert.ok(prev > first);
    for (const one of [follower, same, away]) one.close();
    // Those who are gone are noticed with the next message to them.
    const told = async () => (await revoke(), subscribers());
    assert.equal(await until(told, (count) => count === 0), 0);
    await clock(0);
  });

  test("a reader of server-sent events that does not read is cut off, others are not, and it comes back without a gap", async () => {
    const { hostname, port } = new URL(gate.url);
    const slow = createConnection({ host: hostname, port: Number(port) });
    let text = "";
    let ended = false;
    slow.setEncoding("utf8").on("data", (chunk) => (text += chunk)).on("end", () => (ended = true)).on("close", () => (ended = true));
    slow.write(`GET /_revocable/feed HTTP/1.1\r\nhost: ${hostname}\r\naccept: text/event-stream\r\nconnection: close\r\n\r\n`);
    await until(async () => text, (text) => text.includes("event: heartbeat"));
    slow.pause();
    const other = await listen();
    const heard = () => other.heard.filter(({ type }) => type === "change").flatMap(({ changes }) => changes).length;
    let seq = 0;
    let orders = 0;
    while (orders < MOST_ORDERS && (await subscribers()) === 2) {
      seq = await revoke(4000);
      orders += 1;
      // Before the next: two that are told together are more than is told at once.
      assert.equal(await until(async () => heard(), (count) => count === orders * 4000), orders * 4000);
    }
    assert.equal(await subscribers(), 1, `it is still told after ${orders} orders`);
    // What had left the ledger arrives, whole and in order; then the stream ends.
    slow.resume();
    await until(async () => ended, Boolean, 60_000);
    assert.ok(ended, "the stream ends");
    const messages = text.split("\n").filter((line) => line.startsWith("data: ")).map((line) => JSON.parse(line.slice(6)));
    let last = 0;
    for (const { type, seq, prev, more } of messages) {
      if (type === "change") assert.ok(last === 0 || prev <= last, `${prev} comes after ${last}`);
      if (!more) last = seq;
    }
    assert.ok(last > 0 && last < seq, `${last} of ${seq}`);
    // So much has happened that it begins anew; who is one order behind is told of that one.
    const back = await listen(`?after=${last}`);
    assert.equal(back.heard[0].type, "reset");
    const behind = other.heard.filter(({ type }) => type === "change").at(-1).prev;
    const near = await listen(`?after=${behind}`);
    await until(async () => near.heard, (heard) => !heard.at(-1).more);
    assert.equal(near.heard.flatMap(({ changes }) => changes).length, 4000);
    for (const { socket } of [other, back, near]) socket.close();
  });
});

/** What one that is sent away is told. */
const SILENT = "say `ping` every minute";
/** Each is several messages of a hundred kilobytes; the way to the reader holds some of them. */
const MOST_ORDERS = 200;

// `revocable/authority` and a verifier that follows, against a server that speaks as an authority does.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";

import { makeFixture } from "./support/fixture.mjs";
import { installPackage } from "./support/installed.mjs";

const [installed, fixture] = await Promise.all([installPackage(), makeFixture()]);
after(installed.remove);
const { createVerifier, memorySource } = await installed.load();
const entry = createRequire(join(installed.folder, "main.js")).resolve("revocable/authority");
const { AuthorityError, createAuthorityClient, logout } = await import(pathToFileURL(entry).href);

const ISSUER = "https://issuer.example";
const key = "a-key-of-32-characters-or-so-1234";

/** A server that answers with `answer(request, response, body)` and remembers what it was asked. */
async function authority(answer) {
  const asked = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { method, url, headers } = request;
    asked.push({ method, url, headers, body });
    answer(request, response, body, asked.length - 1);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, asked };
}

const json = (status, body, headers = {}) => (_, response) => response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
const send = (response, message) => response.write(`id: ${message.seq}\nevent: ${message.type}\ndata: ${JSON.stringify(message)}\n\n`);
const stream = (response) => response.writeHead(200, { "content-type": "text/event-stream" });

test("one revocation is posted with the key, several as lines, and what became of them comes back", async () => {
  const outcome = { seq: 8, id: "00", result: "added" };
  const { url, asked } = await authority((request, response, body) => {
    const many = request.headers["content-type"] === "application/x-ndjson";
    const count = body.split("\n").length;
    const answer = many
      ? { seq: 9, mode: "all", recorded: count, refused: 0, outcomes: Array(count).fill(outcome), errors: [] }
      : { seq: 9, outcomes: [outcome] };
    json(200, answer)(request, response);
  });
  const client = createAuthorityClient({ url, key });
  const one = { rule: ["sub"], issuer: ISSUER, values: ["alice"], before: 1_790_000_000 };
  assert.deepEqual(await client.add(one, { reason: "lost", idempotencyKey: "mine" }), { seq: 9, outcomes: [outcome] });
  assert.equal(asked[0].url, "/_revocable/admin/revocations");
  assert.equal(asked[0].headers.authorization, `Bearer ${key}`);
  assert.equal(asked[0].headers["idempotency-key"], "mine");
  assert.deepEqual(JSON.parse(asked[0].body), { ...one, reason: "lost" });

  const many = Array.from({ length: 10_001 }, (_, index) => ({ rule: ["jti"], issuer: ISSUER, values: [`t-${index}`] }));
  const sum = await client.add(many, { idempotencyKey: "run" });
  assert.deepEqual([sum.seq, sum.recorded, sum.outcomes.length], [9, 10_001, 10_001]);
  assert.deepEqual(asked.slice(1).map(({ headers, body }) => [headers["idempotency-key"], body.split("\n").length]), [["run-1", 10_000], ["run-2", 1]]);
  assert.deepEqual(JSON.parse(asked[2].body), many[10_000]);

  await client.undo({ rule: ["sub"], issuer: ISSUER, values: ["alice"], kind: "cutoff" });
  assert.deepEqual(JSON.parse(asked[3].body), { rule: ["sub"], issuer: ISSUER, values: ["alice"], kind: "cutoff", undo: true });
  await client.undo(17);
  assert.deepEqual([asked[4].method, asked[4].url], ["DELETE", "/_revocable/admin/revocations/17"]);
  await client.undo(18, { reason: "by mistake & more" });
  assert.equal(asked[5].url, "/_revocable/admin/revocations/18?reason=by+mistake+%26+more");
  const keys = asked.map(({ headers }) => headers["idempotency-key"]);
  assert.equal(new Set(keys).size, keys.length);
});

test("of several parts, refused lines are named by their places among all", async () => {
  const { url } = await authority((request, response, body, before) => {
    const errors = before === 1 ? [{ line: 1, field: "before", reason: "it lies in the future" }] : [];
    json(200, { seq: before + 1, mode: "partial", recorded: 5, refused: errors.length, outcomes: [], errors })(request, response);
  });
  const many = Array.from({ length: 10_002 }, (_, index) => ({ rule: ["jti"], issuer: ISSUER, values: [`t-${index}`] }));
  const sum = await createAuthorityClient({ url, key }).add(many, { partial: true });
  assert.deepEqual([sum.seq, sum.mode, sum.recorded, sum.refused], [2, "partial", 10, 1]);
  assert.deepEqual(sum.errors, [{ line: 10_001, field: "before", reason: "it lies in the future" }]);
});

test("a list goes from page to page, and its filters are what the API calls them", async () => {
  const pages = { 0: { revocations: [{ seq: 1 }, { seq: 2 }], next: 2 }, 2: { revocations: [{ seq: 5 }], next: null } };
  const { url, asked } = await authority((request, response) => {
    const from = new URL(request.url, "http://a").searchParams.get("after") ?? "0";
    json(200, pages[from])(request, response);
  });
  const filter = { rule: ["sub", "azp"], issuer: ISSUER, values: ["al ice", 7], kind: "cutoff", id: "0a", actor: "key:ops", pageSize: 2, log: true };
  const seqs = [];
  for await (const { seq } of createAuthorityClient({ url, key }).list(filter)) seqs.push(seq);
  assert.deepEqual(seqs, [1, 2, 5]);
  const { pathname, searchParams } = new URL(asked[1].url, "http://a");
  assert.equal(pathname, "/_revocable/admin/log");
  assert.deepEqual([...searchParams].sort(), [["actor", "key:ops"], ["after", "2"], ["id", "0a"], ["issuer", ISSUER], ["json", "7"], ["kind", "cutoff"], ["limit", "2"], ["rule", '["sub","azp"]'], ["value", "al ice"]]);
});

test("a client revokes and asks with its own secret, in either of two ways, and a sender of events with none", async () => {
  const { url, asked } = await authority((request, response) =>
    request.url.endsWith("introspect") ? json(200, { active: true, sub: "alice" })(request, response) : response.writeHead(request.url.endsWith("events") ? 202 : 200).end(),
  );
  const client = createAuthorityClient({ url });
  await client.revoke("a.b.c", { hint: "access_token", client: { id: "app 1", secret: "s:é" } });
  assert.deepEqual(Object.fromEntries(new URLSearchParams(asked[0].body)), { token: "a.b.c", token_type_hint: "access_token" });
  assert.equal(Buffer.from(asked[0].headers.authorization.slice(6), "base64").toString(), "app+1:s%3A%C3%A9");
  assert.match(asked[0].headers["content-type"], /^application\/x-www-form-urlencoded/);
  await client.revoke("a.b.c", { client: { id: "app-1", secret: "s", method: "post" } });
  assert.deepEqual(Object.fromEntries(new URLSearchParams(asked[1].body)), { token: "a.b.c", client_id: "app-1", client_secret: "s" });
  assert.equal(asked[1].headers.authorization, undefined);
  assert.deepEqual(await client.introspect("a.b.c", { client: { id: "app-1", secret: "s" } }), { active: true, sub: "alice" });
  await createAuthorityClient({ url, key }).introspect("a.b.c");
  assert.equal(asked[3].headers.authorization, `Bearer ${key}`);
  await client.events("set");
  assert.deepEqual([asked[4].url, asked[4].body, asked[4].headers["content-type"]], ["/_revocable/events", "set", "application/secevent+jwt"]);
  await assert.rejects(async () => client.introspect("a.b.c"), { code: "ERR_CONFIG_INVALID" });
});

test("what is refused is an error with code, status and when to come back, and no redirect is followed", async () => {
  const one = { rule: ["jti"], issuer: ISSUER, values: ["t-1"] };
  for (const [status, code, mayPass] of [
    [400, "ERR_REQUEST_INVALID", false],
    [401, "ERR_CLIENT_INVALID", false],
    [403, "ERR_NOT_ALLOWED", false],
    [404, "ERR_NOT_FOUND", false],
    [422, "ERR_REVOCATION_INVALID", false],
    [429, "ERR_RATE_LIMITED", true],
    [500, "ERR_AUTHORITY_UNAVAILABLE", true],
    [503, "ERR_LEDGER_UNAVAILABLE", true],
    [307, "ERR_AUTHORITY_UNAVAILABLE", false],
  ]) {
    const errors = [{ line: 1, field: "before", reason: "it lies in the future" }];
    const { url, asked } = await authority(json(status, { error: "x", error_description: "because", errors }, { "retry-after": "7", location: "/elsewhere" }));
    const error = await createAuthorityClient({ url, key }).add(one).catch((error) => error);
    assert.ok(error instanceof AuthorityError && error instanceof Error);
    assert.deepEqual([error.code, error.status, error.mayPass], [code, status, mayPass]);
    if (status !== 307) assert.deepEqual([error.retryAfter, error.errors, error.message], [7, errors, `the authority answers ${status}: because`]);
    assert.equal(asked.length, 1);
    assert.ok(!`${error.message}${error.stack}`.includes(key));
  }
  const error = await createAuthorityClient({ url: "http://127.0.0.1:1", key }).add(one).catch((error) => error);
  assert.deepEqual([error.code, error.status], ["ERR_AUTHORITY_UNAVAILABLE", undefined]);
  for (const options of [undefined, {}, { url: "http://gate.example" }, { url: "https://gate.example", key: "a b" }, { url: "https://gate.example", keys: "" }]) {
    assert.throws(() => createAuthorityClient(options), { code: "ERR_CONFIG_INVALID" }, JSON.stringify(options));
  }
});

test("a feed is followed over breaks without loss or repetition, and ends with its signal", async () => {
  const change = (seq, prev) => ({ type: "change", seq, prev, head: "", changes: [] });
  const { url, asked } = await authority((request, response, _, before) => {
    if (before === 1) return response.writeHead(503, { "retry-after": "0" }).end();
    stream(response);
    const messages = [
      [{ type: "heartbeat", seq: 3, prev: 2, head: "" }, change(4, 3), change(5, 4)],
      [],
      // The list was signed anew as 7, and nothing is missing before 9; then something is, and the next tells all of it.
      [change(5, 4), { type: "heartbeat", seq: 7, prev: 5, head: "" }, change(9, 5), { type: "heartbeat", seq: 12, prev: 10, head: "" }],
      [change(12, 9), { type: "heartbeat", seq: 13, prev: 12, head: "" }],
    ];
    for (const message of messages[before] ?? []) send(response, message);
    // Within a message, and in the middle of a character.
    if (before === 0) response.end("data: {\"type\":\"change\"");
    else if (before === 3) response.write(Buffer.from(`: ü\n\ndata: {"type":"news","seq":7}\n\ndata: {"type":"reset",\ndata: "seq":20}\n\n`));
  });
  const controller = new AbortController();
  const seen = [];
  for await (const { type, seq } of createAuthorityClient({ url, key }).feed({ after: 2, signal: controller.signal })) {
    seen.push([type, seq]);
    if (type === "reset") controller.abort();
  }
  assert.deepEqual(seen, [["heartbeat", 3], ["change", 4], ["change", 5], ["heartbeat", 7], ["change", 9], ["change", 12], ["heartbeat", 13], ["reset", 20]]);
  assert.deepEqual(asked.map(({ url }) => url), ["2", "5", "5", "9"].map((after) => `/_revocable/feed?after=${after}`));
  assert.equal(asked[0].headers.accept, "text/event-stream");
  const refused = await authority(json(401, {}));
  await assert.rejects(createAuthorityClient({ url: refused.url, key }).feed().next(), { code: "ERR_CLIENT_INVALID" });
});

test("logging out drops the token that is held here, whatever comes of it", async () => {
  const { token, ...held } = { token: "a.b.c" };
  const page = () => {
    const items = new Map([["token", token]]);
    return { items, area: { getItem: (name) => items.get(name) ?? null, removeItem: (name) => items.delete(name) } };
  };
  assert.deepEqual(held, {});
  const { url, asked } = await authority(json(200, { seq: 9 }));
  let forgotten = 0;
  let refreshed = 0;
  const { items, area } = page();
  const verifier = { refresh: async () => (refreshed += 1) };
  const done = await logout({ url, storage: { area, key: "token" }, forget: () => (forgotten += 1), verifier });
  assert.deepEqual([done, items.size, forgotten, refreshed], [{ seq: 9 }, 0, 1, 1]);
  assert.deepEqual([asked[0].method, asked[0].url, asked[0].headers.authorization], ["POST", "/_revocable/logout", "Bearer a.b.c"]);
  await logout({ url, token, everywhere: true });
  assert.equal(asked[1].url, "/_revocable/logout?everywhere");
  await logout({ url });
  assert.equal(asked[2].headers.authorization, undefined);

  for (const [status, body, code] of [[503, {}, "ERR_LEDGER_UNAVAILABLE"], [403, {}, "ERR_NOT_ALLOWED"]]) {
    const failing = await authority(json(status, body));
    const { items, area } = page();
    await assert.rejects(logout({ url: failing.url, storage: { area, key: "token" } }), { code });
    assert.equal(items.size, 0);
  }
  const { items: left, area: away } = page();
  await assert.rejects(logout({ url: "http://127.0.0.1:1", storage: { area: away, key: "token" } }), { code: "ERR_AUTHORITY_UNAVAILABLE" });
  await assert.rejects(logout({ url: "ftp://a", forget: () => (forgotten += 1) }), { code: "ERR_CONFIG_INVALID" });
  assert.deepEqual([left.size, forgotten], [0, 2]);
  const gone = await authority(json(401, { error: "invalid_token" }));
  assert.deepEqual(await logout({ url: gone.url, token }), { seq: null });
  await assert.rejects(logout({ url: gone.url, token, everywhere: true }), { status: 401 });
});

/** Until it holds. */
async function until(holds, what) {
  for (let tries = 0; !(await holds()); tries += 1) {
    assert.ok(tries < 200, what);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A verifier of the first snapshot that follows. */
function following(url, more = {}, onReadError = () => {}) {
  const lists = [{ issuer: fixture.authority, keys: fixture.listKeys, for: [fixture.issuer] }];
  const objects = Object.entries(fixture.snapshots.first).map(([name, base64]) => [name, Buffer.from(base64, "base64")]);
  const source = memorySource(new Map(objects));
  return createVerifier({ issuers: [{ issuer: fixture.issuer, jwks: fixture.jwks }], revocations: { source, lists, follow: { url, ...more } }, onReadError });
}

test("a verifier that follows refuses at once what its source does not know yet, and stops when it is closed", async () => {
  let feed;
  const { url, asked } = await authority((request, response) => {
    if (request.url.startsWith("/_revocable/feed")) return (feed = stream(response)), send(response, { type: "heartbeat", seq: 1, head: "" });
    const name = request.url.replace("/_revocable/", "").replace("manifests/2.jwt", "manifest.jwt");
    const object = fixture.snapshots.second[name];
    return object === undefined ? response.writeHead(404).end() : response.writeHead(200).end(Buffer.from(object, "base64"));
  });
  const verifier = await following(url, { key, jitter: true });
  assert.equal((await verifier.verify(fixture.tokens.revokedLater)).decision, "allow");
  await until(() => feed !== undefined, "it does not follow");
  send(feed, { type: "change", seq: 2, prev: 1, head: "", changes: [] });
  await until(async () => (await verifier.verify(fixture.tokens.revokedLater)).error?.code === "ERR_JWT_REVOKED", "it was not read");
  assert.equal(verifier.snapshot.seq, 2);
  assert.ok(asked.every(({ headers }) => headers.authorization === `Bearer ${key}`));
  assert.ok(asked.some(({ url }) => url === "/_revocable/manifests/2.jwt"));
  const before = asked.length;
  const closed = once(feed, "close");
  verifier.close();
  await closed;
  assert.equal((await verifier.verify(fixture.tokens.good)).decision, "allow");
  assert.equal(asked.length, before);
});

test("what a feed says is not believed: a manifest that another signed changes nothing, and the source is read as before", async () => {
  const errors = [];
  const { url } = await authority((request, response) => {
    if (request.url.startsWith("/_revocable/feed")) return stream(response), send(response, { type: "change", seq: 9, prev: 8, head: "", changes: [] });
    const object = request.url.includes("manifests/") ? fixture.snapshots.byImpostor["manifest.jwt"] : undefined;
    return object === undefined ? response.writeHead(404).end() : response.writeHead(200).end(Buffer.from(object, "base64"));
  });
  const controller = new AbortController();
  const verifier = await following(url, { signal: controller.signal }, (error) => errors.push(error.code));
  await until(() => errors.includes("ERR_REVOCATION_MANIFEST_UNTRUSTED"), "it was not looked at");
  controller.abort();
  await verifier.refresh();
  assert.equal((await verifier.verify(fixture.tokens.good)).decision, "allow");
  assert.equal((await verifier.verify(fixture.tokens.revoked)).error.code, "ERR_JWT_REVOKED");
  assert.equal(verifier.snapshot.seq, 1);
});

test("a feed that cannot be had is told of, and the source goes on", async () => {
  const errors = [];
  const { url } = await authority(json(401, {}));
  const verifier = await following(url, {}, (error) => errors.push(error));
  await until(() => errors.length > 0, "nobody was told");
  assert.equal(errors[0].code, "ERR_REVOCATION_SOURCE_UNAVAILABLE");
  assert.equal((await verifier.verify(fixture.tokens.revoked)).error.code, "ERR_JWT_REVOKED");
  for (const follow of [null, {}, { url: "http://gate.example" }, { url, key: "a b" }, { url, jitter: 1 }, { url, signal: {} }, { url, keys: 1 }]) {
    const lists = [{ issuer: fixture.authority, keys: fixture.listKeys, for: [fixture.issuer] }];
    await assert.rejects(createVerifier({ issuers: [{ issuer: fixture.issuer, jwks: fixture.jwks }], revocations: { source: memorySource({}), lists, follow } }), { code: "ERR_CONFIG_INVALID" });
  }
});

// Sources as they are where they are at home: a folder in Node, a web server, and Workers KV in workerd.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";

import { readExamples } from "./support/examples.mjs";
import { makeFixture } from "./support/fixture.mjs";
import { installPackage } from "./support/installed.mjs";
import { startWorker } from "./support/workerd.mjs";

const [installed, fixture] = await Promise.all([installPackage(), makeFixture()]);
after(installed.remove);
const { createVerifier, httpConfirm, httpSource, memorySource } = await installed.load();
const folderEntry = createRequire(join(installed.folder, "main.js")).resolve("revocable/folder");
const { folderSource } = await import(pathToFileURL(folderEntry).href);
const { good, revoked, revokedLater } = fixture.tokens;
const manifestOf = (snapshot) => {
  const [, payload] = Buffer.from(fixture.snapshots[snapshot]["manifest.jwt"], "base64").toString().split(".");
  return JSON.parse(Buffer.from(payload, "base64url").toString());
};
/** The segments that confirm. */
const EXACT = manifestOf("coarse").segments.map(({ exact }) => `segments/${exact.hash}`);
const objects = (snapshot) =>
  Object.entries(fixture.snapshots[snapshot]).map(([name, base64]) => [name, Buffer.from(base64, "base64")]);

test("node: a folder is a source, by its path or URL, and a snapshot that is copied over is read", async () => {
  const folder = await makeFolder("first");
  for (const path of [folder, pathToFileURL(`${folder}/`)]) {
    const verifier = await verifierOf(folderSource(path));
    assert.equal((await verifier.verify(good)).decision, "allow");
    assert.equal((await verifier.verify(revoked)).error.code, "ERR_JWT_REVOKED");
  }
  const verifier = await verifierOf(folderSource(folder));
  assert.equal((await verifier.verify(revokedLater)).decision, "allow");
  await fill(folder, "second");
  assert.equal((await verifier.refresh()).seq, 2);
  assert.equal((await verifier.verify(revokedLater)).error.code, "ERR_JWT_REVOKED");
});

test("node: a folder without a manifest, or with one that is too long, or that is none, is unavailable", async () => {
  const long = await makeFolder("first");
  await writeFile(join(long, "manifest.jwt"), Buffer.alloc(4_000_000));
  const nested = await makeFolder();
  await mkdir(join(nested, "manifest.jwt"));
  for (const [folder, message] of [[await makeFolder(), /there is no `manifest.jwt`/], [long, /more than \d+ bytes/], [nested, /./]]) {
    const { decision, error } = await (await verifierOf(folderSource(folder))).verify(good);
    assert.equal(decision, "unavailable");
    assert.equal(error.cause.code, "ERR_REVOCATION_SOURCE_UNAVAILABLE");
    assert.match(error.cause.message, message);
  }
});

test("node: a folder that is no path is refused", () => {
  for (const path of [undefined, "", 1, new URL("https://cdn.example/")]) {
    assert.throws(() => folderSource(path), { code: "ERR_CONFIG_INVALID", name: "InvalidArgument" });
  }
});

test("node: a web server that wants a read key is a source, and gives its manifest again only if it has changed", async () => {
  const site = await serve("first");
  const headers = { authorization: "Bearer read-key" };
  const verifier = await verifierOf(httpSource(site.url, { headers }));
  assert.equal((await verifier.verify(revoked)).error.code, "ERR_JWT_REVOKED");
  await verifier.refresh();
  assert.deepEqual(site.answers.at(-1), ["manifest.jwt", 304]);
  site.use("second");
  assert.equal((await verifier.refresh()).seq, 2);
  assert.ok(site.answers.some(([name, status]) => name === "manifest.jwt" && status === 200));
  assert.equal((await verifier.verify(revokedLater)).error.code, "ERR_JWT_REVOKED");
  const without = await (await verifierOf(httpSource(site.url))).verify(good);
  assert.match(without.error.cause.message, /HTTP status 401/);
});

test("node: the README's sources of one line each give a snapshot, as the stores that they name answer", async () => {
  const examples = await readExamples(installed.path("README.md"));
  const code = examples.find((example) => example.includes("fromRedis"));
  const held = new Map(objects("first"));
  const stores = {
    httpSource,
    denoKv: { get: async ([space, name]) => ({ value: space === "revocations" ? (held.get(name) ?? null) : null }) },
    redis: { getBuffer: async (key) => held.get(key.replace(/^revocations:/, "")) ?? null },
    signed: async (url) => new Response(held.get(String(url).replace("https://bucket.example/revocations/", ""))),
  };
  const make = new Function(...Object.keys(stores), `${code} return { fromDenoKv, fromRedis, fromBucket };`);
  const sources = Object.values(make(...Object.values(stores)));
  assert.equal(sources.length, 3);
  for (const source of sources) assert.equal((await (await verifierOf(source)).verify(revoked)).error.code, "ERR_JWT_REVOKED");
});

test("node: the README's options and its function that confirms do what it says", async () => {
  const examples = await readExamples(installed.path("README.md"));
  const options = examples.find((example) => example.includes("unknown: {"));
  const confirming = examples.find((example) => example.includes("const confirm = "));
  const asked = [];
  const given = {
    source: memorySource(new Map(objects("coarse").filter(([name]) => name === "manifest.jwt" || !EXACT.includes(name)))),
    lists: optionsFor().revocations.lists,
    readKey: "key",
    fetch: async (url, { method, headers, body, signal }) => {
      const { seq, targets } = JSON.parse(body);
      asked.push(`${method} ${url} ${headers.authorization} ${signal instanceof AbortSignal}`);
      return Response.json({ seq, answers: targets.map(() => ({ revoked: true })) });
    },
  };
  const code = `${options} ${confirming} return { ...revocations, confirm };`;
  const revocations = new Function(...Object.keys(given), code)(...Object.values(given));
  const verifier = await createVerifier({ ...optionsFor(), revocations });
  assert.equal((await verifier.verify(revoked)).error.code, "ERR_JWT_REVOKED");
  assert.deepEqual(asked, ["POST https://gate.example/_revocable/confirm Bearer key true"]);
});

test("node: whom a key is sent to or an answer believed of is https or on a loopback host, or refused", async () => {
  const headers = { authorization: "Bearer key" };
  for (const host of ["http://gate.example", "http://127.0.0.1.example", "http://10.0.0.1", "http://localhost.example"]) {
    assert.throws(() => httpSource(`${host}/lists/`, { headers }), { code: "ERR_CONFIG_INVALID" }, host);
    assert.throws(() => httpConfirm(`${host}/confirm`), { code: "ERR_CONFIG_INVALID" }, host);
    const revocations = { ...optionsFor().revocations, source: memorySource(new Map()), confirm: `${host}/confirm` };
    await assert.rejects(createVerifier({ ...optionsFor(), revocations }), { code: "ERR_CONFIG_INVALID", message: /confirm/ });
    assert.ok(httpSource(`${host}/lists/`), "signed objects may come from anywhere");
  }
  for (const host of ["https://gate.example", "http://localhost:8787", "http://127.0.0.2", "http://[::1]:1", "http://a.localhost"]) {
    assert.ok(httpSource(`${host}/lists/`, { headers }));
    assert.ok(httpConfirm(`${host}/confirm`));
  }
});

test("workerd: KV is a source, and what it has not got leaves what is in force", async () => {
  const { kv, ask } = await startKvWorker();
  await put(kv, "first");
  assert.equal(await ask(good), "allow 1");
  assert.equal(await ask(revoked), "deny ERR_JWT_REVOKED");
  await put(kv, "second");
  assert.equal(await ask(revokedLater, "refresh"), "deny ERR_JWT_REVOKED");
  await kv.delete("manifest.jwt");
  assert.match(await ask(good, "refresh"), /ERR_REVOCATION_SOURCE_UNAVAILABLE.*there is no `manifest.jwt`/);
  assert.equal(await ask(good), "allow 2");
});

test("workerd: KV without a manifest, or with a value that is longer than it may be, is unavailable", async () => {
  const { kv, ask } = await startKvWorker();
  assert.match(await ask(good, "refresh"), /ERR_REVOCATION_SOURCE_UNAVAILABLE.*there is no `manifest.jwt`/);
  await kv.put("manifest.jwt", new Uint8Array(8_000_000));
  assert.match(await ask(good, "refresh"), /ERR_REVOCATION_SOURCE_UNAVAILABLE.*more than \d+ bytes/);
  await put(kv, "first");
  const [segment] = Object.keys(fixture.snapshots.first).filter((name) => name.startsWith("segments/"));
  await kv.put(segment, new Uint8Array(8_000_000));
  assert.match(await ask(good, "refresh"), /ERR_REVOCATION_SOURCE_UNAVAILABLE.*more than \d+ bytes/);
  assert.equal(await ask(good), "unavailable ERR_REVOCATION_UNAVAILABLE");
});

test("workerd: KV's own complaint about a cacheTtl cannot come up, as its least is the default", async () => {
  const { ask } = await startKvWorker();
  assert.match(await ask(good, "raw29"), /at least 30/);
  assert.equal(await ask(good, "raw30"), "null");
});

function verifierOf(source) {
  return createVerifier(optionsFor(source));
}

function optionsFor(source) {
  const { issuer, authority, jwks, listKeys } = fixture;
  const lists = [{ issuer: authority, keys: listKeys, for: [issuer] }];
  return { issuers: [{ issuer, jwks, audience: "api" }], revocations: { source, lists } };
}

/** A folder with this snapshot in it. */
async function makeFolder(snapshot) {
  const folder = await mkdtemp(join(installed.folder, "folder-"));
  if (snapshot !== undefined) await fill(folder, snapshot);
  return folder;
}

async function fill(folder, snapshot) {
  for (const [name, bytes] of objects(snapshot)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), bytes);
  }
}

async function put(kv, snapshot) {
  for (const [name, bytes] of objects(snapshot)) await kv.put(name, new Uint8Array(bytes));
}

/** A web server that has a snapshot for whoever has the read key. */
async function serve(snapshot) {
  let held = new Map(objects(snapshot));
  const answers = [];
  const server = createServer(({ url, headers }, response) => {
    const name = url.slice("/lists/".length);
    const etag = `"${createHash("sha256").update(held.get(name) ?? "").digest("hex")}"`;
    const isKnown = headers["if-none-match"] === etag;
    const status = headers.authorization !== "Bearer read-key" ? 401 : !held.has(name) ? 404 : isKnown ? 304 : 200;
    answers.push([name, status]);
    response.writeHead(status, { etag }).end(status === 200 ? held.get(name) : undefined);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => (server.close(), server.closeAllConnections()));
  const use = (next) => void (held = new Map(objects(next)));
  return { url: `http://127.0.0.1:${server.address().port}/lists`, answers, use };
}

/** A Worker with an empty KV namespace for its source. */
async function startKvWorker() {
  const folder = await mkdtemp(join(installed.folder, "worker-kv-"));
  const entry = join(folder, "worker.js");
  await writeFile(
    entry,
    `import { createVerifier, kvSource } from "revocable";
     let verifier;
     export default {
       async fetch(request, env) {
         const { token, first } = await request.json();
         try {
           if (first.startsWith("raw")) {
             const options = { type: "stream", cacheTtl: Number(first.slice(3)) };
             return new Response(String(await env.REVOCATIONS.get("nothing", options)));
           }
           const { issuers, revocations } = env.OPTIONS;
           verifier ??= await createVerifier({ issuers, revocations: { ...revocations, source: kvSource(env.REVOCATIONS) } });
           if (first === "refresh") await verifier.refresh();
         } catch (error) {
           return new Response(\`\${error.code} \${error.message}\`);
         }
         const { decision, error, snapshot } = await verifier.verify(token);
         return new Response(\`\${decision} \${error?.code ?? snapshot.seq}\`);
       },
     };`,
  );
  const { source: _, ...revocations } = optionsFor().revocations;
  const worker = await startWorker(entry, {
    kvNamespaces: ["REVOCATIONS"],
    bindings: { OPTIONS: { ...optionsFor(), revocations } },
  });
  after(() => worker.dispose());
  return {
    kv: await worker.getKVNamespace("REVOCATIONS"),
    async ask(token, first = "") {
      const body = JSON.stringify({ token, first });
      return (await worker.dispatchFetch("http://worker/", { method: "POST", body })).text();
    },
  };
}

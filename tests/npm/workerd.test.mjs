// The suite in workerd, on the installed package, and the README's Worker over many requests.
import assert from "node:assert/strict";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";

import { readExamples } from "./support/examples.mjs";
import { makeFixture } from "./support/fixture.mjs";
import { installPackage } from "./support/installed.mjs";
import { SUITE_FILES } from "./support/suite_files.mjs";
import { startWorker } from "./support/workerd.mjs";

const [installed, fixture] = await Promise.all([installPackage(), makeFixture()]);
let folders = 0;
after(installed.remove);

for (const { name, failure } of await runSuiteInWorkerd()) {
  test(`workerd: ${name}`, () => assert.equal(failure, null));
}

test("workerd: the README's Worker answers requests that come at once, and later ones, from one snapshot", async () => {
  const { kv, jwksReads, ask } = await startReadmeWorker();
  const { good, revoked, revokedLater, cutOff } = fixture.tokens;
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask(good)));
  assert.deepEqual(new Set(answers), new Set(["200 Hello alice"]));
  assert.equal(await ask(revoked), "401 ERR_JWT_REVOKED");
  assert.equal(await ask(cutOff), "401 ERR_JWT_REVOKED");
  assert.equal(await ask("abc"), "401 ERR_JWS_INVALID");
  assert.equal(await ask(revokedLater), "200 Hello alice");
  assert.equal(jwksReads(), 1);
  // What is in force stays when the source loses it.
  for (const name of Object.keys(fixture.snapshots.first)) await kv.delete(name);
  assert.equal(await ask(good), "200 Hello alice");
});

test("workerd: the README's Worker without a manifest answers 503", async () => {
  const { kv, ask } = await startReadmeWorker();
  await kv.delete("manifest.jwt");
  assert.equal(await ask(fixture.tokens.good), "503 ERR_REVOCATION_UNAVAILABLE");
  assert.equal(await ask(fixture.tokens.forged), "401 ERR_JWS_SIGNATURE_VERIFICATION_FAILED");
});

async function runSuiteInWorkerd() {
  const entry = join(await folder("suite"), "worker.js");
  for (const name of SUITE_FILES) await copyFile(new URL(`support/${name}`, import.meta.url), join(entry, "..", name));
  await writeFile(
    entry,
    `import * as revocable from "revocable";
     import { runSuite } from "./suite.mjs";
     export default {
       async fetch(request) { return Response.json(await runSuite(revocable, await request.json())); },
     };`,
  );
  const worker = await startWorker(entry);
  try {
    const response = await worker.dispatchFetch("http://worker/", { method: "POST", body: JSON.stringify(fixture) });
    assert.equal(response.status, 200, await response.clone().text());
    return await response.json();
  } finally {
    await worker.dispose();
  }
}

async function startReadmeWorker() {
  const entry = join(await folder("readme"), "worker.js");
  const [, example] = await readExamples(installed.path("README.md"));
  await writeFile(entry, example);
  let reads = 0;
  const worker = await startWorker(entry, {
    kvNamespaces: ["REVOCATIONS"],
    bindings: {
      ISSUER: fixture.issuer,
      JWKS_URI: `${fixture.issuer}/jwks.json`,
      AUTHORITY: fixture.authority,
      LIST_KEYS: fixture.listKeys,
    },
    outboundService: (request) => {
      reads += 1;
      assert.equal(request.url, `${fixture.issuer}/jwks.json`);
      return Response.json(fixture.jwks);
    },
  });
  after(() => worker.dispose());
  const kv = await worker.getKVNamespace("REVOCATIONS");
  for (const [name, base64] of Object.entries(fixture.snapshots.first)) {
    await kv.put(name, Uint8Array.from(Buffer.from(base64, "base64")));
  }
  return {
    kv,
    jwksReads: () => reads,
    async ask(token) {
      const headers = { authorization: `Bearer ${token}` };
      const response = await worker.dispatchFetch("http://worker/", { headers });
      return `${response.status} ${await response.text()}`;
    },
  };
}

/** A folder from which the installed package is found. */
async function folder(name) {
  const path = join(installed.folder, `worker-${name}-${(folders += 1)}`);
  await mkdir(path);
  return path;
}



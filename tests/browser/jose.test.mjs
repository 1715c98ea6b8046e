// The suites of jose's shape and of `revocable/sync` in Chromium and in Firefox, on the installed package.
import assert from "node:assert/strict";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, test } from "node:test";

import { makeFixture } from "../npm/support/fixture.mjs";
import { installPackage } from "../npm/support/installed.mjs";
import { makeJoseFixture } from "../npm/support/jose_fixture.mjs";
import { launchChromium } from "./support/chromium.mjs";
import { launchFirefox } from "./support/firefox.mjs";
import { serve } from "./support/site.mjs";

const [installed, main, jose] = await Promise.all([installPackage(), makeFixture(), makeJoseFixture()]);
after(installed.remove);
const site = await serve({ "/": await makePage() });
after(site.close);

for (const [browser, { before, shape, sync }] of [
  ["chromium", await runInChromium(`${site.url}/page.html`)],
  ["firefox", await runInFirefox(`${site.url}/page.html`)],
]) {
  test(`${browser}: what answers at once says to wait for init, until it has been waited for`, () => {
    assert.deepEqual(before, ["ERR_ENGINE_UNAVAILABLE", "ERR_ENGINE_UNAVAILABLE", "ERR_ENGINE_UNAVAILABLE"]);
  });
  for (const { name, failure } of [...shape, ...sync]) test(`${browser}: ${name}`, () => assert.equal(failure, null));
  test(`${browser}: every case was run`, () => assert.ok(shape.length > 200 && sync.length > 15));
}

async function runInChromium(url) {
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.goto(url);
    return await page.evaluate(() => globalThis.outcomes());
  } finally {
    await browser.close();
  }
}

async function runInFirefox(url) {
  const browser = await launchFirefox();
  try {
    await browser.goto(url);
    return await browser.run("return globalThis.outcomes();");
  } finally {
    await browser.close();
  }
}

async function makePage() {
  const folder = join(installed.folder, "jose-page");
  await mkdir(folder);
  for (const suite of ["jose_suite", "sync_suite"]) {
    await copyFile(new URL(`../npm/support/${suite}.mjs`, import.meta.url), join(folder, `${suite}.js`));
  }
  await writeFile(join(folder, "fixture.json"), JSON.stringify({ ...main, jose }));
  await writeFile(
    join(folder, "main.js"),
    `import * as revocable from "revocable";
     import * as sync from "revocable/sync";
     import { runJoseSuite } from "./jose_suite.js";
     import { runSyncSuite } from "./sync_suite.js";
     const codeOf = (run) => { try { run(); return "passes"; } catch (error) { return error.code; } };
     globalThis.outcomes = async () => {
       const fixture = await (await fetch("fixture.json")).json();
       const before = [
         codeOf(() => revocable.decodeJwt("e30.e30.AA")),
         codeOf(() => sync.createVerifierSync({ issuers: [], revocations: false })),
         codeOf(() => sync.jwtVerifySync("e30.e30.AA", new Uint8Array(32))),
       ];
       await sync.init();
       return { before, shape: await runJoseSuite(revocable, fixture.jose, "ours"), sync: await runSyncSuite(sync, fixture) };
     };`,
  );
  const map = { revocable: "./revocable/browser.js", "revocable/sync": "./revocable/sync/browser_sync.js" };
  await writeFile(
    join(folder, "page.html"),
    `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
     <script type="importmap">${JSON.stringify({ imports: map })}</script><script type="module" src="main.js"></script>`,
  );
  for (const path of installed.files.filter((path) => path.startsWith("dist/"))) {
    const copy = join(folder, "revocable", path.slice("dist/".length));
    await mkdir(dirname(copy), { recursive: true });
    await copyFile(installed.path(path), copy);
  }
  return folder;
}

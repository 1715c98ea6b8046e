// The suite in Chromium and in Firefox, on the installed package: as files with an import map, and as one bundle.
import assert from "node:assert/strict";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, test } from "node:test";

import { build } from "esbuild";

import { makeFixture } from "../npm/support/fixture.mjs";
import { installPackage } from "../npm/support/installed.mjs";
import { SUITE_FILES } from "../npm/support/suite_files.mjs";
import { launchChromium } from "./support/chromium.mjs";
import { launchFirefox } from "./support/firefox.mjs";
import { serve } from "./support/site.mjs";

const [installed, fixture] = await Promise.all([installPackage(), makeFixture()]);
after(installed.remove);
const pages = await makePages();
const site = await serve({ "/": pages });
after(site.close);

// All of them before the first test is declared: the runner takes a file whose tests have ended for done.
const runs = [];
for (const way of ["files", "bundle"]) {
  const url = `${site.url}/${way}.html`;
  runs.push({ title: `chromium, ${way}`, outcomes: await runInChromium(url) });
  runs.push({ title: `firefox, ${way}`, outcomes: await runInFirefox(url) });
}

for (const { title, outcomes } of runs) {
  for (const { name, failure } of outcomes) {
    test(`${title}: ${name}`, () => assert.equal(failure, null));
  }
}

test("a page loads the Wasm once, compiled while it comes in, and nothing of another runtime", () => {
  const names = site.requests.map((path) => path.split("/").at(-1));
  assert.equal(names.filter((name) => name === "node.js" || name === "workerd.js").length, 0);
  // Two browsers, two pages each; the engines are for the case that takes WebCrypto away.
  assert.equal(names.filter((name) => name === "revocable_wasm_bg.wasm").length, 4);
  assert.equal(names.filter((name) => name === "revocable_engines_wasm_bg.wasm").length, 4);
});

async function runInChromium(url) {
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    const complaints = [];
    page.on("console", (message) => message.type() !== "log" && complaints.push(message.text()));
    await page.goto(url);
    const outcomes = await page.evaluate(() => globalThis.outcomes());
    assert.deepEqual(complaints, [], "the console says nothing");
    return outcomes;
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

/** A page that imports the package by an import map, and one that has it in a bundle with the Wasm beside it. */
async function makePages() {
  const folder = join(installed.folder, "pages");
  await mkdir(folder);
  for (const name of SUITE_FILES) await copyFile(new URL(`../npm/support/${name}`, import.meta.url), join(folder, name));
  await writeFile(join(folder, "fixture.json"), JSON.stringify(fixture));
  await writeFile(
    join(folder, "main.js"),
    `import * as revocable from "revocable";
     import { runSuite } from "./suite.mjs";
     globalThis.outcomes = async () => runSuite(revocable, await (await fetch("fixture.json")).json());`,
  );
  const page = (head) => `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">${head}`;
  const map = JSON.stringify({ imports: { revocable: "./revocable/browser.js" } });
  await writeFile(
    join(folder, "files.html"),
    page(`<script type="importmap">${map}</script><script type="module" src="main.js"></script>`),
  );
  for (const path of installed.files.filter((path) => path.startsWith("dist/"))) {
    const copy = join(folder, "revocable", path.slice("dist/".length));
    await mkdir(dirname(copy), { recursive: true });
    await copyFile(installed.path(path), copy);
  }
  await build({
    entryPoints: [join(folder, "main.js")],
    outfile: join(folder, "bundle/main.js"),
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    logLevel: "error",
  });
  for (const name of ["revocable_wasm_bg.wasm", "revocable_engines_wasm_bg.wasm"]) {
    await copyFile(installed.path(`dist/${name}`), join(folder, "bundle", name));
  }
  await writeFile(join(folder, "bundle.html"), page('<script type="module" src="bundle/main.js"></script>'));
  return folder;
}

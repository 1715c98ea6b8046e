// Host engines in Chromium and in Firefox, on the files of the installed package.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { after, test } from "node:test";

import { installPackage } from "../npm/support/installed.mjs";
import {
  ALGORITHMS,
  FITS,
  KEY_UNUSABLE,
  ML_DSA,
  asJson,
  casesOf,
  makeSigner,
  mlDsaQuestion,
  withBitTurned,
  withBrokenKey,
} from "../npm/support/signatures.mjs";
import { launchChromium } from "./support/chromium.mjs";
import { launchFirefox } from "./support/firefox.mjs";
import { serve } from "./support/site.mjs";

const installed = await installPackage();
after(installed.remove);
const jobs = await makeJobs();
await writeFile(installed.path("dist/jobs.json"), JSON.stringify(jobs.map(({ engine, questions }) => ({ engine, questions }))));
await writeFile(installed.path("dist/index.html"), '<!doctype html><script type="module" src="page.js"></script>');
await writeFile(
  installed.path("dist/page.js"),
  `import { hostHere } from "./browser_host.js";
   const hosts = {};
   const bytes = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
   globalThis.run = async (index) => {
     const jobs = await (await fetch("jobs.json")).json();
     const { engine, questions } = jobs[index];
     const host = (hosts[engine] ??= hostHere(engine));
     const answers = questions.map(async ({ jwk, signingInput, signature, ...rest }) =>
       host.verify({ ...rest, jwk: () => jwk, signingInput: bytes(signingInput), signature: bytes(signature) }));
     return (await Promise.allSettled(answers)).map(({ value, reason }) => value ?? reason.name);
   };
   globalThis.isReady = true;`,
);
const site = await serve({ "/": installed.path("dist") });
after(site.close);

// As in package.test.mjs: all of them before the first test is declared.
const wasmReads = () => site.requests.filter((path) => path.endsWith("engines_wasm_bg.wasm")).length;
const outcomes = { chromium: await runInChromium(), firefox: await runInFirefox() };
for (const [browser, { answers, readsByWebCrypto }] of Object.entries(outcomes)) {
  for (const [index, { title, expected }] of jobs.entries()) {
    test(`${browser}: ${title}`, () => assert.deepEqual(answers[index], expected));
  }
  test(`${browser}: a page that its browser can serve does not load the second Wasm`, () => {
    assert.equal(readsByWebCrypto, 0);
  });
}

async function makeJobs() {
  const jobs = [];
  const add = (title, engine, cases) => {
    const [questions, expected] = [cases.map(([question]) => asJson(question)), cases.map(([, expected]) => expected)];
    jobs.push({ title, engine, questions, expected });
  };
  // The first ones need no second Wasm.
  for (const algorithm of ALGORITHMS.filter((algorithm) => algorithm !== "ES256K")) {
    add(`WebCrypto tells good ${algorithm} signatures from bad ones`, "webcrypto", casesOf(makeSigner(algorithm), makeSigner(algorithm)));
  }
  for (const algorithm of ALGORITHMS) {
    add(`Wasm tells good ${algorithm} signatures from bad ones`, "wasm", casesOf(makeSigner(algorithm), makeSigner(algorithm)));
  }
  for (const algorithm of ["ES256", "ES384", "ES512", "ES256K"]) {
    const broken = withBrokenKey(makeSigner(algorithm).question());
    add(`a key for ${algorithm} that is no point on its curve is unusable`, undefined, [[broken, KEY_UNUSABLE]]);
  }
  for (const algorithm of ML_DSA) {
    const good = await mlDsaQuestion(algorithm);
    add(`${algorithm} is verified by whoever knows it`, undefined, [[good, FITS], [withBitTurned(good), 1]]);
  }
  const odd = makeSigner("RS256", { modulusLength: 2049 }).question();
  add("an RSA modulus of 2049 bits is verified", undefined, [[odd, FITS], [withBitTurned(odd), 1]]);
  return jobs;
}

async function runInChromium() {
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.goto(site.url);
    await page.waitForFunction(() => globalThis.isReady);
    return await runAll((index) => page.evaluate((index) => globalThis.run(index), index));
  } finally {
    await browser.close();
  }
}

async function runInFirefox() {
  const browser = await launchFirefox();
  try {
    await browser.goto(site.url);
    await browser.run("while (!globalThis.isReady) await new Promise((resolve) => setTimeout(resolve, 10));");
    return await runAll((index) => browser.run(`return globalThis.run(${index});`));
  } finally {
    await browser.close();
  }
}

async function runAll(run) {
  const answers = [];
  let readsByWebCrypto;
  const before = wasmReads();
  for (const [index, { engine }] of jobs.entries()) {
    answers.push(await run(index));
    if (engine === "webcrypto") readsByWebCrypto = wasmReads() - before;
  }
  return { answers, readsByWebCrypto };
}

// The JavaScript runtimes that the vectors are run in, each as a function that takes suites and gives rows.
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import nodeCryptoModule from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { launchChromium } from "../browser/support/chromium.mjs";
import { launchFirefox } from "../browser/support/firefox.mjs";
import { serve } from "../browser/support/site.mjs";
import { startWorker } from "../npm/support/workerd.mjs";
import { checkedFirst, nodeCrypto, webCrypto } from "./engines.mjs";
import { runSuites } from "./runner.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));

/** Every suite, or the one of this name, and exceptions.json. */
export async function readVectors(only) {
  const folder = join(HERE, "suites");
  const files = (await readdir(folder)).filter((file) => file.endsWith(".json") && file !== "exceptions.json").sort();
  const chosen = files.filter((file) => only === undefined || file === `${only}.json`);
  if (chosen.length === 0) throw new Error("there is no such suite");
  const read = async (file) => JSON.parse(await readFile(join(folder, file), "utf8"));
  return { suites: await Promise.all(chosen.map(read)), exceptions: await read("exceptions.json") };
}

/** By name. Each gives `runner.mjs`'s rows; `raw` asks the engines without a look at key and signature before. */
export const ENVIRONMENTS = { node, workerd, chromium, firefox };

async function node({ suites, exceptions }, { raw = false } = {}) {
  const rows = [];
  for (const engine of [webCrypto("node webcrypto"), nodeCrypto("node crypto", nodeCryptoModule)]) {
    rows.push(...(await runSuites(raw ? engine : checkedFirst(engine), suites, exceptions)));
  }
  return rows;
}

async function workerd({ suites, exceptions }, { raw = false } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "revocable-vectors-"));
  try {
    const entry = join(folder, "worker.mjs");
    await writeFile(
      entry,
      `import { checkedFirst, webCrypto } from ${JSON.stringify(join(HERE, "engines.mjs"))};
       import { runSuites } from ${JSON.stringify(join(HERE, "runner.mjs"))};
       export default {
         async fetch(request) {
           const { suite, exceptions, raw } = await request.json();
           const engine = webCrypto("workerd webcrypto");
           return Response.json(await runSuites(raw ? engine : checkedFirst(engine), [suite], exceptions));
         },
       };`,
    );
    const miniflare = await startWorker(entry);
    try {
      const rows = [];
      for (const suite of suites) {
        const body = JSON.stringify({ suite, exceptions, raw });
        const answer = await miniflare.dispatchFetch("http://vectors/", { method: "POST", body });
        if (!answer.ok) throw new Error(`workerd: ${suite.suite}: ${await answer.text()}`);
        rows.push(...(await answer.json()));
      }
      return rows;
    } finally {
      await miniflare.dispose();
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

function chromium(vectors, options) {
  return inBrowser("chromium", vectors, options, async (url, body) => {
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      await page.goto(url);
      return await page.evaluate(`(async () => { ${body} })()`);
    } finally {
      await browser.close();
    }
  });
}

function firefox(vectors, options) {
  return inBrowser("firefox", vectors, options, async (url, body) => {
    const browser = await launchFirefox();
    try {
      await browser.goto(url);
      return await browser.run(body);
    } finally {
      await browser.close();
    }
  });
}

/** Lets a page fetch the suites from here, as a page on loopback is a secure context. */
async function inBrowser(name, { suites, exceptions }, { raw = false } = {}, evaluate) {
  const folder = await mkdtemp(join(tmpdir(), "revocable-vectors-"));
  await writeFile(join(folder, "index.html"), '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">');
  await writeFile(join(folder, "vectors.json"), JSON.stringify({ suites, exceptions }));
  const site = await serve({ "/modules/": HERE, "/": folder });
  try {
    return await evaluate(
      `${site.url}/`,
      `const { checkedFirst, webCrypto } = await import("/modules/engines.mjs");
       const { runSuites } = await import("/modules/runner.mjs");
       const { suites, exceptions } = await (await fetch("/vectors.json")).json();
       const engine = webCrypto(${JSON.stringify(`${name} webcrypto`)});
       return runSuites(${raw} ? engine : checkedFirst(engine), suites, exceptions);`,
    );
  } finally {
    await site.close();
    await rm(folder, { recursive: true });
  }
}

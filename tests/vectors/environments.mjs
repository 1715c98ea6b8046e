// The JavaScript runtimes that the vectors are run in, each as a function that takes suites and gives rows.
import { existsSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { launchChromium } from "../browser/support/chromium.mjs";
import { launchFirefox } from "../browser/support/firefox.mjs";
import { serve } from "../browser/support/site.mjs";
import { startWorker } from "../npm/support/workerd.mjs";
import { ROOT } from "../../xtask/node/names.mjs";
import { buildCore } from "./core.mjs";
import { everyEngine } from "./engines.mjs";
import { runSuites } from "./runner.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
/** The npm package as it is shipped. */
const PACKAGE = join(ROOT, "pkg/dist");

/**
 * Every suite, or the one of this name, with exceptions.json and the folder of the core's Wasm.
 * @param {string} [only]
 */
export async function readVectors(only) {
  const folder = join(HERE, "suites");
  const files = (await readdir(folder)).filter((file) => file.endsWith(".json") && file !== "exceptions.json").sort();
  const chosen = files.filter((file) => only === undefined || file === `${only}.json`);
  if (chosen.length === 0) throw new Error("there is no such suite");
  if (!existsSync(join(PACKAGE, "revocable_engines_wasm_bg.wasm"))) {
    throw new Error("the npm package is not built: run `cargo xtask build package`");
  }
  const read = async (file) => JSON.parse(await readFile(join(folder, file), "utf8"));
  const suites = await Promise.all(chosen.map(read));
  return { suites, exceptions: await read("exceptions.json"), core: await buildCore() };
}

/** By name. Each gives `runner.mjs`'s rows; with `raw`, hosts are asked without the core before them. */
export const ENVIRONMENTS = { node, workerd, chromium, firefox };

async function node({ suites, exceptions, core: folder }, { raw = false } = {}) {
  const core = await import(pathToFileURL(join(folder, "core.js")).href);
  core.initSync({ module: await readFile(join(folder, "core_bg.wasm")) });
  const { hostHere } = await import(pathToFileURL(join(PACKAGE, "node_host.js")).href);
  const rows = [];
  for (const engine of everyEngine(core, "node", hostHere, ["nodecrypto", "webcrypto", "wasm"], raw)) {
    rows.push(...(await runSuites(engine, suites, exceptions)));
  }
  return rows;
}

async function workerd({ suites, exceptions, core }, { raw = false } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "revocable-vectors-"));
  try {
    const entry = join(folder, "worker.mjs");
    const path = (...parts) => JSON.stringify(join(...parts));
    await writeFile(
      entry,
      `import * as core from ${path(core, "core.js")};
       import module from ${path(core, "core_bg.wasm")};
       import { hostHere } from ${path(PACKAGE, "workerd_host.js")};
       import { everyEngine } from ${path(HERE, "engines.mjs")};
       import { runSuites } from ${path(HERE, "runner.mjs")};
       core.initSync({ module });
       export default {
         async fetch(request) {
           const { suite, exceptions, raw } = await request.json();
           const rows = [];
           for (const engine of everyEngine(core, "workerd", hostHere, ["webcrypto", "wasm"], raw)) {
             rows.push(...(await runSuites(engine, [suite], exceptions)));
           }
           return Response.json(rows);
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
  return inBrowser("chromium", vectors, options, async (url) => {
    const browser = await launchChromium();
    const page = await browser.newPage();
    await page.goto(url);
    return { run: (body) => page.evaluate(`(async () => { ${body} })()`), close: () => browser.close() };
  });
}

function firefox(vectors, options) {
  return inBrowser("firefox", vectors, options, async (url) => {
    const browser = await launchFirefox();
    await browser.goto(url);
    return browser;
  });
}

/** On a page that fetches the suites from here: one on loopback is a secure context. One script runs one suite. */
async function inBrowser(name, { suites, exceptions, core }, { raw = false } = {}, open) {
  const folder = await mkdtemp(join(tmpdir(), "revocable-vectors-"));
  const head = '<meta charset="utf-8"><link rel="icon" href="data:,"><script type="module" src="main.js"></script>';
  await writeFile(join(folder, "index.html"), `<!doctype html>${head}`);
  await writeFile(
    join(folder, "main.js"),
    `import * as core from "/core/core.js";
     import { hostHere } from "/package/browser_host.js";
     import { everyEngine } from "/vectors/engines.mjs";
     import { runSuites } from "/vectors/runner.mjs";
     const ready = core.default({ module_or_path: "/core/core_bg.wasm" });
     const engines = everyEngine(core, ${JSON.stringify(name)}, hostHere, ["webcrypto", "wasm"], ${raw});
     globalThis.runSuite = async (name, exceptions) => {
       await ready;
       const suite = await (await fetch(\`/vectors/suites/\${name}.json\`)).json();
       const rows = [];
       for (const engine of engines) rows.push(...(await runSuites(engine, [suite], exceptions)));
       return rows;
     };`,
  );
  const site = await serve({ "/vectors/": HERE, "/core/": core, "/package/": PACKAGE, "/": folder });
  try {
    const browser = await open(`${site.url}/`);
    try {
      const rows = [];
      for (const { suite } of suites) {
        const call = `${JSON.stringify(suite)}, ${JSON.stringify(exceptions)}`;
        rows.push(...(await browser.run(`return globalThis.runSuite(${call});`)));
      }
      return rows;
    } finally {
      await browser.close();
    }
  } finally {
    await site.close();
    await rm(folder, { recursive: true });
  }
}

// A Worker that uses the installed package, bundled by esbuild and run by workerd.
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { build } from "esbuild";
import { Miniflare } from "miniflare";

/**
 * Starts a Worker.
 * @param {string} entry  its source, in or below the folder that the package is installed in
 * @param {Partial<import("miniflare").WorkerOptions>} [options]
 * @param {string} [out]  the folder for the bundle
 */
export async function startWorker(entry, options = {}, out = join(dirname(entry), "bundle")) {
  const { metafile } = await build({
    entryPoints: [entry],
    outdir: out,
    bundle: true,
    format: "esm",
    conditions: ["workerd"],
    loader: { ".wasm": "copy" },
    metafile: true,
    logLevel: "error",
  });
  const files = Object.keys(metafile.outputs).map((file) => join(out, basename(file)));
  const modules = files.sort().map(async (path) => {
    const type = path.endsWith(".wasm") ? "CompiledWasm" : "ESModule";
    return { type, path, contents: await readFile(path) };
  });
  const miniflare = new Miniflare({
    modulesRoot: out,
    // The first one is the Worker itself.
    modules: (await Promise.all(modules)).sort((a, b) => a.type.length - b.type.length),
    compatibilityDate: "2026-04-01",
    cf: false,
    ...options,
  });
  await miniflare.ready;
  return miniflare;
}

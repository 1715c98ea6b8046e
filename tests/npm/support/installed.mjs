// The package as its users have it: packed, and installed from the tarball into a folder of its own.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";

import { ROOT } from "../../../xtask/node/names.mjs";

/**
 * Packs and installs the package.
 * @returns the folder, what is in the tarball, a path inside the installed package, and what it exports to Node
 */
export async function installPackage() {
  const folder = await mkdtemp(join(tmpdir(), "revocable-npm-"));
  const npm = (args) => promisify(execFile)("npm", args, { cwd: folder, shell: process.platform === "win32" });
  const { stdout } = await npm(["pack", join(ROOT, "pkg"), "--json", "--pack-destination", folder]);
  // npm prints what `prepack` prints before its JSON.
  const [{ filename, files }] = Object.values(JSON.parse(stdout.slice(stdout.search(/^[[{]/m))));
  await writeFile(join(folder, "package.json"), '{"private":true,"type":"module"}');
  await npm(["install", "--offline", "--no-audit", "--no-fund", "--ignore-scripts", join(folder, filename)]);
  return {
    folder,
    files: files.map(({ path }) => path),
    path: (name) => join(folder, "node_modules/revocable", name),
    load: () => import(pathToFileURL(createRequire(join(folder, "main.js")).resolve("revocable")).href),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

// The demo's authority: it has the real command-line tool make a key and turn revocations into snapshots.
import { execFile } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { AUTHORITY, ISSUER, ROOT, TTL } from "./names.mjs";

/**
 * A line of input for `revocable build`.
 * @typedef {object} Revocation
 * @property {string[]} rule
 * @property {string} issuer
 * @property {(string | number | boolean)[]} values
 * @property {number} [expires]
 * @property {number} [before]
 * @property {string} [claim]
 * @property {number} [minimum]
 */

/**
 * What `revocable build` wrote.
 * @typedef {object} Snapshot
 * @property {string} folder
 * @property {Map<string, Buffer>} objects      by name: the segments, then `manifest.jwt`
 * @property {Record<string, any>} manifest     the manifest's claims
 * @property {number} ms                        how long the build took
 */

/**
 * How a snapshot is built.
 * @typedef {object} BuildOptions
 * @property {number} [ttl]           seconds
 * @property {string[]} [args]        further arguments for `revocable build`
 * @property {Snapshot} [previous]    what it follows; the latest one if left out
 */

/**
 * @typedef {object} Authority
 * @property {string} issuer
 * @property {string} keyFile
 * @property {string} publicKeyFile
 * @property {{ keys: object[] }} keys                                 public
 * @property {(lines: Revocation[], options?: BuildOptions) => Promise<Snapshot>} build
 */

/**
 * Makes an authority whose key and snapshots live in a folder.
 * @param {string} folder
 * @returns {Promise<Authority>}
 */
export async function createAuthority(folder) {
  const keyFile = join(folder, "list.jwk");
  const publicKeyFile = join(folder, "list.pub.jwk");
  await revocable(["keygen", "--out", keyFile]);
  const keys = { keys: [JSON.parse(await readFile(publicKeyFile, "utf8"))] };

  let builds = 0;
  /** @type {Snapshot | undefined} */
  let latest;
  /** @type {Authority["build"]} */
  const build = async (lines, { ttl = TTL, args = [], previous = latest } = {}) => {
    const started = performance.now();
    builds += 1;
    const out = join(folder, `snapshot-${builds}`);
    const input = join(folder, `revocations-${builds}.ndjson`);
    await writeFile(input, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    await revocable([
      ...["build", "--input", input, "--key", keyFile, "--issuer", AUTHORITY, "--out", out],
      ...["--ttl", String(ttl), "--covers", ISSUER],
      ...(previous ? ["--previous", previous.folder] : []),
      ...args,
    ]);
    latest = { ...(await readSnapshot(out)), ms: performance.now() - started };
    return latest;
  };
  return { issuer: AUTHORITY, keyFile, publicKeyFile, keys, build };
}

/**
 * Runs the command-line tool; what it wrote to standard error becomes the error.
 * @param {string[]} args
 * @returns {Promise<string>} its standard output
 */
export async function revocable(args) {
  const program = process.env.REVOCABLE_CLI ?? join(ROOT, "target/debug/revocable");
  try {
    const { stdout } = await promisify(execFile)(program, args, { maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  } catch (error) {
    const { code, stderr, message } = /** @type {any} */ (error);
    throw new Error(`revocable ${args[0]} ended with ${code}: ${stderr?.trim() || message}`);
  }
}

/**
 * @param {string} folder
 * @returns {Promise<Omit<Snapshot, "ms">>}
 */
async function readSnapshot(folder) {
  const objects = new Map();
  for (const name of (await readdir(join(folder, "segments")).catch(() => [])).sort()) {
    objects.set(`segments/${name}`, await readFile(join(folder, "segments", name)));
  }
  const manifest = await readFile(join(folder, "manifest.jwt"));
  objects.set("manifest.jwt", manifest);
  const [, payload] = manifest.toString().split(".");
  return { folder, objects, manifest: JSON.parse(Buffer.from(payload ?? "", "base64url").toString()) };
}

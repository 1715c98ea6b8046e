// Builds the npm package into `dist/`, and the copy of it that the page in `www/` loads. Run by `npm run build` here and
// by `cargo xtask build package`. With `--compile`, it ends after Cargo's part.
//
// Tools come from the environment (WASM_BINDGEN_BIN, WASM_OPT_BIN, TSC_BIN), from the repository, or from PATH.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const PACKAGE = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const ROOT = dirname(PACKAGE);
const DIST = join(PACKAGE, "dist");
const PAGE = join(ROOT, "www/revocable");

/**
 * The Wasm that everybody loads, and the one for signatures that the host cannot check; each has a crate of its own. They
 * are compiled one after the other: together, Cargo would give the first what only the second wants of the core.
 *
 * `profile` is Cargo's, `opt` what wasm-opt is told.
 */
const MODULES = [
  { crate: "revocable-wasm", name: "revocable_wasm", profile: "small", opt: ["-O3"] },
  { crate: "revocable-engines-wasm", name: "revocable_engines_wasm", profile: "release", opt: ["-O3"] },
];

/** What every compilation here is told. */
const RUSTFLAGS = [
  // Panics name source files: neither their folder nor whose it is should be told to everybody.
  `--remap-path-prefix=${join(process.env.CARGO_HOME ?? join(homedir(), ".cargo"), "registry/src")}/=`,
  `--remap-path-prefix=${ROOT}/=`,
];

/** What separates flags in CARGO_ENCODED_RUSTFLAGS. */
const SEPARATOR = "\x1f";

/** What a page needs: the entry for browsers and what it imports. */
const FOR_PAGE = /^(?!node|workerd|folder_source).*\.(js|wasm)$/;

/**
 * What wasm-pack writes beside its output is not for the tarball: its `.gitignore` would hide all of `dist/` from
 * `npm pack`, and its `package.json` is of a package that nobody publishes. In a folder that has an `.npmignore`, npm
 * does not look at `.gitignore`.
 */
const NPMIGNORE = "/.gitignore\n/.npmignore\n/package.json\n/README.md\n/*.wasm.d.ts\n";

for (const { crate, profile } of MODULES) compile(crate, profile);
if (process.argv.includes("--compile")) process.exit();

const target = targetFolder();
const staging = join(target, "wasm-bindgen");
rmSync(staging, { recursive: true, force: true });
for (const { name, profile, opt } of MODULES) {
  run(tool("WASM_BINDGEN_BIN", ".tools/bin/wasm-bindgen", "wasm-bindgen"), [
    ...["--target", "web", "--out-dir", staging, "--out-name", name],
    // Every entry says where the Wasm is. A default would make bundlers take it along where nobody asks for it.
    ...["--omit-default-module-path", join(target, "wasm32-unknown-unknown", profile, `${name}.wasm`)],
  ]);
  const wasm = join(staging, `${name}_bg.wasm`);
  run(tool("WASM_OPT_BIN", "node_modules/.bin/wasm-opt", "wasm-opt"), [...opt, wasm, "--output", wasm]);
}

// Nothing of the build before is left, and nothing is replaced before the long part has succeeded.
rmSync(DIST, { recursive: true, force: true });
mkdirSync(DIST);
for (const file of MODULES.flatMap(({ name }) => [`${name}.js`, `${name}.d.ts`, `${name}_bg.wasm`])) {
  cpSync(join(staging, file), join(DIST, file));
}
run(tool("TSC_BIN", "node_modules/.bin/tsc", "tsc"), ["--project", join(PACKAGE, "tsconfig.json")]);
for (const licence of ["LICENSE-APACHE", "LICENSE-MIT"]) cpSync(join(ROOT, licence), join(DIST, licence));
writeFileSync(join(DIST, ".npmignore"), NPMIGNORE);

rmSync(PAGE, { recursive: true, force: true });
cpSync(DIST, PAGE, {
  recursive: true,
  filter: (path) => statSync(path).isDirectory() || FOR_PAGE.test(basename(path)),
});

for (const { name } of MODULES) {
  const path = join(DIST, `${name}_bg.wasm`);
  const bytes = readFileSync(path);
  console.error(`${path}: ${bytes.length} bytes, ${gzipSync(bytes, { level: 9 }).length} as gzip -9 leaves it`);
}

/**
 * Compiles a crate, with the flags of this build after the caller's own.
 *
 * @param {string} crate
 * @param {string} profile
 */
function compile(crate, profile) {
  const { CARGO_ENCODED_RUSTFLAGS: encoded, RUSTFLAGS: spaced } = process.env;
  const inherited = encoded ?? spaced?.trim().split(/\s+/).join(SEPARATOR);
  const args = ["build", "--profile", profile, "--package", crate, "--target", "wasm32-unknown-unknown"];
  if (inherited) {
    run("cargo", args, { CARGO_ENCODED_RUSTFLAGS: [inherited, ...RUSTFLAGS].join(SEPARATOR) });
  } else {
    // Beside those of Cargo's configuration files, which a variable would take the place of.
    run("cargo", [...args, "--config", `target.wasm32-unknown-unknown.rustflags=${JSON.stringify(RUSTFLAGS)}`]);
  }
}

/** Cargo's own answer, which knows of the environment and of every configuration file. */
function targetFolder() {
  const metadata = execFileSync("cargo", ["metadata", "--format-version", "1", "--no-deps"], { cwd: ROOT });
  return JSON.parse(metadata.toString()).target_directory;
}

/**
 * @param {string} variable  whose value counts first
 * @param {string} place     in the repository, tried next
 * @param {string} name      on PATH, otherwise
 */
function tool(variable, place, name) {
  const path = join(ROOT, place);
  return process.env[variable] ?? (existsSync(path) ? path : name);
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {Record<string, string>} [variables]  beside those of the environment
 */
function run(program, args, variables) {
  try {
    const env = { ...process.env, ...variables };
    execFileSync(program, args, { cwd: ROOT, env, stdio: ["ignore", "inherit", "inherit"] });
  } catch (error) {
    const { code, status } = /** @type {any} */ (error);
    const why = code === "ENOENT" ? "is not there: run `cargo xtask build package`, which installs it" : `ended with ${status}`;
    console.error(`build: ${program} ${why}`);
    process.exit(1);
  }
}

// The tarball: what is in it, and that what people copy and type works with it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";

import { build } from "esbuild";

import { ROOT } from "../../xtask/node/names.mjs";
import { readExamples } from "./support/examples.mjs";
import { makeFixture } from "./support/fixture.mjs";
import { installPackage } from "./support/installed.mjs";

const run = promisify(execFile);
const [installed, fixture] = await Promise.all([installPackage(), makeFixture()]);
after(installed.remove);

test("the tarball holds every file that package.json names, both licences, and nothing else", async () => {
  const { exports, files, dependencies } = JSON.parse(await readFile(installed.path("package.json"), "utf8"));
  for (const target of [".", "./sync", "./folder", "./authority"].flatMap((entry) => Object.values(exports[entry]))) assert.ok(installed.files.includes(target.slice(2)), target);
  for (const file of ["dist/LICENSE-MIT", "dist/LICENSE-APACHE", "README.md"]) assert.ok(installed.files.includes(file), file);
  assert.deepEqual(files, ["dist", "README.md"]);
  assert.equal(dependencies, undefined);
  const foreign = installed.files.filter((file) => !/^(package\.json|README\.md|dist\/(LICENSE-[A-Z]+|((authority|confirm|host|jose|source|sync)\/)?\w+\.(js|d\.ts|wasm)))$/.test(file));
  assert.deepEqual(foreign, []);
});

test("what wasm-pack leaves in dist neither hides it from npm pack nor gets into the tarball", async () => {
  const copy = join(installed.folder, "after-wasm-pack");
  await mkdir(copy);
  for (const name of ["package.json", "README.md", "dist", "scripts"]) {
    await cp(join(ROOT, "pkg", name), join(copy, name), { recursive: true });
  }
  await writeFile(join(copy, "dist/.gitignore"), "*");
  await writeFile(join(copy, "dist/package.json"), '{"name":"revocable-wasm"}');
  await writeFile(join(copy, "dist/revocable_wasm_bg.wasm.d.ts"), "");
  const { stdout } = await run("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: copy });
  const [{ files }] = Object.values(JSON.parse(stdout));
  assert.deepEqual(files.map(({ path }) => path).sort(), [...installed.files].sort());
});

test("the README's first example runs as it stands, for a good and for a revoked token", async () => {
  const [example] = await readExamples(installed.path("README.md"));
  assert.equal(await runExample(example, fixture.tokens.good), "alice as of snapshot 1\n");
  assert.equal(await runExample(example, fixture.tokens.revoked), "deny ERR_JWT_REVOKED\n");
});

test("the types hold for a strict caller, and the declarations themselves without skipLibCheck", async () => {
  await writeFile(
    join(installed.folder, "caller.ts"),
    `import { CODES, createRemoteJWKSet, createVerifier, customFetch, errors, httpConfirm, httpSource, importSPKI, jwtVerify, kvSource, memorySource, RevocableError, type Decision, type ErrorCode, type Confirm, type Source, type UnknownReason, type Verifier } from "revocable";
     import { folderSource } from "revocable/folder";
     import { createVerifierSync, jwtVerifySync } from "revocable/sync";
     import { AuthorityError, createAuthorityClient, logout, type FeedMessage, type LedgerEntry, type LogoutOptions } from "revocable/authority";
     const authority = createAuthorityClient({ url: "https://a.example", key: "a" });
     const one: number = (await authority.add({ rule: ["sub"], issuer: "a", values: ["b", 1, true], before: 1 })).outcomes.length;
     const many: number = (await authority.add([{ rule: [], issuer: "a", values: [] }], { partial: true, reason: "a" })).recorded;
     for await (const entry of authority.list({ rule: ["sub"], log: true })) { const known: LedgerEntry = entry; console.log(known.values?.length, one, many); }
     for await (const message of authority.feed({ after: 1, signal: AbortSignal.timeout(1) })) { const heard: FeedMessage = message; if (heard.type === "change") console.log(heard.changes[0]?.id); }
     const logoutOptions: LogoutOptions = { url: "/", storage: { area: localStorage, key: "token" } };
     await logout(logoutOptions).catch((error: unknown) => { if (error instanceof AuthorityError) console.log(error.code === "ERR_AUTHORITY_UNAVAILABLE", error.retryAfter, error.errors?.[0]?.line); });
     const follower = await createVerifier({ issuers: [], revocations: { source: "https://a.example/", lists: [{ issuer: "l", keys: {}, for: ["a"] }], follow: { url: "https://a.example", key: "a", jitter: true } } });
     follower.close();
     // @ts-expect-error no target
     await authority.undo({ rule: ["sub"] });
     const verifier: Verifier = await createVerifier({
       issuers: [{ issuer: "a", jwksUri: "https://a.example/" }, { issuer: "b", jwks: { keys: [] }, clockTolerance: 1 }],
       revocations: { source: async () => null, lists: [{ issuer: "l", keys: {}, for: ["a", "b"] }] },
     });
     const namespace = { get: async (key: string, options?: { type?: "stream"; cacheTtl?: number }) => new Response(key).body };
     const store: Source = { get: (name, { etag, limit, signal }) => (etag === name && !signal.aborted ? "unchanged" : { bytes: new Uint8Array(limit), etag: name }) };
     const sources = [httpSource("https://a.example/", { headers: { authorization: "Bearer a" } }), kvSource(namespace, { cacheTtl: 60 }), memorySource({}), memorySource(new Map()), folderSource("."), store];
     for (const source of [...sources, new Map<string, Uint8Array>()]) await createVerifier({ issuers: [], revocations: { source, lists: [{ issuer: "l", keys: {}, for: ["a"] }] } });
     const confirm: Confirm = async ({ seq, targets }, { signal }) => ({ seq, answers: targets.map(({ id, kind }) => (signal.aborted ? { revoked: false } : { revoked: id !== kind, value: 1 })) });
     for (const confirms of [confirm, httpConfirm("https://a.example/", { headers: { a: "b" } }), "https://a.example/", new URL("https://a.example/")]) {
       const revocations = { source: store, lists: [{ issuer: "l", keys: {}, for: ["a"] }] as const, confirm: confirms, unknown: { tooOld: "deny", notCovered: "allow" } as const, residentBytes: 1e6 };
       await createVerifier({ issuers: [], revocations });
       await createVerifier({ issuers: [], revocations: { ...revocations, unknown: "unavailable" } });
     }
     const answer: Decision = await verifier.verify("token");
     if (answer.decision === "allow") {
       const subject: unknown = answer.claims.sub;
       const reason: UnknownReason | undefined = answer.reason;
       console.log(answer.claims.iss.length, subject, answer.snapshot?.age, answer.status === "unknown", reason);
     } else {
       const code: ErrorCode = answer.error.code;
       console.log(code === "ERR_JWT_REVOKED", answer.error instanceof RevocableError, CODES.length);
     }
     const key: CryptoKey = await importSPKI("", "ES256");
     const keys = createRemoteJWKSet(new URL("https://a.example/"), { [customFetch]: async (url, { headers }) => new Response(url, { headers }) });
     const { payload, protectedHeader } = await jwtVerify<{ tenant: string }>("token", key, { issuer: ["a"], clockTolerance: "5 s", crit: { x: true } });
     const { revocation } = await jwtVerify("token", key);
     console.log(revocation?.status, revocation?.reason, revocation?.snapshot?.seq);
     console.log(payload.tenant.length, payload.exp?.toFixed(), protectedHeader.alg.length);
     const { key: chosen } = await jwtVerify("token", keys, { algorithms: ["ES256"] as const, engine: "wasm" });
     console.log(chosen, (await jwtVerify("token", async (header) => (header.kid === "a" ? new Uint8Array() : key))).key);
     try {
       jwtVerifySync("token", new Uint8Array(), { audience: "a" });
     } catch (error) {
       if (error instanceof errors.JWTExpired) console.log(error.claim.length, error.payload["sub"], error.code.length);
       if (error instanceof errors.JWTRevoked) console.log(error.rule?.length, error.stage, error.kind === "minimum", error.snapshot?.seq);
     }
     const sync = createVerifierSync({ issuers: [{ issuer: "https://a.example", discovery: true, seed: "", typ: "at+jwt", scopes: ["a"] }], revocations: false });
     const decision: Decision = sync.verifySync("token");
     console.log(decision.decision);
     // @ts-expect-error an option that does not exist
     await jwtVerify("token", key, { audiance: "a" });
     // @ts-expect-error no key
     await jwtVerify("token", null);
     // @ts-expect-error an option that does not exist
     await createVerifier({ issuers: [], revocations: false, clockTolerance: 5 });
     // @ts-expect-error keys both inline and by URL
     await createVerifier({ issuers: [{ issuer: "a", jwks: {}, jwksUri: "https://a.example/" }], revocations: false });
     // @ts-expect-error claims of a token that was not allowed
     answer.claims;
    `,
  );
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  for (const resolution of [["node16", "node16"], ["esnext", "bundler"]]) {
    const [module, moduleResolution] = resolution;
    const options = ["--module", module, "--moduleResolution", moduleResolution, "--target", "es2022"];
    options.push("--lib", "es2022,dom", "--strict", "--exactOptionalPropertyTypes", "--noEmit");
    await run(process.execPath, [tsc, ...options, "caller.ts"], { cwd: installed.folder }).catch((error) => {
      assert.fail(`${moduleResolution}: ${error.stdout}`);
    });
  }
});

test("code written for jose compiles with nothing but the import changed", async () => {
  const code = await readFile(new URL("support/jose_caller.ts", import.meta.url), "utf8");
  await symlink(join(ROOT, "node_modules/jose"), join(installed.folder, "node_modules/jose"), "junction");
  for (const library of ["jose", "revocable"]) {
    const file = `${library}_caller.ts`;
    await writeFile(join(installed.folder, file), code.replaceAll('from "jose"', `from "${library}"`));
    for (const [module, resolution] of [["node16", "node16"], ["esnext", "bundler"]]) {
      const options = ["--module", module, "--moduleResolution", resolution, "--target", "es2022"];
      options.push("--lib", "es2022,dom", "--strict", "--exactOptionalPropertyTypes", "--noEmit");
      const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
      await run(process.execPath, [tsc, ...options, file], { cwd: installed.folder }).catch((error) => {
        assert.fail(`${library}, ${resolution}: ${error.stdout}`);
      });
    }
  }
});

test("what browsers and workerd get imports nothing of Node's, and the folder's entry is none of theirs", async () => {
  const everything = 'import * as main from "revocable"; import * as sync from "revocable/sync"; console.log(main, sync);';
  const folder = 'import { folderSource } from "revocable/folder"; console.log(folderSource);';
  for (const [condition, platform] of [["browser", "browser"], ["workerd", "neutral"]]) {
    const bundle = (contents) =>
      build({
        stdin: { contents, resolveDir: installed.folder },
        bundle: true,
        write: false,
        metafile: true,
        outdir: join(installed.folder, "nowhere"),
        format: "esm",
        platform,
        conditions: [condition],
        loader: { ".wasm": "copy" },
        // What cannot be resolved is not an error but an import that is left.
        external: ["node:*"],
        logLevel: "silent",
      });
    const { metafile } = await bundle(everything);
    const imports = Object.values(metafile.outputs).flatMap(({ imports }) => imports);
    assert.deepEqual(imports.filter(({ path }) => /^(node:|fs|path)/.test(path)), [], condition);
    const inputs = Object.keys(metafile.inputs);
    assert.ok(inputs.some((path) => path.endsWith("kv_source.js")), condition);
    assert.deepEqual(inputs.filter((path) => path.includes("folder_source")), [], condition);
    await assert.rejects(bundle(folder), /Could not resolve "revocable\/folder"/, condition);
  }
});

test("whoever tells an authority what is revoked loads no Wasm, and a verifier none of the client", async () => {
  for (const [entry, foreign] of [["revocable/authority", /wasm|core\.js|verifier/], ["revocable", /authority\/(client|logout|index)\.js/]]) {
    const contents = `import * as all from "${entry}"; console.log(all);`;
    const options = { bundle: true, write: false, metafile: true, format: "esm", conditions: ["browser"], logLevel: "silent" };
    const { metafile } = await build({ stdin: { contents, resolveDir: installed.folder }, ...options });
    const inputs = Object.keys(metafile.inputs);
    assert.ok(inputs.length > 3);
    assert.deepEqual(inputs.filter((path) => foreign.test(path)), [], entry);
  }
});

test("CommonJS code gets the package through import()", async () => {
  const code = 'import("revocable").then(({ createVerifier }) => console.log(typeof createVerifier))';
  const { stdout } = await run(process.execPath, ["--input-type=commonjs", "--eval", code], { cwd: installed.folder });
  assert.equal(stdout, "function\n");
});

test("the codes of the package are those of the core's table, in its order", async () => {
  const { CODES } = await installed.load();
  const table = await readFile(join(ROOT, "src/error/table.rs"), "utf8");
  assert.deepEqual([...CODES], [...table.matchAll(/^ {4}\w+ = "(ERR_\w+)"/gm)].map(([, code]) => code));
});

/** Runs the example in a process of its own, in which the web is the fixture. */
async function runExample(example, token) {
  const prelude = `
    const fixture = JSON.parse(process.env.FIXTURE);
    const { listKeys } = fixture;
    const token = fixture.tokens[process.env.TOKEN];
    globalThis.fetch = async (url) => {
      if (String(url) === "https://issuer.example/jwks.json") return Response.json(fixture.jwks);
      const [, name] = String(url).split("https://gate.example/_revocable/");
      const object = fixture.snapshots.first[name];
      return object ? new Response(Buffer.from(object, "base64")) : new Response("", { status: 404 });
    };
  `;
  const file = join(installed.folder, "example.mjs");
  const [imports, ...rest] = example.split("\n\n");
  await writeFile(file, [imports, prelude, ...rest].join("\n\n"));
  const tokens = Object.fromEntries(Object.entries(fixture.tokens).filter(([, value]) => value === token));
  const env = { ...process.env, FIXTURE: JSON.stringify({ ...fixture, tokens }), TOKEN: Object.keys(tokens)[0] };
  const { stdout } = await run(process.execPath, [file], { env });
  return stdout;
}

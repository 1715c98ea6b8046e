// A verifier that follows a real ledger's feed, from a page of another origin in Chromium and in Firefox and from Node: with a
// read key, and over a connection that is cut.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { connect, createServer } from "node:net";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";

import { AUDIENCE, ISSUER } from "../../xtask/node/names.mjs";
import { startStack } from "../../xtask/node/stack.mjs";
import { installPackage } from "../npm/support/installed.mjs";
import { launchChromium } from "./support/chromium.mjs";
import { launchFirefox } from "./support/firefox.mjs";
import { serve } from "./support/site.mjs";

const READ_KEY = randomBytes(32).toString("base64url");
const ADMIN_KEY = randomBytes(32).toString("base64url");
const sha256 = (text) => createHash("sha256").update(text).digest("hex");

const [installed, stack] = await Promise.all([installPackage(), startStack()]);
after(async () => {
  await stack.dispose();
  installed.remove();
});
const folder = await makePage();
const site = await serve({ "/": folder });
after(site.close);
const gate = await stack.startFreshGate({
  config: {
    ...stack.config,
    authority: { signingKey: { secret: "AUTHORITY_KEY" }, keys: [{ id: "ops", hash: sha256(ADMIN_KEY), may: "admin" }] },
    publicSnapshot: undefined,
    readKey: { secret: "READ_KEY" },
    cors: { allowOrigins: [site.url] },
  },
  bindings: { AUTHORITY_KEY: await readFile(stack.authority.keyFile, "utf8"), READ_KEY },
});
const wire = await startWire(new URL(gate.url));
after(wire.close);

const PLACES = {
  node: async () => {
    const authority = createRequire(join(installed.folder, "main.js")).resolve("revocable/authority");
    const revocable = { ...(await installed.load()), ...(await import(pathToFileURL(authority).href)) };
    const { startFollowing } = await import(pathToFileURL(join(folder, "following.js")).href);
    let following;
    return {
      start: async (options) => (following = await startFollowing(revocable, options)),
      ask: async (token) => following.ask(token),
      state: async () => following.state(),
      close: async () => following.close(),
    };
  },
  chromium: async () => {
    const browser = await launchChromium();
    const page = await browser.newPage();
    await page.goto(`${site.url}/page.html`);
    return inPage((body) => page.evaluate(`(async () => { ${body} })()`), () => browser.close());
  },
  firefox: async () => {
    const browser = await launchFirefox();
    await browser.goto(`${site.url}/page.html`);
    return inPage((body) => browser.run(body), () => browser.close());
  },
};

function inPage(run, close) {
  return {
    start: (options) => run(`await globalThis.start(${JSON.stringify(JSON.stringify(options))});`),
    ask: (token) => run(`return await globalThis.ask(${JSON.stringify(token)});`),
    state: async () => JSON.parse(await run("return globalThis.state();")),
    close: async () => {
      try {
        await run("globalThis.close();");
      } finally {
        await close();
      }
    },
  };
}

for (const [name, open] of Object.entries(PLACES)) {
  test(`${name}: what is revoked is refused as the feed says so, also what was while the connection was cut`, async () => {
    const place = await open();
    try {
      // Read anew a minute later, or as the feed says.
      await place.start({
        url: wire.url,
        key: READ_KEY,
        verifier: {
          issuers: [{ issuer: ISSUER, jwks: stack.issuer.jwks, audience: AUDIENCE }],
          lists: [{ issuer: stack.authority.issuer, keys: stack.authority.keys, for: [ISSUER] }],
        },
      });
      const jti = (what) => `${name}-${what}`;
      const tokens = Object.fromEntries(await Promise.all(["first", "away", "later"].map(async (what) => [what, await stack.issuer.mint({ jti: jti(what) })])));
      for (const token of Object.values(tokens)) assert.equal(await place.ask(token), "allow");
      await until(async () => (await place.state()).messages.length > 0, "the feed is heard");

      await revoke(jti("first"));
      await until(async () => (await place.ask(tokens.first)) === "ERR_JWT_REVOKED", "it is refused");

      wire.cut();
      const seq = await revoke(jti("away"));
      assert.equal(await place.ask(tokens.away), "allow", "nobody has told it");
      const before = (await place.state()).messages.length;
      wire.mend();
      await until(async () => (await place.ask(tokens.away)) === "ERR_JWT_REVOKED", "it is refused once it is heard of");
      await until(async () => (await place.state()).messages.some((one) => one.seq >= seq), "a reader hears of it, too");

      await revoke(jti("later"));
      await until(async () => (await place.ask(tokens.later)) === "ERR_JWT_REVOKED", "it follows on");
      assert.equal(await place.ask(await stack.issuer.mint({ jti: jti("never") })), "allow");

      // A reader of the messages themselves has every change once.
      await until(async () => (await place.state()).messages.filter(({ type }) => type === "change").length > 2, "every change");
      const { messages, errors } = await place.state();
      assert.ok(messages.length > before);
      const changes = messages.filter(({ type }) => type === "change");
      assert.deepEqual(changes.map(({ changes }) => changes), [1, 1, 1]);
      assert.ok(changes.some((one) => one.seq === seq));
      assert.ok(errors.length > 0 && errors.every((code) => code === "ERR_REVOCATION_SOURCE_UNAVAILABLE"), `${errors}`);
    } finally {
      await place.close();
    }
  });
}

/** Revokes a token, by the gate itself. */
async function revoke(jti) {
  const response = await gate.fetch("/_revocable/admin/revocations", {
    method: "POST",
    headers: { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" },
    body: JSON.stringify({ rule: ["jti"], issuer: ISSUER, values: [jti] }),
  });
  assert.equal(response.status, 200);
  return (await response.json()).seq;
}

async function until(holds, what) {
  for (let tries = 0; !(await holds()); tries += 1) {
    assert.ok(tries < 600, what);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What is between a page and the gate. Cut, nothing comes through and nobody is let in. */
async function startWire(to) {
  const open = new Set();
  let isCut = false;
  const server = createServer((near) => {
    if (isCut) return near.destroy();
    const far = connect(Number(to.port), to.hostname);
    for (const [one, other] of [[near, far], [far, near]]) {
      open.add(one);
      one.on("error", () => {}).on("close", () => {
        open.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = () => {
    isCut = true;
    for (const socket of open) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    cut,
    mend: () => (isCut = false),
    close: () => {
      cut();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A page with the package beside it, and what follows in it. */
async function makePage() {
  const folder = join(installed.folder, "feed-page");
  await mkdir(folder);
  for (const path of installed.files.filter((path) => path.startsWith("dist/"))) {
    const copy = join(folder, "revocable", path.slice("dist/".length));
    await mkdir(dirname(copy), { recursive: true });
    await copyFile(installed.path(path), copy);
  }
  await writeFile(
    join(folder, "following.js"),
    `export async function startFollowing({ createVerifier, httpSource, createAuthorityClient }, { url, key, verifier: { issuers, lists } }) {
       const [errors, messages, stop] = [[], [], new AbortController()];
       const source = httpSource(url + "/_revocable/", { headers: { authorization: "Bearer " + key } });
       const verifier = await createVerifier({
         issuers,
         revocations: { source, lists, follow: { url, key, jitter: true } },
         onReadError: (error) => errors.push(error.code),
       });
       const read = async () => {
         for await (const { type, seq, changes } of createAuthorityClient({ url, key }).feed({ signal: stop.signal })) {
           messages.push({ type, seq, changes: changes?.length });
         }
       };
       read();
       return {
         ask: async (token) => {
           const { decision, error } = await verifier.verify(token);
           return error?.code ?? decision;
         },
         state: () => ({ messages, errors }),
         close: () => (verifier.close(), stop.abort()),
       };
     }`,
  );
  const map = JSON.stringify({ imports: { revocable: "./revocable/browser.js", "revocable/authority": "./revocable/authority/index.js" } });
  await writeFile(
    join(folder, "page.html"),
    `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="importmap">${map}</script>
     <script type="module">
       let following;
       globalThis.start = async (options) => {
         const [verifying, authority, { startFollowing }] = await Promise.all([import("revocable"), import("revocable/authority"), import("./following.js")]);
         following = await startFollowing({ ...verifying, ...authority }, JSON.parse(options));
       };
       globalThis.ask = (token) => following.ask(token);
       globalThis.state = () => JSON.stringify(following.state());
       globalThis.close = () => following?.close();
     </script>`,
  );
  return folder;
}

// The page and the package with a real gate: the Worker serves the page, and its list is read by both.
import assert from "node:assert/strict";
import { after, test } from "node:test";

import { AUDIENCE, ISSUER } from "../../xtask/node/names.mjs";
import { startStack, until } from "../../xtask/node/stack.mjs";
import { installPackage } from "../npm/support/installed.mjs";
import { launchChromium } from "./support/chromium.mjs";

const revocation = (jti) => ({ rule: ["jti"], issuer: ISSUER, values: [jti] });
const stack = await startStack({ publish: [revocation("first")] });
after(stack.dispose);
const browser = await launchChromium();
after(() => browser.close());
const playground = `${stack.gate.url}/_revocable/`;

test("the gate serves the page, which decides by the gate's own list and hears of a newer one", async () => {
  const { issuer, authority, publish } = stack;
  const page = await browser.newPage();
  const complaints = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(playground);
  await page.waitForSelector("html[data-ready]");

  await page.getByLabel("Compact JWT").fill(await issuer.mint({ jti: "in-the-page" }));
  await page.getByLabel("Name, as in iss").fill(ISSUER);
  await page.getByLabel("Audience optional").fill(AUDIENCE);
  await page.getByLabel("Keys: a JWKS, or its URL").fill(issuer.jwksUri);
  await page.getByLabel("A snapshot at a URL").check();
  assert.equal(await page.getByLabel("Snapshot URL").inputValue(), playground, "the gate's own, unless another is named");
  await page.getByLabel("Authority, as in").fill(authority.issuer);
  await page.getByLabel("The authority’s public key").fill(JSON.stringify(authority.keys));
  const verdict = async () => {
    await page.getByRole("button", { name: "Verify" }).click();
    await page.waitForFunction(() => !document.querySelector("[aria-busy]"));
    return page.locator(".verdict").textContent();
  };
  assert.equal(await verdict(), "Allowed");
  await publish([revocation("first"), revocation("in-the-page")]);
  assert.equal(await until(verdict, (text) => text === "Denied"), "Denied");
  assert.match(await page.locator("#decision").innerText(), /ERR_JWT_REVOKED/);
  assert.deepEqual(complaints, []);
});

test("the package in Node reads the gate's list, and the second time only asks whether it changed", async () => {
  const { issuer, authority, publish } = stack;
  const installed = await installPackage();
  after(installed.remove);
  const { createVerifier } = await installed.load();
  const statuses = [];
  const verifier = await createVerifier({
    issuers: [{ issuer: ISSUER, jwks: issuer.jwks, audience: AUDIENCE }],
    revocations: {
      source: playground,
      lists: [{ issuer: authority.issuer, keys: authority.keys, for: [ISSUER] }],
    },
    fetch: async (...request) => {
      const response = await fetch(...request);
      statuses.push(response.status);
      return response;
    },
  });
  assert.equal((await verifier.verify(await issuer.mint())).decision, "allow");
  assert.equal((await verifier.verify(await issuer.mint({ jti: "first" }))).error.code, "ERR_JWT_REVOKED");
  statuses.length = 0;
  const { seq } = await verifier.refresh();
  assert.deepEqual(statuses, [304]);

  await publish([revocation("first"), revocation("in-node")]);
  const refreshed = await until(() => verifier.refresh(), (snapshot) => snapshot.seq > seq);
  assert.equal(refreshed.seq, seq + 1);
  assert.equal((await verifier.verify(await issuer.mint({ jti: "in-node" }))).error.code, "ERR_JWT_REVOKED");
});

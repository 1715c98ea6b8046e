// The playground in Chromium: what people see, with a pointer, with a keyboard, on a phone.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";

import { ROOT } from "../../xtask/node/names.mjs";
import { makeFixture } from "../npm/support/fixture.mjs";
import { launchChromium } from "./support/chromium.mjs";
import { serve } from "./support/site.mjs";

const fixture = await makeFixture();
const folder = await mkdtemp(join(tmpdir(), "revocable-page-"));
await writeFixture();
const site = await serve({ "/_revocable/": join(ROOT, "www"), "/data/": folder });
const browser = await launchChromium();
after(async () => {
  await browser.close();
  await site.close();
  await rm(folder, { recursive: true, force: true });
});

const PHONE = { width: 375, height: 740 };
const DESKTOP = { width: 1280, height: 900 };
const STAGES = ["parse", "key", "signature", "claims", "revocation", "decision"];

test("every sample fares as its name says, and the stages show how far it came", async () => {
  const page = await open();
  const samples = {
    Good: "allow",
    Revoked: "revocation ERR_JWT_REVOKED",
    "Logged out": "revocation ERR_JWT_REVOKED",
    "Logged in again": "allow",
    "Removed app": "revocation ERR_JWT_REVOKED",
    "Leaked key": "revocation ERR_JWT_REVOKED",
    Expired: "claims ERR_JWT_EXPIRED",
    Forged: "signature ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
  };
  assert.deepEqual(await page.locator("#samples button").allTextContents(), Object.keys(samples));
  for (const [name, fate] of Object.entries(samples)) {
    await page.getByRole("button", { name, exact: true }).click();
    const [stage, code] = fate.split(" ");
    await answered(page, fate === "allow" ? "Allowed" : "Denied");
    assert.deepEqual(await outcomes(page), fate === "allow" ? Array(6).fill("passed") : stoppedAt(stage, "failed"), name);
    if (code !== undefined) assert.match(await page.locator(`[data-stage="${stage}"]`).textContent(), new RegExp(code), name);
    assert.equal(await page.getByRole("button", { name, exact: true }).getAttribute("aria-pressed"), "true");
  }
  assert.deepEqual(page.complaints, []);
});

test("an allowed token shows its claims, its header, and the snapshot's seq and age", async () => {
  const page = await open();
  await page.getByRole("button", { name: "Verify" }).click();
  await answered(page, "Allowed");
  const shown = await page.locator("#details").innerText();
  for (const part of ["Claims", "alice", "2100-01-01 00:00:00 UTC", "Header", "ES256", "Snapshot", "seq", "age"]) {
    assert.ok(shown.includes(part), `${part} in ${shown}`);
  }
});

test("a refused token shows none of its claims", async () => {
  const page = await open();
  await page.getByRole("button", { name: "Logged out" }).click();
  await answered(page, "Denied");
  assert.doesNotMatch(await page.locator("#result").innerText(), /bob|session-1/);
});

test("a token, a JWKS by URL and a snapshot by URL are decided as the visitor's own", async () => {
  const page = await open();
  await fillIn(page, { token: fixture.tokens.good });
  await page.getByRole("button", { name: "Verify" }).click();
  await answered(page, "Allowed");
  await page.getByLabel("Compact JWT").fill(fixture.tokens.revoked);
  await page.getByRole("button", { name: "Verify" }).click();
  await answered(page, "Denied");
  assert.deepEqual(await outcomes(page), stoppedAt("revocation", "failed"));
  await page.getByLabel("None").check();
  await page.getByRole("button", { name: "Verify" }).click();
  await answered(page, "Allowed");
  assert.equal((await outcomes(page))[4], "not-asked");
});

test("a snapshot that is not there cannot tell, says why, and does not refuse the token", async () => {
  const page = await open();
  await fillIn(page, { token: fixture.tokens.good, source: `${site.url}/data/nowhere/` });
  await page.getByRole("button", { name: "Verify" }).click();
  await answered(page, "Unavailable");
  assert.deepEqual(await outcomes(page), stoppedAt("revocation", "unknown"));
  assert.match(await page.locator('[data-stage="revocation"]').textContent(), /manifest\.jwt.*ERR_REVOCATION_UNAVAILABLE/);
});

test("keys that are no JSON, and a list that is not filled in, are named and nothing is decided", async () => {
  const page = await open();
  await page.getByLabel("Keys: a JWKS, or its URL").fill("{ not json");
  await page.getByRole("button", { name: "Verify" }).click();
  await answered(page, "Not run");
  assert.equal(await page.getByLabel("Keys: a JWKS, or its URL").getAttribute("aria-invalid"), "true");
  assert.match(await page.locator("#decision").innerText(), /issuers\[0\]\.jwks.*ERR_CONFIG_INVALID/s);
  assert.deepEqual(await outcomes(page), Array(6).fill("none"));

  await fillIn(page, { token: "", keys: "" });
  await page.getByRole("button", { name: "Verify" }).click();
  await answered(page, "Not run");
  assert.match(await page.locator("#decision").innerText(), /issuers\[0\]\.jwksUri/);
});

test("samples that do not load are said to be missing, and a token of one's own is verified all the same", async () => {
  const page = await open({}, "**/sample.json");
  await answered(page, "Not run");
  assert.match(await page.locator("#decision").innerText(), /samples could not be loaded/);
  assert.deepEqual(await outcomes(page), Array(6).fill("none"));
  assert.equal(await page.getByLabel("The built-in sample").isDisabled(), true);
  await fillIn(page, { token: fixture.tokens.good });
  await page.getByRole("button", { name: "Verify" }).click();
  await answered(page, "Allowed");
});

test("a verifier that does not load is said to be missing at once, and nothing is decided", async () => {
  const page = await open({}, "**/browser.js");
  await answered(page, "Not run");
  assert.match(await page.locator("#decision").innerText(), /verifier could not be loaded/);
  await page.getByRole("button", { name: "Verify" }).click();
  await answered(page, "Not run");
});

test("Wasm that does not load is an answer that was not run, and once it loads one is", async () => {
  const page = await open({}, "**/*.wasm");
  await answered(page, "Not asked yet");
  await page.getByRole("button", { name: "Verify" }).click();
  await answered(page, "Not run");
  assert.deepEqual(await outcomes(page), Array(6).fill("none"));
  await page.unroute("**/*.wasm");
  await page.getByRole("button", { name: "Verify" }).click();
  await answered(page, "Allowed");
});

test("the keyboard alone reaches every control in the order of reading, and Ctrl+Enter verifies", async () => {
  const page = await open();
  const reached = [];
  for (let press = 0; press < 40; press += 1) {
    await page.keyboard.press("Tab");
    const name = await page.evaluate(() => {
      const { id, value, textContent, tagName } = document.activeElement;
      const outline = getComputedStyle(document.activeElement).outlineStyle;
      return tagName === "BODY" ? "" : `${id || value || textContent} ${outline}`;
    });
    if (name === "") break;
    reached.push(name);
  }
  assert.deepEqual(reached.slice(0, 2), ["Good solid", "Revoked solid"]);
  const fields = ["token solid", "issuer solid", "audience solid", "keys solid", "sample solid", "verify solid"];
  assert.deepEqual(reached.slice(-6), fields);

  await page.getByLabel("Compact JWT").fill("abc");
  await page.keyboard.press("Control+Enter");
  await answered(page, "Denied");
  assert.deepEqual(await outcomes(page), stoppedAt("parse", "failed"));
});

test("every control has a name, and the decision is announced", async () => {
  const page = await open();
  await page.getByLabel("A snapshot at a URL").check();
  const unnamed = await page.evaluate(() =>
    [...document.querySelectorAll("input, textarea, button")]
      .filter((control) => !(control.labels?.length > 0 || control.textContent.trim()))
      .map((control) => control.outerHTML),
  );
  assert.deepEqual(unnamed, []);
  assert.equal(await page.locator("#decision").getAttribute("role"), "status");
  const outcome = page.locator('[data-stage="parse"] .outcome');
  assert.equal(await outcome.textContent(), "not reached", "in words, not by colour alone");
});

for (const [device, viewport] of Object.entries({ phone: PHONE, desktop: DESKTOP })) {
  test(`on a ${device} nothing scrolls sideways, whatever is shown`, async () => {
    const page = await open({ viewport });
    const states = [
      () => page.getByRole("button", { name: "Good", exact: true }).click(),
      () => page.getByRole("button", { name: "Forged" }).click(),
      () => fillIn(page, { token: "a".repeat(5000), source: `${site.url}/data/${"x".repeat(300)}/` }),
      () => page.getByRole("button", { name: "Verify" }).click(),
    ];
    for (const state of states) {
      await state();
      await page.waitForFunction(() => !document.querySelector("[aria-busy]"));
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(wide, 0);
    }
  });
}

test("on a phone the decision comes into view, and what is tapped is large enough", async () => {
  const page = await open({ viewport: PHONE });
  await page.getByRole("button", { name: "Forged" }).click();
  await answered(page, "Denied");
  await page.waitForFunction(() => {
    const { top, bottom } = document.getElementById("decision").getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
  });
  // WCAG 2.2, 2.5.8: 24 by 24 pixels.
  const small = await page.evaluate(() =>
    [...document.querySelectorAll("button, textarea, input:not([type=radio]), .choice label")]
      .filter((target) => target.checkVisibility() && target.getBoundingClientRect().height < 24)
      .map((target) => target.outerHTML),
  );
  assert.deepEqual(small, []);
});

for (const colorScheme of ["light", "dark"]) {
  test(`text stands out from its ground in the ${colorScheme} scheme`, async () => {
    const page = await open({ colorScheme });
    for (const name of ["Good", "Forged"]) {
      await page.getByRole("button", { name, exact: true }).click();
      await page.waitForFunction(() => !document.querySelector("[aria-busy]"));
      const faint = await page.evaluate(findFaintText);
      // WCAG 2.2, 1.4.3: 4.5 to 1.
      assert.deepEqual(faint, []);
    }
  });
}

test("nothing is loaded from elsewhere, and no token leaves the page", async () => {
  const page = await open();
  const requests = [];
  page.on("request", (request) => requests.push(`${request.url()} ${request.postData() ?? ""}`));
  await fillIn(page, { token: fixture.tokens.good });
  await page.getByRole("button", { name: "Verify" }).click();
  await answered(page, "Allowed");
  assert.ok(requests.length > 0);
  for (const request of requests) {
    assert.ok(request.startsWith(`${site.url}/`), request);
    assert.ok(!request.includes(fixture.tokens.good.slice(0, 30)), request);
  }
  assert.deepEqual(page.complaints, []);
});

/** Opens the page, ready to be used, but for a file that is withheld; `complaints` is what the console says, violations of the policy among it. */
async function open(options = {}, withheld = undefined) {
  const page = await browser.newPage({ viewport: DESKTOP, ...options });
  page.complaints = [];
  page.on("console", (message) => page.complaints.push(message.text()));
  page.on("pageerror", (error) => page.complaints.push(error.message));
  if (withheld !== undefined) await page.route(withheld, (route) => route.abort());
  await page.goto(`${site.url}/_revocable/`);
  await page.waitForSelector("html[data-ready]");
  return page;
}

async function fillIn(page, { token, keys = `${site.url}/data/jwks.json`, source = `${site.url}/data/snapshot/` }) {
  await page.getByLabel("Compact JWT").fill(token);
  await page.getByLabel("Name, as in iss").fill(fixture.issuer);
  await page.getByLabel("Audience optional").fill("api");
  await page.getByLabel("Keys: a JWKS, or its URL").fill(keys);
  await page.getByLabel("A snapshot at a URL").check();
  await page.getByLabel("Snapshot URL, the folder of manifest.jwt").fill(source);
  await page.getByLabel("Authority, as in the manifest’s iss").fill(fixture.authority);
  await page.getByLabel("The authority’s public key: a JWK or JWKS").fill(JSON.stringify(fixture.listKeys));
}

/** Waits until this is the answer to the question last asked. */
async function answered(page, verdict) {
  await page.waitForFunction(() => !document.querySelector("[aria-busy]"));
  assert.equal(await page.locator(".verdict").textContent(), verdict);
}

function outcomes(page) {
  return page.locator("#stages li").evaluateAll((stages) => stages.map((stage) => stage.dataset.outcome));
}

/** The outcomes of a token that was stopped at a stage: all before passed, none behind was reached. */
function stoppedAt(stage, outcome) {
  const place = STAGES.indexOf(stage);
  return STAGES.map((id, index) => (index < place ? "passed" : index === place || id === "decision" ? outcome : "none"));
}

/** In the page: the texts whose contrast to what lies behind them is too low. */
function findFaintText() {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const [lr, lg, lb] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * lr + 0.7152 * lg + 0.0722 * lb;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, alpha = 1] = channels(getComputedStyle(at).backgroundColor);
      if (alpha > 0) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const texts = [...document.querySelectorAll("body *")].filter(
    (element) => element.checkVisibility() && [...element.childNodes].some(({ nodeType, data }) => nodeType === 3 && data.trim()),
  );
  if (texts.length < 20) return ["there is too little text to judge"];
  return texts
    .map((element) => {
      const [light, dark] = [luminance(channels(getComputedStyle(element).color)), luminance(ground(element))].sort((a, b) => b - a);
      return { text: element.textContent.slice(0, 40), ratio: (light + 0.05) / (dark + 0.05) };
    })
    .filter(({ ratio }) => ratio < 4.5);
}

async function writeFixture() {
  await writeFile(join(folder, "jwks.json"), JSON.stringify(fixture.jwks));
  for (const [name, base64] of Object.entries(fixture.snapshots.first)) {
    const file = join(folder, "snapshot", name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, Buffer.from(base64, "base64"));
  }
}

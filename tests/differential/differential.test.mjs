// Ten thousand tokens, good and changed, through us and through jose: both say the same, or a rule says why not.
import assert from "node:assert/strict";
import { after, test } from "node:test";

import { installPackage } from "../npm/support/installed.mjs";
import { cases } from "./generate.mjs";
import { byCreateVerifier, byJwtVerify, joses } from "./judges.mjs";
import { look } from "./reading.mjs";
import { RULES, explaining } from "./rules.mjs";

const COUNT = 12_000;
/** Another seed makes other tokens: `DIFFERENTIAL_SEED=… node --test tests/differential/differential.test.mjs`. */
const SEED = process.env.DIFFERENTIAL_SEED ?? "revocable";
/** So many failures are printed whole. */
const SHOWN = 10;

const installed = await installPackage();
after(installed.remove);
const revocable = await installed.load();
const needed = new Set();

for (const [face, ours] of Object.entries({ jwtVerify: byJwtVerify(revocable), createVerifier: byCreateVerifier(revocable) })) {
  const outcome = await compare(cases(COUNT, SEED), ours, joses);
  for (const name of outcome.needed) needed.add(name);

  test(`${face}: each of the tokens has been put to both`, () => {
    assert.equal(outcome.both + outcome.neither + outcome.explained + outcome.failures.length, COUNT);
    // Were nearly all refused, or accepted, little would be compared.
    assert.ok(outcome.both > COUNT / 5, `${outcome.both} accepted by both`);
    assert.ok(outcome.neither > COUNT / 5, `${outcome.neither} refused by both`);
  });

  test(`${face}: where the two verifiers disagree, a rule says why`, () => {
    const { failures } = outcome;
    const shown = failures.slice(0, SHOWN).map((failure) => JSON.stringify(failure, null, 1)).join("\n");
    assert.equal(failures.length, 0, `${failures.length} of ${COUNT}, with the seed ${SEED}:\n${shown}`);
  });
}

for (const { name } of RULES) {
  test(`the rule is needed: ${name}`, () => assert.ok(needed.has(name)));
}

test("a disagreement that no rule explains fails, and so do other claims", async () => {
  const [one] = cases(1, "a good one");
  const say = (verdict, claims = {}) => () => ({ verdict, claims });
  const failures = async (our, joses) => (await compare([one], our, joses)).failures.length;
  assert.equal(await failures(say("accepted"), say("accepted")), 0);
  assert.equal(await failures(say("ERR_JWT_EXPIRED"), say("ERR_JWT_EXPIRED")), 0);
  assert.equal(await failures(say("accepted"), say("ERR_JWT_EXPIRED")), 1);
  assert.equal(await failures(say("ERR_JWT_EXPIRED"), say("accepted")), 1);
  assert.equal(await failures(say("ERR_JWT_EXPIRED"), say("ERR_JWS_INVALID")), 1);
  assert.equal(await failures(say("accepted", { sub: "alice" }), say("accepted", { sub: "mallory" })), 1);
});

test("no rule lets pass what jose refuses", () => {
  for (const { name, ours, reason } of RULES) {
    assert.ok(![ours].flat().includes("accepted"), name);
    assert.ok(reason.length > 0, name);
  }
});

/** Puts cases to both and counts what comes of them. */
async function compare(cases, ours, joses) {
  const outcome = { both: 0, neither: 0, explained: 0, failures: [], needed: new Set() };
  for (const one of cases) {
    const [our, their] = await Promise.all([ours(one), joses(one)]);
    const seen = { ours: our.verdict, jose: their.verdict };
    if (seen.ours !== seen.jose) {
      const rules = explaining({ ...seen, look: { ...look(one.token), keys: one.keys, options: one.options } });
      if (rules.length === 0) outcome.failures.push({ ...seen, ...one });
      else outcome.explained += 1;
      rules.forEach(({ name }) => outcome.needed.add(name));
    } else if (seen.ours !== "accepted") {
      outcome.neither += 1;
    } else if (JSON.stringify(our.claims) === JSON.stringify(their.claims)) {
      outcome.both += 1;
    } else {
      outcome.failures.push({ claims: [our.claims, their.claims], ...one });
    }
  }
  return outcome;
}

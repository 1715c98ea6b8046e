// The suite's cases about lists that cannot tell: why, what becomes of the token, and how it is found out after all.

import { equal, makeClock, ok, rejected, slowly } from "./asserting.mjs";

const HOUR = 3600;
/** After so many seconds, what could not be read in the background is tried again. */
const RETRY = 6;
const ACTIONS = ["deny", "allow", "unavailable"];
const CODES = { deny: "ERR_REVOCATION_UNKNOWN", unavailable: "ERR_REVOCATION_UNAVAILABLE" };

/** What each case's name promises. A name is a sentence: condition, policy, result. */
export const listsCases = {
  async "a token of which lists cannot tell fares as `unknown` says, for each reason and each action"(context) {
    for (const [reason, { verdict, seq, age }] of Object.entries(reasons(context))) {
      for (const action of ACTIONS) {
        for (const unknown of [action, { [reason]: action }]) {
          const answer = await verdict({ unknown });
          const label = `${reason}, ${JSON.stringify(unknown)}`;
          equal(answer.decision, action, label);
          equal(answer.snapshot?.seq, seq, label);
          ok(seq === undefined || answer.snapshot.age >= age, `${label}: an age of ${answer.snapshot?.age}`);
          if (action === "allow") {
            equal(`${answer.status} ${answer.reason} ${answer.claims.sub}`, `unknown ${reason} alice`, label);
            continue;
          }
          equal(answer.error.code, CODES[action], label);
          equal(answer.error.reason, reason, label);
          equal(answer.error.stage, "revocation", label);
        }
      }
    }
  },

  async "without `unknown`, and for a reason that it leaves out, lists that cannot tell make a token unavailable"(context) {
    for (const [reason, { verdict }] of Object.entries(reasons(context))) {
      const others = Object.keys(reasons(context)).filter((other) => other !== reason);
      const elsewhere = Object.fromEntries(others.map((other) => [other, "allow"]));
      for (const unknown of [undefined, {}, { [reason]: undefined }, elsewhere]) {
        const { decision, error } = await verdict({ unknown });
        equal(decision, "unavailable", reason);
        equal(error.reason, reason);
      }
    }
  },

  async "what lists do tell is not touched by `unknown`"({ verifierOf, objects, memorySource, tokens }) {
    for (const unknown of ACTIONS) {
      const checking = await verifierOf({ source: memorySource(objects("first")), unknown });
      const { decision, status, reason } = await checking.verify(tokens.good);
      equal(`${decision} ${status} ${reason}`, "allow not-revoked undefined");
      equal((await checking.verify(tokens.revoked)).error.code, "ERR_JWT_REVOKED");
      equal((await checking.verify(tokens.expired)).error.code, "ERR_JWT_EXPIRED");
    }
  },

  async "a policy that lets unknown tokens pass has read what is lacking first, and refuses what is revoked"(context) {
    const { verifierOf, counting, tokens } = context;
    for (const snapshot of ["first", "inParts", "coarse"]) {
      const checking = await verifierOf({ source: counting(snapshot), unknown: "allow", residentBytes: 4096 });
      equal((await checking.verify(tokens.revoked)).error?.code, "ERR_JWT_REVOKED", snapshot);
      equal((await checking.verify(tokens.good)).status, "not-revoked", snapshot);
    }
  },

  async "a revoked token that a coarse list has is refused once the exact segment confirms it, and a suspected one passes"(context) {
    const { verifierOf, counting, exactOf, tokens } = context;
    const source = counting("coarse");
    const checking = await verifierOf({ source });
    const exact = exactOf("coarse", ["jti"]);
    equal((await checking.verify(tokens.good)).decision, "allow");
    ok(!source.names.includes(exact), "who is not suspected needs no confirmation");
    const answer = await checking.verify(tokens.suspected);
    equal(`${answer.decision} ${answer.status}`, "allow not-revoked");
    const { decision, error } = await checking.verify(tokens.revoked);
    equal(`${decision} ${error.code} ${error.kind}`, "deny ERR_JWT_REVOKED outright");
    for (const again of [tokens.suspected, tokens.revoked]) await checking.verify(again);
    equal(source.names.filter((name) => name === exact).length, 1);
  },

  async "cutoffs and minima of a coarse list are confirmed by their values"({ verifierOf, counting, tokens }) {
    const checking = await verifierOf({ source: counting("coarse") });
    const fates = {
      cutOff: "cutoff",
      withoutIatOfCutOff: "cutoff",
      afterCutOff: undefined,
      ofLowVersion: "minimum",
      withoutVersion: "minimum",
      ofHighVersion: undefined,
    };
    for (const [token, kind] of Object.entries(fates)) equal((await checking.verify(tokens[token])).error?.kind, kind, token);
  },

  async "a hit of a coarse list is confirmed over HTTP by its id, remembered for its seq, and asked again for the next"(context) {
    const { verifierOf, changing, exactOf, manifestOf, tokens } = context;
    const asked = [];
    const fetch = async (url, { method, headers, body, redirect }) => {
      const { iss, salt, seq, targets } = JSON.parse(body);
      asked.push({ url: String(url), method, redirect, type: new Headers(headers).get("content-type"), iss, salt, seq, targets });
      return Response.json({ seq: seq + 1, answers: targets.map(({ id }) => ({ revoked: revoked.has(id) })) });
    };
    const source = changing("coarse");
    const revoked = new Set();
    const confirm = "https://gate.example/_revocable/confirm";
    const checking = await verifierOf({ source: source.source, confirm, fetch });
    equal((await checking.verify(tokens.suspected)).decision, "allow");
    const [{ url, method, redirect, type, iss, salt, seq, targets }] = asked;
    // Those of the manifest: a confirmer with other ids must be able to tell.
    const claims = manifestOf("coarse");
    equal(`${iss} ${salt}`, `${claims.iss} ${claims.salt}`);
    equal(`${method} ${url} ${type} ${redirect} ${seq}`, `POST ${confirm} application/json manual 1`);
    equal(targets.length, 1);
    equal(JSON.stringify({ ...targets[0], id: "" }), '{"rule":["jti"],"kind":"outright","id":""}');
    ok(/^[0-9a-f]{32}$/.test(targets[0].id), targets[0].id);
    equal((await checking.verify(tokens.suspected)).decision, "allow");
    equal(asked.length, 1);
    // Whoever has the ledger says so.
    revoked.add(await idOf(tokens.revoked, context));
    equal((await checking.verify(tokens.revoked)).error.code, "ERR_JWT_REVOKED");
    equal((await checking.verify(tokens.revoked)).error.code, "ERR_JWT_REVOKED");
    equal(asked.length, 2);
    source.use("coarseNext");
    equal((await checking.refresh()).seq, 2);
    equal((await checking.verify(tokens.revoked)).error.code, "ERR_JWT_REVOKED");
    equal((await checking.verify(tokens.suspected)).decision, "allow");
    equal(asked.map(({ seq }) => seq).join(), "1,1,2,2");
    ok(!source.names.includes(exactOf("coarse", ["jti"])), "no segment is read to confirm");
  },

  async "a read key goes with every request to confirm, and not to where it redirects"(context) {
    const { verifierOf, httpConfirm, withoutExact, tokens } = context;
    const seen = [];
    const fetch = async (_, { headers, redirect }) => {
      seen.push(`${new Headers(headers).get("authorization")} ${redirect}`);
      return new Response(null, { status: 307, headers: { location: "https://elsewhere.example/" } });
    };
    const confirm = httpConfirm("https://gate.example/confirm", { headers: { authorization: "Bearer read-key" }, fetch });
    const { decision, error } = await (await verifierOf({ source: withoutExact("coarse"), confirm })).verify(tokens.revoked);
    equal(decision, "unavailable");
    equal(seen[0], "Bearer read-key manual");
    ok(!`${error.cause.message}${error.cause.stack}`.includes("read-key"), "the key is not told");
  },

  async "cutoffs and minima are confirmed by a function with the values that it says"({ verifierOf, withoutExact, tokens, now }) {
    const values = { cutoff: undefined, minimum: undefined };
    const asked = [];
    const confirm = ({ seq, targets }) => {
      asked.push(...targets);
      return { seq, answers: targets.map(({ kind }) => ({ revoked: true, value: values[kind] })) };
    };
    const verdict = async (token, changes) => {
      Object.assign(values, changes);
      const { decision, error } = await (await verifierOf({ source: withoutExact("coarse"), confirm })).verify(token);
      return `${decision} ${error?.kind ?? error?.reason}`;
    };
    // A good one of the coarse list's, and as the ledger may have it meanwhile.
    equal(await verdict(tokens.cutOff, { cutoff: (now - 100) * 1000 }), "deny cutoff");
    equal(await verdict(tokens.cutOff, { cutoff: (now - 5000) * 1000 }), "allow undefined");
    equal(await verdict(tokens.ofLowVersion, { minimum: 7 }), "deny minimum");
    equal(await verdict(tokens.ofLowVersion, { minimum: 6 }), "allow undefined");
    equal(await verdict(tokens.ofLowVersion, { minimum: -3 }), "allow undefined");
    ok(asked.some(({ kind, claim, rule }) => `${kind} ${claim} ${rule}` === "minimum pwd_ver sub"), "its claim is told");
    for (const value of [undefined, "7", 1.5, 2 ** 60, Number.NaN, 7n]) {
      equal(await verdict(tokens.ofLowVersion, { minimum: value }), "unavailable needsConfirmation", String(value));
    }
    equal(await verdict(tokens.cutOff, { cutoff: -1 }), "unavailable needsConfirmation");
  },

  async "hits of one token are confirmed together, sixteen in one request"({ verifierOf, withoutExact, tokens }) {
    const asked = [];
    let revoked = false;
    const confirm = ({ seq, targets }) => {
      asked.push(targets.length);
      return { seq, answers: targets.map(() => ({ revoked, value: revoked ? Date.now() : undefined })) };
    };
    const checking = await verifierOf({ source: withoutExact("coarseAudiences"), confirm });
    equal((await checking.verify(tokens.forManyAudiences)).decision, "allow");
    equal(asked.join(), "16,16");
    equal((await checking.verify(tokens.forManyAudiences)).decision, "allow");
    equal(asked.length, 2);
    revoked = true;
    const other = await verifierOf({ source: withoutExact("coarseAudiences"), confirm });
    equal((await other.verify(tokens.forManyAudiences)).error?.code, "ERR_JWT_REVOKED");
  },

  async "what is no answer to what was asked refuses nobody: the exact segment confirms, or the token is unavailable"(context) {
    const { verifierOf, counting, withoutExact, tokens } = context;
    const answers = {
      throwing: () => { throw new Error("down"); },
      rejecting: () => Promise.reject(new Error("down")),
      nothing: () => undefined,
      "of an older list": ({ targets }) => ({ seq: 0, answers: targets.map(() => ({ revoked: true })) }),
      "of no list": ({ targets }) => ({ answers: targets.map(() => ({ revoked: true })) }),
      "too few": ({ seq }) => ({ seq, answers: [] }),
      "too many": ({ seq }) => ({ seq, answers: [{ revoked: true }, { revoked: true }] }),
      "unclear ones": ({ seq, targets }) => ({ seq, answers: targets.map(() => ({ revoked: "yes" })) }),
      "empty ones": ({ seq, targets }) => ({ seq, answers: targets.map(() => null) }),
    };
    for (const [name, confirm] of Object.entries(answers)) {
      const heard = [];
      const onReadError = ({ code }) => heard.push(code);
      const alone = await (await verifierOf({ source: withoutExact("coarse"), confirm, onReadError })).verify(tokens.revoked);
      equal(`${alone.decision} ${alone.error.reason}`, "unavailable needsConfirmation", name);
      const cause = ["ERR_REVOCATION_SOURCE_UNAVAILABLE", "ERR_REVOCATION_SEGMENT_MISSING"];
      ok(cause.includes(alone.error.cause.code), `${name}: ${alone.error.cause.code}`);
      ok(heard.includes("ERR_REVOCATION_SOURCE_UNAVAILABLE"), `${name}: it is heard of`);
      const checking = await verifierOf({ source: counting("coarse"), confirm });
      equal((await checking.verify(tokens.revoked)).error?.code, "ERR_JWT_REVOKED", name);
      equal((await checking.verify(tokens.suspected)).decision, "allow", name);
    }
  },

  async "a URL to confirm at that answers something else confirms nothing"({ verifierOf, withoutExact, tokens }) {
    const answers = [
      () => new Response("", { status: 503 }),
      () => Response.json({ seq: 1, answers: [{ revoked: true }] }, { status: 201 }),
      () => new Response("<html>"),
      () => new Response(" ".repeat(100_000)),
      () => { throw new TypeError("fetch failed"); },
    ];
    for (const [index, answer] of answers.entries()) {
      const options = { source: withoutExact("coarse"), confirm: "https://gate.example/confirm", fetch: async () => answer() };
      const { decision, error } = await (await verifierOf(options)).verify(tokens.revoked);
      equal(`${decision} ${error.reason}`, "unavailable needsConfirmation", `answer ${index}`);
    }
  },

  async "whoever confirms and is down is asked at most once a second about the same token"({ verifierOf, withoutExact, tokens }) {
    let asked = 0;
    const confirm = () => ((asked += 1), Promise.reject(new Error("down")));
    const checking = await verifierOf({ source: withoutExact("coarse"), confirm });
    for (let call = 0; call < 10; call += 1) equal((await checking.verify(tokens.revoked)).decision, "unavailable");
    ok(asked <= 2, `${asked} times`);
  },

  async "a snapshot that is larger than what is held is read in parts, as tokens ask for them"(context) {
    const { verifierOf, counting, segmentsOf, tokens } = context;
    const source = counting("inParts");
    const checking = await verifierOf({ source, residentBytes: 4096 });
    equal((await checking.verify(tokens.good)).decision, "allow");
    equal(source.names.length, 2);
    equal((await checking.verify(tokens.good)).decision, "allow");
    equal(source.names.length, 2);
    equal((await checking.verify(tokens.revoked)).error.code, "ERR_JWT_REVOKED");
    // What no token has asked for the longest has gone, and comes again.
    const others = ["ofRemovedApp", "suspected", "revokedLater"].map((name) => tokens[name]);
    for (const token of [...others, ...others, tokens.good]) equal((await checking.verify(token)).decision, "allow");
    equal((await checking.verify(tokens.revoked)).error.code, "ERR_JWT_REVOKED");
    ok(source.names.length < segmentsOf("inParts").length + 8, `${source.names.length} readings`);
  },

  async "a snapshot that is held is read in whole, and every token answered from it"({ verifierOf, counting, objects, tokens }) {
    const source = counting("inParts");
    const checking = await verifierOf({ source });
    equal((await checking.verify(tokens.revoked)).error.code, "ERR_JWT_REVOKED");
    equal((await checking.verify(tokens.good)).decision, "allow");
    equal(source.names.length, Object.keys(objects("inParts")).length);
  },

  async "a cold verifier answers its first token after two rounds of reads, whether the snapshot is held or read in parts"(context) {
    const { verifierOf, counting, tokens } = context;
    for (const [snapshot, options] of [["first", {}], ["coarse", {}], ["inParts", { residentBytes: 4096 }]]) {
      const source = counting(snapshot);
      equal((await (await verifierOf({ source, ...options })).verify(tokens.good)).decision, "allow", snapshot);
      equal(source.rounds(), 2, `${snapshot} ${JSON.stringify(options)}: rounds`);
    }
  },

  async "many tokens at once that lack the same segment have it read once"({ verifierOf, counting, tokens }) {
    const source = counting("inParts");
    const checking = await verifierOf({ source: { get: slowly(source.get, 50) }, residentBytes: 4096 });
    await checking.refresh();
    const answers = await Promise.all(Array.from({ length: 20 }, () => checking.verify(tokens.revoked)));
    for (const { error } of answers) equal(error.code, "ERR_JWT_REVOKED");
    equal(source.names.length, 2);
  },

  async "a part that is corrupt or cannot be had leaves its tokens unavailable, and answers once it is whole"(context) {
    const { verifierOf, tokens, objects } = context;
    const bad = {
      ERR_REVOCATION_SEGMENT_HASH_MISMATCH: (bytes) => bytes.map((byte) => byte ^ 1),
      ERR_REVOCATION_SEGMENT_MISSING: () => null,
      ERR_REVOCATION_SOURCE_UNAVAILABLE: () => { throw new Error("down"); },
    };
    for (const [code, change] of Object.entries(bad)) {
      let isBad = true;
      const source = { get: (name) => (isBad && name !== "manifest.jwt" ? change(objects("inParts")[name]) : objects("inParts")[name]) };
      const checking = await verifierOf({ source, residentBytes: 4096 });
      const { decision, error } = await checking.verify(tokens.revoked);
      equal(`${decision} ${error.reason} ${error.cause.code}`, `unavailable segmentMissing ${code}`);
      isBad = false;
      // What is down is left in peace for a second.
      await new Promise((resolve) => setTimeout(resolve, 1100));
      equal((await checking.verify(tokens.revoked)).error.code, "ERR_JWT_REVOKED", code);
    }
  },

  async "an update of which half can be seen changes no answer, and is taken up in the background once it is whole"(context) {
    const { verifierOf, objects, tokens, until } = context;
    const clock = makeClock();
    const held = { ...objects("first") };
    const heard = [];
    const names = [];
    const source = { get: (name) => (names.push(name), held[name]) };
    const checking = await verifierOf({ source, now: clock.now, onReadError: ({ code }) => heard.push(code) });
    equal((await checking.verify(tokens.revokedLater)).decision, "allow");
    held["manifest.jwt"] = objects("second")["manifest.jwt"];
    clock.forward(61);
    for (let round = 0; round < 3; round += 1) {
      const handed = [];
      const answer = await checking.verify(tokens.revokedLater, { waitUntil: (work) => handed.push(work) });
      equal(`${answer.decision} ${answer.snapshot.seq}`, "allow 1");
      await Promise.all(handed);
      equal(handed.length, 1, "it is tried again after a while");
      clock.forward(RETRY);
    }
    equal(heard.join(), Array(3).fill("ERR_REVOCATION_SEGMENT_MISSING").join());
    // What of it has come already is not read again.
    names.length = 0;
    Object.assign(held, objects("second"));
    await until(async () => (await checking.verify(tokens.revokedLater)).decision === "deny");
    equal(checking.snapshot.seq, 2);
    const fresh = Object.keys(objects("second")).filter((name) => !(name in objects("first")));
    equal(names.filter((name) => name.startsWith("segments/")).sort().join(), fresh.sort().join());
  },

  async "what has come of an update of which half can be seen is kept for the next try"({ verifierOf, objects, tokens }) {
    const held = { "manifest.jwt": objects("inParts")["manifest.jwt"] };
    const segments = Object.keys(objects("inParts")).filter((name) => name !== "manifest.jwt");
    const names = [];
    const checking = await verifierOf({ source: { get: (name) => (names.push(name), held[name]) } });
    for (const name of segments.slice(1)) held[name] = objects("inParts")[name];
    equal((await rejected(checking.refresh())).code, "ERR_REVOCATION_SEGMENT_MISSING");
    held[segments[0]] = objects("inParts")[segments[0]];
    equal((await checking.refresh()).seq, 1);
    equal((await checking.verify(tokens.revoked)).error.code, "ERR_JWT_REVOKED");
    const twice = segments.filter((name) => names.indexOf(name) !== names.lastIndexOf(name));
    ok(twice.length <= 1, `${twice.length} of ${segments.length} were read twice`);
    // Another manifest begins anew.
    held["manifest.jwt"] = objects("second")["manifest.jwt"];
    await rejected(checking.refresh());
    Object.assign(held, objects("second"));
    equal((await checking.refresh()).seq, 2);
    equal((await checking.verify(tokens.revokedLater)).error.code, "ERR_JWT_REVOKED");
  },

  async "an outage changes no answer but the age until the hard limit, and from then on the policy decides"(context) {
    const { verifierOf, changing, tokens } = context;
    for (const [unknown, decision] of [[undefined, "unavailable"], [{ tooOld: "allow" }, "allow"], [{ tooOld: "deny" }, "deny"]]) {
      const clock = makeClock();
      const { use, source } = changing("first");
      const checking = await verifierOf({ source, unknown, now: clock.now, issuer: { requireExp: false } });
      equal((await checking.verify(tokens.withoutExp)).decision, "allow");
      use(async () => null);
      // The fixture is a few minutes old at most.
      clock.forward(7 * 24 * HOUR - HOUR);
      const { decision: before, status, snapshot } = await checking.verify(tokens.withoutExp);
      equal(`${before} ${status}`, "allow not-revoked");
      ok(snapshot.age > 6 * 24 * HOUR, `${snapshot.age}`);
      clock.forward(2 * HOUR);
      const after = await checking.verify(tokens.withoutExp);
      equal(after.decision, decision);
      equal(after.reason ?? after.error.reason, "tooOld");
      equal(after.snapshot.seq, 1);
    }
  },

  async "verifiers look for a newer snapshot up to a tenth of the ttl before it is over, as each has drawn"(context) {
    const { verifierOf, counting, tokens } = context;
    const { random } = Math;
    for (const [drawn, early, late] of [[0, 59, 2], [0.999, 53, 3], [0.5, 56, 2]]) {
      const clock = makeClock();
      Math.random = () => drawn;
      const checking = await verifierOf({ source: counting("first"), now: clock.now });
      Math.random = random;
      const due = async () => {
        const handed = [];
        await checking.verify(tokens.good, { waitUntil: (work) => handed.push(work) });
        return handed.length;
      };
      await checking.verify(tokens.good);
      clock.forward(early);
      equal(await due(), 0, `${drawn}: ${early} s`);
      clock.forward(late);
      equal(await due(), 1, `${drawn}: ${late} s later`);
    }
  },

  async "jwtVerify says what lists said, by `unknown` for each reason, and its errors why and of which snapshot"(context) {
    const { jwtVerify, createLocalJWKSet, revocationsOf, withoutExact, counting, tokens, jwks, errors } = context;
    const keys = createLocalJWKSet(jwks);
    const told = await jwtVerify(tokens.good, keys, { revocations: await revocationsOf({ source: counting("first") }) });
    equal(`${told.revocation.status} ${told.revocation.reason} ${told.revocation.snapshot.seq}`, "not-revoked undefined 1");
    equal((await jwtVerify(tokens.good, keys)).revocation, undefined);
    const sources = {
      noSnapshot: { source: async () => null },
      segmentMissing: { source: withoutSegments(counting("inParts")), residentBytes: 4096 },
      needsConfirmation: { source: withoutExact("coarse") },
    };
    for (const [reason, options] of Object.entries(sources)) {
      const seq = reason === "noSnapshot" ? undefined : 1;
      const { payload, revocation } = await jwtVerify(tokens.revoked, keys, { revocations: await revocationsOf({ ...options, unknown: { [reason]: "allow" } }) });
      equal(`${payload.jti} ${revocation.status} ${revocation.reason} ${revocation.snapshot?.seq}`, `revoked unknown ${reason} ${seq}`);
      for (const [unknown, Class] of [[undefined, errors.RevocationUnavailable], [{ [reason]: "deny" }, errors.RevocationUnknown]]) {
        const error = await rejected(jwtVerify(tokens.revoked, keys, { revocations: await revocationsOf({ ...options, unknown }) }));
        ok(error instanceof Class, `${reason}: ${error}`);
        equal(`${error.reason} ${error.snapshot?.seq}`, `${reason} ${seq}`);
      }
    }
  },

  async "jwtVerify has what is lacking read and hits confirmed as a verifier does"(context) {
    const { jwtVerify, createLocalJWKSet, revocationsOf, withoutExact, counting, tokens, jwks } = context;
    const keys = createLocalJWKSet(jwks);
    const parts = counting("inParts");
    const inParts = { revocations: await revocationsOf({ source: parts, residentBytes: 4096 }) };
    equal((await jwtVerify(tokens.good, keys, inParts)).payload.jti, "good");
    equal(parts.names.length, 2);
    equal((await rejected(jwtVerify(tokens.revoked, keys, inParts))).code, "ERR_JWT_REVOKED");
    const exact = { revocations: await revocationsOf({ source: counting("coarse") }) };
    equal((await jwtVerify(tokens.suspected, keys, exact)).revocation.status, "not-revoked");
    const error = await rejected(jwtVerify(tokens.revoked, keys, exact));
    equal(`${error.code} ${error.snapshot.seq}`, "ERR_JWT_REVOKED 1");
    let asked = 0;
    const confirm = ({ seq, targets }) => ((asked += 1), { seq, answers: targets.map(() => ({ revoked: true })) });
    const confirmed = { revocations: await revocationsOf({ source: withoutExact("coarse"), confirm }) };
    for (let call = 0; call < 3; call += 1) equal((await rejected(jwtVerify(tokens.revoked, keys, confirmed))).code, "ERR_JWT_REVOKED");
    equal(asked, 1);
  },

  async "what is wrong with `unknown`, `confirm` and `residentBytes` is named"({ verifierOf, revocationsOf, counting }) {
    const wrong = {
      "unknown": [1, null, "pass", [], Symbol("deny")].map((unknown) => ({ unknown })),
      "unknown.tooOld": [{ unknown: { tooOld: "pass" } }, { unknown: { tooOld: null } }],
      "unknown.tooNew": [{ unknown: { tooNew: "allow" } }],
      confirm: [1, null, {}, "ftp://gate.example/", "https://me:hunter2@gate.example/", "https://gate.example/#a"].map((confirm) => ({ confirm })),
      residentBytes: [-1, 1.5, "1", null, 2 ** 40, Number.NaN].map((residentBytes) => ({ residentBytes })),
    };
    for (const [name, options] of Object.entries(wrong)) {
      for (const option of options) {
        for (const [make, path] of [[verifierOf, "revocations."], [revocationsOf, ""]]) {
          const error = await rejected(make({ source: counting("first"), ...option }));
          equal(error.code, "ERR_CONFIG_INVALID", name);
          ok(error.message.includes(`\`${path}${name}\``), `${name}: ${error.message}`);
          ok(!error.message.includes("hunter2"), error.message);
        }
      }
    }
  },
};

/** For each reason why lists cannot tell: how a good token fares for it, and which snapshot says so. */
function reasons({ verifierOf, withoutExact, counting, source, issuerOptions, tokens }) {
  const one = (options, token) => async (policy) => (await verifierOf({ ...options, ...policy })).verify(token);
  return {
    noSnapshot: { verdict: one({ source: async () => null }, tokens.good) },
    tooOld: {
      seq: 1,
      age: 7 * 24 * HOUR,
      async verdict(policy) {
        const clock = makeClock();
        const checking = await verifierOf({ source: counting("first"), now: clock.now, issuer: { requireExp: false }, ...policy });
        await checking.refresh();
        clock.forward(8 * 24 * HOUR);
        return checking.verify(tokens.withoutExp);
      },
    },
    notCovered: {
      seq: 1,
      age: 0,
      verdict: one(
        { source: source("aboutAnotherIssuer"), issuers: [issuerOptions(), issuerOptions({ issuer: "https://elsewhere.example" })] },
        tokens.good,
      ),
    },
    segmentMissing: { seq: 1, age: 0, verdict: one({ source: withoutSegments(counting("inParts")), residentBytes: 4096 }, tokens.good) },
    needsConfirmation: { seq: 1, age: 0, verdict: one({ source: withoutExact("coarse") }, tokens.suspected) },
  };
}

function withoutSegments(source) {
  return { get: (name) => (name === "manifest.jwt" ? source.get(name) : null) };
}

/** The id by which a list has a token's `jti`, as somebody who confirms is asked about it. */
async function idOf(token, { verifierOf, withoutExact }) {
  let id;
  const confirm = ({ seq, targets }) => ((id = targets[0].id), { seq, answers: [{ revoked: false }] });
  await (await verifierOf({ source: withoutExact("coarse"), confirm })).verify(token);
  return id;
}

/**
 * What these cases are written with beside the suite's tools.
 * @param {any} revocable  the package
 * @param {any} fixture
 * @param {{ objects: (snapshot: string) => Record<string, Uint8Array>, issuerOptions: Function }} tools
 */
export function listsTools({ createVerifier, createRevocations }, { issuer, authority, listKeys, snapshots }, { objects, issuerOptions }) {
  const manifestOf = (snapshot) => JSON.parse(atob(atob(snapshots[snapshot]["manifest.jwt"]).split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
  const exactNames = (snapshot) => manifestOf(snapshot).segments.map(({ exact }) => `segments/${exact.hash}`);
  const lists = (issuers) => [{ issuer: authority, keys: listKeys, for: issuers }];
  return {
    manifestOf,
    /** A verifier with these options of its lists, and others beside them. */
    verifierOf({ source, unknown, confirm, residentBytes, issuer: changes, issuers = [issuerOptions(changes)], ...rest }) {
      const revocations = given({ source, unknown, confirm, residentBytes });
      return createVerifier({ issuers, revocations: { ...revocations, lists: lists(issuers.map(({ issuer }) => issuer)) }, ...rest });
    },
    revocationsOf: (options) => createRevocations({ ...given(options), lists: lists([issuer]) }),
    segmentsOf: (snapshot) => manifestOf(snapshot).segments,
    /** The name of the segment that confirms hits of this rule. */
    exactOf(snapshot, rule) {
      const { rules, segments } = manifestOf(snapshot);
      const { exact } = segments.find((segment) => rules[segment.rule].join() === rule.join());
      return `segments/${exact.hash}`;
    },
    /** A source that has no segment to confirm with. */
    withoutExact(snapshot) {
      const exact = exactNames(snapshot);
      return { get: (name) => (exact.includes(name) ? null : objects(snapshot)[name]) };
    },
    /** A source that says what it was asked for, and in how many rounds: what is asked for at once is one. */
    counting(snapshot) {
      const names = [];
      let rounds = 0;
      let waiting = 0;
      return {
        names,
        rounds: () => rounds,
        async get(name) {
          names.push(name);
          if (waiting === 0) rounds += 1;
          waiting += 1;
          await new Promise((resolve) => setTimeout(resolve, 5));
          waiting -= 1;
          return objects(snapshot)[name];
        },
      };
    },
  };
}

function given(options) {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

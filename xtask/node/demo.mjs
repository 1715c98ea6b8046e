// `cargo xtask demo`: shows the gate refusing and admitting tokens, row by row, and fails if one is not as expected.
import { parseArgs } from "node:util";

import { ISSUER, TTL } from "./names.mjs";
import { CLIENT, startRevoking } from "./revoking.mjs";
import { startStack, until, withCorruptSegment } from "./stack.mjs";
import { table } from "./table.mjs";

/** @typedef {import("./authority.mjs").Revocation} Revocation */
/** @typedef {import("./gate.mjs").Gate} Gate */
/**
 * What a gate answered, in words.
 * @typedef {object} Answer
 * @property {string} got     status and who it was, or what RFC 6750 calls the refusal
 * @property {string} why     our own code for a refusal
 * @property {string} [seq]   of the snapshot that the decision rests on, as the origin was told
 * @property {string} [age]   its age in seconds
 */

const REVOKED = { got: "401 invalid_token", why: "ERR_JWT_REVOKED" };
const UNAVAILABLE = { got: "503 Retry-After", why: "ERR_REVOCATION_UNAVAILABLE" };

const { values } = parseArgs({ options: { started: { type: "string" } } });

const stack = await startStack({ publish: [] });
const { gate, issuer } = stack;
console.log(`issuer ${issuer.url}   origin ${stack.origin.url}   gate ${gate.url}\n`);
const print = table([
  { title: "", width: 4 },
  { title: "name", width: 56 },
  { title: "expected", width: 20 },
  { title: "got", width: 28 },
  { title: "why", width: 38 },
  { title: "ms", width: 6, right: true },
]);
let failures = 0;
try {
  await tokens();
  await revocations();
  await authority();
  await outages();
} finally {
  await stack.dispose();
}
console.log("\nms: one request; after a change, from KV's last write or the authority's answer to it, polled every 50 ms");
if (values.started) console.log(`total: ${((Date.now() - Number(values.started)) / 1000).toFixed(1)} s`);
console.log(failures === 0 ? "every row is as expected" : `${failures} rows are not as expected`);
process.exitCode = failures === 0 ? 0 : 1;

/** What a token is by itself. */
async function tokens() {
  const now = seconds();
  await row("a good token reaches the origin", admitted("alice"), await issuer.mint());
  await row("a good token in a cookie", admitted("alice"), await issuer.mint(), { as: "cookie" });
  const forged = await issuer.mint({}, { key: "rogue" });
  await row("forged: signed with another key", invalid("ERR_JWS_SIGNATURE_VERIFICATION_FAILED"), forged);
  const expired = await issuer.mint({ iat: now - 600, exp: now - 60 });
  await row("expired a minute ago", invalid("ERR_JWT_EXPIRED"), expired);
  const elsewhere = await issuer.mint({ aud: "another-api" });
  await row("for another audience", invalid("ERR_JWT_CLAIM_VALIDATION_FAILED"), elsewhere);
  await row("none", { got: "401 bare challenge", why: "" }, undefined);
}

/** What `revocable build` and KV make of it. */
async function revocations() {
  const iat = seconds() - 60;
  const jti = "a-stolen-one";
  const stolen = await issuer.mint({ jti, iat });
  const other = await issuer.mint({ iat });
  /** @type {Revocation[]} */
  const list = [{ rule: ["jti"], issuer: ISSUER, values: [jti], expires: seconds() + 3600 }];

  await row("a token that will be stolen", admitted("alice"), stolen);
  await stack.publish(list);
  await row("  revoked by its jti: the same token", REVOKED, stolen, { wait: true });
  await row("  another token of the same user", admitted("alice"), other);

  const old = await issuer.mint({ sub: "bob", iat });
  await row("a user, logged in a minute ago", admitted("bob"), old);
  list.push({ rule: ["sub"], issuer: ISSUER, values: ["bob"], before: seconds() });
  await stack.publish(list);
  await row("  the user cut off: the old token", REVOKED, old, { wait: true });
  await row("  one issued later", admitted("bob"), await issuer.mint({ sub: "bob" }));

  const app = await issuer.mint({ azp: "app-1", iat });
  await row("a user's token for an app", admitted("alice"), app);
  list.push({ rule: ["sub", "azp"], issuer: ISSUER, values: ["alice", "app-1"], before: seconds() });
  await stack.publish(list);
  await row("  the app cut off: its token", REVOKED, app, { wait: true });
  await row("  the same user's token for another app", admitted("alice"), await issuer.mint({ azp: "app-2", iat }));

  const typed = await issuer.mint({ sub: "carol", pwd_ver: 6 });
  await row("a user's token from before a new password", admitted("carol"), typed);
  list.push({ rule: ["sub"], issuer: ISSUER, values: ["carol"], claim: "pwd_ver", minimum: 7 });
  await stack.publish(list);
  await row("  the password changed: that token", REVOKED, typed, { wait: true });
  await row("  one with the new password", admitted("carol"), await issuer.mint({ sub: "carol", pwd_ver: 7 }));

  const nameless = await issuer.mint({}, { kid: "none" });
  await row("a token that does not name its key", admitted("alice"), nameless);
  await stack.publish([...list, { rule: ["@key"], issuer: ISSUER, values: [issuer.thumbprint] }]);
  await row("  the signing key revoked: a token that names it", REVOKED, other, { wait: true });
  await row("  a token that does not", REVOKED, nameless);
  await stack.publish(list);
  await row("  taken back: the key stands again", admitted("alice"), other, { wait: true });
}

/** What a gate that is an authority itself takes back, there and at a gate that follows it. */
async function authority() {
  const revoking = await startRevoking(stack);
  const { home } = revoking;
  const iat = seconds() - 60;
  const mint = (/** @type {Record<string, unknown>} */ claims) => issuer.mint({ iat, ...claims });
  // Whoever comes first has the ledger make its first list.
  await revoking.revoke(await mint({ azp: CLIENT }));
  // Two, since a gate that hears of something on a live route knows of it on all.
  const [live, head] = [await revoking.startFollower(), await revoking.startFollower()];
  /**
   * Has something done, and shows what becomes of a token: at the gate itself, and where others follow it.
   * @param {string} what
   * @param {Pick<Answer, "got" | "why">} expected
   * @param {string} token
   * @param {Promise<unknown>} done
   */
  const after = async (what, expected, token, done) => {
    await done;
    const since = performance.now();
    await row(`  ${what}: at the authority's gate`, expected, token, { at: home, since });
    await row("    at a gate that follows: a live route", expected, token, { at: live, path: "/live/", since });
    await row("    a route that knows the head", expected, token, { at: head, path: "/head/", since, wait: true });
  };

  const own = await mint({ azp: CLIENT });
  await row("a gate that is an authority: a client's token", admitted("alice"), own, { at: home });
  await row("  at a gate that follows it", admitted("alice"), own, { at: live, path: "/live/", wait: true });
  await row("  at another", admitted("alice"), own, { at: head, path: "/head/", wait: true });
  await after("revoked by the client", REVOKED, own, revoking.revoke(own));

  const session = await mint({ sub: "dora", sid: "s-1" });
  await row("a user in a session", admitted("dora"), session, { at: home });
  const same = await mint({ sub: "dora", sid: "s-1" });
  await after("logged out", REVOKED, session, revoking.logOut(same));
  const phone = await mint({ sub: "dora", sid: "s-2" });
  await row("  the same user on the phone", admitted("dora"), phone, { at: home });
  const web = await mint({ sub: "dora", sid: "s-3", azp: "web" });
  await after("logged out everywhere", REVOKED, phone, revoking.logOut(web, true));

  const [app, other] = [await mint({ sub: "emil", azp: "app-2" }), await mint({ sub: "emil", azp: "app-3" })];
  await row("a user's token for an app", admitted("emil"), app, { at: home });
  const removal = { rule: ["sub", "azp"], issuer: ISSUER, values: ["emil", "app-2"], before: seconds() };
  await after("the app removed", REVOKED, app, revoking.post({ ...removal, reason: "removed by the user" }));
  await row("  another app's", admitted("emil"), other, { at: home });
  const consented = await issuer.mint({ sub: "emil", azp: "app-2" });
  await row("  the app's, after a new consent", admitted("emil"), consented, { at: home });

  const old = await mint({ sub: "fay" });
  await row("a user with the old password", admitted("fay"), old, { at: home });
  await after("changed, says an event", REVOKED, old, revoking.sendPasswordChanged("fay"));
  // The cutoff is the next whole second.
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await row("  logged in anew", admitted("fay"), await issuer.mint({ sub: "fay" }), { at: home });

  const mistaken = await mint({ sub: "gil", jti: "by-mistake" });
  const mistake = { rule: ["jti"], issuer: ISSUER, values: ["by-mistake"] };
  await after("revoked by mistake", REVOKED, mistaken, revoking.post(mistake));
  await after("taken back", admitted("gil"), mistaken, revoking.post({ ...mistake, undo: true }));
}

/** What a gate does when it cannot know. */
async function outages() {
  const token = await issuer.mint();
  const revoked = await issuer.mint({ jti: "a-late-one" });
  const empty = await stack.startFreshGate();
  await row("a fresh Worker without a manifest", UNAVAILABLE, token, { at: empty });

  /** @type {Revocation[]} */
  const list = [{ rule: ["jti"], issuer: ISSUER, values: ["a-known-one"] }];
  const good = await stack.publish(list);
  const known = await issuer.mint({ jti: "a-known-one" });
  await row("a warm Worker with a list that refuses one token", REVOKED, known, { wait: true });
  list.push({ rule: ["jti"], issuer: ISSUER, values: ["a-late-one"] });
  const next = await stack.authority.build(list);
  const corrupt = withCorruptSegment(next, good);
  const fresh = await stack.startFreshGate({ objects: corrupt });
  await row("  a fresh Worker with a corrupt segment", UNAVAILABLE, token, { at: fresh });

  await gate.put(corrupt);
  // Long enough for the warm gate to have looked again and to have found the damage.
  await until(() => ask(gate, token), () => false, 3 * TTL * 1000);
  const answer = await row("  the warm one with the same answers as before", admitted("alice"), token, { detail: true });
  await row("  and still refuses what it refused", REVOKED, known);
  check("  from its last good snapshot", `seq ${good.manifest.seq}`, `seq ${answer.seq}`);
  const age = Number(answer.age) > TTL ? "older than its ttl" : `${answer.age} s`;
  check("  and shows its age", "older than its ttl", age);
  await gate.put(next.objects);
  await row("  the segment repaired: the next list is in force", REVOKED, revoked, { wait: true });
}

/**
 * Asks, prints what came, and counts it if it is not as expected. With `wait`, asks until it is, for ten seconds. The time is
 * that since `since`, or since it began to ask.
 * @param {string} name
 * @param {Pick<Answer, "got" | "why">} expected
 * @param {string | undefined} token
 * @param {{ at?: Gate, path?: string, as?: "header" | "cookie", since?: number, wait?: boolean, detail?: boolean }} [options]
 */
async function row(name, expected, token, { at = gate, path, as = "header", since, wait = false, detail = false } = {}) {
  const started = since ?? performance.now();
  /** @param {Answer} answer */
  const isExpected = ({ got, why }) => got === expected.got && why === expected.why;
  const answer = await until(() => ask(at, token, as, path), isExpected, wait ? 10_000 : 0);
  const ms = performance.now() - started;
  const got = detail ? `${answer.got}, ${answer.age} s old` : answer.got;
  const why = answer.why === expected.why ? answer.why : `${answer.why || "no code"}, not ${expected.why || "none"}`;
  report(isExpected(answer), [name, expected.got, got, why, ms.toFixed(0)]);
  return answer;
}

/**
 * A row that compares what is already known.
 * @param {string} name
 * @param {string} expected
 * @param {string} got
 */
function check(name, expected, got) {
  report(expected === got, [name, expected, got]);
}

/**
 * @param {boolean} ok
 * @param {string[]} cells
 */
function report(ok, cells) {
  if (!ok) failures += 1;
  print([ok ? "ok" : "FAIL", ...cells]);
}

/**
 * One request, and its answer in words.
 * @param {Gate} at
 * @param {string | undefined} token
 * @param {"header" | "cookie"} [as]
 * @param {string} [path]
 * @returns {Promise<Answer>}
 */
async function ask(at, token, as = "header", path = "/orders?id=7") {
  /** @type {Record<string, string>} */
  const headers = {};
  if (token && as === "header") headers.authorization = `Bearer ${token}`;
  if (token && as === "cookie") headers.cookie = `session=${token}`;
  const response = await at.fetch(path, { headers });
  const { status } = response;
  const text = await response.text();
  const body = text.startsWith("{") ? JSON.parse(text) : {};
  if (status === 200) {
    const identity = body.headers ?? {};
    const subject = identity["x-revocable-subject"];
    const got = subject === undefined ? "200 without identity" : `200 ${decodeURIComponent(subject)}`;
    return { got, why: "", seq: identity["x-revocable-seq"], age: identity["x-revocable-age"] };
  }
  const why = body.code ?? "";
  if (status === 503) return { got: response.headers.has("retry-after") ? "503 Retry-After" : "503", why };
  const challenge = response.headers.get("www-authenticate");
  const error = challenge && /\berror="([^"]*)"/.exec(challenge)?.[1];
  if (error) return { got: `${status} ${error}`, why };
  return challenge ? { got: `${status} bare challenge`, why: "" } : { got: `${status} no challenge`, why };
}

/** @param {string} subject */
function admitted(subject) {
  return { got: `200 ${subject}`, why: "" };
}

/** @param {string} why */
function invalid(why) {
  return { got: "401 invalid_token", why };
}

/** Now, in whole seconds. */
function seconds() {
  return Math.floor(Date.now() / 1000);
}

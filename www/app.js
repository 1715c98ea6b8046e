// The playground: reads the form, asks the verifier, and shows how far the token came.
//
// Nothing is decided here. Whether a token stands, and at which stage it was stopped, is the verifier's answer.

/** The stages in their order, by the names that an error's `stage` bears. */
const STAGES = [
  { id: "parse", name: "Parse", what: "Three parts of canonical base64url, strict JSON." },
  { id: "key", name: "Key selection", what: "A trusted issuer, and a key of its that fits the header." },
  { id: "signature", name: "Signature", what: "Made with that key." },
  { id: "claims", name: "Claims", what: "For us, from them, and at this time." },
  { id: "revocation", name: "Revocation", what: "Not taken back: token, user, app, key." },
  { id: "decision", name: "Decision", what: "Allow, deny, or say that it cannot be told." },
];

const NOT_REACHED = STAGES.map(({ what }) => ({ outcome: "none", what }));

const OUTCOMES = { passed: "passed", failed: "failed", unknown: "cannot tell", "not-asked": "not asked", none: "not reached" };
const DECISIONS = {
  allow: { outcome: "passed", what: "Allow: the request goes on." },
  deny: { outcome: "failed", what: "Deny. Over HTTP: 401." },
  unavailable: { outcome: "unknown", what: "Unavailable. Over HTTP: 503, try again later." },
};
const VERDICTS = { none: "Not asked yet", allow: "Allowed", deny: "Denied", unavailable: "Unavailable", "not-run": "Not run" };

const $ = (id) => document.getElementById(id);
const form = $("form");
const field = {
  token: $("token"),
  issuer: $("issuer"),
  audience: $("audience"),
  keys: $("keys"),
  source: $("source"),
  authority: $("authority"),
  listKeys: $("list-keys"),
};

let asked = 0;
let kept;

field.source.value = new URL("./", location.href).href;
showStages(NOT_REACHED);
const [sampleRead, verifierLoaded] = await Promise.allSettled([readSample(), loadVerifier()]);
const sample = sampleRead.value;
if (sample) {
  offerSamples();
  fillIn(sample.tokens[0]);
} else {
  doWithoutSample();
}
const missing = [verifierLoaded, sampleRead].find(({ status }) => status === "rejected");
if (missing) showNotRun(missing.reason);
else showDecision("none", undefined, "Press Verify.");

form.addEventListener("submit", (event) => {
  event.preventDefault();
  verify();
});
form.addEventListener("change", showSnapshotFields);
form.addEventListener("input", () => markSample(undefined));
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    form.requestSubmit();
  }
});
document.documentElement.dataset.ready = "";

async function readSample() {
  try {
    const response = await fetch("sample/sample.json");
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    return await response.json();
  } catch (error) {
    throw new Error(`the samples could not be loaded, a token of your own can be verified: ${error.message}`);
  }
}

/** Not a static import: this page is to say so if it fails. */
async function loadVerifier() {
  try {
    return await import("./revocable/browser.js");
  } catch (error) {
    throw new Error(`the verifier could not be loaded: ${error.message}`);
  }
}

async function verify() {
  for (const input of Object.values(field)) input.removeAttribute("aria-invalid");
  const asking = (asked += 1);
  $("result").setAttribute("aria-busy", "true");
  try {
    const verifier = await verifierOf(readOptions());
    const started = performance.now();
    const answer = await verifier.verify(field.token.value.trim());
    const millis = performance.now() - started;
    // An answer that took longer than the next question is nobody's any more.
    if (asking === asked) show(answer, millis);
  } catch (error) {
    if (asking === asked) showNotRun(error);
  } finally {
    if (asking === asked) $("result").removeAttribute("aria-busy");
  }
  // On a phone the decision lies below the form.
  if ($("decision").getBoundingClientRect().bottom > innerHeight) $("result").scrollIntoView();
}

/** The verifier of these options: the one before if they have not changed, since it knows which snapshots it has seen. */
async function verifierOf(options) {
  const text = JSON.stringify(options);
  if (kept?.text !== text) {
    const { createVerifier } = await loadVerifier();
    kept = { text, verifier: await createVerifier(options) };
  }
  return kept.verifier;
}

/** What the form says, as the verifier's options; the verifier itself says what is wrong with them. */
function readOptions() {
  const keys = field.keys.value.trim();
  const jwks = keys.startsWith("{") ? { jwks: readJson(field.keys) } : { jwksUri: keys };
  const audience = field.audience.value.trim();
  const issuer = field.issuer.value.trim();
  const lists = (authority, keys) => [{ issuer: authority, keys, for: [issuer] }];
  const revocations = {
    none: () => false,
    sample: () => ({
      source: new URL("sample/", location.href).href,
      lists: lists(sample.authority, sample.listKeys),
    }),
    url: () => ({
      source: field.source.value.trim(),
      lists: lists(field.authority.value.trim(), readJson(field.listKeys)),
    }),
  }[form.elements.list.value]();
  return { issuers: [{ issuer, ...jwks, ...(audience && { audience }) }], revocations };
}

function readJson(input) {
  try {
    return JSON.parse(input.value);
  } catch {
    input.setAttribute("aria-invalid", "true");
    // The verifier refuses it in its own words.
    return input.value;
  }
}

function show({ decision, error, claims, header, status, snapshot }, millis) {
  showDecision(decision, error, `Decided in ${millis < 10 ? millis.toFixed(1) : Math.round(millis)} ms, in this page.`);
  showStages(STAGES.map((stage) => fate(stage, { decision, error, header, claims, status, snapshot })));
  const details = [];
  if (claims) details.push(...table("Claims", Object.entries(claims).map(([name, value]) => [name, value, dateOf(name, value)])));
  if (header) details.push(...table("Header", Object.entries(header).map(([name, value]) => [name, value])));
  if (snapshot) {
    details.push(
      ...table("Snapshot", [
        ["seq", snapshot.seq],
        ["age", duration(snapshot.age)],
        ["checked", `${duration(snapshot.checkedAgo)} ago`],
      ]),
    );
  }
  $("details").replaceChildren(...details);
}

/** How a stage went, by where the verifier says that the token was stopped. */
function fate({ id, what }, { decision, error, header, claims, status, snapshot }) {
  if (id === "decision") return DECISIONS[decision];
  const place = (id) => STAGES.findIndex((stage) => stage.id === id);
  const stopped = error ? place(error.stage) : place("decision");
  if (place(id) > stopped) return { outcome: "none", what };
  if (place(id) === stopped) {
    const why = [error.message, error.cause?.message].filter(Boolean).map(sentence).join(" ");
    return { outcome: decision === "unavailable" ? "unknown" : "failed", what: why, code: error.code };
  }
  if (id === "revocation" && status === "not-asked") return { outcome: "not-asked", what: "No list was asked." };
  const evidence = {
    key: header && `${header.alg}${header.kid === undefined ? "" : `, kid ${header.kid}`}.`,
    claims: claims && `From ${claims.iss}.`,
    revocation: snapshot && `Not on the list, as of snapshot ${snapshot.seq}.`,
  }[id];
  return { outcome: "passed", what: evidence || what };
}

function showNotRun(error) {
  showDecision("not-run", error, "");
  showStages(NOT_REACHED);
  $("details").replaceChildren();
}

function showDecision(decision, error, otherwise) {
  $("decision").dataset.decision = decision;
  const reason = element("p", { class: "reason" });
  if (error) reason.append(sentence(error.message), element("br"), element("code", {}, error.code ?? error.name));
  else reason.append(otherwise);
  $("decision").replaceChildren(element("p", { class: "verdict" }, VERDICTS[decision]), reason);
}

function showStages(fates) {
  const items = fates.map(({ outcome, what, code }, index) =>
    element(
      "li",
      { "data-stage": STAGES[index].id, "data-outcome": outcome },
      element("span", { class: "stage" }, STAGES[index].name),
      element("span", { class: "outcome" }, OUTCOMES[outcome]),
      element("p", { class: "what" }, what, ...(code ? [" ", element("code", {}, code)] : [])),
    ),
  );
  $("stages").replaceChildren(...items);
}

function table(title, rows) {
  const list = element("dl");
  for (const [name, value, inWords] of rows) {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    const detail = element("dd", {}, text);
    if (inWords) detail.append(" ", element("span", { class: "in-words" }, inWords));
    list.append(element("dt", {}, name), detail);
  }
  return [element("h3", {}, title), list];
}

function offerSamples() {
  for (const token of sample.tokens) {
    const button = element("button", { type: "button", "aria-pressed": "false" }, token.name);
    button.addEventListener("click", () => {
      fillIn(token);
      verify();
    });
    $("samples").append(button);
  }
}

/** Without samples there are none to choose, and no list of theirs. */
function doWithoutSample() {
  form.querySelector(".samples").hidden = true;
  form.querySelector('[name="list"][value="sample"]').disabled = true;
  form.elements.list.value = "url";
  showSnapshotFields();
}

function fillIn(token) {
  field.token.value = token.token;
  field.issuer.value = sample.issuer;
  field.audience.value = sample.audience;
  field.keys.value = JSON.stringify(sample.jwks, null, 2);
  form.elements.list.value = "sample";
  showSnapshotFields();
  markSample(token);
}

/** Says which sample is in the form; none once anything was typed. */
function markSample(token) {
  for (const button of $("samples").children) button.setAttribute("aria-pressed", `${button.textContent === token?.name}`);
  $("sample-note").textContent = token?.what ?? "";
}

function showSnapshotFields() {
  $("snapshot").hidden = form.elements.list.value !== "url";
}

function dateOf(claim, value) {
  if (!["exp", "nbf", "iat"].includes(claim) || typeof value !== "number") return undefined;
  return `${new Date(value * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

function duration(seconds) {
  const [size, unit] = [[86_400, "days"], [3600, "h"], [60, "min"], [1, "s"]].find(([size]) => seconds >= size) ?? [1, "s"];
  return `${Math.floor(seconds / size)} ${unit}`;
}

/** A message of the verifier's, as a sentence. Its messages hold no token and no claim's value. */
function sentence(message) {
  return `${message.slice(0, 1).toUpperCase()}${message.slice(1)}.`;
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}

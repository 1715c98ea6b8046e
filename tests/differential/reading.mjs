// What the rules ask of a token, found without either verifier.

/** A token's parts, texts and members, as leniently as jose reads them; `undefined` where that is not possible. */
export function look(token) {
  const parts = token.split(".");
  const [header, payload] = parts.slice(0, 2).map(textOf);
  return { token, parts, header: { text: header, ...read(header) }, payload: { text: payload, ...read(payload) } };
}

/** Whether a part is the one canonical spelling of its bytes. */
export function isCanonical(part) {
  return /^[A-Za-z0-9_-]*$/.test(part) && part.length % 4 !== 1 && Buffer.from(part, "base64url").toString("base64url") === part;
}

/** Whether a part is one of the spellings that `atob` takes, but for the other alphabet. */
export function isForgivable(part) {
  if (/[+/]/.test(part)) return false;
  try {
    atob(part.replaceAll("-", "+").replaceAll("_", "/"));
    return true;
  } catch {
    return false;
  }
}

function textOf(part) {
  if (part === undefined || !isForgivable(part)) return undefined;
  const bytes = Buffer.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), "latin1");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The members, and what a strict reading minds. */
function read(text) {
  const begun = text?.startsWith("\ufeff") === true;
  let value;
  try {
    value = JSON.parse(begun ? text.slice(1) : text);
  } catch {
    return { members: undefined, minds: ["not JSON"] };
  }
  const minds = [...new Set(minded(begun ? text.slice(1) : text))];
  if (begun) minds.push("byte order mark");
  if (typeof value !== "object" || value === null || Array.isArray(value)) return { members: undefined, minds: [...minds, "no object"] };
  return { members: value, minds };
}

/** Goes through a text that is JSON, token by token. */
function* minded(text) {
  const open = [];
  const tokens = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|[{}[\]:,]|true|false|null/g;
  for (let [token] of text.matchAll(tokens)) {
    const inside = open.at(-1);
    if (token === "{" || token === "[") {
      open.push({ names: token === "{" ? new Set() : undefined, isName: token === "{" });
      if (open.length > 32) yield "deep";
    } else if (token === "}" || token === "]") {
      open.pop();
    } else if (token === ",") {
      inside.isName = inside.names !== undefined;
    } else if (token.startsWith('"')) {
      const string = JSON.parse(token);
      if (!string.isWellFormed()) yield "lone surrogate";
      if (inside?.isName) {
        if (inside.names.has(string)) yield "named twice";
        inside.names.add(string);
        inside.isName = false;
      }
    } else if (/^[-\d]/.test(token) && !Number.isFinite(Number(token))) {
      yield "no finite number";
    }
  }
}

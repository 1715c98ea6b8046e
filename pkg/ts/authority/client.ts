// Whoever tells an authority what is revoked, and asks it.

import { runtimeFetch } from "../read.js";
import { optionsOf, wrongArgument } from "../source/argument.js";
import { EXPECTED_API, apiUrl, isVisible } from "../url.js";
import type { LineError } from "./authority_error.js";
import { refusalOf, unanswered } from "./authority_error.js";
import type { FeedMessage } from "./feed.js";
import { messagesOf } from "./feed.js";

/** Which authority, and who asks. */
export interface AuthorityClientOptions {
  /** A gate's URL, or the folder of its API (`…/_revocable/`): `https`, or `http` on a loopback host. */
  url: string | URL;
  /** The key to present, for all but `revoke`, `events` and what is asked as a client. */
  key?: string;
  /** What reads URLs. By default, the runtime's own `fetch`. */
  fetch?: typeof fetch;
}

/** An OAuth client, as `client_secret_basic` (the default) or `client_secret_post` (RFC 6749 §2.3.1). */
export interface ClientCredentials {
  id: string;
  secret: string;
  method?: "basic" | "post";
}

/** What is revoked, by which entry. */
export interface Target {
  /** The members that name it, such as `["jti"]` or `["sub", "azp"]`. */
  rule: readonly string[];
  /** The token issuer. */
  issuer: string;
  /** A value for each member, in the rule's order. */
  values: readonly (string | number | boolean)[];
  /** With `minimum`, the claim that must not be lower. */
  claim?: string;
}

/** A revocation. Without `before` and `minimum`, every token of the target is revoked. */
export interface Revocation extends Target {
  /** Tokens issued before this are revoked: seconds since 1970, which lie not in the future. */
  before?: number;
  /** Tokens in which `claim` is lower, missing or no integer are revoked. */
  minimum?: number;
  /** When the last token it could match expires, in seconds since 1970; without it, the entry stays until it is undone. */
  expires?: number;
  reason?: string;
}

/** Which entry of a target is taken back. */
export interface Undoing extends Target {
  /** By default `"outright"`. */
  kind?: "outright" | "cutoff" | "minimum";
  reason?: string;
}

/** How revocations are added. */
export interface AddOptions {
  /** Why, for those that do not say it themselves. */
  reason?: string;
  /** Under which the authority knows this again, so that asking again records nothing twice: 1 to 100 visible ASCII characters. By default random. */
  idempotencyKey?: string;
  /** Of several: take the good ones although others are wrong. By default none is recorded then, of each 10,000. */
  partial?: boolean;
}

/** What became of one change. */
export interface Outcome {
  /** Its number in the ledger. */
  seq: number;
  /** Its target's id. */
  id: string;
  result: "added" | "replaced" | "unchanged" | "undone" | "absent" | "over";
}

/** What was recorded. It is durable and published. */
export interface Recorded {
  /** The number of the list that has all of it. */
  seq: number;
  outcomes: Outcome[];
}

/** What came of several. */
export interface RecordedMany extends Recorded {
  mode: "all" | "partial";
  recorded: number;
  refused: number;
  errors: LineError[];
}

/** What is listed, by any of these. */
export interface ListFilter {
  rule?: readonly string[];
  issuer?: string;
  values?: readonly (string | number | boolean)[];
  kind?: "outright" | "cutoff" | "minimum";
  id?: string;
  actor?: string;
  /** Those with greater numbers. */
  after?: number;
  /** How many are asked for at a time, at most 1,000, by default 100. */
  pageSize?: number;
  /** The log of all that has happened, undoings too, instead of what is in force. */
  log?: boolean;
}

/** An entry of the ledger. */
export interface LedgerEntry {
  seq: number;
  id: string;
  rule: string[];
  issuer: string;
  /** `null` where the ledger keeps ids alone. */
  values: (string | number | boolean)[] | null;
  kind: "outright" | "cutoff" | "minimum";
  before?: number | null;
  minimum?: number | null;
  claim?: string | null;
  expires?: number | null;
  reason?: string | null;
  actor: string;
  time: number;
  undo?: boolean;
}

/** What an authority says of a token (RFC 7662). */
export interface Introspection {
  active: boolean;
  [claim: string]: unknown;
}

/** Asks one authority. What it refuses, and what it cannot do now, is thrown as an [`AuthorityError`]. Nothing is asked twice. */
export interface AuthorityClient {
  /** Revokes a token (RFC 7009), as the client that it was issued to. It is done also where the token is unknown or invalid. */
  revoke(token: string, options: { hint?: string; client: ClientCredentials }): Promise<void>;
  /** Records a revocation. */
  add(revocation: Revocation, options?: AddOptions): Promise<Recorded>;
  /** Records several, 10,000 in a request. */
  add(revocations: readonly Revocation[], options?: AddOptions): Promise<RecordedMany>;
  /** What is revoked, in the order of its recording. */
  list(filter?: ListFilter): AsyncGenerator<LedgerEntry, void, undefined>;
  /** Takes an entry back, by its number in the ledger or by its target. */
  undo(what: number | Undoing, options?: { reason?: string }): Promise<Recorded>;
  /** Delivers a security event token (RFC 8417, RFC 8935). */
  events(set: string): Promise<void>;
  /** Asks of a token whether it stands (RFC 7662): as a client, or with a key that may read. */
  introspect(token: string, options?: { hint?: string; client?: ClientCredentials }): Promise<Introspection>;
  /** Follows what happens. A connection that breaks is made again; the signal ends it. */
  feed(options?: { after?: number; signal?: AbortSignal }): AsyncGenerator<FeedMessage, void, undefined>;
}

/** Makes a client of an authority. Nothing is sent yet. */
export function createAuthorityClient(options: AuthorityClientOptions): AuthorityClient {
  const { url, key, fetch = runtimeFetch } = optionsOf(options as AuthorityClientOptions | undefined, ["url", "key", "fetch"]);
  const base = apiUrl(url);
  if (base === undefined) throw wrongArgument("url", EXPECTED_API);
  if (key !== undefined && !isVisible(key, 4096)) throw wrongArgument("key", "visible ASCII");
  if (typeof fetch !== "function") throw wrongArgument("fetch", "a function");
  return new Client(base, key, fetch);
}

class Client implements AuthorityClient {
  readonly #base: URL;
  readonly #key: string | undefined;
  readonly #fetch: typeof fetch;

  constructor(base: URL, key: string | undefined, fetcher: typeof fetch) {
    this.#base = base;
    this.#key = key;
    this.#fetch = fetcher;
  }

  async revoke(token: string, { hint, client }: { hint?: string; client: ClientCredentials }): Promise<void> {
    const { body, headers } = asked(token, hint, client);
    const response = await this.#send("revoke", { method: "POST", headers, body });
    await response.body?.cancel();
  }

  add(revocation: Revocation, options?: AddOptions): Promise<Recorded>;
  add(revocations: readonly Revocation[], options?: AddOptions): Promise<RecordedMany>;
  async add(what: Revocation | readonly Revocation[], options?: AddOptions): Promise<Recorded | RecordedMany> {
    const { reason, idempotencyKey = randomKey(), partial = false } = optionsOf(options, ["reason", "idempotencyKey", "partial"]);
    if (!isVisible(idempotencyKey, 100)) throw wrongArgument("idempotencyKey", "1 to 100 visible ASCII characters");
    const withReason = (one: Revocation): string => JSON.stringify(reason === undefined ? one : { reason, ...one });
    if (!isList(what)) return this.#post("admin/revocations", "application/json", withReason(what), idempotencyKey);
    const all: RecordedMany = { seq: 0, mode: partial ? "partial" : "all", recorded: 0, refused: 0, outcomes: [], errors: [] };
    const parts = partsOf(what.map(withReason));
    for (const [index, { from, lines }] of parts.entries()) {
      const path = partial ? "admin/revocations?partial" : "admin/revocations";
      const key = parts.length === 1 ? idempotencyKey : `${idempotencyKey}-${index + 1}`;
      const answer = await this.#post<RecordedMany>(path, "application/x-ndjson", lines.join("\n"), key);
      all.seq = answer.seq;
      all.recorded += answer.recorded;
      all.refused += answer.refused;
      for (const outcome of answer.outcomes) all.outcomes.push(outcome);
      for (const error of answer.errors ?? []) all.errors.push({ ...error, line: error.line + from });
    }
    return all;
  }

  async *list(filter?: ListFilter): AsyncGenerator<LedgerEntry, void, undefined> {
    const { rule, values, after, pageSize, log, ...plain } = optionsOf(filter, LIST_FIELDS);
    const url = new URL(log === true ? "admin/log" : "admin/revocations", this.#base);
    if (rule !== undefined) url.searchParams.set("rule", JSON.stringify(rule));
    for (const [name, value] of Object.entries(plain)) if (value !== undefined) url.searchParams.set(name, value);
    for (const value of values ?? []) url.searchParams.append(typeof value === "string" ? "value" : "json", String(value));
    if (pageSize !== undefined) url.searchParams.set("limit", String(pageSize));
    for (let from = after; ; ) {
      if (from !== undefined) url.searchParams.set("after", String(from));
      const response = await this.#send(url, { method: "GET", headers: this.#withKey() });
      const page = await jsonIn<{ revocations: LedgerEntry[]; next: number | null }>(response);
      yield* page.revocations;
      // A page that does not lead on would be asked for for ever.
      if (typeof page.next !== "number" || page.next <= (from ?? -1)) return;
      from = page.next;
    }
  }

  async undo(what: number | Undoing, options?: { reason?: string }): Promise<Recorded> {
    const { reason } = optionsOf(options, ["reason"]);
    if (typeof what !== "number") {
      const undoing = JSON.stringify({ ...(reason === undefined ? {} : { reason }), ...what, undo: true });
      return this.#post("admin/revocations", "application/json", undoing, randomKey());
    }
    if (!Number.isSafeInteger(what) || what < 0) throw wrongArgument("what", "a number of the ledger, or a target");
    const headers = this.#withKey({ "idempotency-key": randomKey() });
    const why = reason === undefined ? "" : `?${new URLSearchParams({ reason }).toString()}`;
    return jsonIn(await this.#send(`admin/revocations/${what}${why}`, { method: "DELETE", headers }));
  }

  async events(set: string): Promise<void> {
    const headers = { "content-type": "application/secevent+jwt", accept: "application/json" };
    const response = await this.#send("events", { method: "POST", headers, body: set });
    await response.body?.cancel();
  }

  async introspect(token: string, options: { hint?: string; client?: ClientCredentials } = {}): Promise<Introspection> {
    const { body, headers } = asked(token, options.hint, options.client);
    const own = options.client === undefined ? this.#withKey() : headers;
    return jsonIn(await this.#send("introspect", { method: "POST", headers: own, body }));
  }

  feed(options?: { after?: number; signal?: AbortSignal }): AsyncGenerator<FeedMessage, void, undefined> {
    const { after, signal } = optionsOf(options, ["after", "signal"]);
    const headers = new Headers(this.#withKey({ accept: "text/event-stream" }));
    return messagesOf({ base: this.#base, headers, fetch: this.#fetch, after, signal });
  }

  async #post<T>(path: string, type: string, body: string, idempotencyKey: string): Promise<T> {
    const headers = this.#withKey({ "content-type": type, "idempotency-key": idempotencyKey });
    return jsonIn(await this.#send(path, { method: "POST", headers, body }));
  }

  #withKey(headers: Record<string, string> = {}): Record<string, string> {
    if (this.#key === undefined) throw wrongArgument("key", "a key: this is done with one");
    return { accept: "application/json", ...headers, authorization: `Bearer ${this.#key}` };
  }

  async #send(path: string | URL, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      // Neither keys nor tokens follow a redirect, and no cookie goes along.
      response = await this.#fetch(new URL(path, this.#base), { ...init, redirect: "manual", ...credentials("omit") });
    } catch (error) {
      throw unanswered(error);
    }
    if (!response.ok) throw await refusalOf(response);
    return response;
  }
}

/** What is said of a token, and who says it. */
function asked(token: string, hint: string | undefined, client: ClientCredentials | undefined): { body: URLSearchParams; headers: Record<string, string> } {
  const body = new URLSearchParams({ token });
  if (hint !== undefined) body.set("token_type_hint", hint);
  const headers: Record<string, string> = { accept: "application/json" };
  if (client?.method === "post") {
    body.set("client_id", client.id);
    body.set("client_secret", client.secret);
  } else if (client !== undefined) {
    headers.authorization = `Basic ${btoa(`${formEncoded(client.id)}:${formEncoded(client.secret)}`)}`;
  }
  return { body, headers };
}

/** As forms have it (RFC 6749 §2.3.1). */
function formEncoded(text: string): string {
  return new URLSearchParams([["", text]]).toString().slice(1);
}

/** As many lines as a request may have, and no more bytes. */
function partsOf(lines: readonly string[]): { from: number; lines: string[] }[] {
  const encoder = new TextEncoder();
  const parts: { from: number; lines: string[] }[] = [];
  let bytes = 0;
  for (const [index, line] of lines.entries()) {
    const length = encoder.encode(line).byteLength + 1;
    const part = parts.at(-1);
    if (part === undefined || part.lines.length === MOST_LINES || bytes + length > MOST_BYTES) {
      parts.push({ from: index, lines: [line] });
      bytes = length;
    } else {
      part.lines.push(line);
      bytes += length;
    }
  }
  return parts;
}

/**
 * Workers have no cookies, and refuse to be told so.
 * @internal
 */
export function credentials(which: RequestCredentials): RequestInit {
  return typeof document === "undefined" ? {} : { credentials: which };
}

async function jsonIn<T>(response: Response): Promise<T> {
  try {
    return (await response.json()) as T;
  } catch (error) {
    throw unanswered(error);
  }
}

function isList(what: Revocation | readonly Revocation[]): what is readonly Revocation[] {
  return Array.isArray(what);
}

function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const LIST_FIELDS = ["rule", "issuer", "values", "kind", "id", "actor", "after", "pageSize", "log"] as const satisfies (keyof ListFilter)[];
const MOST_LINES = 10_000;
const MOST_BYTES = 8 * 1024 * 1024;

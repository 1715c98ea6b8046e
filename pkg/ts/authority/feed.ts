// An authority's feed, over server-sent events: followed, taken up again where a connection broke, until nobody wants it.

import { AuthorityError, refusalOf, unanswered } from "./authority_error.js";

/** What a feed says. */
export type FeedMessage = FeedChange | FeedReset | FeedHeartbeat;

/** Something was revoked, or taken back. */
export interface FeedChange {
  type: "change";
  /** The number of the list that has it. */
  seq: number;
  /** The number of the last change before: whoever has a lower one has missed something. */
  prev: number;
  /** A JWT in which the authority signs how far it has come. Nobody has checked it yet. */
  head: string;
  changes: readonly FeedEntry[];
  /** Whether the next message has more of the same change. */
  more?: true;
}

/** One target. A feed has ids and no values. */
export interface FeedEntry {
  seq: number;
  op: "add" | "undo";
  rule: readonly string[];
  kind: "outright" | "cutoff" | "minimum";
  claim?: string;
  issuer: string;
  id: string;
  value?: number;
  expires?: number;
}

/** What was asked for is older than what the authority remembers: the list has to be read, and goes on from `seq`. */
export interface FeedReset {
  type: "reset";
  seq: number;
  head: string;
}

/** Nothing has changed since `prev`. `seq` may be greater all the same: a list that says nothing new is signed anew now and then. */
export interface FeedHeartbeat {
  type: "heartbeat";
  seq: number;
  /** The number of the last change: whoever has a lower one has missed something. */
  prev: number;
  head: string;
}

/** What is followed, and how. */
export interface Followed {
  /** The API's folder, with the slash at its end. */
  base: URL;
  headers: Headers;
  fetch: typeof fetch;
  after: number | undefined;
  signal: AbortSignal | undefined;
  /** Hears of every connection that broke or could not be made. */
  onBreak?: (error: AuthorityError) => void;
}

/**
 * The messages, in order and without a gap. It ends when the signal is aborted, and throws what will not pass by itself, such
 * as a key that the authority does not know.
 */
export async function* messagesOf({ base, headers, fetch, after, signal, onBreak }: Followed): AsyncGenerator<FeedMessage, void, undefined> {
  let last = after;
  for (let failures = 0; !isAborted(signal); failures += 1) {
    const url = new URL("feed", base);
    if (last !== undefined) url.searchParams.set("after", String(last));
    const connection = new Connection(signal);
    let broken: AuthorityError;
    try {
      const response = await fetch(url, { headers, signal: connection.signal, redirect: "manual", cache: "no-store" });
      if (response.status !== 200) throw await refusalOf(response);
      if (response.body === null) throw new Error("it has no body");
      let isFirst = true;
      for await (const message of connection.messages(response.body)) {
        if (message.type === "change" && last !== undefined && message.seq <= last) continue;
        // What comes first on a connection is all that follows `last`, whatever it says it follows.
        if (message.type !== "reset" && !isFirst && last !== undefined && message.prev > last) throw new Error("a message was missed");
        isFirst = false;
        failures = 0;
        yield message;
        if (message.type === "reset") last = message.seq;
        // Of a change in several messages all come again until the last has come.
        else if (message.type === "heartbeat" || message.more !== true) last = Math.max(last ?? 0, message.seq);
      }
      broken = unanswered(new Error("the feed ended"));
    } catch (error) {
      if (isAborted(signal)) return;
      broken = error instanceof AuthorityError ? error : unanswered(error);
      if (!broken.mayPass) throw broken;
    } finally {
      connection.end();
    }
    onBreak?.(broken);
    await wait(broken.retryAfter === undefined ? backOff(failures) : broken.retryAfter * 1000, signal);
  }
}

/** One connection, which is given up when nothing comes any more. */
class Connection {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #abort = (): void => this.#controller.abort();
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(outer: AbortSignal | undefined) {
    this.#outer = outer;
    outer?.addEventListener("abort", this.#abort);
    this.#heard();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  end(): void {
    clearTimeout(this.#silence);
    this.#outer?.removeEventListener("abort", this.#abort);
    this.#controller.abort();
  }

  async *messages(body: ReadableStream<Uint8Array>): AsyncGenerator<FeedMessage, void, undefined> {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    let rest = "";
    let data: string[] = [];
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this.#heard();
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const ended of lines) {
        const line = ended.endsWith("\r") ? ended.slice(0, -1) : ended;
        if (line.startsWith("data:")) data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
        if (line !== "" || data.length === 0) continue;
        const message = messageIn(data.join("\n"));
        data = [];
        if (message !== undefined) yield message;
      }
      if (rest.length + data.reduce((sum, { length }) => sum + length, 0) > MOST_CHARS) throw new Error("a message is too long");
    }
  }

  #heard(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(this.#abort, SILENCE_MILLIS);
  }
}

/** A message that is understood; what a newer authority may say beside is not ours to understand. */
function messageIn(text: string): FeedMessage | undefined {
  const message = JSON.parse(text) as Partial<FeedMessage> | null;
  const isKnown = message !== null && TYPES.includes(message.type) && Number.isSafeInteger(message.seq);
  return isKnown ? (message as FeedMessage) : undefined;
}

/** Asked anew each time: it changes meanwhile. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function backOff(failures: number): number {
  const whole = Math.min(MOST_WAIT_MILLIS, FIRST_WAIT_MILLIS * 2 ** failures);
  return whole / 2 + (Math.random() * whole) / 2;
}

/**
 * Waits, unless the signal is aborted before.
 * @internal
 */
export function wait(millis: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(millis, MOST_TIMER_MILLIS));
    signal?.addEventListener("abort", done);
  });
}

const TYPES: readonly unknown[] = ["change", "reset", "heartbeat"];
/** Three heart-beats. */
const SILENCE_MILLIS = 60_000;
const FIRST_WAIT_MILLIS = 500;
const MOST_WAIT_MILLIS = 30_000;
const MOST_TIMER_MILLIS = 2 ** 31 - 1;
const MOST_CHARS = 16 * 1024 * 1024;

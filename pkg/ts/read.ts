// Reading what others send: for a bounded time, and no more bytes than asked for.

/** How long reading something may take whose length is not known beforehand. */
export const READ_TIMEOUT_MILLIS = 5000;
/** The longest that timers can wait; they take more for nothing. */
const MOST_MILLIS = 2 ** 31 - 1;
/** What is known to be long may take longer: 32 KB a second are enough. */
const BYTES_PER_MILLI = 32;

/** How long reading something of this length may take. */
export function timeoutFor(bytes: number): number {
  return READ_TIMEOUT_MILLIS + bytes / BYTES_PER_MILLI;
}

/** The bytes of a body that turns out to have more of them than wanted are not kept. */
export class TooLarge extends Error {
  override readonly name = "TooLarge";
  constructor(limit: number) {
    super(`it has more than ${limit} bytes`);
  }
}

/** Work that did not come to an end in its time. */
export class TookTooLong extends Error {
  override readonly name = "TookTooLong";
  constructor() {
    super("it took too long");
  }
}

/** The runtime's own. It is looked up at every call, so that a `fetch` that is replaced later counts. */
export const runtimeFetch: typeof fetch = (input, init) => globalThis.fetch(input, init);

/** The whole body, unless it is longer than `limit`; `alive` hears of every piece. */
export async function readBody(response: Response, limit: number, alive: () => void): Promise<Uint8Array<ArrayBuffer>> {
  if (Number(response.headers.get("content-length") ?? 0) > limit) {
    await response.body?.cancel();
    throw new TooLarge(limit);
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true };
    if (done) break;
    alive();
    length += value.byteLength;
    if (length > limit) {
      await reader?.cancel();
      throw new TooLarge(limit);
    }
    chunks.push(value);
  }
  const body = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return body;
}

/** What `work` comes to, unless it takes too long. Its signal tells it so; nobody waits for work that ignores it. */
export async function inTime<T>(millis: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const tooLong = new TookTooLong();
      reject(tooLong);
      controller.abort(tooLong);
    }, Math.min(millis, MOST_MILLIS));
  });
  try {
    return await Promise.race([work(controller.signal), deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Does work for things that have so many bytes each, several at a time, and no more at a time than memory has room for. It ends
 * once no work is left; from the first failure on, none is begun.
 */
export async function severalAtATime<T>(
  things: readonly T[],
  bytesOf: (thing: T) => number,
  work: (thing: T) => Promise<void>,
): Promise<void> {
  const left = [...things];
  const largest = Math.max(1, ...left.map(bytesOf));
  const worker = async (): Promise<void> => {
    for (let thing = left.shift(); thing !== undefined; thing = left.shift()) {
      try {
        await work(thing);
      } catch (error) {
        left.length = 0;
        throw error;
      }
    }
  };
  const workers = Math.max(1, Math.min(MOST_AT_A_TIME, Math.floor(MOST_BYTES_AT_A_TIME / largest)));
  const outcomes = await Promise.allSettled(Array.from({ length: workers }, worker));
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** How many things are read at a time: browsers keep six connections to a host. */
const MOST_AT_A_TIME = 6;
/** And how many bytes: an isolate has 128 MiB, of which 48 are for the segments that are held. */
const MOST_BYTES_AT_A_TIME = 26 * 1024 * 1024;

/** The SHA-256 of these bytes by the host, many times faster than by Wasm; none outside a secure context. */
export async function digestByHost(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array | undefined> {
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle;
  return subtle && new Uint8Array(await subtle.digest("SHA-256", bytes));
}

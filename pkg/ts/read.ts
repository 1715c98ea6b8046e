// Reading what others send: for a bounded time, and no more bytes than asked for.

/** How long one reading may take. */
export const READ_TIMEOUT_MILLIS = 5000;

/** The bytes of a body that turns out to have more of them than wanted are not kept. */
export class TooLarge extends Error {
  override readonly name = "TooLarge";
  constructor(limit: number) {
    super(`it has more than ${limit} bytes`);
  }
}

/** The whole body, unless it is longer than `limit`. */
export async function readBody(response: Response, limit: number): Promise<Uint8Array<ArrayBuffer>> {
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

/** What `work` comes to, unless it takes too long. */
export async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("it took too long")), READ_TIMEOUT_MILLIS);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** The SHA-256 of these bytes by the host, many times faster than by Wasm; none outside a secure context. */
export async function digestByHost(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array | undefined> {
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle;
  return subtle && new Uint8Array(await subtle.digest("SHA-256", bytes));
}

// What callers give, looked at before it goes into the Wasm: there, a value of another type than the declared one is not
// refused but read as if it were of that type.

import type { ErrorCode } from "./error.js";
import { InvalidArgument } from "./error.js";

/** Whether these are bytes, and no object that has merely got their prototype. */
export function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && value instanceof Uint8Array;
}

/** The JSON text of a value. Throws an [`InvalidArgument`] for what JSON has no words for, such as what contains itself. */
export function jsonOf(value: unknown, code: ErrorCode, message: string): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new InvalidArgument(code, message, error);
  }
  // Of functions, and of what turns into nothing by its own `toJSON`, there is no text.
  if (text === undefined) throw new InvalidArgument(code, message);
  return text;
}

/** What somebody else's error says, if it says anything. */
export function messageOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const message: unknown = error.message;
  return typeof message === "string" ? message : undefined;
}

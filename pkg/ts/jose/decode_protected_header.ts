// `decodeProtectedHeader`: a token's JOSE header, of which nothing has been verified.

import type { Platform } from "../core.js";
import { decode, loadWasmNow } from "../core.js";
import { ALLOW, faultOnDesk, headerOnDesk, putToken } from "../desk.js";
import { InvalidArgument } from "../error.js";
import type { ProtectedHeaderParameters } from "./types.js";

/**
 * A token's header, which anybody may have written: nothing is verified. The reading is as strict as `jwtVerify`'s; the
 * other parts are not looked at.
 *
 * Throws a `TypeError` with the code `ERR_JWS_INVALID` for what has no such header.
 */
export type DecodeProtectedHeader = (token: string | { protected?: unknown }) => ProtectedHeaderParameters;

/** `{}` and a signature of one byte: what stands behind the header to make it a token that can be read. */
const REST = ".e30.AA";

/**
 * `decodeProtectedHeader` of a runtime.
 * @internal
 */
export function decodeProtectedHeaderOn(platform: Platform): DecodeProtectedHeader {
  return (token) => {
    const header = headerPart(token);
    if (header === undefined) throw new InvalidArgument("ERR_JWS_INVALID", "expected a token with a protected header");
    loadWasmNow(platform);
    if (decode(putToken(`${header}${REST}`)) === ALLOW) return headerOnDesk();
    throw new InvalidArgument("ERR_JWS_INVALID", faultOnDesk().message);
  };
}

function headerPart(token: unknown): string | undefined {
  if (typeof token === "string") {
    const parts = token.split(".");
    // A JWE has five, and the same kind of header.
    return parts.length === 3 || parts.length === 5 ? parts[0] : undefined;
  }
  if (typeof token !== "object" || token === null || !("protected" in token)) return undefined;
  const { protected: header } = token;
  return typeof header === "string" && !header.includes(".") ? header : undefined;
}

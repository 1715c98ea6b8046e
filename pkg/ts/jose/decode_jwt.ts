// `decodeJwt`: a token's claims, of which nothing has been verified.

import type { Platform } from "../core.js";
import { decode, loadWasmNow } from "../core.js";
import type { Claims } from "../decision.js";
import { ALLOW, claimsOnDesk, faultOnDesk, putToken } from "../desk.js";
import { errorOf } from "../error_of.js";
import type { JWTPayload } from "./types.js";

/**
 * A token's claims, which anybody may have written: nothing is verified. The reading is as strict as `jwtVerify`'s.
 *
 * Throws `JWTInvalid` for what is no token.
 */
export type DecodeJwt = <Payload = JWTPayload>(token: string) => Payload & JWTPayload;

/**
 * `decodeJwt` of a runtime.
 * @internal
 */
export function decodeJwtOn(platform: Platform): DecodeJwt {
  return <Payload>(token: string) => decoded(platform, token)[1] as unknown as Payload & JWTPayload;
}

function decoded(platform: Platform, token: string): [unknown, Claims] {
  loadWasmNow(platform);
  if (decode(putToken(token)) === ALLOW) return claimsOnDesk();
  const fault = faultOnDesk();
  // Whatever is wrong with it, it is no JWT: that is all that `jose` says, too.
  throw errorOf({ ...fault, code: "ERR_JWT_INVALID" });
}

// `createLocalJWKSet`: a JWKS that the caller has.

import type { Platform } from "../core.js";
import { KeySet, failure, loadWasm, loadWasmNow } from "../core.js";
import type { Header } from "../decision.js";
import { InvalidArgument } from "../error.js";
import { Chosen, choose, isJwks } from "./candidates.js";
import { Made, remember } from "./key_source.js";
import type { FlattenedJWSInput, JSONWebKeySet, JWSHeaderParameters } from "./types.js";

/** Chooses among the keys of a set by a token's header. `jwtVerify` takes it as its key. */
export interface LocalJWKSet {
  (protectedHeader?: JWSHeaderParameters, token?: FlattenedJWSInput): Promise<CryptoKey>;
  /** The set, as a copy. */
  jwks(): JSONWebKeySet;
}

/** Makes a key set of a JWKS, of which it takes a copy. It throws for what is no JWKS. */
export type CreateLocalJWKSet = (jwks: object) => LocalJWKSet;

/**
 * `createLocalJWKSet` of a runtime.
 * @internal
 */
export function createLocalJWKSetOn(platform: Platform): CreateLocalJWKSet {
  return (given) => {
    const text = textOf(platform, given);
    const jwks = () => JSON.parse(text) as JSONWebKeySet;
    const getKey = async (header?: Partial<Header>): Promise<CryptoKey> => {
      await loadWasm(platform);
      return choose(jwks(), header ?? {});
    };
    const chosen = new Chosen(jwks);
    const made = new Made(() => KeySet.local(text));
    const set = Object.assign(getKey, { jwks });
    remember(set, {
      get set() {
        return made.set;
      },
      chosen: (header) => chosen.of(header),
    });
    return set;
  };
}

function textOf(platform: Platform, jwks: object): string {
  let text: string | undefined;
  try {
    text = isJwks(jwks) ? JSON.stringify(jwks) : undefined;
  } catch {
    // Whatever JSON refuses is no JWKS.
  }
  if (text !== undefined && isJwks(JSON.parse(text))) return text;
  try {
    loadWasmNow(platform);
  } catch {
    throw new InvalidArgument("ERR_JWKS_INVALID", "expected a JWKS");
  }
  throw failure("ERR_JWKS_INVALID", "expected a JWKS");
}

// The types that `jose` gives names to, so that code which names them compiles here too.

import type { SnapshotInfo, Status, UnknownReason } from "../decision.js";
import type { NodeKeyObject } from "../host/cryptokey.js";
import type { JWTVerifyOptions } from "./expected.js";

/** A token's claims (RFC 7519 §4.1), of which every one may be missing. Dates are in seconds since 1970. */
export interface JWTPayload {
  iss?: string;
  sub?: string;
  aud?: string | string[];
  jti?: string;
  nbf?: number;
  exp?: number;
  iat?: number;
  [claim: string]: unknown;
}

/** A JWK (RFC 7517 §4); which members there are depends on `kty`. Private members are there to be refused. */
export interface JWK {
  /** Any text; that some are named makes the compiler remember which one a JWK has. */
  kty?: "RSA" | "EC" | "OKP" | "AKP" | "oct" | (string & {});
  alg?: string;
  kid?: string;
  use?: string;
  key_ops?: string[];
  ext?: boolean;
  crv?: string;
  x?: string;
  y?: string;
  n?: string;
  e?: string;
  k?: string;
  pub?: string;
  d?: string;
  dp?: string;
  dq?: string;
  p?: string;
  q?: string;
  qi?: string;
  priv?: string;
  oth?: { d?: string; r?: string; t?: string }[];
  x5c?: string[];
  x5t?: string;
  "x5t#S256"?: string;
  x5u?: string;
}

/** A JWKS (RFC 7517 §5). */
export interface JSONWebKeySet {
  keys: JWK[];
}

/** A JOSE header of which nothing is known for certain (RFC 7515 §4.1). */
export interface JWSHeaderParameters {
  alg?: string;
  kid?: string;
  typ?: string;
  cty?: string;
  crit?: string[];
  b64?: boolean;
  jku?: string;
  jwk?: JWK;
  x5c?: string[];
  x5t?: string;
  x5u?: string;
  [member: string]: unknown;
}

/** The header of a token in its compact form. */
export interface CompactJWSHeaderParameters extends JWSHeaderParameters {
  alg: string;
}

/** The header of a JWT. */
export interface JWTHeaderParameters extends CompactJWSHeaderParameters {}

/** What `decodeProtectedHeader` gives. */
export type ProtectedHeaderParameters = JWSHeaderParameters;

/** A token's parts (RFC 7515 §7.2.2). */
export interface FlattenedJWSInput {
  header?: JWSHeaderParameters;
  payload: string | Uint8Array;
  protected?: string;
  signature: string;
}

type RuntimeKey = CryptoKey;
export type { RuntimeKey as CryptoKey };

/** Node's `KeyObject`. */
export type KeyObject = NodeKeyObject;

/** A key for every token. */
export type VerificationKey = RuntimeKey | NodeKeyObject | JWK | JsonWebKey | Uint8Array;

/** Chooses a key by a token of which nothing has been verified. */
export interface GetKeyFunction<ProtectedHeader, Token, Key = VerificationKey> {
  (protectedHeader: ProtectedHeader, token: Token): Promise<Key> | Key;
}

/** What `jwtVerify` takes for a key that depends on the token. */
export interface JWTVerifyGetKey<Key extends RuntimeKey | Uint8Array = RuntimeKey | Uint8Array>
  extends GetKeyFunction<CompactJWSHeaderParameters, FlattenedJWSInput, Key | Exclude<VerificationKey, RuntimeKey | Uint8Array>> {}

/** The key that was chosen for a token. */
export interface ResolvedKey<Key extends RuntimeKey | Uint8Array = RuntimeKey | Uint8Array> {
  key: Key;
}

/** What is expected of a token's claims. */
export type JWTClaimVerificationOptions = Pick<
  JWTVerifyOptions,
  "audience" | "clockTolerance" | "issuer" | "maxTokenAge" | "subject" | "typ" | "currentDate" | "requiredClaims"
>;

/** A token that stands. */
export interface JWTVerifyResult<Payload = JWTPayload> {
  /** Its claims, authentic and checked. */
  payload: Payload & JWTPayload;
  /** Its JOSE header, authentic. */
  protectedHeader: JWTHeaderParameters;
  /** With the option `revocations`: what the lists said of it. */
  revocation?: RevocationStatus;
}

/** What revocation lists said of a token that stands. */
export interface RevocationStatus {
  /** `"unknown"` where they could not tell, and the option `unknown` lets such tokens pass. */
  status: Status;
  /** Why they could not tell. */
  reason: UnknownReason | undefined;
  /** How current they were; `undefined` without any. */
  snapshot: SnapshotInfo | undefined;
}

// The types of `jose`'s shape, and what needs nothing of a runtime.

export * as errors from "../errors.js";
export type { JSONWebKeySet } from "./candidates.js";
export type { DecodeJwt } from "./decode_jwt.js";
export type { DecodeProtectedHeader } from "./decode_protected_header.js";
export type { JWTVerifyOptions } from "./expected.js";
export type { ImportJWK } from "./import_jwk.js";
export type { ImportedKey, KeyImportOptions } from "./import_key.js";
export type { ImportSPKI } from "./import_spki.js";
export type { ImportX509 } from "./import_x509.js";
export type {
  FlattenedToken,
  GetKey,
  JWTPayload,
  JWTVerify,
  JWTVerifyResult,
  JWTVerifyResultWithKey,
  VerificationKey,
} from "./jwt_verify.js";
export type { CreateLocalJWKSet, LocalJWKSet } from "./local_jwk_set.js";
export { customFetch, jwksCache } from "./remote_jwk_set.js";
export type {
  CreateRemoteJWKSet,
  FetchImplementation,
  JWKSCache,
  RemoteJWKSet,
  RemoteJWKSetOptions,
} from "./remote_jwk_set.js";
export type { CreateRevocations, Revocations, SharedRevocationOptions } from "./revocations.js";

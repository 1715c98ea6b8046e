// The types of `jose`'s shape, and what needs nothing of a runtime.

export * as errors from "../errors.js";
export type { DecodeJwt } from "./decode_jwt.js";
export type { DecodeProtectedHeader } from "./decode_protected_header.js";
export type { JWTVerifyOptions } from "./expected.js";
export type { ImportJWK, ImportedJWK } from "./import_jwk.js";
export type { ImportedKey, KeyImportOptions } from "./import_key.js";
export type { ImportSPKI } from "./import_spki.js";
export type { ImportX509 } from "./import_x509.js";
export type { FlattenedToken, JWTVerify } from "./jwt_verify.js";
export type { CreateLocalJWKSet, LocalJWKSet } from "./local_jwk_set.js";
export { customFetch, jwksCache } from "./remote_jwk_set.js";
export type {
  CreateRemoteJWKSet,
  ExportedJWKSCache,
  FetchImplementation,
  JWKSCache,
  JWKSCacheInput,
  RemoteJWKSet,
  RemoteJWKSetOptions,
} from "./remote_jwk_set.js";
export type { CreateRevocations, Revocations, SharedRevocationOptions } from "./revocations.js";
export type {
  CompactJWSHeaderParameters,
  CryptoKey,
  FlattenedJWSInput,
  GetKeyFunction,
  JSONWebKeySet,
  JWK,
  JWSHeaderParameters,
  JWTClaimVerificationOptions,
  JWTHeaderParameters,
  JWTPayload,
  JWTVerifyGetKey,
  JWTVerifyResult,
  KeyObject,
  ProtectedHeaderParameters,
  ResolvedKey,
  VerificationKey,
} from "./types.js";

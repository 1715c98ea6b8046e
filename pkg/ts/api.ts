// What every entry exports beside its own `createVerifier`.

export { CODES } from "./codes.js";
export type { Confirm, ConfirmAnswer, ConfirmOptions, ConfirmRequest, ConfirmResponse, ConfirmTarget, Kind } from "./confirm/confirm.js";
export { httpConfirm } from "./confirm/http_confirm.js";
export type { Allow, Claims, Decision, Deny, Header, SnapshotInfo, Status, Unavailable, UnknownReason } from "./decision.js";
export { RevocableError } from "./error.js";
export * from "./jose/index.js";
export type { ErrorCode, Stage } from "./error.js";
export type { EngineName } from "./host/question.js";
export type {
  IssuerKeys,
  IssuerOptions,
  IssuerSettings,
  VerifierOptions,
} from "./options.js";
export type { ListOptions, RevocationOptions, UnknownAction } from "./revocation_options.js";
export type { FollowOptions } from "./source/follower.js";
export type { HttpSource, HttpSourceOptions } from "./source/http_source.js";
export type { KvNamespace, KvSourceOptions } from "./source/kv_source.js";
export { kvSource } from "./source/kv_source.js";
export type { Objects } from "./source/memory_source.js";
export { memorySource } from "./source/memory_source.js";
export type { Found, GetObject, GetOptions, Source } from "./source/source.js";
export type { Verifier, VerifyOptions } from "./verifier.js";

// What every entry exports beside its own `createVerifier`.

export { CODES } from "./codes.js";
export type { Allow, Claims, Decision, Deny, Header, SnapshotInfo, Unavailable } from "./decision.js";
export { RevocableError } from "./error.js";
export * from "./jose/index.js";
export type { ErrorCode, Stage } from "./error.js";
export type { EngineName } from "./host/question.js";
export type {
  GetObject,
  IssuerKeys,
  IssuerOptions,
  IssuerSettings,
  ListOptions,
  RevocationOptions,
  VerifierOptions,
} from "./options.js";
export type { Verifier, VerifyOptions } from "./verifier.js";

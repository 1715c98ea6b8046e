// `revocable/authority`: whoever tells an authority what is revoked. Without the Wasm, which verifiers need and this does not.

export type { AuthorityErrorCode, LineError } from "./authority_error.js";
export { AuthorityError } from "./authority_error.js";
export type {
  AddOptions,
  AuthorityClient,
  AuthorityClientOptions,
  ClientCredentials,
  Introspection,
  LedgerEntry,
  ListFilter,
  Outcome,
  Recorded,
  RecordedMany,
  Revocation,
  Target,
  Undoing,
} from "./client.js";
export { createAuthorityClient } from "./client.js";
export type { FeedChange, FeedEntry, FeedHeartbeat, FeedMessage, FeedReset } from "./feed.js";
export type { LoggedOut, LogoutOptions } from "./logout.js";
export { logout } from "./logout.js";

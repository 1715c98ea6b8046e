// What an authority refuses, or cannot do now.

import type { ErrorCode } from "../error.js";
import { CODES } from "../codes.js";

/** A code of the one table, or that of an authority that cannot be asked. */
export type AuthorityErrorCode = ErrorCode | "ERR_AUTHORITY_UNAVAILABLE";

/** A line that was refused. */
export interface LineError {
  /** From 1, among the revocations that were given. */
  line: number;
  /** The member at fault, where there is one. */
  field?: string;
  reason: string;
}

/** Why an authority did not do what it was asked to. No message holds a token, a key or a secret. */
export class AuthorityError extends Error {
  override readonly name: string = "AuthorityError";
  readonly code: AuthorityErrorCode;
  /** The HTTP status; `undefined` where there was no answer. */
  readonly status: number | undefined;
  /** After how many seconds to ask again, where the authority says so. */
  readonly retryAfter: number | undefined;
  /** The lines that are wrong, where revocations are refused because of some of them. */
  readonly errors: readonly LineError[] | undefined;

  constructor(code: AuthorityErrorCode, message: string, details: Partial<Details> = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.status = details.status;
    this.retryAfter = details.retryAfter;
    this.errors = details.errors;
  }

  /** Whether asking again may be answered otherwise. */
  get mayPass(): boolean {
    return this.status === undefined || this.status === 429 || this.status >= 500;
  }
}

interface Details {
  status: number | undefined;
  retryAfter: number | undefined;
  errors: readonly LineError[] | undefined;
  cause: unknown;
}

const BY_STATUS: { readonly [status: number]: ErrorCode } = {
  400: "ERR_REQUEST_INVALID",
  401: "ERR_CLIENT_INVALID",
  403: "ERR_NOT_ALLOWED",
  404: "ERR_NOT_FOUND",
  409: "ERR_REQUEST_INVALID",
  413: "ERR_REQUEST_INVALID",
  415: "ERR_REQUEST_INVALID",
  422: "ERR_REVOCATION_INVALID",
  429: "ERR_RATE_LIMITED",
  503: "ERR_LEDGER_UNAVAILABLE",
};

/** What an answer that is no success says. */
export async function refusalOf(response: Response): Promise<AuthorityError> {
  if (response.type === "opaqueredirect" || (response.status >= 300 && response.status < 400)) {
    await response.body?.cancel();
    return new AuthorityError("ERR_AUTHORITY_UNAVAILABLE", "the authority redirects, which is not followed", { status: response.status || 307 });
  }
  const body = await bodyOf(response);
  const text = (name: string): string | undefined => (typeof body[name] === "string" ? (body[name] as string) : undefined);
  const precise = CODES.find((code) => code === text("code"));
  const code = precise ?? BY_STATUS[response.status] ?? "ERR_AUTHORITY_UNAVAILABLE";
  // RFC 8935 has `err` and `description`, OAuth has the others.
  const said = text("error_description") ?? text("description") ?? text("error") ?? text("err");
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  const message = `the authority answers ${response.status}${said === undefined ? "" : `: ${said}`}`;
  return new AuthorityError(code, message, {
    status: response.status,
    retryAfter: Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined,
    errors: Array.isArray(body.errors) ? (body.errors as LineError[]) : undefined,
  });
}

/** That there is no answer. */
export function unanswered(cause: unknown): AuthorityError {
  return new AuthorityError("ERR_AUTHORITY_UNAVAILABLE", "the authority cannot be asked", { cause });
}

async function bodyOf(response: Response): Promise<Record<string, unknown>> {
  try {
    const body: unknown = await response.json();
    return typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

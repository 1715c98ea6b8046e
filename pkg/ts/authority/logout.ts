// Logging out: the gate takes the token back, and what is held here of it is dropped.

import { runtimeFetch } from "../read.js";
import { optionsOf, wrongArgument } from "../source/argument.js";
import { refusalOf, unanswered } from "./authority_error.js";
import { EXPECTED_API, apiUrl, isVisible } from "../url.js";
import { credentials } from "./client.js";

/** Where to log out, and what is held here. */
export interface LogoutOptions {
  /** A gate's URL, or the folder of its API (`…/_revocable/`); on a page, `"/"` is its own. */
  url: string | URL;
  /** All of the user's sessions, and not this one alone. Not every token may. */
  everywhere?: boolean;
  /** The token, as a bearer token. Without one, the browser sends its cookies. */
  token?: string;
  /** Drops what holds the token here. Called in any case. */
  forget?: () => void;
  /** Which item of which storage holds the token: it is removed in any case, and is the token where none is given. */
  storage?: { area: Pick<Storage, "getItem" | "removeItem">; key: string };
  /** A verifier in this page, which reads the list that has the revocation once it is recorded. */
  verifier?: { refresh(): Promise<unknown> };
  /** What reads URLs. By default, the runtime's own `fetch`. */
  fetch?: typeof fetch;
}

/** What came of it. */
export interface LoggedOut {
  /** The number of the list that has it; `null` where the token had been revoked or had expired before. */
  seq: number | null;
}

/**
 * Logs out. What is held here is dropped as soon as the request is on its way, whatever comes of it: whoever logs out at a shared
 * machine must not stay logged in because the network is down. It rejects with an [`AuthorityError`] when the gate did not take the
 * token back, so that the user can be told that it still works elsewhere until it expires.
 */
export async function logout(options: LogoutOptions): Promise<LoggedOut> {
  const { url, everywhere, token, forget, storage, verifier, fetch = runtimeFetch } = optionsOf(options as LogoutOptions | undefined, FIELDS);
  let response: Promise<Response>;
  try {
    const base = apiUrl(url);
    if (base === undefined) throw wrongArgument("url", EXPECTED_API);
    const bearer = token ?? storage?.area.getItem(storage.key) ?? undefined;
    if (bearer !== undefined && !isVisible(bearer, 65_536)) throw wrongArgument("token", "a token");
    const headers: Record<string, string> = { accept: "application/json" };
    if (bearer !== undefined) headers.authorization = `Bearer ${bearer}`;
    const at = new URL(everywhere === true ? "logout?everywhere" : "logout", base);
    const own = credentials(bearer === undefined ? "include" : "omit");
    // The page may be gone before the answer.
    const init: RequestInit = { method: "POST", headers, redirect: "manual", keepalive: true, ...own };
    response = Promise.resolve(fetch(at, init)).catch((error: unknown) => Promise.reject(unanswered(error)));
    // Whatever is thrown below, somebody has heard of this.
    response.catch(() => {});
  } finally {
    try {
      storage?.area.removeItem(storage.key);
    } finally {
      forget?.();
    }
  }
  const answer = await response;
  // A token that stands no more is logged out; that says nothing about the user's other sessions.
  if (answer.status === 401 && everywhere !== true) {
    await answer.body?.cancel();
    return { seq: null };
  }
  if (!answer.ok) throw await refusalOf(answer);
  const { seq } = (await answer.json().catch((error: unknown) => Promise.reject(unanswered(error)))) as { seq: number };
  // What goes wrong in reading is the verifier's to tell.
  verifier?.refresh().catch(() => {});
  return { seq };
}

const FIELDS = ["url", "everywhere", "token", "forget", "storage", "verifier", "fetch"] as const satisfies (keyof LogoutOptions)[];

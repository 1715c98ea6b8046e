// Confirmation over HTTP: a gate's `/_revocable/confirm`.

import { readBody, runtimeFetch } from "../read.js";
import { optionsOf, wrongArgument } from "../source/argument.js";
import type { HttpSourceOptions } from "../source/http_source.js";
import { headersOf } from "../source/http_source.js";
import { isPrivate } from "../url.js";
import type { Confirm, ConfirmResponse } from "./confirm.js";

/** An answer is some 30 bytes a target; a token has a handful of them. */
const MOST_BYTES = 65_536;

/** What a URL to confirm at has to be. */
export const EXPECTED_URL = "an `https` URL, or `http` on a loopback host, without fragment or password";

/**
 * Asks a URL: `POST { iss, salt, seq, targets }`, answered by 200 and `{ seq, answers }`. No redirect is followed. `headers` are for a read
 * key.
 */
export function httpConfirm(url: string | URL, options?: HttpSourceOptions): Confirm {
  const at = confirmUrl(url);
  if (at === undefined) throw wrongArgument("url", EXPECTED_URL);
  const { fetch = runtimeFetch, headers: given } = optionsOf(options, ["headers", "fetch"]);
  if (typeof fetch !== "function") throw wrongArgument("fetch", "a function");
  const headers = given === undefined ? new Headers() : headersOf(given);
  headers.set("content-type", "application/json");
  return async (request, { signal }) => {
    const body = JSON.stringify(request);
    const response = await fetch(at, { method: "POST", headers, body, signal, redirect: "manual" });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(response.type === "opaqueredirect" ? "it redirects" : `HTTP status ${response.status}`);
    }
    const bytes = await readBody(response, MOST_BYTES, () => {});
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as ConfirmResponse;
  };
}

/**
 * A URL to confirm at; `undefined` for what is none.
 * @internal
 */
export function confirmUrl(url: unknown): URL | undefined {
  if (typeof url !== "string" && !(url instanceof URL)) return undefined;
  let at: URL;
  try {
    at = new URL(url, globalThis.location?.href);
  } catch {
    return undefined;
  }
  const isPlain = `${at.hash}${at.username}${at.password}` === "";
  // Its answers are signed by nobody, and believed.
  return isPrivate(at) && isPlain ? at : undefined;
}

// URLs that requests go to.

/**
 * Whether nobody on the way can read or change what is sent to a URL.
 * @internal
 */
export function isPrivate({ protocol, hostname }: URL): boolean {
  const isLoopback = hostname === "localhost" || hostname.endsWith(".localhost") || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname);
  return protocol === "https:" || (protocol === "http:" && isLoopback);
}

/**
 * A folder's URL with the slash at its end; `undefined` for what is none.
 * @internal
 */
export function folderUrl(url: unknown): URL | undefined {
  if (typeof url !== "string" && !(url instanceof URL)) return undefined;
  let folder: URL;
  try {
    // A page may name a folder beside itself.
    folder = new URL(url, globalThis.location?.href);
  } catch {
    return undefined;
  }
  const { protocol, search, hash, username, password } = folder;
  if (!["http:", "https:"].includes(protocol) || `${search}${hash}${username}${password}` !== "") return undefined;
  if (!folder.pathname.endsWith("/")) folder.pathname += "/";
  return folder;
}

/**
 * The folder of an authority's API; a gate's URL alone stands for its own.
 * @internal
 */
export function apiUrl(url: unknown): URL | undefined {
  const folder = folderUrl(url);
  if (folder === undefined || !isPrivate(folder)) return undefined;
  return folder.pathname === "/" ? new URL("_revocable/", folder) : folder;
}

/** What such a URL has to be. */
export const EXPECTED_API = "an `https` URL, or `http` on a loopback host, without query, fragment or password";

/**
 * Whether it is text that a header may have, and no more of it than so many characters.
 * @internal
 */
export function isVisible(text: unknown, most: number): text is string {
  return typeof text === "string" && text.length <= most && /^[!-~]+$/.test(text);
}

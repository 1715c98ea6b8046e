// A static web server on loopback, for pages that tests open.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";

/**
 * Serves folders.
 * @param {Record<string, string>} folders  by the path they are served under, such as `/_revocable/`
 * @returns {Promise<{ url: string, requests: string[], close: () => Promise<void> }>}  `url` has no trailing slash
 */
export async function serve(folders) {
  const requests = [];
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://site").pathname);
    requests.push(path);
    const mount = Object.keys(folders).find((mount) => path.startsWith(mount));
    const rest = mount === undefined ? "" : normalize(path.slice(mount.length) || "index.html");
    try {
      if (mount === undefined || rest.startsWith("..")) throw new Error("not served");
      const bytes = await readFile(join(folders[mount], rest));
      response.writeHead(200, { "content-type": TYPES[extname(rest)] ?? "application/octet-stream" }).end(bytes);
    } catch {
      response.writeHead(404, { "content-type": "text/plain" }).end("not found\n");
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve(undefined));
        server.closeAllConnections();
      }),
  };
}

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

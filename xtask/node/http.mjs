// What the demo's two small servers share: starting on loopback, stopping, and reading a bounded body.
import { createServer } from "node:http";

/**
 * A server on loopback.
 * @typedef {object} Server
 * @property {string} url       without a trailing slash
 * @property {() => Promise<void>} close
 */

/** @typedef {import("node:http").IncomingMessage} Request */
/** @typedef {import("node:http").ServerResponse} Response */

/**
 * Starts a server on 127.0.0.1. A handler that throws becomes a 500 and takes nothing else down.
 * @param {(request: Request, response: Response) => Promise<void>} handle
 * @param {number} [port]  any free one if left out
 * @returns {Promise<Server>}
 */
export async function listen(handle, port = 0) {
  const server = createServer((request, response) => {
    handle(request, response).catch((error) => {
      console.error(error);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(undefined));
  });
  const { port: actual } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${actual}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * Answers with JSON.
 * @param {Response} response
 * @param {number} status
 * @param {unknown} body
 * @param {Record<string, string>} [headers]
 */
export function answerJson(response, status, body, headers = {}) {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(`${JSON.stringify(body)}\n`);
}

/**
 * Reads a body of at most `limit` bytes; a longer one is refused.
 * @param {Request} request
 * @param {number} limit
 */
export async function readBody(request, limit) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > limit) throw new RangeError(`the body is longer than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

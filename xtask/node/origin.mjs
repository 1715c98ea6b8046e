// The tiny origin behind the gate: it answers every request with what it received, as JSON.
import { createHash } from "node:crypto";

import { answerJson, listen } from "./http.mjs";

/**
 * What the origin says about a request that reached it.
 * @typedef {object} Echo
 * @property {string} method
 * @property {string} path                      with its query
 * @property {Record<string, string | string[] | undefined>} headers
 * @property {number} bodyLength
 * @property {string} bodySha256                hex
 */

/**
 * Starts the origin on loopback.
 * @param {{ port?: number }} [options]
 * @returns {Promise<import("./http.mjs").Server>}
 */
export function startOrigin({ port = 0 } = {}) {
  return listen(async (request, response) => {
    const hash = createHash("sha256");
    let bodyLength = 0;
    for await (const chunk of request) {
      bodyLength += chunk.length;
      hash.update(chunk);
    }
    /** @type {Echo} */
    const echo = {
      method: request.method ?? "",
      path: request.url ?? "",
      headers: request.headers,
      bodyLength,
      bodySha256: hash.digest("hex"),
    };
    answerJson(response, 200, echo, { "x-origin": "demo" });
  }, port);
}

// The system's Firefox, driven by geckodriver: WebDriver's few calls that a test needs (https://w3c.github.io/webdriver/).
// Playwright drives only a Firefox that it has patched.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { ROOT } from "../../../xtask/node/names.mjs";

/**
 * Starts it.
 * @returns `goto(url)`, `run(body)`, which is the body of an async function in the page, and `close()`
 */
export async function launchFirefox() {
  const own = join(ROOT, ".tools/bin/geckodriver");
  const driver = spawn(existsSync(own) ? own : "geckodriver", ["--port", "0"], { stdio: ["ignore", "pipe", "ignore"] });
  try {
    const address = await listening(driver);
    const call = async (method, path, body) => {
      const headers = { "content-type": "application/json" };
      const response = await fetch(`http://${address}${path}`, { method, headers, body: body && JSON.stringify(body) });
      const { value } = await response.json();
      if (!response.ok) throw new Error(`${value.error}: ${value.message}`);
      return value;
    };
    const options = { "moz:firefoxOptions": { args: ["-headless"] }, timeouts: { script: 120_000 } };
    const { sessionId, capabilities } = await call("POST", "/session", { capabilities: { alwaysMatch: options } });
    const session = `/session/${sessionId}`;
    return {
      version: capabilities.browserVersion,
      goto: (url) => call("POST", `${session}/url`, { url }),
      run: (body) => call("POST", `${session}/execute/sync`, { script: `return (async () => { ${body} })();`, args: [] }),
      async close() {
        await call("DELETE", session).catch(() => {});
        driver.kill();
      },
    };
  } catch (error) {
    driver.kill();
    throw error;
  }
}

/** Where geckodriver says that it listens. */
async function listening(driver) {
  const failed = new Promise((_, reject) => {
    driver.once("error", reject);
    driver.once("exit", (code) => reject(new Error(`geckodriver ended with ${code}`)));
  });
  const told = (async () => {
    for await (const line of createInterface({ input: driver.stdout })) {
      const address = /Listening on ([\d.]+:\d+)/.exec(line)?.[1];
      if (address !== undefined) return address;
    }
    throw new Error("geckodriver said nothing");
  })();
  const address = await Promise.race([told, failed]);
  failed.catch(() => {});
  return address;
}

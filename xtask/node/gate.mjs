// One gate: the built Worker on workerd, through Miniflare, with a KV namespace of its own.
import { createInterface } from "node:readline";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { Miniflare } from "miniflare";

import { ROOT } from "./names.mjs";

/**
 * @typedef {object} GateOptions
 * @property {object | string} config      `REVOCABLE_CONFIG`; a text is handed over as it stands
 * @property {string} [origin]             the origin's URL
 * @property {number} [port]               any free one if left out
 * @property {Map<string, Buffer>} [objects]  what KV holds before the first request
 * @property {Record<string, string>} [bindings]  further variables and secrets
 * @property {string} [storage]            a folder in which KV and the ledger outlive the gate; in memory if left out
 * @property {boolean} [showLogs]          whether the Worker's log goes to standard error
 * @property {Partial<import("miniflare").WorkerOptions>} [worker]  overrides, such as another script
 */

/**
 * As much of a KV namespace as the stack and its tests use.
 * @typedef {object} Kv
 * @property {(name: string, value: Uint8Array | string) => Promise<void>} put
 * @property {(name: string, type: "arrayBuffer") => Promise<ArrayBuffer | null>} get
 * @property {(name: string) => Promise<void>} delete
 */

/**
 * The Durable Object.
 * @typedef {object} Ledger
 * @property {(url: string, init?: { method?: string, body?: string }) => Promise<Response>} fetch
 */

/**
 * @typedef {object} Gate
 * @property {string} url                  without a trailing slash
 * @property {string[]} logs               what the Worker and the runtime have logged
 * @property {(objects: Map<string, Buffer>) => Promise<void>} put   writes to KV, in the map's order
 * @property {() => Promise<Kv>} kv
 * @property {() => Promise<Ledger>} ledger    the ledger itself, which nobody outside of the Worker can ask
 * @property {() => Promise<{ outcome: string }>} cron   what the platform does every five minutes
 * @property {(path?: string, init?: RequestInit) => Promise<Response>} fetch
 * @property {() => Promise<void>} dispose
 */

/**
 * Starts a gate on loopback.
 * @param {GateOptions} options
 * @returns {Promise<Gate>}
 */
export async function startGate({ config, origin, port = 0, objects, bindings, storage, showLogs = false, worker }) {
  /** @type {string[]} */
  const logs = [];
  const miniflare = new Miniflare({
    host: "127.0.0.1",
    port,
    // No look-up of this machine's place on the map.
    cf: false,
    /** @type {(stdout: import("node:stream").Readable, stderr: import("node:stream").Readable) => void} */
    handleRuntimeStdio(stdout, stderr) {
      for (const stream of [stdout, stderr]) {
        createInterface({ input: stream }).on("line", (line) => {
          logs.push(line);
          if (showLogs) console.error(`worker: ${line}`);
        });
      }
    },
    ...(await builtWorker()),
    kvNamespaces: [KV],
    durableObjects: { [LEDGER]: { className: "Ledger", useSQLite: true } },
    ...(storage ? { kvPersist: join(storage, "kv"), durableObjectsPersist: join(storage, "ledger") } : {}),
    bindings: {
      REVOCABLE_CONFIG: typeof config === "string" ? config : JSON.stringify(config),
      ...(origin ? { ORIGIN: origin } : {}),
      ...bindings,
    },
    assets: {
      directory: join(ROOT, "www"),
      binding: "ASSETS",
      // The gate sees every request first: a file can never be reached around it.
      assetConfig: { html_handling: "none" },
      routerConfig: { has_user_worker: true, invoke_user_worker_ahead_of_assets: true },
    },
    ...worker,
  });
  const url = (await miniflare.ready).origin;
  const kv = async () => /** @type {Kv} */ (/** @type {unknown} */ (await miniflare.getKVNamespace(KV)));
  const ledger = async () => {
    const namespace = /** @type {any} */ (await miniflare.getDurableObjectNamespace(LEDGER));
    return /** @type {Ledger} */ (namespace.get(namespace.idFromName("ledger")));
  };
  /** @type {Gate["put"]} */
  const put = async (objects) => {
    const namespace = await kv();
    // Miniflare takes no `Buffer`.
    for (const [name, bytes] of objects) await namespace.put(name, new Uint8Array(bytes));
  };
  if (objects) await put(objects);
  /** @type {Promise<void> | undefined} */
  let disposed;
  return {
    url,
    logs,
    put,
    kv,
    ledger,
    cron: async () => /** @type {any} */ (await miniflare.getWorker()).scheduled({ cron: "*/5 * * * *" }),
    fetch: (path = "/", init) => fetch(url + path, { redirect: "manual", ...init }),
    // Twice is no mistake: a stack disposes of those too that are gone.
    dispose: () => (disposed ??= miniflare.dispose()),
  };
}

/** The Worker as `worker-build` leaves it, for the date that `wrangler.toml` names. */
async function builtWorker() {
  const wrangler = await readFile(join(ROOT, "wrangler.toml"), "utf8");
  const compatibilityDate = /^compatibility_date = "([\d-]+)"$/m.exec(wrangler)?.[1];
  if (!compatibilityDate) throw new Error("wrangler.toml has no compatibility_date");
  const folder = join(ROOT, "worker/build");
  return {
    compatibilityDate,
    modules: true,
    modulesRoot: folder,
    scriptPath: join(folder, "index.js"),
    modulesRules: [
      { type: /** @type {const} */ ("ESModule"), include: ["**/*.js", "**/*.mjs"] },
      { type: /** @type {const} */ ("CompiledWasm"), include: ["**/*.wasm"] },
    ],
  };
}

const KV = "REVOCATIONS";
const LEDGER = "LEDGER";

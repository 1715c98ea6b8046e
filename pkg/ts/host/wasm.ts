// Rust in a Wasm of its own, which is loaded for the first signature that no other engine knows.
//
// As in webcrypto.ts, no promise is kept.

import type { EngineKey } from "../revocable_engines_wasm.js";
import type { Taken } from "./keys.js";
import { Keys, UNUSABLE, answerWithout, isKey } from "./keys.js";
import type { Algorithm, Answer, HostEngine, OwnQuestion } from "./question.js";
import { answerOf } from "./question.js";

/** Reads the Wasm: compiled, or its bytes, or an answer that holds them. */
export type ReadWasm = () => Promise<WebAssembly.Module | Uint8Array<ArrayBuffer> | Response>;

/** An engine over the Wasm that is read from there. */
export function wasmEngines(read: ReadWasm): HostEngine {
  return new WasmEngines(read);
}

type Glue = typeof import("../revocable_engines_wasm.js");

/** Once it has its Wasm. */
let loaded: Glue | undefined;

class WasmEngines implements HostEngine {
  readonly name = "wasm";
  readonly #read: ReadWasm;
  readonly #keys = new Keys<EngineKey>();

  constructor(read: ReadWasm) {
    this.#read = read;
  }

  knows(algorithm: Algorithm): boolean | undefined {
    return loaded?.knows(algorithm);
  }

  verify(question: OwnQuestion): Answer | undefined | Promise<Answer | undefined> {
    return loaded === undefined ? this.#loadAndVerify(question) : this.#verify(loaded, question);
  }

  /** Rejects when the Wasm cannot be had; the next call tries again. */
  async #loadAndVerify(question: OwnQuestion): Promise<Answer | undefined> {
    loaded = await load(this.#read);
    return this.#verify(loaded, question);
  }

  #verify(glue: Glue, { keyNumber, algorithm, jwk, signingInput, signature }: OwnQuestion): Answer | undefined {
    let taken = this.#keys.get(keyNumber);
    if (taken === undefined) {
      if (!glue.knows(algorithm)) return undefined;
      taken = takeIn(glue, algorithm, jwk());
      const letGo = this.#keys.set(keyNumber, taken);
      if (isKey(letGo)) letGo.free();
    }
    return isKey(taken) ? answerOf(taken.verify(signingInput, signature)) : answerWithout(taken);
  }
}

function takeIn(glue: Glue, algorithm: Algorithm, jwk: string): Taken<EngineKey> {
  return glue.EngineKey.import(algorithm, new TextEncoder().encode(jwk)) ?? UNUSABLE;
}

/**
 * The glue with its Wasm. Only the last step puts the Wasm in place, and that one does not wait: of two who load at once,
 * the second finds it in place and leaves it there, so that no key ever belongs to another instance.
 */
async function load(read: ReadWasm): Promise<Glue> {
  const [glue, module] = await Promise.all([import("../revocable_engines_wasm.js"), read().then(compiled)]);
  glue.initSync({ module });
  return glue;
}

/** Compiles what was read; it rejects when it is no Wasm. */
export async function compiled(wasm: Awaited<ReturnType<ReadWasm>>): Promise<WebAssembly.Module> {
  if (wasm instanceof WebAssembly.Module) return wasm;
  if (wasm instanceof Uint8Array) return WebAssembly.compile(wasm);
  if (!wasm.ok) {
    await wasm.body?.cancel();
    throw new Error(`HTTP status ${wasm.status}`);
  }
  const canStream = wasm.headers.get("content-type") === "application/wasm";
  return canStream ? WebAssembly.compileStreaming(wasm) : WebAssembly.compile(await wasm.arrayBuffer());
}

// The second Wasm for whoever cannot wait: it is put in place with the first key that needs it.

import * as glue from "../revocable_engines_wasm.js";
import type { EngineKey } from "../revocable_engines_wasm.js";
import type { Taken } from "./keys.js";
import { Keys, UNUSABLE, answerWithout, isKey } from "./keys.js";
import type { Algorithm, Answer, HostEngine, OwnQuestion } from "./question.js";
import { answerOf } from "./question.js";

/** Reads the Wasm, compiled or as bytes, at once; it throws where that is not possible. */
export type ReadWasmNow = () => WebAssembly.Module | Uint8Array<ArrayBuffer>;

/** An engine that answers at once. */
export interface EngineNow extends HostEngine {
  verify(question: OwnQuestion): Answer | undefined;
}

/** An engine over the Wasm that is read from there. */
export function wasmEnginesNow(read: ReadWasmNow): EngineNow {
  return new WasmEnginesNow(read);
}

class WasmEnginesNow implements EngineNow {
  readonly name = "wasm";
  readonly #read: ReadWasmNow;
  readonly #keys = new Keys<EngineKey>();
  #isThere = false;

  constructor(read: ReadWasmNow) {
    this.#read = read;
  }

  knows(algorithm: Algorithm): boolean | undefined {
    return this.#isThere ? glue.knows(algorithm) : undefined;
  }

  verify({ keyNumber, algorithm, jwk, signingInput, signature }: OwnQuestion): Answer | undefined {
    if (!this.#isThere) {
      // Where another engine has put it in place, it stays, and with it that one's keys.
      glue.initSync({ module: this.#read() });
      this.#isThere = true;
    }
    let taken = this.#keys.get(keyNumber);
    if (taken === undefined) {
      if (!glue.knows(algorithm)) return undefined;
      taken = takeIn(algorithm, jwk());
      const letGo = this.#keys.set(keyNumber, taken);
      if (isKey(letGo)) letGo.free();
    }
    return isKey(taken) ? answerOf(taken.verify(signingInput, signature)) : answerWithout(taken);
  }
}

function takeIn(algorithm: Algorithm, jwk: string): Taken<EngineKey> {
  return glue.EngineKey.import(algorithm, new TextEncoder().encode(jwk)) ?? UNUSABLE;
}

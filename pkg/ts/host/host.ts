// The host: whoever of this runtime can check a signature, the fastest first.

import type { Algorithm, Answer, EngineName, HostEngine, OwnQuestion, Question } from "./question.js";

/** Answers the core's questions. It belongs to one core, as it knows keys by the numbers that this core gave them. */
export interface Host {
  /**
   * Checks a signature: at once where the engine does, and later otherwise. The question's bytes are copied before
   * anything else happens, so they may be views of a Wasm's memory.
   *
   * It throws, or rejects with, a [`NoEngine`] when there is nobody who can.
   */
  verify(question: Question): Answer | Promise<Answer>;
}

/** Nobody could check a signature. */
export class NoEngine extends Error {
  override readonly name = "NoEngine";
  readonly algorithm: Algorithm;
  /** Whether somebody might have, had it not failed: `cause` says at what. The same question may be answered later. */
  readonly mayPass: boolean;

  constructor(algorithm: Algorithm, failure: { error: unknown } | undefined) {
    super(`no engine could verify ${algorithm}`, failure && { cause: failure.error });
    this.algorithm = algorithm;
    this.mayPass = failure !== undefined;
  }
}

/**
 * A host of these engines, asked in the order in which they are given: the fastest first, for every algorithm, as
 * HACKING.md has measured. With `force`, the engine of that name is the only one.
 */
export function createHost(engines: readonly HostEngine[], force?: EngineName): Host {
  const chosen = force === undefined ? engines : engines.filter(({ name }) => name === force);
  return {
    verify({ keyNumber, algorithm, jwk, signingInput, signature }) {
      const own = { keyNumber, algorithm, jwk, signingInput: signingInput.slice(), signature: signature.slice() };
      return ask(chosen, 0, own, undefined);
    },
  };
}

/** Asks those from `first` on, until one can tell. */
function ask(
  engines: readonly HostEngine[],
  first: number,
  question: OwnQuestion,
  failure: { error: unknown } | undefined,
): Answer | Promise<Answer> {
  for (const [index, engine] of engines.entries()) {
    if (index < first || engine.knows(question.algorithm) === false) continue;
    let answer: Answer | undefined | Promise<Answer | undefined>;
    try {
      answer = engine.verify(question);
    } catch (error) {
      failure = { error };
      continue;
    }
    if (typeof answer === "number") return answer;
    if (answer === undefined) continue;
    return answer.then(
      (answer) => answer ?? ask(engines, index + 1, question, failure),
      (error: unknown) => ask(engines, index + 1, question, { error }),
    );
  }
  throw new NoEngine(question.algorithm, failure);
}

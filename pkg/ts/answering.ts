// The host's answers, in the numbers that the core knows.

import type { Host } from "./host/host.js";
import { NoEngine } from "./host/host.js";
import type { Question } from "./host/question.js";

/** No engine knows the algorithm. */
const UNKNOWN_ALGORITHM = 3;
/** An engine that might have answered is not to be had now. */
const ENGINE_UNAVAILABLE = 4;

/** What came of asking the host, and what went wrong where nobody could answer. */
export interface Answered {
  answer: number;
  cause?: unknown;
}

/** Asks the host. It never throws or rejects: that nobody could answer is an answer too. */
export function answering(host: Host, question: Question): Answered | Promise<Answered> {
  try {
    const answer = host.verify(question);
    return typeof answer === "number" ? { answer } : answer.then(answered, unanswered);
  } catch (error) {
    return unanswered(error);
  }
}

/** Goes on at once with what is there, and later with what is on its way. */
export function settled<T, R>(value: T | Promise<T>, then: (value: T) => R | Promise<R>): R | Promise<R> {
  return value instanceof Promise ? value.then(then) : then(value);
}

function answered(answer: number): Answered {
  return { answer };
}

function unanswered(error: unknown): Answered {
  const answer = error instanceof NoEngine && !error.mayPass ? UNKNOWN_ALGORITHM : ENGINE_UNAVAILABLE;
  return { answer, cause: error };
}

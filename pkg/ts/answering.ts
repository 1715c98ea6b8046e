// The host's answers, in the numbers that the core knows.

import type { Host } from "./host/host.js";
import { NoEngine } from "./host/host.js";
import type { Question } from "./host/question.js";

/** No engine knows the algorithm. */
const UNKNOWN_ALGORITHM = 3;
/** An engine that might have answered is not to be had now. */
const ENGINE_UNAVAILABLE = 4;

/** Asks the host. It never throws or rejects: that nobody could answer is an answer too. */
export function answering(host: Host, question: Question): number | Promise<number> {
  try {
    const answer = host.verify(question);
    return typeof answer === "number" ? answer : answer.catch(unanswered);
  } catch (error) {
    return unanswered(error);
  }
}

/** Goes on at once with what is there, and later with what is on its way. */
export function settled<T, R>(value: T | Promise<T>, then: (value: T) => R | Promise<R>): R | Promise<R> {
  return value instanceof Promise ? value.then(then) : then(value);
}

function unanswered(error: unknown): number {
  return error instanceof NoEngine && !error.mayPass ? UNKNOWN_ALGORITHM : ENGINE_UNAVAILABLE;
}

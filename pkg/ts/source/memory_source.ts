// Objects in memory: for tests, for a snapshot that came with the program, for whoever reads by means of his own.

import { wrongArgument } from "./argument.js";
import type { Source } from "./source.js";

/** Objects by their names. */
export type Objects = Readonly<Record<string, Uint8Array>> | ReadonlyMap<string, Uint8Array>;

/** A source of these objects, as they are whenever one is read: who changes them publishes. */
export function memorySource(objects: Objects): Source {
  if (typeof objects !== "object" || objects === null) throw wrongArgument("objects", "objects by their names");
  const named = (name: string): Uint8Array | undefined => {
    if (objects instanceof Map) return objects.get(name) as Uint8Array | undefined;
    return Object.hasOwn(objects, name) ? (objects as Record<string, Uint8Array>)[name] : undefined;
  };
  return { get: named };
}

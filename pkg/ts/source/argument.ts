// Arguments of sources, refused by themselves: the Wasm, which has the words for errors, need not be there yet.

import { InvalidArgument } from "../error.js";

/** An argument that is not what it should be. */
export function wrongArgument(name: string, expected: string): InvalidArgument {
  return new InvalidArgument("ERR_CONFIG_INVALID", `\`${name}\`: expected ${expected}`);
}

/** A source's options, none of which is ignored. */
export function optionsOf<Options extends object>(
  options: Options | undefined,
  known: readonly (keyof Options & string)[],
): Options {
  if (options === undefined) return {} as Options;
  if (typeof options !== "object" || options === null) throw wrongArgument("options", "an object");
  for (const name in options) {
    if (!(known as readonly string[]).includes(name)) throw wrongArgument(name, `one of ${known.join(", ")}`);
  }
  return options;
}

// The examples in the package's README, so that tests run what people copy.
import { readFile } from "node:fs/promises";

/**
 * The README's JavaScript blocks, in their order.
 * @param {string} file
 */
export async function readExamples(file) {
  const markdown = await readFile(file, "utf8");
  return [...markdown.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code);
}

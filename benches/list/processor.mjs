// How long processors have worked for the processes that this one has started: what else the machine does is no part of it.
import { readdirSync, readFileSync } from "node:fs";

/** @returns {number | undefined} milliseconds; nothing where the system does not say */
export function processorMillis() {
  let nanos = 0;
  try {
    for (const pid of descendants(process.pid)) {
      for (const task of readdirSync(`/proc/${pid}/task`)) {
        nanos += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]);
      }
    }
  } catch {
    return undefined;
  }
  return nanos / 1e6;
}

function descendants(pid) {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean),
  );
  return children.flatMap((child) => [child, ...descendants(child)]);
}
